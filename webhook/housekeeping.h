/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be done now and then, by one of the replicas or by each: holds whose time is over are
 * marked so, uses of approvals at /authorize and events of HoldReviews are found in the audit
 * trail, partitions are made ahead, old notifications forgotten, and the policies in force
 * recorded, again and again until the database has them.
 */
#pragma once

#include "common/pg/pg_pool.h"
#include "policy/policy.h"

struct authorize_notes;
struct guard_watch;
struct housekeeping;

/* Between two attempts to record the policies; sweeps come every so many rounds. */
#define HOUSEKEEPING_ROUND_MS 1000

/* guard: reports once a minute, see guard_watch_report(); NULL: nothing does. notes: learn what to
 * note, see authorize_note.h; may be NULL. */
int housekeeping_open(struct pg_pool *pool, const char *cluster, const char *instance,
	unsigned round_ms, struct guard_watch *guard, struct authorize_notes *notes,
	struct housekeeping **ret, struct err *e) _must_check_;
/* Stops the thread; jobs under way must have ended (close the pool first). NULL is fine. */
void housekeeping_close(struct housekeeping *h);
/* Stops submitting jobs. */
void housekeeping_stop(struct housekeeping *h);

/* A hook of policy_store: remembers the set until it is recorded in holdpoint.policy_version. */
void housekeeping_policy_loaded(const struct policy_set *set, void *userdata);
