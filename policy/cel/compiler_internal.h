/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling: environments, and what the steps from source to program hand to each other. */
#pragma once

#include "policy/cel/library_internal.h"

#define CEL_MAX_SOURCE 65536
#define CEL_MAX_NODES  10000
#define CEL_MAX_DEPTH  250
#define CEL_MAX_ARGS   1024

struct cel_variable {
	struct span name;
	const struct cel_type *type;
	const char *const *fields; /* see cel_env_declare_fields(); NULL: any */
};

#define CEL_MAX_RECORDS 4

struct cel_record {
	struct span name;
	const char *const *fields;
};

struct cel_env {
	struct arena *arena;
	const struct cel_library *library;
	unsigned options;
	struct span container;
	struct cel_variable *vars;
	uint32_t var_count, var_cap;
	struct cel_record records[CEL_MAX_RECORDS];
	uint32_t record_count;
};

struct cel_compiler {
	const struct cel_env *env;
	struct cel_program *prog;
	struct arena *arena; /* the program's */
	struct cel_issues *issues;
	struct span source;
	uint32_t node_count;
	bool failed; /* an issue was added */
	bool out_of_memory;
};

/* issue.c */
void cel_issue_at(struct cel_compiler *c, uint32_t off, const char *fmt, ...) _printf_(3, 4);
void cel_line_column(struct span source, uint32_t off, uint32_t *ret_line, uint32_t *ret_column);
/* "; did you mean 'x'?" for the nearest of the names offered, or "". */
struct cel_hint {
	struct span wanted;
	struct span best;
	unsigned distance;
	char text[80];
};
void cel_hint_offer(struct cel_hint *h, struct span name);
const char *cel_hint_text(struct cel_hint *h);

/* node.c */
struct cel_node *cel_node_new(
	struct cel_compiler *c, enum cel_op op, uint32_t off, uint32_t end, uint32_t arg_count);
struct cel_node *cel_node_clone(struct cel_compiler *c, const struct cel_node *n);

/* parse.c */
struct cel_node *cel_parse(struct cel_compiler *c);

/* macro.c: the node for a call of a macro, NULL when it is none. */
struct cel_node *cel_macro_expand(struct cel_compiler *c, struct cel_node *call);

/* literal.c */
bool cel_literal_string(struct cel_compiler *c, uint32_t off, uint32_t end, struct cel_value *ret);
bool cel_literal_number(
	struct cel_compiler *c, uint32_t off, uint32_t end, bool negative, struct cel_value *ret);

/* check.c: names, types, frame slots */
void cel_check(struct cel_compiler *c, struct cel_node *root, const struct cel_type *expect);
/* link.c: evaluation functions, constant folding, costs */
void cel_link(struct cel_compiler *c, struct cel_node *n);

/* The macros' names and documentation. */
struct cel_macro_info {
	const char *name;
	uint8_t style;
	const char *signatures;
	const char *doc;
};
const struct cel_macro_info *cel_macro_at(size_t index);

/* ---- for tests: the conformance suite asks for this, policies do not ---- */

/* The name space that unqualified names are looked up in first ("com.example"). */
int cel_env_set_container(struct cel_env *env, struct span container, struct err *e);
