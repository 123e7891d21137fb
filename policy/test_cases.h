/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of policies, written as YAML: requests, and what must become of them. Run by
 * `holdpoint policy test`; shapes in docs/policy-reference.md.
 */
#pragma once

#include "common/yaml/errors.h"
#include "common/yaml/schema.h"
#include "policy/reach.h"

/* What came out of one case. Lives until the callback returns. */
struct case_result {
	const char *file;
	const char *name;
	uint32_t line; /* of the case */
	bool passed;
	struct span expected; /* "Deny no-exec", a message, a patch: what was asked for */
	struct span got;      /* the same of what happened */
};

typedef void (*case_result_fn)(const struct case_result *result, void *userdata);

/*
 * Runs the test files, and reports each case. What they reach of the policies that they name is
 * added to reach, unless that is NULL. A file that cannot be used at all is an error.
 * Errors: -1 with everything that is wrong with the files, and the policies that they name, in
 * errors (free with buf_free(&errors->text)); cases of good files are run all the same.
 */
int test_cases_run(const char *const *paths, size_t path_count, case_result_fn report,
	void *userdata, struct reach_ledger *reach, struct yaml_errors *errors) _must_check_;

/* The kind of a test document: for documentation. */
extern const struct kind language_test;
