/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a spool should hold, told apart from the spool: a small file beside it to which each batch
 * that comes or goes adds a record, chained by SHA-256. SQLite forgets without a word what stands
 * behind a damaged spot of its log, or in a file that somebody took away; here it is missed, with
 * cluster, source, digest and number of events.
 *
 * The file may be damaged, too: what stands behind the first record that does not fit is not
 * believed, which costs names of batches and no batch. It belongs to one process at a time.
 * Threads: one at a time. Blocks: on the disk.
 */
#pragma once

#include "auditsink/batch.h"

/* Raised when the columns of event_row.c change, as old rows would not fit the new list, or what
 * stands in the spool's files. */
#define SPOOL_FORMAT 4

struct ledger;

/* What is known of a batch without its rows. */
struct ledger_note {
	int64_t id;
	char cluster[CLUSTER_NAME_MAX + 1];
	char source[SOURCE_NAME_MAX + 1];
	uint8_t sha256[SHA256_LEN]; /* of the body */
	uint64_t size_bytes;	    /* of the body */
	uint64_t bytes;		    /* that it takes in the spool */
	uint32_t events;
	int64_t taken_us;
};

enum ledger_state {
	LEDGER_LIVE,	/* waits */
	LEDGER_STORED,	/* stored, and still in the file of rows */
	LEDGER_DAMAGED, /* not what was put there, or gone */
	LEDGER_TOLD,	/* … and the record has a notice of that */
};

struct ledger_entry {
	int64_t id;
	int64_t at; /* of its record in the file */
	uint64_t bytes;
	int64_t taken_us;
	uint8_t state;	 /* enum ledger_state */
	uint8_t refused; /* times */
	bool certain;	 /* it was there when the transaction that put it had ended */
	bool has_row;	 /* in the file of rows, for all that is known */
	bool missing;	 /* of damaged ones: the row is gone, not another one than it was */
	bool logged;
};

/*
 * Opens or makes PATH-ledger (mode 0600) and reads it. Errors: one line with the spool's path:
 * another process has it, another version wrote it, the disk.
 */
int ledger_open(const char *spool_path, struct ledger **ret, struct err *e) _must_check_;
void ledger_close(struct ledger *l);
DEFINE_CLEANUP(struct ledger *, ledger_close)

bool ledger_was_new(const struct ledger *l);
/* Where the file stops to make sense, or -1. */
int64_t ledger_damaged_at(const struct ledger *l);
/* Can records be added to the file as it is? */
bool ledger_is_sound(const struct ledger *l);
/* The highest number given to a batch so far. */
int64_t ledger_last_id(const struct ledger *l);
/* A batch up to this number that is no entry is stored. */
int64_t ledger_known_to(const struct ledger *l);
/* For fstatvfs(). */
int ledger_fd(const struct ledger *l);

/* Entries in the order of their numbers; stored ones until ledger_forget(). NULL: no such. The
 * pointers are good until the next batch is added. */
size_t ledger_count(const struct ledger *l);
struct ledger_entry *ledger_at(const struct ledger *l, size_t i);
struct ledger_entry *ledger_find(const struct ledger *l, int64_t id);

/* Reads the record of an entry again. -1: it cannot be read. */
int ledger_read(const struct ledger *l, const struct ledger_entry *entry,
	struct ledger_note *ret) _must_check_;

/*
 * Announces a batch, before the transaction that puts it there ends; its number is higher than that
 * of any entry. It is an entry when ledger_confirm() follows, or when its rows are found at the
 * next start. Room for the records that must follow is reserved.
 */
int ledger_announce(struct ledger *l, const struct ledger_note *note, struct err *e) _must_check_;
/* The batches announced from this number on are there, and the ledger is on disk. */
int ledger_confirm(struct ledger *l, int64_t from_id, struct err *e) _must_check_;
/* … or are not there, after all. */
void ledger_drop(struct ledger *l, int64_t from_id);

/* They are stored, or the record has a notice: on disk when it returns 0; the states of the entries
 * are the caller's. */
int ledger_note_gone(
	struct ledger *l, const int64_t *ids, size_t count, struct err *e) _must_check_;
int ledger_note_told(struct ledger *l, int64_t id, struct err *e) _must_check_;

/* Forgets stored entries that have no rows, and makes the file small again when it has grown for
 * nothing. Pointers to entries are good no more. */
void ledger_forget(struct ledger *l);

/* Puts the file back where somebody removed it, or put another one. */
int ledger_keep_place(struct ledger *l, struct err *e) _must_check_;

/* Writes the file anew, of what the entries say, in the place of whatever is there. */
int ledger_rewrite(struct ledger *l, struct err *e) _must_check_;
