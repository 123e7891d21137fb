/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of their own for decisions that take long, so that the threads that serve connections are
 * free for other requests. Identities take turns: whoever sends a thousand requests that take long
 * keeps another's waiting for one of them, not for all.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/metrics.h"

struct long_decisions;

typedef void (*long_decision_fn)(void *arg);

struct long_decisions_config {
	unsigned threads;     /* 0: one a core, two at least */
	unsigned max_waiting; /* all together; half of them of one identity */
	size_t max_bytes;     /* the same, of what waits; one alone may be larger */
};

/* Errors: one line. */
int long_decisions_open(const struct long_decisions_config *config, struct long_decisions **ret,
	struct err *e) _must_check_;
/* Runs what waits, and takes nothing more. NULL is fine. Blocks. */
void long_decisions_close(struct long_decisions *l);

/*
 * Runs fn on one of the threads, exactly once, when it is the turn of `who`. bytes: what is kept
 * meanwhile. -1: too many wait or too much, or no memory; fn will not be called. Threads: any.
 * Never blocks.
 */
int long_decisions_submit(struct long_decisions *l, struct span who, size_t bytes,
	long_decision_fn fn, void *arg) _must_check_;

struct metric *const *long_decisions_metrics(size_t *ret_count);
