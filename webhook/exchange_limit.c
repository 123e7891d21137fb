/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules with a limit: between what the policies say and what comes of it, the database is asked
 * whether this request is one too many.
 */
#include "webhook/exchange_internal.h"
#include "webhook/hold/limits.h"

/* Nothing can be counted: beyond. */
struct exchange *exchange_limit_unknown(struct exchange *x)
{
	limits_apply(&x->decision, &x->request, x->webhook->cluster, NULL, x->arena);
	return exchange_go_on_after_decision(x);
}

struct exchange *exchange_limit_step(struct exchange *x)
{
	(void)exchange_call_timeout_ms(x); /* cannot be asked for later */
	if (exchange_suspend(x) != 0)
		return exchange_limit_unknown(x);
	x->after_queue = EXCHANGE_LIMIT_ASK;
	return exchange_move(x, EXCHANGE_QUEUE);
}

struct exchange *exchange_limit_ask_step(struct exchange *x)
{
	struct pg_conn *conn = x->conn;

	x->conn = NULL;
	limits_apply(&x->decision, &x->request, x->webhook->cluster, conn, x->arena);
	return exchange_go_on_after_decision(x);
}
