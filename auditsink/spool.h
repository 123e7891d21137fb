/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where batches wait on local disk while PostgreSQL does not take them: one SQLite file (WAL,
 * synchronous=FULL), so that what spool_put() took survives a crash of the sink and of the machine.
 *
 * Batches are masked and encoded already; nothing unmasked reaches the file. They are handed out
 * oldest first and removed once they are stored. The file belongs to one process at a time.
 * Threads: any; calls take turns. Blocks: on the disk.
 */
#pragma once

#include "auditsink/batch.h"

struct spool;

/*
 * Opens or makes the file (mode 0600). max_bytes limits what waits in it, not the file, which keeps
 * freed pages for later. Errors: one line with the path: another process has it, it is no database,
 * it was written by another version.
 */
int spool_open(const char *path, size_t max_bytes, struct spool **ret, struct err *e) _must_check_;
void spool_close(struct spool *s);
DEFINE_CLEANUP(struct spool *, spool_close)

/*
 * Takes in all batches of the list whose status is `status`, in one transaction: on disk when it
 * returns 0. A batch that is there already (same cluster, source and digest) is taken for the same.
 * -1: none was taken; e says why (full, disk).
 */
int spool_put(struct spool *s, const struct batch *list, enum write_status status,
	struct err *e) _must_check_;

/* A batch read back, and the number it has in the spool. */
struct spooled {
	struct batch *batch;
	int64_t id;
	size_t bytes; /* that it takes there, whatever becomes of the batch */
};

/*
 * The oldest batches, of one cluster, at most max of them and at most about max_bytes (but one in
 * any case). Batches that were refused too often stay behind. Returns how many, 0: nothing is
 * waiting, -1: the file cannot be read, or the oldest batch is damaged: it stays behind from then
 * on, and the next call goes past it. Ownership: the batches are the caller's.
 */
int spool_peek(struct spool *s, struct spooled *ret, unsigned max, size_t max_bytes,
	struct err *e) _must_check_;

/* They are stored: forgets them. */
int spool_remove(
	struct spool *s, const struct spooled *list, unsigned count, struct err *e) _must_check_;

/* The database will not have this one: after three times it stays behind until the next start. */
int spool_refuse(struct spool *s, const struct spooled *one, struct err *e) _must_check_;

struct spool_state {
	uint64_t batches, bytes;
	uint64_t refused;  /* of them, staying behind */
	int64_t oldest_us; /* since 1970, when the oldest was taken in; 0: empty */
	bool full;	   /* the last spool_put() found no room, in it or on the disk */
};
void spool_get_state(struct spool *s, struct spool_state *ret);
