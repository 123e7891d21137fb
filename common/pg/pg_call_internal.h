/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of libpq with a deadline of our own. A server can be there and say nothing: stopped by a
 * signal, behind a disk that stalls, or a network that drops packets. The kernel notices that in
 * minutes or never, and so does libpq, whose calls then wait without end. Here all is sent and read
 * without blocking, and a server that keeps silent for longer than it may is taken for gone: what
 * it did with the call is not known, and its connection is of no use any more.
 */
#pragma once

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "common/base/metrics.h"
#include "common/base/util.h"

#define PG_HURRY_MS 1000

struct pg_call {
	PGconn *pg;		  /* non-blocking, see PQsetnonblocking() */
	unsigned silence_ms;	  /* so long may nothing be sent or received; 0: without end */
	const atomic_bool *hurry; /* once true, that is PG_HURRY_MS at most; NULL: never */
	bool silent;		  /* it was: nothing more is asked on this connection */
};

/*
 * The result of what a PQsend…() has just sent (`sent`: what that returned), as PQexec() gives it:
 * of several statements the last one's, or the first that failed; at the begin of a COPY that.
 * NULL: not sent, the server is silent, or memory is short; pg_call_error() says which.
 */
PGresult *pg_call_result(struct pg_call *l, int sent);

/* Sends what is buffered. False: the server takes nothing, or is gone. */
bool pg_call_flush(struct pg_call *l);

/* The end of a COPY; true once it is sent. */
bool pg_call_end_copy(struct pg_call *l);

/* Why the last call failed: the first line of what libpq says, which has several. */
struct span pg_call_error(const struct pg_call *l);

/* How often, over all connections, a server kept silent for too long. */
extern struct metric pg_call_metrics[];
