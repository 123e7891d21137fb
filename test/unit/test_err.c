/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/err.h"
#include "support/run_tests.h"

START_TEST(err__every_function_takes_null_and_returns_minus_one)
{
	ck_assert_int_eq(err_set(NULL, "x"), -1);
	ck_assert_int_eq(err_set_errno(NULL, ENOENT, "x"), -1);
	ck_assert_int_eq(err_prefix(NULL, "x"), -1);
}
END_TEST

START_TEST(err__set_then_prefix_reads_from_the_outside_in)
{
	struct err e;

	ck_assert_int_eq(err_set(&e, "line %d: no such verb", 7), -1);
	ck_assert_int_eq(err_prefix(&e, "rule %s", "no-exec"), -1);
	ck_assert_int_eq(err_prefix(&e, "policy %s", "agents.yaml"), -1);
	ck_assert_str_eq(e.msg, "policy agents.yaml: rule no-exec: line 7: no such verb");
}
END_TEST

START_TEST(err__errno_adds_the_reason)
{
	struct err e;

	err_set_errno(&e, ENOENT, "open %s", "/etc/x.pem");
	ck_assert_str_eq(e.msg, "open /etc/x.pem: No such file or directory");
}
END_TEST

START_TEST(err__control_characters_cannot_move_a_cursor)
{
	struct err e;

	err_set(&e, "a\nb\x1b[2Jc\x7f");
	ck_assert_str_eq(e.msg, "a b?[2Jc?");
	err_set(&e, "gr\u00fcn \u202eb\xc2\x85\u200b\xff");
	ck_assert_str_eq(e.msg, "gr\u00fcn ?b???");
}
END_TEST

START_TEST(err__may_be_set_from_its_own_text)
{
	struct err e;

	err_set(&e, "inner");
	err_prefix(&e, "again %s", e.msg);
	ck_assert_str_eq(e.msg, "again inner: inner");
}
END_TEST

START_TEST(err__cut_never_tears_a_utf8_sequence)
{
	char text[2048];
	struct err e;

	/* U+20AC is three bytes: every phase of the cut is met as the run of 'x' grows. */
	for (size_t pad = 0; pad < 8; pad++) {
		size_t n = pad, len;

		memset(text, 'x', pad);
		while (n + 3 < sizeof(text)) {
			memcpy(text + n, "\xe2\x82\xac", 3);
			n += 3;
		}
		text[n] = '\0';
		err_set(&e, "%s", text);
		len = strlen(e.msg);
		ck_assert_uint_lt(len, ERR_MSG_MAX);
		ck_assert_uint_gt(len, ERR_MSG_MAX - 8);
		ck_assert_uint_eq((len - pad) % 3, 0);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("err");

	tcase_add_test(t, err__every_function_takes_null_and_returns_minus_one);
	tcase_add_test(t, err__set_then_prefix_reads_from_the_outside_in);
	tcase_add_test(t, err__errno_adds_the_reason);
	tcase_add_test(t, err__control_characters_cannot_move_a_cursor);
	tcase_add_test(t, err__may_be_set_from_its_own_text);
	tcase_add_test(t, err__cut_never_tears_a_utf8_sequence);
	return run_tests(t);
}
