/* Reading single members of a review, with an error that names the place. For review*.c only. */
#pragma once

#include "common/err.h"
#include "common/json.h"

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
