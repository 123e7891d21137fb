/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>

#include "common/base/hex.h"
#include "support/run_tests.h"

START_TEST(hex__value_of_every_byte)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	for (int c = -128; c < 128; c++) {
		const char *p = c ? strchr(digits, c) : NULL;
		int expected = !p		 ? -1
			       : p - digits < 16 ? (int)(p - digits)
						 : (int)(p - digits) - 6;

		ck_assert_int_eq(hex_value((char)c), expected);
		ck_assert_int_eq(is_hex_digit((char)c), expected >= 0);
	}
}
END_TEST

static const struct {
	int expected;
	struct span text;
} fours[] = {{0x0000, SPAN("0000")}, {0xd83d, SPAN("d83D")}, {0xffff, SPAN("FFFFff")},
	{-1, SPAN("123")}, {-1, SPAN("12 4")}, {-1, SPAN("")}, {-1, SPAN("g000")}};

START_TEST(hex__four_digits)
{
	struct span s = fours[_i].text;

	ck_assert_int_eq(hex_value4(s.ptr, s.ptr + s.len), fours[_i].expected);
}
END_TEST

START_TEST(hex__write)
{
	char out[8] = "";

	ck_assert_ptr_eq(hex_write(out, "\x00\x9f\xff", 3), out + 6);
	ck_assert_str_eq(out, "009fff");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hex");

	tcase_add_test(t, hex__value_of_every_byte);
	tcase_add_loop_test(t, hex__four_digits, 0, ARRAY_LEN(fours));
	tcase_add_test(t, hex__write);
	return run_tests(t);
}
