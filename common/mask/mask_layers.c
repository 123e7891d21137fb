/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts inside texts: JSON in a string, base64, gzip, hex, percent escapes, and any of them in each
 * other (Helm keeps base64 of base64 of gzip of JSON).
 *
 * What can be written back piecemeal (JSON, percent escapes) is masked piecemeal; an encoded text
 * with a secret in it is masked as a whole. Depth and decoded bytes are bounded for each call: what
 * goes beyond a bound is masked unseen.
 */
#define ZLIB_CONST
#include <zlib.h>

#include "common/mask/mask_base64_internal.h"
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_layers_internal.h"
#include "common/mask/mask_text_internal.h"

#define HEX_LEN_MIN	 32
#define QUICK_BASE64_MAX 128 /* longer ones go the long way */

static const struct json_limits layer_limits = {.max_bytes = MASK_LAYER_BYTES_MAX,
	.max_depth = 1024,
	.max_nodes = MASK_LAYER_NODES_MAX,
	.allow_lone_surrogates = true,
	.allow_duplicate_keys = true};

static int give_up(struct mask_frame *f, enum mask_rule rule, bool *ret_done)
{
	mask_rollback(f, 0);
	f->ctx->whole = true;
	*ret_done = true;
	return mask_range(f, 0, f->text.len, rule);
}

/* Counts len decoded bytes; false when there were too many, or too many layers are open. */
static bool afford(struct mask_ctx *ctx, size_t len)
{
	if (ctx->layers >= MASK_LAYERS_MAX || len > MASK_LAYER_BYTES_MAX - ctx->layer_bytes)
		return false;
	ctx->layer_bytes += len;
	return true;
}

static enum mask_rule unaffordable(const struct mask_ctx *ctx)
{
	return ctx->layers >= MASK_LAYERS_MAX ? RULE_TOO_DEEP : RULE_TOO_LARGE;
}

/* ---- JSON ---- */

static bool may_be_json(struct span s)
{
	char last;

	if (s.len < 2)
		return false;
	last = s.ptr[s.len - 1];
	return (s.ptr[0] == '{' && last == '}') || (s.ptr[0] == '[' && last == ']') ||
	       (s.ptr[0] == '"' && last == '"');
}

/* The frame's text is read as JSON and walked in the same frame. */
static int mask_json(struct mask_frame *f, struct mask_where w, bool *ret_done)
{
	struct mask_where inside = {.flags = w.flags & WHERE_SECRETS};
	struct json_error error = {0};
	struct json_doc doc;
	int ret;

	if (!afford(f->ctx, f->text.len))
		return give_up(f, unaffordable(f->ctx), ret_done);
	if (json_read(f->text.ptr, f->text.len, &layer_limits, f->ctx->arena, &doc, &error) < 0)
		return error.limit ? give_up(f, RULE_TOO_LARGE, ret_done) : 0;
	f->ctx->layers++;
	f->doc = &doc;
	f->at = JSON_ROOT;
	ret = mask_walk(f, JSON_ROOT, inside);
	f->doc = NULL;
	f->at = JSON_NONE;
	f->ctx->layers--;
	*ret_done = true;
	return ret;
}

/* ---- compressed ---- */

static void *zlib_alloc(void *arena, unsigned n, unsigned size)
{
	return arena_calloc(arena, n, size);
}

static void zlib_free(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

static bool is_gzip(struct span s)
{
	return s.len > 18 && s.ptr[0] == '\x1f' && s.ptr[1] == '\x8b';
}

static bool is_zlib(struct span s)
{
	uint8_t a = (uint8_t)s.ptr[0], b = s.len > 1 ? (uint8_t)s.ptr[1] : 0;

	return s.len > 8 && a == 0x78 && ((unsigned)a << 8 | b) % 31 == 0;
}

/* 1: all of it, in *ret; 0: not compressed data after all; -1: too much, or spoilt midway. */
static int inflate_all(struct mask_ctx *ctx, struct span in, struct span *ret)
{
	size_t budget = MASK_LAYER_BYTES_MAX - ctx->layer_bytes, cap = in.len * 8 + 1024, n = 0;
	z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free, .opaque = ctx->arena};
	char *out;
	int status = Z_OK;

	z.next_in = (const Bytef *)in.ptr;
	z.avail_in = (uInt)in.len;
	cap = cap < budget ? cap : budget;
	out = arena_alloc(ctx->arena, cap + 1);
	if (!out || inflateInit2(&z, 15 + 32) != Z_OK)
		return -1;
	while (status == Z_OK && n < budget) {
		if (n == cap) {
			size_t more = cap * 2 < budget ? cap * 2 : budget;
			char *bigger = arena_alloc(ctx->arena, more + 1);

			if (!bigger)
				return -1;
			out = memcpy(bigger, out, n);
			cap = more;
		}
		z.next_out = (Bytef *)out + n;
		z.avail_out = (uInt)(cap - n);
		status = inflate(&z, Z_NO_FLUSH);
		n = cap - z.avail_out;
	}
	if (status != Z_STREAM_END || z.avail_in > 0)
		return n == 0 && status == Z_DATA_ERROR && !is_gzip(in) ? 0 : -1;
	*ret = (struct span){out, n};
	return 1;
}

/* ---- decoded bytes ---- */

static int mask_decoded(struct mask_frame *child, struct mask_where w);

static int mask_compressed(struct mask_frame *child, struct mask_where w, bool *ret_done)
{
	struct span text;
	int ret = inflate_all(child->ctx, child->text, &text);

	if (ret <= 0)
		return ret;
	*ret_done = true;
	if (!afford(child->ctx, text.len))
		return -1;
	child->text = text;
	return mask_decoded(child, w);
}

/* Looks for secrets in a decoded text; its edits only say that there are some. */
static int mask_decoded(struct mask_frame *child, struct mask_where w)
{
	bool done = false;
	int ret = 0;

	if (mask_is_packed(child->text))
		return mask_range(child, 0, child->text.len, RULE_ENCODED);
	child->ctx->layers++;
	if (is_gzip(child->text) || is_zlib(child->text))
		ret = mask_compressed(child, w, &done);
	if (ret == 0 && !done && mask_is_utf16(child->text)) {
		child->text = mask_from_utf16(child->text, child->ctx->arena);
		ret = child->text.ptr ? 0 : -1;
	}
	if (ret == 0 && !done)
		ret = mask_text_frame(child, w);
	child->ctx->layers--;
	return ret;
}

/* decoded is what f->text[off..off+len) spells. Masks that when there is a secret in it. */
static int mask_encoded(
	struct mask_frame *f, size_t off, size_t len, struct span decoded, struct mask_where w)
{
	struct mask_frame child = {.ctx = f->ctx,
		.text = decoded,
		.at = JSON_NONE,
		.parent = f,
		.parent_off = off,
		.parent_len = len};
	enum mask_rule rule = RULE_ENCODED;

	if (!afford(f->ctx, decoded.len))
		rule = unaffordable(f->ctx);
	else if (mask_decoded(&child, w) < 0)
		rule = RULE_TOO_LARGE;
	else if (child.edit_count == 0)
		return 0;
	f->ctx->whole |= rule != RULE_ENCODED;
	return mask_range(f, off, len, rule);
}

/* ---- base64 and hex ---- */

/* Decoded bytes in which nothing can hide: the quick answer for words that are base64 by chance. */
static bool base64_is_plain(const struct masker *m, struct span s)
{
	char bytes[MASK_BASE64_DECODED_MAX(QUICK_BASE64_MAX)];
	struct span decoded;

	if (s.len > QUICK_BASE64_MAX)
		return false;
	decoded = mask_decode_base64(s, bytes);
	return !is_gzip(decoded) && !is_zlib(decoded) && !mask_is_packed(decoded) &&
	       !mask_is_utf16(decoded) && !mask_may_be_base64(trim_white(decoded)) &&
	       mask_is_plain(m, decoded);
}

int mask_base64_run(struct mask_frame *f, size_t off, size_t len)
{
	struct arena_mark before = arena_mark(f->ctx->arena);
	char *bytes = arena_alloc(f->ctx->arena, MASK_BASE64_DECODED_MAX(len));
	struct span decoded;
	size_t changes = f->changes;

	if (!bytes)
		return -1;
	decoded = mask_decode_base64((struct span){f->text.ptr + off, len}, bytes);
	if (mask_encoded(f, off, len, decoded, (struct mask_where){0}) < 0)
		return -1;
	if (f->changes == changes)
		arena_rewind(f->ctx->arena, before);
	return 0;
}

static bool may_be_hex(struct span s)
{
	if (s.len < HEX_LEN_MIN || s.len % 2 != 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_hex_digit(s.ptr[i]))
			return false;
	}
	return true;
}

/* Digests are hex too: only what begins like text or gzip is looked into. */
static bool hex_is_readable(struct span s)
{
	uint8_t p[4];

	if (hex_decode((struct span){s.ptr, 8}, p, sizeof(p)) < 0 || (p[0] == 0x1f && p[1] == 0x8b))
		return true;
	for (int i = 0; i < 4; i++) {
		if ((p[i] < 0x20 || p[i] > 0x7e) && !is_white((char)p[i]))
			return false;
	}
	return true;
}

/* Without the sign that some write before hex: 0x, or the \x of PostgreSQL. */
static struct span without_hex_sign(struct span s)
{
	if (s.len < 2 || s.ptr[1] != 'x' || (s.ptr[0] != '0' && s.ptr[0] != '\\'))
		return s;
	return (struct span){s.ptr + 2, s.len - 2};
}

static int mask_hex(struct mask_frame *f, struct span s, struct mask_where w)
{
	uint8_t *out;

	if (!hex_is_readable(s))
		return 0;
	out = arena_alloc(f->ctx->arena, s.len / 2);
	if (!out || hex_decode(s, out, s.len / 2) < 0)
		return -1;
	return mask_encoded(f, 0, f->text.len, (struct span){(char *)out, s.len / 2}, w);
}

/* ---- base32 ---- */

static bool may_be_base32(struct span s)
{
	char bytes[16];

	/* Its beginning rules nearly all other words in capitals out. */
	return s.len >= 24 && is_upper(s.ptr[0]) &&
	       mask_decode_base32((struct span){s.ptr, 24}, bytes).ptr;
}

static int mask_base32(struct mask_frame *f, struct span s, struct mask_where w)
{
	char *bytes = arena_alloc(f->ctx->arena, s.len);
	struct span text;

	if (!bytes)
		return -1;
	text = mask_decode_base32(s, bytes);
	return text.ptr ? mask_encoded(f, 0, f->text.len, text, w) : 0;
}

/* ---- percent escapes ---- */

static bool has_percent_escapes(struct span s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;

	while (end - p > 2 && (p = memchr(p, '%', (size_t)(end - p) - 2))) {
		char c = p[1], d = p[2];

		if (((c >= '2' && c <= '7') || c == '0') && is_hex_digit(d))
			return true;
		p++;
	}
	return false;
}

static int mask_unescaped(struct mask_frame *f, struct mask_where w, enum mask_escape escape)
{
	struct mask_frame child;
	int ret;

	if (mask_frame_open(&child, f, 0, f->text.len, escape) < 0)
		return -1;
	f->ctx->layers++;
	ret = mask_text_frame(&child, w);
	f->ctx->layers--;
	return ret < 0 ? -1 : mask_frame_close(&child);
}

/* A + is a blank to some and a + to others. */
static int mask_percent(struct mask_frame *f, struct mask_where w, bool *ret_done)
{
	bool plus = memchr(f->text.ptr, '+', f->text.len);

	if (!afford(f->ctx, f->text.len))
		return give_up(f, unaffordable(f->ctx), ret_done);
	*ret_done = true;
	/* In a token the sign is no escape. */
	if (mask_scan_tokens(f) < 0 || mask_unescaped(f, w, ESCAPE_PERCENT) < 0)
		return -1;
	return plus ? mask_unescaped(f, w, ESCAPE_FORM) : 0;
}

bool mask_may_be_layered(const struct masker *m, struct span text)
{
	struct span s = trim_white(text);

	if (may_be_json(s))
		return true;
	if (mask_may_be_base64(s))
		return !base64_is_plain(m, s);
	if (may_be_base32(s))
		return true;
	if (may_be_hex(without_hex_sign(s)))
		return hex_is_readable(without_hex_sign(s));
	return has_percent_escapes(s);
}

/* *ret_done: nothing is left to look for in the text itself. */
static int look_into(struct mask_frame *f, struct mask_where w, bool *ret_done)
{
	struct span s = trim_white(f->text);

	if (may_be_json(s))
		return mask_json(f, w, ret_done);
	if (mask_may_be_base64(s)) {
		size_t count = f->edit_count;

		if (mask_base64_run(f, 0, f->text.len) < 0)
			return -1;
		*ret_done = f->edit_count > count;
		return 0;
	}
	if (may_be_base32(s))
		return mask_base32(f, s, w);
	if (may_be_hex(without_hex_sign(s)))
		return mask_hex(f, without_hex_sign(s), w);
	if (has_percent_escapes(s))
		return mask_percent(f, w, ret_done);
	return 0;
}

int mask_text_frame(struct mask_frame *f, struct mask_where w)
{
	bool done = false;

	if (look_into(f, w, &done) < 0)
		return -1;
	return done ? 0 : mask_scan(f, 0, f->text.len);
}
