/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators: arithmetic that says so when it overflows, order, membership; and sorting by that
 * order.
 */
#include <math.h>

#include "policy/cel/operators_internal.h"

#define NANOS 1000000000

static struct cel_value overflow(struct cel_ev *ev, const struct cel_node *n, const char *type)
{
	return cel_err_fmt(ev, n, "%s overflow", type);
}

/* ---- time ---- */

static struct cel_value add_time(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value t, int64_t nanos)
{
	int64_t seconds = nanos / NANOS, rest = nanos % NANOS + t.n;

	if (rest < 0) {
		rest += NANOS;
		seconds--;
	} else if (rest >= NANOS) {
		rest -= NANOS;
		seconds++;
	}
	/* both are far from the ends of int64 */
	seconds += t.i;
	if (!cel_timestamp_ok(seconds))
		return cel_err_text(ev, n, "timestamp out of range: years 1 to 9999");
	return (struct cel_value){.kind = CEL_TIMESTAMP, .n = (uint32_t)rest, .i = seconds};
}

static struct cel_value sub_times(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value a, struct cel_value b)
{
	int64_t nanos;

	if (__builtin_mul_overflow(a.i - b.i, (int64_t)NANOS, &nanos) ||
		__builtin_add_overflow(nanos, (int64_t)a.n - (int64_t)b.n, &nanos))
		return overflow(ev, n, "duration");
	return (struct cel_value){.kind = CEL_DURATION, .i = nanos};
}

/* ---- + - * / % ---- */

static struct cel_value concat(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value a, struct cel_value b)
{
	size_t len = (size_t)a.n + b.n;
	char *room;

	(void)n;
	if (b.n == 0)
		return a;
	if (a.n == 0)
		return b;
	if (!(room = cel_string_room(ev, len)))
		return cel_err_room(ev);
	memcpy(room, a.s, a.n);
	memcpy(room + a.n, b.s, b.n);
	return (struct cel_value){.kind = a.kind, .n = (uint32_t)len, .s = room};
}

static struct cel_value concat_lists(struct cel_ev *ev, struct cel_value a, struct cel_value b)
{
	uint32_t na = cel_size(a), nb = cel_size(b), i = 0;
	struct cel_value *items;
	struct cel_iter ia = cel_iter(a, ev->run->arena), ib = cel_iter(b, ev->run->arena);

	if (nb == 0)
		return a;
	if (na == 0)
		return b;
	if (!(items = cel_new_array(ev, (size_t)na + nb)))
		return cel_err_room(ev);
	while (cel_iter_next(&ia, NULL, &items[i]))
		i++;
	while (cel_iter_next(&ib, NULL, &items[i]))
		i++;
	return cel_array(items, i);
}

struct cel_value cel_add(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value a, struct cel_value b)
{
	struct cel_value args[2] = {a, b};
	int64_t i;
	uint64_t u;

	if (a.kind == CEL_DURATION && b.kind == CEL_TIMESTAMP)
		return add_time(ev, n, b, a.i);
	if (a.kind == CEL_TIMESTAMP && b.kind == CEL_DURATION)
		return add_time(ev, n, a, b.i);
	if (a.kind != b.kind)
		return cel_err_overload(ev, n, args, 2);
	switch (a.kind) {
	case CEL_INT:
		return __builtin_add_overflow(a.i, b.i, &i) ? overflow(ev, n, "int") : cel_int(i);
	case CEL_UINT:
		return __builtin_add_overflow(a.u, b.u, &u) ? overflow(ev, n, "uint") : cel_uint(u);
	case CEL_DOUBLE:
		return cel_double(a.d + b.d);
	case CEL_DURATION:
		if (__builtin_add_overflow(a.i, b.i, &i))
			return overflow(ev, n, "duration");
		return (struct cel_value){.kind = CEL_DURATION, .i = i};
	case CEL_STRING:
	case CEL_BYTES:
		return concat(ev, n, a, b);
	case CEL_LIST:
		return concat_lists(ev, a, b);
	default:
		return cel_err_overload(ev, n, args, 2);
	}
}

struct cel_value cel_fn_add(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return cel_add(ev, n, a[0], a[1]);
}

struct cel_value cel_fn_sub(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int64_t i;
	uint64_t u;

	if (a[0].kind == CEL_TIMESTAMP && a[1].kind == CEL_DURATION && a[1].i != INT64_MIN)
		return add_time(ev, n, a[0], -a[1].i);
	if (a[0].kind != a[1].kind)
		return cel_err_overload(ev, n, a, count);
	switch (a[0].kind) {
	case CEL_INT:
		return __builtin_sub_overflow(a[0].i, a[1].i, &i) ? overflow(ev, n, "int")
								  : cel_int(i);
	case CEL_UINT:
		return __builtin_sub_overflow(a[0].u, a[1].u, &u) ? overflow(ev, n, "uint")
								  : cel_uint(u);
	case CEL_DOUBLE:
		return cel_double(a[0].d - a[1].d);
	case CEL_DURATION:
		if (__builtin_sub_overflow(a[0].i, a[1].i, &i))
			return overflow(ev, n, "duration");
		return (struct cel_value){.kind = CEL_DURATION, .i = i};
	case CEL_TIMESTAMP:
		return sub_times(ev, n, a[0], a[1]);
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_mul(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int64_t i;
	uint64_t u;

	if (a[0].kind == a[1].kind && a[0].kind == CEL_INT)
		return __builtin_mul_overflow(a[0].i, a[1].i, &i) ? overflow(ev, n, "int")
								  : cel_int(i);
	if (a[0].kind == a[1].kind && a[0].kind == CEL_UINT)
		return __builtin_mul_overflow(a[0].u, a[1].u, &u) ? overflow(ev, n, "uint")
								  : cel_uint(u);
	if (a[0].kind == a[1].kind && a[0].kind == CEL_DOUBLE)
		return cel_double(a[0].d * a[1].d);
	return cel_err_overload(ev, n, a, count);
}

/* IEEE 754: x/0.0 is an infinity or NaN. */
__attribute__((no_sanitize("float-divide-by-zero"))) static double divide(double x, double y)
{
	return x / y;
}

struct cel_value cel_fn_div(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != a[1].kind)
		return cel_err_overload(ev, n, a, count);
	switch (a[0].kind) {
	case CEL_INT:
		if (a[1].i == 0)
			return cel_err_text(ev, n, "division by zero");
		if (a[0].i == INT64_MIN && a[1].i == -1)
			return overflow(ev, n, "int");
		return cel_int(a[0].i / a[1].i);
	case CEL_UINT:
		if (a[1].u == 0)
			return cel_err_text(ev, n, "division by zero");
		return cel_uint(a[0].u / a[1].u);
	case CEL_DOUBLE:
		return cel_double(divide(a[0].d, a[1].d));
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_mod(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind == CEL_INT && a[1].kind == CEL_INT) {
		if (a[1].i == 0)
			return cel_err_text(ev, n, "modulus by zero");
		if (a[0].i == INT64_MIN && a[1].i == -1)
			return overflow(ev, n, "int");
		return cel_int(a[0].i % a[1].i);
	}
	if (a[0].kind == CEL_UINT && a[1].kind == CEL_UINT) {
		if (a[1].u == 0)
			return cel_err_text(ev, n, "modulus by zero");
		return cel_uint(a[0].u % a[1].u);
	}
	return cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_neg(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind == CEL_INT)
		return a[0].i == INT64_MIN ? overflow(ev, n, "int") : cel_int(-a[0].i);
	if (a[0].kind == CEL_DOUBLE)
		return cel_double(-a[0].d);
	return cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_not(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_BOOL ? cel_bool(!a[0].b) : cel_err_overload(ev, n, a, count);
}

/* ---- == < in ---- */

static struct cel_value too_much(struct cel_ev *ev)
{
	return cel_run_left(ev->run) == 0 ? cel_err_cost() : cel_err_depth();
}

struct cel_value cel_fn_eq(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int eq = cel_eq(ev, a[0], a[1], 0);

	(void)n, (void)count;
	return eq < 0 ? too_much(ev) : cel_bool(eq == 1);
}

struct cel_value cel_fn_ne(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int eq = cel_eq(ev, a[0], a[1], 0);

	(void)n, (void)count;
	return eq < 0 ? too_much(ev) : cel_bool(eq != 1);
}

/* Orders what < and its like compare; false: *ret is why not. */
static bool ordered(struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a,
	uint32_t count, int *ret_order, struct cel_value *ret)
{
	const bool text = a[0].kind == CEL_STRING || a[0].kind == CEL_BYTES;

	if (text && !cel_charge(ev, a[0].n / TEXT_COMPARED_A_UNIT)) {
		*ret = cel_err_cost();
		return false;
	}
	if (cel_order(a[0], a[1], ret_order))
		return true;
	*ret = cel_err_overload(ev, n, a, count);
	return false;
}

struct cel_value cel_fn_lt(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	int order;

	return ordered(ev, n, a, count, &order, &error) ? cel_bool(order == -1) : error;
}

struct cel_value cel_fn_le(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	int order;

	return ordered(ev, n, a, count, &order, &error) ? cel_bool(order == -1 || order == 0)
							: error;
}

struct cel_value cel_fn_gt(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	int order;

	return ordered(ev, n, a, count, &order, &error) ? cel_bool(order == 1) : error;
}

struct cel_value cel_fn_ge(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	int order;

	return ordered(ev, n, a, count, &order, &error) ? cel_bool(order == 1 || order == 0)
							: error;
}

struct cel_value cel_fn_in(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v;

	if (a[1].kind == CEL_MAP) {
		if (!cel_charge(ev, cel_size(a[1]) / 4))
			return cel_err_cost();
		return cel_bool(cel_map_find(a[1], a[0], &v, ev->run->arena));
	}
	if (a[1].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, cel_size(a[1])))
		return cel_err_cost();
	struct cel_iter it = cel_iter(a[1], ev->run->arena);
	while (cel_iter_next(&it, NULL, &v)) {
		int eq = cel_eq(ev, a[0], v, 0);
		if (eq != 0)
			return eq < 0 ? too_much(ev) : cel_bool(true);
	}
	return cel_bool(false);
}

/* ---- sorting ---- */

/* cel_order() between two of one kind: false when there is no order. */
static bool order_strict(struct cel_value a, struct cel_value b, int *ret)
{
	return a.kind == b.kind && cel_order(a, b, ret) && *ret != CEL_UNORDERED;
}

/* Merge sort, bottom up: stable, and no comparison function that an inconsistent order upsets. */
static void merge(
	const struct cel_value *from, uint32_t lo, uint32_t mid, uint32_t hi, struct cel_value *to)
{
	uint32_t i = lo, j = mid;
	int order = 0;

	for (uint32_t k = lo; k < hi; k++) {
		bool left = i < mid && (j >= hi || !cel_order(from[2 * j], from[2 * i], &order) ||
					       order != -1);
		const struct cel_value *pair = &from[2 * (left ? i++ : j++)];
		to[2 * k] = pair[0];
		to[2 * k + 1] = pair[1];
	}
}

struct cel_value cel_sort_by(struct cel_ev *ev, const struct cel_node *n, struct cel_value *items,
	struct cel_value *keys, uint32_t count)
{
	struct cel_value *a = cel_new_array(ev, 2 * (size_t)count);
	struct cel_value *b = cel_new_array(ev, 2 * (size_t)count);
	int order;

	if (!a || !b || !cel_charge(ev, (uint64_t)count * 16))
		return cel_err_room(ev);
	for (uint32_t i = 0; i < count; i++) {
		struct cel_value pair[2] = {keys[0], keys[i]};
		if (!order_strict(keys[0], keys[i], &order) &&
			!(keys[i].kind == CEL_DOUBLE && keys[0].kind == CEL_DOUBLE))
			return cel_err_overload(ev, n, pair, 2);
		a[2 * i] = keys[i];
		a[2 * i + 1] = items[i];
	}
	for (uint64_t width = 1; width < count; width *= 2) {
		for (uint64_t lo = 0; lo < count; lo += 2 * width) {
			uint64_t mid = lo + width < count ? lo + width : count;
			uint64_t hi = lo + 2 * width < count ? lo + 2 * width : count;
			merge(a, (uint32_t)lo, (uint32_t)mid, (uint32_t)hi, b);
		}
		struct cel_value *swap = a;
		a = b;
		b = swap;
	}
	for (uint32_t i = 0; i < count; i++)
		items[i] = a[2 * i + 1];
	return cel_null();
}
