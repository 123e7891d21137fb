/* SPDX-License-Identifier: Apache-2.0 */
/* TLS handshakes: who gets in, under which name, and what is left of those that fail. */
#include "support/capture.h"
#include "unit/tls_support.h"

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

START_TEST(http_handshake__who_gets_in)
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

START_TEST(http_handshake__without_a_client_ca_nobody_has_a_name)
{
	http_server_stop(server, 0);
	start(false);
	ck_assert_str_eq(ask_as(NULL, TLS13).text, ":2");
	/* Not verified, so not believed. */
	ck_assert_str_eq(ask_as("foreign", TLS13).text, ":2");
}
END_TEST

START_TEST(http_handshake__old_versions_are_refused)
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

START_TEST(http_handshake__a_failed_handshake_leaves_traces)
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
START_TEST(http_handshake__a_client_that_does_not_trust_us_is_told_of)
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

START_TEST(http_handshake__plain_http_is_told_where_it_is)
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
START_TEST(http_handshake__who_says_nothing_is_not_counted)
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

int main(void)
{
	TCase *t = tcase_create("http_handshake");

	tcase_add_loop_test(t, http_handshake__who_gets_in, 0, ARRAY_LEN(clients));
	tcase_add_test(t, http_handshake__without_a_client_ca_nobody_has_a_name);
	tcase_add_test(t, http_handshake__old_versions_are_refused);
	tcase_add_loop_test(
		t, http_handshake__a_failed_handshake_leaves_traces, 0, ARRAY_LEN(refused));
	tcase_add_loop_test(t, http_handshake__a_client_that_does_not_trust_us_is_told_of, 0, 2);
	tcase_add_test(t, http_handshake__plain_http_is_told_where_it_is);
	tcase_add_test(t, http_handshake__who_says_nothing_is_not_counted);
	return run_tls_tests(t);
}
