/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows that a statement gave (pg_exec() in pg_pool.h), by number or name of their columns.
 *
 * Ownership: what is read is the result's, and goes with it. Errors: a text that is no number reads
 * as 0. Threads: one at a time.
 */
#pragma once

#include "common/base/util.h"

struct pg_result;

int pg_result_rows(const struct pg_result *r);
int pg_result_columns(const struct pg_result *r);
const char *pg_result_column(const struct pg_result *r, int col); /* its name */

/* A field by the number of its column, which must be there. */
bool pg_result_is_null(const struct pg_result *r, int row, int col);
/* Text of a field, owned by the result; "" for NULL. */
const char *pg_result_str(const struct pg_result *r, int row, int col);
struct span pg_result_span(const struct pg_result *r, int row, int col);
int64_t pg_result_int(const struct pg_result *r, int row, int col);
/* The same by the column's name; of a column that is not there: NULL, "", absent, 0, false. */
bool pg_result_is_null_of(const struct pg_result *r, int row, const char *name);
const char *pg_result_str_of(const struct pg_result *r, int row, const char *name);
struct span pg_result_span_of(const struct pg_result *r, int row, const char *name);
int64_t pg_result_int_of(const struct pg_result *r, int row, const char *name);
bool pg_result_bool_of(const struct pg_result *r, int row, const char *name);

void pg_result_free(struct pg_result *r); /* NULL is fine */
DEFINE_CLEANUP(struct pg_result *, pg_result_free)
