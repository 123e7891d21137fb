/* SPDX-License-Identifier: Apache-2.0 */
/* A spool from within: its state, and how it is opened, compared and rescued (spool_open.c). */
#pragma once

#include <pthread.h>

#include "auditsink/spool.h"
#include "auditsink/spool_ledger.h"
#include "auditsink/spool_rows.h"

#define SPOOL_REFUSALS_MAX 3

struct spool {
	char *path;
	size_t max_bytes, min_free;
	pthread_mutex_t lock;
	struct spool_rows *rows;
	struct ledger *ledger;
	struct spool_state state; /* but for free_bytes */

	/* For spool_next_damage(). */
	bool ledger_told;
	struct buf file_text; /* what happened to the file; empty: nothing */
	struct buf file_said;
	struct ledger_note told;
};

/* Counts what the ledger says, after anything but the usual. */
void spool_count(struct spool *s);

/*
 * Puts the file aside and goes on in a new one, with what can be read of it. *old: the file if it
 * is open, or NULL; closed afterwards. -1: no new one could be made; s->rows is NULL.
 */
int spool_rescue(
	struct spool *s, struct spool_rows *old, const char *why, struct err *e) _must_check_;

/* Batches are stored: their end goes into the ledger, then their rows go. */
int spool_end(struct spool *s, const int64_t *ids, size_t count, struct err *e) _must_check_;

/* Removes what is stored, and SQLite's log. */
void spool_make_room(struct spool *s);

/* Puts a batch under the next number; not confirmed. */
int spool_put_one(struct spool *s, struct spool_rows *rows, const struct batch *b, int64_t now,
	struct err *e) _must_check_;
size_t spool_batch_bytes(const struct batch *b);
void spool_note_of(const struct batch *b, int64_t id, int64_t taken_us, struct ledger_note *ret);
