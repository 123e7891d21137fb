/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger from within: spool_ledger.c adds to it, spool_ledger_file.c reads and replaces its file.
 */
#pragma once

#include "auditsink/spool_ledger.h"
#include "auditsink/spool_ledger_record.h"

/* That a batch needs until it is gone: its confirmation and its end. */
#define LEDGER_ROOM_EACH 256

struct ledger {
	char *path;
	int fd;
	int64_t end; /* of what is sound */
	int64_t room_to;
	uint8_t chain[SHA256_LEN];
	bool was_new;
	int64_t damaged_at;
	uint32_t format; /* that the head says */
	int64_t last_id;
	int64_t known_to; /* see ledger_known_to() */
	struct ledger_entry *entries;
	size_t count, cap;
	size_t first;	  /* entries before it are forgotten */
	unsigned forgets; /* calls */
};

int ledger_add_entry(struct ledger *l, const struct ledger_entry *entry) _must_check_;
int ledger_write(int fd, struct span bytes, int64_t at) _must_check_;
/* A full disk must not keep what is stored from being noted so. */
void ledger_reserve_room(struct ledger *l);
/* The payload of an announcement at a place in the file; the chain is not asked again. */
int ledger_payload(const struct ledger *l, int64_t at, struct buf *ret) _must_check_;
