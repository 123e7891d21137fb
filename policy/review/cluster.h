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
};

/* So many of them at once. */
#define CLUSTER_KINDS_MAX 16u

extern const struct cluster_kind cluster_namespaces;

bool cluster_kind_same(const struct cluster_kind *a, const struct cluster_kind *b);

enum cluster_status {
	CLUSTER_FOUND,
	CLUSTER_ABSENT,	 /* there is none, or has not been a moment ago */
	CLUSTER_UNKNOWN, /* whether there is one cannot be said: *ret_why */
};

/* Where they come from. */
struct cluster_source {
	/* The object, in the arena; ret_why is fit for people. Of a kind that is in no namespace,
	 * namespace_ does not count. Threads: any. Does not block. */
	enum cluster_status (*get)(void *arg, const struct cluster_kind *kind,
		struct span namespace_, struct span name, struct arena *arena, struct json_doc *ret,
		struct span *ret_why);
	void *arg;
};
