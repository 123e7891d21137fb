/* SPDX-License-Identifier: Apache-2.0 */
/* string.format(): %s %d %f %e %b %o %x %X, as the strings extension defines them. */
#include <math.h>
#include <stdio.h>

#include "policy/cel/functions/functions_internal.h"

#define MAX_PRECISION 1000
#define MAX_OUTPUT    (16u << 20)

struct formatter {
	struct cel_ev *ev;
	const struct cel_node *n;
	struct buf out;
	struct cel_value error; /* CEL_UNSET: none so far */
};

static bool fail(struct formatter *f, struct cel_value v, const char *clause)
{
	f->error = cel_is_error(v)
			   ? v
			   : cel_err_fmt(f->ev, f->n, "%%%s cannot format a value of type %s",
				     clause, cel_type_name(v));
	return false;
}

static bool put_special(struct buf *out, double d)
{
	if (isfinite(d))
		return false;
	buf_add_str(out, isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
	return true;
}

/* ---- %s ---- */

static bool put_string(struct formatter *f, struct buf *out, struct cel_value v, unsigned depth);

static bool put_list(struct formatter *f, struct buf *out, struct cel_value v, unsigned depth)
{
	struct cel_iter it = cel_iter(v, f->ev->run->arena);
	struct cel_value e;

	buf_add_char(out, '[');
	for (uint32_t i = 0; cel_iter_next(&it, NULL, &e); i++) {
		if (i > 0)
			buf_add_str(out, ", ");
		if (!put_string(f, out, e, depth + 1))
			return false;
	}
	buf_add_char(out, ']');
	return true;
}

struct entry {
	struct span key, value;
};

static int compare_entries(const void *a, const void *b)
{
	struct span x = ((const struct entry *)a)->key, y = ((const struct entry *)b)->key;
	size_t len = x.len < y.len ? x.len : y.len;
	int order = len ? memcmp(x.ptr, y.ptr, len) : 0;

	return order ? order : (x.len > y.len) - (x.len < y.len);
}

static bool part_text(struct formatter *f, struct cel_value v, unsigned depth, struct span *ret)
{
	struct buf b = BUF_IN_ARENA(f->ev->run->arena, MAX_OUTPUT);

	if (!put_string(f, &b, v, depth + 1))
		return false;
	struct cel_value s = cel_string_from(f->ev, &b);
	*ret = cel_span(s);
	return !cel_is_error(s) || fail(f, s, "s");
}

static bool put_map(struct formatter *f, struct buf *out, struct cel_value v, unsigned depth)
{
	struct cel_iter it = cel_iter(v, f->ev->run->arena);
	struct cel_value key, value;
	uint32_t count = cel_size(v);
	struct entry *entries = arena_calloc(f->ev->run->arena, count + 1u, sizeof *entries);

	if (!entries || !cel_charge(f->ev, (uint64_t)count * 8))
		return fail(f, cel_err_room(f->ev), "s");
	for (uint32_t i = 0; cel_iter_next(&it, &key, &value); i++)
		if (!part_text(f, key, depth, &entries[i].key) ||
			!part_text(f, value, depth, &entries[i].value))
			return false;
	qsort(entries, count, sizeof *entries, compare_entries);
	buf_add_char(out, '{');
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_str(out, ", ");
		buf_add_span(out, entries[i].key);
		buf_add_str(out, ": ");
		buf_add_span(out, entries[i].value);
	}
	buf_add_char(out, '}');
	return true;
}

/* Runs of bytes that are no UTF-8 become one U+FFFD. */
static void put_bytes(struct buf *out, struct span s)
{
	bool bad = false;

	for (size_t i = 0; i < s.len;) {
		size_t len = 1;
		while (len < 4 && i + len <= s.len && !utf8_valid((struct span){s.ptr + i, len}))
			len++;
		if (len < 5 && i + len <= s.len && utf8_valid((struct span){s.ptr + i, len})) {
			buf_add(out, s.ptr + i, len);
			bad = false;
			i += len;
		} else {
			if (!bad)
				buf_add_str(out, "\xef\xbf\xbd");
			bad = true;
			i++;
		}
	}
}

static bool put_string(struct formatter *f, struct buf *out, struct cel_value v, unsigned depth)
{
	if (depth > CEL_MAX_VALUE_DEPTH)
		return fail(f, cel_err_depth(), "s");
	if (!cel_charge(f->ev, 1))
		return fail(f, cel_err_cost(), "s");
	switch (v.kind) {
	case CEL_LIST:
		return put_list(f, out, v, depth);
	case CEL_MAP:
		return put_map(f, out, v, depth);
	case CEL_BYTES:
		put_bytes(out, cel_span(v));
		return true;
	case CEL_DOUBLE:
		if (!put_special(out, v.d))
			cel_put_double(out, v.d, -400, 400);
		return true;
	case CEL_OPTIONAL:
	case CEL_ERROR:
		return fail(f, v, "s");
	default:
		return cel_put_text(out, v, NULL) == 0 || fail(f, v, "s");
	}
}

/* ---- numbers ---- */

static bool put_decimal(struct formatter *f, struct cel_value v)
{
	if (v.kind == CEL_DOUBLE) {
		if (!put_special(&f->out, v.d))
			cel_put_double(&f->out, v.d, -400, 400);
		return true;
	}
	if (v.kind != CEL_INT && v.kind != CEL_UINT)
		return fail(f, v, "d");
	return cel_put_text(&f->out, v, NULL) == 0;
}

static bool put_float(struct formatter *f, struct cel_value v, int precision, char clause)
{
	double d = v.kind == CEL_INT ? (double)v.i : v.kind == CEL_UINT ? (double)v.u : v.d;
	char name[2] = {clause, '\0'};

	if (!cel_is_number(v))
		return fail(f, v, name);
	if (put_special(&f->out, d))
		return true;
	if (clause == 'f')
		buf_printf(&f->out, "%.*f", precision, d);
	else
		buf_printf(&f->out, "%.*e", precision, d);
	return true;
}

static void put_base(struct buf *out, uint64_t u, bool negative, unsigned base, bool upper)
{
	char text[65], *p = text + sizeof text;

	do
		*--p = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[u % base];
	while ((u /= base) > 0);
	if (negative)
		buf_add_char(out, '-');
	buf_add(out, p, (size_t)(text + sizeof text - p));
}

static bool put_integer(struct formatter *f, struct cel_value v, unsigned base, char clause)
{
	char name[2] = {clause, '\0'};

	if (v.kind == CEL_BOOL && base == 2)
		buf_add_char(&f->out, v.b ? '1' : '0');
	else if (v.kind == CEL_UINT)
		put_base(&f->out, v.u, false, base, clause == 'X');
	else if (v.kind == CEL_INT)
		put_base(&f->out, v.i < 0 ? 0 - (uint64_t)v.i : (uint64_t)v.i, v.i < 0, base,
			clause == 'X');
	else
		return fail(f, v, name);
	return true;
}

static bool put_hex(struct formatter *f, struct cel_value v, char clause)
{
	const char *digits = clause == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";

	if (v.kind != CEL_STRING && v.kind != CEL_BYTES)
		return put_integer(f, v, 16, clause);
	if (!cel_charge(f->ev, v.n))
		return fail(f, cel_err_cost(), "x");
	for (uint32_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.s[i];
		buf_add_char(&f->out, digits[c >> 4]);
		buf_add_char(&f->out, digits[c & 15]);
	}
	return true;
}

/* ---- the format ---- */

static bool put_clause(struct formatter *f, char clause, int precision, struct cel_value v)
{
	switch (clause) {
	case 's':
		return put_string(f, &f->out, v, 0);
	case 'd':
		return put_decimal(f, v);
	case 'f':
	case 'e':
		return put_float(f, v, precision, clause);
	case 'b':
		return put_integer(f, v, 2, clause);
	case 'o':
		return put_integer(f, v, 8, clause);
	case 'x':
	case 'X':
		return put_hex(f, v, clause);
	default:
		f->error = cel_err_fmt(f->ev, f->n, "unrecognized formatting clause %%%c",
			clause >= 0x20 && clause < 0x7f ? clause : '?');
		return false;
	}
}

/* Behind '%': ".3f". False and f->error for what is none. */
static bool read_precision(struct formatter *f, struct span s, size_t *i, int *ret)
{
	*ret = 6;
	if (*i >= s.len || s.ptr[*i] != '.')
		return true;
	++*i;
	*ret = -1;
	for (; *i < s.len && s.ptr[*i] >= '0' && s.ptr[*i] <= '9'; ++*i)
		if (*ret <= MAX_PRECISION)
			*ret = (*ret < 0 ? 0 : *ret) * 10 + (s.ptr[*i] - '0');
	if (*ret >= 0 && *ret <= MAX_PRECISION)
		return true;
	f->error = cel_err_text(f->ev, f->n, "the precision in the format is no small number");
	return false;
}

static bool format(struct formatter *f, struct span s, struct cel_value args)
{
	struct cel_iter it = cel_iter(args, f->ev->run->arena);
	struct cel_value v;
	int precision;

	for (size_t i = 0; i < s.len;) {
		if (s.ptr[i] != '%') {
			buf_add_char(&f->out, s.ptr[i++]);
			continue;
		}
		if (++i < s.len && s.ptr[i] == '%') {
			buf_add_char(&f->out, s.ptr[i++]);
			continue;
		}
		if (!read_precision(f, s, &i, &precision))
			return false;
		if (i >= s.len) {
			f->error = cel_err_text(f->ev, f->n, "the format ends with %");
			return false;
		}
		if (!cel_iter_next(&it, NULL, &v)) {
			f->error = cel_err_fmt(f->ev, f->n,
				"the format asks for more than the %u "
				"values given",
				cel_size(args));
			return false;
		}
		if (!put_clause(f, s.ptr[i++], precision, v))
			return false;
	}
	return true;
}

struct cel_value cel_fn_format(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct formatter f = {.ev = ev, .n = n, .out = BUF_IN_ARENA(ev->run->arena, MAX_OUTPUT)};

	if (a[0].kind != CEL_STRING || a[1].kind != CEL_LIST)
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, a[0].n / 2))
		return cel_err_cost();
	return format(&f, cel_span(a[0]), a[1]) ? cel_string_from(ev, &f.out) : f.error;
}
