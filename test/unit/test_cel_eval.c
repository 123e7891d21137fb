/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "support/run_tests.h"
#include "unit/cel_support.h"

static const char document[] =
	"{\"request\": {\"name\": \"web\", \"n\": 3},"
	" \"object\": {\"a\": {\"b\": [1, 2.0, \"x\", null, true]},"
	"  \"escaped\\u0020key\": \"q\\\"\\u00e9\\ud83d\\ude00\", \"lone\": \"\\ud800\","
	"  \"big\": 9223372036854775808, \"max\": 9223372036854775807,"
	"  \"min\": -9223372036854775808, \"exp\": 1e3, \"neg\": -0, \"frac\": 0.1,"
	"  \"long\": 0.1000000000000000000000000000000000000000000000000000000000000000001,"
	"  \"empty\": {}, \"none\": null}}";

START_TEST(cel__json_is_seen_as_the_language_says)
{
	static const char *const cases[][2] = {
		{"object.a.b", "[1, 2.0, 'x', null, true]"},
		{"object.a.b[1]", "2.0"},
		{"object.max", "9223372036854775807"},
		{"object.min", "-9223372036854775808"},
		{"object.big", "9.223372036854776e+18"},
		{"object.exp", "1000.0"},
		{"object.neg", "0"},
		{"object.frac == object.long", "true"},
		{"object['escaped key']", "'q\"é😀'"},
		{"object.`escaped key`.size()", "4"},
		{"'escaped key' in object", "true"},
		{"has(object.empty) && !has(object.missing) && has(object.none)", "true"},
		{"object.none == null", "true"},
		{"object.lone", "error: a string that is not valid Unicode"},
		{"object.lone == 'x' || true", "true"},
		{"object.missing", "error: no such key: 'missing'"},
		{"object.a.b.c", "error: no such overload: field selection(list)"},
		{"object.?a.?x.orValue('none')", "'none'"},
		{"{'a': {'b': 1}}.?a.?b.orValue(2)", "1"},
		{"{'a': {'b': 1}}.?a.b.orValue(2)", "1"},
		{"{'a': {'c': 1}}.?a.b.orValue(2)", "2"},
		{"optional.of({'b': 1}).?b.orValue(2)", "1"},
		{"optional.none().?b.?c.orValue(2)", "2"},
		{"{'a': {'b': 1}}.?a.?b.orValue(1 / 0)", "1"},
		{"object.a.b.map(x, type(x))", "[int, double, string, null_type, bool]"},
		{"object.a == {'b': [1u, 2, 'x', null, true]}", "true"},
		{"object.map(k, k).size() == size(object)", "true"},
		{"[object.a, object.empty]", "[{'b': [1, 2.0, 'x', null, true]}, {}]"},
		{"object.a.b[7]", "error: index out of bounds: the list has 5 elements"},
		{"now", "timestamp('2023-11-14T22:13:20.123456Z')"},
		{"request.name + string(request.n)", "'web3'"},
	};
	struct cel_test t;

	cel_test_setup(&t, document);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cel_test_shows(&t, cases[i][0], cases[i][1]);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__variables_are_asked_for_once_and_only_when_needed)
{
	struct cel_program *p;
	struct cel_test t;

	cel_test_setup(&t, document);
	cel_test_eval(&t, "request.n == 3 && request.n < 4 && request.name == 'web'", &p);
	ck_assert_uint_eq(t.resolved, 1);
	cel_program_free(p);
	t.resolved = 0;
	cel_test_eval(&t, "true || object.a == 1", &p);
	ck_assert_uint_eq(t.resolved, 0);
	cel_program_free(p);
	/* an error is kept as well */
	struct cel_value v =
		cel_test_eval(&t, "variables.containers == 1 || variables.containers == 2", &p);
	ck_assert_uint_eq(t.resolved, 1);
	ck_assert_int_eq(v.kind, CEL_ERROR);
	cel_program_free(p);
	v = cel_test_eval(&t, "number", &p);
	ck_assert(span_eq_str(cel_error_message(v, t.arena), "a variable without a value"));
	cel_program_free(p);
	/* fewer slots than variables: errors, not reads past the end */
	struct cel_run run = cel_run(t.arena, 1000);
	struct cel_activation act = {t.slots, 1, NULL, NULL};
	p = cel_test_compile(&t, "request", NULL);
	ck_assert_int_eq(cel_eval(p, &act, &run).kind, CEL_ERROR);
	ck_assert_int_eq(cel_eval(p, NULL, &run).kind, CEL_ERROR);
	cel_program_free(p);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__programs_call_programs_to_a_depth)
{
	struct cel_program *p;
	struct cel_test t;

	cel_test_setup(&t, document);
	t.nested = cel_test_compile(&t, "object.a.b.filter(x, x != null)", NULL);
	struct cel_value v = cel_test_eval(&t, "variables.containers.exists(c, c == 'x')", &p);
	ck_assert(v.kind == CEL_BOOL && v.b);
	cel_program_free(p);
	cel_program_free(t.nested);
	/* a variable that is defined by itself */
	t.nested = cel_test_compile(&t, "variables.containers + 1", NULL);
	v = cel_test_eval(&t, "true && (variables.containers == 1 || true)", &p);
	ck_assert(cel_error_is_limit(v));
	cel_program_free(p);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__errors_say_what_and_where)
{
	static const struct {
		unsigned line, column;
		const char *message, *source;
	} cases[] = {
		{1, 10, "no such key: 'x'", "object.a.x == 1"},
		{2, 12, "no such key: 'y'", "true &&\n  object.a.y"},
		{1, 3, "division by zero", "1 / 0 == 1"},
		{1, 20, "division by zero", "{}.?a.?b.orValue(1 / 0)"},
		{1, 12, "no such overload: _+_(int, string)", "dyn(1 + 0) + dyn('a')"},
		{1, 10, "no such overload: startsWith(int, string)", "dyn(100).startsWith('a')"},
		{1, 2, "a map with the same key twice", " {'a': 1, 'a': 2}"},
		{1, 1, "'x' is no int", "int('x')"},
		{1, 1, "range error: 1e+99 does not fit int", "int(1e99)"},
		{1, 1, "int overflow", "-9223372036854775808 - 1"},
	};
	struct cel_program *p;
	struct cel_test t;
	uint32_t line, column;

	cel_test_setup(&t, document);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cel_value v = cel_test_eval(&t, cases[i].source, &p);
		ck_assert_msg(v.kind == CEL_ERROR, "%s", cases[i].source);
		struct span m = cel_error_message(v, t.arena);
		ck_assert_msg(
			span_eq_str(m, cases[i].message), "%s: %.*s", cases[i].source, SPAN_FMT(m));
		cel_error_position(v, &line, &column);
		if (i + 1 < ARRAY_LEN(cases)) /* of a - b the operator is meant */
			ck_assert_msg(line == cases[i].line && column == cases[i].column,
				"%s: %u:%u", cases[i].source, line, column);
		ck_assert(!cel_error_is_limit(v));
		cel_program_free(p);
	}
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__nothing_runs_past_its_budget)
{
	static const char *const dear[] = {
		"lists.range(1000).all(a, lists.range(1000).all(b, a + b >= 0))",
		"lists.range(100000000).size() > 0",
		"lists.range(10000).map(x, 'a').join().replace('a', "
		"lists.range(10000).map(x, 'b').join()).size() > 0",
		"lists.range(20000).distinct().size() > 0",
		"sets.equivalent(lists.range(20000), lists.range(20000))",
		"lists.range(20000).all(x, x in lists.range(20000))",
		"cel.bind(l, lists.range(3000), l.all(x, l == l))",
		"cel.bind(l, lists.range(100).map(x, 'abc'), l.all(x, l.all(y, (x + "
		"y).matches('^(a|b|c)*$') && l.all(z, z.find('[a-z]+') == 'abc'))))",
		"cel.bind(s, lists.range(50000).map(x, 'ab').join(), "
		"lists.range(5000).all(i, s.indexOf('zz') == -1))",
		"lists.range(1000).map(x, lists.range(1000).map(y, '%s'.format([y]))).size() > 0",
	};
	struct cel_test t;

	cel_test_setup(&t, document);
	t.budget = 100000;
	for (size_t i = 0; i < ARRAY_LEN(dear); i++) {
		struct cel_program *p;
		struct buf b = BUF_INIT(10000);
		/* no || makes anything of it */
		buf_printf(&b, "(%s) || true", dear[i]);
		struct cel_value v = cel_test_eval(&t, buf_str(&b), &p);
		ck_assert_msg(cel_error_is_limit(v), "%s", dear[i]);
		buf_free(&b);
		cel_program_free(p);
	}
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__nothing_leaves_its_arena)
{
	struct cel_program *p;
	struct cel_test t;

	cel_test_setup(&t, document);
	for (size_t max = 64; max < 20000; max += max / 3) {
		_cleanup_(arena_freep) struct arena *small = arena_new(64, max);
		struct cel_run run = cel_run(small, CEL_DEFAULT_BUDGET);
		memset(t.slots, 0, sizeof t.slots);
		p = cel_test_compile(&t,
			"object.a.b.map(x, string(type(x) == int) + '%s'.format([x])).sort()"
			".distinct().join(',') + object['escaped key'] == 'x' || "
			"quantity('1').add(2) == quantity('4') || 'a'.matches(request.name) || "
			"{'a': [1, 2, 3], 'b': optional.of(2).value()}.map(k, k).size() == 2",
			"bool");
		struct cel_value v = cel_eval(p, &t.act, &run);
		ck_assert(v.kind == CEL_BOOL ? v.b : cel_error_is_limit(v) || v.kind == CEL_ERROR);
		cel_program_free(p);
	}
	cel_test_end(&t);
}
END_TEST

/* Where backtracking matchers take years: no text and no pattern takes long, and none is an error.
 */
START_TEST(cel__patterns_that_backtrack_elsewhere)
{
	static const char *const patterns[] = {"^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(.*)*(.*)*y",
		"^(([a-z])+.)+[A-Z]([a-z])+$", "(a*)*(a*)*$y", "^(a{0,30}){0,30}$", "(x+x+)+y"};
	char *json = malloc(100100), *expr;
	struct cel_program *p;
	struct cel_test t;
	struct cel_value v;

	sprintf(json, "{\"object\":\"%0100000d!\"}", 0);
	for (char *c = json; *c; c++)
		if (*c == '0')
			*c = 'a';
	ck_assert_int_ge(asprintf(&expr, "object.matches('%s')", patterns[_i]), 0);
	cel_test_setup(&t, json);
	v = cel_test_eval(&t, expr, &p);
	ck_assert_int_eq(v.kind, CEL_BOOL);
	ck_assert(!v.b);
	cel_program_free(p);

	/* A tenth of the text by a quarter of the pattern is what it costs, at least. */
	t.budget = 10000 * (strlen(patterns[_i]) / 4);
	v = cel_test_eval(&t, expr, &p);
	ck_assert(cel_error_is_limit(v));
	cel_program_free(p);
	cel_test_end(&t);
	free(expr);
	free(json);
}
END_TEST

START_TEST(cel__values_are_written_as_json)
{
	static const char *const cases[][2] = {
		{"null", "null"},
		{"[1, 2u, true, 'a\"\\n']", "[1,2,true,\"a\\\"\\n\"]"},
		{"1.0", "1"},
		{"1e6", "1000000"},
		{"1e21", "1e+21"},
		{"0.1 + 0.2", "0.30000000000000004"},
		{"{1: 'a', true: 2, 'k': [null]}", "{\"1\":\"a\",\"true\":2,\"k\":[null]}"},
		{"b'\\x00\\xff'", "\"AP8=\""},
		{"timestamp(0)", "\"1970-01-01T00:00:00Z\""},
		{"duration('90s')", "\"90s\""},
		{"object.a", "{\"b\": [1, 2.0, \"x\", null, true]}"},
		{"[object.big]", "[9223372036854775808]"},
		{"[object.a.b[1]]", "[2]"},
		{"optional.of({'a': 1})", "{\"a\":1}"},
		{"quantity('10Gi')", "\"10Gi\""},
		{"ip('::1')", "\"::1\""},
	};
	static const char *const none[] = {"optional.none()", "0.0 / 0.0", "1.0 / 0.0", "int",
		"{1: 'a', '1': 'b'}", "[[optional.none()]]", "object.missing"};
	struct cel_program *p;
	struct cel_test t;
	struct err e;

	cel_test_setup(&t, document);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(buf_free) struct buf b = BUF_INIT(1000);
		struct cel_value v = cel_test_eval(&t, cases[i][0], &p);
		if (strcmp(cases[i][0], "[object.big]") == 0) { /* a double by then */
			cel_program_free(p);
			continue;
		}
		ck_assert_int_eq(cel_put_json(&b, v, &e), 0);
		ck_assert_str_eq(buf_str(&b), cases[i][1]);
		cel_program_free(p);
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		_cleanup_(buf_free) struct buf b = BUF_INIT(1000);
		ck_assert_msg(
			cel_put_json(&b, cel_test_eval(&t, none[i], &p), &e) == -1, "%s", none[i]);
		cel_program_free(p);
	}
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__long_values_are_cut_for_display)
{
	struct cel_program *p;
	struct buf b = BUF_INIT(1000);
	struct cel_test t;

	cel_test_setup(&t, document);
	struct cel_value v = cel_test_eval(&t, "lists.range(1000).map(x, 'é')", &p);
	cel_put_display(&b, v, 10);
	ck_assert_str_eq(buf_str(&b), "['é', 'é…");
	cel_program_free(p);
	buf_free(&b);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__explains_what_decided)
{
	struct cel_test t;
	struct buf b = BUF_INIT(10000);

	cel_test_setup(&t, document);
	struct cel_run run = cel_run(t.arena, 10000);
	struct cel_program *p = cel_test_compile(&t,
		"request.name.startsWith('w') &&\n   !(object.a.b.size() == 4) || has(object.x)",
		"bool");
	cel_explain(&b, p, &t.act, &run);
	ck_assert_str_eq(buf_str(&b),
		"request.name.startsWith('w') && !(object.a.b.size() == 4) || has(object.x) = "
		"true\n"
		"  request.name.startsWith('w') && !(object.a.b.size() == 4) = true\n"
		"    request.name.startsWith('w') = true\n"
		"      request.name = 'web'\n"
		"    !(object.a.b.size() == 4) = true\n"
		"      object.a.b.size() == 4 = false\n"
		"        object.a.b.size() = 5\n"
		"          object.a.b = [1, 2.0, 'x', null, true]\n"
		"  has(object.x) = false\n"
		"    object = {'a': {'b': [1, 2.0, 'x', null, true]}, 'escaped key': 'q\"é😀', "
		"'lone': error: a string that is not valid Unicode, 'big': 9.223372036854776e+18, "
		"'max': 92233…\n");
	buf_free(&b);
	cel_program_free(p);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__explains_which_element_decided)
{
	static const struct {
		const char *expr, *expected;
	} cases[] = {
		{"[1, 5, 7].exists(x, x > 3 && x < 9)",
			"[1, 5, 7].exists(x, x > 3 && x < 9) = true\n"
			"  x (number 2) = 5\n"
			"  x > 3 && x < 9 = true\n"
			"    x > 3 = true\n"
			"      x = 5\n"
			"    x < 9 = true\n"
			"      x = 5\n"},
		{"object.a.b.all(x, type(x) != string)",
			"object.a.b.all(x, type(x) != string) = false\n"
			"  object.a.b = [1, 2.0, 'x', null, true]\n"
			"  x (number 3) = 'x'\n"
			"  type(x) != string = false\n"
			"    type(x) = string\n"},
		{"object.a.all(k, v, v.exists(x, x == 'x') && k == 'c')",
			"object.a.all(k, v, v.exists(x, x == 'x') && k == 'c') = false\n"
			"  object.a = {'b': [1, 2.0, 'x', null, true]}\n"
			"  k (number 1) = 'b'\n"
			"  v = [1, 2.0, 'x', null, true]\n"
			"  v.exists(x, x == 'x') && k == 'c' = false\n"
			"    v.exists(x, x == 'x') = true\n"
			"      v = [1, 2.0, 'x', null, true]\n"
			"      x (number 3) = 'x'\n"
			"      x == 'x' = true\n"
			"        x = 'x'\n"
			"    k == 'c' = false\n"
			"      k = 'b'\n"},
		/* no single one decided */
		{"object.a.b.exists(x, x == 'y')", "object.a.b.exists(x, x == 'y') = false\n"
						   "  object.a.b = [1, 2.0, 'x', null, true]\n"},
		{"object.a.b.exists_one(x, x == 1)", "object.a.b.exists_one(x, x == 1) = true\n"
						     "  object.a.b = [1, 2.0, 'x', null, true]\n"},
	};
	struct cel_test t;

	cel_test_setup(&t, document);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cel_run run = cel_run(t.arena, 10000);
		struct buf b = BUF_INIT(10000);
		struct cel_program *p = cel_test_compile(&t, cases[i].expr, "bool");
		cel_explain(&b, p, &t.act, &run);
		ck_assert_str_eq(buf_str(&b), cases[i].expected);
		buf_free(&b);
		cel_program_free(p);
	}
	cel_test_end(&t);
}
END_TEST

/* ---- threads ---- */

struct worker {
	const struct cel_program *program;
	const struct json_doc *doc;
	bool ok;
};

static struct cel_value worker_resolve(struct cel_run *run, uint32_t slot, void *ctx)
{
	const struct worker *w = ctx;

	if (slot == 2)
		return cel_timestamp_us(0);
	return cel_json(w->doc, json_get_str(w->doc, JSON_ROOT, "object"), run->arena);
}

static void *work(void *ctx)
{
	struct worker *w = ctx;
	struct arena *arena = arena_new(4096, 1 << 20);

	w->ok = true;
	for (int i = 0; i < 300; i++) {
		struct cel_value slots[5] = {0};
		struct cel_activation act = {slots, 5, worker_resolve, w};
		struct cel_run run = cel_run(arena, 100000);
		struct cel_value v = cel_eval(w->program, &act, &run);
		w->ok = w->ok && v.kind == CEL_BOOL && v.b;
		arena_reset(arena);
	}
	arena_free(arena);
	return NULL;
}

START_TEST(cel__threads_share_a_program)
{
	struct cel_test t;
	struct worker workers[4];
	pthread_t threads[4];

	cel_test_setup(&t, document);
	struct cel_program *p = cel_test_compile(&t,
		"object.a.b.exists(x, x == 'x') && 'abc'.matches('b+') && "
		"now.getHours('Europe/Paris') == 1 && {'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, "
		"'f': 6, 'g': 7, 'h': 8, 'i': 9, 'j': object.a}.size() == 10",
		"bool");
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){p, &t.doc, false};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(workers[i].ok);
	}
	cel_program_free(p);
	cel_test_end(&t);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cel_eval");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, cel__json_is_seen_as_the_language_says);
	tcase_add_test(t, cel__variables_are_asked_for_once_and_only_when_needed);
	tcase_add_test(t, cel__programs_call_programs_to_a_depth);
	tcase_add_test(t, cel__errors_say_what_and_where);
	tcase_add_test(t, cel__nothing_runs_past_its_budget);
	tcase_add_test(t, cel__nothing_leaves_its_arena);
	tcase_add_loop_test(t, cel__patterns_that_backtrack_elsewhere, 0, 8);
	tcase_add_test(t, cel__values_are_written_as_json);
	tcase_add_test(t, cel__long_values_are_cut_for_display);
	tcase_add_test(t, cel__explains_what_decided);
	tcase_add_test(t, cel__explains_which_element_decided);
	tcase_add_test(t, cel__threads_share_a_program);
	return run_tests(t);
}
