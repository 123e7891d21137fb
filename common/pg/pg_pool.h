/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of PostgreSQL connections, each owned by a worker thread that runs jobs from one bounded
 * queue. Whoever must not block (an HTTP handler) submits a job and goes on.
 *
 * A lost connection is re-opened with exponential back-off (100 ms to 5 s); meanwhile jobs are run
 * at once with `conn` in the failed state, so that a held request is denied and a batch answered
 * 503 instead of waiting. So are those for which no connection is free in time. A connection whose
 * server keeps silent for too long is lost, and idle ones are asked for a sign of life now and
 * then. Statements are prepared on first use per connection.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/metrics.h"
#include "common/pg/pg_conn.h"

struct pg_pool;

struct pg_pool_config {
	const char
		*database_url; /* libpq URL or key=value string; a password in it is never logged */
	const char *application_name;
	unsigned connections;
	unsigned queue_max; /* jobs waiting */
	unsigned statement_timeout_ms;
	/*
	 * So long may the server send and take nothing, while a statement runs; then it is taken
	 * for gone, as if the connection were lost. No job waits longer than that for a connection.
	 */
	unsigned silence_ms; /* 0: 250 more than statement_timeout_ms */
};

/*
 * Opens the pool; with wait_first, fails unless a first connection could be made, and blocks until
 * that stands or failed. Else only a URL that cannot be read is an error: connections come when the
 * server does.
 */
int pg_pool_open(const struct pg_pool_config *config, bool wait_first, struct pg_pool **ret,
	struct err *e) _must_check_;
/* From now on no call waits longer than a second for a silent server. NULL is fine. */
void pg_pool_hurry(struct pg_pool *p);
/* Runs what is queued, then closes. NULL is fine. Blocks. */
void pg_pool_close(struct pg_pool *p);

/*
 * The job. conn is its until it returns; `usable` false: there is no connection now; the job must
 * answer accordingly (every submitted job is called exactly once).
 */
typedef void (*pg_job_fn)(struct pg_conn *conn, bool usable, void *arg);

/* Queues a job. -1: the queue is full, the job will not be called. Threads: any. Never blocks. */
int pg_pool_submit(struct pg_pool *p, pg_job_fn fn, void *arg) _must_check_;
/* The same and waits for it to end. Not from within a job. */
int pg_pool_run(struct pg_pool *p, pg_job_fn fn, void *arg) _must_check_;

unsigned pg_pool_queued(const struct pg_pool *p); /* jobs waiting */
bool pg_pool_is_up(const struct pg_pool *p);	  /* at least one live connection */
struct metric *const *pg_pool_metrics(size_t *ret_count);
