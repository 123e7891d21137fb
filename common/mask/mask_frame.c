/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts under examination and the edits found in them.
 *
 * A frame is one text; a child frame is a text that stands escaped in its parent's. Edits are kept
 * in order of their offsets. Closing a child walks its parent's escaped bytes once and turns each
 * edit's offsets into the parent's, so the bytes between edits are never rewritten.
 */
#include <assert.h>

#include "common/base/utf8.h"
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_text_internal.h"

#define PSEUDONYM_BEGIN "[masked hmac-sha256:"

static char *put_decimal(char *p, size_t v)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
	} while (v /= 10);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

/* Written by hand: a pseudonym is made for each masked value, and printf would be half of its cost.
 */
size_t mask_pseudonym(const struct mask_key *key, struct span value, char ret[MASK_PSEUDONYM_MAX])
{
	uint8_t mac[SHA256_LEN];
	char *p = mempcpy(ret, PSEUDONYM_BEGIN, sizeof(PSEUDONYM_BEGIN) - 1);

	hmac_key_sign(key->hmac, value.ptr ? value.ptr : "", value.len, mac);
	if (key->id[0]) {
		p = stpcpy(p, key->id);
		*p++ = ':';
	}
	p = hex_write(p, mac, 8);
	p = mempcpy(p, " len:", 5);
	p = put_decimal(p, value.len);
	*p++ = ']';
	return (size_t)(p - ret);
}

static size_t run_of(struct span s, size_t off, const char *set)
{
	size_t n = 0;

	while (off + n < s.len && s.ptr[off + n] && strchr(set, s.ptr[off + n]))
		n++;
	return n;
}

size_t mask_pseudonym_len(struct span s)
{
	size_t off = sizeof(PSEUDONYM_BEGIN) - 1, n;

	if (s.len < off || memcmp(s.ptr, PSEUDONYM_BEGIN, off) != 0)
		return 0;
	n = run_of(s, off, "abcdefghijklmnopqrstuvwxyz0123456789.-");
	if (n > 0 && n <= MASK_KEY_ID_MAX && off + n < s.len && s.ptr[off + n] == ':')
		off += n + 1;
	if (run_of(s, off, "0123456789abcdef") != 16)
		return 0;
	off += 16;
	if (s.len - off < 5 || memcmp(s.ptr + off, " len:", 5) != 0)
		return 0;
	off += 5;
	n = run_of(s, off, "0123456789");
	if (n == 0 || n > 10 || off + n >= s.len || s.ptr[off + n] != ']')
		return 0;
	return off + n + 1;
}

bool mask_is_pseudonym(struct span s)
{
	return s.len > 0 && mask_pseudonym_len(s) == s.len;
}

bool mask_stays_pseudonym(const struct mask_frame *f, struct span s)
{
	return !f->ctx->words && mask_is_pseudonym(s);
}

static int reserve(struct mask_frame *f)
{
	size_t cap = f->edit_cap ? f->edit_cap * 2 : 16;
	struct mask_edit *edits;

	if (f->edits && f->edit_count < f->edit_cap)
		return 0;
	edits = arena_alloc(f->ctx->arena, cap * sizeof(*edits));
	if (!edits)
		return -1;
	if (f->edits)
		memcpy(edits, f->edits, f->edit_count * sizeof(*edits));
	f->edits = edits;
	f->edit_cap = cap;
	return 0;
}

static size_t end_of(const struct mask_edit *e)
{
	return (size_t)e->off + e->len;
}

/* Edits come in the order of the text, but for a rule that goes over it again; mask_frame_settle()
 * puts those in their places, all at once. What two rules found becomes one edit, whose pseudonym
 * is that of the one that begins first, of two that begin together the later one. */
static int append(struct mask_frame *f, struct mask_edit edit)
{
	struct mask_edit *last =
		f->edits && f->edit_count > 0 ? &f->edits[f->edit_count - 1] : NULL;

	f->changes++;
	if (last && edit.off == last->off) {
		edit.len = edit.len > last->len ? edit.len : last->len;
		*last = edit;
		return 0;
	}
	if (last && edit.off > last->off && edit.off < end_of(last)) {
		if (end_of(&edit) > end_of(last))
			last->len = (uint32_t)(end_of(&edit) - last->off);
		return 0;
	}
	if (reserve(f) < 0)
		return -1;
	f->unordered |= last && edit.off < last->off;
	f->edits[f->edit_count++] = edit;
	return 0;
}

/* Merges two ordered lists; of edits that begin together, those of b come first. */
static void merge(const struct mask_edit *a, size_t a_count, const struct mask_edit *b,
	size_t b_count, struct mask_edit *out)
{
	while (a_count > 0 || b_count > 0) {
		if (b_count == 0 || (a_count > 0 && a->off < b->off)) {
			*out++ = *a++;
			a_count--;
		} else {
			*out++ = *b++;
			b_count--;
		}
	}
}

/* Merges neighbours of `width` edits, then of twice as many, until all are one list. */
static int sort(struct mask_frame *f)
{
	struct mask_edit *from = f->edits, *to;
	size_t count = f->edit_count;

	to = arena_alloc(f->ctx->arena, f->edit_cap * sizeof(*to));
	if (!to)
		return -1;
	for (size_t width = 1; width < count; width *= 2) {
		struct mask_edit *other = from;

		for (size_t i = 0; i < count; i += 2 * width) {
			size_t a = count - i < width ? count - i : width;
			size_t b = count - i - a < width ? count - i - a : width;

			merge(from + i, a, from + i + a, b, to + i);
		}
		from = to;
		to = other;
	}
	f->edits = from;
	return 0;
}

int mask_frame_settle(struct mask_frame *f)
{
	size_t count = f->edit_count;

	if (!f->unordered)
		return 0;
	if (sort(f) < 0)
		return -1;
	f->unordered = false;
	f->edit_count = 1;
	for (size_t i = 1; i < count; i++) {
		struct mask_edit *last = &f->edits[f->edit_count - 1], *e = &f->edits[i];

		if (e->off >= end_of(last))
			f->edits[f->edit_count++] = *e;
		else if (end_of(e) > end_of(last))
			last->len = (uint32_t)(end_of(e) - last->off);
	}
	return 0;
}

static void put_place(struct buf *out, const struct mask_frame *f)
{
	if (f->parent) {
		put_place(out, f->parent);
		if (f->doc)
			buf_add_str(out, "#");
	}
	if (f->doc && f->at != JSON_NONE)
		json_put_pointer_to(out, f->doc, f->at);
}

static void explain(struct mask_frame *f, enum mask_rule rule)
{
	_cleanup_(buf_free) struct buf place = BUF_INIT(1 << 20);

	put_place(&place, f);
	f->ctx->m->explain(f->ctx->m->explain_userdata, mask_rules[rule].id, buf_span(&place));
}

int mask_edit_add(struct mask_frame *f, size_t off, size_t len, struct span value,
	enum mask_rule rule, unsigned quote_level)
{
	struct mask_edit edit = {.off = (uint32_t)off,
		.len = (uint32_t)len,
		.rule = (uint8_t)rule,
		.quote_level = (uint8_t)quote_level};
	char pseudonym[MASK_PSEUDONYM_MAX];

	assert(off + len <= f->text.len);
	if (len == 0 || mask_stays_pseudonym(f, (struct span){f->text.ptr + off, len}))
		return 0;
	edit.pseudonym.len = mask_pseudonym(&f->ctx->m->keys[0], value, pseudonym);
	edit.pseudonym.ptr = arena_strndup(f->ctx->arena, pseudonym, edit.pseudonym.len);
	if (!edit.pseudonym.ptr)
		return -1;
	if (f->ctx->words)
		mask_words_add(f->ctx->words, (struct span){f->text.ptr + off, len}, value,
			edit.pseudonym);
	if (f->ctx->m->explain)
		explain(f, rule);
	return append(f, edit);
}

int mask_range(struct mask_frame *f, size_t off, size_t len, enum mask_rule rule)
{
	return mask_edit_add(f, off, len, (struct span){f->text.ptr + off, len}, rule, 0);
}

int mask_node_as(struct mask_frame *f, json_ref r, struct span value, enum mask_rule rule)
{
	const struct json_node *n = json_node(f->doc, r);

	f->at = r;
	return mask_edit_add(f, n->off, n->len, value, rule, n->type == JSON_STRING ? 0 : 1);
}

int mask_node(struct mask_frame *f, json_ref r, enum mask_rule rule)
{
	struct span value = json_text(f->doc, r);

	if (json_type(f->doc, r) == JSON_STRING) {
		value = mask_string(f, r);
		if (!value.ptr)
			return -1;
	}
	return mask_node_as(f, r, value, rule);
}

void mask_rollback(struct mask_frame *f, size_t count)
{
	f->edit_count = count < f->edit_count ? count : f->edit_count;
}

/* ---- escapes ---- */

/* \uXXXX at p (after the u), with its second half if it is a pair. Bytes used after the u. */
static size_t unescape_u(const char *p, const char *end, char out[4], size_t *ret_out)
{
	int hi = hex_value4(p, end), lo;

	*ret_out = utf8_encode(0xfffd, out);
	if (hi < 0)
		return 0;
	if (hi < 0xd800 || hi > 0xdfff) {
		*ret_out = utf8_encode((uint32_t)hi, out);
		return 4;
	}
	if (hi > 0xdbff || end - p < 10 || p[4] != '\\' || p[5] != 'u')
		return 4;
	lo = hex_value4(p + 6, end);
	if (lo < 0xdc00 || lo > 0xdfff)
		return 4;
	*ret_out =
		utf8_encode(0x10000 + (((uint32_t)hi & 0x3ff) << 10) + ((uint32_t)lo & 0x3ff), out);
	return 10;
}

/* One character at p as its escape spells it. Bytes of p used; out gets *ret_out bytes. */
static size_t unescape_json(const char *p, const char *end, char out[4], size_t *ret_out)
{
	static const char values[128] = {
		['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};

	*ret_out = 1;
	out[0] = *p;
	if (*p != '\\' || end - p < 2)
		return 1;
	if (p[1] == 'u')
		return 2 + unescape_u(p + 2, end, out, ret_out);
	out[0] = p[1] > 0 && values[(uint8_t)p[1]] ? values[(uint8_t)p[1]] : p[1];
	return 2;
}

static size_t unescape_percent(
	const char *p, const char *end, bool form, char out[4], size_t *ret_out)
{
	int high, low;

	*ret_out = 1;
	out[0] = form && *p == '+' ? ' ' : *p;
	if (*p != '%' || end - p < 3)
		return 1;
	high = hex_value(p[1]);
	low = hex_value(p[2]);
	if (high < 0 || low < 0)
		return 1;
	out[0] = (char)(high << 4 | low);
	return 3;
}

static size_t unescape_one(
	enum mask_escape escape, const char *p, const char *end, char out[4], size_t *ret_out)
{
	if (escape == ESCAPE_JSON)
		return unescape_json(p, end, out, ret_out);
	return unescape_percent(p, end, escape == ESCAPE_FORM, out, ret_out);
}

/* How many bytes from p on, at most max, stand for themselves. */
static size_t plain_run(enum mask_escape escape, const char *p, size_t max)
{
	const char *stop;
	size_t n = 0;

	if (escape == ESCAPE_JSON) {
		stop = memchr(p, '\\', max);
		return stop ? (size_t)(stop - p) : max;
	}
	while (n < max && p[n] != '%' && !(escape == ESCAPE_FORM && p[n] == '+'))
		n++;
	return n;
}

static struct span unescape(struct arena *arena, struct span raw, enum mask_escape escape)
{
	const char *p = raw.ptr, *end = raw.ptr + raw.len;
	char *begin = arena_alloc(arena, raw.len + 1), *out = begin;

	if (!begin)
		return (struct span){0};
	while (p < end) {
		size_t run = plain_run(escape, p, (size_t)(end - p)), n;
		char c[4];

		out = mempcpy(out, p, run);
		p += run;
		if (p == end)
			break;
		p += unescape_one(escape, p, end, c, &n);
		for (size_t i = 0; i < n; i++)
			*out++ = c[i];
	}
	return (struct span){begin, (size_t)(out - begin)};
}

struct span mask_string(struct mask_frame *f, json_ref r)
{
	const struct json_node *n = json_node(f->doc, r);
	struct span raw = {f->text.ptr + n->off, n->len};

	return n->escaped ? unescape(f->ctx->arena, raw, ESCAPE_JSON) : raw;
}

/* ---- child frames ---- */

static bool has_escapes(struct span s, enum mask_escape escape)
{
	switch (escape) {
	case ESCAPE_NONE:
		return false;
	case ESCAPE_JSON:
		return memchr(s.ptr, '\\', s.len) != NULL;
	case ESCAPE_PERCENT:
		return memchr(s.ptr, '%', s.len) != NULL;
	case ESCAPE_FORM:
		return memchr(s.ptr, '%', s.len) || memchr(s.ptr, '+', s.len);
	}
	return true;
}

int mask_frame_open(struct mask_frame *child, struct mask_frame *parent, size_t off, size_t len,
	enum mask_escape escape)
{
	struct span text = {parent->text.ptr + off, len};

	if (!has_escapes(text, escape))
		escape = ESCAPE_NONE;
	if (escape != ESCAPE_NONE)
		text = unescape(parent->ctx->arena, text, escape);
	if (!text.ptr)
		return -1;
	*child = (struct mask_frame){.ctx = parent->ctx,
		.text = text,
		.at = JSON_NONE,
		.parent = parent,
		.escape = escape,
		.parent_off = off,
		.parent_len = len};
	return 0;
}

/* Where in the parent's bytes the child's offset `want` lies; *at and *seen go on from call to
 * call. round_up: an offset inside an escape means its end, else its beginning. */
static size_t to_parent(
	const struct mask_frame *child, size_t want, const char **at, size_t *seen, bool round_up)
{
	const char *raw = child->parent->text.ptr + child->parent_off;
	const char *end = raw + child->parent_len;

	if (child->escape == ESCAPE_NONE)
		return child->parent_off + want;
	while (*seen < want && *at < end) {
		size_t left = (size_t)(end - *at), max = want - *seen < left ? want - *seen : left;
		size_t run = plain_run(child->escape, *at, max), n, used;
		char c[4];

		*at += run;
		*seen += run;
		if (run == max)
			continue;
		used = unescape_one(child->escape, *at, end, c, &n);

		if (*seen + n > want && !round_up)
			break;
		*at += used;
		*seen += n;
	}
	return child->parent_off + (size_t)(*at - raw);
}

int mask_frame_close(struct mask_frame *child)
{
	struct mask_frame *parent = child->parent;
	const char *at = parent->text.ptr + child->parent_off;
	size_t seen = 0;

	if (mask_frame_settle(child) < 0)
		return -1;
	for (size_t i = 0; i < child->edit_count; i++) {
		struct mask_edit e = child->edits[i];
		size_t begin = to_parent(child, e.off, &at, &seen, false);
		size_t end = to_parent(child, (size_t)e.off + e.len, &at, &seen, true);

		e.off = (uint32_t)begin;
		e.len = (uint32_t)(end - begin);
		/* A text that stands in a JSON string has its own quotes escaped. */
		if (e.quote_level > 0 && parent->doc)
			e.quote_level++;
		if (append(parent, e) < 0)
			return -1;
	}
	return 0;
}
