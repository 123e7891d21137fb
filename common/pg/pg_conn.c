/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One PostgreSQL connection: statements prepared on first use, COPY, notifications, and errors as
 * one line. Knows nothing of pools or threads; everything here blocks, for as long as its settings
 * say, so it runs in worker threads and in the CLI only.
 */
#include "common/pg/pg_conn.h"
#include "common/pg/pg_fault.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/pg/pg_call_internal.h"
#include "common/pg/pg_conn_internal.h"

#define PREPARED_MAX 64
#define PARAMS_MAX   64

struct pg_conn {
	PGconn *pg;
	struct pg_call call;
	const struct pg_stmt *prepared[PREPARED_MAX];
	size_t prepared_count;
};

static int conn_error(const struct pg_conn *c, struct err *e)
{
	struct span line = pg_call_error(&c->call);

	return err_set(e, "database: %.*s", SPAN_FMT(line));
}

bool pg_conn_is_alive(struct pg_conn *c)
{
	struct pollfd fd = {.fd = PQsocket(c->pg), .events = POLLIN};

	if (c->call.silent)
		return false;
	/* A server that went away has left its farewell to read, and behind it the end-of-file. */
	while (PQstatus(c->pg) == CONNECTION_OK && poll(&fd, 1, 0) > 0)
		if (!PQconsumeInput(c->pg))
			return false;
	return PQstatus(c->pg) == CONNECTION_OK;
}

static PGresult *exec_text(struct pg_conn *c, const char *sql)
{
	return pg_call_result(&c->call, PQsendQuery(c->pg, sql));
}

bool pg_conn_answers(struct pg_conn *c)
{
	PGresult *res = exec_text(c, "");
	const bool answers = PQresultStatus(res) == PGRES_EMPTY_QUERY;

	PQclear(res);
	return answers;
}

enum pg_left pg_conn_end_transaction(struct pg_conn *c)
{
	if (c->call.silent)
		return PG_LEFT_UNUSABLE;
	switch (PQtransactionStatus(c->pg)) {
	case PQTRANS_IDLE:
		return PG_LEFT_CLEAN;
	case PQTRANS_INTRANS:
	case PQTRANS_INERROR:
		PQclear(exec_text(c, "ROLLBACK"));
		return PG_LEFT_TRANSACTION;
	default:
		return PG_LEFT_UNUSABLE;
	}
}

/* Notices ("table exists, skipping") are for psql users, not for a daemon's stderr. */
static void drop_notice(void *arg _unused_, const PGresult *res _unused_)
{
}

static int conn_setup(struct pg_conn *c, const struct pg_conn_settings *settings, struct err *e)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		"SET statement_timeout = %u; SET lock_timeout = %u; "
		"SET idle_in_transaction_session_timeout = %u; "
		"SET client_connection_check_interval = 1000",
		settings->statement_timeout_ms, settings->statement_timeout_ms,
		settings->statement_timeout_ms * 2);
	return pg_exec_text(c, sql, NULL, e) == PG_OK ? 0 : -1;
}

/* libpq quotes what it cannot parse, password and all: say it without. */
int pg_conn_check_url(const char *url, struct err *e)
{
	char *message = NULL;
	PQconninfoOption *options;

	/* Anything but a plain database name; a misspelt URL would be taken for one and quoted. */
	if (!strpbrk(url, "=:/@"))
		return 0;
	options = PQconninfoParse(url, &message);
	PQfreemem(message);
	PQconninfoFree(options);
	if (options)
		return 0;
	return err_set(e, "database: not a connection URL or key=value string: see "
			  "postgresql://USER@HOST:PORT/DATABASE");
}

int pg_conn_open_with(const struct pg_conn_settings *settings, struct pg_conn **ret, struct err *e)
{
	char timeout[16], user_timeout[16];
	/* What the URL says comes last and wins. */
	const char *keys[] = {"fallback_application_name", "connect_timeout", "keepalives_idle",
		"keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"target_session_attrs", "client_encoding", "dbname", NULL};
	const char *values[] = {settings->application_name, timeout, "30", "5", "3", user_timeout,
		"read-write", "UTF8", settings->database_url, NULL};
	struct pg_conn *c;

	if (pg_conn_check_url(settings->database_url, e) < 0)
		return -1;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, "database: out of memory");
	snprintf(timeout, sizeof(timeout), "%u", settings->connect_timeout_s);
	snprintf(user_timeout, sizeof(user_timeout), "%u", settings->connect_timeout_s * 1000);
	c->pg = PQconnectdbParams(keys, values, 1);
	if (!c->pg) {
		free(c);
		return err_set(e, "database: out of memory");
	}
	PQsetNoticeReceiver(c->pg, drop_notice, NULL);
	c->call.pg = c->pg;
	if (PQstatus(c->pg) != CONNECTION_OK || PQsetnonblocking(c->pg, 1) != 0) {
		conn_error(c, e);
		pg_conn_close(c);
		return -1;
	}
	c->call.silence_ms = settings->silence_ms;
	c->call.hurry = settings->hurry;
	if (settings->statement_timeout_ms && conn_setup(c, settings, e) < 0) {
		pg_conn_close(c);
		return -1;
	}
	*ret = c;
	return 0;
}

void pg_conn_allow(struct pg_conn *c, unsigned silence_ms)
{
	c->call.silence_ms = silence_ms;
}

int pg_conn_open(const char *database_url, const char *application_name, unsigned timeout_ms,
	struct pg_conn **ret, struct err *e)
{
	const struct pg_conn_settings settings = {
		.database_url = database_url,
		.application_name = application_name,
		.connect_timeout_s = timeout_ms ? PG_CONNECT_TIMEOUT_S : 10,
		.statement_timeout_ms = timeout_ms,
		.silence_ms = timeout_ms ? timeout_ms + PG_SILENCE_MARGIN_MS : 0,
	};

	return pg_conn_open_with(&settings, ret, e);
}

void pg_conn_close(struct pg_conn *c)
{
	if (!c)
		return;
	PQfinish(c->pg);
	free(c);
}

/* ---- results ---- */

static enum pg_status status_of_sqlstate(const char *state)
{
	switch (pg_fault_of(state)) {
	case PG_FAULT_PASSING:
		return PG_RETRY;
	case PG_FAULT_CONNECTION:
		return PG_UNAVAILABLE;
	case PG_FAULT_CONTENT:
	case PG_FAULT_ENVIRONMENT:
		break;
	}
	return PG_REFUSED;
}

/* Why a result is no success; fills e and the SQLSTATE. */
static enum pg_status result_error(
	const struct pg_conn *c, const PGresult *res, char *ret_sqlstate, struct err *e)
{
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *primary = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *hint = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_HINT) : NULL;

	if (!state || !primary) {
		conn_error(c, e);
		return PG_UNAVAILABLE;
	}
	if (ret_sqlstate)
		snprintf(ret_sqlstate, 6, "%s", state);
	if (hint && *hint)
		err_set(e, "%s (%s)", primary, hint);
	else
		err_set(e, "%s", primary);
	return status_of_sqlstate(state);
}

static bool is_success(const PGresult *res)
{
	ExecStatusType s = PQresultStatus(res);

	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK;
}

/* Takes res: hands it out on success, else says why and clears it. */
static enum pg_status finish(const struct pg_conn *c, PGresult *res, struct pg_result **ret,
	char *ret_sqlstate, struct err *e)
{
	enum pg_status status = PG_OK;

	if (!is_success(res))
		status = result_error(c, res, ret_sqlstate, e);
	if (status == PG_OK && ret)
		*ret = (struct pg_result *)res;
	else
		PQclear(res);
	return status;
}

/* ---- statements ---- */

static bool is_prepared(const struct pg_conn *c, const struct pg_stmt *stmt)
{
	for (size_t i = 0; i < c->prepared_count; i++)
		if (c->prepared[i] == stmt)
			return true;
	return false;
}

static enum pg_status prepare(
	struct pg_conn *c, const struct pg_stmt *stmt, char *ret_sqlstate, struct err *e)
{
	PGresult *res;
	enum pg_status status;

	if (c->prepared_count == PREPARED_MAX) {
		err_set(e, "database: more than %d statements on one connection", PREPARED_MAX);
		return PG_REFUSED;
	}
	res = pg_call_result(
		&c->call, PQsendPrepare(c->pg, stmt->name, stmt->sql, stmt->param_count, NULL));
	status = finish(c, res, NULL, ret_sqlstate, e);
	if (status == PG_OK)
		c->prepared[c->prepared_count++] = stmt;
	return status;
}

/* PostgreSQL's text parameters end at NUL: a value that holds one has no representation. */
static int param_values(const struct pg_stmt *stmt, const struct span *params, char **copies,
	const char **values, struct err *e)
{
	for (int i = 0; i < stmt->param_count; i++) {
		if (!params[i].ptr)
			continue;
		if (memchr(params[i].ptr, 0, params[i].len))
			return err_set(e, "%s: parameter %d holds a NUL byte", stmt->name, i + 1);
		copies[i] = strndup(params[i].ptr, params[i].len);
		if (!copies[i])
			return err_set(e, "%s: out of memory", stmt->name);
		values[i] = copies[i];
	}
	return 0;
}

/*
 * Has only the preparation gone stale, so that the same call works once it is prepared anew? So it
 * is when a migration changed what the statement returns (0A000), or a connection pooler lost the
 * statement (26000). Within a transaction nothing can be repeated.
 */
static bool forget_stale(struct pg_conn *c, const struct pg_stmt *stmt, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	char sql[128];

	if (!state || (strcmp(state, "0A000") != 0 && strcmp(state, "26000") != 0) ||
		PQtransactionStatus(c->pg) != PQTRANS_IDLE)
		return false;
	for (size_t i = 0; i < c->prepared_count; i++)
		if (c->prepared[i] == stmt)
			c->prepared[i--] = c->prepared[--c->prepared_count];
	snprintf(sql, sizeof(sql), "DEALLOCATE \"%s\"", stmt->name);
	PQclear(exec_text(c, sql)); /* fails where it is lost already */
	return true;
}

static PGresult *exec_prepared(
	struct pg_conn *c, const struct pg_stmt *stmt, const char *const *values)
{
	return pg_call_result(&c->call,
		PQsendQueryPrepared(c->pg, stmt->name, stmt->param_count, values, NULL, NULL, 0));
}

static enum pg_status execute(struct pg_conn *c, const struct pg_stmt *stmt,
	const char *const *values, struct pg_result **ret, char *ret_sqlstate, struct err *e)
{
	PGresult *res = exec_prepared(c, stmt, values);

	if (!is_success(res) && forget_stale(c, stmt, res)) {
		enum pg_status status = prepare(c, stmt, ret_sqlstate, e);

		PQclear(res);
		if (status != PG_OK)
			return status;
		res = exec_prepared(c, stmt, values);
	}
	return finish(c, res, ret, ret_sqlstate, e);
}

enum pg_status pg_exec(struct pg_conn *c, const struct pg_stmt *stmt, const struct span *params,
	struct pg_result **ret, char *ret_sqlstate, struct err *e)
{
	char *copies[PARAMS_MAX] = {0};
	const char *values[PARAMS_MAX] = {0};
	enum pg_status status = PG_OK;

	if (ret_sqlstate)
		ret_sqlstate[0] = 0;
	if (stmt->param_count > PARAMS_MAX) {
		err_set(e, "%s: more than %d parameters", stmt->name, PARAMS_MAX);
		return PG_REFUSED;
	}
	if (!is_prepared(c, stmt))
		status = prepare(c, stmt, ret_sqlstate, e);
	if (status == PG_OK && param_values(stmt, params, copies, values, e) < 0)
		status = PG_REFUSED;
	if (status == PG_OK)
		status = execute(c, stmt, values, ret, ret_sqlstate, e);
	for (int i = 0; i < stmt->param_count; i++)
		free(copies[i]);
	return status;
}

enum pg_status pg_exec_text(struct pg_conn *c, const char *sql, char *ret_sqlstate, struct err *e)
{
	if (ret_sqlstate)
		ret_sqlstate[0] = 0;
	return finish(c, exec_text(c, sql), NULL, ret_sqlstate, e);
}

/* ---- COPY ---- */

#define COPY_PIECE_BYTES ((size_t)64 << 10)

enum pg_status pg_copy_begin(struct pg_conn *c, const char *sql, char *ret_sqlstate, struct err *e)
{
	PGresult *res = exec_text(c, sql);
	enum pg_status status = PG_OK;

	if (ret_sqlstate)
		ret_sqlstate[0] = 0;
	if (PQresultStatus(res) != PGRES_COPY_IN) {
		if (is_success(res)) {
			err_set(e, "database: not a COPY … FROM STDIN");
			status = PG_REFUSED;
		} else {
			status = result_error(c, res, ret_sqlstate, e);
		}
	}
	PQclear(res);
	return status;
}

void pg_copy_put(struct pg_conn *c, struct span data)
{
	/* libpq's buffer grows to what it is given at once and never shrinks. A failure shows again
	 * at the end, where it is reported. */
	while (data.len > 0) {
		size_t n = data.len < COPY_PIECE_BYTES ? data.len : COPY_PIECE_BYTES;

		/* 0, to wait and try again, is for servers older than any that we know. */
		if (c->call.silent || PQputCopyData(c->pg, data.ptr, (int)n) != 1 ||
			!pg_call_flush(&c->call))
			return;
		data.ptr += n;
		data.len -= n;
	}
}

enum pg_status pg_copy_end(struct pg_conn *c, char *ret_sqlstate, struct err *e)
{
	enum pg_status status = PG_OK;
	PGresult *res;

	if (ret_sqlstate)
		ret_sqlstate[0] = 0;
	if (!pg_call_end_copy(&c->call)) {
		conn_error(c, e);
		return PG_UNAVAILABLE;
	}
	res = pg_call_result(&c->call, 1);
	if (!is_success(res))
		status = result_error(c, res, ret_sqlstate, e);
	PQclear(res);
	if (status == PG_OK && PQstatus(c->pg) != CONNECTION_OK) {
		conn_error(c, e);
		status = PG_UNAVAILABLE;
	}
	return status;
}

/* ---- notifications ---- */

static int take_notify(struct pg_conn *c, char *ret_payload, size_t payload_cap)
{
	PGnotify *n = PQnotifies(c->pg);

	if (!n)
		return 0;
	snprintf(ret_payload, payload_cap, "%s", n->extra);
	PQfreemem(n);
	return 1;
}

int pg_conn_wait_notify(struct pg_conn *c, int timeout_ms, char *ret_payload, size_t payload_cap)
{
	int64_t deadline = monotonic_ms() + timeout_ms;

	for (;;) {
		struct pollfd fd = {.fd = PQsocket(c->pg), .events = POLLIN};
		int64_t left = deadline - monotonic_ms();
		int n;

		if (take_notify(c, ret_payload, payload_cap))
			return 1;
		if (left <= 0)
			return 0;
		if (fd.fd < 0)
			return -1;
		n = poll(&fd, 1, (int)left);
		if (n < 0)
			return errno == EINTR ? 0 : -1;
		if (n > 0 && (!PQconsumeInput(c->pg) || PQstatus(c->pg) != CONNECTION_OK))
			return -1;
	}
}
