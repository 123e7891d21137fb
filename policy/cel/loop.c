/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The macros that go through lists and maps, and those that name a value. Each pays for what its
 * body costs once a turn, which is what keeps evaluation within its budget.
 */
#include "policy/cel/collection_internal.h"
#include "policy/cel/operators_internal.h"

struct turns {
	struct cel_iter it;
	const struct cel_node *n;
	struct cel_ev *ev;
	struct cel_value key; /* of the entry, or the index */
	struct cel_value error;
	uint32_t cost;
};

/* False and t->error set when there is nothing to go through. */
static bool begin(struct turns *t, const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value range = n->args[0]->eval(n->args[0], ev);

	t->n = n;
	t->ev = ev;
	t->error.kind = CEL_UNSET;
	if (range.kind != CEL_LIST && range.kind != CEL_MAP) {
		t->error = cel_is_error(range) ? range : cel_err_overload(ev, n, &range, 1);
		return false;
	}
	t->it = cel_iter(range, ev->run->arena);
	t->cost = 1 + (n->args[1] ? n->args[1]->cost : 0) + (n->args[2] ? n->args[2]->cost : 0);
	return true;
}

/* Sets the variables for the next turn. False at the end, or with t->error set. */
static inline bool next(struct turns *t)
{
	struct cel_value key, value;
	const struct cel_node *n = t->n;
	bool map = t->it.of.kind == CEL_MAP;
	uint32_t i = t->it.i;

	if (!cel_iter_next(&t->it, &key, map && !n->two_vars ? NULL : &value))
		return false;
	if (unlikely(!cel_charge(t->ev, t->cost))) {
		t->error = cel_err_cost();
		return false;
	}
	t->key = map ? key : cel_int(i);
	if (n->two_vars) {
		t->ev->locals[n->slot] = t->key;
		t->ev->locals[n->slot2] = value;
	} else {
		t->ev->locals[n->slot] = map ? key : value;
	}
	return true;
}

static struct cel_value condition(const struct turns *t)
{
	struct cel_value v = t->n->args[1]->eval(t->n->args[1], t->ev);

	if (likely(v.kind == CEL_BOOL) || cel_is_error(v))
		return v;
	return cel_err_overload(t->ev, t->n, &v, 1);
}

/* ---- all, exists, exists_one ---- */

static inline struct cel_value eval_quantifier(
	const struct cel_node *n, struct cel_ev *ev, bool decisive)
{
	struct cel_value error = {.kind = CEL_UNSET};
	struct turns t;

	if (!begin(&t, n, ev))
		return t.error;
	while (next(&t)) {
		struct cel_value v = condition(&t);
		if (likely(v.kind == CEL_BOOL)) {
			if (v.b == decisive)
				return v;
		} else if (cel_error_is_limit(v)) {
			return v;
		} else if (error.kind == CEL_UNSET) {
			error = v;
		}
	}
	if (t.error.kind != CEL_UNSET)
		return t.error;
	return error.kind == CEL_UNSET ? cel_bool(!decisive) : error;
}

static struct cel_value eval_all(const struct cel_node *n, struct cel_ev *ev)
{
	return eval_quantifier(n, ev, false);
}

static struct cel_value eval_exists(const struct cel_node *n, struct cel_ev *ev)
{
	return eval_quantifier(n, ev, true);
}

uint32_t cel_loop_decisive_turn(const struct cel_node *n, struct cel_ev *ev)
{
	bool exists = n->loop == CEL_LOOP_EXISTS;
	struct turns t;

	if ((!exists && n->loop != CEL_LOOP_ALL) || !begin(&t, n, ev))
		return 0;
	for (uint32_t turn = 1; next(&t); turn++) {
		struct cel_value v = condition(&t);
		if (v.kind == CEL_BOOL && v.b == exists)
			return turn;
		if (cel_error_is_limit(v))
			return 0;
	}
	return 0;
}

static struct cel_value eval_exists_one(const struct cel_node *n, struct cel_ev *ev)
{
	struct turns t;
	uint32_t count = 0;

	if (!begin(&t, n, ev))
		return t.error;
	while (next(&t)) {
		struct cel_value v = condition(&t);
		if (v.kind != CEL_BOOL)
			return v;
		count += v.b;
	}
	return t.error.kind != CEL_UNSET ? t.error : cel_bool(count == 1);
}

/* ---- what makes lists and maps ---- */

/* 1: the element is wanted, 0: not, -1: t->error is set. */
static int wanted(struct turns *t)
{
	if (!t->n->args[1])
		return 1;
	struct cel_value v = condition(t);
	if (v.kind == CEL_BOOL)
		return v.b;
	t->error = v;
	return -1;
}

/* Room for a value of each turn. NULL: t->error is set. */
static struct cel_value *begin_list(struct turns *t, const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value *items = NULL;

	if (!begin(t, n, ev))
		return NULL;
	items = cel_new_array(ev, cel_size(t->it.of));
	if (!items)
		t->error = cel_err_room(ev);
	return items;
}

static struct cel_value eval_filter(const struct cel_node *n, struct cel_ev *ev)
{
	struct turns t;
	uint32_t count = 0;
	int keep = 0;
	struct cel_value *items = begin_list(&t, n, ev);

	if (!items)
		return t.error;
	while (next(&t) && (keep = wanted(&t)) >= 0)
		if (keep)
			items[count++] = ev->locals[n->slot];
	return t.error.kind != CEL_UNSET ? t.error : cel_array(items, count);
}

static struct cel_value eval_map_macro(const struct cel_node *n, struct cel_ev *ev)
{
	struct turns t;
	uint32_t count = 0;
	int keep = 0;
	struct cel_value *items = begin_list(&t, n, ev);

	if (!items)
		return t.error;
	while (next(&t) && (keep = wanted(&t)) >= 0) {
		if (!keep)
			continue;
		items[count] = n->args[2]->eval(n->args[2], ev);
		if (cel_is_error(items[count]))
			return items[count];
		count++;
	}
	return t.error.kind != CEL_UNSET ? t.error : cel_array(items, count);
}

static struct cel_value build_map(
	const struct cel_node *n, struct cel_ev *ev, const struct cel_value *kv, uint32_t pairs)
{
	struct cel_value map, dup;

	switch (cel_map_build(kv, pairs, ev->run->arena, &map, &dup)) {
	case 0:
		return map;
	case 1:
		return cel_err_text(ev, n, "the same key is made twice");
	default:
		return cel_err_memory();
	}
}

static struct cel_value eval_to_map(const struct cel_node *n, struct cel_ev *ev)
{
	struct turns t;
	uint32_t pairs = 0;
	int keep = 0;

	if (!begin(&t, n, ev))
		return t.error;
	struct cel_value *kv = cel_new_array(ev, 2 * (size_t)cel_size(t.it.of));
	if (!kv)
		return cel_err_room(ev);
	while (next(&t) && (keep = wanted(&t)) >= 0) {
		if (!keep)
			continue;
		struct cel_value v = n->args[2]->eval(n->args[2], ev);
		if (cel_is_error(v))
			return v;
		kv[2 * pairs] = t.key;
		kv[2 * pairs + 1] = v;
		pairs++;
	}
	return t.error.kind != CEL_UNSET ? t.error : build_map(n, ev, kv, pairs);
}

/* Entries of a map that grows by whole maps. */
struct entries {
	struct cel_value *kv;
	uint32_t pairs, cap;
};

static bool add_entries(struct entries *e, struct cel_ev *ev, struct cel_value map)
{
	uint32_t more = cel_size(map);
	struct cel_iter it = cel_iter(map, ev->run->arena);

	if (e->cap - e->pairs < more) {
		uint64_t cap = ((uint64_t)e->cap + more) * 2;
		struct cel_value *kv = cel_new_array(ev, 2 * cap);
		if (!kv)
			return false;
		if (e->pairs > 0)
			memcpy(kv, e->kv, 2 * sizeof *kv * e->pairs);
		e->kv = kv;
		e->cap = (uint32_t)cap;
	}
	for (; cel_iter_next(&it, &e->kv[2 * e->pairs], &e->kv[2 * e->pairs + 1]); e->pairs++)
		;
	return true;
}

static struct cel_value eval_to_entry(const struct cel_node *n, struct cel_ev *ev)
{
	struct turns t;
	struct entries e = {0};
	int keep = 0;

	if (!begin(&t, n, ev))
		return t.error;
	while (next(&t) && (keep = wanted(&t)) >= 0) {
		if (!keep)
			continue;
		struct cel_value v = n->args[2]->eval(n->args[2], ev);
		if (v.kind != CEL_MAP)
			return cel_is_error(v) ? v : cel_err_overload(ev, n, &v, 1);
		if (!add_entries(&e, ev, v))
			return cel_err_room(ev);
	}
	return t.error.kind != CEL_UNSET ? t.error : build_map(n, ev, e.kv, e.pairs);
}

static struct cel_value eval_sort_by(const struct cel_node *n, struct cel_ev *ev)
{
	struct turns t;
	uint32_t count = 0;

	if (!begin(&t, n, ev))
		return t.error;
	if (t.it.of.kind != CEL_LIST)
		return cel_err_overload(ev, n, &t.it.of, 1);
	uint32_t size = cel_size(t.it.of);
	struct cel_value *items = cel_new_array(ev, size), *keys = cel_new_array(ev, size);
	if (!items || !keys)
		return cel_err_room(ev);
	while (next(&t)) {
		items[count] = ev->locals[n->slot];
		keys[count] = n->args[2]->eval(n->args[2], ev);
		if (cel_is_error(keys[count]))
			return keys[count];
		count++;
	}
	if (t.error.kind != CEL_UNSET)
		return t.error;
	struct cel_value bad = cel_sort_by(ev, n, items, keys, count);
	return cel_is_error(bad) ? bad : cel_array(items, count);
}

cel_node_eval cel_eval_for_loop(const struct cel_node *n)
{
	switch ((enum cel_loop)n->loop) {
	case CEL_LOOP_ALL:
		return eval_all;
	case CEL_LOOP_EXISTS:
		return eval_exists;
	case CEL_LOOP_EXISTS_ONE:
		return eval_exists_one;
	case CEL_LOOP_MAP:
		return eval_map_macro;
	case CEL_LOOP_FILTER:
		return eval_filter;
	case CEL_LOOP_TO_MAP:
		return eval_to_map;
	case CEL_LOOP_TO_ENTRY:
		return eval_to_entry;
	case CEL_LOOP_SORT_BY:
		return eval_sort_by;
	}
	return eval_all;
}

/* ---- names for values ---- */

struct cel_value cel_eval_bind(const struct cel_node *n, struct cel_ev *ev)
{
	/* an error is bound too: it only counts where the name is used */
	ev->locals[n->slot] = n->args[0]->eval(n->args[0], ev);
	return n->args[1]->eval(n->args[1], ev);
}

struct cel_value cel_eval_optmap(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value o = n->args[0]->eval(n->args[0], ev);
	struct cel_value inside, *box;

	if (o.kind != CEL_OPTIONAL)
		return cel_is_error(o) ? o : cel_err_overload(ev, n, &o, 1);
	if (!cel_optional_value(o, &inside))
		return o;
	ev->locals[n->slot] = inside;
	struct cel_value v = n->args[1]->eval(n->args[1], ev);
	if (cel_is_error(v))
		return v;
	if (n->flat)
		return v.kind == CEL_OPTIONAL ? v : cel_err_overload(ev, n, &v, 1);
	box = arena_alloc(ev->run->arena, sizeof *box);
	if (!box)
		return cel_err_memory();
	*box = v;
	return (struct cel_value){.kind = CEL_OPTIONAL, .p = box};
}
