/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of common/json share: an arena, reading from memory that ends where the text does.
 */
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json/json.h"

static struct arena *arena;
static struct buf out = BUF_INIT(16 << 20);

static const struct json_limits usual = {1 << 20, 64, 100000, false, false};

static inline void setup(void)
{
	arena = arena_new(4096, 64 << 20);
	ck_assert_ptr_nonnull(arena);
}

static inline void teardown(void)
{
	arena_free(arena);
	buf_free(&out);
}

/* The text stands at the end of its own allocation, so that a byte read past it is found. */
static inline int read_copy(struct span text, const struct json_limits *limits, struct json_doc *d,
	struct json_error *e)
{
	char *copy = arena_alloc(arena, text.len);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text.ptr, text.len);
	return json_read(copy, text.len, limits, arena, d, e);
}

static inline struct json_doc read_ok(const char *text)
{
	struct json_doc d;
	struct json_error e;

	if (read_copy(span_of(text), &usual, &d, &e) < 0)
		ck_abort_msg("%s: %s", text, e.what);
	return d;
}
