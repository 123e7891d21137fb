/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on a PostgreSQL connection: the one that a job of the pool gets (pg_pool.h), or one of
 * one's own.
 *
 * Each call ends: a server that keeps silent for too long is taken for gone. Errors: *e has the
 * server's message, with its hint. Threads: a connection is used by one at a time. Blocks.
 */
#pragma once

#include "common/base/err.h"
#include "common/pg/pg_result.h"

struct pg_conn;

/* A statement: prepared under `name` on first use. One static object per SQL text. */
struct pg_stmt {
	const char *name;
	const char *sql;
	int param_count;
};

/* For the rest of this job (or connection): so long may the server be silent; 0: without end. */
void pg_conn_allow(struct pg_conn *c, unsigned silence_ms);

enum pg_status {
	PG_OK,
	PG_REFUSED, /* the server answered with an error: its code is what pg_exec() hands out; not
		       retried */
	PG_RETRY,   /* serialization failure, deadlock, lock timeout: the same call may succeed */
	PG_UNAVAILABLE, /* connection lost or never there: nothing known about the effect */
};

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

/*
 * A single connection: opened and closed by its owner. Its statements may take timeout_ms, and a
 * server that keeps silent for longer is taken for gone; 0, for people's commands: no limit. -1: no
 * connection.
 */
int pg_conn_open(const char *database_url, const char *application_name, unsigned timeout_ms,
	struct pg_conn **ret, struct err *e) _must_check_;
void pg_conn_close(struct pg_conn *c);
DEFINE_CLEANUP(struct pg_conn *, pg_conn_close)
/* Waits up to timeout_ms for a notification: 1 and its payload, 0 on timeout or signal, -1
 * connection lost.
 */
int pg_conn_wait_notify(struct pg_conn *c, int timeout_ms, char *ret_payload, size_t payload_cap);
