/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects of the cluster the policies in force look at, and the cache that has them. Without
 * an API server there is none, and rules that need one fail, as their failurePolicy says.
 */
#pragma once

#include "policy/policy.h"
#include "webhook/cache/kube_cache.h"

struct objects;

struct objects_config {
	const char *where; /* "in-cluster", a URL, or NULL: no API server */
	struct kube_cache_config cache;
};

/* Reads nothing yet. Errors: -1, *ret untouched. */
int objects_open(
	const struct objects_config *config, struct objects **ret, struct err *e) _must_check_;
void objects_close(struct objects *o); /* NULL is fine; no request may be under way */
DEFINE_CLEANUP(struct objects *, objects_close)

/* For requests: NULL without an API server. */
const struct cluster_source *objects_source(const struct objects *o);

/*
 * Before a set is in force: begins to keep what it looks at, and waits for it, a moment, so that
 * the change denies nothing for lack of it.
 */
void objects_policies_expected(struct objects *o, const struct policy_set *set);
/* A set is in force: keeps what it looks at, and nothing else. */
void objects_policies_loaded(struct objects *o, const struct policy_set *set);
