/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is said of what is refused, and limits. */
#include "common/base/arena_internal.h"
#include "support/run_tests.h"
#include "unit/json_support.h"

/* ---- errors ---- */

static const struct {
	const char *what;
	uint32_t line, column;
	const char *text;
} errors[] = {
	{"duplicate key \"name\"", 3, 2, "{\"name\": 1,\n \"b\": 2,\n \"name\": 3}"},
	{"duplicate key \"n\\u0061me\"", 1, 11, "{\"name\":1,\"n\\u0061me\":3}"},
	{"expected a value", 1, 4, "[1,]"},
	{"expected a value", 1, 1, ""},
	{"expected ',' or '}'", 2, 1, "{\"a\":1\n]"},
	{"expected ',' or ']'", 1, 4, "[1 x]"},
	{"unfinished string", 1, 6, "\"abcd"},
	{"unfinished object", 1, 7, "{\"a\":1"},
	{"expected a value", 1, 2, "["},
	{"unfinished array", 1, 3, "[1"},
	{"control character in string", 1, 3, "\"a\nb\""},
	{"unknown escape in string", 1, 3, "\"a\\q\""},
	{"not UTF-8", 1, 3, "\"a\xff\""},
	{"lone surrogate", 1, 2, "\"\\ud800\""},
	{"a number with a leading zero", 1, 2, "[007]"},
	{"text after the end of the value", 1, 4, "{} {}"},
	{"expected a key in quotes", 1, 2, "{a:1}"},
	{"expected ':' after the key", 1, 5, "{\"a\";1}"},
};

START_TEST(json__errors_name_the_place)
{
	struct json_doc d;
	struct json_error e;
	struct err text;
	char expected[200];

	ck_assert_int_eq(read_copy(span_of(errors[_i].text), &usual, &d, &e), -1);
	ck_assert_str_eq(e.what, errors[_i].what);
	ck_assert_uint_eq(e.line, errors[_i].line);
	ck_assert_uint_eq(e.column, errors[_i].column);
	ck_assert(!e.limit);
	snprintf(expected, sizeof(expected), "line %u, column %u: %s", e.line, e.column, e.what);
	ck_assert_int_eq(json_error_to_err(&e, &text), -1);
	ck_assert_str_eq(text.msg, expected);
}
END_TEST

START_TEST(json__a_long_duplicate_key_is_cut_at_a_character)
{
	struct json_doc d;
	struct json_error e;

	for (int pad = 0; pad < 4; pad++) {
		buf_reset(&out);
		buf_add_str(&out, "{");
		for (int i = 0; i < 2; i++) {
			buf_printf(&out, "%s\"%.*s", i ? "," : "", pad, "xxxx");
			for (int j = 0; j < 100; j++)
				buf_add_str(&out, "\xe2\x82\xac");
			buf_add_str(&out, "\":1");
		}
		buf_add_str(&out, "}");
		ck_assert_int_eq(read_copy(buf_span(&out), &usual, &d, &e), -1);
		ck_assert_int_eq(strncmp(e.what, "duplicate key \"", 15), 0);
		/* What was cut is valid text again. */
		buf_reset(&out);
		buf_printf(&out, "\"%s", strchr(e.what, '"') + 1);
		ck_assert_int_eq(read_copy(buf_span(&out), &usual, &d, &e), 0);
	}
}
END_TEST

/* ---- limits ---- */

static int read_limited(size_t bytes, uint32_t depth, uint32_t nodes, bool *ret_limit)
{
	static const char text[] = "[[1,{\"a\":[]}]]"; /* 14 bytes, depth 4, 6 nodes */
	const struct json_limits limits = {bytes, depth, nodes, false, false};
	struct json_error e = {0};
	struct json_doc d;
	int rc = read_copy((struct span){text, sizeof(text) - 1}, &limits, &d, &e);

	*ret_limit = e.limit;
	return rc;
}

START_TEST(json__limits_are_exact)
{
	bool limit;

	ck_assert_int_eq(read_limited(14, 4, 6, &limit), 0);
	ck_assert_int_eq(read_limited(13, 4, 6, &limit), -1);
	ck_assert(limit);
	ck_assert_int_eq(read_limited(14, 3, 6, &limit), -1);
	ck_assert(limit);
	ck_assert_int_eq(read_limited(14, 4, 5, &limit), -1);
	ck_assert(limit);
	ck_assert_int_eq(read_limited(14, 4, 0, &limit), -1);
	ck_assert(limit);
}
END_TEST

START_TEST(json__a_full_arena_is_a_limit_and_leaves_nothing_behind)
{
	_cleanup_(arena_freep) struct arena *small = arena_new(64, 4096);
	char text[2001];
	struct json_error e;
	struct json_doc d;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i == 0 ? '[' : i == sizeof(text) - 1 ? ']' : i % 2 ? '1' : ',';
	ck_assert_int_eq(json_read(text, sizeof(text), &usual, small, &d, &e), -1);
	ck_assert(e.limit);
	ck_assert_uint_eq(arena_used(small), 0);
	ck_assert_int_eq(json_read(text, sizeof(text), &usual, arena, &d, &e), 0);
	ck_assert_uint_eq(d.nodes[0].count, 1000);
}
END_TEST

START_TEST(json__a_hundred_thousand_levels_need_no_stack)
{
	const uint32_t depth = 100000;
	const struct json_limits limits = {1 << 20, depth, 1 << 20, false, false};
	struct json_error e;
	struct json_doc d;

	buf_reset(&out);
	for (uint32_t i = 0; i < depth; i++)
		buf_add_char(&out, '[');
	for (uint32_t i = 0; i < depth; i++)
		buf_add_char(&out, ']');
	ck_assert_int_eq(read_copy(buf_span(&out), &limits, &d, &e), 0);
	ck_assert_uint_eq(d.node_count, depth);
	ck_assert_int_eq(read_copy(buf_span(&out), &usual, &d, &e), -1);
	ck_assert(e.limit);
}
END_TEST

START_TEST(json__duplicates_in_large_objects)
{
	struct json_doc d;
	struct json_error e;

	/* Sizes around the change from comparing to hashing; the last key repeats key number at. */
	for (int n = 20; n < 2000; n += n < 60 ? 1 : 500) {
		for (int at = 0; at <= n; at += n < 60 ? 7 : 499) {
			buf_reset(&out);
			buf_add_str(&out, "{\"inner\":{");
			for (int i = 0; i < n; i++)
				buf_printf(&out, "\"%s%d\":[%d],", i % 3 ? "k" : "\\u006b", i, i);
			buf_printf(&out, "\"%s%d\":null}}", at % 2 ? "k" : "\\u006B", at);
			ck_assert_int_eq(
				read_copy(buf_span(&out), &usual, &d, &e), at == n ? 0 : -1);
		}
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("json_refused");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, json__errors_name_the_place, 0, ARRAY_LEN(errors));
	tcase_add_test(t, json__a_long_duplicate_key_is_cut_at_a_character);
	tcase_add_test(t, json__limits_are_exact);
	tcase_add_test(t, json__a_full_arena_is_a_limit_and_leaves_nothing_behind);
	tcase_add_test(t, json__a_hundred_thousand_levels_need_no_stack);
	tcase_add_test(t, json__duplicates_in_large_objects);
	return run_tests(t);
}
