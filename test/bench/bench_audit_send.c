/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API server's audit backend without the API server: sends EventLists made of recorded events
 * over TLS, as fast as they are acknowledged or at a given rate, and says how many events were.
 *
 *   bench_audit_send [--stubborn | --lists N] HOST:PORT CA CERT KEY CONNECTIONS EVENTS-PER-BODY
 * SECONDS RATE PATH,PATH… FIXTURE…
 *
 * RATE is events/s over all connections, 0: no limit. Connection i posts to path i modulo their
 * number. Every event gets an auditID of its own, so no body is a repetition. Output: one line
 * "events_per_s MB_per_s p50_ms p99_ms unavailable".
 *
 * --lists N: ends after N lists instead of SECONDS.
 * --stubborn: a body is sent again, byte for byte, over a new connection if need be, until it is
 * acknowledged, however long that takes. Output: "CONNECTION LISTS" for each, of which all lists
 * from 0 on are acknowledged. The auditID of an event is RUN-CONNECTION-4INDEX-8000-LIST (hex).
 */
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/json/json.h"

#define BODY_MAX      ((size_t)64 << 20)
#define CONNECTIONS   256
#define LATENCIES_MAX 100000
#define ID_LEN	      36

struct bench {
	const char *host, *port;
	SSL_CTX *tls;
	unsigned connections, events;
	bool stubborn;
	double seconds, rate;
	unsigned long lists; /* 0: as many as fit in seconds */
	atomic_ulong lists_taken;
	char *paths[CONNECTIONS];
	unsigned path_count;
	struct buf body;  /* one list of `events` events */
	struct buf id_at; /* size_t: where each auditID stands in it */
	char run[9];	  /* part of every auditID, so that runs differ */
	double start;
};

struct connection {
	struct bench *b;
	unsigned number;
	pthread_t thread;
	SSL *tls;
	char *body;
	uint64_t lists, unavailable;
	float *latencies_ms;
	size_t latency_count;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_audit_send: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* ---- the body ---- */

static void add_events(struct bench *b, const char *path, unsigned *count)
{
	const struct json_limits limits = {BODY_MAX, 1000, 1 << 22, true, true};
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 1 << 30);
	_cleanup_(buf_free) struct buf text = BUF_INIT(BODY_MAX);
	FILE *f = fopen(path, "rb");
	struct json_doc d;
	size_t n;

	if (!f)
		die(path);
	while ((n = fread(buf_extend(&text, 65536), 1, 65536, f)) > 0)
		text.len -= 65536 - n;
	text.len -= 65536;
	fclose(f);
	if (json_read(text.ptr, text.len, &limits, arena, &d, NULL) < 0)
		die(path);
	json_foreach (v, &d, json_get_str(&d, JSON_ROOT, "items")) {
		json_ref id = json_get_str(&d, v, "auditID");
		struct span event = json_text(&d, v);
		size_t at;

		if (*count == b->events || json_raw_string(&d, id).len != ID_LEN)
			continue;
		if ((*count)++ > 0)
			buf_add_char(&b->body, ',');
		at = b->body.len + (size_t)(json_raw_string(&d, id).ptr - event.ptr);
		buf_add(&b->id_at, &at, sizeof(at));
		buf_add_span(&b->body, event);
	}
}

static void make_body(struct bench *b, char **files, int file_count)
{
	unsigned count = 0;

	b->body = BUF_INIT(BODY_MAX);
	b->id_at = BUF_INIT(BODY_MAX);
	buf_add_str(&b->body, "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\","
			      "\"metadata\":{},\"items\":[");
	while (count < b->events) {
		for (int i = 0; i < file_count && count < b->events; i++)
			add_events(b, files[i], &count);
	}
	buf_add_str(&b->body, "]}\n");
	if (b->body.failed || b->id_at.failed)
		die("the body is too large");
}

static void number_events(struct connection *c)
{
	struct bench *b = c->b;

	for (unsigned i = 0; i < b->events; i++) {
		char id[2 * ID_LEN];
		size_t at;

		memcpy(&at, b->id_at.ptr + i * sizeof(at), sizeof(at));
		snprintf(id, sizeof(id), "%s-%04x-4%03x-8%03x-%012llx", b->run, c->number,
			i & 0xfff, i >> 12, (unsigned long long)(c->lists & 0xffffffffffff));
		memcpy(c->body + at, id, ID_LEN);
	}
}

/* ---- HTTP ---- */

/* An API server waits no longer than this for an answer. */
#define ANSWER_S 30

/* NULL: nobody there. */
static SSL *open_connection(const struct bench *b)
{
	const struct timeval patience = {.tv_sec = ANSWER_S};
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a;
	SSL *tls;
	int fd;

	if (getaddrinfo(b->host, b->port, &hints, &a) != 0)
		die("cannot resolve the host");
	fd = socket(a->ai_family, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
		freeaddrinfo(a);
		close(fd);
		return NULL;
	}
	freeaddrinfo(a);
	tls = SSL_new(b->tls);
	SSL_set_fd(tls, fd);
	if (SSL_connect(tls) == 1)
		return tls;
	SSL_free(tls);
	close(fd);
	return NULL;
}

static void close_connection(struct connection *c)
{
	if (!c->tls)
		return;
	close(SSL_get_fd(c->tls));
	SSL_free(c->tls);
	c->tls = NULL;
}

static int put(SSL *tls, const char *p, size_t len)
{
	size_t n;

	while (len > 0) {
		if (SSL_write_ex(tls, p, len, &n) != 1)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

/* Reads an answer whole; returns its status, -1: the connection ended. */
static int get_answer(SSL *tls)
{
	char text[8192];
	size_t len = 0, n;
	const char *end, *length;

	do {
		if (SSL_read_ex(tls, text + len, sizeof(text) - 1 - len, &n) != 1)
			return -1;
		len += n;
		text[len] = '\0';
		end = strstr(text, "\r\n\r\n");
	} while (!end && len < sizeof(text) - 1);
	length = strcasestr(text, "content-length:");
	if (!end || !length)
		die("an answer without a length");
	for (size_t want = (size_t)(end + 4 - text) + strtoul(length + 15, NULL, 10); len < want;
		len += n) {
		if (SSL_read_ex(tls, text + len, sizeof(text) - 1 - len, &n) != 1)
			return -1;
	}
	return atoi(text + 9);
}

static int post(struct connection *c)
{
	const struct bench *b = c->b;
	char head[512];
	int n = snprintf(head, sizeof(head),
		"POST %s?timeout=30s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: bench\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		b->paths[c->number % b->path_count], b->host, b->port, b->body.len);

	if (!c->tls || put(c->tls, head, (size_t)n) < 0 || put(c->tls, c->body, b->body.len) < 0)
		return -1;
	return get_answer(c->tls);
}

/* Posts until there is a 200. */
static void post_until_stored(struct connection *c)
{
	int status;

	while ((status = post(c)) != 200) {
		if (status == 503) {
			c->unavailable++;
		} else if (status < 0 && c->b->stubborn) {
			close_connection(c);
			c->tls = open_connection(c->b);
		} else {
			fprintf(stderr, "status %d\n", status);
			die("an answer other than 200 and 503");
		}
		usleep(100000);
	}
}

static bool goes_on(struct bench *b)
{
	if (b->lists > 0)
		return atomic_fetch_add(&b->lists_taken, 1) < b->lists;
	return now() - b->start < b->seconds;
}

static void *connection_main(void *arg)
{
	struct connection *c = arg;
	struct bench *b = c->b;
	double interval = b->rate > 0 ? b->events * b->connections / b->rate : 0, due;

	while (goes_on(b)) {
		double sent;

		due = b->start + interval * ((double)c->lists + (double)c->number / b->connections);
		while (interval > 0 && now() < due)
			usleep(500);
		number_events(c);
		sent = now();
		post_until_stored(c);
		if (c->latency_count < LATENCIES_MAX)
			c->latencies_ms[c->latency_count++] = (float)((now() - sent) * 1e3);
		c->lists++;
	}
	return NULL;
}

/* ---- all of it ---- */

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void report(struct bench *b, struct connection *all)
{
	double took = now() - b->start;
	uint64_t lists = 0, unavailable = 0;
	float *latencies = calloc((size_t)b->connections * LATENCIES_MAX + 1, sizeof(float));
	size_t n = 0;

	for (unsigned i = 0; i < b->connections; i++) {
		lists += all[i].lists;
		unavailable += all[i].unavailable;
		memcpy(latencies + n, all[i].latencies_ms, all[i].latency_count * sizeof(float));
		n += all[i].latency_count;
	}
	qsort(latencies, n, sizeof(float), compare_floats);
	printf("%.0f %.1f %.1f %.1f %llu\n", (double)(lists * b->events) / took,
		(double)(lists * b->body.len) / took / 1e6, (double)latencies[n / 2],
		(double)latencies[n * 99 / 100], (unsigned long long)unavailable);
	free(latencies);
}

static void start_tls(struct bench *b, char **argv)
{
	b->tls = SSL_CTX_new(TLS_client_method());
	if (SSL_CTX_load_verify_locations(b->tls, argv[2], NULL) != 1 ||
		SSL_CTX_use_certificate_chain_file(b->tls, argv[3]) != 1 ||
		SSL_CTX_use_PrivateKey_file(b->tls, argv[4], SSL_FILETYPE_PEM) != 1)
		die("certificates");
	SSL_CTX_set_verify(b->tls, SSL_VERIFY_PEER, NULL);
}

int main(int argc, char **argv)
{
	static struct connection all[CONNECTIONS];
	struct bench b = {.start = 0};
	uint32_t run;

	if (argc > 1 && strcmp(argv[1], "--stubborn") == 0) {
		b.stubborn = true;
		argc--;
		argv++;
	} else if (argc > 2 && strcmp(argv[1], "--lists") == 0) {
		b.lists = strtoul(argv[2], NULL, 10);
		argc -= 2;
		argv += 2;
	}
	if (argc < 11)
		die("usage: HOST:PORT CA CERT KEY CONNECTIONS EVENTS SECONDS RATE PATHS "
		    "FIXTURE...");
	signal(SIGPIPE, SIG_IGN);
	b.host = strtok(argv[1], ":");
	b.port = strtok(NULL, ":");
	b.connections = (unsigned)atoi(argv[5]);
	b.events = (unsigned)atoi(argv[6]);
	b.seconds = strtod(argv[7], NULL);
	b.rate = strtod(argv[8], NULL);
	for (char *p = strtok(argv[9], ","); p && b.path_count < CONNECTIONS; p = strtok(NULL, ","))
		b.paths[b.path_count++] = p;
	if (b.connections == 0 || b.connections > CONNECTIONS || b.events == 0 || !b.path_count)
		die("1 to 256 connections, at least one event and one path");
	start_tls(&b, argv);
	make_body(&b, argv + 10, argc - 10);
	RAND_bytes((unsigned char *)&run, sizeof(run));
	snprintf(b.run, sizeof(b.run), "%08x", run);
	for (unsigned i = 0; i < b.connections; i++) {
		all[i] = (struct connection){.b = &b, .number = i};
		all[i].tls = open_connection(&b);
		if (!all[i].tls && !b.stubborn)
			die("cannot connect");
		all[i].body = malloc(b.body.len);
		all[i].latencies_ms = calloc(LATENCIES_MAX, sizeof(float));
		memcpy(all[i].body, b.body.ptr, b.body.len);
	}
	b.start = now();
	for (unsigned i = 0; i < b.connections; i++)
		pthread_create(&all[i].thread, NULL, connection_main, &all[i]);
	for (unsigned i = 0; i < b.connections; i++)
		pthread_join(all[i].thread, NULL);
	for (unsigned i = 0; b.stubborn && i < b.connections; i++)
		printf("%04x %llu\n", i, (unsigned long long)all[i].lists);
	if (!b.stubborn)
		report(&b, all);
	for (unsigned i = 0; i < b.connections; i++) {
		close_connection(&all[i]);
		free(all[i].body);
		free(all[i].latencies_ms);
	}
	SSL_CTX_free(b.tls);
	buf_free(&b.body);
	buf_free(&b.id_at);
	return 0;
}
