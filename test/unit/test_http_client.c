/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS requests: whom they trust, what they carry, where they end. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>

#include "common/http/client/http_client.h"
#include "common/http/client/http_client_internal.h"
#include "common/http/http_server.h"
#include "support/certs.h"
#include "support/run_tests.h"

static char dir[] = "/tmp/holdpoint-client-XXXXXX";
static struct test_cert ca, other_ca;
static struct http_server *server;
static struct http_client *client;
static struct buf body = BUF_INIT(1 << 20);
static struct http_client_answer answer;
static struct err error;

static const char *file(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

/* "POST ?… 5 bytes, Bearer x, as alice": what arrived. */
static void describe(struct http_request *r, void *userdata)
{
	struct span path = http_request_path(r), authorization, agent, name;
	struct span text;

	authorization = http_request_header(r, "authorization");
	agent = http_request_header(r, "user-agent");
	name = http_request_client_name(r);
	text = arena_printf(http_request_arena(r), "%s %zu, %zu bytes, [%.*s] [%.*s] [%.*s]",
		(const char *)userdata, path.len, http_request_body(r).len, SPAN_FMT(authorization),
		SPAN_FMT(agent), SPAN_FMT(name));
	http_reply(r, &(struct http_answer){.status = 200, .body = text});
}

static void busy(struct http_request *r, void *userdata)
{
	(void)userdata;
	http_reply(
		r, &(struct http_answer){.status = 429, .body = SPAN("later"), .retry_after_s = 7});
}

static struct http_request *_Atomic unanswered; /* until the test ends */

static void never(struct http_request *r, void *userdata)
{
	(void)userdata;
	ck_assert_int_eq(http_suspend(r), 0);
	unanswered = r;
}

static const struct http_route routes[] = {
	{"GET", "/any", true, NULL, describe, (void *)"GET"},
	{"POST", "/any", true, NULL, describe, (void *)"POST"},
	{"GET", "/busy", false, NULL, busy, NULL},
	{"GET", "/never", false, NULL, never, NULL},
	{0},
};

static void make(const char *crt, const char *key, const char *usage, const char *name)
{
	const struct test_cert_spec spec = {name, usage, &ca, 0};
	struct test_cert c;

	test_cert_make(&spec, &c);
	test_cert_write(&c, file(crt), file(key));
	test_cert_free(&c);
}

static void setup(void)
{
	const struct test_cert_spec root = {"test-ca", NULL, NULL, 0};
	const struct test_cert_spec foreign = {"other-ca", NULL, NULL, 0};
	struct http_server_config config = {.name = "test",
		.listen = "127.0.0.1:0",
		.threads = 1,
		.max_connections = 20,
		.max_suspended = 4,
		.max_head_bytes = 32 << 10,
		.max_body_bytes = 100000,
		.max_inflight_bytes = 250000,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 30,
		.routes = routes};

	ck_assert_ptr_nonnull(mkdtemp(dir));
	test_cert_make(&root, &ca);
	test_cert_make(&foreign, &other_ca);
	test_cert_write(&ca, file("ca.crt"), NULL);
	test_cert_write(&other_ca, file("other-ca.crt"), NULL);
	make("server.crt", "server.key", GNUTLS_KP_TLS_WWW_SERVER, "server");
	make("client.crt", "client.key", GNUTLS_KP_TLS_WWW_CLIENT, "alice");
	config.tls_cert_file = file("server.crt");
	config.tls_private_key_file = file("server.key");
	config.client_ca_file = file("ca.crt");
	ck_assert_msg(http_server_start(&config, &server, &error) == 0, "%s", error.msg);
	client = http_client_new();
	ck_assert_ptr_nonnull(client);
}

static void teardown(void)
{
	char command[128];

	http_client_free(client);
	if (unanswered)
		http_reply(unanswered, &(struct http_answer){.status = 200});
	unanswered = NULL;
	http_server_stop(server, 2000);
	buf_free(&body);
	test_cert_free(&ca);
	test_cert_free(&other_ca);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
	strcpy(dir, "/tmp/holdpoint-client-XXXXXX");
}

static const char *url(const char *path)
{
	static struct buf text = BUF_INIT(1 << 20);

	buf_reset(&text);
	buf_printf(&text, "https://%s", http_server_address(server));
	buf_add_str(&text, path);
	return buf_str(&text);
}

static struct http_client_request get(const char *path)
{
	return (struct http_client_request){.url = url(path),
		.ca_file = file("ca.crt"),
		.cert_file = file("client.crt"),
		.key_file = file("client.key"),
		.proxy = "",
		.total_ms = 5000};
}

static enum http_client_status run(const struct http_client_request *r)
{
	buf_reset(&body);
	error.msg[0] = 0;
	answer = (struct http_client_answer){0};
	return http_client_send(client, r, &body, false, &answer, &error);
}

static void answers(const struct http_client_request *r, const char *expected)
{
	ck_assert_msg(run(r) == HTTP_CLIENT_ANSWERED, "%s", error.msg);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_str_eq(buf_str(&body), expected);
}

static void fails(const struct http_client_request *r, enum http_client_status expected)
{
	ck_assert_int_eq(run(r), expected);
	ck_assert_uint_gt(strlen(error.msg), 0);
	ck_assert_int_eq(answer.status, 0);
}

START_TEST(http_client__get_and_post)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	struct http_client_request r = get("/any");

	answers(&r, "GET 4, 0 bytes, [] [holdpoint/" HOLDPOINT_VERSION "] [alice]");
	r.headers = headers;
	r.body = SPAN("12345");
	r.user_agent = "test";
	answers(&r, "POST 4, 5 bytes, [] [test] [alice]");
	r.body = SPAN("");
	answers(&r, "POST 4, 0 bytes, [] [test] [alice]");
	r.body = (struct span){0};
	answers(&r, "GET 4, 0 bytes, [] [test] [alice]");
}
END_TEST

START_TEST(http_client__identity_stays_with_its_request)
{
	struct http_client_request r = get("/any");

	r.user_agent = "t";
	r.bearer_token = (struct span){"secret-and-more", 6};
	answers(&r, "GET 4, 0 bytes, [Bearer secret] [t] [alice]");
	r.bearer_token = (struct span){0};
	r.username = SPAN("u");
	r.password = SPAN("p");
	answers(&r, "GET 4, 0 bytes, [Basic dTpw] [t] [alice]");
	r.username = r.password = (struct span){0};
	answers(&r, "GET 4, 0 bytes, [] [t] [alice]");
}
END_TEST

START_TEST(http_client__long_url_is_not_cut)
{
	char path[20001];
	struct http_client_request r;
	char expected[128];

	memset(path, 'x', sizeof(path) - 1);
	memcpy(path, "/any/", 5);
	path[sizeof(path) - 1] = 0;
	r = get(path);
	r.user_agent = "t";
	snprintf(expected, sizeof(expected), "GET %zu, 0 bytes, [] [t] [alice]", strlen(path));
	answers(&r, expected);
}
END_TEST

START_TEST(http_client__trust)
{
	struct http_client_request r = get("/any");

	r.ca_file = file("other-ca.crt");
	fails(&r, HTTP_CLIENT_FAILED);
	r.ca_file = file("none.crt");
	fails(&r, HTTP_CLIENT_FAILED);
	r.ca_file = NULL;
	fails(&r, HTTP_CLIENT_FAILED);
	r.ca_pem = SPAN("no certificate");
	fails(&r, HTTP_CLIENT_FAILED);
	r.ca_pem = (struct span){0};
	r.insecure = true;
	ck_assert_int_eq(run(&r), HTTP_CLIENT_ANSWERED);
	r.insecure = false;
	fails(&r, HTTP_CLIENT_FAILED);
	/* without a client certificate, the server ends it */
	r = get("/any");
	r.cert_file = r.key_file = NULL;
	ck_assert_int_ne(run(&r), HTTP_CLIENT_ANSWERED);
}
END_TEST

START_TEST(http_client__name_in_the_certificate)
{
	const char *port = strrchr(http_server_address(server), ':');
	struct http_client_request r = get("/any");
	char named[64];

	snprintf(named, sizeof(named), "https://localhost%s/any", port);
	r.url = named;
	r.user_agent = "t";
	fails(&r, HTTP_CLIENT_FAILED); /* the certificate is for 127.0.0.1 */
	r.tls_server_name = SPAN("127.0.0.1");
	answers(&r, "GET 4, 0 bytes, [] [t] [alice]");
	r.tls_server_name = SPAN("other.example");
	fails(&r, HTTP_CLIENT_FAILED);
}
END_TEST

START_TEST(http_client__only_https_and_only_urls)
{
	static const char *const urls[] = {"http://127.0.0.1:1/", "file:///etc/passwd", "https://",
		"https://a b/", "gopher://127.0.0.1/"};

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct http_client_request r = get("/any");

		r.url = urls[i];
		fails(&r, HTTP_CLIENT_FAILED);
		r.tls_server_name = SPAN("127.0.0.1");
		fails(&r, HTTP_CLIENT_FAILED);
	}
}
END_TEST

START_TEST(http_client__size_of_the_answer)
{
	_cleanup_(buf_free) struct buf small = BUF_INIT(8);
	struct http_client_request r = get("/any");

	ck_assert_int_eq(
		http_client_send(client, &r, &small, false, &answer, &error), HTTP_CLIENT_FAILED);
	ck_assert_str_eq(error.msg, "the answer is too large");
	buf_reset(&small);
	ck_assert_int_eq(
		http_client_send(client, &r, &small, true, &answer, &error), HTTP_CLIENT_ANSWERED);
	ck_assert_uint_eq(small.len, 8);
	ck_assert_int_eq(
		http_client_send(client, &r, NULL, false, &answer, &error), HTTP_CLIENT_ANSWERED);
}
END_TEST

static void count_retry_after(struct span line, void *userdata)
{
	*(unsigned *)userdata += line.len > 12 && strncasecmp(line.ptr, "retry-after:", 12) == 0;
}

START_TEST(http_client__status_and_headers)
{
	struct http_client_request r = get("/busy");
	unsigned seen = 0;

	r.header = count_retry_after;
	r.userdata = &seen;
	ck_assert_int_eq(run(&r), HTTP_CLIENT_ANSWERED);
	ck_assert_int_eq(answer.status, 429);
	ck_assert_int_eq(answer.retry_after_s, 7);
	ck_assert_uint_eq(seen, 1);
}
END_TEST

START_TEST(http_client__time_is_limited)
{
	struct http_client_request r = get("/never");

	r.total_ms = 200;
	fails(&r, HTTP_CLIENT_UNREACHABLE);
}
END_TEST

struct taken {
	char text[256];
	size_t most;
	unsigned asked;
};

static int take_some(long status, struct span bytes, void *userdata)
{
	struct taken *t = userdata;
	size_t len = strlen(t->text);

	ck_assert_int_eq(status, 200);
	snprintf(t->text + len, sizeof(t->text) - len, "%.*s", SPAN_FMT(bytes));
	return strlen(t->text) > t->most ? -1 : 0;
}

START_TEST(http_client__body_as_it_arrives)
{
	struct taken t = {.most = 200};
	struct http_client_request r = get("/any");

	r.take = take_some;
	r.userdata = &t;
	r.user_agent = "t";
	ck_assert_int_eq(run(&r), HTTP_CLIENT_ANSWERED);
	ck_assert_str_eq(t.text, "GET 4, 0 bytes, [] [t] [alice]");
	ck_assert_uint_eq(body.len, 0);
	t = (struct taken){.most = 3};
	fails(&r, HTTP_CLIENT_FAILED);
	ck_assert_str_eq(error.msg, "it was ended here");
}
END_TEST

static bool over_the_second_time(void *userdata)
{
	struct taken *t = userdata;

	return ++t->asked > 1;
}

START_TEST(http_client__ended_by_the_caller)
{
	struct taken t = {0};
	struct http_client_request r = get("/never");

	r.is_over = over_the_second_time;
	r.userdata = &t;
	r.total_ms = 30000;
	fails(&r, HTTP_CLIENT_FAILED);
	ck_assert_str_eq(error.msg, "it was ended here");
}
END_TEST

START_TEST(http_client__nobody_there)
{
	struct http_client_request r = get("/any");

	r.url = "https://127.0.0.1:1/path-that-is-secret";
	fails(&r, HTTP_CLIENT_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(error.msg, "127.0.0.1"));
	r.url_is_secret = true;
	fails(&r, HTTP_CLIENT_UNREACHABLE);
	ck_assert_ptr_null(strstr(error.msg, "127.0.0.1"));
	r.public_only = true;
	fails(&r, HTTP_CLIENT_PRIVATE);
}
END_TEST

static const struct {
	bool expected;
	const char *address;
} addresses[] = {
	{true, "8.8.8.8"},
	{true, "1.1.1.1"},
	{true, "172.15.0.1"},
	{true, "172.32.0.1"},
	{true, "2606:4700::1111"},
	{true, "::ffff:8.8.8.8"},
	{false, "127.0.0.1"},
	{false, "10.1.2.3"},
	{false, "172.16.0.1"},
	{false, "172.31.255.255"},
	{false, "192.168.0.1"},
	{false, "169.254.169.254"},
	{false, "100.64.0.1"},
	{false, "0.0.0.0"},
	{false, "224.0.0.1"},
	{false, "255.255.255.255"},
	{false, "::1"},
	{false, "::"},
	{false, "fd00::1"},
	{false, "fe80::1"},
	{false, "::ffff:10.0.0.1"},
	{false, "::ffff:127.0.0.1"},
	{false, "64:ff9b::a00:1"},
	{false, "2002:a00:1::"},
	{false, "ff02::1"},
	{false, "::ffff:0:10.0.0.1"}, /* translated by SIIT */
	{false, "::10.0.0.1"},
	{false, "3fff::1"},
	{false, "5f00::1"},
	{false, "192.88.99.1"},
	{false, "0100::1"},
	{false, "2001:db8::1"},
	{false, "198.51.100.1"},
	{false, "240.0.0.1"},
};

START_TEST(http_client__public_addresses)
{
	const char *text = addresses[_i].address;
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	bool is_six = strchr(text, ':') != NULL;

	ck_assert_int_eq(inet_pton(is_six ? AF_INET6 : AF_INET, text,
				 is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr),
		1);
	ck_assert_msg(
		http_address_is_public(is_six ? (struct sockaddr *)&six
					      : (struct sockaddr *)&four) == addresses[_i].expected,
		"%s", text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("http_client");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, http_client__get_and_post);
	tcase_add_test(t, http_client__identity_stays_with_its_request);
	tcase_add_test(t, http_client__long_url_is_not_cut);
	tcase_add_test(t, http_client__trust);
	tcase_add_test(t, http_client__name_in_the_certificate);
	tcase_add_test(t, http_client__only_https_and_only_urls);
	tcase_add_test(t, http_client__size_of_the_answer);
	tcase_add_test(t, http_client__status_and_headers);
	tcase_add_test(t, http_client__time_is_limited);
	tcase_add_test(t, http_client__body_as_it_arrives);
	tcase_add_test(t, http_client__ended_by_the_caller);
	tcase_add_test(t, http_client__nobody_there);
	tcase_add_loop_test(t, http_client__public_addresses, 0, ARRAY_LEN(addresses));
	return run_tests(t);
}
