/* SPDX-License-Identifier: Apache-2.0 */
/* `holdpoint policy test` as a library: cases that pass and fail, and mistakes in the test files.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/test_cases.h"
#include "support/run_tests.h"

#define HEAD                                                                                       \
	"apiVersion: holdpoint.dev/v1alpha1\n"                                                     \
	"kind: GuardrailPolicyTest\n"                                                              \
	"spec:\n"                                                                                  \
	"  policies: [" HOLDPOINT_SOURCE_DIR "/policy/library/no-exec.yaml]\n"                     \
	"  request:\n"                                                                             \
	"    operation: CONNECT\n"                                                                 \
	"    resource: {group: '', version: v1, resource: pods}\n"                                 \
	"    subResource: exec\n"                                                                  \
	"    namespace: prod\n"                                                                    \
	"    name: web\n"                                                                          \
	"    userInfo: {username: a, groups: [b]}\n"                                               \
	"    object: {command: [id]}\n"                                                            \
	"  cases:\n"

static char path[64];
static unsigned passed, failed;
static char first_failure[400];

static void count_result(const struct case_result *r, void *userdata)
{
	(void)userdata;
	if (r->passed) {
		passed++;
		return;
	}
	if (!failed++)
		snprintf(first_failure, sizeof first_failure, "%u: %.*s, got %.*s", r->line,
			SPAN_FMT(r->expected), SPAN_FMT(r->got));
}

/* Runs one file with this text; the errors are the caller's to free. */
static int run(const char *yaml, struct yaml_errors *errors)
{
	const char *paths[] = {path};
	int fd, rc;

	snprintf(path, sizeof path, "/tmp/holdpoint-cases-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	close(fd);
	passed = failed = 0;
	rc = test_cases_run(paths, 1, count_result, NULL, NULL, errors);
	unlink(path);
	return rc;
}

START_TEST(policy_cases__pass_and_fail)
{
	struct yaml_errors errors;

	ck_assert_int_eq(run(HEAD "  - name: exec\n"
				  "    request: {}\n"
				  "    expect: {action: Deny, rule: no-exec}\n"
				  "  - name: exec elsewhere\n"
				  "    request: {namespace: dev-1}\n"
				  "    expect: {action: None}\n"
				  "  - name: wrong\n"
				  "    request: {}\n"
				  "    expect: {action: Hold, rule: no-exec}\n",
				 &errors),
		0);
	ck_assert_uint_eq(errors.count, 0);
	ck_assert_uint_eq(passed, 2);
	ck_assert_uint_eq(failed, 1);
	ck_assert_msg(strstr(first_failure, "20: Hold no-exec, got Deny no-exec") == first_failure,
		"%s", first_failure);
	buf_free(&errors.text);
}
END_TEST

START_TEST(policy_cases__mistakes_are_listed_in_order)
{
	static const char *const expected[] = {
		":14:5: case needs the field \"name\"",
		":14:5: unknown field \"nam\" in case; did you mean \"name\"?",
		":16:22: action \"deny\" is not known; did you mean \"Deny\"?",
	};
	struct yaml_errors errors;
	const char *line;

	ck_assert_int_eq(
		run(HEAD "  - nam: exec\n    request: {}\n    expect: {action: deny}\n", &errors),
		-1);
	ck_assert_uint_eq(errors.count, ARRAY_LEN(expected));
	ck_assert_uint_eq(passed + failed, 0);
	line = buf_str(&errors.text);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		size_t len = strlen(expected[i]);

		ck_assert_msg(strncmp(line, path, strlen(path)) == 0 &&
				      strncmp(line + strlen(path), expected[i], len) == 0,
			"expected …%s, got %s", expected[i], line);
		line = strchr(line, '\n') + 1;
	}
	buf_free(&errors.text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_test(t, policy_cases__pass_and_fail);
	tcase_add_test(t, policy_cases__mistakes_are_listed_in_order);
	return run_tests(t);
}
