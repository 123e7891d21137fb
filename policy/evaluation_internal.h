/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluating what expression.c compiled: one struct evaluation belongs to one request and walks
 * from policy to policy.
 */
#pragma once

#include "policy/expression_internal.h"
#include "policy/policy.h"

struct cluster_params;
struct cluster_view;

/* In the view's arena, of its request; NULL when it is full. limits: NULL for none. */
struct evaluation *evaluation_new(struct cluster_view *view, const struct policy_limits *limits);

/* A policy as its expressions see it. */
struct evaluation_policy {
	const struct expressions *expressions;
	const char *name;
	bool enforces;
	const struct cluster_params *params; /* or NULL */
};

/* Whose variables and budget are meant from now on; forgets the variables of the one before. */
int evaluation_enter(struct evaluation *ev, const struct evaluation_policy *p) _must_check_;
/* The arena was rewound to where it was before evaluation_enter(): forgets what lay beyond. */
void evaluation_forget(struct evaluation *ev);
/* The cost of the limits did not suffice: nothing that came out is of use. */
bool evaluation_is_unfinished(const struct evaluation *ev);
/* Makes `object` this document instead of the request's, and forgets the variables: for mutation.
 */
int evaluation_replace_object(struct evaluation *ev, const struct json_doc *object) _must_check_;

enum verdict { VERDICT_FALSE, VERDICT_TRUE, VERDICT_ERROR };

struct evaluation_error {
	struct span text;	 /* what, and where in the file */
	enum policy_limit limit; /* NONE: it was something else */
};

/* Errors: VERDICT_ERROR. */
enum verdict evaluation_test(
	const struct expression *e, struct evaluation *ev, struct evaluation_error *ret_error);
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
