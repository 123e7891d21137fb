/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One body of an API server on its way into the database: its events masked and encoded as COPY
 * rows, so that whoever writes has nothing left to do but to fill in the sequence numbers. A batch
 * holds no unmasked byte, and no pointer into the body.
 */
#pragma once

#include "auditsink/event_list.h"
#include "auditsink/event_row.h"
#include "auditsink/write_status.h"

#define CLUSTER_NAME_MAX 253
#define SOURCE_NAME_MAX	 253

/* An event is late when it happened this long before it came, which no healthy API server needs,
 * and ahead when it has yet to happen, by more than clocks that are kept in step may differ. */
#define BATCH_LATE_US  (5 * 60 * INT64_C(1000000))
#define BATCH_AHEAD_US (5 * INT64_C(1000000))

struct batch {
	char cluster[CLUSTER_NAME_MAX + 1];
	char source[SOURCE_NAME_MAX + 1];
	uint8_t sha256[SHA256_LEN]; /* of the body as it came: what makes a batch known again */
	size_t size_bytes;
	uint32_t events;
	uint32_t quarantined;
	struct buf rows;	    /* of audit_event, without header and trailer */
	struct buf seq_at;	    /* uint32_t for each event: offset in rows of its number */
	struct buf quarantine_rows; /* of audit_quarantine, likewise */

	/* When it came, and when what it tells of happened (microseconds since 1970). */
	int64_t received_us;
	int64_t oldest_us, newest_us; /* stageTimestamps; only with events */
	uint32_t late, ahead;	      /* events: see BATCH_LATE_US, BATCH_AHEAD_US */
	uint32_t truncated;

	int64_t first_seq; /* once it is stored */

	/* The writer's. */
	struct batch *next;  /* in its queue */
	size_t queued_bytes; /* what it was counted as when it came */
	enum write_status status;
	void (*done)(struct batch *b, enum write_status status);
	void *userdata;
};

enum batch_verdict {
	BATCH_OK,
	BATCH_REFUSED,	/* no EventList */
	BATCH_TOO_LONG, /* one of more events than are taken at once */
	BATCH_FAILED,	/* out of memory, or larger encoded than a batch may be */
};

/*
 * Reads, masks and encodes a body. cluster and source must fit their limits.
 * Ownership: *ret is the caller's, batch_free(). Errors: fills e.
 */
enum batch_verdict batch_build(struct span body, const char *cluster, const char *source,
	const struct masker *m, struct event_scratch *scratch, struct batch **ret,
	struct err *e) _must_check_;
void batch_free(struct batch *b);
DEFINE_CLEANUP(struct batch *, batch_free)

/* Fills in the sequence numbers, from first_seq on. */
void batch_number(struct batch *b, int64_t first_seq);

/* An event's row, i < b->events. */
struct span batch_row(const struct batch *b, uint32_t i);

/* Events (by their place in the rows, in order) that the database does not take, and why. */
struct batch_refused {
	uint32_t event;
	struct err why;
};

/* Makes rows of quarantine out of them. -1: out of memory, the batch is as it was. */
int batch_set_aside(
	struct batch *b, const struct batch_refused *refused, size_t count) _must_check_;

/* Takes what events say of themselves out of the rows of quarantine. */
void batch_bare_quarantine(struct batch *b);

/* Adds all that it holds, but for the writer's fields, as this machine has it. */
void batch_hash(const struct batch *b, struct sha256 *h);

/* Are the places of the sequence numbers inside its rows? For batches that come back from disk. */
bool batch_is_sound(const struct batch *b);

/* Bytes it holds, for limits on queues. */
size_t batch_bytes(const struct batch *b);
