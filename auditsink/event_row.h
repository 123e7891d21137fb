/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One audit event as a row of holdpoint.audit_event, in the order of the column list below. Columns
 * are taken from the masked text only, so nothing unmasked can reach one.
 */
#pragma once

#include "common/base/crypto.h"
#include "common/json/json.h"
#include "common/mask/mask.h"

#define EVENT_NONCE_LEN 16

/* The column list of the COPY statement; recorded_at is the database's. */
extern const char event_row_columns[];

/* What the rows of one batch have in common. */
struct event_origin {
	struct span cluster;
	struct span source;
	const uint8_t *batch_sha256;
};

/* What one thread needs beside, again and again. */
struct event_scratch {
	struct arena *arena;
	struct sha256 *hash;
	struct buf masked;
};

/* What the caller counts. */
struct event_facts {
	size_t seq_at;		/* offset in out of the eight bytes that get the sequence number */
	bool truncated;		/* by the API server */
	int64_t stage_us;	/* stageTimestamp */
	const char *quarantine; /* why it is no row: nothing was appended */
};

/*
 * Masks the event and appends its row. nonce: EVENT_NONCE_LEN random bytes of its own. An event
 * without auditID, stage, level or a readable stageTimestamp is none: ret->quarantine says so.
 */
void event_row_put(struct buf *out, const struct masker *m, const struct json_doc *d,
	const struct event_origin *origin, const uint8_t *nonce, struct event_scratch *scratch,
	struct event_facts *ret);

/* A row of which nothing is remarkable, to see whether the database takes any. */
void event_row_put_plain(
	struct buf *out, const struct event_origin *origin, int64_t seq, int64_t stage_us);

/* Clients choose most of these texts. An index entry holds 2,704 bytes, of which the cluster's name
 * and two such columns take at most 2,301; the body keeps all of it. */
#define EVENT_COLUMN_MAX 1024

/* A string as a column holds it, cut. One with a lone surrogate has no value: its text, escapes and
 * all, has. Absent: no string. */
struct span event_column_text(const struct json_doc *d, json_ref r, struct arena *arena);

/*
 * Microseconds since 1970 of a time as RFC 3339 has it; -1 if it is none. Further digits are cut; a
 * leap second is the second after it, for an event is not to be lost over it.
 */
int event_time_us(struct span text, int64_t *ret) _must_check_;
