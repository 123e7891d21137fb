/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite file of a spool: batches by number, each with a SHA-256 of all that stands in its row.
 * A row that does not fit its digest is never handed out.
 * Threads: one at a time. Blocks: on the disk.
 */
#pragma once

#include "auditsink/batch.h"

struct spool_rows;

/*
 * Opens the file (mode 0600), and where may_make says so makes what is not there. *ret_is_damaged:
 * it is no database, or a broken one, or nothing was to be made; it is as it was then. Errors: one
 * line with the path: another process has it, it was written by another version.
 */
int spool_rows_open(const char *path, bool may_make, struct spool_rows **ret, bool *ret_is_damaged,
	struct err *e) _must_check_;
/* Makes an orderly end: one file, no log. */
void spool_rows_close(struct spool_rows *r);
DEFINE_CLEANUP(struct spool_rows *, spool_rows_close)
/* Leaves the files as they are, for whoever looks at them. */
void spool_rows_abandon(struct spool_rows *r);

int spool_rows_begin(struct spool_rows *r, struct err *e) _must_check_;
int spool_rows_commit(struct spool_rows *r, struct err *e) _must_check_;
void spool_rows_rollback(struct spool_rows *r);

int spool_rows_put(struct spool_rows *r, int64_t id, const struct batch *b, int64_t taken_us,
	struct err *e) _must_check_;

enum spool_read {
	SPOOL_READ_OK,
	SPOOL_READ_NO_MEMORY,
	SPOOL_READ_MISSING, /* no row of this number */
	SPOOL_READ_CHANGED, /* one that is not what was put there, or cannot be read */
};
/* *ret_taken_us may be NULL. Ownership: *ret is the caller's. */
enum spool_read spool_rows_read(
	struct spool_rows *r, int64_t id, struct batch **ret, int64_t *ret_taken_us) _must_check_;

int spool_rows_remove(struct spool_rows *r, int64_t id, struct err *e) _must_check_;

/* The number of the row that holds this batch; 0: none. */
int64_t spool_rows_find(struct spool_rows *r, const struct batch *b);

/* All numbers, in order; free() them. -1: the file is broken, or no memory. */
int spool_rows_list(
	struct spool_rows *r, int64_t **ret, size_t *ret_count, struct err *e) _must_check_;

/* What the last call that failed failed of. */
bool spool_rows_no_room(const struct spool_rows *r);
bool spool_rows_broken(const struct spool_rows *r);

/* Bytes of its log that are not in the file yet, at most. */
size_t spool_rows_log_bytes(const struct spool_rows *r);

/* Bytes in the file that nothing takes up: it does not grow before they are used. */
size_t spool_rows_unused_bytes(struct spool_rows *r);

/* Gives back to the disk what is unused, and the log, as far as that works. */
void spool_rows_shrink(struct spool_rows *r);

enum spool_place {
	SPOOL_PLACE_OURS,
	SPOOL_PLACE_GONE, /* somebody removed or moved the file */
	SPOOL_PLACE_OTHER /* … and put another one there */
};
enum spool_place spool_rows_place(const struct spool_rows *r);
