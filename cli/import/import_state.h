/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far logs got into one sink. A log is known by what it begins with: the digest of all that was
 * imported of it, whatever it is called now, compressed or not. So a log that grew goes on where it
 * ended, one that was rotated is not begun anew, and two logs are never taken for one.
 *
 * Kept in DIR/import-DIGEST_OF_THE_SINK/, a small file a log. One import at a time: a lock.
 */
#pragma once

#include "common/base/crypto.h"
#include "common/base/err.h"

struct import_state;
struct import_log; /* what is kept of one log */

/* sink: its URL, with the cluster. Makes dir, and folders above it. */
int import_state_open(
	const char *dir, const char *sink, struct import_state **ret, struct err *e) _must_check_;
void import_state_close(struct import_state *s);
DEFINE_CLEANUP(struct import_state *, import_state_close)

/* Begins a search: the logs are tried in turn, the shortest first, by import_state_try(). */
void import_state_rewind(struct import_state *s);
/* The next length at which a digest is wanted; UINT64_MAX: none. */
uint64_t import_state_wanted(const struct import_state *s);
/* The log that is read has this digest after import_state_wanted() bytes. Goes on to the next. */
void import_state_try(struct import_state *s, const uint8_t digest[SHA256_LEN]);
/* The same, where the digest cannot be had. */
void import_state_pass(struct import_state *s);
/* What is known of the log that was tried: the longest that fits, else a new one. NULL: no memory.
 */
struct import_log *import_state_found(struct import_state *s);

uint64_t import_log_done(const struct import_log *l);
/* Where a list ended that was sent, but perhaps not stored; 0: no such. */
uint64_t import_log_planned(const struct import_log *l);

/*
 * Keeps that the events of `done` bytes are stored, and that the log's first `known` (>= done)
 * bytes, which have this digest, were sent once. Not synced to the disk: what is lost is sent
 * again.
 */
int import_log_save(struct import_state *s, struct import_log *l, uint64_t done, uint64_t known,
	const uint8_t digest[SHA256_LEN], struct err *e) _must_check_;
