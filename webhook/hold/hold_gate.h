/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hold gate: a request that a Hold rule selects passes only with a recorded approval.
 *
 * A query goes in (hold_query.h), a verdict comes out (hold_verdict.h): the gate asks
 * holdpoint.hold_find_or_create, which finds or makes the hold, and uses an approval, in one
 * statement. Waiting for a person is hold_wait.h's, the words are hold_message.h's; who suspends
 * the request and answers it stands above. Every doubt is a denial: no database, no room, no
 * memory.
 */
#pragma once

#include "common/base/metrics.h"
#include "webhook/hold/hold_query.h"
#include "webhook/hold/hold_verdict.h"

struct hold_gate;

struct hold_gate_config {
	const char *cluster;
	const struct masker *masker;
	unsigned max_per_second; /* queries, all together; 0: any number */
};

/* The config's strings and masker must outlive it. NULL: out of memory. */
struct hold_gate *hold_gate_new(const struct hold_gate_config *config);
void hold_gate_free(struct hold_gate *g); /* NULL is fine */
DEFINE_CLEANUP(struct hold_gate *, hold_gate_free)

/* Counts one more query; true: there are too many in this second. Threads: any. */
bool hold_gate_is_over_rate(struct hold_gate *g);

/* hold_query_prepare() with the gate's cluster and masker. Threads: any. */
int hold_gate_prepare(
	struct hold_gate *g, struct hold_query *q, struct arena *arena, struct err *e) _must_check_;

/*
 * Asks; the query stays as it is. conn NULL: there is no database. Everything in *ret is in the
 * arena. Blocks. Threads: any, each with its own connection.
 */
void hold_gate_ask(struct hold_gate *g, struct pg_conn *conn, const struct hold_query *q,
	struct arena *arena, struct hold_verdict *ret);

/* Counts the verdict that a request is answered with. */
void hold_gate_count(enum hold_verdict_kind kind);

struct metric *const *hold_gate_metrics(size_t *ret_count);
