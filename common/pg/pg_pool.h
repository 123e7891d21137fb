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

struct pg_pool;
struct pg_conn; /* one connection, in the hands of the worker that runs the job */

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
 * The job. `usable` false: there is no connection now; the job must answer accordingly (every
 * submitted job is called exactly once).
 */
typedef void (*pg_job_fn)(struct pg_conn *conn, bool usable, void *arg);

/* Queues a job. -1: the queue is full, the job will not be called. Threads: any. Never blocks. */
int pg_pool_submit(struct pg_pool *p, pg_job_fn fn, void *arg) _must_check_;
/* The same and waits for it to end. Not from within a job. */
int pg_pool_run(struct pg_pool *p, pg_job_fn fn, void *arg) _must_check_;

unsigned pg_pool_queued(const struct pg_pool *p); /* jobs waiting */
bool pg_pool_is_up(const struct pg_pool *p);	  /* at least one live connection */
struct metric *const *pg_pool_metrics(size_t *ret_count);

/* ---- inside a job, or on a connection of one's own ---- */

/* A statement: prepared under `name` on first use. One static object per SQL text. */
struct pg_stmt {
	const char *name;
	const char *sql;
	int param_count;
};

/* For the rest of this job (or connection): so long may the server be silent; 0: without end. */
void pg_conn_allow(struct pg_conn *c, unsigned silence_ms);

struct pg_result; /* rows; free with pg_result_free() */

enum pg_status {
	PG_OK,
	PG_REFUSED, /* the server answered with an error: its code is what pg_exec() hands out; not
		       retried */
	PG_RETRY,   /* serialization failure, deadlock, lock timeout: the same call may succeed */
	PG_UNAVAILABLE, /* connection lost or never there: nothing known about the effect */
};

/* Where to look for what an SQLSTATE complains of. */
enum pg_fault {
	PG_FAULT_ENVIRONMENT, /* the server, the schema, a grant: the same data may pass once that
				 is mended. Whatever is not known to be another. */
	PG_FAULT_CONTENT,     /* the data: too long, out of range, a constraint, a trigger's word */
	PG_FAULT_PASSING,     /* other transactions: the same call may succeed now (PG_RETRY) */
	PG_FAULT_CONNECTION,  /* there is none any more, or none to write with (PG_UNAVAILABLE) */
};
enum pg_fault pg_fault_of(const char *sqlstate);

/* params: text format; a NULL ptr is SQL NULL. sqlstate (6 bytes, may be NULL) gets the code. */
enum pg_status pg_exec(struct pg_conn *c, const struct pg_stmt *stmt, const struct span *params,
	struct pg_result **ret, char *ret_sqlstate, struct err *e) _must_check_;
/* SQL text without parameters (BEGIN, COMMIT, migrations); several statements allowed. */
enum pg_status pg_exec_text(
	struct pg_conn *c, const char *sql, char *ret_sqlstate, struct err *e) _must_check_;

/* COPY … FROM STDIN: begin with the SQL text, put data, end. A failed put is reported by end. */
enum pg_status pg_copy_begin(
	struct pg_conn *c, const char *sql, char *ret_sqlstate, struct err *e) _must_check_;
void pg_copy_put(struct pg_conn *c, struct span data);
enum pg_status pg_copy_end(struct pg_conn *c, char *ret_sqlstate, struct err *e) _must_check_;

int pg_result_rows(const struct pg_result *r);
bool pg_result_is_null(const struct pg_result *r, int row, int col);
/* Text of a field, owned by the result; "" for NULL. */
const char *pg_result_str(const struct pg_result *r, int row, int col);
struct span pg_result_span(const struct pg_result *r, int row, int col);
int64_t pg_result_int(const struct pg_result *r, int row, int col);
int pg_result_columns(const struct pg_result *r);
/* The same by the column's name; of a column that is not there: NULL, "", absent, 0, false. */
bool pg_result_is_null_of(const struct pg_result *r, int row, const char *name);
const char *pg_result_str_of(const struct pg_result *r, int row, const char *name);
struct span pg_result_span_of(const struct pg_result *r, int row, const char *name);
int64_t pg_result_int_of(const struct pg_result *r, int row, const char *name);
bool pg_result_bool_of(const struct pg_result *r, int row, const char *name);
void pg_result_free(struct pg_result *r);
DEFINE_CLEANUP(struct pg_result *, pg_result_free)

/*
 * A single connection: opened and closed by its owner. Its statements may take timeout_ms, and a
 * server that keeps silent for longer is taken for gone; 0, for people's commands: no limit.
 * Blocks.
 */
int pg_conn_open(const char *database_url, const char *application_name, unsigned timeout_ms,
	struct pg_conn **ret, struct err *e) _must_check_;
void pg_conn_close(struct pg_conn *c);
DEFINE_CLEANUP(struct pg_conn *, pg_conn_close)
/* Waits up to timeout_ms for a notification: 1 and its payload, 0 on timeout or signal, -1
 * connection lost.
 */
int pg_conn_wait_notify(struct pg_conn *c, int timeout_ms, char *ret_payload, size_t payload_cap);
