/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the JSON reader share; nobody else includes this. */
#pragma once

#include "common/json/json.h"

/*
 * Resolves the escapes of a string that json_read() accepted. dst needs raw.len bytes: an escape is
 * never shorter than what it stands for. A lone surrogate is written as if it were a character
 * (three bytes that are not UTF-8), so that different keys stay different; *ret_lone tells of it.
 */
size_t json_unescape(struct span raw, char *dst, bool *ret_lone);

/*
 * The code point that the escape at p stands for; a lone surrogate stands for itself. Returns what
 * follows the escape, of a pair of surrogates what follows both.
 */
const char *json_escape(const char *p, const char *end, uint32_t *ret);

/* Do two strings (or keys) have the same value? Resolves escapes on the way. */
bool json_strings_equal(
	const struct json_doc *d, const struct json_node *a, const struct json_node *b);

/*
 * Looks for a key that an object has twice, in every object of more than min_count members: one
 * look-up in a hash table per key. The table is in the arena and given up again.
 * Returns 0: none; 1: *ret_key is the later one; -1: the arena is full.
 */
int json_find_duplicate(
	const struct json_doc *d, uint32_t min_count, struct arena *arena, json_ref *ret_key);
