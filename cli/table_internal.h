/* SPDX-License-Identifier: Apache-2.0 */
/* What table.c and table_fit.c share: the cells of a table, and how wide they are shown. */
#pragma once

#include "cli/table.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_GAP	  2 /* between columns */

struct table_cell {
	char *text;
	unsigned width;
	const char *colour;
};

struct table {
	const struct table_column *columns;
	size_t column_count;
	bool wide;
	struct table_cell *cells; /* row by row, the titles first */
	size_t count, cap;
};

/* Code points of a text. */
unsigned table_width(const char *text);

/*
 * How wide each column is shown, so that all are at most max columns wide where that can be done.
 */
void table_fit(const struct table *t, unsigned max, unsigned widths[TABLE_COLUMNS_MAX]);

/* What is shown of a cell: its two ends, which point into it, and "…" or nothing between them. */
struct table_parts {
	struct span head, tail;
	const char *between;
};
struct table_parts table_cut(
	const struct table_cell *c, const struct table_column *column, unsigned width);
