/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a tape: strings and their escapes, members, JSON Pointers, integers. */
#include "common/base/hex.h"
#include "common/base/utf8.h"
#include "common/json/json_internal.h"

struct span json_text(const struct json_doc *d, json_ref r)
{
	const struct json_node *n = &d->nodes[r];

	if (n->type == JSON_STRING)
		return (struct span){d->text + n->off - 1, (size_t)n->len + 2};
	return (struct span){d->text + n->off, n->len};
}

struct span json_raw_string(const struct json_doc *d, json_ref r)
{
	if (json_type(d, r) != JSON_STRING)
		return (struct span){NULL, 0};
	return (struct span){d->text + d->nodes[r].off, d->nodes[r].len};
}

/* ---- escapes ---- */

static bool is_surrogate(unsigned c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

const char *json_escape(const char *p, const char *end, uint32_t *ret)
{
	static const char plain[] = "\"\\/bfnrt", value[] = "\"\\/\b\f\n\r\t";
	unsigned c, low;

	if (p[1] != 'u') {
		*ret = (unsigned char)value[strchr(plain, p[1]) - plain];
		return p + 2;
	}
	c = (unsigned)hex_value4(p + 2, end);
	p += 6;
	low = c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u'
		      ? (unsigned)hex_value4(p + 2, end)
		      : 0;
	if (low >= 0xdc00 && low <= 0xdfff) {
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	*ret = c;
	return p;
}

/*
 * One step through a string: the bytes of its value that the next character or escape stands for,
 * at most four, into dst. Returns what follows it in the text.
 */
static const char *unescape_one(
	const char *p, const char *end, char dst[4], size_t *ret_len, bool *ret_lone)
{
	uint32_t c;

	if (*p != '\\') {
		*ret_len = 1;
		dst[0] = *p;
		return p + 1;
	}
	p = json_escape(p, end, &c);
	*ret_lone |= is_surrogate(c);
	*ret_len = utf8_encode(c, dst);
	return p;
}

size_t json_unescape(struct span raw, char *dst, bool *ret_lone)
{
	const char *p = raw.ptr, *end = raw.ptr + raw.len;
	char *q = dst;

	*ret_lone = false;
	while (p < end) {
		const char *escape = memchr(p, '\\', (size_t)(end - p));
		size_t plain = (size_t)((escape ? escape : end) - p), n;
		char bytes[4];

		memcpy(q, p, plain);
		q += plain;
		p += plain;
		if (p == end)
			break;
		p = unescape_one(p, end, bytes, &n, ret_lone);
		memcpy(q, bytes, n);
		q += n;
	}
	return (size_t)(q - dst);
}

struct span json_string(const struct json_doc *d, json_ref r, struct arena *arena)
{
	struct span raw = json_raw_string(d, r);
	size_t len;
	bool lone;
	char *p;

	if (!raw.ptr || !d->nodes[r].escaped)
		return raw;
	p = arena_alloc(arena, raw.len);
	if (!p)
		return (struct span){NULL, 0};
	len = json_unescape(raw, p, &lone);
	if (lone)
		return (struct span){NULL, 0};
	return (struct span){p, len};
}

/* ---- comparing ---- */

/* A string's value byte by byte. */
struct walk {
	const char *p, *end;
	char bytes[4];
	size_t at, len;
	bool escaped;
};

static struct walk walk_of(const struct json_doc *d, const struct json_node *n)
{
	return (struct walk){d->text + n->off, d->text + n->off + n->len, .escaped = n->escaped};
}

/* The next byte, -1 at the end. */
static int walk_next(struct walk *w)
{
	bool lone = false;

	if (w->at < w->len)
		return (unsigned char)w->bytes[w->at++];
	if (w->p == w->end)
		return -1;
	if (!w->escaped)
		return (unsigned char)*w->p++;
	w->p = unescape_one(w->p, w->end, w->bytes, &w->len, &lone);
	w->at = 1;
	return (unsigned char)w->bytes[0];
}

bool json_strings_equal(
	const struct json_doc *d, const struct json_node *a, const struct json_node *b)
{
	struct walk wa = walk_of(d, a), wb = walk_of(d, b);
	int c;

	if (!a->escaped && !b->escaped)
		return a->len == b->len && memcmp(wa.p, wb.p, a->len) == 0;
	do {
		c = walk_next(&wa);
		if (c != walk_next(&wb))
			return false;
	} while (c >= 0);
	return true;
}

bool json_string_is(const struct json_doc *d, json_ref r, struct span s)
{
	const struct json_node *n;
	struct walk w;

	if (json_type(d, r) != JSON_STRING)
		return false;
	n = &d->nodes[r];
	if (!n->escaped)
		return n->len == s.len &&
		       (s.len == 0 || memcmp(d->text + n->off, s.ptr, s.len) == 0);
	w = walk_of(d, n);
	for (size_t i = 0; i < s.len; i++) {
		if (walk_next(&w) != (unsigned char)s.ptr[i])
			return false;
	}
	return walk_next(&w) < 0;
}

json_ref json_get(const struct json_doc *d, json_ref obj, struct span key)
{
	if (obj == JSON_NONE)
		return JSON_NONE;
	json_foreach_member (k, d, obj) {
		if (json_string_is(d, k, key))
			return k + 1;
	}
	return JSON_NONE;
}

json_ref json_at(const struct json_doc *d, json_ref array, uint32_t index)
{
	if (json_type(d, array) != JSON_ARRAY || index >= d->nodes[array].count)
		return JSON_NONE;
	array++;
	while (index-- > 0)
		array = d->nodes[array].next;
	return array;
}

/* ---- JSON Pointer ---- */

/* The next byte of a pointer's token, escapes resolved; -1 at its end, -2 for a bad escape. */
static int token_next(struct span *token)
{
	char c;

	if (token->len == 0)
		return -1;
	c = *token->ptr++;
	token->len--;
	if (c != '~')
		return (unsigned char)c;
	if (token->len == 0 || (*token->ptr != '0' && *token->ptr != '1'))
		return -2;
	c = *token->ptr++;
	token->len--;
	return c == '0' ? '~' : '/';
}

static bool key_is_token(const struct json_doc *d, json_ref key, struct span token)
{
	struct walk w = walk_of(d, &d->nodes[key]);
	int c;

	do {
		c = token_next(&token);
		if (c < -1 || c != walk_next(&w))
			return false;
	} while (c >= 0);
	return true;
}

static json_ref get_token(const struct json_doc *d, json_ref object, struct span token)
{
	if (!memchr(token.ptr, '~', token.len))
		return json_get(d, object, token);
	json_foreach_member (k, d, object) {
		if (key_is_token(d, k, token))
			return k + 1;
	}
	return JSON_NONE;
}

/* An array index as RFC 6901 wants it: no sign, no leading zero. */
static json_ref at_token(const struct json_doc *d, json_ref array, struct span token)
{
	uint32_t index = 0;

	if (token.len == 0 || token.len > 9 || (token.len > 1 && token.ptr[0] == '0'))
		return JSON_NONE;
	for (size_t i = 0; i < token.len; i++) {
		if (token.ptr[i] < '0' || token.ptr[i] > '9')
			return JSON_NONE;
		index = index * 10 + (uint32_t)(token.ptr[i] - '0');
	}
	return json_at(d, array, index);
}

json_ref json_pointer(const struct json_doc *d, json_ref base, struct span pointer)
{
	const char *p = pointer.ptr, *end = p + pointer.len;

	while (p < end && base != JSON_NONE) {
		const char *slash;
		struct span token;

		if (*p++ != '/')
			return JSON_NONE;
		slash = memchr(p, '/', (size_t)(end - p));
		token = (struct span){p, (size_t)((slash ? slash : end) - p)};
		p += token.len;
		switch (json_type(d, base)) {
		case JSON_OBJECT:
			base = get_token(d, base, token);
			break;
		case JSON_ARRAY:
			base = at_token(d, base, token);
			break;
		default:
			return JSON_NONE;
		}
	}
	return base;
}

static void put_token(struct buf *out, const struct json_doc *d, json_ref key)
{
	struct walk w = walk_of(d, &d->nodes[key]);

	for (int c = walk_next(&w); c >= 0; c = walk_next(&w)) {
		if (c == '~')
			buf_add_str(out, "~0");
		else if (c == '/')
			buf_add_str(out, "~1");
		else
			buf_add_char(out, (char)c);
	}
}

/* The child of c in whose subtree r is, with its token put; c itself when r is not inside. */
static json_ref descend(struct buf *out, const struct json_doc *d, json_ref c, json_ref r)
{
	uint32_t index = 0;

	json_foreach_member (k, d, c) {
		if (r < d->nodes[k + 1].next) {
			buf_add_char(out, '/');
			put_token(out, d, k);
			return k + 1;
		}
	}
	json_foreach (v, d, c) {
		if (r < d->nodes[v].next) {
			buf_printf(out, "/%u", index);
			return v;
		}
		index++;
	}
	return c;
}

void json_put_pointer_to(struct buf *out, const struct json_doc *d, json_ref r)
{
	json_ref at = JSON_ROOT, from;

	/* A key leads to its value: the loop ends on r or, for a key, on r + 1. */
	while (at < r && at != JSON_NONE) {
		from = at;
		at = descend(out, d, at, r);
		if (at == from)
			break;
	}
}

/* ---- integers ---- */

/* The exponent at p ("e+3"), held within bounds that no text of ours can exceed otherwise. */
static int64_t exponent(const char *p, const char *end)
{
	int64_t v = 0;
	bool negative;

	if (p == end)
		return 0;
	p++;
	negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	for (; p < end; p++) {
		v = v * 10 + (*p - '0');
		if (v > (int64_t)1 << 40)
			v = (int64_t)1 << 40;
	}
	return negative ? -v : v;
}

/* Appends a decimal digit to *v, which is kept negative since that range is the larger one. */
static bool add_digit(int64_t *v, int digit)
{
	return !__builtin_mul_overflow(*v, 10, v) && !__builtin_sub_overflow(*v, digit, v);
}

int json_int64(const struct json_doc *d, json_ref r, int64_t *ret)
{
	const char *p, *end, *mantissa_end, *last = NULL;
	int64_t scale, v = 0;
	bool negative, point = false;

	if (json_type(d, r) != JSON_NUMBER)
		return -1;
	p = d->text + d->nodes[r].off;
	end = p + d->nodes[r].len;
	negative = *p == '-';
	p += negative;
	for (mantissa_end = p; mantissa_end < end && (*mantissa_end | 0x20) != 'e';
		mantissa_end++) {
		if (*mantissa_end >= '1' && *mantissa_end <= '9')
			last = mantissa_end; /* zeros after it only scale */
	}
	if (!last) {
		*ret = 0;
		return 0;
	}
	scale = exponent(mantissa_end, end);
	for (; p < mantissa_end; p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		scale += (p > last) - point;
		if (p <= last && !add_digit(&v, *p - '0'))
			return -1;
	}
	if (scale < 0 || scale > 18)
		return -1;
	while (scale-- > 0) {
		if (!add_digit(&v, 0))
			return -1;
	}
	if (!negative && __builtin_sub_overflow((int64_t)0, v, &v))
		return -1;
	*ret = v;
	return 0;
}
