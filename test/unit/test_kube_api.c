/* SPDX-License-Identifier: Apache-2.0 */
/* Where the API server is that the webhook reads. */
#include <check.h>

#include "support/run_tests.h"
#include "webhook/cache/kube_api.h"

static const struct {
	const char *expected; /* "-": an error */
	const char *where, *host, *port;
} places[] = {
	{"https://10.0.0.1:443", "in-cluster", "10.0.0.1", "443"},
	{"https://[fd00::1]:6443", "in-cluster", "fd00::1", "6443"},
	{"-", "in-cluster", NULL, "443"},
	{"-", "in-cluster", "10.0.0.1", NULL},
	{"https://api.example.com", "https://api.example.com/", NULL, NULL},
	{"https://api.example.com/prefix", "https://api.example.com/prefix", NULL, NULL},
	{"-", "http://api.example.com", NULL, NULL},
	{"-", "https://", NULL, NULL},
	{"-", "api.example.com", NULL, NULL},
};

static void set_or_unset(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

START_TEST(kube_api__where_the_server_is)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(1000);
	struct kube_api_config config = {0};
	struct err e = {0};
	const bool good = places[_i].expected[0] != '-';

	set_or_unset("KUBERNETES_SERVICE_HOST", places[_i].host);
	set_or_unset("KUBERNETES_SERVICE_PORT", places[_i].port);
	ck_assert_int_eq(kube_api_locate(places[_i].where, &config, &text, &e), good ? 0 : -1);
	set_or_unset("KUBERNETES_SERVICE_HOST", NULL);
	set_or_unset("KUBERNETES_SERVICE_PORT", NULL);
	if (!good) {
		ck_assert_uint_gt(strlen(e.msg), 0);
		return;
	}
	ck_assert_str_eq(config.server, places[_i].expected);
	ck_assert_int_eq(config.token_file != NULL, strcmp(places[_i].where, "in-cluster") == 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("kube_api");

	tcase_add_loop_test(t, kube_api__where_the_server_is, 0, ARRAY_LEN(places));
	return run_tests(t);
}
