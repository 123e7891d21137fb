/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change on its way to what people see: hold_change.c masks both objects, hold_change_lines.c
 * makes lines of their differences, hold_change_put.c writes them, and hold_change_hidden.c what
 * they hide.
 */
#pragma once

#include "common/display/display.h"
#include "common/display/display_part.h"
#include "policy/review/change.h"
#include "webhook/hold/hold_change.h"

/* A place in an object; a chain, so that a long way is kept once for all that lies below it. */
struct place {
	const struct place *parent; /* NULL: the root */
	struct change_step step;
	int64_t index; /* of a list whose elements have no names; -1: see step */
	struct display_where where;
	unsigned depth;
};

enum line_kind {
	LINE_VALUE,
	LINE_ORDER,
	LINE_OPENS, /* a new element of a list, told in lines of its own */
	LINE_CLOSES,
};

struct line {
	const struct place *at;
	enum line_kind kind;
	enum display_part part;
	uint32_t number;
	json_ref before, after; /* JSON_NONE: not there */
	struct span put_after;	/* change.h: place */
	const char *by;
};

/* One object, masked and read again. */
struct side {
	struct buf text;
	struct json_doc doc;
	uint16_t *parts; /* of each value: a bit for each part in it, itself included */
};

struct view {
	const struct masker *m;
	const struct policy_request *r;
	struct arena *arena;
	struct buf *out;
	struct side before, after;
	struct mask_words *words; /* what masking took out, as it was */
	struct line *lines;
	size_t line_count, line_cap;
	size_t limit; /* of out->len */
	bool cut;
};

/* ---- hold_change_lines.c: -1: the arena is full ---- */

/* The differences between both sides, sorted by what they can do. */
int hold_change_compare(struct view *v) _must_check_;
/* All of one side. */
int hold_change_whole(struct view *v, bool is_before) _must_check_;

/* ---- hold_change_put.c ---- */

/* "changes":[…], and what is not in it. Fills unseen. */
void hold_change_put_lines(struct view *v, struct buf *unseen);

/* ---- hold_change_hidden.c ---- */

/* "hidden":{…}, for a line whose values have something masked in them. */
void hold_change_put_hidden(struct view *v, const struct line *l);

/* ---- hold_change_summary.c ---- */

/* "summary":{…}: what a deletion takes away. */
void hold_change_put_summary(struct view *v);
