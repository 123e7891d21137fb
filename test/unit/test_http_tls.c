/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over TLS: bodies of all sizes, bursts, handshakes that hang. */
#include "unit/tls_support.h"

START_TEST(http_tls__large_bodies_and_keep_alive)
{
	static const size_t sizes[] = {1, 16383, 16384, 16385, 100000, 3 << 20};
	char *body = calloc(1, 3 << 20), expected[64];
	CURL *c = client("client");
	long connects = 0, made;
	memset(body, 'x', 3 << 20);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct reply r = ask(c, body, sizes[i]);
		snprintf(expected, sizeof(expected), "client:%zu", sizes[i]);
		ck_assert_str_eq(r.text, expected);
		curl_easy_getinfo(c, CURLINFO_NUM_CONNECTS, &made);
		connects += made;
	}
	ck_assert_int_eq(connects, 1);
	curl_easy_cleanup(c);
	free(body);
}
END_TEST

/* The client that announces its body first is told before it sends it; the one that does not is
 * still told. */
START_TEST(http_tls__too_large_is_told)
{
	char *body = calloc(1, 5 << 20);
	CURL *c = client("client");
	memset(body, 'x', 5 << 20);
	struct reply r = ask(c, body, 5 << 20);
	ck_assert_int_eq(r.status, 413);
	curl_easy_cleanup(c);
	free(body);
}
END_TEST

START_TEST(http_tls__a_handshake_that_hangs_is_cut)
{
	http_server_stop(server, 0);
	struct err e;
	struct http_server_config c = config(true);
	c.body_deadline_ms = 300;
	ck_assert_int_eq(http_server_start(&c, &server, &e), 0);
	int fd = raw_connect(http_server_address(server));
	raw_send(fd, "\x16\x03\x01\x02", 4);
	ck_assert(raw_is_closed(fd));
	close(fd);
	/* After the handshake an idle connection may stay. */
	CURL *curl = client("client");
	long made;
	ck_assert_int_eq(ask(curl, "{}", 2).rc, CURLE_OK);
	fd = raw_connect(http_server_address(server)); /* until the next one is cut */
	ck_assert(raw_is_closed(fd));
	close(fd);
	ck_assert_int_eq(ask(curl, "{}", 2).rc, CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &made);
	ck_assert_int_eq(made, 0);
	curl_easy_cleanup(curl);
}
END_TEST

/* ---- records: what stands in one write, and how it is cut ---- */

struct tls_client {
	int fd;
	gnutls_session_t session;
	gnutls_certificate_credentials_t cred;
};

static void tls_open(struct tls_client *c)
{
	ck_assert_int_eq(gnutls_certificate_allocate_credentials(&c->cred), 0);
	ck_assert_int_eq(gnutls_certificate_set_x509_key_file(c->cred, file("client.crt"),
				 file("client.key"), GNUTLS_X509_FMT_PEM),
		0);
	c->fd = raw_connect(http_server_address(server));
	gnutls_init(&c->session, GNUTLS_CLIENT);
	gnutls_set_default_priority(c->session);
	gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->cred);
	gnutls_transport_set_int(c->session, c->fd);
	int rc;
	while ((rc = gnutls_handshake(c->session)) < 0)
		ck_assert_msg(!gnutls_error_is_fatal(rc), "%s", gnutls_strerror(rc));
}

static void tls_close(struct tls_client *c)
{
	gnutls_bye(c->session, GNUTLS_SHUT_WR);
	gnutls_deinit(c->session);
	gnutls_certificate_free_credentials(c->cred);
	close(c->fd);
}

/* Reads count answers whose bodies all are "client:LEN". */
static void tls_expect(struct tls_client *c, int count, size_t body_len)
{
	char text[65536], expected[64];
	size_t len = 0, at = 0;
	snprintf(expected, sizeof(expected), "\r\n\r\nclient:%zu", body_len);
	for (int seen = 0; seen < count;) {
		text[len] = 0;
		const char *found = strstr(text + at, expected);
		if (found) {
			at = (size_t)(found - text) + strlen(expected);
			seen++;
			continue;
		}
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		ck_assert_msg(gnutls_record_check_pending(c->session) > 0 ||
				      poll(&p, 1, RAW_TIMEOUT_MS) > 0,
			"answer %d of %d never came", seen + 1, count);
		ssize_t n = gnutls_record_recv(c->session, text + len, sizeof(text) - 1 - len);
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		ck_assert_msg(n > 0, "%s", n ? gnutls_strerror((int)n) : "closed");
		len += (size_t)n;
	}
}

static size_t put_requests(char *text, size_t cap, const char *path, int count)
{
	size_t len = 0;
	for (int i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, cap - len,
			"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
			"Content-Length: 4\r\n\r\n[%d]",
			path, 10 + i);
	return len;
}

/* How a burst of requests is cut into records, and records into writes. */
static const struct {
	size_t record; /* bytes in each record, 0: all in one */
	bool corked;   /* all records in one write */
	const char *path;
} bursts[] = {
	{0, false, "/who"},
	{1, true, "/who"},
	{7, true, "/who"},
	{100, true, "/who"},
	{100, false, "/who"},
	{0, false, "/later"},
	{97, true, "/later"},
};

START_TEST(http_tls__bursts_are_answered_whole)
{
	struct tls_client c, idle;
	char text[8192];
	size_t len = put_requests(text, sizeof(text), bursts[_i].path, 20);
	size_t step = bursts[_i].record ? bursts[_i].record : len;
	tls_open(&c);
	tls_open(&idle);
	for (int round = 0; round < 3; round++) {
		if (bursts[_i].corked)
			gnutls_record_cork(c.session);
		for (size_t i = 0; i < len; i += step)
			ck_assert_int_gt(gnutls_record_send(c.session, text + i,
						 len - i < step ? len - i : step),
				0);
		if (bursts[_i].corked)
			ck_assert_int_ge(gnutls_record_uncork(c.session, GNUTLS_RECORD_WAIT), 0);
		tls_expect(&c, 20, 4);
		/* Another connection in between takes the thread's buffer. */
		ck_assert_int_gt(gnutls_record_send(idle.session, text,
					 put_requests(text, sizeof(text), "/who", 1)),
			0);
		tls_expect(&idle, 1, 4);
		put_requests(text, sizeof(text), bursts[_i].path, 20);
	}
	tls_close(&c);
	tls_close(&idle);
}
END_TEST

static void *burst_in_thread(void *arg)
{
	struct tls_client c;
	char text[8192];
	size_t len = put_requests(text, sizeof(text), arg, 20);
	tls_open(&c);
	for (int round = 0; round < 30; round++) {
		size_t cut = (size_t)(round * 37) % len + 1;
		ck_assert_int_gt(gnutls_record_send(c.session, text, cut), 0);
		if (cut < len)
			ck_assert_int_gt(gnutls_record_send(c.session, text + cut, len - cut), 0);
		tls_expect(&c, 20, 4);
	}
	tls_close(&c);
	return NULL;
}

START_TEST(http_tls__bursts_on_many_connections_do_not_mix)
{
	static char who_path[] = "/who", later_path[] = "/later";
	pthread_t threads[8];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, burst_in_thread,
					 i % 2 ? who_path : later_path),
			0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

/* Sends bytes as they are, and reads until the server has ended the connection. */
static void exchange(const char *request, char *into, size_t cap)
{
	CURL *c = client("client");
	curl_socket_t fd;
	size_t len = 0, n;
	CURLcode rc;

	curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
	ck_assert_int_eq(curl_easy_perform(c), CURLE_OK);
	ck_assert_int_eq(curl_easy_send(c, request, strlen(request), &n), CURLE_OK);
	ck_assert_int_eq(curl_easy_getinfo(c, CURLINFO_ACTIVESOCKET, &fd), CURLE_OK);
	do {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		rc = curl_easy_recv(c, into + len, cap - 1 - len, &n);
		if (rc == CURLE_AGAIN)
			ck_assert_int_gt(poll(&p, 1, RAW_TIMEOUT_MS), 0);
		else if (rc == CURLE_OK)
			len += n;
	} while (rc == CURLE_AGAIN || (rc == CURLE_OK && n > 0));
	into[len] = 0;
	curl_easy_cleanup(c);
}

/* What libmicrohttpd refuses by itself, it would answer with two heads. */
static const struct {
	const char *begins, *request;
} refused[] = {
	{"HTTP/1.1 400 ", "POST /who HTTP/1.1\r\nHost: x\r\nContent-Length: 2x\r\n\r\n{}"},
	{"HTTP/1.1 400 ", "POST /who HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}"},
	{"HTTP/1.1 413 ",
		"POST /who HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}"},
	{"HTTP/1.1 400 ", "POST /who HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"},
};

START_TEST(http_tls__an_answer_has_one_head)
{
	char got[4096];

	exchange(refused[_i].request, got, sizeof(got));
	ck_assert_msg(strncmp(got, refused[_i].begins, strlen(refused[_i].begins)) == 0, "%s", got);
	ck_assert_msg(strstr(got + 1, "HTTP/1.1 ") == NULL, "%s", got);
	ck_assert_msg(strstr(got, "\r\n\r\n<html>") != NULL, "%s", got);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("http_tls");

	tcase_add_test(t, http_tls__large_bodies_and_keep_alive);
	tcase_add_test(t, http_tls__too_large_is_told);
	tcase_add_test(t, http_tls__a_handshake_that_hangs_is_cut);
	tcase_add_loop_test(t, http_tls__bursts_are_answered_whole, 0, ARRAY_LEN(bursts));
	tcase_add_test(t, http_tls__bursts_on_many_connections_do_not_mix);
	tcase_add_loop_test(t, http_tls__an_answer_has_one_head, 0, ARRAY_LEN(refused));
	return run_tls_tests(t);
}
