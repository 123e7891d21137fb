/*
 * The CEL of a policy: its environment, conditions, messages and templates, and what a request
 * gives them to work on. Wraps policy/cel/cel.h so that the rest of policy/ sees places in files
 * and verdicts instead of programs and slots.
 *
 * One struct expressions belongs to one policy (its variables are declared there); one struct
 * evaluation belongs to one request and walks from policy to policy.
 */
#pragma once

#include "policy/cel/cel.h"
#include "policy/language_internal.h"
#include "policy/review/request.h"

struct expressions;
struct expression;
struct template;
struct evaluation;

/* Ownership: expressions_free(); library and arena must live as long. NULL when memory is short. */
struct expressions *expressions_new(const struct cel_library *library, struct arena *arena);
void expressions_free(struct expressions *x);

/* Declares variables.NAME for the expressions compiled from now on. Problems go to errors. */
void expressions_add_variable(
	struct expressions *x, const struct source_variable *v, struct yaml_errors *errors);

/*
 * Compiles source; expect as for cel_compile(). `object` and `oldObject` are errors, variables that
 * use them too, unless endpoints is ENDPOINTS_ADMISSION.
 * Returns NULL with every problem added to errors.
 */
const struct expression *expressions_compile(struct expressions *x, const struct yaml_str *source,
	const char *expect, unsigned endpoints, struct yaml_errors *errors);

/* A string with {{ CEL }} in it. Returns NULL with the problems added to errors. */
const struct template *expressions_compile_template(struct expressions *x,
	const struct yaml_str *source, unsigned endpoints, struct yaml_errors *errors);

/* The text when nothing in it has to be computed; else absent. */
struct span template_literal(const struct template *t);

/* ---- a request ---- */

/* In the arena; NULL when it is full. r must live as long. */
struct evaluation *evaluation_new(const struct policy_request *r, struct arena *arena);
/* Whose variables are meant from now on; forgets those of the policy before. */
int evaluation_enter(struct evaluation *ev, const struct expressions *x) _must_check_;
/* Makes `object` this document instead of the request's, and forgets the variables: for mutation.
 */
int evaluation_replace_object(struct evaluation *ev, const struct json_doc *object) _must_check_;

enum verdict { VERDICT_FALSE, VERDICT_TRUE, VERDICT_ERROR };

/* Errors: VERDICT_ERROR, *ret_error says what and where in the file. */
enum verdict expression_test(
	const struct expression *e, struct evaluation *ev, struct span *ret_error);
/* The value, or a CEL_ERROR. */
struct cel_value expression_value(const struct expression *e, struct evaluation *ev);
/* A string's text. -1 when it cannot be computed; *ret_error says why. */
int expression_text(const struct expression *e, struct evaluation *ev, struct span *ret,
	struct span *ret_error) _must_check_;
int template_text(const struct template *t, struct evaluation *ev, struct span *ret,
	struct span *ret_error) _must_check_;
/* A template that is nothing but one {{ }} has that expression's value; else a string. */
struct cel_value template_value(const struct template *t, struct evaluation *ev);

/* As written, for people. */
struct span expression_source(const struct expression *e);
/* Which values made it come out so: indented lines. */
void expression_explain(struct buf *out, const struct expression *e, struct evaluation *ev);
