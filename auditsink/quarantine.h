/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of holdpoint.audit_quarantine: what could not be read as an event, and events that the
 * database does not take. They say what can be known of the event, never its bytes.
 */
#pragma once

#include "auditsink/event_row.h"

/* The column list of the COPY statement; recorded_at is the database's. */
extern const char quarantine_row_columns[];

/*
 * Appends the row of something that is no event: size, digest, reason, and of auditID, stage,
 * stageTimestamp, verb and username what can be read.
 */
void quarantine_row_put(struct buf *out, const struct masker *m, struct span bytes, int position,
	const char *reason, const struct event_origin *origin, struct event_scratch *scratch);

/* The same of an event's row that the database refuses. Size and digest are its masked text's: what
 * came is gone by then. */
void quarantine_row_put_refused(struct buf *out, struct span event_row, int position,
	const char *reason, const struct event_origin *origin);

/* The row of a whole body that was lost, by the digest that the origin has. */
void quarantine_row_put_lost(
	struct buf *out, int64_t size_bytes, const char *reason, const struct event_origin *origin);

/* Appends rows of quarantine without what events say of themselves. */
void quarantine_rows_put_bare(struct buf *out, struct span rows);

/* The places in a list that its events have: those that no row of quarantine names. */
struct quarantine_positions {
	struct span rest;
	int next;
};
struct quarantine_positions quarantine_positions(struct span quarantine_rows);
/* Of the first event, the second … */
int quarantine_next_position(struct quarantine_positions *p);
