/* SPDX-License-Identifier: Apache-2.0 */
/* Where keys stand in objects, and which there are. */
#include "policy/review/index_path.h"

#include "support/run_tests.h"
#include "unit/policy_support.h"

static const struct {
	const char *expected; /* NULL: right */
	size_t at;
	const char *path;
} paths[] = {
	{NULL, 0, "spec.rules.host"},
	{NULL, 0, "metadata.labels['example.com/name']"},
	{NULL, 0, "metadata.labels['a.b'].c"},
	{NULL, 0, "['a']"},
	{NULL, 0, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p"},
	{"the path is empty", 0, ""},
	{"a list stands for all of its elements: leave \"[]\" out", 10, "spec.rules[].host"},
	{"a path is written as spec.rules.host", 0, ".spec"},
	{"a path is written as spec.rules.host, other names", 4, "spec..rules"},
	{"a path is written as spec.rules.host, other names", 4, "spec."},
	{"a path is written as spec.rules.host, other names", 4, "spec.['a']"},
	{"a path is written as spec.rules.host, other names", 4, "spec['']"},
	{"a path is written as spec.rules.host, other names", 4, "spec[0]"},
	{"a path is written as spec.rules.host, other names", 4, "spec['a"},
	{"a path is written as spec.rules.host", 4, "spec/rules"},
	{"a path is written as spec.rules.host", 4, "spec rules"},
	{"the path has more than 16 steps", 31, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"},
};

START_TEST(index_path__what_is_wrong_with_it)
{
	const char *expected = paths[_i].expected;
	size_t at = 99;
	const char *wrong = index_path_wrong(span_of(paths[_i].path), &at);

	if (!expected) {
		ck_assert_msg(!wrong, "%s: %s", paths[_i].path, wrong);
		return;
	}
	ck_assert_msg(wrong && strncmp(wrong, expected, strlen(expected)) == 0, "%s: %s",
		paths[_i].path, wrong ? wrong : "nothing");
	ck_assert_uint_eq(at, paths[_i].at);
}
END_TEST

static const struct {
	const char *expected; /* the keys, a space behind each */
	const char *path, *object;
} keys[] = {
	{"a b ", "spec.rules.host",
		"{\"spec\":{\"rules\":[{\"host\":\"b\"},{\"host\":\"a\"},{}]}}"},
	{"a ", "spec.rules.host", "{\"spec\":{\"rules\":[{\"host\":\"a\"},{\"host\":\"a\"}]}}"},
	{"", "spec.rules.host", "{\"spec\":{\"rules\":[{\"host\":\"\"},{\"host\":null}]}}"},
	{"", "spec.rules.host", "{\"spec\":{\"rules\":\"host\"}}"},
	{"", "spec.rules.host", "{}"},
	{"", "spec", "[]"},
	{"1 2 3 ", "a", "{\"a\":[1,[2,[3]]]}"},
	{"1.50 false true ", "a", "{\"a\":[true,false,1.50]}"},
	{"x ", "metadata.labels['example.com/name']",
		"{\"metadata\":{\"labels\":{\"example.com/name\":\"x\"}}}"},
	{"a\"b ", "a", "{\"a\":\"a\\\"b\"}"},
	{"app=web,tier=front ", "s", "{\"s\":{\"tier\":\"front\",\"app\":\"web\"}}"},
	{"a=,aa=1 ", "s", "{\"s\":{\"aa\":\"1\",\"a\":\"\"}}"},
	{"", "s", "{\"s\":{}}"},
	{"", "s", "{\"s\":{\"a\":\"1\",\"b\":2}}"},
	{"a=1 b=2 ", "s", "{\"s\":[{\"b\":\"2\"},{\"a\":\"1\"}]}"},
};

static void check_keys(const char *path, const char *object, const char *expected)
{
	struct arena *arena = arena_new(1 << 12, 1 << 20);
	_cleanup_(buf_free) struct buf got = BUF_INIT(1 << 16);
	struct json_doc d;
	struct span *found;
	size_t count;

	ck_assert_int_eq(json_read(object, strlen(object), &SUPPORT_LIMITS, arena, &d, NULL), 0);
	ck_assert_int_eq(index_path_keys(&d, JSON_ROOT, span_of(path), arena, &found, &count), 0);
	for (size_t i = 0; i < count; i++)
		buf_printf(&got, "%.*s ", SPAN_FMT(found[i]));
	ck_assert_str_eq(got.len > 0 ? buf_str(&got) : "", expected);
	arena_free(arena);
}

START_TEST(index_path__keys_of_an_object)
{
	check_keys(keys[_i].path, keys[_i].object, keys[_i].expected);
}
END_TEST

START_TEST(index_path__a_map_with_too_many_members_is_none)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 16);

	buf_add_str(&text, "{\"s\":{");
	for (unsigned i = 0; i <= INDEX_PAIRS_MAX; i++)
		buf_printf(&text, "%s\"k%u\":\"v\"", i > 0 ? "," : "", i);
	buf_add_str(&text, "}}");
	check_keys("s", buf_str(&text), "");
}
END_TEST

START_TEST(index_path__an_arena_that_is_full)
{
	struct arena *arena = arena_new(1 << 10, 1 << 16), *small = arena_new(64, 64);
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 16);
	struct json_doc d;
	struct span *found;
	size_t count;

	buf_add_char(&text, '[');
	for (unsigned i = 0; i < 500; i++)
		buf_printf(&text, "%s%u", i > 0 ? "," : "", i);
	buf_add_char(&text, ']');
	ck_assert_int_eq(json_read(buf_str(&text), text.len, &SUPPORT_LIMITS, arena, &d, NULL), 0);
	ck_assert_int_eq(index_path_keys(&d, JSON_ROOT, SPAN(""), small, &found, &count), -1);
	arena_free(arena);
	arena_free(small);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("index_path");

	tcase_add_loop_test(t, index_path__what_is_wrong_with_it, 0, ARRAY_LEN(paths));
	tcase_add_loop_test(t, index_path__keys_of_an_object, 0, ARRAY_LEN(keys));
	tcase_add_test(t, index_path__a_map_with_too_many_members_is_none);
	tcase_add_test(t, index_path__an_arena_that_is_full);
	return run_tests(t);
}
