/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of the API server as they are kept: read once, immutable, shared by count; and tables of
 * them by namespace and name.
 */
#pragma once

#include <stdatomic.h>

#include "common/json/json.h"
#include "policy/review/cluster.h"

/* What all objects together may take. */
struct object_budget {
	size_t max_bytes;
	_Atomic size_t bytes; /* taken */
};

/* By which an object is found in one index. */
struct object_keys {
	const struct span *items; /* sorted, each once */
	size_t count;
};

struct object {
	atomic_uint references;
	struct object_budget *budget;
	size_t bytes; /* of the block in which all of it is */
	struct span namespace_, name, version;
	struct object_keys keys[CLUSTER_INDEXES_MAX];
	struct json_doc doc;
	bool left_out; /* there was no room for it: without doc */
	bool keyless;  /* nor for its keys */
};

/* What is kept of a kind's objects. */
struct object_kind {
	struct object_budget *budget;
	const struct span *indexes;
	size_t index_count;
};

/*
 * A copy of the object at `at`, without metadata.managedFields, with apiVersion and kind where it
 * has none. One for which the budget has no room is left out: known by its keys and its name, or by
 * its name alone. Ownership: one reference. NULL: no memory, or no object with a name.
 */
struct object *object_new(const struct object_kind *of, const struct json_doc *doc, json_ref at,
	struct span api_version, struct span kind, struct arena *scratch);
struct object *object_ref(struct object *o);
void object_unref(struct object *o); /* NULL is fine */

/* Sorted. Threads: the caller's lock. */
struct object_table {
	struct object **items;
	size_t count, cap;
};

#define OBJECT_TABLE_MAX 200000u

/* Those of one namespace, or ("") all. */
struct object *const *object_table_range(
	const struct object_table *t, struct span namespace_, size_t *ret_count);

struct object *object_table_find(
	const struct object_table *t, struct span namespace_, struct span name);
/* Makes room for one more. -1: no memory, or too many. */
int object_table_reserve(struct object_table *t) _must_check_;
/* Puts it in, with its reference; there is room. Returns the one it replaces, or NULL. */
struct object *object_table_put(struct object_table *t, struct object *o);
/* Takes it out, with its reference. */
struct object *object_table_take(struct object_table *t, struct span namespace_, struct span name);
void object_table_clear(struct object_table *t);
