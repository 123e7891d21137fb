/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the guard asked at all? Which loaded rules no API server asks about, from the flags and from
 * what really comes: when each endpoint was last asked, here and (by the database) at any replica
 * of the cluster. Says so in the log, in metrics, and to the database for `holdpoint doctor`.
 * Threads: any.
 */
#pragma once

#include "common/base/metrics.h"
#include "common/pg/pg_pool.h"
#include "policy/coverage.h"

struct guard_watch;

struct guard_watch_config {
	const char *cluster, *instance;
	struct coverage_facts facts; /* as the flags say */
	bool require;		     /* a set with a rule that nobody asks about is refused */
	const char *settings;	     /* JSON object: flags worth knowing, for the database */
};

/* config's texts must outlive it. NULL when memory is short. */
struct guard_watch *guard_watch_new(const struct guard_watch_config *config);
void guard_watch_free(struct guard_watch *g);
DEFINE_CLEANUP(struct guard_watch *, guard_watch_free)

/* Before a set is put into force: -1 when config.require refuses it, and why. */
int guard_watch_check(
	struct guard_watch *g, const struct policy_set *set, struct err *e) _must_check_;
/* A set is in force: says what of it is never asked about. */
void guard_watch_loaded(struct guard_watch *g, const struct policy_set *set);

/* An API server asks. Never blocks. */
void guard_watch_asked(struct guard_watch *g, enum endpoint endpoint);

/*
 * Tells the database, and learns from it whether another replica is asked. A pg_job_fn: arg is the
 * guard_watch. Once a minute.
 */
void guard_watch_report(struct pg_conn *conn, bool usable, void *arg);

/*
 * The probe by which `holdpoint doctor` finds out whether an API server asks this webhook:
 * access to authorizerprobes in holdpoint.dev, which there are none of. Denied with who answers.
 */
bool guard_watch_is_probe(const struct policy_request *r);
struct span guard_watch_probe_answer(
	const struct guard_watch *g, const struct policy_set *set, struct arena *arena);

struct metric *const *guard_watch_metrics(size_t *ret_count);
