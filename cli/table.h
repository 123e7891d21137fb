/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and colours for people.
 *
 * A table fits the terminal, or 100 columns where the output is no terminal; cells of columns that
 * may shrink are cut with "…". What comes from the cluster or the database is shown without control
 * or direction-changing characters, so that no name can rewrite an approver's screen.
 */
#pragma once

#include <stdio.h>

#include "common/base/buf.h"

struct table_column {
	const char *title;
	unsigned shrinks; /* 0: never; 1: first, down to 12 columns; 2: only when that is not enough
			   */
	bool right;	  /* aligned to the right */
};

struct table;

/* columns stay the caller's. wide: nothing is ever cut. */
struct table *table_new(const struct table_column *columns, size_t count, bool wide);
void table_free(struct table *t);
DEFINE_CLEANUP(struct table *, table_free)

/* One cell after the other, left to right, row by row; text is copied. colour may be NULL. */
void table_add(struct table *t, const char *text, const char *colour);

void table_print(const struct table *t, FILE *out);

/* Escape sequence for a colour on out, or "" when out is no terminal or NO_COLOR is set. */
enum colour { COLOUR_NONE, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_BOLD, COLOUR_DIM };
const char *colour_on(enum colour c, FILE *out);
const char *colour_off(FILE *out);

/* "12s", "5m", "3h12m", "4d" as kubectl writes ages. */
const char *age_text(int64_t seconds, char ret[24]);

/* Prints text by utf8_put_printable(). */
void print_printable(FILE *out, const char *text);
