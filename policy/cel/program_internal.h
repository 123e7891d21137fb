/* SPDX-License-Identifier: Apache-2.0 */
/* The program: a tree of nodes, each with the function that evaluates it, and its types. */
#pragma once

#include "policy/cel/value_internal.h"

typedef struct cel_value (*cel_node_eval)(const struct cel_node *n, struct cel_ev *ev);
/* args are no errors, of any kind: the function answers cel_err_overload() for what it cannot do */
typedef struct cel_value cel_call(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *args, uint32_t count);
typedef cel_call *cel_fn;

/* ---- types, as the checker knows them (types.c) ---- */

enum cel_type_kind {
	CEL_T_DYN,
	CEL_T_NULL,
	CEL_T_BOOL,
	CEL_T_INT,
	CEL_T_UINT,
	CEL_T_DOUBLE,
	CEL_T_STRING,
	CEL_T_BYTES,
	CEL_T_TIMESTAMP,
	CEL_T_DURATION,
	CEL_T_IP,
	CEL_T_CIDR,
	CEL_T_URL,
	CEL_T_QUANTITY,
	CEL_T_SEMVER,
	CEL_T_FORMAT,
	CEL_T_LIST,	/* a */
	CEL_T_MAP,	/* a: keys, b: values */
	CEL_T_TYPE,	/* a */
	CEL_T_OPTIONAL, /* a */
	CEL_T_VAR,	/* var: a type not known yet; in a signature 'A' to 'Z' */
};

struct cel_type {
	uint8_t kind;
	uint32_t var;
	const struct cel_type *a, *b;
};

/* ---- AST and program ---- */

enum cel_op {
	CEL_N_CONST,
	CEL_N_IDENT,  /* name; after checking VAR, LOCAL or CONST */
	CEL_N_VAR,    /* slot */
	CEL_N_LOCAL,  /* slot */
	CEL_N_SELECT, /* args[0].name */
	CEL_N_INDEX,  /* args[0][args[1]] */
	CEL_N_CALL,   /* name(args); method: args[0] is the target */
	CEL_N_LIST,   /* args */
	CEL_N_MAP,    /* args: key, value, key, value */
	CEL_N_AND,    /* args, two or more */
	CEL_N_OR,
	CEL_N_COND,   /* args[0] ? args[1] : args[2] */
	CEL_N_LOOP,   /* loop: args[0] the range, args[1] condition, args[2] transformation */
	CEL_N_BIND,   /* args[0] the value of var1, args[1] the expression */
	CEL_N_OPTMAP, /* args[0] an optional, args[1] what to make of its value var1 */
	CEL_N_BLOCK,  /* args: list literal, expression; gone after checking */
	CEL_N_BAD,    /* something unknown: an error when evaluated */
};

enum cel_loop {
	CEL_LOOP_ALL,
	CEL_LOOP_EXISTS,
	CEL_LOOP_EXISTS_ONE,
	CEL_LOOP_MAP,	 /* list of args[2], filtered by args[1] if not NULL */
	CEL_LOOP_FILTER, /* list of the elements for which args[1] */
	CEL_LOOP_TO_MAP, /* map of the keys to args[2] */
	CEL_LOOP_TO_ENTRY,
	CEL_LOOP_SORT_BY,
};

#define CEL_NO_SLOT UINT32_MAX

struct cel_node {
	cel_node_eval eval;
	uint8_t op; /* enum cel_op */
	uint8_t loop;
	bool test : 1;	      /* select: has() */
	bool optional : 1;    /* select, index: .? and [?] */
	bool method : 1;      /* call */
	bool absolute : 1;    /* ident: written with a leading dot */
	bool two_vars : 1;    /* loop */
	bool flat : 1;	      /* optmap: optFlatMap */
	bool prepared : 1;    /* call with what the function made of a constant in aux */
	uint16_t depth;	      /* of the tree below */
	uint32_t off, end;    /* the source text it came from */
	uint32_t pos;	      /* where to point at: the operator, the field, the method */
	uint32_t cost;	      /* nodes in the tree below, loops counted once */
	uint32_t slot, slot2; /* of a variable; of a loop's variables in the frame */
	uint32_t count;
	struct cel_node **args;
	struct span name;   /* ident, select, call */
	struct span name2;  /* loop: the second variable */
	uint64_t *opt_mask; /* list, map: which elements are optional, or NULL */
	struct cel_value value;
	cel_fn fn;
	const struct cel_function *function; /* call: what fn is of */
	const void *aux;
	const struct cel_type *type;
};

struct cel_program {
	struct arena *arena; /* everything of the program, itself included */
	const struct cel_node *root;
	struct span source;
	uint32_t local_count;
	uint32_t slot_count;
	uint64_t *uses; /* bit set of slots */
	const char *type_text;
	uint8_t expect; /* enum cel_kind the result must have, CEL_UNSET: any */
	const struct cel_library *library;
	struct cel_prepared *prepared; /* to be freed */
	uint32_t prepared_count;
};

/* ---- evaluating ---- */

/* eval.c, select.c, loop.c */
cel_node_eval cel_eval_for(const struct cel_node *n);
/* Of CEL_N_SELECT and CEL_N_INDEX. */
cel_node_eval cel_eval_for_select(const struct cel_node *n);
/* a.?b, and a.?b.c, which is an optional as well. */
bool cel_is_optional_path(const struct cel_node *n);
/* a.?b.?c.orValue(d): what most conditions on Kubernetes objects are made of. */
struct cel_value cel_eval_path_or_value(const struct cel_node *n, struct cel_ev *ev);
cel_node_eval cel_eval_for_loop(const struct cel_node *n);
/* Leaves the variables of all() or exists() as they were in the turn that decided; its number, from
 * 1, or 0 when no single one did. */
uint32_t cel_loop_decisive_turn(const struct cel_node *n, struct cel_ev *ev);
struct cel_value cel_eval_bind(const struct cel_node *n, struct cel_ev *ev);
struct cel_value cel_eval_optmap(const struct cel_node *n, struct cel_ev *ev);
