/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "common/base/utf8.h"
#include "support/run_tests.h"

static const struct {
	size_t expected;
	struct span text;
} sequences[] = {
	{1, SPAN("a")},
	{1, SPAN("\0")},
	{1, SPAN("\x7f")},
	{2, SPAN("\xc2\x80")},
	{2, SPAN("\xdf\xbf and more")},
	{3, SPAN("\xe0\xa0\x80")},
	{3, SPAN("\xed\x9f\xbf")},
	{3, SPAN("\xef\xbf\xbf")},
	{4, SPAN("\xf0\x90\x80\x80")},
	{4, SPAN("\xf4\x8f\xbf\xbf")},
	/* a tail, longer than need be, a surrogate, beyond U+10FFFF, no such byte */
	{0, SPAN("\x80")},
	{0, SPAN("\xc0\x80")},
	{0, SPAN("\xc1\xbf")},
	{0, SPAN("\xe0\x9f\xbf")},
	{0, SPAN("\xf0\x8f\xbf\xbf")},
	{0, SPAN("\xed\xa0\x80")},
	{0, SPAN("\xf4\x90\x80\x80")},
	{0, SPAN("\xf5\x80\x80\x80")},
	{0, SPAN("\xff")},
	/* torn */
	{0, SPAN("\xc2")},
	{0, SPAN("\xe2\x82")},
	{0, SPAN("\xf0\x9f\x98")},
	{0, SPAN("\xc2z")},
	{0, SPAN("\xe2\x82z")},
	{0, SPAN("\xf0\x9f\x98z")},
};

START_TEST(utf8__sequence)
{
	struct span t = sequences[_i].text;

	ck_assert_uint_eq(utf8_sequence(t.ptr, t.ptr + t.len), sequences[_i].expected);
}
END_TEST

static const struct {
	const char *expected;
	struct span text;
	size_t max;
} cuts[] = {
	{"", SPAN("abc"), 0}, {"ab", SPAN("abc"), 2}, {"abc", SPAN("abc"), 3},
	{"abc", SPAN("abc"), 4}, {"a", SPAN("a\xc3\xa9z"), 2}, {"a\xc3\xa9", SPAN("a\xc3\xa9z"), 3},
	{"a", SPAN("a\xf0\x9f\x98\x80z"), 4}, {"a\xf0\x9f\x98\x80", SPAN("a\xf0\x9f\x98\x80z"), 5},
	{"", SPAN("\xf0\x9f\x98\x80"), 3},
	{"\x80\x80", SPAN("\x80\x80\x80\x80\x80\x80"), 5}, /* no text: cut all the same */
};

static const struct {
	const char *expected, *text;
} blanks[] = {
	{"caf\u00e9 \U0001F600\nb", "caf\u00e9 \U0001F600\nb"},
	{"a [2Jb", "a\x1b[2Jb"},
	{"a b c", "a\tb\x7f"
		  "c"},
	{"a  2Jb", "a\xc2\x9b"
		   "2Jb"}, /* CSI as one character */
	{"a   b   c", "a\u202e"
		      "b\u2066"
		      "c"}, /* overrides of direction */
	{"a   b", "a\u2028"
		  "b"},
	{"\xc2\xa0", "\xc2\xa0"},
	{"\xff ", "\xff\x01"},
};

START_TEST(utf8__blank_harmful)
{
	char text[64];
	snprintf(text, sizeof(text), "%s", blanks[_i].text);
	utf8_blank_harmful(text, strlen(text));
	ck_assert_str_eq(text, blanks[_i].expected);
}
END_TEST

static const struct {
	const char *expected, *text;
} printables[] = {
	{"", ""},
	{"caf\u00e9 \U0001F600", "caf\u00e9 \U0001F600"},
	{"a b c", "a\nb\tc"},
	{"?[2J?2J?", "\x1b[2J\xc2\x9b"
		     "2J\x7f"},
	{"a?b?", "a\u202eb\U000E0041"},
	{"??a", "\xff\xe2\x61"},
};

START_TEST(utf8__printable)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(64);
	char text[64];

	snprintf(text, sizeof(text), "%s", printables[_i].text);
	utf8_put_printable(&b, span_of(text));
	utf8_make_printable(text);
	ck_assert_str_eq(text, printables[_i].expected);
	ck_assert(span_eq_str(buf_span(&b), printables[_i].expected));
}
END_TEST

START_TEST(utf8__cut)
{
	struct span got = utf8_cut(cuts[_i].text, cuts[_i].max);

	ck_assert_msg(span_eq_str(got, cuts[_i].expected), "row %d: %.*s", _i, SPAN_FMT(got));
}
END_TEST

START_TEST(utf8__valid)
{
	struct span t = sequences[_i].text;
	bool whole = sequences[_i].expected == t.len;

	if (sequences[_i].expected == 0 || whole)
		ck_assert_int_eq(utf8_valid(t), whole);
	ck_assert(utf8_valid(SPAN("")));
}
END_TEST

START_TEST(utf8__encode_is_the_inverse_of_decode)
{
	for (uint32_t cp = 0; cp < 0x110000; cp++) {
		char bytes[4];
		size_t n = utf8_encode(cp, bytes);
		uint32_t again = 0;
		bool surrogate = cp >= 0xd800 && cp <= 0xdfff;

		if (utf8_decode(bytes, bytes + n, &again) != (surrogate ? 0 : n) ||
			(!surrogate &&
				(again != cp || utf8_at(bytes) != cp || utf8_len(bytes[0]) != n)))
			ck_abort_msg("U+%04X", cp);
	}
}
END_TEST

static const struct {
	bool expected;
	uint32_t cp;
} harmful[] = {
	{true, 0},
	{true, 0x1b},
	{true, 0x7f},
	{true, 0x9f},
	{true, 0xad},
	{true, 0x61c},
	{true, 0x200b},
	{true, 0x200f},
	{true, 0x2028},
	{true, 0x202e},
	{true, 0x2060},
	{true, 0x2069},
	{true, 0x3164},
	{true, 0xfeff},
	{true, 0xffff},
	{true, 0xe0041},
	{false, ' '},
	{false, '~'},
	{false, 0xa0},
	{false, 0xac},
	{false, 0xae},
	{false, 0x200a},
	{false, 0x2010},
	{false, 0x2027},
	{false, 0x202f},
	{false, 0x2070},
	{false, 0xfe0f},
	{false, 0xfffd},
	{false, 0x1f600},
	{false, 0x10fffd},
};

START_TEST(utf8__harmful)
{
	ck_assert_int_eq(utf8_is_harmful(harmful[_i].cp), harmful[_i].expected);
}
END_TEST

START_TEST(utf8__count_and_offset)
{
	struct span s = SPAN("a\u00e9\u4e2d\U0001F600");
	static const size_t offsets[] = {0, 1, 3, 6, 10};
	size_t off;

	ck_assert_uint_eq(utf8_count(s), 4);
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		ck_assert(utf8_offset(s, (int64_t)i, &off));
		ck_assert_uint_eq(off, offsets[i]);
	}
	ck_assert(!utf8_offset(s, 5, &off));
	ck_assert(!utf8_offset(s, -1, &off));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("utf8");

	tcase_add_loop_test(t, utf8__sequence, 0, ARRAY_LEN(sequences));
	tcase_add_loop_test(t, utf8__cut, 0, ARRAY_LEN(cuts));
	tcase_add_loop_test(t, utf8__blank_harmful, 0, ARRAY_LEN(blanks));
	tcase_add_loop_test(t, utf8__printable, 0, ARRAY_LEN(printables));
	tcase_add_loop_test(t, utf8__valid, 0, ARRAY_LEN(sequences));
	tcase_add_test(t, utf8__encode_is_the_inverse_of_decode);
	tcase_add_loop_test(t, utf8__harmful, 0, ARRAY_LEN(harmful));
	tcase_add_test(t, utf8__count_and_offset);
	return run_tests(t);
}
