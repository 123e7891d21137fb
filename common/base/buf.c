/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#define FIRST_CAP 256

void buf_free(struct buf *b)
{
	if (!b->arena)
		free(b->ptr);
	*b = (struct buf){.max = b->max, .arena = b->arena};
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static char *grow(struct buf *b, size_t cap)
{
	char *p;

	if (!b->arena)
		return realloc(b->ptr, cap);
	p = arena_alloc(b->arena, cap);
	if (p && b->len > 0)
		memcpy(p, b->ptr, b->len);
	return p;
}

/* Room for len more bytes and a NUL, which does not count against the maximum. */
static bool reserve(struct buf *b, size_t len)
{
	size_t need, cap;
	char *p;

	if (b->failed || len > b->max - b->len || len >= PTRDIFF_MAX - b->len) {
		b->failed = true;
		return false;
	}
	need = b->len + len + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap ? b->cap + b->cap / 2 : FIRST_CAP;
	if (cap - 1 > b->max)
		cap = b->max + 1;
	if (cap < need)
		cap = need;
	p = grow(b, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->ptr = p;
	b->cap = cap;
	return true;
}

void buf_add_grown(struct buf *b, const void *data, size_t len)
{
	if (len == 0 || !reserve(b, len))
		return;
	memcpy(b->ptr + b->len, data, len);
	b->len += len;
}

void buf_add_span(struct buf *b, struct span s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	size_t room = b->cap > b->len ? b->cap - b->len : 0;
	int n;

	if (b->failed)
		return;
	va_start(ap, fmt);
	n = vsnprintf(room ? b->ptr + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(b, (size_t)n)) {
		b->failed = true;
		return;
	}
	if ((size_t)n >= room) {
		va_start(ap, fmt);
		vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

char *buf_extend(struct buf *b, size_t len)
{
	char *p;

	if (!reserve(b, len))
		return NULL;
	p = b->ptr + b->len;
	b->len += len;
	return p;
}

const char *buf_str(struct buf *b)
{
	if (!reserve(b, 0))
		return NULL;
	b->ptr[b->len] = '\0';
	return b->ptr;
}
