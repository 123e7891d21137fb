/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a change: the same when they are the same number, however they are written. */
#include "support/run_tests.h"

#include <check.h>

#include "policy/review/change.h"

enum verdict { SAME, OTHER };

static const struct {
	enum verdict expected;
	const char *a, *b;
} pairs[] = {
	{SAME, "1", "1.0"},
	{SAME, "100", "1e2"},
	{SAME, "1E+2", "100.00"},
	{SAME, "0", "-0"},
	{SAME, "0.0e5", "0"},
	{SAME, "-12.50", "-125e-1"},
	{SAME, "0.001", "1e-3"},
	{OTHER, "1", "-1"},
	{OTHER, "10", "1"},
	{OTHER, "12.5", "125"},
	{OTHER, "12", "123"},
	{OTHER, "9007199254740993", "9007199254740992"},
	{OTHER, "0.1", "0.10000000000000000001"},
	/* Exponents that fit nowhere are compared as they are written. */
	{SAME, "1e99999999999999999999", "1e99999999999999999999"},
	{OTHER, "1e99999999999999999999", "1"},
	{OTHER, "1e99999999999999999999", "1e99999999999999999998"},
	{OTHER, "1e-99999999999999999999", "1e99999999999999999999"},
};

START_TEST(change_number__same_or_other)
{
	_cleanup_(buf_free) struct buf a = BUF_INIT(100), b = BUF_INIT(100);
	struct span x = span_of(pairs[_i].a), y = span_of(pairs[_i].b);
	bool same = pairs[_i].expected == SAME;

	ck_assert_msg(change_numbers_equal(x, y) == same, "%s, %s", pairs[_i].a, pairs[_i].b);
	ck_assert_msg(change_numbers_equal(y, x) == same, "%s, %s", pairs[_i].b, pairs[_i].a);
	/* And so are their fingerprints. */
	change_put_number(&a, x);
	change_put_number(&b, y);
	ck_assert_msg(
		span_eq(buf_span(&a), buf_span(&b)) == same, "%s, %s", buf_str(&a), buf_str(&b));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("change_number");

	tcase_add_loop_test(t, change_number__same_or_other, 0, ARRAY_LEN(pairs));
	return run_tests(t);
}
