/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects by their keys: one sorted array for each index of a kind. A change makes a new array,
 * without the lock; only its exchange needs it.
 */
#pragma once

#include "webhook/cache/object_table_internal.h"

struct object_entry {
	struct span key;	 /* the object's */
	const struct object *of; /* which the table holds */
};

/* Sorted by key, then by namespace and name. */
struct object_index {
	struct object_entry *entries;
	size_t count;
};

/* Of all that is in a table, by its keys of index number `which`. -1: no memory. */
int object_index_of(
	const struct object_table *t, size_t which, struct object_index *ret) _must_check_;

/* What an index is to be when `out` goes and `in` comes, either of which may be NULL. -1: no
 * memory.
 */
int object_index_changed(const struct object_index *from, size_t which, const struct object *out,
	const struct object *in, struct object_index *ret) _must_check_;

void object_index_free(struct object_index *x);

/* The entries of a key, in a namespace or ("") in all. */
const struct object_entry *object_index_find(
	const struct object_index *x, struct span key, struct span namespace_, size_t *ret_count);
