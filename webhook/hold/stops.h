/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is stopped: identities of whom everything is denied until somebody resumes them.
 *
 * The list is the database's (holdpoint.stops_in_force); each replica has it in memory, so that it
 * costs a request nothing and holds while the database is away. hold_wait.h reads it anew when
 * PostgreSQL says that it has changed, and twice a second besides. As long as it was never read,
 * whom a policy names as its subject is denied: they are whom one would stop (docs/adr/0018).
 */
#pragma once

#include "common/base/metrics.h"
#include "common/pg/pg_conn.h"
#include "policy/policy.h"

/* Of the policy under which a denial is recorded; no file can have it. */
#define STOPS_POLICY "holdpoint:stop"

struct stops;

/* cluster must outlive it. allow_unknown: whom policies name goes on as long as the list was never
 * read. NULL: out of memory. */
struct stops *stops_new(const char *cluster, bool allow_unknown);
void stops_free(struct stops *s); /* NULL is fine */

/* Reads the list. When it cannot be read that is logged, and the one before stays. -1: the
 * connection is lost. Blocks. Threads: one at a time. */
int stops_load(struct stops *s, struct pg_conn *conn);

/* Waits until the list has been read, at most so long. Blocks. */
void stops_await(struct stops *s, int64_t timeout_ms);

/*
 * Is the requester stopped? Then *ret is the decision that denies, in the arena. s NULL: nobody
 * is. -1: the arena is full, and the request must be denied. Threads: any.
 */
int stops_find(struct stops *s, const struct policy_set *set, const struct policy_request *q,
	struct arena *arena, bool *ret_stopped, struct policy_decision *ret) _must_check_;

struct metric *const *stops_metrics(size_t *ret_count);
