/* SPDX-License-Identifier: Apache-2.0 */
/* Optional values: making them and taking them apart. */
#include "policy/cel/functions/functions_internal.h"

static const struct cel_value none = {.kind = CEL_OPTIONAL};

static struct cel_value some(struct cel_ev *ev, struct cel_value v)
{
	struct cel_value *box = arena_alloc(ev->run->arena, sizeof *box);

	if (!box)
		return cel_err_memory();
	*box = v;
	return (struct cel_value){.kind = CEL_OPTIONAL, .p = box};
}

struct cel_value cel_fn_optional_of(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)n, (void)count;
	return some(ev, a[0]);
}

struct cel_value cel_fn_optional_none(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)ev, (void)n, (void)a, (void)count;
	return none;
}

static bool is_zero(struct cel_value v)
{
	switch (v.kind) {
	case CEL_NULL:
		return true;
	case CEL_BOOL:
		return !v.b;
	case CEL_INT:
	case CEL_UINT:
	case CEL_DURATION:
		return v.u == 0;
	case CEL_DOUBLE:
		return v.d == 0;
	case CEL_STRING:
	case CEL_BYTES:
		return v.n == 0;
	case CEL_LIST:
	case CEL_MAP:
		return cel_size(v) == 0;
	case CEL_OPTIONAL:
		return !v.p;
	default:
		return false;
	}
}

struct cel_value cel_fn_optional_of_non_zero(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)n, (void)count;
	return is_zero(a[0]) ? none : some(ev, a[0]);
}

struct cel_value cel_fn_optional_has_value(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_OPTIONAL ? cel_bool(a[0].p != NULL)
					 : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_optional_value(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v;

	if (a[0].kind != CEL_OPTIONAL)
		return cel_err_overload(ev, n, a, count);
	if (!cel_optional_value(a[0], &v))
		return cel_err_text(ev, n, "optional.none() has no value");
	return v;
}

struct cel_value cel_fn_optional_or(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_OPTIONAL || a[1].kind != CEL_OPTIONAL)
		return cel_err_overload(ev, n, a, count);
	return a[0].p ? a[0] : a[1];
}

struct cel_value cel_fn_optional_or_value(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v;

	if (a[0].kind != CEL_OPTIONAL)
		return cel_err_overload(ev, n, a, count);
	return cel_optional_value(a[0], &v) ? v : a[1];
}

struct cel_value cel_fn_optional_unwrap(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v, inside;
	uint32_t kept = 0;

	if (a[0].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	struct cel_value *items = cel_new_array(ev, cel_size(a[0]));
	struct cel_iter it = cel_iter(a[0], ev->run->arena);
	if (!items)
		return cel_err_room(ev);
	while (cel_iter_next(&it, NULL, &v)) {
		if (v.kind != CEL_OPTIONAL)
			return cel_is_error(v) ? v : cel_err_overload(ev, n, a, count);
		if (cel_optional_value(v, &inside))
			items[kept++] = inside;
	}
	return cel_array(items, kept);
}
