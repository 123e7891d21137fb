/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the checker, shared by its files: check.c walks the tree, names.c resolves names,
 * overload.c finds the function that a call means. Inside the CEL engine only.
 */
#pragma once

#include "policy/cel/types_internal.h"

struct cel_scope {
	struct span name;
	uint32_t slot;
	const struct cel_type *type;
	struct cel_scope *up;
};

/* An enclosing cel.block: what @index0 … @index<limit - 1> stand for. */
struct cel_block {
	const struct cel_node *list;
	uint32_t limit;
};

struct cel_checker {
	struct cel_compiler *c;
	struct cel_unifier u;
	struct cel_scope *scope;
	struct cel_block *block;
	uint32_t depth; /* frame slots in use */
	unsigned level; /* of recursion: blocks nest deeper than the source does */
	const struct cel_node *select_above; /* the selection that the name looked at is part of */
};

#define CEL_NAME_MAX 512

/* The type of n and all below it; rewrites names on the way. */
const struct cel_type *cel_check_node(struct cel_checker *ck, struct cel_node *n);

static inline bool cel_check_strict(const struct cel_checker *ck)
{
	return !(ck->c->env->options & CEL_NO_CHECK);
}

/* Makes n an error at run time; in checked expressions the caller adds an issue as well. */
const struct cel_type *cel_check_bad(struct cel_checker *ck, struct cel_node *n, struct span why);
const char *cel_check_type_text(struct cel_checker *ck, const struct cel_type *t);

/* names.c */
const struct cel_type *cel_check_ident(struct cel_checker *ck, struct cel_node *n);
/* The declaration that a chain of selections means as a whole, or NULL. */
const struct cel_type *cel_check_chain(struct cel_checker *ck, struct cel_node *n);
/* "math.abs" for a call of abs on the name math, if that is no variable; empty: it is none. */
struct span cel_check_qualified(
	struct cel_checker *ck, const struct cel_node *call, char text[CEL_NAME_MAX]);

/* overload.c */
const struct cel_type *cel_check_call(struct cel_checker *ck, struct cel_node *n);
