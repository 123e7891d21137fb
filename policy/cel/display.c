/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for people: much as one would write them in an expression; and what an error says, which
 * quotes them.
 */
#include <math.h>
#include <stdio.h>

#include "common/base/crypto.h"
#include "common/base/utf8.h"
#include "policy/cel/program_internal.h"

struct writer {
	struct buf *out;
	struct arena *arena;
};

static void put_display(struct writer *w, struct cel_value v, unsigned depth);

static void put_items(struct writer *w, struct cel_value v, unsigned depth)
{
	struct cel_iter it = cel_iter(v, w->arena);
	struct cel_value k, e;
	bool map = v.kind == CEL_MAP, first = true;

	buf_add_char(w->out, map ? '{' : '[');
	for (; !w->out->failed && cel_iter_next(&it, map ? &k : NULL, &e); first = false) {
		if (!first)
			buf_add_str(w->out, ", ");
		if (map) {
			put_display(w, k, depth + 1);
			buf_add_str(w->out, ": ");
		}
		put_display(w, e, depth + 1);
	}
	buf_add_char(w->out, map ? '}' : ']');
}

static void put_call(struct writer *w, const char *function, struct cel_value v)
{
	buf_printf(w->out, "%s('", function);
	if (cel_put_text(w->out, v, NULL) < 0)
		buf_add_char(w->out, '?');
	buf_add_str(w->out, "')");
}

static void put_string_literal(struct buf *out, struct span s)
{
	char quote = memchr(s.ptr ? s.ptr : "", '\'', s.len) ? '"' : '\'';

	buf_add_char(out, quote);
	for (size_t i = 0; s.ptr && i < s.len && !out->failed; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '\\' || c == (unsigned char)quote)
			buf_printf(out, "\\%c", c);
		else if (c == '\n')
			buf_add_str(out, "\\n");
		else if (c == '\t')
			buf_add_str(out, "\\t");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_add_char(out, (char)c);
	}
	buf_add_char(out, quote);
}

static void put_bytes_literal(struct buf *out, struct span s)
{
	buf_add_str(out, "b'");
	for (size_t i = 0; s.ptr && i < s.len && !out->failed; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c < 0x20 || c >= 0x7f || c == '\'' || c == '\\')
			buf_printf(out, "\\x%02x", c);
		else
			buf_add_char(out, (char)c);
	}
	buf_add_char(out, '\'');
}

/* With a point or exponent, so that it does not look like an int. */
static void put_double_literal(struct buf *out, double d)
{
	cel_put_double_text(out, d);
	if (isfinite(d) && d == trunc(d) && fabs(d) < 1e6)
		buf_add_str(out, ".0");
}

static void put_scalar(struct writer *w, struct cel_value v)
{
	switch ((enum cel_kind)v.kind) {
	case CEL_UINT:
		buf_printf(w->out, "%lluu", (unsigned long long)v.u);
		break;
	case CEL_DOUBLE:
		put_double_literal(w->out, v.d);
		break;
	case CEL_STRING:
		put_string_literal(w->out, cel_span(v));
		break;
	case CEL_BYTES:
		put_bytes_literal(w->out, cel_span(v));
		break;
	case CEL_ERROR:
		buf_add_str(w->out, "error: ");
		buf_add_span(w->out, cel_error_message(v, w->arena));
		break;
	case CEL_UNSET:
		buf_add_str(w->out, "nothing");
		break;
	default:
		if (cel_put_text(w->out, v, NULL) < 0)
			buf_add_char(w->out, '?');
	}
}

static void put_display(struct writer *w, struct cel_value v, unsigned depth)
{
	static const char *const functions[] = {
		[CEL_REP_IP] = "ip",
		[CEL_REP_CIDR] = "cidr",
		[CEL_REP_URL] = "url",
		[CEL_REP_QUANTITY] = "quantity",
		[CEL_REP_SEMVER] = "semver",
		[CEL_REP_FORMAT] = "format.named",
	};
	struct cel_value inside;

	if (depth > CEL_MAX_VALUE_DEPTH) {
		buf_add_str(w->out, "…");
	} else if (v.kind == CEL_LIST || v.kind == CEL_MAP) {
		put_items(w, v, depth);
	} else if (v.kind == CEL_OPTIONAL) {
		bool has = cel_optional_value(v, &inside);
		buf_add_str(w->out, has ? "optional.of(" : "optional.none()");
		if (has) {
			put_display(w, inside, depth + 1);
			buf_add_char(w->out, ')');
		}
	} else if (v.kind == CEL_TIMESTAMP || v.kind == CEL_DURATION) {
		put_call(w, v.kind == CEL_TIMESTAMP ? "timestamp" : "duration", v);
	} else if (v.kind == CEL_OPAQUE) {
		put_call(w, functions[v.rep], v);
	} else {
		put_scalar(w, v);
	}
}

void cel_put_display_in(struct buf *out, struct cel_value v, size_t max, struct arena *a)
{
	struct buf text = BUF_IN_ARENA(a, max + 4096);
	struct writer w = {&text, a};
	const bool is_text = v.kind == CEL_STRING || v.kind == CEL_BYTES;

	if (is_text && v.n > max) /* writing the rest would be for nothing */
		v.n = (uint32_t)utf8_cut(cel_span(v), max + 1).len;
	put_display(&w, v, 0);
	size_t len = text.len;
	if (len > max) {
		len = max;
		while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
			len--;
	}
	buf_add(out, text.ptr ? text.ptr : "", len);
	if (len < text.len || text.failed)
		buf_add_str(out, "…");
}

void cel_put_display(struct buf *out, struct cel_value v, size_t max)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024, (max + 4096) * 8);

	if (a)
		cel_put_display_in(out, v, max, a);
}

/* ---- what an error says ---- */

static void put_overload(struct buf *out, const struct cel_err_info *e)
{
	static const char *const op_texts[] = {[CEL_N_AND] = "&&",
		[CEL_N_OR] = "||",
		[CEL_N_COND] = "?:",
		[CEL_N_SELECT] = "field selection",
		[CEL_N_INDEX] = "[ ]",
		[CEL_N_LOOP] = "a macro",
		[CEL_N_OPTMAP] = "optMap"};
	unsigned op = e->at ? e->at->op : CEL_N_BAD;

	buf_add_str(out, "no such overload: ");
	if (op == CEL_N_CALL)
		buf_add_span(out, e->at->name);
	else
		buf_add_str(out, op < ARRAY_LEN(op_texts) && op_texts[op] ? op_texts[op] : "?");
	buf_add_char(out, '(');
	for (unsigned i = 0; i < e->kind_count; i++) {
		if (i > 0)
			buf_add_str(out, ", ");
		buf_add_str(out, cel_kind_name(e->kinds[i], e->kind_reps[i]));
	}
	buf_add_char(out, ')');
}

struct span cel_error_message(struct cel_value v, struct arena *a)
{
	const struct cel_err_info *e = v.p;
	struct buf b = BUF_IN_ARENA(a, 1024);

	if (v.kind != CEL_ERROR)
		return (struct span){"", 0};
	if (e->code == CEL_E_TEXT || e->code == CEL_E_LIMIT)
		return e->text;
	if (e->code == CEL_E_KEY) {
		buf_add_str(&b, "no such key: ");
		cel_put_display_in(&b, e->a, 200, a);
	} else {
		put_overload(&b, e);
	}
	return b.failed ? SPAN("out of memory") : buf_span(&b);
}
