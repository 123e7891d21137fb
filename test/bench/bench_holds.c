/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tools of bench_holds.sh; each prints one JSON object:
 *
 *   bench_holds wait CERTS ADDRESS METRICS_URL DATABASE_URL WAITING SAMPLES REVIEW
 *       opens WAITING TLS connections with one held request each (a rule with `wait`), then
 *       approves SAMPLES of them, one after the other: how long after the approval was sent the
 *       answer came, and how much of that the approval itself took. REVIEW is a file with an
 *       AdmissionReview in which each request's number replaces "@N@". Memory is read from
 *       /proc/PID of the environment's WEBHOOK_PID while all wait.
 *   bench_holds stop CERTS ADDRESS ADDRESS DATABASE_URL SAMPLES REVIEW
 *       stops SAMPLES users, one after the other, each of whom asks both addresses all the time:
 *       how long after the call the second of them denied its first request
 *   bench_holds limit CERTS ADDRESS ADDRESS REQUESTS REVIEW
 *       sends REQUESTS at once, to both addresses in turn: how many passed
 *   bench_holds roundtrip DATABASE_URL SECONDS
 *       the time of an empty statement through a pool such as the webhook's: the part of a lookup
 *       that is nobody's doing
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <libpq-fe.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench_tool.h"
#include "common/base/buf.h"
#include "common/pg/pg_pool.h"

static SSL_CTX *client_tls(const char *certs)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	char ca[4096], cert[4096], key[4096];

	snprintf(ca, sizeof(ca), "%s/ca.crt", certs);
	snprintf(cert, sizeof(cert), "%s/apiserver.crt", certs);
	snprintf(key, sizeof(key), "%s/apiserver.key", certs);
	if (!tls || SSL_CTX_load_verify_locations(tls, ca, NULL) != 1 ||
		SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
		SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
		die("cannot use the certificates");
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	return tls;
}

/* Client ports run out on one address: the loopback network has many. */
static SSL *connect_to(SSL_CTX *tls, const struct sockaddr_in *to, unsigned number)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / 10000)};
	SSL *ssl = SSL_new(tls);

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
		connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
		die("cannot connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1)
		die("the TLS handshake failed");
	return ssl;
}

static char *text_of(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);

	if (!f || !text || fread(text, 1, 65535, f) == 0)
		die("cannot read REVIEW");
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* The review with its number in place of every "@N@". */
static int body_of(const char *review, unsigned number, char *out, size_t cap)
{
	size_t n = 0;

	for (const char *at = review; *at && n + 16 < cap;) {
		if (strncmp(at, "@N@", 3) == 0) {
			n += (size_t)snprintf(out + n, cap - n, "%u", number);
			at += 3;
		} else {
			out[n++] = *at++;
		}
	}
	out[n] = '\0';
	return (int)n;
}

static void send_held(SSL *ssl, const char *review, unsigned number)
{
	char body[16384], request[20480];
	int n = body_of(review, number, body, sizeof(body));
	int len = snprintf(request, sizeof(request),
		"POST /validate?timeout=60s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: "
		"kube-apiserver-admission\r\nContent-Length: %d\r\nAccept: application/json, "
		"*/*\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n%s",
		n, body);

	if (SSL_write(ssl, request, len) != len)
		die("the connection was lost");
}

static uint64_t resident_bytes(void)
{
	const char *pid = getenv("WEBHOOK_PID");
	char path[64], line[256];
	uint64_t kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid ? pid : "self");
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoull(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kib * 1024;
}

/* ---- waiting ---- */

static size_t take_page(char *data, size_t size, size_t n, void *page)
{
	buf_add(page, data, size * n);
	return size * n;
}

/* A gauge on the webhook's /metrics. */
static long gauge(CURL *curl, const char *name)
{
	_cleanup_(buf_free) struct buf page = BUF_INIT(1 << 20);
	const char *line;

	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_page);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &page);
	if (curl_easy_perform(curl) != CURLE_OK)
		die("cannot read the metrics");
	line = strstr(buf_str(&page), name);
	while (line && line != page.ptr && line[-1] != '\n')
		line = strstr(line + 1, name);
	return line ? strtol(line + strlen(name), NULL, 10) : -1;
}

static void wait_until_all_wait(const char *metrics_url, unsigned waiting)
{
	CURL *curl = curl_easy_init();

	curl_easy_setopt(curl, CURLOPT_URL, metrics_url);
	for (unsigned i = 0; gauge(curl, "holdpoint_webhook_holds_waiting ") != (long)waiting;
		i++) {
		if (i == 2400)
			die("not all requests came to wait in time");
		usleep(100000);
	}
	curl_easy_cleanup(curl);
}

/* The holds' numbers, by the number of their request. */
static long long *holds_of(PGconn *pg, unsigned waiting)
{
	PGresult *r = PQexec(pg, "SELECT substr(name, 3), id FROM holdpoint.hold WHERE state = "
				 "'pending' AND name LIKE 'w-%'");
	long long *ids = calloc(waiting, sizeof(*ids));

	if (PQresultStatus(r) != PGRES_TUPLES_OK || !ids)
		die(PQerrorMessage(pg));
	for (int i = 0; i < PQntuples(r); i++) {
		unsigned long number = strtoul(PQgetvalue(r, i, 0), NULL, 10);

		if (number < waiting)
			ids[number] = strtoll(PQgetvalue(r, i, 1), NULL, 10);
	}
	PQclear(r);
	return ids;
}

struct sample {
	uint32_t approve_us, wake_us;
};

/* Approves the hold of the request on this connection, and waits for its answer. */
static struct sample wake(PGconn *pg, SSL *ssl, long long hold)
{
	char sql[128], answer[8192];
	struct sample took;
	uint64_t began;
	PGresult *r;
	int n, len = 0;

	snprintf(sql, sizeof(sql), "SELECT holdpoint.approve(%lld, 'bench')", hold);
	began = now_us();
	r = PQexec(pg, sql);
	took.approve_us = (uint32_t)(now_us() - began);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		die(PQerrorMessage(pg));
	PQclear(r);
	do {
		n = SSL_read(ssl, answer + len, (int)sizeof(answer) - 1 - len);
		if (n <= 0)
			die("the connection was lost");
		len += n;
		answer[len] = '\0';
	} while (!strstr(answer, "\"allowed\":"));
	took.wake_us = (uint32_t)(now_us() - began);
	if (!strstr(answer, "\"allowed\":true"))
		die("an approved request was not let through");
	return took;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Sorts, and prints "NAME_p50_us":…,"NAME_p99_us":… */
static void print_percentiles(const char *name, uint32_t *took, size_t count)
{
	qsort(took, count, sizeof(*took), compare_u32);
	printf("\"%s_p50_us\":%u,\"%s_p99_us\":%u", name, took[count / 2], name,
		took[count * 99 / 100]);
}

static void wake_some(
	PGconn *pg, SSL *const *all, const long long *holds, unsigned waiting, unsigned samples)
{
	uint32_t *approve = calloc(samples, sizeof(*approve));
	uint32_t *woken = calloc(samples, sizeof(*woken));

	if (!approve || !woken)
		die("out of memory");
	for (unsigned i = 0; i < samples; i++) {
		size_t n = (size_t)i * waiting / samples;
		struct sample s = wake(pg, all[n], holds[n]);

		approve[i] = s.approve_us;
		woken[i] = s.wake_us;
	}
	print_percentiles("wake", woken, samples);
	printf(",");
	print_percentiles("approve", approve, samples);
	free(approve);
	free(woken);
}

static int wait_and_wake(char **argv)
{
	const unsigned waiting = (unsigned)strtoul(argv[4], NULL, 10);
	const unsigned samples = (unsigned)strtoul(argv[5], NULL, 10);
	SSL_CTX *tls = client_tls(argv[0]);
	struct sockaddr_in to = address_of(argv[1]);
	PGconn *pg = PQconnectdb(argv[3]);
	char *review = text_of(argv[6]);
	SSL **all = calloc(waiting, sizeof(*all));
	uint64_t before = resident_bytes(), rss;
	long long *holds;

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){waiting + 64, waiting + 64});
	if (!all || PQstatus(pg) != CONNECTION_OK || samples == 0 || samples > waiting)
		die("cannot begin");
	for (unsigned i = 0; i < waiting; i++)
		all[i] = connect_to(tls, &to, i);
	for (unsigned i = 0; i < waiting; i++)
		send_held(all[i], review, i);
	wait_until_all_wait(argv[2], waiting);
	rss = resident_bytes();
	holds = holds_of(pg, waiting);
	printf("{\"waiting\":%u,\"samples\":%u,\"rss_bytes\":%llu,\"rss_before_bytes\":%llu,",
		waiting, samples, (unsigned long long)rss, (unsigned long long)before);
	wake_some(pg, all, holds, waiting, samples);
	printf("}\n");
	for (unsigned i = 0; i < waiting; i++) {
		close(SSL_get_fd(all[i]));
		SSL_free(all[i]);
	}
	PQfinish(pg);
	SSL_CTX_free(tls);
	free(review);
	free(holds);
	free(all);
	return 0;
}

/* ---- stopping ---- */

static bool read_allowed(SSL *ssl)
{
	char answer[8192] = "";
	int n, len = 0;

	do {
		n = SSL_read(ssl, answer + len, (int)sizeof(answer) - 1 - len);
		if (n <= 0)
			die("the connection was lost");
		len += n;
		answer[len] = '\0';
	} while (!strstr(answer, "}}"));
	return strstr(answer, "\"allowed\":true") != NULL;
}

/* Sends the review, as from user N, and reads the answer: was it allowed? */
static bool is_allowed(SSL *ssl, const char *review, unsigned number)
{
	send_held(ssl, review, number);
	return read_allowed(ssl);
}

/* From the call to when both replicas have denied a request. */
static uint32_t stop_one(PGconn *pg, SSL *const replicas[2], const char *review, unsigned number)
{
	bool stopped[2] = {false, false};
	char sql[128];
	uint64_t began, took;
	PGresult *r;

	for (unsigned i = 0; i < 2; i++)
		if (!is_allowed(replicas[i], review, number))
			die("denied before it was stopped");
	snprintf(sql, sizeof(sql), "SELECT holdpoint.stop('user-%u', 'bench')", number);
	began = now_us();
	if (!PQsendQuery(pg, sql))
		die(PQerrorMessage(pg));
	do {
		for (unsigned i = 0; i < 2; i++)
			stopped[i] = stopped[i] || !is_allowed(replicas[i], review, number);
		took = now_us() - began;
	} while ((!stopped[0] || !stopped[1]) && took < 30000000);
	while ((r = PQgetResult(pg))) {
		if (PQresultStatus(r) != PGRES_TUPLES_OK)
			die(PQerrorMessage(pg));
		PQclear(r);
	}
	return (uint32_t)took;
}

static int stop_some(char **argv)
{
	SSL_CTX *tls = client_tls(argv[0]);
	struct sockaddr_in to[2] = {address_of(argv[1]), address_of(argv[2])};
	PGconn *pg = PQconnectdb(argv[3]);
	const unsigned samples = (unsigned)strtoul(argv[4], NULL, 10);
	char *review = text_of(argv[5]);
	uint32_t *took = calloc(samples, sizeof(*took));
	SSL *replicas[2];

	if (!took || PQstatus(pg) != CONNECTION_OK || samples == 0)
		die("cannot begin");
	for (unsigned i = 0; i < 2; i++)
		replicas[i] = connect_to(tls, &to[i], i);
	for (unsigned i = 0; i < samples; i++)
		took[i] = stop_one(pg, replicas, review, i);
	printf("{\"samples\":%u,", samples);
	print_percentiles("stop", took, samples);
	printf("}\n");
	for (unsigned i = 0; i < 2; i++) {
		close(SSL_get_fd(replicas[i]));
		SSL_free(replicas[i]);
	}
	PQfinish(pg);
	SSL_CTX_free(tls);
	free(review);
	free(took);
	return 0;
}

/* ---- limits ---- */

static int pass_a_limit(char **argv)
{
	SSL_CTX *tls = client_tls(argv[0]);
	struct sockaddr_in to[2] = {address_of(argv[1]), address_of(argv[2])};
	const unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
	char *review = text_of(argv[4]);
	SSL **all = calloc(count, sizeof(*all));
	unsigned passed = 0;

	if (!all)
		die("out of memory");
	for (unsigned i = 0; i < count; i++)
		all[i] = connect_to(tls, &to[i % 2], i);
	for (unsigned i = 0; i < count; i++)
		send_held(all[i], review, i);
	for (unsigned i = 0; i < count; i++) {
		passed += read_allowed(all[i]);
		close(SSL_get_fd(all[i]));
		SSL_free(all[i]);
	}
	printf("{\"requests\":%u,\"passed\":%u}\n", count, passed);
	SSL_CTX_free(tls);
	free(review);
	free(all);
	return 0;
}

/* ---- round trips ---- */

static void select_1(struct pg_conn *conn, bool usable, void *arg)
{
	static const struct pg_stmt statement = {.name = "bench_nothing", .sql = "SELECT 1"};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct err e;

	(void)arg;
	if (!usable || pg_exec(conn, &statement, NULL, &rows, NULL, &e) != PG_OK)
		die("the database did not answer");
}

static int round_trips(const char *database_url, unsigned seconds)
{
	enum { MAX = 1 << 20 };
	const struct pg_pool_config config = {.database_url = database_url,
		.application_name = "bench_holds",
		.connections = 4,
		.queue_max = 16};
	uint64_t end = now_us() + (uint64_t)seconds * 1000000;
	uint32_t *took = calloc(MAX, sizeof(*took));
	struct pg_pool *pool;
	size_t count = 0;
	struct err e;

	if (!took || pg_pool_open(&config, true, &pool, &e) != 0)
		die("cannot begin");
	for (uint64_t began; (began = now_us()) < end && count < MAX; count++) {
		if (pg_pool_run(pool, select_1, NULL) != 0)
			die("the pool is full");
		took[count] = (uint32_t)(now_us() - began);
	}
	printf("{\"count\":%zu,", count);
	print_percentiles("roundtrip", took, count);
	printf("}\n");
	pg_pool_close(pool);
	free(took);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 9 && strcmp(argv[1], "wait") == 0)
		return wait_and_wake(argv + 2);
	if (argc == 8 && strcmp(argv[1], "stop") == 0)
		return stop_some(argv + 2);
	if (argc == 7 && strcmp(argv[1], "limit") == 0)
		return pass_a_limit(argv + 2);
	if (argc == 4 && strcmp(argv[1], "roundtrip") == 0)
		return round_trips(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	die("usage: see the top of bench_holds.c");
}
