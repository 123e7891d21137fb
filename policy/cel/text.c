/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as text: string(), and JSON for mutation and answers. Doubles get the shortest digits that
 * read back the same.
 */
#include <math.h>
#include <stdio.h>

#include "common/base/crypto.h"
#include "policy/cel/value_internal.h"

/* ---- doubles ---- */

/*
 * Below a power of two, doubles are twice as close as above it, so that the nearest decimal may
 * read back as the neighbour below while the next one up does not. (One that ends in 9 has no such
 * next: it would have a digit less, and have been found before.)
 */
static bool next_digit_up(char *text, double d)
{
	char *last = strchr(text, 'e') - 1;
	int exp2;

	if (*last == '9' || frexp(d, &exp2) != 0.5)
		return false;
	++*last;
	return strtod(text, NULL) == d;
}

/* The fewest digits that read back as d; *ret_exp10 is the exponent of the first. */
static unsigned shortest_digits(double d, char digits[20], int *ret_exp10)
{
	char text[40];

	for (int precision = 1; precision <= 17; precision++) {
		snprintf(text, sizeof text, "%.*e", precision - 1, d);
		if (precision == 17 || strtod(text, NULL) == d || next_digit_up(text, d))
			break;
	}
	unsigned n = 0;
	char *p = text;
	for (; *p != 'e'; p++)
		if (*p != '.')
			digits[n++] = *p;
	*ret_exp10 = atoi(p + 1);
	while (n > 1 && digits[n - 1] == '0')
		n--;
	return n;
}

static void put_scientific(struct buf *out, const char *digits, unsigned n, int exp10)
{
	buf_add_char(out, digits[0]);
	if (n > 1) {
		buf_add_char(out, '.');
		buf_add(out, digits + 1, n - 1);
	}
	buf_printf(out, "e%c%02d", exp10 < 0 ? '-' : '+', abs(exp10));
}

static void put_plain(struct buf *out, const char *digits, unsigned n, int exp10)
{
	if (exp10 < 0) {
		buf_add_str(out, "0.");
		for (int i = -1; i > exp10; i--)
			buf_add_char(out, '0');
		buf_add(out, digits, n);
		return;
	}
	for (int i = 0; i <= exp10 || i < (int)n; i++) {
		if (i == exp10 + 1)
			buf_add_char(out, '.');
		buf_add_char(out, i < (int)n ? digits[i] : '0');
	}
}

void cel_put_double(struct buf *out, double d, int min_exp, int max_exp)
{
	char digits[20];
	int exp10 = 0;
	unsigned n = 1;

	if (signbit(d))
		buf_add_char(out, '-');
	digits[0] = '0';
	if (d != 0)
		n = shortest_digits(fabs(d), digits, &exp10);
	if (exp10 < min_exp || exp10 > max_exp)
		put_scientific(out, digits, n, exp10);
	else
		put_plain(out, digits, n, exp10);
}

void cel_put_double_text(struct buf *out, double d)
{
	if (isfinite(d))
		cel_put_double(out, d, -4, 5);
	else
		buf_add_str(out, isnan(d) ? "NaN" : d > 0 ? "+Inf" : "-Inf");
}

/* ---- string() ---- */

int cel_put_text(struct buf *out, struct cel_value v, struct err *e)
{
	switch ((enum cel_kind)v.kind) {
	case CEL_NULL:
		buf_add_str(out, "null");
		return 0;
	case CEL_BOOL:
		buf_add_str(out, v.b ? "true" : "false");
		return 0;
	case CEL_INT:
		buf_printf(out, "%lld", (long long)v.i);
		return 0;
	case CEL_UINT:
		buf_printf(out, "%llu", (unsigned long long)v.u);
		return 0;
	case CEL_DOUBLE:
		cel_put_double_text(out, v.d);
		return 0;
	case CEL_STRING:
	case CEL_TYPE:
		buf_add_span(out, cel_span(v));
		return 0;
	case CEL_BYTES:
		if (!utf8_valid(cel_span(v)))
			return err_set(e, "bytes that are not UTF-8 have no string form");
		buf_add_span(out, cel_span(v));
		return 0;
	case CEL_TIMESTAMP:
		cel_put_timestamp(out, v);
		return 0;
	case CEL_DURATION:
		cel_put_duration(out, v);
		return 0;
	case CEL_OPAQUE:
		cel_opaque(v)->put(out, v);
		return 0;
	default:
		return err_set(e, "a value of type %s has no string form", cel_type_name(v));
	}
}

/* ---- JSON ---- */

/* Iterating over a tape needs an arena for strings with escapes. */
struct writer {
	struct buf *out;
	struct arena *arena;
	struct err *e;
};

static int put_json(struct writer *w, struct cel_value v, unsigned depth);

static void put_quoted(struct writer *w, struct cel_value v)
{
	struct buf text = BUF_INIT(w->out->max);

	if (v.kind == CEL_STRING) {
		json_put_string(w->out, cel_span(v));
		return;
	}
	if (v.kind == CEL_BYTES)
		base64_put(&text, v.s, v.n);
	else if (cel_put_text(&text, v, NULL) < 0)
		text.failed = true;
	if (text.failed)
		w->out->failed = true;
	else
		json_put_string(w->out, buf_span(&text));
	buf_free(&text);
}

static int put_json_list(struct writer *w, struct cel_value v, unsigned depth)
{
	struct cel_iter it = cel_iter(v, w->arena);
	struct cel_value e;
	bool first = true;

	buf_add_char(w->out, '[');
	for (; cel_iter_next(&it, NULL, &e); first = false) {
		if (!first)
			buf_add_char(w->out, ',');
		if (put_json(w, e, depth + 1) < 0)
			return -1;
	}
	buf_add_char(w->out, ']');
	return 0;
}

/* Keys 1 and "1" are two in CEL and one in JSON. */
static bool key_clashes(struct cel_value map, struct cel_value key)
{
	struct buf text = BUF_INIT(64);

	if (key.kind == CEL_STRING)
		return false;
	bool clash = cel_put_text(&text, key, NULL) == 0 && cel_map_has_str(map, buf_span(&text));
	buf_free(&text);
	return clash;
}

static int put_json_map(struct writer *w, struct cel_value v, unsigned depth)
{
	struct cel_iter it = cel_iter(v, w->arena);
	struct cel_value k, e;
	bool first = true;

	buf_add_char(w->out, '{');
	for (; cel_iter_next(&it, &k, &e); first = false) {
		if (cel_is_error(k))
			return err_set(w->e, "a key that is not valid Unicode");
		if (key_clashes(v, k))
			return err_set(w->e, "two keys of a map are the same in JSON");
		if (!first)
			buf_add_char(w->out, ',');
		put_quoted(w, k);
		buf_add_char(w->out, ':');
		if (put_json(w, e, depth + 1) < 0)
			return -1;
	}
	buf_add_char(w->out, '}');
	return 0;
}

static int put_json(struct writer *w, struct cel_value v, unsigned depth)
{
	struct cel_value inside;

	if (depth > CEL_MAX_VALUE_DEPTH)
		return err_set(w->e, "a value nested more than %d deep", CEL_MAX_VALUE_DEPTH);
	switch ((enum cel_kind)v.kind) {
	case CEL_LIST:
	case CEL_MAP:
		if (v.rep == CEL_REP_JSON) { /* as it stands in the document */
			buf_add_span(w->out, json_text(v.p, v.n));
			return 0;
		}
		return v.kind == CEL_LIST ? put_json_list(w, v, depth) : put_json_map(w, v, depth);
	case CEL_OPTIONAL:
		if (!cel_optional_value(v, &inside))
			return err_set(w->e, "optional.none() has no JSON form");
		return put_json(w, inside, depth + 1);
	case CEL_DOUBLE:
		if (!isfinite(v.d))
			return err_set(w->e, "NaN and infinity have no JSON form");
		cel_put_double(w->out, v.d, -6, 20);
		return 0;
	case CEL_NULL:
	case CEL_BOOL:
	case CEL_INT:
	case CEL_UINT:
		return cel_put_text(w->out, v, w->e);
	case CEL_STRING:
	case CEL_BYTES:
	case CEL_TIMESTAMP:
	case CEL_DURATION:
	case CEL_OPAQUE:
		put_quoted(w, v);
		return 0;
	default:
		return err_set(w->e, "a value of type %s has no JSON form", cel_type_name(v));
	}
}

int cel_put_json(struct buf *out, struct cel_value v, struct err *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024, 64u << 20);
	struct writer w = {out, a, e};

	if (!a)
		return err_set(e, "out of memory");
	if (put_json(&w, v, 0) < 0)
		return -1;
	return out->failed ? err_set(e, "the JSON text is too long") : 0;
}
