/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers of a daemon that stops and starts all the time:
 *
 *   bench_calls CERTS NAME ADDRESS PATH CONNECTIONS FILE...
 *
 * sends the files in turn, until SIGTERM, with the certificate NAME of CERTS
 * (dev.d/certs.sh), and prints one JSON object. Every second caller takes a connection for each
 * call, the others keep theirs until they are told to close it. Who is refused a connection asks
 * again; who has one is owed an answer: whatever else happens is a failed call, and said on stderr.
 * In each file
 * "@@UNIQUE@@@@" becomes another number with each call.
 */
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench_tool.h"
#include "common/base/buf.h"

#define UNIQUE	  "@@UNIQUE@@@@"
#define PAUSE_US  5000
#define ANSWER_S  30
#define CALLS_MAX 256

static struct {
	SSL_CTX *tls;
	struct sockaddr_in address;
	struct span requests[64];
	size_t request_count;
} calls;

static atomic_bool ended;
static atomic_ulong number, answered, failed, refused, told_to_close;

struct caller {
	pthread_t thread;
	size_t first;
	bool keeps;
	char *request; /* the one under way, numbered */
};

static void fail(const char *when, int status)
{
	fprintf(stderr, "failed %s: status %d, errno %d\n", when, status, errno);
	atomic_fetch_add(&failed, 1);
}

/* NULL: refused, or failed and counted. */
static SSL *open_connection(void)
{
	const struct timeval patience = {.tv_sec = ANSWER_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	SSL *ssl;

	if (fd < 0)
		die("no more sockets");
	if (connect(fd, (const struct sockaddr *)&calls.address, sizeof(calls.address)) != 0) {
		atomic_fetch_add(&refused, 1);
		close(fd);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	ssl = SSL_new(calls.tls);
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) == 1)
		return ssl;
	fail("in the handshake", -1);
	close(fd);
	SSL_free(ssl);
	return NULL;
}

static void close_connection(SSL *ssl)
{
	SSL_shutdown(ssl);
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
}

/* Reads one answer. Its status, -1: the connection is lost. */
static int read_answer(SSL *ssl, bool *ret_close)
{
	char text[16384];
	size_t have = 0, want = sizeof(text) - 1;
	const char *end = NULL, *length;

	while (have < want) {
		int n = SSL_read(ssl, text + have, (int)(want - have));

		if (n <= 0)
			return -1;
		have += (size_t)n;
		text[have] = '\0';
		if (end || !(end = strstr(text, "\r\n\r\n")))
			continue;
		length = strcasestr(text, "\r\nContent-Length:");
		*ret_close = strcasestr(text, "\r\nConnection: close") != NULL;
		if (!length)
			return -1;
		want = (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10);
		if (want > sizeof(text) - 1)
			die("an answer is larger than expected");
	}
	return (int)strtol(text + 9, NULL, 10);
}

static size_t number_request(struct caller *c, struct span request)
{
	char text[sizeof(UNIQUE)];

	snprintf(text, sizeof(text), "%012lx", atomic_fetch_add(&number, 1));
	memcpy(c->request, request.ptr, request.len);
	for (char *at = c->request; (at = memmem(at, request.len - (size_t)(at - c->request),
					     UNIQUE, sizeof(UNIQUE) - 1));)
		memcpy(at, text, sizeof(UNIQUE) - 1);
	return request.len;
}

/* False: the connection is of no more use. */
static bool call(struct caller *c, SSL *ssl, struct span request)
{
	const size_t len = number_request(c, request);
	bool close_it = false;
	int status = -1;

	if (SSL_write(ssl, c->request, (int)len) > 0)
		status = read_answer(ssl, &close_it);
	if (status != 200) {
		fail("in a call", status);
		return false;
	}
	atomic_fetch_add(&answered, 1);
	atomic_fetch_add(&told_to_close, close_it);
	return !close_it;
}

static void *call_until_ended(void *arg)
{
	struct caller *c = arg;
	SSL *ssl = NULL;

	for (size_t i = c->first; !atomic_load(&ended); usleep(PAUSE_US)) {
		if (!ssl && !(ssl = open_connection()))
			continue;
		if (call(c, ssl, calls.requests[i++ % calls.request_count]) && c->keeps)
			continue;
		close_connection(ssl);
		ssl = NULL;
	}
	if (ssl)
		close_connection(ssl);
	return NULL;
}

static struct span request_of(const char *path, const char *file)
{
	struct buf b = BUF_INIT(16 << 20), body = BUF_INIT(16 << 20);
	FILE *f = fopen(file, "rb");
	char chunk[65536];
	size_t n;

	if (!f)
		die(file);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&body, chunk, n);
	fclose(f);
	buf_printf(&b,
		"POST %s?timeout=10s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
		"Content-Type: application/json\r\n\r\n",
		path, body.len);
	buf_add_span(&b, buf_span(&body));
	buf_free(&body);
	if (b.failed)
		die("a request is too large");
	return buf_span(&b);
}

static void set_tls(const char *certs, const char *name)
{
	char ca[4096], cert[4096], key[4096];

	calls.tls = SSL_CTX_new(TLS_client_method());
	snprintf(ca, sizeof(ca), "%s/ca.crt", certs);
	snprintf(cert, sizeof(cert), "%s/%s.crt", certs, name);
	snprintf(key, sizeof(key), "%s/%s.key", certs, name);
	if (!calls.tls || SSL_CTX_load_verify_locations(calls.tls, ca, NULL) != 1 ||
		SSL_CTX_use_certificate_chain_file(calls.tls, cert) != 1 ||
		SSL_CTX_use_PrivateKey_file(calls.tls, key, SSL_FILETYPE_PEM) != 1)
		die("cannot use the certificates");
	SSL_CTX_set_verify(calls.tls, SSL_VERIFY_PEER, NULL);
}

int main(int argc, char **argv)
{
	static struct caller callers[CALLS_MAX];
	const unsigned n = argc > 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	size_t longest = 0;
	sigset_t end;
	int got;

	if (n == 0 || n > CALLS_MAX || argc - 6 > (int)ARRAY_LEN(calls.requests))
		die("usage: see the top of bench_calls.c");
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	set_tls(argv[1], argv[2]);
	calls.address = address_of(argv[3]);
	for (int i = 6; i < argc; i++) {
		const struct span r = request_of(argv[4], argv[i]);

		calls.requests[calls.request_count++] = r;
		longest = r.len > longest ? r.len : longest;
	}
	if (longest == 0)
		die("there is nothing to send");
	for (unsigned i = 0; i < n; i++) {
		callers[i] = (struct caller){
			.first = i, .keeps = i % 2 == 0, .request = malloc(longest)};
		if (!callers[i].request || pthread_create(&callers[i].thread, NULL,
						   call_until_ended, &callers[i]) != 0)
			die("cannot start a caller");
	}
	sigwait(&end, &got);
	atomic_store(&ended, true);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(callers[i].thread, NULL);
		free(callers[i].request);
	}
	for (size_t i = 0; i < calls.request_count; i++)
		free((char *)(uintptr_t)calls.requests[i].ptr);
	SSL_CTX_free(calls.tls);
	printf("{\"answered\":%lu,\"failed\":%lu,\"refused\":%lu,\"told_to_close\":%lu}\n",
		atomic_load(&answered), atomic_load(&failed), atomic_load(&refused),
		atomic_load(&told_to_close));
	return 0;
}
