/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API server over TLS that answers what a test wrote down, request after request: pages of
 * lists, watches, and what goes wrong with them.
 */
#pragma once

#include <arpa/inet.h>
#include <check.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "support/certs.h"

enum fake_end {
	FAKE_WHOLE, /* the answer ends as it should */
	FAKE_STAY,  /* it stays open, says what fake_say() says, until fake_end() or the client goes
		     */
	FAKE_CUT,   /* the connection is gone in the middle */
	FAKE_SLOW,  /* whole, a byte every few milliseconds */
	FAKE_ENDLESS, /* and then the same byte, for ever */
};

/* One request and its answer. */
struct fake_step {
	const char *expect;  /* stands in its head, each of these words */
	unsigned status;     /* 0: 200 */
	const char *body;    /* of a list, or of a refusal */
	const char *lines;   /* of a watch, instead */
	const char *headers; /* of the answer, "Name: value\r\n" */
	enum fake_end end;
};

#define FAKE_SEEN_MAX 64

static char fake_dir[] = "/tmp/holdpoint-cache-XXXXXX";
static struct {
	int listener;
	uint16_t port;
	pthread_t thread;
	gnutls_certificate_credentials_t credentials;
	struct test_cert ca;
	pthread_mutex_t lock;
	const struct fake_step *steps; /* ends with one that expects nothing */
	struct buf saying;
	bool ended;
	atomic_bool stopping;
	atomic_uint served; /* requests */
	char wrong[512];    /* the first that was not expected */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline const char *fake_file(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", fake_dir, name);
	return path;
}

static inline bool fake_send(gnutls_session_t s, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = gnutls_record_send(s, text, len);

		if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static inline bool fake_send_slowly(gnutls_session_t s, const char *text, size_t len)
{
	for (size_t i = 0; i < len && !fake.stopping; i++) {
		if (!fake_send(s, text + i, 1))
			return false;
		usleep(3000);
	}
	return true;
}

static inline bool fake_send_chunk(gnutls_session_t s, const char *text, size_t len)
{
	char head[32];

	snprintf(head, sizeof(head), "%zx\r\n", len);
	return len == 0 || (fake_send(s, head, strlen(head)) && fake_send(s, text, len) &&
				   fake_send(s, "\r\n", 2));
}

static inline bool fake_client_is_gone(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};

	return poll(&p, 1, 5) > 0; /* it has nothing more to say */
}

static inline void fake_stay(gnutls_session_t s, int fd)
{
	bool ended = false;

	while (!fake.stopping && !ended && !fake_client_is_gone(fd)) {
		pthread_mutex_lock(&fake.lock);
		if (fake.saying.len > 0)
			(void)fake_send_chunk(s, fake.saying.ptr, fake.saying.len);
		buf_reset(&fake.saying);
		ended = fake.ended;
		fake.ended = false;
		pthread_mutex_unlock(&fake.lock);
	}
	if (ended)
		(void)fake_send(s, "0\r\n\r\n", 5);
}

static inline void fake_endless(gnutls_session_t s)
{
	static char many[16384];

	memset(many, 'x', sizeof(many));
	while (!fake.stopping && fake_send_chunk(s, many, sizeof(many)))
		;
}

static inline void fake_answer(gnutls_session_t s, int fd, const struct fake_step *step)
{
	_cleanup_(buf_free) struct buf head = BUF_INIT(1 << 16);
	const char *body = step->body ? step->body : "", *lines = step->lines;
	bool (*send)(gnutls_session_t, const char *, size_t) =
		step->end == FAKE_SLOW ? fake_send_slowly : fake_send;

	buf_printf(&head, "HTTP/1.1 %u Fake\r\nConnection: close\r\n%s",
		step->status ? step->status : 200, step->headers ? step->headers : "");
	if (lines)
		buf_add_str(&head, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buf_printf(&head, "Content-Length: %zu\r\n\r\n", strlen(body));
	if (!fake_send(s, head.ptr, head.len))
		return;
	if (!lines) {
		(void)send(s, body, strlen(body) - (step->end == FAKE_CUT ? 1 : 0));
		return;
	}
	(void)fake_send_chunk(s, lines, strlen(lines));
	if (step->end == FAKE_STAY)
		fake_stay(s, fd);
	else if (step->end == FAKE_ENDLESS)
		fake_endless(s);
	else if (step->end == FAKE_WHOLE)
		(void)fake_send(s, "0\r\n\r\n", 5);
}

static inline bool fake_has_words(const char *head, const char *words)
{
	char copy[512], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (!strstr(head, w))
			return false;
	return true;
}

static inline void fake_serve(gnutls_session_t s, int fd)
{
	static const struct fake_step nothing = {.status = 500, .body = "{}"};
	char head[8192];
	size_t len = 0;
	const struct fake_step *step;

	while (len + 1 < sizeof(head)) {
		ssize_t n = gnutls_record_recv(s, head + len, sizeof(head) - len - 1);

		if (n <= 0)
			return;
		len += (size_t)n;
		head[len] = 0;
		if (strstr(head, "\r\n\r\n"))
			break;
	}
	pthread_mutex_lock(&fake.lock);
	step = fake.steps && fake.steps->expect ? fake.steps++ : &nothing;
	fake.served++;
	if (step->expect && !fake_has_words(head, step->expect) && !fake.wrong[0])
		snprintf(
			fake.wrong, sizeof(fake.wrong), "no \"%s\" in: %.300s", step->expect, head);
	pthread_mutex_unlock(&fake.lock);
	fake_answer(s, fd, step);
	if (step->end != FAKE_CUT)
		gnutls_bye(s, GNUTLS_SHUT_WR);
}

static inline void *fake_run(void *arg)
{
	(void)arg;
	while (!fake.stopping) {
		struct pollfd p = {.fd = fake.listener, .events = POLLIN};
		gnutls_session_t s;
		int fd = poll(&p, 1, 20) > 0 ? accept(fake.listener, NULL, NULL) : -1;

		if (fd < 0)
			continue;
		gnutls_init(&s, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
		gnutls_set_default_priority(s);
		gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, fake.credentials);
		gnutls_transport_set_int(s, fd);
		gnutls_handshake_set_timeout(s, 2000);
		if (gnutls_handshake(s) == 0)
			fake_serve(s, fd);
		gnutls_deinit(s);
		close(fd);
	}
	return NULL;
}

/* On the port of before, if there was one. */
static inline void fake_start(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(fake.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int yes = 1;

	fake.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fake.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	ck_assert_int_eq(bind(fake.listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fake.listener, 16), 0);
	ck_assert_int_eq(getsockname(fake.listener, (struct sockaddr *)&a, &len), 0);
	fake.port = ntohs(a.sin_port);
	fake.stopping = false;
	ck_assert_int_eq(pthread_create(&fake.thread, NULL, fake_run, NULL), 0);
}

static inline void fake_stop(void)
{
	fake.stopping = true;
	pthread_join(fake.thread, NULL);
	close(fake.listener);
}

static inline void fake_setup(void)
{
	const struct test_cert_spec root = {"test-ca", NULL, NULL, 0};
	const struct test_cert_spec of_server = {"server", GNUTLS_KP_TLS_WWW_SERVER, &fake.ca, 0};
	struct test_cert cert;

	strcpy(fake_dir, "/tmp/holdpoint-cache-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fake_dir));
	test_cert_make(&root, &fake.ca);
	test_cert_make(&of_server, &cert);
	test_cert_write(&fake.ca, fake_file("ca.crt"), NULL);
	gnutls_certificate_allocate_credentials(&fake.credentials);
	ck_assert_int_eq(
		gnutls_certificate_set_x509_key(fake.credentials, &cert.crt, 1, cert.key), 0);
	test_cert_free(&cert);
	fake.saying = BUF_INIT(1 << 20);
	fake.steps = NULL;
	fake.served = 0;
	fake.ended = false;
	fake.wrong[0] = 0;
	fake.port = 0;
	fake_start();
}

static inline void fake_teardown(void)
{
	char command[128];

	if (!fake.stopping)
		fake_stop();
	buf_free(&fake.saying);
	gnutls_certificate_free_credentials(fake.credentials);
	test_cert_free(&fake.ca);
	snprintf(command, sizeof(command), "rm -rf '%s'", fake_dir);
	ck_assert_int_eq(system(command), 0);
}

/* What is answered from now on; what is left of before is forgotten. */
static inline void fake_expect(const struct fake_step *steps)
{
	pthread_mutex_lock(&fake.lock);
	fake.steps = steps;
	pthread_mutex_unlock(&fake.lock);
}

/* On a watch that stays. */
static inline void fake_say(const char *text)
{
	pthread_mutex_lock(&fake.lock);
	buf_add_str(&fake.saying, text);
	pthread_mutex_unlock(&fake.lock);
}

static inline void fake_end(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.ended = true;
	pthread_mutex_unlock(&fake.lock);
}

/* All requests came as expected, so many of them at least, soon. */
static inline void fake_was_asked(unsigned requests)
{
	const int64_t until_ms = monotonic_ms() + 10000;

	while (fake.served < requests && monotonic_ms() < until_ms)
		usleep(1000);
	pthread_mutex_lock(&fake.lock);
	ck_assert_msg(!fake.wrong[0], "%s", fake.wrong);
	pthread_mutex_unlock(&fake.lock);
	ck_assert_uint_ge(fake.served, requests);
}
