/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/local_time.h"
#include "support/run_tests.h"

/* clang-format off */
static const struct {
	const char *expected, *zone;
	int64_t ms;
} rows[] = {
	{"2026-01-02 16:04:09 UTC", "UTC", 1767369849000},
	{"2026-01-02 17:04:09 CET", "Europe/Berlin", 1767369849999},
	{"2026-07-02 18:04:09 CEST", "Europe/Berlin", 1783008249000},
	{"2026-01-02 13:04:09 -03", "America/Sao_Paulo", 1767369849000},
	{"2026-01-02 21:49:09 +0545", "Asia/Kathmandu", 1767369849000},
	{"2026-01-02 16:04:09 UTC", "", 1767369849000},
	{"1969-12-31 23:59:59 UTC", "UTC", -1},
	{"0001-01-01 00:00:00 UTC", "UTC", -62135596800000},
	{"9999-12-31 23:59:59 UTC", "UTC", 253402300799999},
};
/* clang-format on */

static void zone_is(const char *zone)
{
	ck_assert_int_eq(setenv("TZ", zone, 1), 0);
	tzset();
}

START_TEST(local_time__is_the_readers)
{
	char text[LOCAL_TIME_MAX], without[LOCAL_TIME_MAX];

	zone_is(rows[_i].zone);
	ck_assert_str_eq(local_time_zone(rows[_i].ms, text), rows[_i].expected);
	*strrchr(text, ' ') = 0;
	ck_assert_str_eq(local_time(rows[_i].ms, without), text);
}
END_TEST

START_TEST(local_time__title_names_the_zone)
{
	char text[LOCAL_TIME_MAX];

	zone_is("UTC");
	ck_assert_str_eq(local_time_title("TIME", text), "TIME (UTC)");
	zone_is("Europe/Berlin");
	ck_assert_str_eq(local_time_title("STARTED", text), "STARTED (CET/CEST)");
	ck_assert_str_eq(local_time_of_day(1767369849123, text), "17:04:09.123");
}
END_TEST

START_TEST(local_time__utc_where_nobody_knows_the_reader)
{
	char text[LOCAL_TIME_MAX];

	zone_is("Europe/Berlin");
	ck_assert_str_eq(
		utc_time(span_of("2026-01-02T16:04:09.5Z"), text), "2026-01-02 16:04:09 UTC");
	ck_assert_str_eq(
		utc_time(span_of("2026-01-02T17:04:09+01:00"), text), "2026-01-02 16:04:09 UTC");
	ck_assert_str_eq(utc_time(span_of("<!channel>"), text), "?");
	ck_assert_str_eq(utc_time((struct span){0}, text), "?");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("local_time");

	tcase_add_loop_test(t, local_time__is_the_readers, 0, ARRAY_LEN(rows));
	tcase_add_test(t, local_time__title_names_the_zone);
	tcase_add_test(t, local_time__utc_where_nobody_knows_the_reader);
	return run_tests(t);
}
