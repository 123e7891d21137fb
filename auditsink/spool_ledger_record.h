/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a spool's ledger, as bytes: each is chained to the one before by SHA-256. Numbers
 * are as this machine has them: the file does not travel.
 */
#pragma once

#include "auditsink/spool_ledger.h"

enum ledger_kind {
	LEDGER_HEAD = 'H',     /* uint32_t version, int64_t last number */
	LEDGER_ANNOUNCE = 'A', /* a note */
	LEDGER_CONFIRM = 'C',  /* int64_t from, to */
	LEDGER_GONE = 'G',     /* int64_t number … */
	LEDGER_NOTICED = 'T',  /* int64_t number */
};

/* No record of a batch is longer. */
#define LEDGER_RECORD_MAX (2 * (CLUSTER_NAME_MAX + 1) + 512)

/* Adds a record; chain is that of the one before, zeros before the first, and then its own. */
void ledger_record_put(struct buf *out, uint8_t chain[SHA256_LEN], struct sha256 *h,
	enum ledger_kind kind, struct span payload);

struct ledger_record {
	enum ledger_kind kind;
	struct span payload;
	size_t len; /* of all of it */
};
enum ledger_read { LEDGER_READ_OK, LEDGER_READ_END, LEDGER_READ_DAMAGED };
/* The record that bytes begin with. LEDGER_READ_END: there is none, or what a writer leaves that
 * died while it wrote. */
enum ledger_read ledger_record_read(
	struct span bytes, uint8_t chain[SHA256_LEN], struct sha256 *h, struct ledger_record *ret);

void ledger_note_put(struct buf *out, const struct ledger_note *n);
int ledger_note_read(struct span payload, struct ledger_note *ret) _must_check_;

/* Of a payload of numbers; 0 behind its end. */
int64_t ledger_number_at(struct span payload, size_t i);
