/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CEL of a policy: its environment, conditions, messages and templates. Wraps policy/cel/cel.h
 * so that the rest of policy/ sees places in files and verdicts instead of programs and slots.
 *
 * One struct expressions belongs to one policy: its variables are declared there.
 */
#pragma once

#include "policy/cel/cel.h"
#include "policy/language_internal.h"
#include "policy/review/request.h"

struct cluster_lookup;
struct expressions;
struct expression;
struct template;
struct evaluation;

/* Ownership: expressions_free(); library and arena must live as long. NULL when memory is short. */
struct expressions *expressions_new(const struct cel_library *library, struct arena *arena);
void expressions_free(struct expressions *x);

/* Declares params, before all expressions; of a ConfigMap, data is strings. -1: memory is short. */
int expressions_declare_params(struct expressions *x, bool config_map) _must_check_;

/* Does any of them look at namespaceObject? */
bool expressions_use_namespace(const struct expressions *x);

/* Declares variables.NAME for the expressions compiled from now on. Problems go to errors. */
void expressions_add_variable(
	struct expressions *x, const struct source_variable *v, struct yaml_errors *errors);

/* The same of one that is a look-up, which is kept. */
void expressions_add_lookup(struct expressions *x, const struct source_variable *v,
	const struct cluster_lookup *lookup, struct yaml_errors *errors);
/* Look-up number i of the policy's, or NULL. */
const struct cluster_lookup *expressions_lookup(const struct expressions *x, size_t i);

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

/* Does the text quote nothing of a request but its names (whose it is, what is done to what)? */
bool template_is_plain(const struct template *t);
bool expression_is_plain(const struct expression *e);

/* Does it look at `object`, `oldObject`, itself or through variables? */
bool expression_needs_object(const struct expression *e);
bool expression_needs_old_object(const struct expression *e);

/* As written, for people. */
struct span expression_source(const struct expression *e);
