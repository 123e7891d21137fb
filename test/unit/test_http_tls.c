/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over TLS: who gets in, under which name, and certificates that change. */
#include <check.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/http/http_server.h"
#include "support/capture.h"
#include "support/certs.h"
#include "support/raw_http.h"
#include "support/run_tests.h"

static char dir[] = "/tmp/holdpoint-tls-XXXXXX";
static struct test_cert ca, other_ca;
static struct http_server *server;

static const char *file(const char *name)
{
	static _Thread_local char paths[8][256];
	static _Thread_local unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void make(
	const char *name, const char *usage, const struct test_cert *signer, time_t not_after)
{
	struct test_cert c;
	char crt[64], key[64];
	const struct test_cert_spec spec = {name, usage, signer, not_after};
	test_cert_make(&spec, &c);
	snprintf(crt, sizeof(crt), "%s.crt", name);
	snprintf(key, sizeof(key), "%s.key", name);
	test_cert_write(&c, file(crt), file(key));
	test_cert_free(&c);
}

static void make_all(void)
{
	const time_t now = time(NULL);
	const struct test_cert_spec root = {"test-ca", NULL, NULL, 0};
	const struct test_cert_spec foreign = {"other-ca", NULL, NULL, 0};
	ck_assert_ptr_nonnull(mkdtemp(dir));
	test_cert_make(&root, &ca);
	test_cert_make(&foreign, &other_ca);
	test_cert_write(&ca, file("ca.crt"), NULL);
	make("server", GNUTLS_KP_TLS_WWW_SERVER, &ca, 0);
	make("client", GNUTLS_KP_TLS_WWW_CLIENT, &ca, 0);
	make("no-usage", NULL, &ca, 0);
	make("server-only", GNUTLS_KP_TLS_WWW_SERVER, &ca, 0);
	make("expired", GNUTLS_KP_TLS_WWW_CLIENT, &ca, now - 60);
	make("foreign", GNUTLS_KP_TLS_WWW_CLIENT, &other_ca, 0);
}

static void remove_all(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
	test_cert_free(&ca);
	test_cert_free(&other_ca);
}

static void who(struct http_request *r, void *userdata)
{
	(void)userdata;
	struct span name = http_request_client_name(r);
	http_reply(r, &(struct http_answer){.status = 200,
			      .body = arena_printf(http_request_arena(r), "%.*s:%zu",
				      SPAN_FMT(name), http_request_body(r).len)});
}

/* Suspends, and answers from a thread of its own. */
static void *answer_later(void *arg)
{
	usleep(200);
	who(arg, NULL);
	return NULL;
}

static void later(struct http_request *r, void *userdata)
{
	pthread_t t;
	(void)userdata;
	if (http_suspend(r) < 0 || pthread_create(&t, NULL, answer_later, r) != 0)
		ck_abort_msg("cannot suspend");
	pthread_detach(t);
}

static const struct http_route routes[] = {
	{"POST", "/who", false, "application/json", who, NULL},
	{"POST", "/later", false, "application/json", later, NULL},
	{0},
};

static struct http_server_config config(bool verify)
{
	static char cert[256], key[256], client_ca[256];
	snprintf(cert, sizeof(cert), "%s/server.crt", dir);
	snprintf(key, sizeof(key), "%s/server.key", dir);
	snprintf(client_ca, sizeof(client_ca), "%s/ca.crt", dir);
	return (struct http_server_config){.name = "test",
		.listen = "127.0.0.1:0",
		.threads = 2,
		.tls_cert_file = cert,
		.tls_private_key_file = key,
		.client_ca_file = verify ? client_ca : NULL,
		.max_connections = 100,
		.max_suspended = 16,
		.max_body_bytes = 4 << 20,
		.max_inflight_bytes = 16 << 20,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 30,
		.routes = routes};
}

static void start(bool verify)
{
	struct err e;
	const struct http_server_config c = config(verify);
	ck_assert_msg(http_server_start(&c, &server, &e) == 0, "%s", e.msg);
}

static void setup(void)
{
	make_all();
	start(true);
}

static void teardown(void)
{
	http_server_stop(server, 1000);
	server = NULL;
	remove_all();
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

struct reply {
	char text[256];
	size_t len;
	long status;
	CURLcode rc;
};

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct reply *r = arg;
	for (size_t i = 0; i < size * n && r->len + 1 < sizeof(r->text); i++)
		r->text[r->len++] = data[i];
	return size * n;
}

static CURL *client(const char *cert)
{
	static _Thread_local char url[128], crt[128], key[128];
	CURL *c = curl_easy_init();
	struct curl_slist *none = NULL;
	(void)none;
	snprintf(url, sizeof(url), "https://%s/who", http_server_address(server));
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_CAINFO, file("ca.crt"));
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 20L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	if (cert) {
		snprintf(crt, sizeof(crt), "%s/%s.crt", dir, cert);
		snprintf(key, sizeof(key), "%s/%s.key", dir, cert);
		curl_easy_setopt(c, CURLOPT_SSLCERT, crt);
		curl_easy_setopt(c, CURLOPT_SSLKEY, key);
	}
	return c;
}

static struct reply ask(CURL *c, const char *body, size_t len)
{
	struct reply r = {0};
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)len);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &r);
	r.rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r.status);
	curl_slist_free_all(headers);
	return r;
}

static struct reply ask_as(const char *cert, long tls_version)
{
	CURL *c = client(cert);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, tls_version);
	struct reply r = ask(c, "{}", 2);
	curl_easy_cleanup(c);
	return r;
}

#define TLS12 (CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2)
#define TLS13 (CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3)

static const struct {
	const char *expected; /* NULL: the handshake fails */
	const char *cert;
} clients[] = {
	{"client:2", "client"},
	{"no-usage:2", "no-usage"},
	{NULL, NULL},
	{NULL, "foreign"},
	{NULL, "server-only"},
	{NULL, "expired"},
};

START_TEST(http_tls__who_gets_in)
{
	const long versions[] = {TLS12, TLS13};
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct reply r = ask_as(clients[_i].cert, versions[i]);
		if (clients[_i].expected) {
			ck_assert_msg(r.rc == CURLE_OK, "%s", curl_easy_strerror(r.rc));
			ck_assert_str_eq(r.text, clients[_i].expected);
		} else {
			ck_assert_msg(r.rc != CURLE_OK, "%s got in: %s", clients[_i].cert, r.text);
			ck_assert_int_eq(r.status, 0);
			ck_assert_uint_eq(r.len, 0);
		}
	}
}
END_TEST

START_TEST(http_tls__without_a_client_ca_nobody_has_a_name)
{
	http_server_stop(server, 0);
	start(false);
	ck_assert_str_eq(ask_as(NULL, TLS13).text, ":2");
	/* Not verified, so not believed. */
	ck_assert_str_eq(ask_as("foreign", TLS13).text, ":2");
}
END_TEST

START_TEST(http_tls__old_versions_are_refused)
{
	struct reply r = ask_as("client", CURL_SSLVERSION_TLSv1_1 | CURL_SSLVERSION_MAX_TLSv1_1);
	ck_assert_int_ne(r.rc, CURLE_OK);
}
END_TEST

static long refusals(const char *reason)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	char name[80];
	size_t count;
	struct metric *const *tables = http_server_metrics(&count);
	const char *found;

	snprintf(name, sizeof(name), "\nholdpoint_http_refused_total{reason=\"%s\"} ", reason);
	metrics_put(&out, tables, count);
	found = strstr(buf_str(&out), name);
	ck_assert_ptr_nonnull(found);
	return strtol(found + strlen(name), NULL, 10);
}

/* What a client hears of a handshake that failed, what is counted and what is logged. */
static const struct {
	const char *cert;
	long tls_version;
	const char *heard, *counted, *logged;
} refused[] = {
	{NULL, TLS12, "handshake failure", "client_certificate", "no client certificate"},
	{NULL, TLS13, "certificate required", "client_certificate", "no client certificate"},
	{"foreign", TLS12, "unknown ca", "client_certificate", "issuer is unknown"},
	{"foreign", TLS13, "unknown ca", "client_certificate", "issuer is unknown"},
	/* What curl makes of the alert "certificate expired". */
	{"expired", TLS12, "certificate verification failed", "client_certificate", "expired"},
	{"expired", TLS13, "certificate expired", "client_certificate", "expired"},
	{"server-only", TLS12, "unsupported certificate", "client_certificate", "purpose"},
	{"server-only", TLS13, "unsupported certificate", "client_certificate", "purpose"},
	{"client", CURL_SSLVERSION_TLSv1_1 | CURL_SSLVERSION_MAX_TLSv1_1, "protocol version",
		"handshake", "a version of TLS before 1.2"},
};

START_TEST(http_tls__a_failed_handshake_leaves_traces)
{
	char heard[CURL_ERROR_SIZE] = "", *said;
	long before = refusals(refused[_i].counted);
	CURL *c = client(refused[_i].cert);

	curl_easy_setopt(c, CURLOPT_SSLVERSION, refused[_i].tls_version);
	curl_easy_setopt(c, CURLOPT_SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0"); /* for TLS 1.1 */
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, heard);
	capture_begin();
	ck_assert_int_ne(ask(c, "{}", 2).rc, CURLE_OK);
	curl_easy_cleanup(c);
	while (refusals(refused[_i].counted) == before)
		usleep(1000);
	said = capture_end();
	ck_assert_msg(strstr(heard, refused[_i].heard) != NULL, "heard: %s", heard);
	ck_assert_msg(strstr(said, refused[_i].logged) != NULL, "logged: %s", said);
	ck_assert_ptr_nonnull(strstr(said, "\"event\":\"tls_client_refused\""));
	ck_assert_ptr_nonnull(strstr(said, "\"peer\":\"127.0.0.1\""));
	ck_assert_int_eq(refusals(refused[_i].counted), before + 1);
	free(said);
}
END_TEST

/* The most common fault of a registration: the API server does not know our authority. */
START_TEST(http_tls__a_client_that_does_not_trust_us_is_told_of)
{
	const long versions[] = {TLS12, TLS13};
	long before = refusals("by_client");
	CURL *c = client("client");
	char *said;

	curl_easy_setopt(c, CURLOPT_CAINFO, file("foreign.crt"));
	curl_easy_setopt(c, CURLOPT_SSLVERSION, versions[_i]);
	capture_begin();
	ck_assert_int_ne(ask(c, "{}", 2).rc, CURLE_OK);
	curl_easy_cleanup(c);
	while (refusals("by_client") == before)
		usleep(1000);
	said = capture_end();
	ck_assert_ptr_nonnull(strstr(said, "\"event\":\"tls_refused_by_client\""));
	ck_assert_ptr_nonnull(strstr(said, "caBundle"));
	free(said);
}
END_TEST

START_TEST(http_tls__plain_http_is_told_where_it_is)
{
	struct raw_answer a;
	long before = refusals("not_tls");
	int fd = raw_connect(http_server_address(server));

	raw_send_str(fd, "POST /who HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_read(fd, &a);
	ck_assert_int_eq(a.status, 400);
	ck_assert_ptr_nonnull(strstr(a.body, "https://"));
	ck_assert_int_eq(refusals("not_tls"), before + 1);
	close(fd);
}
END_TEST

/* A load balancer's probe is no refusal. */
START_TEST(http_tls__who_says_nothing_is_not_counted)
{
	long before = refusals("handshake") + refusals("not_tls") + refusals("client_certificate") +
		      refusals("by_client");

	for (int i = 0; i < 5; i++)
		close(raw_connect(http_server_address(server)));
	ck_assert_str_eq(ask_as("client", TLS13).text, "client:2");
	ck_assert_int_eq(refusals("handshake") + refusals("not_tls") +
				 refusals("client_certificate") + refusals("by_client"),
		before);
}
END_TEST

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

/* ---- rotation ---- */

/* Asks until the answer to a new connection is as wanted, up to five seconds. */
static bool eventually(const char *cert, bool gets_in)
{
	for (int i = 0; i < 100; i++) {
		if ((ask_as(cert, TLS13).rc == CURLE_OK) == gets_in)
			return true;
		usleep(50000);
	}
	return false;
}

START_TEST(http_tls__certificates_are_exchanged_while_running)
{
	CURL *kept = client("client");
	long made;
	ck_assert_int_eq(ask(kept, "{}", 2).rc, CURLE_OK);

	/* First the client CA, then the server's own certificate: both signed by another CA. */
	test_cert_write(&other_ca, file("ca.crt"), NULL);
	make("server", GNUTLS_KP_TLS_WWW_SERVER, &other_ca, 0);
	ck_assert_msg(eventually("foreign", true), "the new client CA is not in use");
	ck_assert_msg(eventually("client", false), "the old client CA is still in use");
	/* Who was there before goes on undisturbed. */
	ck_assert_int_eq(ask(kept, "{}", 2).rc, CURLE_OK);
	curl_easy_getinfo(kept, CURLINFO_NUM_CONNECTS, &made);
	ck_assert_int_eq(made, 0);
	curl_easy_cleanup(kept);
}
END_TEST

/* result: 0 is ok, 1 is failed. */
static int64_t reloads(unsigned result)
{
	size_t count;
	struct metric *m = http_server_metrics(&count)[0];

	while (m->name && strcmp(m->name, "holdpoint_http_tls_reloads_total") != 0)
		m++;
	return atomic_load(&m->value[result]);
}

static void wait_for_reload(unsigned result, int64_t before)
{
	for (int i = 0; i < 10000 && reloads(result) == before; i++)
		usleep(1000);
	ck_assert_int_gt(reloads(result), before);
}

START_TEST(http_tls__files_that_do_not_fit_change_nothing)
{
	int64_t failed = reloads(1);
	struct test_cert c;
	const struct test_cert_spec spec = {"server", GNUTLS_KP_TLS_WWW_SERVER, &other_ca, 0};
	test_cert_make(&spec, &c);
	test_cert_write(&c, NULL, file("server.key")); /* a key without its certificate */
	wait_for_reload(1, failed);
	ck_assert_int_eq(ask_as("client", TLS13).rc, CURLE_OK);
	const gnutls_datum_t junk = {(unsigned char *)"junk", 4};
	test_write_file(file("ca.crt.2"), &junk);
	failed = reloads(1);
	ck_assert_int_eq(rename(file("ca.crt.2"), file("server.crt")), 0);
	wait_for_reload(1, failed);
	ck_assert_int_eq(ask_as("client", TLS13).rc, CURLE_OK);
	test_cert_free(&c);
}
END_TEST

/* As kubelet does: files are links to ..data/FILE, and ..data is a link that is replaced. */
START_TEST(http_tls__kubernetes_swaps_links)
{
	char path[256], old[64], target[64];
	http_server_stop(server, 0);
	const char *names[] = {"server.crt", "server.key", "ca.crt"};
	for (int generation = 1; generation <= 2; generation++) {
		snprintf(target, sizeof(target), "..gen%d", generation);
		ck_assert_int_eq(mkdir(file(target), 0755), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/..gen1/%s", dir, names[i]);
		ck_assert_int_eq(rename(file(names[i]), path), 0);
		snprintf(old, sizeof(old), "..data/%s", names[i]);
		ck_assert_int_eq(symlink(old, file(names[i])), 0);
	}
	ck_assert_int_eq(symlink("..gen1", file("..data")), 0);
	start(true);
	ck_assert_int_eq(ask_as("client", TLS13).rc, CURLE_OK);

	make("..gen2/server", GNUTLS_KP_TLS_WWW_SERVER, &other_ca, 0);
	test_cert_write(&other_ca, file("..gen2/ca.crt"), NULL);
	ck_assert_int_eq(symlink("..gen2", file("..data_tmp")), 0);
	ck_assert_int_eq(rename(file("..data_tmp"), file("..data")), 0);
	ck_assert_msg(eventually("foreign", true), "the swapped links were not noticed");
}
END_TEST

static _Atomic bool stop_asking;

static void *ask_all_the_time(void *arg)
{
	intptr_t failures = 0;
	(void)arg;
	while (!atomic_load(&stop_asking))
		failures += ask_as("client", TLS13).rc != CURLE_OK;
	return (void *)failures;
}

START_TEST(http_tls__rotation_under_load_fails_no_call)
{
	pthread_t threads[3];
	atomic_store(&stop_asking, false);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_all_the_time, NULL), 0);
	for (int i = 0; i < 5; i++) {
		const int64_t before = reloads(0);

		make("server", GNUTLS_KP_TLS_WWW_SERVER, &ca, 0);
		wait_for_reload(0, before);
	}
	atomic_store(&stop_asking, true);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *failures;
		pthread_join(threads[i], &failures);
		ck_assert_int_eq((intptr_t)failures, 0);
	}
}
END_TEST

/* ---- starting ---- */

static const struct {
	const char *expected;
	const char *cert, *key, *ca;
} bad_files[] = {
	{"does not fit the certificate", "server.crt", "client.key", "ca.crt"},
	{"missing.crt: No such file or directory", "missing.crt", "server.key", "ca.crt"},
	{"server.key", "server.key", "server.key", "ca.crt"},
	{"no certificate in it", "server.crt", "server.key", "server.key"},
	{"must be given together", "server.crt", NULL, NULL},
	{"needs a TLS certificate", NULL, NULL, "ca.crt"},
};

START_TEST(http_tls__bad_files_are_told_at_the_start)
{
	struct http_server *s = NULL;
	struct err e;
	struct http_server_config c = config(true);
	c.tls_cert_file = bad_files[_i].cert ? file(bad_files[_i].cert) : NULL;
	c.tls_private_key_file = bad_files[_i].key ? file(bad_files[_i].key) : NULL;
	c.client_ca_file = bad_files[_i].ca ? file(bad_files[_i].ca) : NULL;
	ck_assert_int_eq(http_server_start(&c, &s, &e), -1);
	ck_assert_msg(strstr(e.msg, bad_files[_i].expected) != NULL, "%s", e.msg);
}
END_TEST

int main(void)
{
	curl_global_init(CURL_GLOBAL_ALL);
	TCase *t = tcase_create("http_tls");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, http_tls__who_gets_in, 0, ARRAY_LEN(clients));
	tcase_add_test(t, http_tls__without_a_client_ca_nobody_has_a_name);
	tcase_add_test(t, http_tls__old_versions_are_refused);
	tcase_add_loop_test(t, http_tls__a_failed_handshake_leaves_traces, 0, ARRAY_LEN(refused));
	tcase_add_loop_test(t, http_tls__a_client_that_does_not_trust_us_is_told_of, 0, 2);
	tcase_add_test(t, http_tls__plain_http_is_told_where_it_is);
	tcase_add_test(t, http_tls__who_says_nothing_is_not_counted);
	tcase_add_test(t, http_tls__large_bodies_and_keep_alive);
	tcase_add_test(t, http_tls__too_large_is_told);
	tcase_add_test(t, http_tls__a_handshake_that_hangs_is_cut);
	tcase_add_loop_test(t, http_tls__bursts_are_answered_whole, 0, ARRAY_LEN(bursts));
	tcase_add_test(t, http_tls__bursts_on_many_connections_do_not_mix);
	tcase_add_test(t, http_tls__certificates_are_exchanged_while_running);
	tcase_add_test(t, http_tls__files_that_do_not_fit_change_nothing);
	tcase_add_test(t, http_tls__kubernetes_swaps_links);
	tcase_add_test(t, http_tls__rotation_under_load_fails_no_call);
	tcase_add_loop_test(t, http_tls__bad_files_are_told_at_the_start, 0, ARRAY_LEN(bad_files));
	int rc = run_tests(t);
	curl_global_cleanup();
	return rc;
}
