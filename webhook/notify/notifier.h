/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells people of holds: a worker that takes events from the outbox (written in the transaction of
 * the hold itself) and delivers each to each target, again with growing pauses until it is taken.
 *
 * Replicas share the work: an event is claimed under a lease. What a target may hear twice is only
 * an event whose delivery is unknown (the worker died in between); it has the same id then.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/metrics.h"

struct notifier;

/*
 * Reads the file and starts the worker, which has a connection of its own. database_url and cluster
 * must outlive it. Errors: -1, what is wrong with the file. Threads: whoever opens it closes it.
 */
int notifier_open(const char *targets_file, const char *database_url, const char *cluster,
	struct notifier **ret, struct err *e) _must_check_;
/* Ends after the delivery under way. NULL is fine. Blocks. */
void notifier_close(struct notifier *n);

struct metric *const *notifier_metrics(size_t *ret_count);
