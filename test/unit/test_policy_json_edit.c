/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "policy/review/json_edit.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(1 << 16, 64 << 20);
}

static void teardown(void)
{
	arena_free(arena);
}

static const struct json_doc *doc(const char *text)
{
	return json_or_fail(span_of(text), arena);
}

static const char *text_of(const struct edit_value *v)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 20);
	edit_put(&b, v);
	return arena_strndup(arena, b.ptr, b.len);
}

/* ---- RFC 7396, appendix A ---- */

static const struct {
	const char *expected, *target, *patch;
} merges[] = {
	{"{\"a\":\"c\"}", "{\"a\":\"b\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":\"b\"}", "{\"b\":\"c\"}"},
	{"{}", "{\"a\":\"b\"}", "{\"a\":null}"},
	{"{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}"},
	{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":\"c\"}"},
	{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":[\"b\"]}"},
	{"{\"a\":{\"b\":\"d\"}}", "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}"},
	{"{\"a\":[1]}", "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}"},
	{"[\"c\",\"d\"]", "[\"a\",\"b\"]", "[\"c\",\"d\"]"},
	{"[\"c\"]", "{\"a\":\"b\"}", "[\"c\"]"},
	{"null", "{\"a\":\"foo\"}", "null"},
	{"\"bar\"", "{\"a\":\"foo\"}", "\"bar\""},
	{"{\"e\":null,\"a\":1}", "{\"e\":null}", "{\"a\":1}"},
	{"{\"a\":\"b\"}", "[1,2]", "{\"a\":\"b\",\"c\":null}"},
	{"{\"a\":{\"bb\":{}}}", "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}"},
};

START_TEST(json_edit__merge_as_in_rfc_7396)
{
	struct err e;
	const struct json_doc *t = doc(merges[_i].target), *p = doc(merges[_i].patch);
	struct edit_value *v = edit_merge(edit_of(t, JSON_ROOT, arena), p, JSON_ROOT, arena, &e);
	ck_assert_ptr_nonnull(v);
	ck_assert_str_eq(text_of(v), merges[_i].expected);
}
END_TEST

/* ---- RFC 6902, appendix A, and what must be refused ---- */

#define TEST_FALSE "a test that is not so"

static const struct {
	const char *expected; /* NULL: refused */
	const char *target, *operation;
} operations[] = {
	{"{\"foo\":\"bar\",\"baz\":\"qux\"}", "{\"foo\":\"bar\"}",
		"{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}"},
	{"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "{\"foo\":[\"bar\",\"baz\"]}",
		"{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}"},
	{"{\"foo\":\"bar\"}", "{\"baz\":\"qux\",\"foo\":\"bar\"}",
		"{\"op\":\"remove\",\"path\":\"/baz\"}"},
	{"{\"foo\":[\"bar\",\"baz\"]}", "{\"foo\":[\"bar\",\"qux\",\"baz\"]}",
		"{\"op\":\"remove\",\"path\":\"/foo/1\"}"},
	{"{\"baz\":\"boo\",\"foo\":\"bar\"}", "{\"baz\":\"qux\",\"foo\":\"bar\"}",
		"{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}"},
	{"{\"a\":{\"b\":1},\"q\":{\"c\":2,\"x\":3}}", "{\"a\":{\"b\":1,\"x\":3},\"q\":{\"c\":2}}",
		"{\"op\":\"move\",\"from\":\"/a/x\",\"path\":\"/q/x\"}"},
	{"[\"all\",\"cows\",\"eat\",\"grass\"]", "[\"all\",\"grass\",\"cows\",\"eat\"]",
		"{\"op\":\"move\",\"from\":\"/1\",\"path\":\"/3\"}"},
	{"{\"a\":[1,{\"b\":2}],\"c\":{\"b\":2}}", "{\"a\":[1,{\"b\":2}]}",
		"{\"op\":\"copy\",\"from\":\"/a/1\",\"path\":\"/c\"}"},
	{"{\"a\":1}", "{\"a\":1}", "{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0e0}"},
	{TEST_FALSE, "{\"a\":1}", "{\"op\":\"test\",\"path\":\"/a\",\"value\":\"1\"}"},
	{TEST_FALSE, "{\"a\":1}", "{\"op\":\"test\",\"path\":\"/b\",\"value\":1}"},
	{TEST_FALSE, "[1]", "{\"op\":\"test\",\"path\":\"/0\",\"value\":null}"},
	{TEST_FALSE, "[1]", "{\"op\":\"test\",\"path\":\"\",\"value\":[]}"},
	{"{\"a\":1}", "{\"a\":1}", "{\"op\":\"test\",\"path\":\"/b\",\"value\":null}"},
	{NULL, "{\"a\":1}", "{\"op\":\"test\",\"path\":\"/b/c\",\"value\":null}"},
	{NULL, "{\"a\":1}", "{\"op\":\"test\",\"path\":\"/a/b\",\"value\":null}"},
	{NULL, "{}", "{\"op\":\"test\",\"path\":\"/a\"}"},
	{NULL, "[1]", "{\"op\":\"test\",\"path\":\"/1\",\"value\":null}"},
	{NULL, "[1]", "{\"op\":\"test\",\"path\":\"/-\",\"value\":null}"},
	{NULL, "[1]", "{\"op\":\"test\",\"path\":\"/-\",\"value\":1}"},
	{NULL, "{\"l\":[]}", "{\"op\":\"test\",\"path\":\"/l/0\",\"value\":null}"},
	{"{\"foo\":[\"bar\",[\"abc\"]]}", "{\"foo\":[\"bar\"]}",
		"{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\"]}"},
	{"{\"/\":9,\"~1\":11}", "{\"/\":9,\"~1\":10}",
		"{\"op\":\"replace\",\"path\":\"/~01\",\"value\":11}"},
	{"{\"x/y\":1}", "{}", "{\"op\":\"add\",\"path\":\"/x~1y\",\"value\":1}"},
	{"[1]", "{}", "{\"op\":\"add\",\"path\":\"\",\"value\":[1]}"},
	{"{\"\":1}", "{}", "{\"op\":\"add\",\"path\":\"/\",\"value\":1}"},
	{NULL, "{}", "{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}"},
	{NULL, "{}", "{\"op\":\"remove\",\"path\":\"/a\"}"},
	{"{\"a\":1}", "{}", "{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}"},
	{"{\"m\":{\"a\":1}}", "{\"m\":{}}", "{\"op\":\"replace\",\"path\":\"/m/a\",\"value\":1}"},
	{"[2]", "[1]", "{\"op\":\"replace\",\"path\":\"/0\",\"value\":2}"},
	{"2", "[1]", "{\"op\":\"replace\",\"path\":\"\",\"value\":2}"},
	{NULL, "[1]", "{\"op\":\"replace\",\"path\":\"/1\",\"value\":2}"},
	{NULL, "[1]", "{\"op\":\"replace\",\"path\":\"/-\",\"value\":2}"},
	{NULL, "{}", "{\"op\":\"replace\",\"path\":\"/a/b\",\"value\":1}"},
	{NULL, "[1]", "{\"op\":\"add\",\"path\":\"/2\",\"value\":1}"},
	{NULL, "[1]", "{\"op\":\"add\",\"path\":\"/01\",\"value\":1}"},
	{NULL, "[1]", "{\"op\":\"add\",\"path\":\"/x\",\"value\":1}"},
	{NULL, "[1]", "{\"op\":\"remove\",\"path\":\"/-\"}"},
	{NULL, "[1]", "{\"op\":\"remove\",\"path\":\"/99999999999\"}"},
	{NULL, "{\"a\":1}", "{\"op\":\"add\",\"path\":\"a\",\"value\":1}"},
	{NULL, "{\"a\":1}", "{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}"},
	{NULL, "{\"a\":{}}", "{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}"},
	{NULL, "{}", "{\"op\":\"remove\",\"path\":\"\"}"},
	{NULL, "{}", "{\"op\":\"frob\",\"path\":\"/a\"}"},
	{NULL, "{}", "{\"op\":\"add\",\"path\":\"/a\"}"},
	{NULL, "{}", "{\"path\":\"/a\",\"value\":1}"},
	{NULL, "{}", "[1]"},
};

START_TEST(json_edit__operations_as_in_rfc_6902)
{
	struct err e = {.msg = ""};
	const struct json_doc *t = doc(operations[_i].target), *p = doc(operations[_i].operation);
	struct edit_value *v = edit_of(t, JSON_ROOT, arena);
	int rc = edit_apply(&v, p, JSON_ROOT, arena, &e);
	if (!operations[_i].expected) {
		ck_assert_int_eq(rc, -1);
		ck_assert_str_ne(e.msg, "");
		return;
	}
	if (strcmp(operations[_i].expected, TEST_FALSE) == 0) {
		ck_assert_int_eq(rc, EDIT_TEST_FALSE);
		return;
	}
	ck_assert_msg(rc == 0, "%s", e.msg);
	ck_assert_str_eq(text_of(v), operations[_i].expected);
}
END_TEST

/* ---- differences ---- */

static const char *diff_of(const struct json_doc *a, const struct json_doc *b)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
	json_diff(&out, a, JSON_ROOT, b, JSON_ROOT, arena);
	ck_assert(!out.failed);
	return arena_strndup(arena, out.ptr, out.len);
}

static const struct {
	const char *expected, *from, *to;
} diffs[] = {
	{"[]", "{\"a\":1,\"b\":\"\\u0041\"}", "{\"b\":\"A\",\"a\":1e0}"},
	{"[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]", "{\"a\":1}", "{\"a\":2}"},
	{"[{\"op\":\"add\",\"path\":\"/m/x~1y~0\",\"value\":\"v\"}]", "{\"m\":{}}",
		"{\"m\":{\"x/y~\":\"v\"}}"},
	{"[{\"op\":\"remove\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":2}", "{\"a\":1}"},
	{"[{\"op\":\"add\",\"path\":\"/c/0\",\"value\":{\"n\":0}}]",
		"{\"c\":[{\"n\":1},{\"n\":2}]}", "{\"c\":[{\"n\":0},{\"n\":1},{\"n\":2}]}"},
	{"[{\"op\":\"add\",\"path\":\"/c/2\",\"value\":3}]", "{\"c\":[1,2]}", "{\"c\":[1,2,3]}"},
	{"[{\"op\":\"remove\",\"path\":\"/1\"}]", "[1,2,3]", "[1,3]"},
	{"[{\"op\":\"remove\",\"path\":\"/0\"},{\"op\":\"add\",\"path\":\"/2\",\"value\":9}]",
		"[1,2,3,4]", "[2,3,9,4]"},
	{"[{\"op\":\"replace\",\"path\":\"/c/1/i\",\"value\":\"y\"}]",
		"{\"c\":[1,{\"i\":\"x\"},3]}", "{\"c\":[1,{\"i\":\"y\"},3]}"},
	{"[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", "{}", "[]"},
};

START_TEST(json_edit__differences_are_minimal)
{
	ck_assert_str_eq(diff_of(doc(diffs[_i].from), doc(diffs[_i].to)), diffs[_i].expected);
}
END_TEST

static void put_random(struct buf *out, unsigned *state, int depth)
{
	static const char *const scalars[] = {
		"1", "2", "null", "true", "\"x\"", "\"\\u0079\"", "1.5"};
	unsigned n = (*state = *state * 1103515245u + 12345u) >> 16;
	if (depth == 0 || n % 3 == 0) {
		buf_add_str(out, scalars[n % ARRAY_LEN(scalars)]);
		return;
	}
	bool object = n % 2;
	buf_add_char(out, object ? '{' : '[');
	for (unsigned i = 0, count = n / 7 % 5; i < count; i++) {
		if (i)
			buf_add_char(out, ',');
		if (object)
			buf_printf(out, "\"%c%u\":", "ab/~"[(*state >> 20) % 4], i);
		put_random(out, state, depth - 1);
	}
	buf_add_char(out, object ? '}' : ']');
}

START_TEST(json_edit__applying_the_difference_gives_the_other)
{
	unsigned state = 7;
	for (int i = 0; i < 3000; i++) {
		_cleanup_(buf_free) struct buf x = BUF_INIT(1 << 16), y = BUF_INIT(1 << 16);
		arena_reset(arena);
		put_random(&x, &state, 4);
		put_random(&y, &state, 4);
		const struct json_doc *a = doc(buf_str(&x)), *b = doc(buf_str(&y));
		const struct json_doc *patch = doc(diff_of(a, b));
		struct edit_value *v = edit_of(a, JSON_ROOT, arena);
		struct json_doc result;
		struct err e;
		json_foreach (operation, patch, JSON_ROOT) {
			if (edit_apply(&v, patch, operation, arena, &e) < 0)
				ck_abort_msg("%s -> %s: %s", buf_str(&x), buf_str(&y), e.msg);
		}
		ck_assert_int_eq(edit_finish(v, arena, &result, &e), 0);
		if (!json_same(&result, JSON_ROOT, b, JSON_ROOT))
			ck_abort_msg("%s -> %s: got %s", buf_str(&x), buf_str(&y), text_of(v));
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, json_edit__merge_as_in_rfc_7396, 0, (int)ARRAY_LEN(merges));
	tcase_add_loop_test(t, json_edit__operations_as_in_rfc_6902, 0, (int)ARRAY_LEN(operations));
	tcase_add_loop_test(t, json_edit__differences_are_minimal, 0, (int)ARRAY_LEN(diffs));
	tcase_add_test(t, json_edit__applying_the_difference_gives_the_other);
	return run_tests(t);
}
