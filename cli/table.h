/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and colours for people.
 *
 * A table fits the terminal, or 100 columns where the output is no terminal: cells are cut with
 * "…", those that say least first (enum table_rank), and a rule's name not so far that two rules
 * look the same (table_fit.c). What comes from the cluster or the database is shown without control
 * or direction-changing characters, so that no name can rewrite an approver's screen.
 */
#pragma once

#include <stdio.h>

#include "common/base/buf.h"

/* What is cut first. A column is cut down to its title or 12 columns, then the next rank is. */
enum table_rank {
	TABLE_WHOLE,  /* never */
	TABLE_FILLER, /* what other columns or commands say, too: a reason, what a hold opens */
	TABLE_RULE,   /* names of rules and of words like them */
	TABLE_TIME,   /* local_time(): loses its seconds, without "…" */
	TABLE_NAME,   /* who */
	TABLE_OBJECT, /* what */
};

/* Which part of a cell goes. */
enum table_cut {
	TABLE_CUT_END,
	TABLE_CUT_START,  /* of paths: "…/checkout" */
	TABLE_CUT_MIDDLE, /* where both ends tell: "DELETE pods…/web-7f9c" */
};

struct table_column {
	const char *title;
	enum table_rank rank;
	enum table_cut cut;
	bool right;    /* aligned to the right */
	bool distinct; /* cells that differ stay different, for 12 columns more */
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
