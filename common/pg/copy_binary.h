/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's binary COPY format (PostgreSQL documentation, "COPY", Binary Format), written into a
 * buffer: the caller sends a header, then for each row the number of its fields and the fields in
 * the order of the COPY's column list, then the trailer. A field that is no valid text for the
 * database cannot be written: NUL bytes become U+FFFD.
 */
#pragma once

#include "common/base/buf.h"

/* What stands before all rows, and behind them: constants, for which there is always memory. */
struct span copy_header(void);
struct span copy_trailer(void);

void copy_put_row(struct buf *out, unsigned fields);
void copy_put_null(struct buf *out);
/* An absent span is NULL. text must be UTF-8. */
void copy_put_text(struct buf *out, struct span text);
void copy_put_bytes(struct buf *out, const void *data, size_t len); /* bytea, uuid */
void copy_put_bool(struct buf *out, bool v);
void copy_put_int4(struct buf *out, int32_t v);
void copy_put_int8(struct buf *out, int64_t v);
/* timestamptz from microseconds since 1970. */
void copy_put_time(struct buf *out, int64_t unix_us);

/* text[]: begin, elements, end. An array of no elements is written as {}. */
struct copy_array {
	size_t at;
	uint32_t count;
};
struct copy_array copy_array_begin(struct buf *out);
void copy_array_add(struct buf *out, struct copy_array *a, struct span text);
/* One element of several parts, none of which has a NUL. */
void copy_array_add_parts(
	struct buf *out, struct copy_array *a, const struct span *parts, size_t count);
void copy_array_end(struct buf *out, const struct copy_array *a);

/* Overwrites the value of an int8 field, of which at is the offset that copy_int8_at() gave. */
static inline size_t copy_int8_at(const struct buf *out)
{
	return out->len + 4; /* after the length */
}
void copy_patch_int8(char *at, int64_t v);

/* ---- reading rows back that were written here ---- */

/* Takes the next row off rest. False at the end, or where the bytes are no row. */
bool copy_next_row(struct span *rest, struct span *ret_row);
/* A field of a row that copy_next_row() or its writer vouches for; absent: NULL, or not there. */
struct span copy_field(struct span row, unsigned field);
/* Which field of "a, b, c" is called name; beyond them all when none is. */
unsigned copy_column(const char *columns, const char *name);
/* -1 for what is no int4. */
int32_t copy_int4(struct span field);
