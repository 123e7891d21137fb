/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks are linked newest first and only the newest is allocated from; the first one survives
 * arena_reset(). Under ASan everything not handed out is poisoned, so that running over the end of
 * an arena's allocation is found as it would be with malloc.
 */
#include "common/base/arena_internal.h"

#include <stdarg.h>
#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define poison(p, len)	 ASAN_POISON_MEMORY_REGION((p), (len))
#define unpoison(p, len) ASAN_UNPOISON_MEMORY_REGION((p), (len))
#else
#define poison(p, len)	 ((void)(p), (void)(len))
#define unpoison(p, len) ((void)(p), (void)(len))
#endif

#define ALIGNMENT _Alignof(max_align_t)

struct chunk {
	struct chunk *prev;
	size_t cap; /* bytes of data */
	size_t used;
	_Alignas(max_align_t) char data[];
};

struct arena {
	struct chunk *current; /* NULL: nothing was allocated yet, or arena_release() */
	size_t reserved;       /* sum of cap over all chunks */
	size_t first_bytes, max_bytes;
};

static size_t round_up(size_t n)
{
	return (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static struct chunk *chunk_new(struct arena *a, size_t cap)
{
	struct chunk *c;

	if (cap > a->max_bytes - a->reserved)
		return NULL;
	c = malloc(sizeof(*c) + cap);
	if (!c)
		return NULL;
	c->prev = a->current;
	c->cap = cap;
	c->used = 0;
	poison(c->data, cap);
	a->reserved += cap;
	a->current = c;
	return c;
}

static void chunk_drop(struct arena *a)
{
	struct chunk *c = a->current;

	a->current = c->prev;
	a->reserved -= c->cap;
	unpoison(c->data, c->cap);
	free(c);
}

struct arena *arena_new(size_t first_bytes, size_t max_bytes)
{
	struct arena *a = malloc(sizeof(*a));

	if (!a)
		return NULL;
	if (first_bytes > max_bytes)
		first_bytes = max_bytes;
	*a = (struct arena){.first_bytes = first_bytes, .max_bytes = max_bytes};
	return a;
}

void arena_release(struct arena *a)
{
	while (a->current)
		chunk_drop(a);
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	arena_release(a);
	free(a);
}

void arena_reset(struct arena *a)
{
	if (!a->current)
		return;
	while (a->current->prev)
		chunk_drop(a);
	a->current->used = 0;
	poison(a->current->data, a->current->cap);
}

/* A chunk that holds size bytes: twice the last one, as far as the maximum allows. */
static struct chunk *grow(struct arena *a, size_t size)
{
	size_t left = a->max_bytes - a->reserved;
	size_t cap = a->current ? a->current->cap * 2 : a->first_bytes;

	if (size > left)
		return NULL;
	if (cap > left)
		cap = left;
	return chunk_new(a, cap < size ? size : cap);
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->current;
	void *p;

	if (!c || c->used > c->cap || size > c->cap - c->used) {
		c = grow(a, size);
		if (!c)
			return NULL;
	}
	p = c->data + c->used;
	c->used = round_up(c->used + size);
	unpoison(p, size);
	return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	p = arena_alloc(a, bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

void *arena_resize(struct arena *a, void *p, size_t old_size, size_t new_size)
{
	struct chunk *c = a->current;
	size_t at;
	void *q;

	if (!p)
		return arena_alloc(a, new_size);
	at = (size_t)((char *)p - c->data);
	if ((char *)p >= c->data && at <= c->cap && round_up(at + old_size) == c->used &&
		new_size <= c->cap - at) {
		poison(p, old_size);
		unpoison(p, new_size);
		c->used = round_up(at + new_size);
		return p;
	}
	if (new_size <= old_size)
		return p;
	q = arena_alloc(a, new_size);
	if (!q)
		return NULL;
	memcpy(q, p, old_size);
	return q;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;

	if (!p)
		return NULL;
	if (len > 0)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

struct span arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return (struct span){NULL, 0};
	p = arena_alloc(a, (size_t)n + 1);
	if (!p)
		return (struct span){NULL, 0};
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (struct span){p, (size_t)n};
}

size_t arena_used(const struct arena *a)
{
	size_t used = 0;

	for (const struct chunk *c = a->current; c; c = c->prev)
		used += c->used < c->cap ? c->used : c->cap;
	return used;
}

size_t arena_reserved(const struct arena *a)
{
	return a->reserved;
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){a->current, a->current ? a->current->used : 0};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	struct chunk *c;

	while (a->current != mark.chunk)
		chunk_drop(a);
	c = a->current;
	if (!c)
		return;
	c->used = mark.used;
	if (c->used < c->cap)
		poison(c->data + c->used, c->cap - c->used);
}
