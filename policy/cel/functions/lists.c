/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and sets: functions over elements. What compares every pair pays for every pair. */
#include "policy/cel/functions/lists_internal.h"
#include "policy/cel/operators_internal.h"

static struct cel_value too_much(struct cel_ev *ev)
{
	return cel_run_left(ev->run) == 0 ? cel_err_cost() : cel_err_depth();
}

/* The elements as an array, without copying where they are one already; NULL: cel_err_room(). */
static const struct cel_value *items_of(struct cel_ev *ev, struct cel_value list)
{
	uint32_t i = 0;

	if (list.rep == CEL_REP_ARRAY)
		return list.p;
	struct cel_value *items = cel_new_array(ev, cel_size(list));
	struct cel_iter it = cel_iter(list, ev->run->arena);
	while (items && cel_iter_next(&it, NULL, &items[i]))
		i++;
	return items;
}

/* 1 found, 0 not, -1 too much work */
static int find(
	struct cel_ev *ev, const struct cel_value *items, uint32_t count, struct cel_value v)
{
	if (!cel_charge(ev, count / 2))
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		int eq = cel_eq(ev, items[i], v, 0);
		if (eq != 0)
			return eq;
	}
	return 0;
}

struct cel_value cel_list_index_of(
	struct cel_ev *ev, struct cel_value list, struct cel_value v, bool last)
{
	struct cel_iter it = cel_iter(list, ev->run->arena);
	struct cel_value e;
	int64_t found = -1;

	if (!cel_charge(ev, cel_size(list)))
		return cel_err_cost();
	for (int64_t i = 0; cel_iter_next(&it, NULL, &e) && (last || found < 0); i++) {
		int eq = cel_eq(ev, e, v, 0);
		if (eq < 0)
			return too_much(ev);
		if (eq)
			found = i;
	}
	return cel_int(found);
}

struct cel_value cel_list_reverse(struct cel_ev *ev, struct cel_value list)
{
	uint32_t count = cel_size(list), i = count;
	struct cel_value *items = cel_new_array(ev, count);
	struct cel_iter it = cel_iter(list, ev->run->arena);

	if (!items)
		return cel_err_room(ev);
	while (i > 0 && cel_iter_next(&it, NULL, &items[i - 1]))
		i--;
	return cel_array(items, count);
}

struct cel_value cel_fn_list_distinct(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v;
	uint32_t kept = 0;

	if (a[0].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	struct cel_value *items = cel_new_array(ev, cel_size(a[0]));
	struct cel_iter it = cel_iter(a[0], ev->run->arena);
	if (!items)
		return cel_err_room(ev);
	while (cel_iter_next(&it, NULL, &v)) {
		int found = find(ev, items, kept, v);
		if (found < 0)
			return too_much(ev);
		if (!found)
			items[kept++] = v;
	}
	return cel_array(items, kept);
}

/* Counts, or copies to *out when it is not NULL. */
static bool flatten(struct cel_ev *ev, struct cel_value list, int64_t depth, uint64_t *total,
	struct cel_value *out)
{
	struct cel_iter it = cel_iter(list, ev->run->arena);
	struct cel_value v;

	if (!cel_charge(ev, cel_size(list)))
		return false;
	while (cel_iter_next(&it, NULL, &v)) {
		if (v.kind == CEL_LIST && depth > 0) {
			if (!flatten(ev, v, depth - 1, total, out))
				return false;
		} else {
			if (out)
				out[*total] = v;
			++*total;
		}
	}
	return true;
}

struct cel_value cel_fn_list_flatten(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int64_t depth = 1;
	uint64_t total = 0;

	if (a[0].kind != CEL_LIST || (count == 2 && a[1].kind != CEL_INT))
		return cel_err_overload(ev, n, a, count);
	if (count == 2)
		depth = a[1].i;
	if (depth < 0)
		return cel_err_text(ev, n, "flatten: the number of levels must not be negative");
	if (depth > CEL_MAX_VALUE_DEPTH)
		depth = CEL_MAX_VALUE_DEPTH;
	if (!flatten(ev, a[0], depth, &total, NULL))
		return cel_err_cost();
	struct cel_value *items = cel_new_array(ev, total);
	if (!items)
		return cel_err_room(ev);
	total = 0;
	if (!flatten(ev, a[0], depth, &total, items))
		return cel_err_cost();
	return cel_array(items, (uint32_t)total);
}

struct cel_value cel_fn_list_range(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_INT)
		return cel_err_overload(ev, n, a, count);
	uint64_t end = a[0].i < 0 ? 0 : (uint64_t)a[0].i;
	struct cel_value *items = cel_new_array(ev, end);
	if (!items)
		return cel_err_room(ev);
	for (uint64_t i = 0; i < end; i++)
		items[i] = cel_int((int64_t)i);
	return cel_array(items, (uint32_t)end);
}

struct cel_value cel_fn_list_slice(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_LIST || a[1].kind != CEL_INT || a[2].kind != CEL_INT)
		return cel_err_overload(ev, n, a, count);
	uint32_t size = cel_size(a[0]);
	int64_t from = a[1].i, to = a[2].i;
	if (from < 0 || to > size || from > to)
		return cel_err_fmt(ev, n, "slice(%lld, %lld) of a list of %u elements",
			(long long)from, (long long)to, size);
	const struct cel_value *items = items_of(ev, a[0]);
	return items ? cel_array(items + from, (uint32_t)(to - from)) : cel_err_room(ev);
}

struct cel_value cel_fn_list_sort(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	uint32_t size = cel_size(a[0]);
	const struct cel_value *from = items_of(ev, a[0]);
	struct cel_value *items = from ? cel_new_array(ev, size) : NULL;
	if (!items)
		return cel_err_room(ev);
	for (uint32_t i = 0; i < size; i++)
		items[i] = from[i];
	struct cel_value bad = cel_sort_by(ev, n, items, items, size);
	return cel_is_error(bad) ? bad : cel_array(items, size);
}

static struct cel_value optional_at(struct cel_ev *ev, struct cel_value list, uint64_t i)
{
	struct cel_value *box = arena_alloc(ev->run->arena, sizeof *box);

	if (!box)
		return cel_err_memory();
	if (!cel_list_at(list, i, box, ev->run->arena))
		return (struct cel_value){.kind = CEL_OPTIONAL};
	return (struct cel_value){.kind = CEL_OPTIONAL, .p = box};
}

struct cel_value cel_fn_list_first(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_LIST ? optional_at(ev, a[0], 0) : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_list_last(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, cel_size(a[0]) / 8))
		return cel_err_cost();
	return optional_at(ev, a[0], (uint64_t)cel_size(a[0]) - 1);
}

struct cel_value cel_fn_list_includes(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	const struct cel_value swapped[2] = {a[1], a[0]};

	return a[0].kind == CEL_LIST ? cel_fn_in(ev, n, swapped, 2)
				     : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_list_is_sorted(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v, last = {.kind = CEL_UNSET};
	int order = 0;

	if (a[0].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, cel_size(a[0])))
		return cel_err_cost();
	struct cel_iter it = cel_iter(a[0], ev->run->arena);
	for (; cel_iter_next(&it, NULL, &v); last = v) {
		if (last.kind == CEL_UNSET)
			continue;
		struct cel_value pair[2] = {last, v};
		if (!cel_order(last, v, &order))
			return cel_err_overload(ev, n, pair, 2);
		if (order == 1)
			return cel_bool(false);
	}
	return cel_bool(true);
}

struct cel_value cel_fn_list_sum(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v, sum = {.kind = CEL_UNSET};

	if (a[0].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, cel_size(a[0])))
		return cel_err_cost();
	struct cel_iter it = cel_iter(a[0], ev->run->arena);
	while (cel_iter_next(&it, NULL, &v)) {
		if (!cel_is_number(v) && v.kind != CEL_DURATION)
			return cel_is_error(v) ? v : cel_err_overload(ev, n, a, count);
		sum = sum.kind == CEL_UNSET ? v : cel_add(ev, n, sum, v);
		if (cel_is_error(sum))
			return sum;
	}
	return sum.kind == CEL_UNSET ? cel_int(0) : sum;
}

static struct cel_value extreme(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value list, int wanted)
{
	struct cel_value v, best = {.kind = CEL_UNSET};
	struct cel_iter it = cel_iter(list, ev->run->arena);
	int order = 0;

	if (!cel_charge(ev, cel_size(list)))
		return cel_err_cost();
	while (cel_iter_next(&it, NULL, &v)) {
		struct cel_value pair[2] = {best, v};
		if (cel_is_error(v))
			return v;
		if (best.kind != CEL_UNSET && !cel_order(v, best, &order))
			return cel_err_overload(ev, n, pair, 2);
		if (best.kind == CEL_UNSET || order == wanted)
			best = v;
	}
	return best.kind == CEL_UNSET ? cel_err_text(ev, n, "min or max of an empty list") : best;
}

struct cel_value cel_fn_list_min(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_LIST ? extreme(ev, n, a[0], -1) : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_list_max(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_LIST ? extreme(ev, n, a[0], 1) : cel_err_overload(ev, n, a, count);
}

/* ---- sets ---- */

/* 1: every (all) or any element of b is in a, 0: not, -1: too much work */
static int set_compare(struct cel_ev *ev, struct cel_value a, struct cel_value b, bool all)
{
	const struct cel_value *items = items_of(ev, a);
	struct cel_iter it = cel_iter(b, ev->run->arena);
	struct cel_value v;

	if (!items)
		return -1;
	while (cel_iter_next(&it, NULL, &v)) {
		int found = find(ev, items, cel_size(a), v);
		if (found < 0 || (bool)found != all)
			return found;
	}
	return all;
}

struct cel_value cel_fn_sets_contains(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_LIST || a[1].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	int yes = set_compare(ev, a[0], a[1], true);
	return yes < 0 ? cel_err_room(ev) : cel_bool(yes);
}

struct cel_value cel_fn_sets_intersects(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_LIST || a[1].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	int yes = set_compare(ev, a[0], a[1], false);
	return yes < 0 ? cel_err_room(ev) : cel_bool(yes);
}

struct cel_value cel_fn_sets_equivalent(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_LIST || a[1].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	int yes = set_compare(ev, a[0], a[1], true);
	if (yes == 1)
		yes = set_compare(ev, a[1], a[0], true);
	return yes < 0 ? cel_err_room(ev) : cel_bool(yes);
}
