/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <time.h>

#include "cli/when.h"
#include "common/base/local_time.h"
#include "support/run_tests.h"

#define NOW_MS INT64_C(1774789449000) /* 2026-03-29 13:04:09 UTC: Berlin lost an hour at 01:00 */

/* clang-format off */
static const struct {
	const char *since, *until, *zone, *text;
} rows[] = {
	{"2026-03-29 12:04:09", "2026-03-29 12:04:09", "UTC", "1h"},
	{"2026-03-22 13:04:09", "2026-03-22 13:04:09", "UTC", "7d"},
	{"2026-03-29 00:00:00", "2026-03-30 00:00:00", "UTC", "today"},
	{"2026-03-28 00:00:00", "2026-03-29 00:00:00", "UTC", "yesterday"},
	{"2026-03-28 00:00:00", "2026-03-29 00:00:00", "Europe/Berlin", "Yesterday"},
	{"2026-03-29 00:00:00", "2026-03-30 00:00:00", "Europe/Berlin", "2026-03-29"},
	{"2026-03-27 00:00:00", "2026-03-28 00:00:00", "UTC", "2026-03-27"},
	{"2024-02-29 00:00:00", "2024-03-01 00:00:00", "UTC", "2024-02-29"},
	{"2026-03-27 16:04:00", "2026-03-27 16:05:00", "UTC", "2026-03-27 16:04"},
	{"2026-03-27 16:04:09", "2026-03-27 16:04:10", "America/Sao_Paulo", "2026-03-27T16:04:09"},
	{"2026-03-29 09:30:00", "2026-03-29 09:31:00", "UTC", "09:30"},
	{"2026-02-01 00:00:00", "2026-03-01 00:00:00", "UTC", "2026-02"},
	{"2025-10-01 00:00:00", "2026-01-01 00:00:00", "Europe/Berlin", "2025-Q4"},
	{"2026-01-01 00:00:00", "2026-04-01 00:00:00", "UTC", "2026-q1"},
	{"2026-03-27 15:04:09", "2026-03-27 15:04:09", "UTC", "2026-03-27T16:04:09+01:00"},
	{"2026-03-30 00:00:00", "2026-03-31 00:00:00", "UTC", "2026-03-30"},
	{"2026-03-29 23:00:00", "2026-03-29 23:01:00", "UTC", "23:00"},
	{"1970-01-01 00:00:00", "1970-01-01 00:00:00", "UTC", "1969-12-31T23:59:59Z"},
	{NULL, NULL, "UTC", ""}, {NULL, NULL, "UTC", "tomorrow?"}, {NULL, NULL, "UTC", "2026-02-30"},
	{NULL, NULL, "UTC", "2026-13"}, {NULL, NULL, "UTC", "2026-Q5"}, {NULL, NULL, "UTC", "2026-Q0"},
	{NULL, NULL, "UTC", "25:00"}, {NULL, NULL, "UTC", "2026-01-02 16:61"},
	{NULL, NULL, "UTC", "2026-01-02 16:04 CET"}, {NULL, NULL, "UTC", "2026-1-2"},
	{NULL, NULL, "UTC", "-1h"}, {NULL, NULL, "UTC", "2026"}, {NULL, NULL, "UTC", "-0:-1"},
};
/* clang-format on */

static void check_edge(const char *expected, const char *text, enum when_edge edge)
{
	char got[LOCAL_TIME_MAX];
	struct err e;
	int64_t ms = 0;

	if (!expected) {
		ck_assert_int_eq(when_read(text, NOW_MS, edge, &ms, &e), -1);
		ck_assert_ptr_nonnull(strstr(e.msg, "yesterday"));
		return;
	}
	if (when_read(text, NOW_MS, edge, &ms, &e) < 0)
		ck_abort_msg("%s", e.msg);
	ck_assert_str_eq(local_time(ms > 0 ? ms : NOW_MS + ms, got), expected);
	ck_assert_int_eq(ms <= 0, strpbrk(text, "hd") && !strchr(text, 'y'));
}

START_TEST(when__reads_what_people_say)
{
	ck_assert_int_eq(setenv("TZ", rows[_i].zone, 1), 0);
	tzset();
	check_edge(rows[_i].since, rows[_i].text, WHEN_SINCE);
	check_edge(rows[_i].until, rows[_i].text, WHEN_UNTIL);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("when");

	tcase_add_loop_test(t, when__reads_what_people_say, 0, (int)ARRAY_LEN(rows));
	return run_tests(t);
}
