/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline: rows of holdpoint.audit_event, as they are, by bare COPY BINARY into a table of the
 * same shape: no TLS, no masking, no numbering, nothing but PostgreSQL.
 *
 *   bench_audit_copy DATABASE-URL TABLE CONNECTIONS ROWS-PER-TRANSACTION SECONDS ROWS
 *
 * Fetches ROWS rows once, then writes them again and again. Output: one line "rows_per_s".
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "auditsink/event_row.h"
#include "common/pg/copy_binary.h"

#define HEADER_LEN 19
#define THREADS	   64

struct bench {
	const char *url, *table;
	unsigned per_transaction;
	double seconds, start;
	struct buf rows;
	struct buf starts; /* size_t: where each row begins, and the end */
	size_t row_count;
	_Atomic size_t next;
	_Atomic uint64_t written;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_audit_copy: %s\n", what);
	exit(1);
}

static PGconn *open_database(const char *url)
{
	PGconn *c = PQconnectdb(url);

	if (PQstatus(c) != CONNECTION_OK)
		die(PQerrorMessage(c));
	return c;
}

/* COPY … TO hands out one row at a time, the first with the header before it. */
static void fetch(struct bench *b, const char *rows)
{
	PGconn *c = open_database(b->url);
	char sql[2048], *data;
	PGresult *r;
	int n;

	b->rows = BUF_INIT((size_t)4 << 30);
	b->starts = BUF_INIT((size_t)1 << 30);
	snprintf(sql, sizeof(sql),
		"COPY (SELECT %s FROM holdpoint.audit_event LIMIT %s) TO STDOUT (FORMAT binary)",
		event_row_columns, rows);
	r = PQexec(c, sql);
	if (PQresultStatus(r) != PGRES_COPY_OUT)
		die(PQerrorMessage(c));
	PQclear(r);
	for (bool first = true; (n = PQgetCopyData(c, &data, 0)) > 0; first = false) {
		size_t skip = first ? HEADER_LEN : 0;

		if ((size_t)n > skip + 2) { /* not the trailer */
			buf_add(&b->starts, &b->rows.len, sizeof(size_t));
			buf_add(&b->rows, data + skip, (size_t)n - skip);
			b->row_count++;
		}
		PQfreemem(data);
	}
	buf_add(&b->starts, &b->rows.len, sizeof(size_t));
	if (b->row_count < b->per_transaction || b->rows.failed)
		die("too few rows in holdpoint.audit_event");
	PQfinish(c);
}

static size_t start_of(const struct bench *b, size_t row)
{
	size_t at;

	memcpy(&at, b->starts.ptr + row * sizeof(at), sizeof(at));
	return at;
}

static void write_some(struct bench *b, PGconn *c, const char *sql)
{
	const struct span header = copy_header(), trailer = copy_trailer();
	size_t chunks = b->row_count / b->per_transaction;
	size_t first = atomic_fetch_add(&b->next, 1) % chunks * b->per_transaction;
	size_t at = start_of(b, first), end = start_of(b, first + b->per_transaction);
	PGresult *r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COPY_IN)
		die(PQerrorMessage(c));
	PQclear(r);
	if (PQputCopyData(c, header.ptr, (int)header.len) != 1 ||
		PQputCopyData(c, b->rows.ptr + at, (int)(end - at)) != 1 ||
		PQputCopyData(c, trailer.ptr, (int)trailer.len) != 1 || PQputCopyEnd(c, NULL) != 1)
		die(PQerrorMessage(c));
	while ((r = PQgetResult(c))) {
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			die(PQerrorMessage(c));
		PQclear(r);
	}
	atomic_fetch_add(&b->written, b->per_transaction);
}

static void *thread_main(void *arg)
{
	struct bench *b = arg;
	PGconn *c = open_database(b->url);
	char sql[2048];

	snprintf(sql, sizeof(sql), "COPY %s (%s) FROM STDIN (FORMAT binary)", b->table,
		event_row_columns);
	while (now() - b->start < b->seconds)
		write_some(b, c, sql);
	PQfinish(c);
	return NULL;
}

int main(int argc, char **argv)
{
	struct bench b = {.next = 0};
	pthread_t threads[THREADS];
	unsigned connections;

	if (argc != 7)
		die("usage: DATABASE-URL TABLE CONNECTIONS ROWS-PER-TRANSACTION SECONDS ROWS");
	b.url = argv[1];
	b.table = argv[2];
	connections = (unsigned)atoi(argv[3]);
	b.per_transaction = (unsigned)atoi(argv[4]);
	b.seconds = strtod(argv[5], NULL);
	if (connections == 0 || connections > THREADS || b.per_transaction == 0)
		die("1 to 64 connections, at least one row");
	fetch(&b, argv[6]);
	b.start = now();
	for (unsigned i = 0; i < connections; i++)
		pthread_create(&threads[i], NULL, thread_main, &b);
	for (unsigned i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
	printf("%.0f\n", (double)b.written / (now() - b.start));
	buf_free(&b.rows);
	buf_free(&b.starts);
	return 0;
}
