/* SPDX-License-Identifier: Apache-2.0 */
/* What a program reads of its variables. */
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
	{false, "request.user.exists(k, k == 'x') ? 'a' : 'b'"},
	{false, "object.name"},
	{false, "request.name + object.user.name"},
	{false, "[request.name].all(n, object[n] == 1) ? 'a' : 'b'"},
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
	ck_assert_msg(cel_program_reads_only(p, request, paths) == cases[_i].only, "%s",
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
