/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/sql_text.h"

#include "common/base/crypto.h"

#define ARRAY_MAX ((size_t)1 << 20)

static struct span in_arena(struct arena *arena, struct buf *b)
{
	char *copy = b->failed ? NULL : arena_strndup(arena, b->ptr, b->len);

	return (struct span){copy, copy ? b->len : 0};
}

static void put_element(struct buf *b, struct span s)
{
	buf_add_str(b, b->len == 1 ? "\"" : ",\"");
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, s.ptr[i]);
	}
	buf_add_char(b, '"');
}

struct span sql_text_array(struct arena *arena, const struct span *items, size_t count)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(ARRAY_MAX);

	buf_add_char(&b, '{');
	for (size_t i = 0; i < count && !b.failed; i++)
		put_element(&b, items[i]);
	buf_add_char(&b, '}');
	return in_arena(arena, &b);
}

struct span sql_text_bytea(struct arena *arena, const uint8_t *bytes, size_t len)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(2 + 2 * len);

	buf_add_str(&b, "\\x");
	hex_put(&b, bytes, len);
	return in_arena(arena, &b);
}

struct span sql_text_interval(struct arena *arena, int64_t ms)
{
	return ms > 0 ? arena_printf(arena, "%lld milliseconds", (long long)ms) : (struct span){0};
}

struct span sql_text_digest(struct arena *arena, const char *digest)
{
	const char *hex = strchr(digest, ':');

	return hex ? arena_printf(arena, "\\x%s", hex + 1) : (struct span){0};
}
