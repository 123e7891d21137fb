/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator for one request: allocate without freeing, then reset all at once.
 *
 * The arena keeps its first chunk over arena_reset(), so a request that fits it costs no malloc at
 * all. Threads: one arena, one thread at a time.
 */
#pragma once

#include "common/base/util.h"

struct arena;

/*
 * Makes an arena whose first chunk, made when it is needed, holds first_bytes and which never holds
 * more than max_bytes in all. Ownership: the caller's, arena_free(). Returns NULL when memory is
 * short.
 */
struct arena *arena_new(size_t first_bytes, size_t max_bytes);
void arena_free(struct arena *a);
DEFINE_CLEANUP(struct arena *, arena_free)

/* Forgets everything allocated; all chunks but the first go back to the system. */
void arena_reset(struct arena *a);

/* The same, but for the first chunk, which goes back too until something is allocated again. */
void arena_release(struct arena *a);

/* size bytes, aligned for any type, not zeroed. NULL when max_bytes would be exceeded. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));

/* The same, zeroed, for an array; NULL on overflow of n * size. */
void *arena_calloc(struct arena *a, size_t n, size_t size) __attribute__((malloc));

/*
 * Makes an allocation of old_size bytes larger or smaller: in place when it is the newest one and
 * its chunk has room, by a copy otherwise (the old bytes stay taken until the arena is reset). p
 * may be NULL. NULL when max_bytes would be exceeded: p is then still valid.
 */
void *arena_resize(struct arena *a, void *p, size_t old_size, size_t new_size) _must_check_;

/* A NUL-terminated copy. NULL when the arena is full. */
char *arena_strndup(struct arena *a, const char *s, size_t len);

/* printf into the arena. ret.ptr is NULL when the arena is full. The text is NUL-terminated too. */
struct span arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);

/* Bytes taken from the system now. */
size_t arena_reserved(const struct arena *a);

/* A position to come back to: everything allocated after arena_mark() is given up. */
struct arena_mark {
	void *chunk;
	size_t used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);
