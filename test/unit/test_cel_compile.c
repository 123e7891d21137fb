/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cel/compiler_internal.h"
#include "support/run_tests.h"
#include "unit/cel_support.h"

static void refused(struct cel_test *t, const char *source, const char *expect, unsigned line,
	unsigned column, const char *message)
{
	struct cel_issues issues = {0};
	struct cel_program *p = NULL;
	bool found = false;

	ck_assert_msg(
		cel_compile(t->env, span_of(source), expect, &p, &issues) == -1, "%s", source);
	for (size_t i = 0; i < issues.count; i++)
		found = found ||
			(issues.items[i].line == line && issues.items[i].column == column &&
				strstr(issues.items[i].message, message));
	ck_assert_msg(found, "%s\n\twanted %u:%u: %s\n\tgot %u:%u: %s", source, line, column,
		message, issues.items[0].line, issues.items[0].column, issues.items[0].message);
	cel_issues_free(&issues);
}

START_TEST(cel__mistakes_are_found_at_load_with_their_place)
{
	static const struct {
		unsigned line, column;
		const char *message, *source;
	} cases[] = {
		{1, 1, "unknown variable 'objct'; did you mean 'object'?", "objct.spec"},
		{1, 1,
			"unknown variable 'variables.container'; did you mean "
			"'variables.containers'?",
			"variables.container.size() > 0"},
		{1, 5, "unknown method 'startWith'; did you mean 'startsWith'?",
			"'a'.startWith('b')"},
		{1, 1, "unknown function 'sise'; did you mean 'size'?", "sise([1])"},
		{1, 5, "unknown method 'al'; did you mean 'all'?", "[1].al(1)"},
		{2, 5, "unknown variable 'foo'", "true ||\n    foo"},
		{1, 5, "all does not take 1 argument", "[1].all(x > 1)"},
		{1, 9, "a plain name", "[1].all(1, true)"},
		{1, 5, "has() takes a field", "has(object)"},
		{1, 5, "string + int is not defined", "'a' + 1"},
		{1, 8, "they are never equal", "number == 'a'"},
		{1, 8, "startsWith does not take (int, string)", "number.startsWith('a')"},
		{1, 5, "that many arguments", "'a'.startsWith()"},
		{1, 5, "string has no field 'x'", "'a'.x"},
		{1, 8, "an index must be int", "[1, 2]['a']"},
		{1, 1, "an operand of && must be bool, this is int", "1 && true"},
		{1, 14, "are of types string and int", "true ? 'a' : 1"},
		{1, 1, "the condition of ?: must be bool", "1 ? 2 : 3"},
		{1, 2, "a key must be", "{1.5: 2}"},
		{1, 1, "only lists and maps have elements", "number.exists(x, true)"},
		{1, 17, "the condition must be bool, this is int", "[1].filter(x, x + 1)"},
		{1, 13, "invalid pattern: missing ): a(", "'a'.matches('a(')"},
		{1, 13, "invalid pattern: invalid perl operator: (?<", "'a'.matches('(?<=a)b')"},
		{1, 13, "invalid escape sequence: \\1", "'a'.matches('(a)\\\\1')"},
		{1, 13, "invalid escape sequence: \\C", "'a'.matches('a\\\\C')"},
		{1, 13, "invalid named capture group", "'a'.matches('(?P<ä>a)')"},
		{1, 13, "invalid repetition size: {1001}", "'a'.matches('a{1001}')"},
		{1, 1, "the expression ends where", ""},
		{1, 4, "the expression ends where", "1 +"},
		{1, 3, "where an operator or the end should be", "1 2"},
		{1, 1, "the string does not end", "'''abc"},
		{1, 1, "must end on the line", "'abc\n'"},
		{1, 2, "unknown escape", "'\\q'"},
		{1, 3, "\\x takes two", "'a\\x1'"},
		{1, 1, "does not fit an int", "9223372036854775808"},
		{1, 3, "does not fit a double", "- 1.8e308"},
		{1, 1, "no message types", "Pod{name: 'x'}"},
		{1, 1, "unknown function '_in_'", "_in_()"}, /* once the operator's name */
		{1, 5, "unknown method '_in_'", "[1]._in_(1)"},
		{1, 1, "'for' is a reserved word", "for"},
		{1, 3, "'=' is no operator: equality is '=='", "1 = 2"},
		{1, 3, "a character that CEL has no use for", "1 # 2"},
		{1, 1, "unknown variable 'x'", "x.all(y, true)"},
	};
	struct cel_test t;

	cel_test_setup(&t, "{}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refused(&t, cases[i].source, NULL, cases[i].line, cases[i].column,
			cases[i].message);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__all_mistakes_are_reported_at_once)
{
	struct cel_issues issues = {0};
	struct cel_program *p = NULL;
	struct cel_test t;

	cel_test_setup(&t, "{}");
	ck_assert_int_eq(cel_compile(t.env, SPAN("a.b && fn(1) && 'x'.y() && 1 + 'a' == 2"), "bool",
				 &p, &issues),
		-1);
	ck_assert_uint_eq(issues.count, 4);
	for (size_t i = 1; i < issues.count; i++)
		ck_assert_uint_gt(issues.items[i].column, issues.items[i - 1].column);
	cel_issues_free(&issues);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__the_result_type_is_asked_for)
{
	struct cel_test t;
	struct cel_run run;

	cel_test_setup(&t, "{\"object\": {\"n\": 1, \"b\": true}}");
	run = cel_run(t.arena, 1000);
	refused(&t, "1 + 1", "bool", 1, 1, "the expression is int, but must be bool");
	refused(&t, "'a'", "bool", 1, 1, "must be bool");
	refused(&t, "[1]", "list(string)", 1, 1, "must be list(string)");
	refused(&t, "1", "strange", 1, 1, "unknown result type");
	/* dyn is found out when evaluated */
	struct cel_program *p = cel_test_compile(&t, "object.n", "bool");
	struct cel_value v = cel_eval(p, &t.act, &run);
	ck_assert_int_eq(v.kind, CEL_ERROR);
	ck_assert(
		span_eq_str(cel_error_message(v, t.arena), "the result is int, but must be bool"));
	cel_program_free(p);
	p = cel_test_compile(&t, "object.b", "bool");
	v = cel_eval(p, &t.act, &run);
	ck_assert(v.kind == CEL_BOOL && v.b);
	cel_program_free(p);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__types_are_deduced)
{
	static const char *const cases[][2] = {
		{"bool", "number > 1"},
		{"int", "[1, 2][0]"},
		{"list(int)", "[1]"},
		{"list(dyn)", "[1, 'a']"},
		{"map(string, int)", "{'abc': 123}"},
		{"dyn", "object.spec"},
		{"list(list(list(list(list(dyn)))))", "[[], [[]], [[[]]], [[[[]]]]]"},
		{"list(list(list(list(list(dyn)))))", "[[[[[]]]], [], [[[]]]]"},
		{"dyn", "([].map(x, x))[0].foo"},
		{"list(optional_type(int))", "[optional.none(), optional.of(1)]"},
		{"list(optional_type(int))", "[optional.of(1), optional.none()]"},
		{"list(optional_type(dyn))", "[optional.of(1), optional.of(dyn(1))]"},
		{"list(optional_type(dyn))", "[optional.of(dyn(1)), optional.of(1)]"},
		{"optional_type(dyn)", "true ? optional.of(dyn(1)) : optional.of(1)"},
		{"dyn", "optional.of(1).orValue(dyn('a'))"},
		{"google.protobuf.Duration", "now - now"},
		{"list(string)", "'a b'.split(' ')"},
		{"map(int, string)", "['a'].transformMap(i, v, v + 'x')"},
		{"list(string)", "{'a': 1}.map(k, k)"},
		{"kubernetes.Quantity", "quantity('1').add(2)"},
		{"type(int)", "type(1)"},
	};
	struct cel_test t;

	cel_test_setup(&t, "{}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cel_program *p = cel_test_compile(&t, cases[i][1], NULL);
		ck_assert_msg(strcmp(cel_program_type(p), cases[i][0]) == 0, "%s: %s", cases[i][1],
			cel_program_type(p));
		cel_program_free(p);
	}
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__a_program_knows_its_variables)
{
	struct cel_test t;

	cel_test_setup(&t, "{}");
	struct cel_program *p = cel_test_compile(
		&t, "request.x == 1 && variables.containers.exists(object, object.a)", NULL);
	ck_assert(cel_program_uses(p, 0));
	ck_assert(!cel_program_uses(p, 1)); /* the loop's own variable */
	ck_assert(!cel_program_uses(p, 2));
	ck_assert(cel_program_uses(p, 3));
	ck_assert(!cel_program_uses(p, 1000));
	cel_program_free(p);
	p = cel_test_compile(&t, "[1].exists(object, .object.a == object)", NULL);
	ck_assert(cel_program_uses(p, 1));
	cel_program_free(p);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__declarations_are_checked)
{
	struct cel_test t;
	struct err e;

	cel_test_setup(&t, "{}");
	ck_assert_int_eq(cel_env_declare(t.env, SPAN("object"), "dyn", NULL, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "declared already"));
	ck_assert_int_eq(cel_env_declare(t.env, SPAN("a-b"), "dyn", NULL, &e), -1);
	ck_assert_int_eq(cel_env_declare(t.env, SPAN("a."), "dyn", NULL, &e), -1);
	ck_assert_int_eq(cel_env_declare(t.env, SPAN(""), "dyn", NULL, &e), -1);
	ck_assert_int_eq(cel_env_declare(t.env, SPAN("x"), "strin", NULL, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "unknown type 'strin'"));
	ck_assert_int_eq(cel_env_declare(t.env, SPAN("x"), "list(int", NULL, &e), -1);
	ck_assert_int_eq(cel_env_declare(t.env, SPAN("x"), "map(string, list(int))", NULL, &e), 0);
	ck_assert_int_eq(cel_env_set_container(t.env, SPAN("a..b"), &e), -1);
	cel_test_end(&t);
}
END_TEST

static void refused_for(struct cel_test *t, struct buf *source, const char *message)
{
	struct cel_issues issues = {0};
	struct cel_program *p = NULL;

	ck_assert_int_eq(cel_compile(t->env, buf_span(source), NULL, &p, &issues), -1);
	ck_assert_msg(
		strstr(issues.items[0].message, message) != NULL, "%s", issues.items[0].message);
	cel_issues_free(&issues);
	buf_free(source);
}

static struct buf repeated(const char *before, const char *text, unsigned n, const char *after)
{
	struct buf b = BUF_INIT(1 << 20);

	buf_add_str(&b, before);
	for (unsigned i = 0; i < n; i++)
		buf_add_str(&b, text);
	buf_add_str(&b, after);
	return b;
}

START_TEST(cel__sources_have_limits)
{
	struct cel_issues issues = {0};
	struct cel_program *p = NULL;
	struct cel_test t;
	struct buf b;

	cel_test_setup(&t, "{}");
	b = repeated("", "(", 1000, "1");
	refused_for(&t, &b, "nesting");
	b = repeated("", "!", 1000, "true");
	refused_for(&t, &b, "nesting");
	b = repeated("", "[", 10000, "");
	refused_for(&t, &b, "nesting");
	b = repeated("object", ".a", 1000, "");
	refused_for(&t, &b, "deep");
	b = repeated("1", " + 1", 1000, "");
	refused_for(&t, &b, "deep");
	b = repeated("[1", ",1", 20000, "]");
	refused_for(&t, &b, "parts");
	b = repeated("'", "a", 70000, "'");
	refused_for(&t, &b, "longer than");
	/* a doubling block would have more nodes than anything */
	b = repeated("cel.block([1", "", 0, "");
	for (int i = 0; i < 30; i++)
		buf_printf(&b, ", cel.index(%d) + cel.index(%d)", i, i);
	buf_add_str(&b, "], cel.index(30))");
	refused_for(&t, &b, "parts");
	/* a long chain of alternatives is not deep */
	b = repeated("false", " || number == 1", 900, "");
	ck_assert_int_eq(cel_compile(t.env, buf_span(&b), "bool", &p, &issues), 0);
	buf_free(&b);
	cel_program_free(p);
	cel_test_end(&t);
}
END_TEST

START_TEST(cel__every_function_is_documented)
{
	_cleanup_(cel_library_freep) struct cel_library *library = cel_library_new();
	struct cel_function_info f, g;
	size_t n = 0;

	for (; cel_function_at(library, n, &f); n++) {
		ck_assert(f.group[0] && f.name[0] && f.signatures[0]);
		ck_assert_msg(f.doc[0] && f.doc[strlen(f.doc) - 1] == '.', "%s", f.name);
		for (size_t j = 0; j < n && cel_function_at(library, j, &g); j++)
			ck_assert_msg(strcmp(f.name, g.name) != 0 || strcmp(f.group, g.group) != 0,
				"%s twice", f.name);
	}
	ck_assert_uint_gt(n, 120);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cel_compile");

	tcase_add_test(t, cel__mistakes_are_found_at_load_with_their_place);
	tcase_add_test(t, cel__all_mistakes_are_reported_at_once);
	tcase_add_test(t, cel__the_result_type_is_asked_for);
	tcase_add_test(t, cel__types_are_deduced);
	tcase_add_test(t, cel__a_program_knows_its_variables);
	tcase_add_test(t, cel__declarations_are_checked);
	tcase_add_test(t, cel__sources_have_limits);
	tcase_add_test(t, cel__every_function_is_documented);
	return run_tests(t);
}
