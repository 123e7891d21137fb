/* SPDX-License-Identifier: Apache-2.0 */
/* Types as the checker knows them, and their unification. Inside the CEL engine only. */
#pragma once

#include "policy/cel/compiler_internal.h"

extern const struct cel_type cel_t_dyn, cel_t_null, cel_t_bool, cel_t_int, cel_t_uint, cel_t_double,
	cel_t_string, cel_t_bytes, cel_t_timestamp, cel_t_duration;

const struct cel_type *cel_type_new(struct arena *a, enum cel_type_kind kind,
	const struct cel_type *p, const struct cel_type *q);
/* Parses "map(string, dyn)" from *s onwards; NULL if it is no type. */
const struct cel_type *cel_type_parse(struct arena *a, struct span *s);
void cel_put_type(struct buf *out, const struct cel_type *t);

struct cel_trail {
	uint32_t var;
	const struct cel_type *old;
};

struct cel_unifier {
	struct arena *arena;
	const struct cel_type **bound; /* by variable */
	uint32_t count, cap;
	struct cel_trail *trail;
	uint32_t trail_count, trail_cap;
};

const struct cel_type *cel_type_fresh(struct cel_unifier *u);
/* What a variable is bound to; unbound ones stay. */
const struct cel_type *cel_type_resolve(struct cel_unifier *u, const struct cel_type *t);
/* The same all the way down, unbound ones as dyn. */
const struct cel_type *cel_type_final(struct cel_unifier *u, const struct cel_type *t);
/* May a value of type from stand where to is wanted? Binds variables on both sides. */
bool cel_type_assign(struct cel_unifier *u, const struct cel_type *to, const struct cel_type *from);
/* Undoes bindings made since u->trail_count was mark. */
void cel_type_rollback(struct cel_unifier *u, uint32_t mark);
/* The type that holds both; dyn if they have nothing in common. */
const struct cel_type *cel_type_join(
	struct cel_unifier *u, const struct cel_type *a, const struct cel_type *b);
/* A signature's 'A', 'B' … replaced by fresh variables; map remembers which. */
const struct cel_type *cel_type_instantiate(
	struct cel_unifier *u, const struct cel_type *t, const struct cel_type *map[26]);
