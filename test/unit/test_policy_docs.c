/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <glob.h>
#include <stdlib.h>

#include "policy/reference.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"

START_TEST(policy_docs__the_reference_is_what_the_code_says)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 16 << 20);
	_cleanup_(buf_free) struct buf out = BUF_INIT(4 << 20);
	struct span text = file_or_fail(HOLDPOINT_SOURCE_DIR "/docs/policy-reference.md", arena);
	policy_reference_put(&out);
	ck_assert(!out.failed);
	ck_assert_msg(span_eq(buf_span(&out), text),
		"run: holdpoint policy reference > docs/policy-reference.md");
}
END_TEST

START_TEST(policy_docs__every_example_stands_in_the_guide_as_it_is_tested)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 16 << 20);
	struct span guide = file_or_fail(HOLDPOINT_SOURCE_DIR "/docs/policy.md", arena);
	glob_t files;
	unsigned examples = 0;
	ck_assert_int_eq(glob(HOLDPOINT_SOURCE_DIR "/docs/examples/*.yaml", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *path = files.gl_pathv[i];
		struct span text = file_or_fail(path, arena);
		ck_assert_msg(memmem(guide.ptr, guide.len, text.ptr, text.len) != NULL,
			"docs/policy.md does not show %s as it is", path);
		const char *name = strrchr(path, '/') + 1;
		struct span test = arena_printf(arena,
			HOLDPOINT_SOURCE_DIR "/docs/examples/tests/%.*s_test.yaml",
			(int)strlen(name) - 5, name);
		ck_assert_uint_gt(file_or_fail(test.ptr, arena).len, 0);
		examples++;
	}
	globfree(&files);
	ck_assert_uint_eq(examples, 10);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, policy_docs__the_reference_is_what_the_code_says);
	tcase_add_test(t, policy_docs__every_example_stands_in_the_guide_as_it_is_tested);
	return run_tests(t);
}
