/* SPDX-License-Identifier: Apache-2.0 */
/* Policies from strings and requests from reviews, for the tests of policy/. */
#pragma once

#include <check.h>
#include <stdio.h>

#include "policy/policy.h"
#include "policy/review/review.h"
#include "policy/set_internal.h"

#define SUPPORT_LIMITS                                                                             \
	((struct json_limits){.max_bytes = 8u << 20, .max_depth = 100, .max_nodes = 1u << 20})

/* The set that the YAML makes; fails the test with all errors when it is refused. */
static inline struct policy_set *load_or_fail(const char *yaml)
{
	struct policy_set *s = NULL;
	struct yaml_errors errors;
	int rc = policy_set_load_text("test.yaml", span_of(yaml), &s, &errors);
	if (rc < 0)
		ck_abort_msg("refused:\n%s", buf_str(&errors.text));
	ck_assert_uint_eq(errors.count, 0);
	buf_free(&errors.text);
	return s;
}

/* Reads JSON into the arena; fails the test when it is none. */
static inline struct json_doc *json_or_fail(struct span text, struct arena *arena)
{
	struct json_doc *doc = arena_alloc(arena, sizeof *doc);
	struct json_error je;
	ck_assert_ptr_nonnull(doc);
	if (json_read(text.ptr, text.len, &SUPPORT_LIMITS, arena, doc, &je) < 0)
		ck_abort_msg("not JSON: line %u column %u: %s", je.line, je.column, je.what);
	return doc;
}

static inline struct span file_or_fail(const char *path, struct arena *arena)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		ck_abort_msg("cannot open %s", path);
	fseek(f, 0, SEEK_END);
	long size = ftell(f);
	rewind(f);
	char *text = arena_alloc(arena, (size_t)size + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(fread(text, 1, (size_t)size, f), (size_t)size);
	text[size] = 0;
	fclose(f);
	return (struct span){text, (size_t)size};
}

static inline struct policy_request request_or_fail(struct span text, struct arena *arena)
{
	struct review *r = arena_alloc(arena, sizeof *r);
	struct err e;
	ck_assert_ptr_nonnull(r);
	if (review_read(text, REVIEW_NODES_DEFAULT, arena, r, &e) != REVIEW_OK)
		ck_abort_msg("no review: %s", e.msg);
	r->request.now_us = INT64_C(1767225600000000); /* 2026-01-01T00:00:00Z */
	return r->request;
}

/* Is this one of the lines of text, whole? */
static inline bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);
	for (const char *p = text; (p = strstr(p, line)); p++)
		if ((p == text || p[-1] == '\n') && p[len] == '\n')
			return true;
	return false;
}
