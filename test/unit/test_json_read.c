/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is accepted and what is refused. */
#include "support/run_tests.h"
#include "unit/json_support.h"

/* ---- what is accepted and what is refused ---- */

enum verdict { YES, NO, LONE /* only with allow_lone_surrogates */, TWICE /* duplicate keys */ };

static const struct {
	enum verdict expected;
	struct span text;
} verdicts[] = {
#define ROW(v, literal)                                                                            \
	{                                                                                          \
		v,                                                                                 \
		{                                                                                  \
			literal, sizeof(literal) - 1                                               \
		}                                                                                  \
	}
	/* scalars at the root */
	ROW(YES, "null"),
	ROW(YES, "true"),
	ROW(YES, "false"),
	ROW(YES, "0"),
	ROW(YES, "\"\""),
	ROW(YES, " \t\r\n42 \t\r\n"),
	ROW(NO, ""),
	ROW(NO, " "),
	ROW(NO, "\n\t"),
	ROW(NO, "nul"),
	ROW(NO, "nulll"),
	ROW(NO, "NULL"),
	ROW(NO, "True"),
	ROW(NO, "tru"),
	ROW(NO, "t"),
	ROW(NO, "fals"),
	ROW(NO, "f"),
	ROW(NO, "n"),
	ROW(NO, "truefalse"),
	ROW(NO, "null null"),
	ROW(NO, "undefined"),
	ROW(NO, "NaN"),
	ROW(NO, "Infinity"),
	ROW(NO, "-Infinity"),
	ROW(NO, "1 2"),
	ROW(NO, "\xef\xbb\xbf{}"), /* byte order mark */
	ROW(NO, "\xef\xbb\xbf"),
	ROW(NO, "\0"),
	ROW(NO, "1\0"),
	ROW(NO, "{}\0"),
	ROW(NO, "\f1"),
	ROW(NO, "\v1"),
	ROW(NO, "\xc2\xa0"
		"1"), /* no-break space */
	ROW(NO, "\xe2\x81\xa0[]"),
	ROW(NO, "// comment\n1"),
	ROW(NO, "/* c */1"),
	ROW(NO, "# c\n1"),
	ROW(NO, "1 // c"),
	ROW(NO, "'a'"),
	ROW(NO, "a"),
	ROW(NO, "*"),
	ROW(NO, "\\u0041"),
	/* numbers */
	ROW(YES, "-0"),
	ROW(YES, "-1"),
	ROW(YES, "10"),
	ROW(YES, "123456789012345678901234567890"),
	ROW(YES, "0.5"),
	ROW(YES, "-0.0"),
	ROW(YES, "1.000000000000000000000000000001"),
	ROW(YES, "1e5"),
	ROW(YES, "1E5"),
	ROW(YES, "1e+5"),
	ROW(YES, "1e-5"),
	ROW(YES, "1e05"),
	ROW(YES, "0e0"),
	ROW(YES, "1.5e300"),
	ROW(YES, "1e999999999999"),
	ROW(NO, "-"),
	ROW(NO, "+1"),
	ROW(NO, "--1"),
	ROW(NO, "- 1"),
	ROW(NO, "-a"),
	ROW(NO, "01"),
	ROW(NO, "-01"),
	ROW(NO, "00"),
	ROW(NO, "-00"),
	ROW(NO, "1."),
	ROW(NO, "0."),
	ROW(NO, ".5"),
	ROW(NO, "-.5"),
	ROW(NO, "1.e5"),
	ROW(NO, "1e"),
	ROW(NO, "1e+"),
	ROW(NO, "1e-"),
	ROW(NO, "1e1.5"),
	ROW(NO, "1ee1"),
	ROW(NO, "1.2.3"),
	ROW(NO, "1e1e1"),
	ROW(NO, "0x1f"),
	ROW(NO, "0b1"),
	ROW(NO, "1_000"),
	ROW(NO, "1,000"),
	ROW(NO, "1f"),
	ROW(NO, "1L"),
	ROW(NO, "\xd9\xa1"), /* an Arabic digit */
	ROW(NO, "\xef\xbc\x91"),
	/* strings */
	ROW(YES, "\"a\""),
	ROW(YES, "\"0123456789abcdef\""),
	ROW(YES, "\"0123456789abcde\""),
	ROW(YES, "\"0123456789abcdef0123456789abcdef0\""),
	ROW(YES, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	ROW(YES, "\"\\u0041\\u00e9\\u20AC\\u20ac\""),
	ROW(YES, "\"\\u0000\""),
	ROW(YES, "\"\\u001f\""),
	ROW(YES, "\"\\ud83d\\ude00\""),
	ROW(YES, "\"\\uD83D\\uDE00\""),
	ROW(YES, "\"\\uffff\\ufffe\""),
	ROW(YES, "\"\x7f\""),
	ROW(YES, "\"/\""),
	ROW(YES, "\"\\\\u0041\""),
	ROW(YES, "\"\xc3\xa9\""),
	ROW(YES, "\"\xe2\x82\xac\""),
	ROW(YES, "\"\xf0\x9f\x98\x80\""),
	ROW(YES, "\"\xc2\x80\xdf\xbf\""),
	ROW(YES, "\"\xe0\xa0\x80\xef\xbf\xbf\""),
	ROW(YES, "\"\xed\x9f\xbf\xee\x80\x80\""),
	ROW(YES, "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
	ROW(YES, "\"0123456789abcd\xe2\x82\xac\""), /* across 16 bytes */
	ROW(YES, "\"\xe2\x80\xa8\xe2\x80\xa9\""),
	ROW(NO, "\""),
	ROW(NO, "\"a"),
	ROW(NO, "\"0123456789abcdef"),
	ROW(NO, "a\""),
	ROW(NO, "\"\\\""),
	ROW(NO, "\"\\"),
	ROW(NO, "\"\\a\""),
	ROW(NO, "\"\\v\""),
	ROW(NO, "\"\\0\""),
	ROW(NO, "\"\\x41\""),
	ROW(NO, "\"\\'\""),
	ROW(NO, "\"\\U0041\""),
	ROW(NO, "\"\\ \""),
	ROW(NO, "\"\\\n\""),
	ROW(NO, "\"\\\0\""),
	ROW(NO, "\"\\u\""),
	ROW(NO, "\"\\u1\""),
	ROW(NO, "\"\\u12\""),
	ROW(NO, "\"\\u123\""),
	ROW(NO, "\"\\u123g\""),
	ROW(NO, "\"\\u 123\""),
	ROW(NO, "\"\\u+123\""),
	ROW(NO, "\"\\u12"),
	ROW(NO, "\"\\u1234"),
	ROW(NO, "\"\n\""),
	ROW(NO, "\"\t\""),
	ROW(NO, "\"\r\""),
	ROW(NO, "\"\0\""),
	ROW(NO, "\"\x1f\""),
	ROW(NO, "\"0123456789abcdefg\x01\""),
	ROW(LONE, "\"\\ud800\""),
	ROW(LONE, "\"\\udc00\""),
	ROW(LONE, "\"\\ud800\\ud800\""),
	ROW(LONE, "\"\\udc00\\ud800\""),
	ROW(LONE, "\"\\ud800x\""),
	ROW(LONE, "\"\\ud800\\n\""),
	ROW(LONE, "\"\\ud800\\u0041\""),
	ROW(LONE, "\"\\ud800\\ud800\\udc00\""),
	ROW(LONE, "\"\\udfff\""),
	ROW(LONE, "{\"\\ud800\":1}"),
	ROW(NO, "\"\\ud800\\u\""),
	ROW(NO, "\"\\ud800\\u00\""),
	ROW(NO, "\"\\ud800\\"),
	/* bytes that are not UTF-8 */
	ROW(NO, "\"\x80\""),
	ROW(NO, "\"\xbf\""),
	ROW(NO, "\"\xc0\x80\""), /* overlong NUL */
	ROW(NO, "\"\xc1\xbf\""),
	ROW(NO, "\"\xc3\""),
	ROW(NO, "\"\xc3\x28\""),
	ROW(NO, "\"\xe2\x82\""),
	ROW(NO, "\"\xe2\x28\xa1\""),
	ROW(NO, "\"\xe0\x80\xaf\""), /* overlong slash */
	ROW(NO, "\"\xe0\x9f\xbf\""),
	ROW(NO, "\"\xed\xa0\x80\""), /* surrogates as bytes */
	ROW(NO, "\"\xed\xbf\xbf\""),
	ROW(NO, "\"\xf0\x8f\xbf\xbf\""),
	ROW(NO, "\"\xf0\x28\x8c\xbc\""),
	ROW(NO, "\"\xf0\x9f\x98\""),
	ROW(NO, "\"\xf4\x90\x80\x80\""), /* past U+10FFFF */
	ROW(NO, "\"\xf5\x80\x80\x80\""),
	ROW(NO, "\"\xf8\x88\x80\x80\x80\""),
	ROW(NO, "\"\xfe\""),
	ROW(NO, "\"\xff\xff\""),
	ROW(NO, "\"0123456789abcde\xc3"),
	ROW(NO, "\"0123456789abcde\xe2\x82"),
	ROW(NO, "{\"\xff\":1}"),
	ROW(NO, "\xc3\xa9"),
	/* arrays */
	ROW(YES, "[]"),
	ROW(YES, "[ ]"),
	ROW(YES, "[1]"),
	ROW(YES, "[1,2]"),
	ROW(YES, "[ 1 , 2 ]"),
	ROW(YES, "[[]]"),
	ROW(YES, "[[],[]]"),
	ROW(YES, "[null,true,\"a\",{},[],1.5]"),
	ROW(YES, "[1,1,1]"),
	ROW(NO, "["),
	ROW(NO, "]"),
	ROW(NO, "[1"),
	ROW(NO, "[1,"),
	ROW(NO, "[1,]"),
	ROW(NO, "[,]"),
	ROW(NO, "[,1]"),
	ROW(NO, "[1,,2]"),
	ROW(NO, "[1 2]"),
	ROW(NO, "[1]]"),
	ROW(NO, "[1}"),
	ROW(NO, "[[]"),
	ROW(NO, "[1:2]"),
	ROW(NO, "[\"a\":1]"),
	ROW(NO, "[\"a\",\n4\n,1,"),
	ROW(NO, "[x]"),
	ROW(NO, "[1,\n1\n,1"),
	ROW(NO, "[][]"),
	ROW(NO, "[3[4]]"),
	ROW(NO, "[\"\": 1]"),
	ROW(NO, "[\f]"),
	ROW(NO, "[1]x"),
	/* objects */
	ROW(YES, "{}"),
	ROW(YES, "{ }"),
	ROW(YES, "{\"a\":1}"),
	ROW(YES, "{ \"a\" : 1 , \"b\" : 2 }"),
	ROW(YES, "{\"a\":{\"a\":{\"a\":1}}}"),
	ROW(YES, "{\"\":0}"),
	ROW(YES, "{\"a\":[],\"b\":{}}"),
	ROW(YES, "{\"a\\u0000\":1,\"a\":2}"),
	ROW(YES, "{\"a\":1,\"A\":2}"),
	ROW(YES, "{\"ab\":1,\"a\":2,\"b\":3}"),
	ROW(YES, "[{\"a\":1},{\"a\":1}]"),
	ROW(YES, "{\"a\":{\"b\":1},\"b\":{\"a\":1}}"),
	ROW(NO, "{"),
	ROW(NO, "}"),
	ROW(NO, "{\"a\"}"),
	ROW(NO, "{\"a\":}"),
	ROW(NO, "{\"a\":1"),
	ROW(NO, "{\"a\":1,"),
	ROW(NO, "{\"a\":1,}"),
	ROW(NO, "{,\"a\":1}"),
	ROW(NO, "{\"a\" 1}"),
	ROW(NO, "{\"a\"::1}"),
	ROW(NO, "{\"a\":1 \"b\":2}"),
	ROW(NO, "{\"a\",1}"),
	ROW(NO, "{a:1}"),
	ROW(NO, "{'a':1}"),
	ROW(NO, "{1:1}"),
	ROW(NO, "{null:1}"),
	ROW(NO, "{[]:1}"),
	ROW(NO, "{\"a\":1]"),
	ROW(NO, "{\"a\":1}}"),
	ROW(NO, "{\"a\":1},"),
	ROW(NO, "{\"a\":1}{}"),
	ROW(NO, "{\"a"),
	ROW(NO, "{\"a\""),
	ROW(NO, "{\"a\":"),
	ROW(NO, "{\"a\":1/**/}"),
	ROW(NO, "{\"a\":\"b\"}#"),
	ROW(NO, "{]"),
	ROW(NO, "{:1}"),
	/* duplicate keys, also when only their spelling differs */
	ROW(TWICE, "{\"a\":1,\"a\":2}"),
	ROW(TWICE, "{\"a\":1,\"a\":1}"),
	ROW(TWICE, "{\"\":1,\"\":2}"),
	ROW(TWICE, "{\"a\":1,\"b\":2,\"a\":3}"),
	ROW(TWICE, "{\"a\":{\"x\":1,\"y\":[1,2]},\"b\":2,\"a\":3}"),
	ROW(TWICE, "{\"a\":1,\"\\u0061\":2}"),
	ROW(TWICE, "{\"\\u0061\":1,\"a\":2}"),
	ROW(TWICE, "{\"\\u0061\":1,\"\\u0061\":2}"),
	ROW(TWICE, "{\"a/b\":1,\"a\\/b\":2}"),
	ROW(TWICE, "{\"\\n\":1,\"\\u000a\":2}"),
	ROW(TWICE, "{\"\xc3\xa9\":1,\"\\u00e9\":2}"),
	ROW(TWICE, "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"),
	ROW(TWICE, "{\"a\\u0000\":1,\"a\\u0000\":2}"),
	ROW(TWICE, "{\"x\":1,\"\\u0061b\":2,\"y\":3,\"a\\u0062\":4}"),
	ROW(TWICE, "[[{\"k\":[{\"d\":1,\"d\":2}]}]]"),
#undef ROW
};

START_TEST(json__verdict_table)
{
	struct span text = verdicts[_i].text;
	enum verdict v = verdicts[_i].expected;
	struct json_limits lenient = usual;
	struct json_error e;
	struct json_doc d;

	ck_assert_msg((read_copy(text, &usual, &d, &e) == 0) == (v == YES), "row %d: %.*s", _i,
		SPAN_FMT(text));
	lenient.allow_lone_surrogates = true;
	ck_assert_msg((read_copy(text, &lenient, &d, &e) == 0) == (v == YES || v == LONE),
		"row %d, lone surrogates allowed: %.*s", _i, SPAN_FMT(text));
	lenient.allow_duplicate_keys = true;
	lenient.allow_lone_surrogates = false;
	ck_assert_msg((read_copy(text, &lenient, &d, &e) == 0) == (v == YES || v == TWICE),
		"row %d, duplicates allowed: %.*s", _i, SPAN_FMT(text));
}
END_TEST

/* Every prefix of a text that is not a value itself is refused, and never read past. */
START_TEST(json__every_prefix_is_refused)
{
	static const char text[] = "{\"a\":[1.5e3,\"x\\u00e9\\ud83d\\ude00 long enough for one "
				   "block\",true,null],\"\xe2\x82\xac\":{\"b\":false},\"c\":-0}";
	struct json_error e;
	struct json_doc d;

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		ck_assert_int_eq(read_copy((struct span){text, len}, &usual, &d, &e), -1);
	ck_assert_int_eq(read_copy((struct span){text, sizeof(text) - 1}, &usual, &d, &e), 0);
}
END_TEST

/* ---- one value of many ---- */

static const struct {
	int end; /* where the value ended, -1: refused, -2: refused for its size */
	const char *text;
} firsts[] = {
	{2, "{} ,{\"not\":looked at"},
	{8, " {\"a\":1} "},
	{2, "[]]"},
	{4, "true,false"},
	{2, "12,"},
	{2, "\"\"\""},
	{-1, "{\"a\":1,,}"},
	{-1, ",{}"},
	{-1, ""},
	{-1, "[1,\""},
	{20, "\"0123456789abcdefgh\" and more than twenty bytes"},
	{-2, "\"0123456789abcdefghi\""},
	{-2, "[[[[[[[[[[[[[[[[[[[[[[[["},
};

START_TEST(json__read_value_table)
{
	const struct json_limits twenty = {20, 64, 100, false, false};
	struct json_doc d = {.len = 0};
	struct json_error e = {.limit = false};
	char *copy = arena_strndup(arena, firsts[_i].text, strlen(firsts[_i].text));
	int rc = json_read_value(copy, strlen(copy), &twenty, arena, &d, &e);

	ck_assert_int_eq(rc, firsts[_i].end < 0 ? -1 : 0);
	if (rc == 0)
		ck_assert_uint_eq(d.len, (size_t)firsts[_i].end);
	ck_assert_int_eq(e.limit, firsts[_i].end == -2);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("json_read");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, json__verdict_table, 0, ARRAY_LEN(verdicts));
	tcase_add_test(t, json__every_prefix_is_refused);
	tcase_add_loop_test(t, json__read_value_table, 0, ARRAY_LEN(firsts));
	return run_tests(t);
}
