/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic, order and sorting that several files use. Inside the CEL engine only. */
#pragma once

#include "policy/cel/program_internal.h"

/* As functions: `_+_` and its fellows. */
cel_call cel_fn_add;
cel_call cel_fn_sub;
cel_call cel_fn_mul;
cel_call cel_fn_div;
cel_call cel_fn_mod;
cel_call cel_fn_neg;
cel_call cel_fn_not;
cel_call cel_fn_eq;
cel_call cel_fn_ne;
cel_call cel_fn_lt;
cel_call cel_fn_le;
cel_call cel_fn_gt;
cel_call cel_fn_ge;
cel_call cel_fn_in;

/* a + b as the operator does; an error value when it cannot. */
struct cel_value cel_add(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value a, struct cel_value b);

/* Sorts items by keys, stably. An error value when keys cannot be ordered; else null. */
struct cel_value cel_sort_by(struct cel_ev *ev, const struct cel_node *n, struct cel_value *items,
	struct cel_value *keys, uint32_t count);
