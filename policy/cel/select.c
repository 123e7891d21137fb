/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of objects and elements of lists and maps, optional ones too. Works on the JSON tape
 * itself.
 */
#include <math.h>

#include "policy/cel/collection_internal.h"

/* Looking up a member of a large object costs in proportion: they are searched one by one. */
#define LARGE_OBJECT 32

static struct cel_value eval(const struct cel_node *n, struct cel_ev *ev)
{
	return n->eval(n, ev);
}

static struct cel_value make_optional(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value v)
{
	struct cel_value *box = arena_alloc(ev->run->arena, sizeof *box);

	(void)n;
	if (!box)
		return cel_err_memory();
	*box = v;
	return (struct cel_value){.kind = CEL_OPTIONAL, .p = box};
}

static const struct cel_value none = {.kind = CEL_OPTIONAL};

/* Room in the budget for searching an object or walking to an element. */
static inline bool charge_search(struct cel_ev *ev, struct cel_value of)
{
	if (of.rep != CEL_REP_JSON)
		return true;
	uint32_t count = ((const struct json_doc *)of.p)->nodes[of.n].count;
	return likely(count <= LARGE_OBJECT) || cel_charge(ev, count / 4);
}

/* 1 and *ret, 0: not there, -1: *ret is the error. */
static int find_field(
	const struct cel_node *n, struct cel_ev *ev, struct cel_value of, struct cel_value *ret)
{
	if (unlikely(of.kind != CEL_MAP)) {
		*ret = cel_is_error(of) ? of : cel_err_overload(ev, n, &of, 1);
		return -1;
	}
	if (unlikely(!charge_search(ev, of))) {
		*ret = cel_err_cost();
		return -1;
	}
	if (likely(of.rep == CEL_REP_JSON)) {
		json_ref r = cel_json_member(of.p, of.n, n->name);
		if (r == JSON_NONE)
			return 0;
		*ret = cel_json_value(of.p, r, ev->run->arena);
	} else if (!cel_map_find_str(of, n->name, ret, ev->run->arena)) {
		return 0;
	}
	return cel_is_error(*ret) ? -1 : 1;
}

/* Selection from an optional gives an optional, whether .f or .?f. */
static struct cel_value select_optional(
	const struct cel_node *n, struct cel_ev *ev, struct cel_value of)
{
	struct cel_value v;

	if (of.kind == CEL_OPTIONAL && !cel_optional_value(of, &of))
		return none;
	switch (find_field(n, ev, of, &v)) {
	case 1:
		return make_optional(ev, n, v);
	case 0:
		return none;
	default:
		return v;
	}
}

/* a.?b, and a.?b.c, which is an optional as well. */
bool cel_is_optional_path(const struct cel_node *n)
{
	return n->op == CEL_N_SELECT && !n->test &&
	       (n->optional || cel_is_optional_path(n->args[0]));
}

/*
 * The value of an optional path without making an optional of each step. 1 and *ret; 0: there is
 * none; -1: *ret is the error.
 */
static int find_path(const struct cel_node *n, struct cel_ev *ev, struct cel_value *ret)
{
	struct cel_value of;

	if (cel_is_optional_path(n->args[0])) {
		int found = find_path(n->args[0], ev, &of);
		if (found < 0)
			*ret = of;
		if (found <= 0)
			return found;
	} else {
		of = eval(n->args[0], ev);
		if (of.kind == CEL_OPTIONAL && !cel_optional_value(of, &of))
			return 0;
	}
	return find_field(n, ev, of, ret);
}

static struct cel_value eval_select(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value of = eval(n->args[0], ev), v;

	if (unlikely(of.kind == CEL_OPTIONAL))
		return select_optional(n, ev, of);
	int found = find_field(n, ev, of, &v);
	return likely(found) ? v : cel_err_key(ev, n, cel_string(n->name));
}

static struct cel_value eval_select_optional(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value v;
	int found = find_path(n, ev, &v);

	return found > 0 ? make_optional(ev, n, v) : found == 0 ? none : v;
}

static struct cel_value eval_has(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value of = eval(n->args[0], ev);

	if (unlikely(of.kind == CEL_OPTIONAL) && !cel_optional_value(of, &of))
		return cel_bool(false);
	if (unlikely(of.kind != CEL_MAP))
		return cel_is_error(of) ? of : cel_err_overload(ev, n, &of, 1);
	if (unlikely(!charge_search(ev, of)))
		return cel_err_cost();
	return cel_bool(cel_map_has_str(of, n->name));
}

/* ---- elements ---- */

/* An index of any number type, as far as it is a whole number; -1 for one out of any range. */
static bool list_index(struct cel_value v, int64_t *ret)
{
	switch (v.kind) {
	case CEL_INT:
		*ret = v.i;
		return true;
	case CEL_UINT:
		*ret = v.u > INT64_MAX ? -1 : (int64_t)v.u;
		return true;
	case CEL_DOUBLE:
		if (v.d != trunc(v.d) || !(fabs(v.d) < 0x1p53))
			return false;
		*ret = (int64_t)v.d;
		return true;
	default:
		return false;
	}
}

/* As find_field. */
static int find_element(const struct cel_node *n, struct cel_ev *ev, struct cel_value of,
	struct cel_value key, struct cel_value *ret)
{
	struct cel_value args[2] = {of, key};
	int64_t i;

	if (!charge_search(ev, of)) {
		*ret = cel_err_cost();
		return -1;
	}
	if (of.kind == CEL_MAP && (cel_is_key(key) || key.kind == CEL_DOUBLE))
		return cel_map_find(of, key, ret, ev->run->arena);
	if (of.kind == CEL_LIST && list_index(key, &i))
		return i >= 0 && cel_list_at(of, (uint64_t)i, ret, ev->run->arena);
	*ret = cel_err_overload(ev, n, args, 2);
	return -1;
}

static struct cel_value index_optional(
	const struct cel_node *n, struct cel_ev *ev, struct cel_value of, struct cel_value key)
{
	struct cel_value v;

	if (of.kind == CEL_OPTIONAL && !cel_optional_value(of, &of))
		return none;
	int found = find_element(n, ev, of, key, &v);
	if (found == 0)
		return none;
	return found < 0 || cel_is_error(v) ? v : make_optional(ev, n, v);
}

static struct cel_value eval_index(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value of = eval(n->args[0], ev), v;

	if (cel_is_error(of))
		return of;
	struct cel_value key = eval(n->args[1], ev);
	if (cel_is_error(key))
		return key;
	if (n->optional || of.kind == CEL_OPTIONAL)
		return index_optional(n, ev, of, key);
	if (find_element(n, ev, of, key, &v))
		return v;
	if (of.kind == CEL_LIST)
		return cel_err_fmt(
			ev, n, "index out of bounds: the list has %u elements", cel_size(of));
	return cel_err_key(ev, n, key);
}

/* a.?b.?c.orValue(d): what most conditions on Kubernetes objects are made of. */
struct cel_value cel_eval_path_or_value(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value v;

	return find_path(n->args[0], ev, &v) ? v : eval(n->args[1], ev);
}

cel_node_eval cel_eval_for_select(const struct cel_node *n)
{
	if (n->op == CEL_N_INDEX)
		return eval_index;
	return n->test ? eval_has : n->optional ? eval_select_optional : eval_select;
}
