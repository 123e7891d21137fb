/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in objects the keys are by which they are found: a path such as "spec.rules.host".
 *
 *   path := step ( "." step | "['" text "']" )*        step := letters, digits, "-", "_"
 *
 * A list on the way stands for all of its elements. What a string says is a key, a number or a
 * boolean as it is written; a map whose values are strings is one key, "a=1,b=2", as a selector of
 * labels is; an empty map, an empty string and null are none.
 */
#pragma once

#include "common/base/arena.h"
#include "common/json/json.h"

#define INDEX_STEPS_MAX 16u
#define INDEX_PAIRS_MAX 64u /* of a map */

/* NULL, or what is wrong at byte *ret_at. */
const char *index_path_wrong(struct span path, size_t *ret_at);

/* Takes the first step off the path, which is right. False: there is none. */
bool index_path_next(struct span *path, struct span *ret_step);

/* The object's keys, sorted, each once, in the arena. -1: it is full. */
int index_path_keys(const struct json_doc *d, json_ref object, struct span path,
	struct arena *arena, struct span **ret, size_t *ret_count) _must_check_;

struct index_pair {
	struct span name, value;
};

/* The key that a map is; sorts the pairs, of which there are at most INDEX_PAIRS_MAX. Absent: the
 * arena is full. */
struct span index_path_map_key(struct index_pair *pairs, size_t count, struct arena *arena);

/* By their bytes: less than, equal to or more than 0. */
int index_path_compare(struct span a, struct span b);
