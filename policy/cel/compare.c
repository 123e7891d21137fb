/* SPDX-License-Identifier: Apache-2.0 */
/* Equality, heterogeneous across numbers, and of lists and maps element by element. */
#include "policy/cel/value_internal.h"

static int eq_lists(struct cel_ev *ev, struct cel_value a, struct cel_value b, unsigned depth)
{
	struct cel_iter i = cel_iter(a, ev->run->arena), j = cel_iter(b, ev->run->arena);
	struct cel_value x, y;

	if (cel_size(a) != cel_size(b))
		return 0;
	if (!cel_charge(ev, cel_size(a)))
		return -1;
	while (cel_iter_next(&i, NULL, &x) && cel_iter_next(&j, NULL, &y)) {
		int eq = cel_eq(ev, x, y, depth + 1);
		if (eq != 1)
			return eq;
	}
	return 1;
}

static int eq_maps(struct cel_ev *ev, struct cel_value a, struct cel_value b, unsigned depth)
{
	struct cel_iter i = cel_iter(a, ev->run->arena);
	struct cel_value key, x, y;

	if (cel_size(a) != cel_size(b))
		return 0;
	while (cel_iter_next(&i, &key, &x)) {
		/* a member is found after looking at half of them */
		if (!cel_charge(ev, b.rep == CEL_REP_JSON ? cel_size(b) / 2 : 1))
			return -1;
		if (!cel_map_find(b, key, &y, ev->run->arena))
			return 0;
		int eq = cel_eq(ev, x, y, depth + 1);
		if (eq != 1)
			return eq;
	}
	return 1;
}

static int eq_optionals(struct cel_ev *ev, struct cel_value a, struct cel_value b, unsigned depth)
{
	struct cel_value x, y;
	bool has_a = cel_optional_value(a, &x), has_b = cel_optional_value(b, &y);

	return has_a && has_b ? cel_eq(ev, x, y, depth + 1) : has_a == has_b;
}

int cel_eq(struct cel_ev *ev, struct cel_value a, struct cel_value b, unsigned depth)
{
	int order;

	if (a.kind == CEL_STRING && b.kind == CEL_STRING) {
		if (a.n != b.n)
			return 0;
		return cel_charge(ev, a.n / 8) ? a.n == 0 || memcmp(a.s, b.s, a.n) == 0 : -1;
	}
	if (a.kind == CEL_BYTES && b.kind == CEL_BYTES &&
		(a.n != b.n || !cel_charge(ev, a.n / TEXT_COMPARED_A_UNIT)))
		return a.n != b.n ? 0 : -1;
	if (cel_order(a, b, &order))
		return order == 0;
	if (a.kind != b.kind)
		return 0;
	if (depth > CEL_MAX_VALUE_DEPTH || !cel_charge(ev, 1))
		return -1;
	switch (a.kind) {
	case CEL_NULL:
		return 1;
	case CEL_TYPE:
		return strcmp(a.s, b.s) == 0;
	case CEL_LIST:
		return eq_lists(ev, a, b, depth);
	case CEL_MAP:
		return eq_maps(ev, a, b, depth);
	case CEL_OPTIONAL:
		return eq_optionals(ev, a, b, depth);
	case CEL_OPAQUE:
		return a.rep == b.rep && cel_opaque(a)->equal(a, b);
	default:
		return 0;
	}
}

bool cel_equal(struct cel_value a, struct cel_value b, struct arena *arena)
{
	struct cel_run run = cel_run(arena, CEL_DEFAULT_BUDGET);
	struct cel_ev ev = {.run = &run};

	return cel_eq(&ev, a, b, 0) == 1;
}
