/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that change while the server runs. */
#include "unit/tls_support.h"

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

START_TEST(http_rotation__certificates_are_exchanged_while_running)
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

START_TEST(http_rotation__files_that_do_not_fit_change_nothing)
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
START_TEST(http_rotation__kubernetes_swaps_links)
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

START_TEST(http_rotation__rotation_under_load_fails_no_call)
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

START_TEST(http_rotation__bad_files_are_told_at_the_start)
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
	TCase *t = tcase_create("http_rotation");

	tcase_add_test(t, http_rotation__certificates_are_exchanged_while_running);
	tcase_add_test(t, http_rotation__files_that_do_not_fit_change_nothing);
	tcase_add_test(t, http_rotation__kubernetes_swaps_links);
	tcase_add_test(t, http_rotation__rotation_under_load_fails_no_call);
	tcase_add_loop_test(
		t, http_rotation__bad_files_are_told_at_the_start, 0, ARRAY_LEN(bad_files));
	return run_tls_tests(t);
}
