/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exists in the cluster that a request is about, as far as rules may look at it: objects of
 * named kinds, from the API server or from files. Beside the request, whose document has only what
 * is written by it.
 */
#pragma once

#include "common/json/json.h"

/* What of a cluster to keep: all of a kind, of one namespace, or of one name. */
struct cluster_kind {
	struct span group; /* "" is the core's */
	struct span version, kind;
	struct span resource;	/* "namespaces"; "": the API server is asked for it */
	struct span namespace_; /* "": of all, or it is in none */
	struct span name;	/* "": of all */
	/* By what else than their names they are found: where keys stand, see index_path.h. */
	const struct span *indexes;
	size_t index_count;
};

/* So many of them at once, each with so many indexes. */
#define CLUSTER_KINDS_MAX   16u
#define CLUSTER_INDEXES_MAX 8u

extern const struct cluster_kind cluster_namespaces;

/* The same objects; indexes do not count. */
bool cluster_kind_same(const struct cluster_kind *a, const struct cluster_kind *b);
bool cluster_kind_has_index(const struct cluster_kind *kind, struct span index);

enum cluster_status {
	CLUSTER_FOUND,
	CLUSTER_ABSENT,	 /* there is none, or has not been a moment ago */
	CLUSTER_UNKNOWN, /* whether there is one cannot be said: *ret_why */
};

/* Which objects of a kind. */
struct cluster_query {
	const struct cluster_kind *kind;
	struct span namespace_;	 /* "": of all, or they are in none */
	struct span index;	 /* one of the kind's; "": whatever its keys */
	const struct span *keys; /* any of them; the empty one counts for nothing */
	size_t key_count;
	struct span but_namespace, but_name; /* not this one; but_name "": any */
	size_t max;			     /* more are none: CLUSTER_UNKNOWN */
	size_t max_bytes;		     /* the same, said with ret->bytes */
};

/* Each once; in the order of keys, then by namespace and name. */
struct cluster_objects {
	struct json_doc *docs;
	size_t count;
	size_t bytes; /* that they take; all of them, if only that is why there are none */
};

/* Where they come from. */
struct cluster_source {
	/* The object, in the arena; ret_why is fit for people. Of a kind that is in no namespace,
	 * namespace_ does not count. Threads: any. Does not block. */
	enum cluster_status (*get)(void *arg, const struct cluster_kind *kind,
		struct span namespace_, struct span name, struct arena *arena, struct json_doc *ret,
		struct span *ret_why);
	/* The same of several; CLUSTER_FOUND also when there are none. */
	enum cluster_status (*find)(void *arg, const struct cluster_query *query,
		struct arena *arena, struct cluster_objects *ret, struct span *ret_why);
	void *arg;
};
