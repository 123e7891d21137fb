/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements that start at the same moment on connections of their own, for tests of what the
 * database makes of them. A racer is one connection, logged in as one role, with one statement;
 * race() lets all of them go together and collects each one's answer: the first column of the
 * first row, "ok" without a row, or the SQLSTATE.
 */
#pragma once

#include <check.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RACERS_MAX 200

struct racer {
	pthread_t thread;
	PGconn *conn;
	pthread_barrier_t *start;
	char sql[1024];
	char answer[128];
};

/* For threads, where Check's own assertions cannot jump out of. */
static inline void race_must(int condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static inline PGconn *race_connect(const char *login)
{
	const char *url = getenv("HOLDPOINT_TEST_DATABASE_URL");
	char sql[128];

	race_must(url != NULL, "run under test/db/run.sh");
	PGconn *conn = PQconnectdb(url);
	race_must(PQstatus(conn) == CONNECTION_OK, PQerrorMessage(conn));
	snprintf(sql, sizeof(sql), "SET SESSION AUTHORIZATION %s", login);
	PQclear(PQexec(conn, sql));
	return conn;
}

/* Runs one statement; -1 when it failed (the answer is the SQLSTATE then). */
static inline int race_run(PGconn *conn, const char *sql, char answer[128])
{
	PGresult *result = PQexec(conn, sql);
	const int failed = PQresultStatus(result) == PGRES_FATAL_ERROR;
	const char *text = "ok";

	if (failed)
		text = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	else if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0)
		text = PQgetvalue(result, 0, 0);
	snprintf(answer, 128, "%s", text ? text : "connection lost");
	PQclear(result);
	return failed ? -1 : 0;
}

/* One statement as the superuser, which must work; its answer is valid until the next call. */
__attribute__((format(printf, 1, 2))) static inline const char *admin(const char *format, ...)
{
	static char answer[128];
	char sql[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	PGconn *conn = race_connect("postgres");
	race_must(race_run(conn, sql, answer) == 0, PQerrorMessage(conn));
	PQfinish(conn);
	return answer;
}

static inline void *racer_main(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(r->start);
	/* A row lock is waited for briefly; who does not get it asks again, after a different while
	 * each. */
	while (race_run(r->conn, r->sql, r->answer) != 0 &&
		(strcmp(r->answer, "55P03") == 0 || strcmp(r->answer, "HP013") == 0))
		usleep(10000 + (unsigned)((uintptr_t)r / sizeof(*r) * 7919 % 90) * 1000);
	return NULL;
}

static inline void race(struct racer *racers, unsigned count)
{
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, count);
	for (unsigned i = 0; i < count; i++) {
		racers[i].start = &start;
		ck_assert_int_eq(
			pthread_create(&racers[i].thread, NULL, racer_main, &racers[i]), 0);
	}
	for (unsigned i = 0; i < count; i++)
		pthread_join(racers[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

static inline unsigned answers(const struct racer *racers, unsigned count, const char *answer)
{
	unsigned found = 0;

	for (unsigned i = 0; i < count; i++)
		found += strcmp(racers[i].answer, answer) == 0;
	return found;
}

static inline void racers_close(struct racer *racers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		PQfinish(racers[i].conn);
}
