/*
 * Kubernetes quantities ("500m", "10Gi", "1e3"): a decimal number kept exactly, as a 128-bit
 * integer of nano units, which holds what any quantity in an object can be. Digits beyond that are
 * rounded up, as Kubernetes does.
 */
#include <math.h>

#include "policy/cel/functions.h"
#include "policy/cel/opaque.h"

typedef __int128 nano;

#define NANO	 ((nano)1000000000)
#define MAX_NANO ((nano)INT64_MAX * NANO)

struct quantity {
	nano value;
	struct span text; /* as it was written; empty: computed */
};

static const struct {
	char text[3];
	bool binary;
	int exponent; /* of 1000 or of 1024 */
} suffixes[] = {
	{"n", false, -3},
	{"u", false, -2},
	{"m", false, -1},
	{"", false, 0},
	{"k", false, 1},
	{"M", false, 2},
	{"G", false, 3},
	{"T", false, 4},
	{"P", false, 5},
	{"E", false, 6},
	{"Ki", true, 1},
	{"Mi", true, 2},
	{"Gi", true, 3},
	{"Ti", true, 4},
	{"Pi", true, 5},
	{"Ei", true, 6},
};

/* ---- reading ---- */

struct number {
	nano digits;
	int scale; /* digits behind the point */
	bool negative, inexact;
};

static bool read_number(struct span *s, struct number *ret)
{
	size_t i = 0;
	bool point = false, any = false;

	*ret = (struct number){0};
	if (s->len > 0 && (s->ptr[0] == '-' || s->ptr[0] == '+'))
		ret->negative = s->ptr[i++] == '-';
	for (; i < s->len; i++) {
		char c = s->ptr[i];
		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		any = true;
		if (ret->digits > MAX_NANO) { /* more than matters */
			if (!point)
				return false;
			ret->inexact = ret->inexact || c != '0';
			continue;
		}
		ret->digits = ret->digits * 10 + (c - '0');
		ret->scale += point;
	}
	s->ptr += i;
	s->len -= i;
	return any;
}

/* "e3", "E-3" */
static bool read_exponent(struct span s, int *ret)
{
	size_t i = 1;
	int v = 0;

	if (s.len < 2 || (s.ptr[0] != 'e' && s.ptr[0] != 'E'))
		return false;
	bool negative = s.ptr[1] == '-';
	i += s.ptr[1] == '-' || s.ptr[1] == '+';
	if (i == s.len)
		return false;
	for (; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9' || v > 100)
			return false;
		v = v * 10 + (s.ptr[i] - '0');
	}
	*ret = negative ? -v : v;
	return true;
}

/* v * base^exponent, rounded away from zero; saturates, as Kubernetes does. */
static nano scaled(nano v, int base, int exponent, bool *inexact)
{
	for (; exponent > 0 && v <= MAX_NANO; exponent--)
		v *= base;
	for (; exponent < 0 && v > 0; exponent++) {
		*inexact = *inexact || v % base != 0;
		v /= base;
	}
	return v > MAX_NANO ? MAX_NANO : v;
}

static bool parse(struct span s, nano *ret)
{
	struct number num;
	int exponent;

	if (s.len > 64 || !read_number(&s, &num))
		return false;
	nano v = num.digits;
	if (read_exponent(s, &exponent)) {
		v = scaled(v, 10, exponent - num.scale + 9, &num.inexact);
	} else {
		size_t i = 0;
		while (i < ARRAY_LEN(suffixes) && !span_eq_str(s, suffixes[i].text))
			i++;
		if (i == ARRAY_LEN(suffixes))
			return false;
		if (suffixes[i].binary) {
			v = scaled(v, 1024, suffixes[i].exponent, &num.inexact);
			v = scaled(v, 10, 9 - num.scale, &num.inexact);
		} else {
			v = scaled(v, 10, 3 * suffixes[i].exponent - num.scale + 9, &num.inexact);
		}
	}
	if (num.inexact && v < MAX_NANO)
		v++;
	*ret = num.negative ? -v : v;
	return true;
}

/* ---- values ---- */

static bool is_quantity(struct cel_value v)
{
	return v.kind == CEL_OPAQUE && v.rep == CEL_REP_QUANTITY;
}

static const struct quantity *quantity(struct cel_value v)
{
	return v.p;
}

static struct cel_value make(struct cel_ev *ev, nano value, struct span text)
{
	struct quantity *q = arena_alloc(ev->run->arena, sizeof *q);

	if (!q)
		return cel_err_memory();
	*q = (struct quantity){value, text};
	return (struct cel_value){.kind = CEL_OPAQUE, .rep = CEL_REP_QUANTITY, .p = q};
}

FN(quantity)
{
	nano v;

	if (is_quantity(a[0]))
		return a[0];
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	if (!parse(cel_span(a[0]), &v))
		return cel_err_fmt(
			ev, n, "'%.*s' is no quantity", (int)(a[0].n > 60 ? 60 : a[0].n), a[0].s);
	return make(ev, v, cel_span(a[0]));
}

FN(is_quantity)
{
	nano v;

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	return cel_bool(parse(cel_span(a[0]), &v));
}

FN(quantity_sign)
{
	if (!is_quantity(a[0]))
		return cel_err_overload(ev, n, a, count);
	nano v = quantity(a[0])->value;
	return cel_int((v > 0) - (v < 0));
}

static bool as_integer(struct cel_value q, int64_t *ret)
{
	nano v = quantity(q)->value;

	if (v % NANO != 0)
		return false;
	*ret = (int64_t)(v / NANO);
	return true;
}

FN(quantity_is_integer)
{
	int64_t i;

	return is_quantity(a[0]) ? cel_bool(as_integer(a[0], &i))
				 : cel_err_overload(ev, n, a, count);
}

FN(quantity_as_integer)
{
	int64_t i;

	if (!is_quantity(a[0]))
		return cel_err_overload(ev, n, a, count);
	return as_integer(a[0], &i) ? cel_int(i)
				    : cel_err_text(ev, n, "the quantity is no whole number");
}

FN(quantity_as_float)
{
	if (!is_quantity(a[0]))
		return cel_err_overload(ev, n, a, count);
	return cel_double((double)quantity(a[0])->value / 1e9);
}

static struct cel_value add(struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a,
	uint32_t count, int sign)
{
	nano other;

	if (!is_quantity(a[0]) || (a[1].kind != CEL_INT && !is_quantity(a[1])))
		return cel_err_overload(ev, n, a, count);
	other = a[1].kind == CEL_INT ? (nano)a[1].i * NANO : quantity(a[1])->value;
	nano v = quantity(a[0])->value + sign * other;
	if (v > MAX_NANO || v < -MAX_NANO)
		return cel_err_text(ev, n, "quantity overflow");
	return make(ev, v, (struct span){NULL, 0});
}

FN(quantity_add)
{
	return add(ev, n, a, count, 1);
}

FN(quantity_sub)
{
	return add(ev, n, a, count, -1);
}

bool cel_quantity_equal(struct cel_value a, struct cel_value b)
{
	return quantity(a)->value == quantity(b)->value;
}

/* As written, or in plain decimal. */
void cel_quantity_put(struct buf *out, struct cel_value q)
{
	const struct quantity *v = quantity(q);
	nano u = v->value < 0 ? -v->value : v->value;
	uint32_t rest = (uint32_t)(u % NANO);

	if (v->text.ptr) {
		buf_add_span(out, v->text);
		return;
	}
	buf_printf(out, "%s%llu", v->value < 0 ? "-" : "", (unsigned long long)(u / NANO));
	if (rest == 0)
		return;
	int width = 9;
	for (; rest % 10 == 0; width--)
		rest /= 10;
	buf_printf(out, ".%0*u", width, rest);
}

/* ---- comparing, with versions in the same functions ---- */

static bool compare(const struct cel_value *a, int *ret)
{
	if (is_quantity(a[0]) && is_quantity(a[1])) {
		nano x = quantity(a[0])->value, y = quantity(a[1])->value;
		*ret = (x > y) - (x < y);
		return true;
	}
	return cel_semver_compare(a[0], a[1], ret);
}

FN(compare_to)
{
	int order;

	return compare(a, &order) ? cel_int(order) : cel_err_overload(ev, n, a, count);
}

FN(is_greater_than)
{
	int order;

	return compare(a, &order) ? cel_bool(order > 0) : cel_err_overload(ev, n, a, count);
}

FN(is_less_than)
{
	int order;

	return compare(a, &order) ? cel_bool(order < 0) : cel_err_overload(ev, n, a, count);
}
