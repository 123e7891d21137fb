/*
 * One audit event as a row of holdpoint.audit_event, and one that could not be read as a row of
 * holdpoint.audit_quarantine, in the order of the column lists below. Columns are taken from the
 * masked text only, so nothing unmasked can reach one.
 */
#pragma once

#include "common/crypto.h"
#include "common/json.h"
#include "common/mask.h"

#define EVENT_NONCE_LEN 16

/* The column lists of the two COPY statements; recorded_at is the database's. */
extern const char event_row_columns[];
extern const char quarantine_row_columns[];

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
	size_t seq_at; /* offset in out of the eight bytes that get the sequence number */
	unsigned masked;
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

/*
 * Appends the row of something that is no event: size, digest, reason, and of auditID, stage,
 * stageTimestamp, verb and username what can be read; never the bytes.
 */
void quarantine_row_put(struct buf *out, const struct masker *m, struct span bytes, int position,
	const char *reason, const struct event_origin *origin, struct event_scratch *scratch);
