/* SPDX-License-Identifier: Apache-2.0 */
/* What a planted secret is made of: choices from a source of bytes, and JSON written in odd but
 * right ways. */
#pragma once

#include <stdio.h>

#include "common/base/crypto.h"
#include "common/json/json.h"

struct plant_source {
	const uint8_t *data; /* NULL: the generator alone */
	size_t len, at;
	uint64_t state;
};

#define PLANT_GONE_MAX 24

struct plant {
	struct plant_source *src;
	char secret[80];
	char gone[PLANT_GONE_MAX][40]; /* parts of encoded texts: must not be left either */
	size_t gone_count;
	unsigned layers;
	char story[512]; /* how it was made, for messages */
};

static inline uint32_t plant_next(struct plant_source *s)
{
	uint64_t z;

	if (s->at < s->len)
		return s->data[s->at++];
	z = (s->state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(z >> 32 & 0x7fffffff);
}

static inline unsigned plant_pick(struct plant *p, size_t n)
{
	return (unsigned)(plant_next(p->src) % n);
}

#define PLANT_ONE_OF(p, list) (list)[plant_pick((p), ARRAY_LEN(list))]

static inline void plant_tell(struct plant *p, const char *what)
{
	size_t n = strlen(p->story);

	snprintf(p->story + n, sizeof(p->story) - n, "%s ", what);
}

/* Letters and digits mostly, as generated passwords are; never a word of its own. */
static inline void plant_make_secret(struct plant *p, const char *marks)
{
	static const char letters[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	size_t len = 10 + plant_pick(p, 40), n = 0;

	p->secret[n++] = 'Z';
	p->secret[n++] = 'q';
	p->secret[n++] = (char)('0' + plant_pick(p, 10));
	while (n < len) {
		if (*marks && plant_pick(p, 8) == 0)
			p->secret[n++] = marks[plant_pick(p, strlen(marks))];
		else
			p->secret[n++] = letters[plant_pick(p, sizeof(letters) - 1)];
	}
	p->secret[n - 1] = 'x';
	p->secret[n] = '\0';
}

/* A string, with escapes where none are needed now and then. */
static inline void plant_string(struct plant *p, struct buf *out, struct span s)
{
	static const char hex[] = "0123456789abcdef";
	bool odd = plant_pick(p, 6) == 0;

	buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || (odd && c < 0x80 && plant_pick(p, 4) == 0) || strchr("<>&", c)) {
			buf_add_str(out, "\\u00");
			buf_add_char(out, hex[c >> 4]);
			buf_add_char(out, hex[c & 15]);
		} else if (c == '"' || c == '\\') {
			buf_add_char(out, '\\');
			buf_add_char(out, (char)c);
		} else {
			buf_add_char(out, (char)c);
		}
	}
	buf_add_char(out, '"');
}

static inline void plant_str(struct plant *p, struct buf *out, const char *s)
{
	plant_string(p, out, span_of(s));
}

static inline void plant_member(
	struct plant *p, struct buf *out, const char *key, const char *value)
{
	plant_str(p, out, key);
	buf_add_char(out, ':');
	plant_str(p, out, value);
}

/* The form with its first ^ replaced by a, the others by b. */
static inline void plant_fill(struct buf *out, const char *form, const char *a, const char *b)
{
	const char *at;

	for (; (at = strchr(form, '^')); form = at + 1, a = b) {
		buf_add(out, form, (size_t)(at - form));
		buf_add_str(out, a);
	}
	buf_add_str(out, form);
}

/* Any text of up to 40 bytes: what else may stand beside a secret. */
static inline void plant_noise(struct plant *p, struct buf *out)
{
	size_t n = plant_pick(p, 40);

	for (size_t i = 0; i < n; i++)
		buf_add_char(out, (char)(plant_pick(p, 127) + 1));
}

/* Harmless members, and the comma behind them. */
static inline void plant_neighbours(struct plant *p, struct buf *out)
{
	_cleanup_(buf_free) struct buf noise = BUF_INIT(4096);

	if (plant_pick(p, 4) == 0) {
		plant_noise(p, &noise);
		buf_add_str(out, "\"noise\":");
		plant_string(p, out, buf_span(&noise));
		buf_add_char(out, ',');
		return;
	}
	static const char *const neighbours[] = {"", "\"replicas\":3,", "\"image\":\"nginx:1.27\",",
		"\"labels\":{\"app\":\"web\"},", "\"paused\":false,\"x\":null,",
		"\"list\":[1,2.5e3,\"\"],", "\"note\":\"caf\\u00e9 \xc3\xa9\",",
		"\"deep\":{\"a\":{\"b\":[{}]}},", "\"url\":\"https://example.com/x?watch=true\",",
		"\"when\":\"2026-11-23T00:17:32Z\","};

	buf_add_str(out, PLANT_ONE_OF(p, neighbours));
}
