/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes quantities ("500m", "10Gi", "1e3"): a decimal number kept exactly, as a 128-bit
 * integer of nano units. What is finer is rounded up, and what is written with a binary suffix ends
 * at the greatest int, as Kubernetes does; what is written in decimal ends at 1e29, far above what
 * any object holds.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/cel/functions/functions_internal.h"
#include "policy/cel/functions/semver_internal.h"

typedef __int128 nano;

#define NANO	   ((nano)1000000000)
#define MAX_INT	   ((nano)INT64_MAX * NANO)
#define E19	   ((nano)10000000000000000000u)
#define MAX	   (E19 * E19)	   /* 1e29 in nano units */
#define MAX_DIGITS (MAX / 1000000) /* with these, a digit more or less does not overflow */

struct quantity {
	const struct cel_opaque *opaque;
	nano value;
	bool capped;	  /* it was more than value */
	bool plain;	  /* Kubernetes holds it as an int64 and a power of ten */
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
	int scale;		       /* digits behind the point */
	bool negative, inexact, blank; /* blank: not one digit */
	int whole,
		behind; /* digits as written before the point, without leading zeros, and behind */
};

/* None at all is zero where Kubernetes takes its fast path ("Ki"), or nothing follows ("-"). */
static void read_number(struct span *s, struct number *ret)
{
	size_t i = 0;
	bool point = false;

	*ret = (struct number){.blank = true};
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
		ret->blank = false;
		ret->behind += point;
		ret->whole += !point && (ret->whole > 0 || c != '0');
		if (ret->digits > MAX_DIGITS) { /* more than matters */
			ret->scale -= !point;
			ret->inexact = ret->inexact || c != '0';
			continue;
		}
		ret->digits = ret->digits * 10 + (c - '0');
		ret->scale += point;
	}
	ret->whole += ret->whole == 0;
	s->ptr += i;
	s->len -= i;
}

/* Whether Kubernetes (resource.ParseQuantity) takes its fast path, whose results can be integers.
 */
static bool is_plain(const struct number *n, bool binary, int exponent)
{
	if (binary)
		return n->behind == 0 && 14 - n->whole - 3 * exponent >= 0;
	return 18 - n->whole - n->behind >= 0 && exponent - n->behind >= 0;
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

/* v * base^exponent; ends at MAX. */
static nano scaled(nano v, int base, int exponent, bool *inexact)
{
	for (; exponent > 0 && v > 0; exponent--) {
		if (v > MAX / base)
			return MAX;
		v *= base;
	}
	for (; exponent < 0 && v > 0; exponent++) {
		*inexact = *inexact || v % base != 0;
		v /= base;
	}
	return v;
}

/* The same with 1024, digit by digit: the powers of two would not fit with all decimals. */
static nano scaled_binary(struct number *num, int exponent)
{
	nano unit = 1;

	for (; num->scale > 33; num->scale--) {
		num->inexact = num->inexact || num->digits % 10 != 0;
		num->digits /= 10;
	}
	if (num->scale < 0)
		return MAX;
	for (int i = 0; i < num->scale; i++)
		unit *= 10;
	nano whole = num->digits / unit, rest = num->digits % unit;
	for (int i = 0; i < exponent + 9; i++) {
		int base = i < exponent ? 1024 : 10;
		if (whole > MAX / base - base)
			return MAX;
		whole = whole * base + rest * base / unit;
		rest = rest * base % unit;
	}
	num->inexact = num->inexact || rest != 0;
	return whole;
}

static bool parse(struct span s, struct quantity *ret)
{
	struct number num;
	nano v, max = MAX;
	int exponent;

	*ret = (struct quantity){.text = s};
	if (s.len == 0 || s.len > 64)
		return false;
	read_number(&s, &num);
	if (read_exponent(s, &exponent)) {
		if (num.blank && exponent < -9)
			return false;
		v = scaled(num.digits, 10, exponent - num.scale + 9, &num.inexact);
		ret->plain = is_plain(&num, false, exponent);
	} else {
		size_t i = 0;
		while (i < ARRAY_LEN(suffixes) && !span_eq_str(s, suffixes[i].text))
			i++;
		if (i == ARRAY_LEN(suffixes))
			return false;
		exponent = suffixes[i].exponent;
		ret->plain = is_plain(
			&num, suffixes[i].binary, suffixes[i].binary ? exponent : 3 * exponent);
		if (suffixes[i].binary) {
			if (num.blank && !ret->plain)
				return false;
			v = scaled_binary(&num, exponent);
			max = MAX_INT;
		} else {
			v = scaled(num.digits, 10, 3 * exponent - num.scale + 9, &num.inexact);
		}
	}
	v += num.inexact;
	ret->capped = v > max || v >= MAX;
	if (v > max)
		v = max;
	ret->value = num.negative ? -v : v;
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

static bool equal(struct cel_value a, struct cel_value b)
{
	return quantity(a)->value == quantity(b)->value;
}

/* As written, or in plain decimal. */
static void put(struct buf *out, struct cel_value q)
{
	const struct quantity *v = quantity(q);
	nano u = v->value < 0 ? -v->value : v->value;
	uint32_t rest = (uint32_t)(u % NANO);

	if (v->text.ptr) {
		buf_add_span(out, v->text);
		return;
	}
	buf_add_str(out, v->value < 0 ? "-" : "");
	uint64_t high = (uint64_t)(u / NANO / E19), low = (uint64_t)(u / NANO % E19);
	buf_printf(out, high ? "%llu%019llu" : "%llu", (unsigned long long)(high ? high : low),
		(unsigned long long)low);
	if (rest == 0)
		return;
	int width = 9;
	for (; rest % 10 == 0; width--)
		rest /= 10;
	buf_printf(out, ".%0*u", width, rest);
}

static const struct cel_opaque opaque = {equal, put};

static struct cel_value make(struct cel_ev *ev, struct quantity v)
{
	struct quantity *q = arena_alloc(ev->run->arena, sizeof *q);

	if (!q)
		return cel_err_memory();
	*q = v;
	q->opaque = &opaque;
	return (struct cel_value){.kind = CEL_OPAQUE, .rep = CEL_REP_QUANTITY, .p = q};
}

struct cel_value cel_fn_quantity(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct quantity v;

	if (is_quantity(a[0]))
		return a[0];
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	if (!parse(cel_span(a[0]), &v))
		return cel_err_fmt(
			ev, n, "'%.*s' is no quantity", (int)(a[0].n > 60 ? 60 : a[0].n), a[0].s);
	return make(ev, v);
}

struct cel_value cel_fn_is_quantity(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct quantity v;

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	return cel_bool(parse(cel_span(a[0]), &v));
}

struct cel_value cel_fn_quantity_sign(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_quantity(a[0]))
		return cel_err_overload(ev, n, a, count);
	nano v = quantity(a[0])->value;
	return cel_int((v > 0) - (v < 0));
}

static bool as_integer(struct cel_value q, int64_t *ret)
{
	nano v = quantity(q)->value;

	if (quantity(q)->capped || !quantity(q)->plain || v % NANO != 0 || v > MAX_INT ||
		v < -MAX_INT - NANO)
		return false;
	*ret = (int64_t)(v / NANO);
	return true;
}

struct cel_value cel_fn_quantity_is_integer(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int64_t i;

	return is_quantity(a[0]) ? cel_bool(as_integer(a[0], &i))
				 : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_quantity_as_integer(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int64_t i;

	if (!is_quantity(a[0]))
		return cel_err_overload(ev, n, a, count);
	return as_integer(a[0], &i) ? cel_int(i)
				    : cel_err_text(ev, n, "the quantity does not fit an int");
}

/* The digits as written, without point and sign, and how many of them stood behind the point. */
static int digits_of(struct span text, char *ret, size_t cap, struct span *ret_suffix)
{
	size_t n = 0, i = 0;
	int behind = 0;
	bool point = false;

	for (; i < text.len && strchr("+-.0123456789", text.ptr[i]); i++) {
		point = point || text.ptr[i] == '.';
		if (text.ptr[i] < '0' || n + 1 == cap)
			continue;
		behind += point;
		ret[n++] = text.ptr[i];
	}
	ret[n] = 0;
	*ret_suffix = (struct span){text.ptr + i, text.len - i};
	return behind;
}

static double ten_to_the(int exponent)
{
	char power[16];

	snprintf(power, sizeof power, "1e%d", exponent);
	return strtod(power, NULL);
}

static bool fits_int64(const char *digits)
{
	errno = 0;
	return strtoull(digits, NULL, 10) <= INT64_MAX && errno == 0;
}

/*
 * Kubernetes' way, with its last digit: a double of the unscaled integer, times one of a power of
 * ten. An integer that fits no int64, or has more than nine places, is one of nano units there.
 */
static double decimal_as_float(char *digits, size_t cap, int exponent)
{
	const size_t len = strlen(digits);
	double v;

	if (fits_int64(digits) && exponent >= -9)
		return strtod(digits, NULL) * (exponent ? ten_to_the(exponent) : 1);
	snprintf(digits + len, cap - len, "e%d", exponent + 9);
	v = strtod(digits, NULL);
	return (exponent < -9 ? ceil(v) : v) * ten_to_the(-9);
}

static double written_as_float(const struct quantity *q)
{
	char digits[96];
	struct span suffix;
	const int behind = digits_of(q->text, digits, sizeof digits - 16, &suffix);
	const double sign = q->value < 0 ? -1 : 1;
	int exponent = 0;
	size_t i = 0;

	if (read_exponent(suffix, &exponent))
		return sign * decimal_as_float(digits, sizeof digits, exponent - behind);
	while (i + 1 < ARRAY_LEN(suffixes) && !span_eq_str(suffix, suffixes[i].text))
		i++;
	exponent = suffixes[i].exponent;
	if (!suffixes[i].binary)
		return sign * decimal_as_float(digits, sizeof digits, 3 * exponent - behind);
	if (q->plain)
		return sign * ldexp(strtod(digits, NULL), 10 * exponent);
	return q->capped ? (double)q->value / 1e9 : (double)q->value * ten_to_the(-9);
}

struct cel_value cel_fn_quantity_as_float(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_quantity(a[0]))
		return cel_err_overload(ev, n, a, count);
	const struct quantity *q = quantity(a[0]);
	return cel_double(q->text.ptr ? written_as_float(q) : (double)q->value / 1e9);
}

static struct cel_value add(struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a,
	uint32_t count, int sign)
{
	nano other;

	if (!is_quantity(a[0]) || (a[1].kind != CEL_INT && !is_quantity(a[1])))
		return cel_err_overload(ev, n, a, count);
	other = a[1].kind == CEL_INT ? (nano)a[1].i * NANO : quantity(a[1])->value;
	nano v;
	if (__builtin_add_overflow(quantity(a[0])->value, sign * other, &v) || v > MAX || v < -MAX)
		return cel_err_text(ev, n, "quantity overflow");
	/* Zero is added to by becoming the other, as in Kubernetes. */
	const bool mine = quantity(a[0])->plain;
	const bool others = a[1].kind == CEL_INT || quantity(a[1])->plain;
	const bool plain = other == 0 ? mine : quantity(a[0])->value == 0 ? others : mine && others;
	return make(ev, (struct quantity){.value = v, .plain = plain});
}

struct cel_value cel_fn_quantity_add(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return add(ev, n, a, count, 1);
}

struct cel_value cel_fn_quantity_sub(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return add(ev, n, a, count, -1);
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

/* Of two that are more than can be told apart none is the larger one. CEL_UNSET: *ret. */
static struct cel_value compared(struct cel_ev *ev, const struct cel_node *n,
	const struct cel_value *a, uint32_t count, int *ret)
{
	if (!compare(a, ret))
		return cel_err_overload(ev, n, a, count);
	if (*ret == 0 && is_quantity(a[0]) &&
		(quantity(a[0])->value >= MAX || quantity(a[0])->value <= -MAX))
		return cel_err_text(ev, n, "quantity overflow");
	return (struct cel_value){0};
}

struct cel_value cel_fn_compare_to(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int order;
	const struct cel_value error = compared(ev, n, a, count, &order);

	return error.kind == CEL_UNSET ? cel_int(order) : error;
}

struct cel_value cel_fn_is_greater_than(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int order;
	const struct cel_value error = compared(ev, n, a, count, &order);

	return error.kind == CEL_UNSET ? cel_bool(order > 0) : error;
}

struct cel_value cel_fn_is_less_than(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int order;
	const struct cel_value error = compared(ev, n, a, count, &order);

	return error.kind == CEL_UNSET ? cel_bool(order < 0) : error;
}
