/* SPDX-License-Identifier: Apache-2.0 */
/* The end of every Check program. */
#pragma once

#include <check.h>
#include <errno.h>

/* Runs the tests of t, which is gone afterwards. Returns main()'s exit code. */
static inline int run_tests(TCase *t)
{
	Suite *s = suite_create(program_invocation_short_name);
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
