/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is at the database. Of the queries of one identity half of the connections are
 * busy at most, the others wait here: an identity that asks a thousand things at once, or whose
 * holds somebody has in hand (each query waits for them for a moment), keeps nobody else
 * waiting.
 */
#pragma once

#include "common/base/metrics.h"
#include "common/pg/pg_pool.h"

struct hold_turns;

struct hold_turns_config {
	struct pg_pool *pool;
	unsigned at_once;	   /* queries of one identity at the database */
	unsigned max_waiting;	   /* here, all together */
	unsigned max_waiting_each; /* of one identity */
};

/* The pool must outlive it. NULL: out of memory. */
struct hold_turns *hold_turns_new(const struct hold_turns_config *config);
/* When its pool has run every job. NULL is fine. */
void hold_turns_free(struct hold_turns *t);

/*
 * pg_pool_submit(), when it is the turn of `who`. -1: too many wait, or no memory; fn will not be
 * called. Else it is called exactly once, with usable false where there is no connection. Threads:
 * any. Never blocks.
 */
int hold_turns_submit(struct hold_turns *t, struct span who, pg_job_fn fn, void *arg) _must_check_;

/* Queries that wait, here and for a connection. */
unsigned hold_turns_queued(struct hold_turns *t);

struct metric *const *hold_turns_metrics(size_t *ret_count);
