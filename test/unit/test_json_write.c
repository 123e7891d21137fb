/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: writing it. */
#include "support/run_tests.h"
#include "unit/json_support.h"

START_TEST(json__put_string_is_always_valid_json)
{
	static const struct {
		const char *expected;
		struct span in;
	} rows[] = {
		{"\"\"", SPAN("")},
		{"\"\"", {NULL, 0}},
		{"\"hold 42\"", SPAN("hold 42")},
		{"\"\\\"\\\\/\\b\\f\\n\\r\\t\"", SPAN("\"\\/\b\f\n\r\t")},
		{"\"\\u0000\\u001f\x7f\"", SPAN("\0\x1f\x7f")},
		{"\"\xc3\xa9\xf0\x9f\x98\x80\"", SPAN("\xc3\xa9\xf0\x9f\x98\x80")},
		{"\"a\xef\xbf\xbd\"", SPAN("a\xff")},
		{"\"\xef\xbf\xbd"
		 "b\"",
			SPAN("\xe2"
			     "b")},
		{"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", SPAN("\xed\xa0\x80")},
		{"\"\xef\xbf\xbd\xef\xbf\xbd\"", SPAN("\xe2\x82")},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&out);
		json_put_string(&out, rows[i].in);
		ck_assert_str_eq(buf_str(&out), rows[i].expected);
		read_ok(buf_str(&out));
	}
}
END_TEST

START_TEST(json__put_key_sets_commas)
{
	buf_reset(&out);
	buf_add_char(&out, '{');
	json_put_key(&out, "a");
	json_put_int(&out, INT64_MIN);
	json_put_key(&out, "b\"");
	buf_add_str(&out, "{");
	json_put_key(&out, "c");
	buf_add_str(&out, "null}}");
	ck_assert_str_eq(buf_str(&out), "{\"a\":-9223372036854775808,\"b\\\"\":{\"c\":null}}");
}
END_TEST

START_TEST(json__put_edited_changes_only_what_it_is_told)
{
	struct json_doc d = read_ok(" { \"a\" : [1, \"two\" ,3], \"b\":{\"c\":true} }\n");
	json_ref a = json_get_str(&d, 0, "a"), b = json_get_str(&d, 0, "b");
	const struct json_edit edits[] = {
		{json_at(&d, a, 1), SPAN("\"[masked]\"")},
		{b, SPAN("null")},
		{json_get_str(&d, b, "c"), SPAN("\"ignored: inside an edited value\"")},
	};

	buf_reset(&out);
	json_put_edited(&out, &d, JSON_ROOT, edits, 3);
	ck_assert_str_eq(buf_str(&out), "{ \"a\" : [1, \"[masked]\" ,3], \"b\":null }");
	buf_reset(&out);
	json_put_edited(&out, &d, a, edits, 3);
	ck_assert_str_eq(buf_str(&out), "[1, \"[masked]\" ,3]");
	buf_reset(&out);
	json_put_edited(&out, &d, b, edits + 2, 1);
	ck_assert_str_eq(buf_str(&out), "{\"c\":\"ignored: inside an edited value\"}");
	buf_reset(&out);
	json_put_edited(&out, &d, json_at(&d, a, 1), edits, 3);
	ck_assert_str_eq(buf_str(&out), "\"[masked]\"");
	buf_reset(&out);
	json_put_edited(&out, &d, JSON_ROOT, NULL, 0);
	ck_assert_str_eq(buf_str(&out), "{ \"a\" : [1, \"two\" ,3], \"b\":{\"c\":true} }");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("json_write");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, json__put_string_is_always_valid_json);
	tcase_add_test(t, json__put_key_sets_commas);
	tcase_add_test(t, json__put_edited_changes_only_what_it_is_told);
	return run_tests(t);
}
