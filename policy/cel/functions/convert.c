/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions between types: int(), string(), timestamp() and the rest. What does not fit is an
 * error, never something near it.
 */
#include <errno.h>
#include <math.h>

#include "policy/cel/functions/functions_internal.h"

static struct cel_value out_of_range(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value v, const char *type)
{
	struct buf b = BUF_IN_ARENA(ev->run->arena, 256);

	cel_put_display_in(&b, v, 100, ev->run->arena);
	return cel_err_fmt(
		ev, n, "range error: %.*s does not fit %s", SPAN_FMT(buf_span(&b)), type);
}

static struct cel_value unreadable(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value v, const char *type)
{
	struct buf b = BUF_IN_ARENA(ev->run->arena, 256);

	cel_put_display_in(&b, v, 100, ev->run->arena);
	return cel_err_fmt(ev, n, "%.*s is no %s", SPAN_FMT(buf_span(&b)), type);
}

struct cel_value cel_fn_to_bool(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

	if (a[0].kind == CEL_BOOL)
		return a[0];
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (span_eq_str(cel_span(a[0]), yes[i]))
			return cel_bool(true);
		if (span_eq_str(cel_span(a[0]), no[i]))
			return cel_bool(false);
	}
	return unreadable(ev, n, a[0], "bool");
}

/* Decimal digits with an optional sign where allowed, nothing else. */
static bool parse_decimal(struct span s, bool *ret_negative, uint64_t *ret)
{
	uint64_t v = 0;

	*ret_negative = s.len > 0 && *s.ptr == '-';
	if (s.len > 0 && (*s.ptr == '-' || *s.ptr == '+')) {
		s.ptr++;
		s.len--;
	}
	for (size_t i = 0; i < s.len; i++) {
		unsigned d = (unsigned char)s.ptr[i] - (unsigned)'0';
		if (d > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	*ret = v;
	return s.len > 0;
}

struct cel_value cel_fn_to_int(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	bool negative;
	uint64_t u;

	switch (a[0].kind) {
	case CEL_INT:
		return a[0];
	case CEL_UINT:
		return a[0].u > INT64_MAX ? out_of_range(ev, n, a[0], "int")
					  : cel_int((int64_t)a[0].u);
	case CEL_DOUBLE:
		/* the ends themselves are refused: a double there stands for more than one int */
		if (!(a[0].d > -0x1p63 && a[0].d < 0x1p63))
			return out_of_range(ev, n, a[0], "int");
		return cel_int((int64_t)a[0].d);
	case CEL_STRING:
		if (!parse_decimal(cel_span(a[0]), &negative, &u) ||
			u > (uint64_t)INT64_MAX + negative)
			return unreadable(ev, n, a[0], "int");
		return cel_int(negative ? (int64_t)(0 - u) : (int64_t)u);
	case CEL_TIMESTAMP:
		return cel_int(a[0].i);
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_to_uint(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	bool negative;
	uint64_t u;

	switch (a[0].kind) {
	case CEL_UINT:
		return a[0];
	case CEL_INT:
		return a[0].i < 0 ? out_of_range(ev, n, a[0], "uint") : cel_uint((uint64_t)a[0].i);
	case CEL_DOUBLE:
		if (!(a[0].d >= 0 && a[0].d < 0x1p64))
			return out_of_range(ev, n, a[0], "uint");
		return cel_uint((uint64_t)a[0].d);
	case CEL_STRING:
		if (!parse_decimal(cel_span(a[0]), &negative, &u) || negative || *a[0].s == '+')
			return unreadable(ev, n, a[0], "uint");
		return cel_uint(u);
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

static bool parse_double(struct span s, double *ret)
{
	char text[400], *end;
	size_t sign = s.len > 0 && (*s.ptr == '-' || *s.ptr == '+');

	if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, '\0', s.len))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	/* strtod() skips white space, and knows hexadecimal and nan(…) */
	char c = text[sign];
	if (!((c >= '0' && c <= '9') || c == '.' || strcasecmp(text + sign, "inf") == 0 ||
		    strcasecmp(text + sign, "infinity") == 0 ||
		    strcasecmp(text + sign, "nan") == 0) ||
		(text[sign + (c != 0)] | 0x20) == 'x')
		return false;
	errno = 0;
	*ret = strtod(text, &end);
	return *end == '\0' && !(errno == ERANGE && isinf(*ret));
}

struct cel_value cel_fn_to_double(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	double d;

	switch (a[0].kind) {
	case CEL_DOUBLE:
		return a[0];
	case CEL_INT:
		return cel_double((double)a[0].i);
	case CEL_UINT:
		return cel_double((double)a[0].u);
	case CEL_STRING:
		return parse_double(cel_span(a[0]), &d) ? cel_double(d)
							: unreadable(ev, n, a[0], "double");
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_to_string(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct buf b = BUF_IN_ARENA(ev->run->arena, 1u << 20);

	switch (a[0].kind) {
	case CEL_STRING:
		return a[0];
	case CEL_BYTES:
		if (!cel_charge(ev, a[0].n / 8))
			return cel_err_cost();
		if (!utf8_valid(cel_span(a[0])))
			return cel_err_text(
				ev, n, "invalid UTF-8 in bytes, cannot convert to string");
		return cel_string(cel_span(a[0]));
	case CEL_BOOL:
	case CEL_INT:
	case CEL_UINT:
	case CEL_DOUBLE:
	case CEL_TIMESTAMP:
	case CEL_DURATION:
	case CEL_OPAQUE:
		if (cel_put_text(&b, a[0], NULL) == 0)
			return cel_string_from(ev, &b);
		break;
	default:
		break;
	}
	return cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_to_bytes(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind == CEL_BYTES)
		return a[0];
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	return cel_bytes(cel_span(a[0]));
}

struct cel_value cel_fn_to_timestamp(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v;

	switch (a[0].kind) {
	case CEL_TIMESTAMP:
		return a[0];
	case CEL_INT:
		if (!cel_timestamp_ok(a[0].i))
			return out_of_range(ev, n, a[0], "timestamp");
		return (struct cel_value){.kind = CEL_TIMESTAMP, .i = a[0].i};
	case CEL_STRING:
		return cel_timestamp_parse(cel_span(a[0]), &v)
			       ? v
			       : unreadable(
					 ev, n, a[0], "RFC 3339 timestamp of the years 1 to 9999");
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_to_duration(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v = {.kind = CEL_DURATION};

	switch (a[0].kind) {
	case CEL_DURATION:
		return a[0];
	case CEL_INT:
		if (__builtin_mul_overflow(a[0].i, INT64_C(1000000000), &v.i))
			return out_of_range(ev, n, a[0], "duration");
		return v;
	case CEL_STRING:
		return cel_duration_parse(cel_span(a[0]), &v)
			       ? v
			       : unreadable(ev, n, a[0], "duration within 292 years");
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_dyn(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)ev, (void)n, (void)count;
	return a[0];
}

struct cel_value cel_fn_type(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)ev, (void)n, (void)count;
	return cel_type_value(cel_type_name(a[0]));
}
