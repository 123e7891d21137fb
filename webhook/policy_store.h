/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies in force: loaded at start, loaded again on SIGHUP and when a file or folder of
 * --policy changes (a ConfigMap's symlink swap included), all or nothing. A set that has an error
 * is refused and the old one stays in force; a request keeps the set that it began with.
 */
#pragma once

#include "common/base/metrics.h"
#include "policy/policy.h"

struct policy_store;

/* Neither must block long; each may be NULL. */
struct policy_store_hooks {
	/* Before a set is put into force: -1 and why refuses it, like an error in it. */
	int (*check)(const struct policy_set *set, void *userdata, struct err *e);
	/* After a set was put into force, at start and after each change. */
	void (*loaded)(const struct policy_set *set, void *userdata);
	void *userdata;
};

/*
 * Loads the first set and starts watching. paths must outlive the store; hooks (NULL: none) are
 * copied.
 * Errors: -1 with the number of errors and the first of them in e; all of them go to stderr.
 */
int policy_store_open(const char *const *paths, size_t path_count,
	const struct policy_store_hooks *hooks, struct policy_store **ret,
	struct err *e) _must_check_;
/* Stops watching. No policy_store_get() may be under way. NULL is fine. Blocks for a moment. */
void policy_store_close(struct policy_store *s);
DEFINE_CLEANUP(struct policy_store *, policy_store_close)

/* A reference of the caller's to the set in force: policy_set_unref(). Threads: any. */
struct policy_set *policy_store_get(struct policy_store *s);

/* Loads again soon, by the watching thread. Never blocks; may be called in a signal handler. */
void policy_store_reload(struct policy_store *s);

struct metric *const *policy_store_metrics(size_t *ret_count);
