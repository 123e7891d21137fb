/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores batches: each exactly once, numbered without gaps, several in one transaction.
 *
 * Numbers of a cluster are taken under a row lock that lasts until COMMIT, so writing for one
 * cluster is one transaction after the other. The writer makes that its own rule: a cluster has a
 * lane, a lane has at most one job in the pool, and a job takes all that has gathered in the lane
 * (up to a limit) into one transaction. Lanes of different clusters run side by side on as many
 * connections as there are.
 */
#pragma once

#include "auditsink/spool.h"
#include "common/pg/pg_pool.h"

struct writer;

struct writer_config {
	struct pg_pool *pool;
	struct spool *spool;  /* takes what the database does not; or NULL */
	unsigned max_batches; /* waiting, over all lanes */
	size_t max_bytes;
};

int writer_new(const struct writer_config *config, struct writer **ret, struct err *e) _must_check_;
/* All lanes must be empty: drain it and close the pool first. NULL is fine. */
void writer_free(struct writer *w);

/*
 * Queues a batch; b->done is called with the status, exactly once, from a thread of the pool, and
 * owns b then. -1: the queue is full; b stays the caller's. Threads: any. Never blocks.
 */
int writer_submit(struct writer *w, struct batch *b) _must_check_;

/*
 * Stores a list of batches of one cluster in one transaction, now, on this connection; tries again
 * when it met a deadlock. Of a single batch, events that the database refuses for what is in them
 * go to quarantine, and the others are stored. On PG_OK every batch's status is set. PG_REFUSED:
 * for what is in them; the batches of a list must be tried one by one. PG_RETRY: the database
 * cannot take them now (locks, disk full, a grant that is missing). For a job of the pool.
 */
enum pg_status writer_write(struct writer *w, struct pg_conn *c, struct batch *group) _must_check_;

/* Numbers of events of one cluster that were stored since they were last asked for. */
struct written {
	char cluster[CLUSTER_NAME_MAX + 1];
	int64_t from, to;
};
/* False: nothing new, in any cluster. */
bool writer_take_written(struct writer *w, struct written *ret);
/* They could not be looked at: they will be handed out again. */
void writer_put_written(struct writer *w, const struct written *back);

/* Waits until every lane is empty, at most timeout_ms. False when one is not. */
bool writer_drain(struct writer *w, unsigned timeout_ms);
