/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait for a human: registered under the number of their hold, woken the moment its
 * state changes, or when their time is over.
 *
 * A notification of PostgreSQL (channel holdpoint_hold, payload the number) is a hint to look, not
 * the news itself; what waits is also looked at when it is new and every two seconds, so that a
 * lost notification or connection costs that at most.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/metrics.h"

struct hold_wait;

struct stops;

/*
 * max: requests waiting at once. stops: kept as the database has them, over the same connection;
 * NULL: nobody wants to know. Starts two threads. database_url and stops must outlive it.
 */
int hold_wait_open(const char *database_url, unsigned max, struct stops *stops,
	struct hold_wait **ret, struct err *e) _must_check_;
/* Ends every wait as if its time were over, and takes no more. NULL is fine. Blocks. */
void hold_wait_close(struct hold_wait *w);
/* The same without freeing: for an orderly stop, where workers still come by. */
void hold_wait_stop(struct hold_wait *w);

/* decided: the hold is no longer pending; false: the time is over. Called once, from a thread of
 * hold_wait, without a lock held; must not block. */
typedef void (*hold_wait_fn)(bool decided, void *arg);

/*
 * Waits for the hold until deadline_us (CLOCK_MONOTONIC). -1: no more may wait (or it has been
 * stopped); fn will not be called. Threads: any; fn may run before this returns.
 */
int hold_wait_add(struct hold_wait *w, int64_t hold_id, uint64_t deadline_us, hold_wait_fn fn,
	void *arg) _must_check_;

struct metric *const *hold_wait_metrics(size_t *ret_count);
