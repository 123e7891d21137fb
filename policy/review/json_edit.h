/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON document that can be changed: what patches are applied to.
 *
 * A value starts as a reference into a document read by common/json/json.h and is unfolded, one
 * level, only where something changes; the rest is written back as it was. Everything lives in one
 * arena.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/json/json.h"

struct edit_value;

/* The documents that a patch can produce: the API server refuses larger objects anyway. */
#define EDIT_MAX_BYTES (8u << 20)
#define EDIT_MAX_DEPTH 120u

/* The value at ref, unchanged so far. NULL when the arena is full. */
struct edit_value *edit_of(const struct json_doc *d, json_ref ref, struct arena *a);

/* RFC 7396. Returns the result, NULL with e set when memory is short or the nesting too deep. */
struct edit_value *edit_merge(struct edit_value *target, const struct json_doc *patch, json_ref at,
	struct arena *a, struct err *e);

/* A test operation that is not so: then nothing of its patch is to be applied. */
#define EDIT_TEST_FALSE 1

/*
 * One operation of RFC 6902: an object with op, path and, as op asks, value or from. *root is
 * replaced when the path is "". As in Kubernetes, replace adds a member that is not there, and a
 * member that is not there tests as null. EDIT_TEST_FALSE, or for errors -1, saying which part is
 * wrong or not there.
 */
int edit_apply(struct edit_value **root, const struct json_doc *patch, json_ref operation,
	struct arena *a, struct err *e) _must_check_;

void edit_put(struct buf *out, const struct edit_value *v);

/* Writes and reads again: the changed document, in the arena. -1 with e set. */
int edit_finish(const struct edit_value *v, struct arena *a, struct json_doc *ret,
	struct err *e) _must_check_;

/* Are two values the same? Objects in any order, numbers and strings by what they mean. */
bool json_same(const struct json_doc *a, json_ref x, const struct json_doc *b, json_ref y);

/*
 * Appends the operations (RFC 6902) that make y of x, as a JSON array; "[]" when they are the same.
 * Only what differs is named: members one by one, list elements along a longest common subsequence.
 */
void json_diff(struct buf *out, const struct json_doc *a, json_ref x, const struct json_doc *b,
	json_ref y, struct arena *arena);
