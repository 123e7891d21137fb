/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of the two kinds of reviews share. For review*.c only. */
#pragma once

#include "policy/review/review.h"

/* Sets *ret to a request of which nothing is known, and reads body as JSON into ret->doc. */
int review_begin(struct span body, uint32_t max_nodes, struct arena *arena, struct review *ret,
	struct json_error *ret_error) _must_check_;

/* What review_begin() has read, as one kind or the other (review_admission.c, review_access.c). */
enum review_status review_take_admission(struct review *review, struct arena *arena, struct err *e);
enum review_status review_take_access(struct review *review, struct arena *arena, struct err *e);

/* ---- fields.c: single members, with an error that names the place ---- */

struct fields {
	const struct json_doc *d;
	struct arena *arena;
	struct err *e;
};

/* "/request/name: expected a string"; returns -1. */
int fields_wrong(const struct fields *f, json_ref v, const char *expected);

/* A string without NUL; null counts as empty, as Go reads it. */
int fields_string(const struct fields *f, json_ref v, struct span *ret) _must_check_;
/* The same of an object's member; absent is empty. */
int fields_string_member(
	const struct fields *f, json_ref object, struct span key, struct span *ret) _must_check_;
/* A list of strings in the arena, at most max; absent or null is none. */
int fields_strings(const struct fields *f, json_ref v, size_t max, const struct span **ret,
	size_t *ret_count) _must_check_;
