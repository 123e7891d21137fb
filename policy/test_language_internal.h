/* SPDX-License-Identifier: Apache-2.0 */
/* Test files as written, filled by the tables in test_language.c. */
#pragma once

#include "policy/language_internal.h"

struct source_expect {
	struct yaml_int action;
	struct yaml_str rule, message, refused;
	struct yaml_list rules;
	const struct node *patch;
};

struct source_case {
	struct yaml_str name, review, now;
	const struct node *request, *access, *objects;
	struct yaml_object expect;
};

struct source_test {
	struct yaml_list policies, cases;
	struct yaml_str now;
	const struct node *request, *access, *objects;
};

struct source_document {
	struct yaml_str api_version, kind;
	struct yaml_object metadata, spec;
};
