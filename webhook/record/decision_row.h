/* SPDX-License-Identifier: Apache-2.0 */
/* The form in which a decision record is queued and sent: one row of a binary COPY
 * (common/pg/copy_binary.h). */
#pragma once

#include "webhook/record/recorder.h"

/* The COPY that the rows are for. */
extern const char decision_row_copy_sql[];

/*
 * By how much the database's clock is ahead of ours (microseconds), as guard_watch learns once a
 * minute. A row's recorded_at must be about now there, or it is refused: where ours is off by more
 * than a minute, it is corrected by that. `time` stays what our clock says. Threads: any.
 */
void decision_row_set_clock(int64_t ahead_us);

/* Appends the record as a row. b->failed: it did not fit, what is there now is a part of it. */
void decision_row_put(
	struct buf *b, const char *cluster, const char *instance, const struct decision_record *r);
