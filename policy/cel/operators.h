/* Arithmetic, order and sorting that several files use. Inside the CEL engine only. */
#pragma once

#include "policy/cel/functions.h"

/* a + b as the operator does; an error value when it cannot. */
struct cel_value cel_add(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value a, struct cel_value b);

/* Sorts items by keys, stably. An error value when keys cannot be ordered; else null. */
struct cel_value cel_sort_by(struct cel_ev *ev, const struct cel_node *n, struct cel_value *items,
	struct cel_value *keys, uint32_t count);
