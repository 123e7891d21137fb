/* SPDX-License-Identifier: Apache-2.0 */
/* The math extension. */
#include <math.h>

#include "policy/cel/functions/functions_internal.h"

/* ---- greatest, least ---- */

static struct cel_value pick(struct cel_ev *ev, const struct cel_node *n, struct cel_value best,
	struct cel_value v, int wanted)
{
	struct cel_value pair[2] = {best, v};
	int order;

	if (!cel_is_number(v))
		return cel_is_error(v) ? v : cel_err_overload(ev, n, pair, 2);
	if (best.kind == CEL_UNSET)
		return v;
	cel_order(v, best, &order);
	return order == wanted ? v : best;
}

static struct cel_value extreme(struct cel_ev *ev, const struct cel_node *n,
	const struct cel_value *a, uint32_t count, int wanted)
{
	struct cel_value best = {.kind = CEL_UNSET}, v;

	if (count == 1 && a[0].kind == CEL_LIST) {
		struct cel_iter it = cel_iter(a[0], ev->run->arena);
		if (!cel_charge(ev, cel_size(a[0])))
			return cel_err_cost();
		while (!cel_is_error(best) && cel_iter_next(&it, NULL, &v))
			best = pick(ev, n, best, v, wanted);
		return best.kind == CEL_UNSET
			       ? cel_err_text(ev, n, "greatest or least of an empty list")
			       : best;
	}
	for (uint32_t i = 0; i < count && !cel_is_error(best); i++)
		best = pick(ev, n, best, a[i], wanted);
	return best;
}

struct cel_value cel_fn_math_greatest(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return extreme(ev, n, a, count, 1);
}

struct cel_value cel_fn_math_least(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return extreme(ev, n, a, count, -1);
}

/* ---- doubles ---- */

static struct cel_value of_double(struct cel_ev *ev, const struct cel_node *n,
	const struct cel_value *a, uint32_t count, double (*f)(double))
{
	return a[0].kind == CEL_DOUBLE ? cel_double(f(a[0].d)) : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_math_ceil(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return of_double(ev, n, a, count, ceil);
}

struct cel_value cel_fn_math_floor(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return of_double(ev, n, a, count, floor);
}

struct cel_value cel_fn_math_round(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return of_double(ev, n, a, count, round);
}

struct cel_value cel_fn_math_trunc(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return of_double(ev, n, a, count, trunc);
}

struct cel_value cel_fn_math_is_nan(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_DOUBLE ? cel_bool(isnan(a[0].d))
				       : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_math_is_inf(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_DOUBLE ? cel_bool(isinf(a[0].d))
				       : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_math_is_finite(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_DOUBLE ? cel_bool(isfinite(a[0].d))
				       : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_math_sqrt(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	switch (a[0].kind) {
	case CEL_INT:
		return cel_double(sqrt((double)a[0].i));
	case CEL_UINT:
		return cel_double(sqrt((double)a[0].u));
	case CEL_DOUBLE:
		return cel_double(sqrt(a[0].d));
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_math_abs(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	switch (a[0].kind) {
	case CEL_UINT:
		return a[0];
	case CEL_INT:
		if (a[0].i == INT64_MIN)
			return cel_err_text(ev, n, "int overflow");
		return cel_int(a[0].i < 0 ? -a[0].i : a[0].i);
	case CEL_DOUBLE:
		return cel_double(fabs(a[0].d));
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_math_sign(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	switch (a[0].kind) {
	case CEL_UINT:
		return cel_uint(a[0].u > 0);
	case CEL_INT:
		return cel_int((a[0].i > 0) - (a[0].i < 0));
	case CEL_DOUBLE:
		if (isnan(a[0].d))
			return a[0];
		return cel_double((a[0].d > 0) - (a[0].d < 0));
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

/* ---- bits ---- */

static bool two_alike(const struct cel_value *a)
{
	return a[0].kind == a[1].kind && (a[0].kind == CEL_INT || a[0].kind == CEL_UINT);
}

static struct cel_value bits(struct cel_value like, uint64_t u)
{
	like.u = u; /* an int is the same bits */
	return like;
}

struct cel_value cel_fn_math_bit_and(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return two_alike(a) ? bits(a[0], a[0].u & a[1].u) : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_math_bit_or(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return two_alike(a) ? bits(a[0], a[0].u | a[1].u) : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_math_bit_xor(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return two_alike(a) ? bits(a[0], a[0].u ^ a[1].u) : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_math_bit_not(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_INT && a[0].kind != CEL_UINT)
		return cel_err_overload(ev, n, a, count);
	return bits(a[0], ~a[0].u);
}

static bool can_shift(const struct cel_value *a)
{
	return (a[0].kind == CEL_INT || a[0].kind == CEL_UINT) && a[1].kind == CEL_INT;
}

struct cel_value cel_fn_math_shift_left(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!can_shift(a))
		return cel_err_overload(ev, n, a, count);
	if (a[1].i < 0)
		return cel_err_fmt(ev, n, "negative offset: %lld", (long long)a[1].i);
	return bits(a[0], a[1].i > 63 ? 0 : a[0].u << a[1].i);
}

struct cel_value cel_fn_math_shift_right(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!can_shift(a))
		return cel_err_overload(ev, n, a, count);
	if (a[1].i < 0)
		return cel_err_fmt(ev, n, "negative offset: %lld", (long long)a[1].i);
	/* Of an int too, zeros come in from above: the sign is not kept. */
	return bits(a[0], a[1].i > 63 ? 0 : a[0].u >> a[1].i);
}
