/* SPDX-License-Identifier: Apache-2.0 */
/* What expression.c compiles, evaluation.c evaluates, and misspelt.c looks through; for these only.
 */
#pragma once

#include "policy/cluster_view_internal.h"
#include "policy/expression_internal.h"

enum {
	SLOT_REQUEST,
	SLOT_OBJECT,
	SLOT_OLD_OBJECT,
	SLOT_NOW,
	SLOT_NAMESPACE_OBJECT,
	SLOT_PARAMS,	  /* where a policy has parameters, … */
	SLOT_PARAMS_DATA, /* … in a ConfigMap */
	SLOT_COUNT	  /* variables come behind those that there are */
};

struct variable {
	struct span name;
	const struct expression *expression; /* a look-up's key; NULL when it did not compile */
	const struct cluster_lookup *lookup; /* what it is instead of the expression's value */
};

struct expressions {
	struct arena *arena;
	struct cel_env *env;
	struct cel_program **programs; /* to be freed */
	size_t program_count;
	struct variable *variables;
	size_t variable_count;
	uint32_t first_variable; /* its slot */
	bool uses_namespace, has_config_map;
};

struct expression {
	struct cel_program *program;
	const struct node *at;
	size_t offset;			     /* in at's text: not 0 for a template's part */
	bool needs_object, needs_old_object; /* itself or through variables */
	bool is_plain;			     /* quotes nothing but what everybody may see */
};

struct part {
	struct span literal;
	const struct expression *expression; /* or NULL */
};

struct template
{
	struct part *parts;
	size_t count;
};
