/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches into the database: the transaction that stores several of them, and the COPY that it is
 * made of. Who may be tried again, and when, is the writer's to say.
 */
#pragma once

#include "auditsink/batch.h"
#include "common/pg/pg_conn.h"

/*
 * Stores a list of batches of one cluster in one transaction, and numbers their events. On PG_OK
 * every batch's status is set: WRITE_STORED or WRITE_DUPLICATE. ret_sqlstate: 6 bytes.
 * Ownership: the batches stay the caller's. Errors: nothing of the group is stored, or, with
 * PG_UNAVAILABLE, nothing is known of it. Threads: that of the connection. Blocks.
 */
enum pg_status store_batches(
	struct pg_conn *c, struct batch *group, char *ret_sqlstate, struct err *e) _must_check_;

/* COPYs encoded rows of events, without header and trailer, within a transaction. Blocks. */
enum pg_status store_copy_events(
	struct pg_conn *c, struct span rows, char *ret_sqlstate, struct err *e) _must_check_;
