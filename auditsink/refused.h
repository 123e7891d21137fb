/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch that PostgreSQL refuses for what is in it (a constraint, a trigger, a value that a column
 * does not take): which of its events are at fault is found out, so that only they go to
 * quarantine.
 *
 * In a transaction that is rolled back, halves of the batch are tried, and halves of halves. Before
 * that, a plain event of no content is tried: where even that is refused, the fault lies with the
 * schema and not with events, and nothing may be set aside for it.
 */
#pragma once

#include "auditsink/batch.h"
#include "common/pg/pg_conn.h"

/* More events at fault in one batch than this: somebody must look at the database first. */
#define REFUSED_EVENTS_MAX 1000

/*
 * PG_OK: the events at fault, if any are, are rows of quarantine now; the batch can be tried again.
 * PG_RETRY: the database refuses any event, or cannot say now. PG_REFUSED: too many are at fault.
 * The batch is unchanged but on PG_OK. ret_sqlstate: 6 bytes. Blocks.
 */
enum pg_status refused_set_aside(
	struct pg_conn *c, struct batch *b, char *ret_sqlstate, struct err *e) _must_check_;
