/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exists in the cluster, kept by listing and watching it: objects of a few kinds, as the API
 * server last said. Each kind has a thread of its own, which lists in pages and then watches from
 * there; when the watch ends it goes on, when the server has forgotten where (410), it lists anew.
 * Readers never wait for it: they find the objects of the last complete list, with all changes
 * since.
 *
 * Watches end by themselves after a third of max_age_ms, and the server closes them properly: that
 * is how a cache of which nothing changes is known to be fresh. What is older than max_age_ms is
 * not given to anybody.
 *
 * Not for secrets: what is kept is neither masked nor wiped.
 */
#pragma once

#include "common/base/metrics.h"
#include "policy/review/cluster.h"
#include "webhook/cache/kube_api.h"

struct kube_cache_config {
	struct kube_api_config api; /* its texts must outlive the cache */
	size_t max_bytes;	    /* of all objects; what has no room is left out */
	unsigned max_age_ms;
};

struct kube_cache;

/* Nothing is kept until kube_cache_want(). NULL: out of memory. */
struct kube_cache *kube_cache_new(const struct kube_cache_config *config);
/* No kube_cache_get() may be under way. NULL is fine. Blocks for a second at most. */
void kube_cache_free(struct kube_cache *c);
DEFINE_CLEANUP(struct kube_cache *, kube_cache_free)

/*
 * Keeps these kinds from now on, and no others. Returns at once: they are filled as the server
 * answers. Threads: one at a time. Errors: -1, more than CLUSTER_KINDS_MAX, memory, threads;
 * some may be kept then.
 */
int kube_cache_want(struct kube_cache *c, const struct cluster_kind *kinds, size_t count,
	struct err *e) _must_check_;

/* Keeps these too. */
int kube_cache_add(struct kube_cache *c, const struct cluster_kind *kinds, size_t count,
	struct err *e) _must_check_;

/*
 * Waits until all of them are filled, for so long at most. False: some are not.
 */
bool kube_cache_wait(struct kube_cache *c, unsigned ms);

/*
 * Copies an object of a kind that is wanted into the arena. ret_why is fit for people, in the arena
 * or for ever. Threads: any. Blocks: for a look into a table.
 */
enum cluster_status kube_cache_get(struct kube_cache *c, const struct cluster_kind *kind,
	struct span namespace_, struct span name, struct arena *arena, struct json_doc *ret,
	struct span *ret_why);

/* The same of several, by a key. Blocks: for a few looks into an index. */
enum cluster_status kube_cache_find(struct kube_cache *c, const struct cluster_query *query,
	struct arena *arena, struct cluster_objects *ret, struct span *ret_why);

/* The same as a source for requests. */
struct cluster_source kube_cache_source(struct kube_cache *c);

struct metric *const *kube_cache_metrics(size_t *ret_count);
