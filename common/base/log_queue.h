/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that were logged and are not written yet, so that nobody who logs waits for whoever reads
 * stderr: a pipe may be full, a disk may stall. A bounded ring and one thread that empties it; what
 * does not fit is dropped, counted, and said in the log itself once it flows again. Without the
 * queue (commands for people, a daemon that has not started) lines are written at once.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/metrics.h"

/* Starts the thread; `bytes` of lines may wait. -1: no memory, or no thread. */
int log_queue_start(size_t bytes, struct err *e) _must_check_;

/* Writes what waits, for at most timeout_ms, then lines are written at once again. Blocks. */
void log_queue_stop(unsigned timeout_ms);

/* A whole line, with its line end. False: there is no queue. Threads: any. Does not wait for
 * stderr. */
bool log_queue_add(const char *line, size_t len);

/* To stderr past the queue, all of it. Blocks for as long as that takes. Threads: any. */
void log_queue_write_now(const char *text, size_t len);

struct metric *const *log_queue_metrics(size_t *ret_count);

/* A line was left out, since its event is logged too often; see log.h. Threads: any. */
void log_queue_count_suppressed(void);
