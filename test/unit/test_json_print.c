/* SPDX-License-Identifier: Apache-2.0 */
/* JSON shown to people: what they see is what the bytes say. */
#include "common/base/utf8.h"
#include "support/run_tests.h"
#include "unit/json_support.h"

static const struct json_limits lenient = {1 << 20, 64, 100000, true, true};

static const char *shown(struct span text, const struct json_limits *limits)
{
	struct json_doc d;
	struct json_error e;

	if (read_copy(text, limits, &d, &e) < 0)
		ck_abort_msg("%.*s: %s", SPAN_FMT(text), e.what);
	buf_reset(&out);
	json_put_shown(&out, &d, JSON_ROOT);
	ck_assert_ptr_nonnull(buf_str(&out));
	return out.ptr;
}

static const struct {
	const char *expected;
	struct span text;
} values[] = {
	{"null", SPAN(" null ")},
	{"{}", SPAN("{ }")},
	{"[]", SPAN("[\n]")},
	{"{\n  \"a\": [\n    1,\n    {\n      \"b\": true\n    },\n    []\n  ],\n  \"c\": \"\"\n}",
		SPAN("{\"a\":[1,{\"b\":true},[]],\"c\":\"\"}")},
	/* numbers: digit for digit */
	{"18446744073709551616", SPAN("18446744073709551616")},
	{"-0", SPAN("-0")},
	{"1E+400", SPAN("1E+400")},
	{"0.1000000000000000055511151231257827", SPAN("0.1000000000000000055511151231257827")},
	/* strings: one spelling for one value */
	{"\"evil <&>/ \u00e9\U0001F600\"",
		SPAN("\"\\u0065vil \\u003c\\u0026\\u003e\\/ \\u00e9\\ud83d\\ude00\"")},
	{"\"\\\"\\\\\\b\\f\\n\\r\\t\"", SPAN("\"\\u0022\\u005c\\u0008\\f\\u000a\\r\\u0009\"")},
	{"\"a\\u0000b\\u001b[31m\"", SPAN("\"a\\u0000b\\u001b[31m\"")},
	{"\"\\\\u0000\"", SPAN("\"\\\\u0000\"")},
	{"\"\\u007f\\u0085\\u009b2J\"", SPAN("\"\x7f\xc2\x85\xc2\x9b"
					     "2J\"")},
	{"\"\\u202aA\\u202bB\\u202cC\\u202dD\\u202e\"", SPAN("\"\u202a"
							     "A\u202b"
							     "B\u202c"
							     "C\u202d"
							     "D\u202e\"")},
	{"\"\\u2066 \\u2067 \\u2068 \\u2069\"", SPAN("\"\u2066 \u2067 \u2068 \u2069\"")},
	{"\"\\u200e \\u200f \\u061c\"", SPAN("\"\u200e \u200f \u061c\"")},
	{"\"\\u200b\\u200c\\u200d\\u2060\\ufeff\\u00ad\"",
		SPAN("\"\u200b\u200c\u200d\u2060\ufeff\u00ad\"")},
	{"\"\\u2028 \\u2029\"", SPAN("\"\u2028 \u2029\"")},
	{"\"\\udb40\\udc01\\udb40\\udc41\"", SPAN("\"\U000E0001\U000E0041\"")},
	{"\"\\ufe0f\\u3164\\u115f\\u180e\"", SPAN("\"\ufe0f\u3164\u115f\u180e\"")},
	{"\"\u00fc \u4e2d \u05d0 \U0001F600\"", SPAN("\"\u00fc \u4e2d \u05d0 \U0001F600\"")},
	/* what looks like another value */
	{"\"e\\u0301 \u00e9 5\\u0336 \\u0301\\u0301\"",
		SPAN("\"e\u0301 \u00e9 5\u0336 \u0301\u0301\"")},
	{"\"a\\u00a0b\\u2009c\\u3000d\"", SPAN("\"a\u00a0b\u2009c\u3000d\"")},
	{"\"a\\u2215b\\u2024c\\uff0fd \\ud835\\udc1a\"",
		SPAN("\"a\u2215b\u2024c\uff0fd \U0001D41A\"")},
	{"\"\\u0430lice@corp \\u0441orp1 1\\u0435\"",
		SPAN("\"\u0430lice@corp \u0441orp1 1\u0435\"")},
	{"\"\\u0430lice\"", SPAN("\"\\u0430\\u006cice\"")},
	{"\"\u043d\u0435\u0442 web, \u03c0\u03b9\"",
		SPAN("\"\u043d\u0435\u0442 web,\\u0020\u03c0\u03b9\"")},
	/* keys: nothing beyond ASCII */
	{"{\n  \"image\": 1,\n  \"image\\u0000\": 2\n}", SPAN("{\"image\":1,\"image\\u0000\":2}")},
	{"{\n  \"caf\\u00e9\": 1,\n  \"cafe\\u0301\": 2\n}",
		SPAN("{\"caf\u00e9\":1,\"cafe\u0301\":2}")},
	{"{\n  \"im\\u0430ge\": \"im\\u0430ge\"\n}", SPAN("{\"im\u0430ge\":\"im\u0430ge\"}")},
	{"{\n  \"Image\": 1,\n  \"image\": 2\n}", SPAN("{\"Image\":1,\"\\u0069mage\":2}")},
	{"{\n  \"\\ud83d\\ude00\\\"\\n\": 1\n}", SPAN("{\"\U0001F600\\\"\\n\":1}")},
};

START_TEST(json_print__value_as_people_see_it)
{
	struct span text = values[_i].text;

	ck_assert_str_eq(shown(text, &usual), values[_i].expected);
}
END_TEST

/* What only the lenient reader takes: still all of it, in its order. */
START_TEST(json_print__duplicates_and_lone_surrogates)
{
	ck_assert_str_eq(
		shown(SPAN("{\"a\":1,\"a\":2}"), &lenient), "{\n  \"a\": 1,\n  \"a\": 2\n}");
	ck_assert_str_eq(shown(SPAN("\"\\ud800 \\udc00 \\uDBFF\\u0041\""), &lenient),
		"\"\\ud800 \\udc00 \\udbffA\"");
}
END_TEST

START_TEST(json_print__digits_without_end)
{
	char number[10001];

	memset(number, '7', 10000);
	number[10000] = 0;
	ck_assert_str_eq(shown(span_of(number), &usual), number);
}
END_TEST

/* Indentation stops somewhere, or a small text could fill any buffer. */
START_TEST(json_print__deep_is_not_wide)
{
	const struct json_limits deep = {1 << 20, 1000, 1 << 17, false, false};
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 20);

	for (int i = 0; i < 1000; i++)
		buf_add_char(&text, '[');
	for (int i = 0; i < 1000; i++)
		buf_add_char(&text, ']');
	shown(buf_span(&text), &deep);
	ck_assert_uint_lt(out.len, 2000 * 100);
}
END_TEST

START_TEST(json_print__string_without_quotes)
{
	struct json_doc d = read_ok("\"spec[\\\"a\\\\u0000\u00e9\\u202e\\\"].b\"");

	buf_reset(&out);
	json_put_shown_string(&out, &d, JSON_ROOT);
	ck_assert_str_eq(buf_str(&out), "spec[\"a\\u0000\\u00e9\\u202e\"].b");
}
END_TEST

static const struct {
	const char *expected;
	struct span text;
} lines[] = {
	{"{\"a\" : [1, \"\\u0041\u00e9\"]}", SPAN("{\"a\" : [1, \"\\u0041\u00e9\"]}")},
	{"{ \"a\": 1 }", SPAN("{\n\"a\":\t1\r}")},
	{"\"\\u202e\\u007f\\u009b\\udb40\\udc01\"", SPAN("\"\u202e\x7f\xc2\x9b\U000E0001\"")},
	{"\"\\ufffd\"", SPAN("\"\xff\"")},
};

START_TEST(json_print__line)
{
	buf_reset(&out);
	json_put_shown_line(&out, lines[_i].text);
	ck_assert_str_eq(buf_str(&out), lines[_i].expected);
	read_ok(out.ptr);
}
END_TEST

static bool is_harmless(struct span text)
{
	for (size_t i = 0, n; i < text.len; i += n) {
		uint32_t cp = 0;

		n = utf8_decode(text.ptr + i, text.ptr + text.len, &cp);
		if (n == 0 || (cp != '\n' && utf8_is_harmful(cp)))
			return false;
	}
	return true;
}

/* As a key and as a value: shown harmlessly, and the same when read again. */
static bool survives(uint32_t cp)
{
	char text[64], bytes[5] = "";
	struct json_doc d;
	bool ok;

	bytes[utf8_encode(cp, bytes)] = 0;
	buf_reset(&out);
	snprintf(text, sizeof(text), "{\"%s\":\"%s\"}", bytes, bytes);
	if (json_read(text, strlen(text), &usual, arena, &d, NULL) < 0)
		return false;
	json_put_shown(&out, &d, JSON_ROOT);
	ok = json_read(out.ptr, out.len, &usual, arena, &d, NULL) == 0 &&
	     json_string_is(&d, 1, span_of(bytes)) && json_string_is(&d, 2, span_of(bytes)) &&
	     is_harmless(buf_span(&out));
	arena_reset(arena);
	return ok;
}

START_TEST(json_print__every_code_point)
{
	for (uint32_t cp = 0x20; cp < 0x110000; cp++)
		if (cp != '"' && cp != '\\' && !(cp >= 0xd800 && cp <= 0xdfff) && !survives(cp))
			ck_abort_msg("U+%04X", cp);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("json_print");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, json_print__value_as_people_see_it, 0, ARRAY_LEN(values));
	tcase_add_test(t, json_print__duplicates_and_lone_surrogates);
	tcase_add_test(t, json_print__digits_without_end);
	tcase_add_test(t, json_print__deep_is_not_wide);
	tcase_add_test(t, json_print__string_without_quotes);
	tcase_add_loop_test(t, json_print__line, 0, ARRAY_LEN(lines));
	tcase_add_test(t, json_print__every_code_point);
	tcase_set_timeout(t, 60);
	return run_tests(t);
}
