/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows for spreadsheets, as RFC 4180 has them: a line of the columns' names, then one a row, ended
 * by CR LF. What a spreadsheet would take for a formula (=, +, -, @ first) begins with "'"; what is
 * no text to look at (control characters) is "?", and a line break a space.
 */
#pragma once

#include "common/base/buf.h"
#include "common/pg/pg_result.h"

/* One cell, one line. Limits: out has failed when there was no room, or a cell is beyond a
 * megabyte. */
void csv_put_cell(struct buf *out, struct span text);
void csv_put_header(struct buf *out, const struct pg_result *r);
void csv_put_row(struct buf *out, const struct pg_result *r, int row);

/* A time in SQL, the same in each zone: 2026-01-02T16:04:09.123456Z. */
#define SQL_UTC(column)                                                                            \
	"to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
