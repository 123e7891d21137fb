/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of compiling a policy share: compiler.c below them all, compile.c on top. */
#pragma once

#include "policy/set_internal.h"

struct compiler {
	struct policy_set *set;
	struct arena *arena;
	struct yaml_errors *errors;
};

/* Zeroed memory of the set; NULL with the error added at n. */
void *compiler_alloc(struct compiler *c, const struct node *n, size_t count, size_t size);
/* Lower-case letters, digits, '-' and, with dots, '.'; at most max characters. */
bool compiler_is_name(struct span s, bool dots, size_t max);
/* NULL when there is none of that name. */
const struct named_set *set_find(const struct policy_set *set, struct span name);
/* NULL with the error added at n, when no set of that name is loaded. */
const struct named_set *compiler_find_set(
	struct compiler *c, struct span name, const struct node *n);

/* ---- compile_match.c ---- */

/* Copies a list of strings to patterns; refuses empty strings and repetitions. */
struct patterns compile_patterns(
	struct compiler *c, const struct yaml_list *list, const char *field);
void compile_subjects(struct compiler *c, const struct yaml_list *list, struct subjects *ret);
/* A list of matches, of a rule or of all rules of a policy. NULL with the errors added. */
const struct match *compile_match_list(struct compiler *c, const struct yaml_list *list);

/* ---- compile_selector.c ---- */

/* NULL when there is none, or with the errors added. */
const struct label_selector *compile_selector(struct compiler *c, const struct yaml_object *source);

/* ---- compile_params.c ---- */

/* Before all expressions of the policy. */
void compile_params(struct compiler *c, struct policy *p, const struct source_spec *s);

/* Which kind is meant by an apiVersion and a kind: ret's group, version and kind. */
void compile_kind(struct compiler *c, const struct yaml_str *api_version,
	const struct yaml_str *kind, struct cluster_kind *ret);

/* ---- compile_lookup.c ---- */

/* One variable of the policy, an expression or a look-up; after compile_params(). */
void compile_variable(struct compiler *c, struct policy *p, const struct source_variable *v);

/* ---- compile_mutation.c ---- */

/* The `mutate` of a rule; NULL with the errors added. */
const struct mutation *compile_mutation(struct compiler *c, struct expressions *x,
	const struct source_mutate *m, const struct node *at);

/* ---- compile_rule.c ---- */

void compile_rule(struct compiler *c, const struct policy *p, const struct source_rule *s,
	const struct node *at, struct rule *r);

/* ---- compile_check.c ---- */

void compile_check_names(struct compiler *c, const struct policy *p, const struct source_spec *s);
void compile_check_conflicts(struct compiler *c, const struct policy *p);
/* Subjects that are excluded altogether. */
void compile_check_subjects(struct compiler *c, const struct policy *p);
