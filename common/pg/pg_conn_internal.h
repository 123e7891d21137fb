/* SPDX-License-Identifier: Apache-2.0 */
/* What the pool needs of a connection beyond common/pg/pg_conn.h. */
#pragma once

#include <stdatomic.h>

#include "common/pg/pg_conn.h"

/* So much longer than a statement may run is waited for the server to say that it ended it. */
#define PG_SILENCE_MARGIN_MS 250
/* Each of the addresses that a URL stands for is given so long. libpq's own least is 2. */
#define PG_CONNECT_TIMEOUT_S 2

struct pg_conn_settings {
	const char *database_url;
	const char *application_name;
	unsigned connect_timeout_s;
	unsigned statement_timeout_ms; /* what the server is told; 0: its own */
	unsigned silence_ms; /* so long we wait for it to send or take anything; 0: without end */
	const atomic_bool *hurry; /* see pg_call_internal.h; NULL: never */
};

int pg_conn_open_with(
	const struct pg_conn_settings *settings, struct pg_conn **ret, struct err *e) _must_check_;

/* Errors: not a URL or key=value string; without quoting it, which may hold a password. */
int pg_conn_check_url(const char *url, struct err *e) _must_check_;

/* False when the server is known to have gone; costs one poll(2). */
bool pg_conn_is_alive(struct pg_conn *c);

/* Asks the server for a sign of life. */
bool pg_conn_answers(struct pg_conn *c);

/* How a job leaves its connection; a transaction left open is rolled back. */
enum pg_left {
	PG_LEFT_CLEAN,
	PG_LEFT_TRANSACTION,
	PG_LEFT_UNUSABLE, /* lost, or in the middle of a COPY: to be closed */
};
enum pg_left pg_conn_end_transaction(struct pg_conn *c);
