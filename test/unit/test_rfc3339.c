/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "auditsink/event_row.h"
#include "common/base/rfc3339.h"
#include "support/run_tests.h"

static const struct {
	int expected; /* 0: a time, -1: none */
	int64_t us;
	const char *text;
} rows[] = {
	{0, 0, "1970-01-01T00:00:00Z"},
	{0, 1, "1970-01-01T00:00:00.000001Z"},
	{0, -1, "1969-12-31T23:59:59.999999Z"},
	{0, 951782400000000, "2000-02-29T00:00:00Z"},
	{0, 1795393053123456, "2026-11-23T00:17:33.123456Z"},
	{0, 1795393053123456, "2026-11-23T00:17:33.123456789Z"},
	{0, 1795393053100000, "2026-11-23T00:17:33.1Z"},
	{0, 1795393053000000, "2026-11-23T01:17:33+01:00"},
	{0, 1795393053000000, "2026-11-22T18:47:33-05:30"},
	{0, 1483228800000000, "2016-12-31T23:59:60Z"},
	{0, -62135596800000000, "0001-01-01T00:00:00Z"},
	{0, 253402300799000000, "9999-12-31T23:59:59Z"},
	{0, -2203891200000000, "1900-03-01T00:00:00Z"},
	{0, -62135593201000000, "0000-12-31T23:59:59-01:00"},
	{-1, 0, "0001-01-01T00:00:00+00:01"},
	{-1, 0, "9999-12-31T23:59:59-00:01"},
	{-1, 0, "9999-12-31T23:59:60Z"},
	{-1, 0, ""},
	{-1, 0, "null"},
	{-1, 0, "0000-01-01T00:00:00Z"},
	{-1, 0, "1900-02-29T00:00:00Z"},
	{-1, 0, "2026-13-01T00:00:00Z"},
	{-1, 0, "2026-00-01T00:00:00Z"},
	{-1, 0, "2026-04-31T00:00:00Z"},
	{-1, 0, "2026-01-00T00:00:00Z"},
	{-1, 0, "2026-01-01T24:00:00Z"},
	{-1, 0, "2026-01-01T00:60:00Z"},
	{-1, 0, "2026-01-01T00:00:61Z"},
	{-1, 0, "2026-01-01T00:00:00"},
	{-1, 0, "2026-01-01T00:00:00.Z"},
	{-1, 0, "2026-01-01T00:00:00.1"},
	{-1, 0, "2026-01-01 00:00:00Z"},
	{-1, 0, "2026-01-01T00:00:00z"},
	{-1, 0, "2026-01-01T00:00:00+0100"},
	{-1, 0, "2026-01-01T00:00:00+24:00"},
	{-1, 0, "2026-01-01T00:00:00Zx"},
	{-1, 0, "26-01-01T00:00:00Z"},
	{-1, 0, "12026-01-01T00:00:00Z"},
	{-1, 0, "-026-01-01T00:00:00Z"},
	{-1, 0, "2026-01-01"},
};

START_TEST(rfc3339__table)
{
	struct rfc3339 t = {0};
	struct span text = span_of(rows[_i].text);
	int64_t us = 0;

	ck_assert_msg(rfc3339_parse(text, &t) == rows[_i].expected, "%s", rows[_i].text);
	ck_assert_int_eq(t.is_leap, strstr(rows[_i].text, ":60Z") && rows[_i].expected == 0);
	ck_assert_int_eq(event_time_us(text, &us), rows[_i].expected);
	ck_assert_msg(us == rows[_i].us, "%s: %lld", rows[_i].text, (long long)us);
}
END_TEST

START_TEST(rfc3339__nanoseconds)
{
	struct rfc3339 t = {0};

	ck_assert_int_eq(rfc3339_parse(SPAN("1969-12-31T23:59:59.1234567899Z"), &t), 0);
	ck_assert_int_eq(t.seconds, -1);
	ck_assert_uint_eq(t.nanos, 123456789);
}
END_TEST

START_TEST(rfc3339__days_in_order)
{
	int64_t days = civil_days(-400, 1, 1);

	for (int64_t year = -400; year <= 2400; year++)
		for (int month = 1; month <= 12; month++)
			for (int day = 1; day <= civil_days_in_month(year, month); day++, days++)
				if (civil_days(year, month, day) != days)
					ck_abort_msg("%d-%d-%d", (int)year, month, day);
	ck_assert_int_eq(civil_days(1970, 1, 1), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("rfc3339");

	tcase_add_loop_test(t, rfc3339__table, 0, ARRAY_LEN(rows));
	tcase_add_test(t, rfc3339__nanoseconds);
	tcase_add_test(t, rfc3339__days_in_order);
	return run_tests(t);
}
