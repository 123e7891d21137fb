/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: looking at what was read. */
#include "support/run_tests.h"
#include "unit/json_support.h"

START_TEST(json__nodes_carry_the_text)
{
	struct json_doc d = read_ok(" {\"a\" : [1.50, \"x\\ty\"], \"b\":{}} ");

	ck_assert(span_eq_str(json_text(&d, JSON_ROOT), "{\"a\" : [1.50, \"x\\ty\"], \"b\":{}}"));
	ck_assert_uint_eq(d.nodes[0].count, 2);
	ck_assert_uint_eq(json_next(&d, 0), d.node_count);
	ck_assert(span_eq_str(json_text(&d, json_pointer_str(&d, 0, "/a/0")), "1.50"));
	ck_assert(span_eq_str(json_text(&d, json_pointer_str(&d, 0, "/a/1")), "\"x\\ty\""));
	ck_assert(span_eq_str(json_raw_string(&d, json_pointer_str(&d, 0, "/a/1")), "x\\ty"));
	ck_assert(span_eq_str(json_text(&d, json_get_str(&d, 0, "b")), "{}"));
	ck_assert_int_eq(json_type(&d, json_get_str(&d, 0, "a")), JSON_ARRAY);
	ck_assert_int_eq(json_type(&d, json_get_str(&d, 0, "zz")), -1);
	ck_assert_ptr_null(json_raw_string(&d, 0).ptr);
	ck_assert_ptr_null(json_raw_string(&d, JSON_NONE).ptr);
}
END_TEST

START_TEST(json__strings_are_unescaped)
{
	struct json_doc d = read_ok("[\"plain\",\"\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"a\\u0000b\","
				    "\"\\u00e9\\u20ac\\ud83d\\ude00\\uffff!\",7]");
	static const struct span expected[] = {SPAN("plain"), SPAN(""), SPAN("\"\\/\b\f\n\r\t"),
		SPAN("a\0b"), SPAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf!")};

	for (uint32_t i = 0; i < ARRAY_LEN(expected); i++) {
		json_ref r = json_at(&d, 0, i);
		struct span s = json_string(&d, r, arena);

		ck_assert(span_eq(s, expected[i]));
		ck_assert(json_string_is(&d, r, expected[i]));
		ck_assert(!json_string_is(&d, r, SPAN("other")));
		ck_assert(!json_string_is(&d, r, (struct span){s.ptr, s.len ? s.len - 1 : 1}));
	}
	ck_assert_ptr_null(json_string(&d, json_at(&d, 0, 5), arena).ptr);
	ck_assert_ptr_null(json_string(&d, JSON_NONE, arena).ptr);
	ck_assert(!json_string_is(&d, json_at(&d, 0, 5), SPAN("7")));
	ck_assert(!json_string_is(&d, JSON_NONE, SPAN("")));
}
END_TEST

START_TEST(json__a_lone_surrogate_has_no_value)
{
	const struct json_limits lenient = {1000, 10, 100, true, true};
	struct json_error e;
	struct json_doc d;

	ck_assert_int_eq(
		read_copy(SPAN("[\"a\\ud800\",{\"\\ud800\":1,\"\\udc00\":2}]"), &lenient, &d, &e),
		0);
	ck_assert_ptr_null(json_string(&d, json_at(&d, 0, 0), arena).ptr);
	ck_assert(!json_string_is(&d, json_at(&d, 0, 0), SPAN("a")));
}
END_TEST

START_TEST(json__iteration)
{
	struct json_doc d = read_ok("{\"a\":[1,[2,3],{}],\"b\":\"s\",\"c\":{\"d\":4}}");
	uint32_t members = 0, elements = 0, nothing = 0;

	json_foreach_member (k, &d, JSON_ROOT) {
		ck_assert_int_eq(json_type(&d, k), JSON_STRING);
		members++;
	}
	json_foreach (v, &d, json_get_str(&d, 0, "a"))
		elements++;
	json_foreach (v, &d, JSON_ROOT)
		nothing++;
	json_foreach (v, &d, json_get_str(&d, 0, "b"))
		nothing++;
	json_foreach_member (k, &d, json_get_str(&d, 0, "a"))
		nothing++;
	json_foreach (v, &d, JSON_NONE)
		nothing++;
	json_foreach_member (k, &d, JSON_NONE)
		nothing++;
	ck_assert_uint_eq(members, 3);
	ck_assert_uint_eq(elements, 3);
	ck_assert_uint_eq(nothing, 0);
}
END_TEST

/* The example of RFC 6901, section 5, and what it forbids. */
static const struct {
	const char *expected; /* text of the value, NULL: not there */
	const char *pointer;
} pointers[] = {
	{"[\"bar\", \"baz\"]", "/foo"},
	{"\"bar\"", "/foo/0"},
	{"\"baz\"", "/foo/1"},
	{"0", "/"},
	{"1", "/a~1b"},
	{"2", "/c%d"},
	{"3", "/e^f"},
	{"4", "/g|h"},
	{"5", "/i\\j"},
	{"6", "/k\"l"},
	{"7", "/ "},
	{"8", "/m~0n"},
	{"9", "/o/p/~01"},
	{NULL, "foo"},
	{NULL, "/foo/2"},
	{NULL, "/foo/-"},
	{NULL, "/foo/00"},
	{NULL, "/foo/01"},
	{NULL, "/foo/+1"},
	{NULL, "/foo/1x"},
	{NULL, "/foo/"},
	{NULL, "/foo/4294967296"},
	{NULL, "/foo/0/x"},
	{NULL, "/m~n"},
	{NULL, "/m~2n"},
	{NULL, "/m~"},
	{NULL, "/nothing/here"},
	{NULL, "//"},
};

static const char pointer_text[] =
	"{\"foo\":[\"bar\", \"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
	"\"k\\\"l\":6,\" \":7,\"m~n\":8,\"o\":{\"p\":{\"~1\":9}}}";

START_TEST(json__pointer_table)
{
	struct json_doc d = read_ok(pointer_text);
	json_ref r = json_pointer(&d, 0, span_of(pointers[_i].pointer));

	if (!pointers[_i].expected) {
		ck_assert_uint_eq(r, JSON_NONE);
		return;
	}
	ck_assert_uint_ne(r, JSON_NONE);
	ck_assert(span_eq_str(json_text(&d, r), pointers[_i].expected));
	buf_reset(&out);
	json_put_pointer_to(&out, &d, r);
	ck_assert_str_eq(buf_str(&out), pointers[_i].pointer);
}
END_TEST

START_TEST(json__pointer_from_a_base_and_to_a_key)
{
	struct json_doc d = read_ok(pointer_text);
	json_ref o = json_get_str(&d, 0, "o");

	ck_assert_uint_eq(json_pointer_str(&d, o, ""), o);
	ck_assert(span_eq_str(json_text(&d, json_pointer_str(&d, o, "/p/~01")), "9"));
	ck_assert_uint_eq(json_pointer_str(&d, JSON_NONE, "/p"), JSON_NONE);
	buf_reset(&out);
	json_put_pointer_to(&out, &d, o - 1);
	ck_assert_str_eq(buf_str(&out), "/o");
	buf_reset(&out);
	json_put_pointer_to(&out, &d, JSON_ROOT);
	ck_assert_str_eq(buf_str(&out), "");
}
END_TEST

static const struct {
	bool expected;
	int64_t value;
	const char *text;
} integers[] = {
	{true, 0, "0"},
	{true, 0, "-0"},
	{true, 0, "0.000"},
	{true, 0, "0e999999999999999999999"},
	{true, 42, "42"},
	{true, -42, "-42"},
	{true, 1000, "1e3"},
	{true, 1000, "1E+3"},
	{true, 1500, "1.5e3"},
	{true, 15, "150e-1"},
	{true, 10, "10.00"},
	{true, 1, "0.001e3"},
	{true, 100, "100"},
	{true, 120, "120.0"},
	{true, INT64_MAX, "9223372036854775807"},
	{true, INT64_MIN, "-9223372036854775808"},
	{true, INT64_MAX, "9223372036854775.807e3"},
	{true, 1000000000000000000, "1e18"},
	{false, 0, "9223372036854775808"},
	{false, 0, "-9223372036854775809"},
	{false, 0, "1e19"},
	{false, 0, "1e999999999999999999999"},
	{false, 0, "1e-999999999999999999999"},
	{false, 0, "1.5"},
	{false, 0, "1e-1"},
	{false, 0, "123456789012345678901234567890"},
	{false, 0, "\"1\""},
	{false, 0, "null"},
	{false, 0, "[1]"},
};

START_TEST(json__integer_table)
{
	struct json_doc d = read_ok(integers[_i].text);
	int64_t v = -7;

	ck_assert_int_eq(json_int64(&d, 0, &v), integers[_i].expected ? 0 : -1);
	ck_assert_int_eq(v, integers[_i].expected ? integers[_i].value : -7);
	ck_assert_int_eq(json_int64(&d, JSON_NONE, &v), -1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("json_access");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, json__nodes_carry_the_text);
	tcase_add_test(t, json__strings_are_unescaped);
	tcase_add_test(t, json__a_lone_surrogate_has_no_value);
	tcase_add_test(t, json__iteration);
	tcase_add_loop_test(t, json__pointer_table, 0, ARRAY_LEN(pointers));
	tcase_add_test(t, json__pointer_from_a_base_and_to_a_key);
	tcase_add_loop_test(t, json__integer_table, 0, ARRAY_LEN(integers));
	return run_tests(t);
}
