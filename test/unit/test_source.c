/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auditsink/sink_metrics.h"
#include "auditsink/source.h"
#include "common/base/flags.h"
#include "support/run_tests.h"

static char token_file[] = "/tmp/holdpoint-token.XXXXXX";

static void setup(void)
{
	memset(token_file + sizeof(token_file) - 7, 'X', 6);
	int fd = mkstemp(token_file);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "t0ken-of-32-bytes-at-least-abcdef\n", 34), 34);
	close(fd);
}

static void teardown(void)
{
	unlink(token_file);
}

/* Sources are one string, separated by spaces: "a=1 b=2". */
static int make(const char *sources, bool certificates, bool token, struct source_table **ret,
	struct err *e)
{
	static char text[1000];
	struct flag_list list = {.count = 0};

	snprintf(text, sizeof(text), "%s", sources);
	for (char *p = strtok(text, " "); p; p = strtok(NULL, " "))
		list.items[list.count++] = p;
	return source_table_new(&(struct source_config){.sources = &list,
					.default_cluster = "main",
					.bearer_token_file = token ? token_file : NULL,
					.client_certificates = certificates},
		ret, e);
}

static const struct {
	enum source_verdict expected;
	const char *cluster; /* that was matched */
	const char *sources;
	bool certificates, token;
	const char *client, *authorization, *path;
} rows[] = {
	/* certificates */
	{SOURCE_OK, "main", "api=main", true, false, "api", NULL, "/audit"},
	{SOURCE_OK, "main", "api=main", true, false, "api", NULL, "/audit/main"},
	{SOURCE_OK, "b", "api=main api=b", true, false, "api", NULL, "/audit/b"},
	{SOURCE_OK, "b", "CN=api=b", true, false, "CN=api", NULL, "/audit/b"},
	{SOURCE_FORBIDDEN, NULL, "api=main", true, false, "api", NULL, "/audit/b"},
	{SOURCE_FORBIDDEN, NULL, "api=main other=b", true, false, "api", NULL, "/audit/b"},
	{SOURCE_FORBIDDEN, NULL, "api=b", true, false, "api", NULL, "/audit"},
	{SOURCE_FORBIDDEN, NULL, "api=main", true, false, "ap", NULL, "/audit"},
	{SOURCE_FORBIDDEN, NULL, "api=main", true, false, "apix", NULL, "/audit"},
	{SOURCE_FORBIDDEN, NULL, "api=main", true, false, "", NULL, "/audit"},
	{SOURCE_FORBIDDEN, NULL, "api=main", true, false, NULL, NULL, "/audit"},
	{SOURCE_FORBIDDEN, NULL, "api=main", true, false, "loopback", NULL, "/audit"},
	{SOURCE_NO_CLUSTER, NULL, "api=main", true, false, "api", NULL, "/audit/"},
	{SOURCE_NO_CLUSTER, NULL, "api=main", true, false, "api", NULL, "/audit/a/b"},
	{SOURCE_NO_CLUSTER, NULL, "api=main", true, false, "api", NULL, "/audit/a b"},
	{SOURCE_NO_CLUSTER, NULL, "api=main", true, false, "api", NULL, "/auditor"},
	/* a token */
	{SOURCE_OK, "main", "", false, true, NULL, "Bearer t0ken-of-32-bytes-at-least-abcdef",
		"/audit"},
	{SOURCE_OK, "main", "", false, true, NULL, "bearer t0ken-of-32-bytes-at-least-abcdef",
		"/audit"},
	{SOURCE_OK, "x", "bearer-token=x", false, true, NULL,
		"Bearer t0ken-of-32-bytes-at-least-abcdef", "/audit/x"},
	{SOURCE_FORBIDDEN, NULL, "bearer-token=x", false, true, NULL,
		"Bearer t0ken-of-32-bytes-at-least-abcdef", "/audit"},
	{SOURCE_UNKNOWN, NULL, "", false, true, NULL, NULL, "/audit"},
	{SOURCE_UNKNOWN, NULL, "", false, true, NULL, "", "/audit"},
	{SOURCE_UNKNOWN, NULL, "", false, true, NULL, "Bearer ", "/audit"},
	{SOURCE_UNKNOWN, NULL, "", false, true, NULL, "Bearer t0ken", "/audit"},
	{SOURCE_UNKNOWN, NULL, "", false, true, NULL, "Basic t0ken-of-32-bytes-at-least-abcdef",
		"/audit"},
	{SOURCE_UNKNOWN, NULL, "", false, true, NULL, "Bearer t0ken-of-32-bytes-at-least-abcdefg",
		"/audit"},
	{SOURCE_UNKNOWN, NULL, "", false, true, NULL, "Bearer t0ken", "/audit/nowhere"},
	/* both: one does not do for the other */
	{SOURCE_OK, "main", "api=main", true, true, "api",
		"Bearer t0ken-of-32-bytes-at-least-abcdef", "/audit"},
	{SOURCE_UNKNOWN, NULL, "api=main", true, true, "api", NULL, "/audit"},
	{SOURCE_FORBIDDEN, NULL, "api=main", true, true, "x",
		"Bearer t0ken-of-32-bytes-at-least-abcdef", "/audit"},
	/* nobody is asked: loopback only, for the default cluster or those named */
	{SOURCE_OK, "main", "", false, false, NULL, NULL, "/audit"},
	{SOURCE_OK, "b", "loopback=b", false, false, NULL, NULL, "/audit/b"},
	{SOURCE_FORBIDDEN, NULL, "", false, false, NULL, NULL, "/audit/b"},
	{SOURCE_FORBIDDEN, NULL, "api=main", false, false, "api", NULL, "/audit"},
};

START_TEST(source__table)
{
	_cleanup_(source_table_freep) struct source_table *t = NULL;
	struct source_match m = {0};
	struct err e;

	ck_assert_msg(make(rows[_i].sources, rows[_i].certificates, rows[_i].token, &t, &e) == 0,
		"row %d: %s", _i, e.msg);
	ck_assert_msg(source_check(t, span_of(rows[_i].client), span_of(rows[_i].authorization),
			      span_of(rows[_i].path), &m) == rows[_i].expected,
		"row %d", _i);
	if (rows[_i].expected == SOURCE_OK)
		ck_assert(span_eq_str(m.cluster, rows[_i].cluster));
}
END_TEST

START_TEST(source__bad_settings_name_the_flag)
{
	static const struct {
		const char *expected, *sources;
		bool certificates;
	} bad[] = {
		{"--source api: expected NAME=CLUSTER", "api", true},
		{"--source =b: the name", "=b", true},
		{"--source api=: a cluster's name", "api=", true},
		{"--source api=a/b: a cluster's name", "api=a/b", true},
		{"--client-ca-file needs --source", "", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct source_table *t;
		struct err e;

		ck_assert_int_eq(make(bad[i].sources, bad[i].certificates, false, &t, &e), -1);
		ck_assert_msg(
			strncmp(e.msg, bad[i].expected, strlen(bad[i].expected)) == 0, "%s", e.msg);
	}
}
END_TEST

START_TEST(source__an_empty_or_public_token_is_refused)
{
	struct source_table *t;
	struct err e;

	ck_assert_int_eq(chmod(token_file, 0644), 0);
	ck_assert_int_eq(make("", false, true, &t, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "--bearer-token-file"));
	ck_assert_int_eq(chmod(token_file, 0600), 0);
	ck_assert_int_eq(truncate(token_file, 0), 0);
	ck_assert_int_eq(make("", false, true, &t, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "--bearer-token-file"));
}
END_TEST

static bool metrics_hold(const char *line)
{
	static struct metric *const tables[] = {sink_metrics};
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);

	metrics_put(&out, tables, 1);
	return strstr(buf_str(&out), line) != NULL;
}

/* A source is one, whatever clusters it posts for; its longest pause stays. */
START_TEST(source__pauses_are_seen)
{
	struct source_match first, second, other;
	struct source_table *t;
	struct err e;

	ck_assert_int_eq(make("watched=a watched=b other=a", true, false, &t, &e), 0);
	ck_assert(metrics_hold("last_body_timestamp_seconds{source=\"watched\"} 0\n"));
	ck_assert_int_eq(
		source_check(t, SPAN("watched"), (struct span){NULL, 0}, SPAN("/audit/a"), &first),
		SOURCE_OK);
	ck_assert_int_eq(
		source_check(t, SPAN("watched"), (struct span){NULL, 0}, SPAN("/audit/b"), &second),
		SOURCE_OK);
	ck_assert_int_eq(
		source_check(t, SPAN("other"), (struct span){NULL, 0}, SPAN("/audit/a"), &other),
		SOURCE_OK);
	source_seen(t, &first, 1000000000, 10000000);
	source_seen(t, &other, 1001000000, 11000000);
	source_seen(t, &second, 1040000000, 50000000);
	/* The clock on the wall is set forward by an hour: no pause. */
	source_seen(t, &first, 4650000000, 60000000);
	source_seen(t, &other, 4603000000, 13000000);
	ck_assert(metrics_hold("last_body_timestamp_seconds{source=\"watched\"} 4650\n"));
	ck_assert(metrics_hold("longest_pause_seconds{source=\"watched\"} 40\n"));
	ck_assert(metrics_hold("longest_pause_seconds{source=\"other\"} 2\n"));
	source_table_free(t);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("source");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, source__table, 0, ARRAY_LEN(rows));
	tcase_add_test(t, source__pauses_are_seen);
	tcase_add_test(t, source__bad_settings_name_the_flag);
	tcase_add_test(t, source__an_empty_or_public_token_is_refused);
	return run_tests(t);
}
