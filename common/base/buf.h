/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a maximum. Failure is sticky: once the maximum is exceeded or memory
 * is short, `failed` stays set, further writes do nothing, and one check at the end suffices.
 */
#pragma once

#include "common/base/arena.h"

struct buf {
	char *ptr; /* NUL-terminated after buf_str(); otherwise not */
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
	struct arena *arena; /* where the bytes are; NULL: malloc */
};

/* An empty buffer that may grow to max bytes. Nothing is allocated yet. */
#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})

/* The same in an arena: for what a request makes and keeps. The bytes live as long as the arena. */
#define BUF_IN_ARENA(a, max_bytes) ((struct buf){.max = (max_bytes), .arena = (a)})

void buf_free(struct buf *b);  /* fit for _cleanup_; leaves an empty buffer with the same max */
void buf_reset(struct buf *b); /* keeps the memory, clears failed */

/* buf_add() where there may be no room yet. */
void buf_add_grown(struct buf *b, const void *data, size_t len);

static inline void buf_add(struct buf *b, const void *data, size_t len)
{
	/* The room is never more than the maximum; of cap, a NUL's place is kept. */
	if (b->failed || len == 0 || b->cap <= b->len || len >= b->cap - b->len) {
		buf_add_grown(b, data, len);
		return;
	}
	memcpy(b->ptr + b->len, data, len);
	b->len += len;
}

static inline void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_add_span(struct buf *b, struct span s);
void buf_add_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);

/* Makes room for len bytes and returns where they go, or NULL (failed is set). Adds len to b->len.
 */
char *buf_extend(struct buf *b, size_t len);

/* The content as a C string, or NULL when failed. Owned by the buffer. */
const char *buf_str(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){b->ptr ? b->ptr : "", b->len};
}
