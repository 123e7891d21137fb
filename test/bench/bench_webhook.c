/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two tools of bench_webhook.sh:
 *
 *   bench_webhook echo CERTS THREADS           a bare libmicrohttpd TLS server that sends each body
 *                                              back; prints where it listens, ends with its stdin
 *   bench_webhook load CERTS ADDRESS PATH CONNECTIONS SECONDS FILE...
 *                                              keep-alive clients that send the files in turn as an
 *                                              API server does; prints one JSON object
 *
 * CERTS is a folder of dev.d/certs.sh. Clients are threads with blocking sockets: their cost is the
 * same whoever answers.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench_tool.h"
#include "common/base/buf.h"

static char *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	struct buf b = BUF_INIT(64 << 20);
	char chunk[65536];
	size_t n;

	if (!f) {
		perror(path);
		exit(1);
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&b, chunk, n);
	fclose(f);
	if (!buf_str(&b))
		die("a file is too large");
	*ret_len = b.len;
	return b.ptr;
}

static char *read_in(const char *folder, const char *name)
{
	char path[4096];
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return read_file(path, &len);
}

/* ---- echo ---- */

struct echo {
	char *body;
	size_t len, cap;
};

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	struct echo *e = *state;
	struct MHD_Response *r;
	enum MHD_Result rc;

	(void)arg, (void)url, (void)method, (void)version;
	if (!e) {
		const char *length =
			MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");

		*state = e = calloc(1, sizeof(*e));
		e->cap = length ? strtoul(length, NULL, 10) : 0;
		e->body = malloc(e->cap + 1);
		return MHD_YES;
	}
	if (*size > 0) {
		if (*size > e->cap - e->len)
			return MHD_NO;
		memcpy(e->body + e->len, data, *size);
		e->len += *size;
		*size = 0;
		return MHD_YES;
	}
	r = MHD_create_response_from_buffer(e->len, e->body, MHD_RESPMEM_MUST_FREE);
	e->body = NULL;
	MHD_add_response_header(r, "Content-Type", "application/json");
	rc = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return rc;
}

static void on_end(
	void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct echo *e = *state;

	(void)arg, (void)c, (void)why;
	if (e)
		free(e->body);
	free(e);
	*state = NULL;
}

static int echo(const char *certs, unsigned threads)
{
	char *cert = read_in(certs, "webhook.crt"), *key = read_in(certs, "webhook.key");
	char *ca = read_in(certs, "ca.crt"), wait[16];
	const union MHD_DaemonInfo *info;
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_Daemon *d = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_USE_ITC, 0, NULL, NULL,
		on_request, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_THREAD_POOL_SIZE,
		threads > 1 ? threads : 0, MHD_OPTION_HTTPS_MEM_CERT, cert,
		MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_TRUST, ca,
		MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
		MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);

	info = d ? MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	if (!info)
		die("cannot start the echo server");
	printf("127.0.0.1:%u\n", info->port);
	fflush(stdout);
	while (read(STDIN_FILENO, wait, sizeof(wait)) > 0)
		;
	MHD_stop_daemon(d);
	free(cert);
	free(key);
	free(ca);
	return 0;
}

/* ---- load ---- */

struct load {
	SSL_CTX *tls;
	struct sockaddr_in address;
	struct span *requests;
	size_t request_count;
	uint64_t end_us;
};

struct client {
	struct load *load;
	size_t first; /* request to begin with */
	pthread_t thread;
	uint32_t *latency_us;
	size_t count, cap;
	uint64_t failed;
};

static SSL *connect_to(const struct load *l)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	SSL *ssl = SSL_new(l->tls);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&l->address, sizeof(l->address)) != 0)
		die("cannot connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1) {
		ERR_print_errors_fp(stderr);
		die("the TLS handshake failed");
	}
	return ssl;
}

/* Reads one answer with Content-Length. Returns its status, -1 when the connection is lost. */
static int read_answer(SSL *ssl)
{
	char head[16384];
	size_t have = 0, want = sizeof(head) - 1;
	const char *end = NULL, *length;

	while (have < want) {
		int n = SSL_read(ssl, head + have, (int)(want - have));

		if (n <= 0)
			return -1;
		have += (size_t)n;
		head[have] = '\0';
		if (end)
			continue;
		end = strstr(head, "\r\n\r\n");
		if (!end)
			continue;
		length = strcasestr(head, "\r\nContent-Length:");
		if (!length)
			return -1;
		want = (size_t)(end + 4 - head) + strtoul(length + 17, NULL, 10);
		if (want > sizeof(head) - 1)
			die("an answer is larger than expected");
	}
	return (int)strtol(head + 9, NULL, 10);
}

static void note(struct client *c, uint64_t us)
{
	if (c->count == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 1 << 16;
		c->latency_us = realloc(c->latency_us, c->cap * sizeof(*c->latency_us));
		if (!c->latency_us)
			die("out of memory");
	}
	c->latency_us[c->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void *send_requests(void *arg)
{
	struct client *c = arg;
	const struct load *l = c->load;
	SSL *ssl = connect_to(l);
	uint64_t began = now_us();

	for (size_t i = c->first; began < l->end_us; i = (i + 1) % l->request_count) {
		uint64_t ended;

		if (SSL_write(ssl, l->requests[i].ptr, (int)l->requests[i].len) <= 0)
			die("the connection was lost");
		if (read_answer(ssl) != 200)
			c->failed++;
		ended = now_us();
		note(c, ended - began);
		began = ended;
	}
	SSL_shutdown(ssl);
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
	return NULL;
}

static struct span request_of(const char *path, const char *file)
{
	struct buf b = BUF_INIT(64 << 20);
	size_t len;
	char *body = read_file(file, &len);

	buf_printf(&b,
		"POST %s?timeout=10s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: "
		"kube-apiserver-admission\r\nContent-Length: %zu\r\nAccept: application/json, "
		"*/*\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n",
		path, len);
	buf_add(&b, body, len);
	free(body);
	if (b.failed)
		die("a request is too large");
	return buf_span(&b);
}

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
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	return tls;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_result(struct client *clients, unsigned n, double seconds)
{
	size_t total = 0, at = 0;
	uint64_t failed = 0;
	uint32_t *all;

	for (unsigned i = 0; i < n; i++)
		total += clients[i].count;
	all = malloc((total + 1) * sizeof(*all));
	if (!all || total == 0)
		die("no request was answered");
	for (unsigned i = 0; i < n; i++) {
		memcpy(all + at, clients[i].latency_us, clients[i].count * sizeof(*all));
		at += clients[i].count;
		failed += clients[i].failed;
		free(clients[i].latency_us);
	}
	qsort(all, total, sizeof(*all), compare_u32);
	printf("{\"requests\":%zu,\"failed\":%" PRIu64
	       ",\"per_second\":%.0f,\"p50_us\":%u,\"p99_us\":%u}\n",
		total, failed, (double)total / seconds, all[total / 2], all[total * 99 / 100]);
	free(all);
}

static int load(char **argv, char **files, size_t file_count)
{
	struct load l = {.tls = client_tls(argv[0]),
		.address = address_of(argv[1]),
		.request_count = file_count};
	unsigned n = (unsigned)strtoul(argv[3], NULL, 10);
	struct client *clients = calloc(n, sizeof(*clients));
	double seconds = strtod(argv[4], NULL);
	uint64_t began;

	l.requests = calloc(file_count, sizeof(*l.requests));
	if (!clients || !l.requests || n == 0)
		die("out of memory, or no connections");
	for (size_t i = 0; i < file_count; i++)
		l.requests[i] = request_of(argv[2], files[i]);
	began = now_us();
	l.end_us = began + (uint64_t)(seconds * 1e6);
	for (unsigned i = 0; i < n; i++) {
		clients[i] = (struct client){.load = &l, .first = i * 7 % file_count};
		if (pthread_create(&clients[i].thread, NULL, send_requests, &clients[i]) != 0)
			die("cannot start a client");
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(clients[i].thread, NULL);
	print_result(clients, n, (double)(now_us() - began) / 1e6);
	for (size_t i = 0; i < file_count; i++)
		free((char *)l.requests[i].ptr);
	free(l.requests);
	free(clients);
	SSL_CTX_free(l.tls);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "echo") == 0)
		return echo(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	if (argc > 7 && strcmp(argv[1], "load") == 0)
		return load(argv + 2, argv + 7, (size_t)argc - 7);
	die("usage: see the top of bench_webhook.c");
}
