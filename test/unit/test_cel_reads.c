/* SPDX-License-Identifier: Apache-2.0 */
/* What of its variables a program's result is made of. */
#include <check.h>

#include "policy/cel/cel.h"
#include "policy/cel/functions/library.h"
#include "support/run_tests.h"

static const char *const paths[] = {"name", "user.name", NULL};

static const struct {
	bool only;
	const char *source;
} cases[] = {
	{true, "request.name"},
	{true, "request.user.name"},
	{true, "'a' + request.name + request.user.name.upperAscii()"},
	{true, "request.?name.orValue('every')"},
	{true, "has(request.name) ? request.name : 'x'"},
	{true, "'constant'"},
	{true, "[1, 2].exists(i, i > 1) ? 'a' : request.name"},
	{true, "cel.bind(n, request.name, n + n)"},
	{true, "request.name.first"},
	{true, "object.list.map(c, c.name).join()"},
	{true, "object.list.map(c, c.kind == 'x', c.name).join()"},
	{true, "object.list.map(c, c.name == 'x' ? 'it' : c.name + '!').join(', ')"},
	{false, "object.list.map(c, c.user.name).join()"},
	{false, "object.list.map(c, c.name.user).join()"},
	{false, "object.list.map(c, string(has(c.name)) + c).join()"},
	{false, "object.list.map(c, c)[0].name"},
	{false, "object.list.map(c, [c])[0][0].name"},
	{false, "[object].map(c, c.name).join()"},
	{false, "[[object]].map(c, c)[0].map(d, d.name).join()"},
	{false, "object.list.map(c, [object].map(d, d.name).join()).join()"},
	{false, "cel.bind(c, object, c.name)"},
	{false, "object.list.map(c, cel.bind(d, object, d.name)).join()"},
	{false, "object.list.transformList(i, c, c.name).join()"},
	{false, "object.list.sortBy(c, c.name)[0].name"},
	{false, "request"},
	{false, "string(request)"},
	{false, "request.user"},
	{false, "request.user.names"},
	{false, "request.username"},
	{false, "request.nam"},
	{false, "request.object.name"},
	{false, "request.name + request.object.spec"},
	{false, "request['name']"},
	{false, "request[request.name]"},
	{false, "cel.bind(r, request, r.name + string(r))"},
	{false, "[request].map(r, r.object)[0]"},
	{true, "request.user.exists(k, k == 'x') ? 'a' : 'b'"},
	{false, "object.name"},
	{false, "request.name + object.user.name"},
	{true, "[request.name].all(n, object[n] == 1) ? 'a' : 'b'"},
	{false, "(request.name == 'x' ? request : object).name"},
};

START_TEST(cel_reads__only_these_fields)
{
	struct cel_library *library = cel_library_new();
	struct cel_env *env = cel_env_new(library, 0);
	_cleanup_(cel_issues_free) struct cel_issues issues = {0};
	struct cel_program *p = NULL;
	uint32_t request, object;

	ck_assert_int_eq(cel_env_declare(env, SPAN("object"), "dyn", &object, NULL), 0);
	ck_assert_int_eq(cel_env_declare(env, SPAN("request"), "dyn", &request, NULL), 0);
	ck_assert_msg(cel_compile(env, span_of(cases[_i].source), NULL, &p, &issues) == 0, "%s",
		issues.count ? issues.items[0].message : "?");
	ck_assert_msg(cel_program_shows_only(p, request, paths) == cases[_i].only, "%s",
		cases[_i].source);
	cel_program_free(p);
	cel_env_free(env);
	cel_library_free(library);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cel_reads");

	tcase_add_loop_test(t, cel_reads__only_these_fields, 0, ARRAY_LEN(cases));
	return run_tests(t);
}
