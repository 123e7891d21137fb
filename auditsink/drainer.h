/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves what the spool holds into the database, oldest first, as soon as that is back. One
 * transaction at a time, on one connection of the pool, so that new events keep the others.
 */
#pragma once

#include "auditsink/spool.h"
#include "common/pg/pg_pool.h"

struct drainer;
struct writer;

/* Starts a thread. timeout_ms: how long PostgreSQL may be silent while it stores a group. What it
 * is given must outlive it. */
int drainer_start(struct pg_pool *pool, struct spool *spool, struct writer *writer,
	unsigned timeout_ms, struct drainer **ret, struct err *e) _must_check_;
/* Ends it after the transaction under way. NULL is fine. Blocks. */
void drainer_stop(struct drainer *d);
