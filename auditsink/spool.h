/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where batches wait on local disk while PostgreSQL does not take them: one SQLite file (WAL,
 * synchronous=FULL), so that what spool_put() took survives a crash of the sink and of the machine,
 * and a ledger beside it (spool_ledger.h) that says what the file should hold.
 *
 * Batches are masked and encoded already; nothing unmasked reaches the files. They are handed out
 * oldest first and removed once they are stored. One that is not what was put there any more is
 * never handed out: it is set aside, told of by spool_next_damage(), and a notice of it takes its
 * way into the record (audit_quarantine) instead. A file that SQLite cannot use is put aside as a
 * whole, and what can be read of it goes on in a new one.
 * The files belong to one process at a time. Threads: any; calls take turns. Blocks: on the disk.
 */
#pragma once

#include "auditsink/batch.h"

struct spool;
struct ledger_note;

/*
 * Opens or makes the files (mode 0600). max_bytes limits what waits, not the file, which is made
 * small again when nothing does. min_free: bytes of the file system that are left alone, or a tenth
 * of it where that is less. Errors: one line with the path: another process has it, it is no
 * database, it was written by another version.
 */
int spool_open(const char *path, size_t max_bytes, size_t min_free, struct spool **ret,
	struct err *e) _must_check_;
void spool_close(struct spool *s);
DEFINE_CLEANUP(struct spool *, spool_close)

enum spool_put {
	SPOOL_PUT_OK,
	SPOOL_PUT_FULL,	   /* as much waits as may */
	SPOOL_PUT_NO_ROOM, /* the disk has less free than is to be left */
	SPOOL_PUT_FAILED,  /* the disk, the files */
	SPOOL_PUT_COUNT,
};

/*
 * Takes in all batches of the list whose status is `status`, in one transaction: on disk when it
 * returns SPOOL_PUT_OK. A batch that is there already (same cluster, source and digest) is taken
 * for the same. Otherwise none was taken, and e says why.
 */
enum spool_put spool_put(struct spool *s, const struct batch *list, enum write_status status,
	struct err *e) _must_check_;

/* A batch read back, and the number it has in the spool. */
struct spooled {
	struct batch *batch;
	int64_t id;
};

/*
 * The oldest batches, of one cluster, at most max of them and at most about max_bytes (but one in
 * any case). Batches that were refused too often, and damaged ones, stay behind. Returns how many,
 * 0: nothing is waiting, -1: out of memory. Ownership: the batches are the caller's.
 */
int spool_peek(struct spool *s, struct spooled *ret, unsigned max, size_t max_bytes,
	struct err *e) _must_check_;

/*
 * They are stored: never handed out again by this process. -1: the disk did not take that; it is
 * tried again by spool_tidy(), and until then they would be handed out after a restart.
 */
int spool_remove(
	struct spool *s, const struct spooled *list, unsigned count, struct err *e) _must_check_;

/* The database will not have this one: after three times it stays behind until the next start. */
void spool_refuse(struct spool *s, const struct spooled *one);

/* What is to be done now and then: removes what could not be removed before, makes notices of what
 * is damaged. */
void spool_tidy(struct spool *s);

enum spool_damage_kind {
	SPOOL_DAMAGE_CHANGED, /* a batch is not what was put there, or cannot be read */
	SPOOL_DAMAGE_MISSING, /* a batch is gone */
	SPOOL_DAMAGE_LEDGER,  /* the ledger; batches that it does not name cannot be missed */
	SPOOL_DAMAGE_FILE,    /* the file was put aside, see text */
	SPOOL_DAMAGE_COUNT,
};

struct spool_damage {
	enum spool_damage_kind kind;
	const struct ledger_note *batch; /* of CHANGED and MISSING; else NULL */
	const char *text;
	/* Both are good until the next call. */
};
/* The next that was not asked for yet; false: none. One thread. */
bool spool_next_damage(struct spool *s, struct spool_damage *ret);

struct spool_state {
	uint64_t batches, bytes;
	uint64_t refused;    /* of them, staying behind */
	uint64_t damaged;    /* beside them, set aside */
	int64_t oldest_us;   /* since 1970, when the oldest was taken in; 0: empty */
	uint64_t free_bytes; /* of the file system */
	bool full;	     /* the last spool_put() found no room, in it or on the disk */
};
void spool_get_state(struct spool *s, struct spool_state *ret);
