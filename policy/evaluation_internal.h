/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluating what expression.c compiled: one struct evaluation belongs to one request and walks
 * from policy to policy.
 */
#pragma once

#include "policy/expression_internal.h"

/* In the arena; NULL when it is full. r must live as long. */
struct evaluation *evaluation_new(const struct policy_request *r, struct arena *arena);
/* Whose variables are meant from now on; forgets those of the policy before. */
int evaluation_enter(struct evaluation *ev, const struct expressions *x) _must_check_;
/* Makes `object` this document instead of the request's, and forgets the variables: for mutation.
 */
int evaluation_replace_object(struct evaluation *ev, const struct json_doc *object) _must_check_;

enum verdict { VERDICT_FALSE, VERDICT_TRUE, VERDICT_ERROR };

/* Errors: VERDICT_ERROR, *ret_error says what and where in the file. */
enum verdict evaluation_test(
	const struct expression *e, struct evaluation *ev, struct span *ret_error);
/* The value, or a CEL_ERROR. */
struct cel_value evaluation_value(const struct expression *e, struct evaluation *ev);
/* A string's text. -1 when it cannot be computed; *ret_error says why. */
int evaluation_text(const struct expression *e, struct evaluation *ev, struct span *ret,
	struct span *ret_error) _must_check_;
int evaluation_template_text(const struct template *t, struct evaluation *ev, struct span *ret,
	struct span *ret_error) _must_check_;
/* A template that is nothing but one {{ }} has that expression's value; else a string. */
struct cel_value evaluation_template_value(const struct template *t, struct evaluation *ev);

/* Which values made it come out so: indented lines. */
void evaluation_explain(struct buf *out, const struct expression *e, struct evaluation *ev);
