/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines out of differences and objects. A value is split into its members and elements for as long
 * as they belong to different parts, or it is too large for one line: so the most dangerous field
 * stands first, however deep it lies, and every byte is in exactly one line. The work is linear in
 * the size of both objects: parts are found once for each value, and ways are chains.
 */
#include <stdlib.h>

#include "webhook/hold/hold_change_internal.h"

#define ONE_LINE	120   /* bytes of a value that is not split without need */
#define SPLIT_MAX	20000 /* so many lines, and large values stay whole if they are of one part */
#define ALL_PARTS(part) ((uint16_t)(1u << (part)))

static bool is_container(const struct json_doc *d, json_ref r)
{
	return json_type(d, r) == JSON_OBJECT || json_type(d, r) == JSON_ARRAY;
}

/* ---- parts ---- */

static struct display_where element_of(struct display_where list)
{
	return list;
}

/* Fills side->parts of r and all below. */
static uint16_t find_parts(
	struct view *v, struct side *side, json_ref r, struct display_where where)
{
	const struct json_doc *d = &side->doc;
	struct span resource = v->r->resource;
	uint16_t found = 0;

	if (where.state == WHERE_SETTLED || json_node(d, r)->count == 0 || !is_container(d, r)) {
		for (json_ref i = r; i < json_next(d, r); i++)
			side->parts[i] = ALL_PARTS(where.part);
		return ALL_PARTS(where.part);
	}
	if (json_type(d, r) == JSON_ARRAY) {
		json_foreach (e, d, r) {
			found |= find_parts(v, side, e, element_of(where));
		}
	} else {
		json_foreach_member (k, d, r) {
			struct arena_mark mark = arena_mark(v->arena);
			struct span key = json_string(d, k, v->arena);

			found |= find_parts(v, side, k + 1,
				display_where_member(where, key.ptr ? key : SPAN(""), resource));
			arena_rewind(v->arena, mark);
		}
	}
	side->parts[r] = found;
	return found;
}

static int prepare(struct view *v, struct side *side)
{
	if (side->doc.node_count == 0)
		return 0;
	side->parts = arena_calloc(v->arena, side->doc.node_count, sizeof(*side->parts));
	if (!side->parts)
		return -1;
	find_parts(v, side, JSON_ROOT, display_where_root());
	return 0;
}

static enum display_part first_part(uint16_t parts)
{
	for (enum display_part p = 0; p < PARTS; p++)
		if (parts & ALL_PARTS(p))
			return p;
	return PART_SPEC;
}

/* ---- places ---- */

static const struct place *place_below(
	struct view *v, const struct place *parent, struct change_step step, int64_t index)
{
	struct place *p = arena_alloc(v->arena, sizeof(*p));
	struct display_where above = parent ? parent->where : display_where_root();

	if (!p)
		return NULL;
	*p = (struct place){parent, step, index,
		step.element || index >= 0
			? element_of(above)
			: display_where_member(above, step.member, v->r->resource),
		parent ? parent->depth + 1 : 1};
	return p;
}

/* ---- lines ---- */

static int add_line(struct view *v, struct line l)
{
	if (v->line_count == v->line_cap) {
		size_t cap = v->line_cap ? v->line_cap * 2 : 64;
		struct line *lines = arena_alloc(v->arena, cap * sizeof(*lines));

		if (!lines)
			return -1;
		if (v->line_count > 0)
			memcpy(lines, v->lines, v->line_count * sizeof(*lines));
		v->lines = lines;
		v->line_cap = cap;
	}
	l.number = (uint32_t)v->line_count;
	v->lines[v->line_count++] = l;
	return 0;
}

static uint16_t parts_of(const struct view *v, json_ref before, json_ref after)
{
	return (before != JSON_NONE ? v->before.parts[before] : 0) |
	       (after != JSON_NONE ? v->after.parts[after] : 0);
}

static int add_value(struct view *v, const struct place *at, json_ref before, json_ref after,
	struct span put_after)
{
	return add_line(v, (struct line){.at = at,
				   .part = first_part(parts_of(v, before, after)),
				   .before = before,
				   .after = after,
				   .put_after = put_after});
}

static int split(struct view *v, bool is_before, const struct place *at, json_ref r);

static int split_object(struct view *v, bool is_before, const struct place *at, json_ref r)
{
	const struct json_doc *d = is_before ? &v->before.doc : &v->after.doc;
	struct change_member *m;
	uint32_t n;

	if (change_sorted_members(d, r, v->arena, &m, &n) != 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		const struct change_step step = {.member = m[i].key};
		const struct place *p = place_below(v, at, step, -1);

		if (!p || split(v, is_before, p, m[i].value) != 0)
			return -1;
	}
	return 0;
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int rc = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);

	return rc != 0 ? rc : (x->len > y->len) - (x->len < y->len);
}

/* The elements' names, when each has one of its own: 1; 0: not so; -1: the arena is full. */
static int names_of(const struct json_doc *d, json_ref list, struct arena *arena, struct span *ret)
{
	uint32_t n = json_node(d, list)->count, i = 0;
	struct span *sorted = arena_calloc(arena, n, sizeof(*sorted));

	if (!sorted)
		return -1;
	json_foreach (e, d, list) {
		json_ref name = json_get_str(d, e, "name");

		if (json_type(d, name) != JSON_STRING || json_node(d, name)->escaped)
			return 0;
		ret[i++] = json_text(d, name);
	}
	memcpy(sorted, ret, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_spans);
	for (i = 1; i < n; i++)
		if (span_eq(sorted[i - 1], sorted[i]))
			return 0;
	return 1;
}

static int split_array(struct view *v, bool is_before, const struct place *at, json_ref r)
{
	const struct json_doc *d = is_before ? &v->before.doc : &v->after.doc;
	struct span *names = arena_calloc(v->arena, json_node(d, r)->count, sizeof(*names));
	int named = names ? names_of(d, r, v->arena, names) : -1;
	int64_t i = 0;

	if (named < 0)
		return -1;
	/* Their fields end up in different parts: the order of the elements is a line of its own.
	 */
	if (named && json_node(d, r)->count > 1 &&
		add_line(v,
			(struct line){.at = at,
				.kind = LINE_ORDER,
				.part = first_part((is_before ? &v->before : &v->after)->parts[r]),
				.before = is_before ? r : JSON_NONE,
				.after = is_before ? JSON_NONE : r,
				.by = "name"}) != 0)
		return -1;
	json_foreach (e, d, r) {
		const struct change_step step = {
			.member = SPAN("name"), .element = named, .identity = names[i]};
		const struct place *p = place_below(v, at, step, named ? -1 : i);

		if (!p || split(v, is_before, p, e) != 0)
			return -1;
		i++;
	}
	return 0;
}

static bool has_containers(const struct json_doc *d, json_ref list)
{
	json_foreach (e, d, list) {
		if (is_container(d, e))
			return true;
	}
	return false;
}

static bool is_split(const struct view *v, const struct side *side, json_ref r)
{
	const struct json_doc *d = &side->doc;
	uint16_t parts = side->parts[r];

	if (!is_container(d, r) || json_node(d, r)->count == 0)
		return false;
	if (json_type(d, r) == JSON_ARRAY && !has_containers(d, r))
		return false;
	if (parts & (parts - 1)) /* of several parts */
		return true;
	return json_node(d, r)->len > ONE_LINE && v->line_count < SPLIT_MAX;
}

static int split(struct view *v, bool is_before, const struct place *at, json_ref r)
{
	const struct side *side = is_before ? &v->before : &v->after;
	json_ref before = is_before ? r : JSON_NONE, after = is_before ? JSON_NONE : r;

	if (!is_split(v, side, r))
		return add_value(v, at, before, after, (struct span){0});
	return json_type(&side->doc, r) == JSON_OBJECT ? split_object(v, is_before, at, r)
						       : split_array(v, is_before, at, r);
}

static int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static void sort(struct view *v)
{
	if (v->line_count > 1)
		qsort(v->lines, v->line_count, sizeof(*v->lines), compare_lines);
}

/* ---- whole objects ---- */

/* Who manages which field since when says nothing of the change. */
static bool is_noise(struct span key, bool in_metadata)
{
	return in_metadata && span_eq(key, SPAN("managedFields"));
}

static int split_root(struct view *v, bool is_before, const struct place *at, json_ref r)
{
	const struct json_doc *d = is_before ? &v->before.doc : &v->after.doc;
	struct change_member *m;
	uint32_t n;

	if (json_type(d, r) != JSON_OBJECT)
		return split(v, is_before, at, r);
	if (change_sorted_members(d, r, v->arena, &m, &n) != 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		bool metadata = !at && span_eq(m[i].key, SPAN("metadata"));
		const struct place *p;
		int rc;

		if (is_noise(m[i].key, at != NULL))
			continue;
		p = place_below(v, at, (struct change_step){.member = m[i].key}, -1);
		if (!p)
			return -1;
		rc = metadata ? split_root(v, is_before, p, m[i].value)
			      : split(v, is_before, p, m[i].value);
		if (rc != 0)
			return -1;
	}
	return 0;
}

int hold_change_whole(struct view *v, bool is_before)
{
	if (prepare(v, is_before ? &v->before : &v->after) != 0 ||
		split_root(v, is_before, NULL, JSON_ROOT) != 0)
		return -1;
	sort(v);
	return 0;
}

/* ---- differences ---- */

struct comparison {
	struct view *v;
	const struct place *last[CHANGE_DEPTH_MAX + 1]; /* the way to the last difference */
	size_t depth;
};

static bool same_step(const struct place *p, const struct change_step *s)
{
	return p->step.element == s->element && span_eq(p->step.member, s->member) &&
	       span_eq(p->step.identity, s->identity);
}

/* The place that a difference's path leads to; what it shares with the last one is kept once. */
static const struct place *place_of(struct comparison *c, const struct change *ch)
{
	size_t i = 0;

	while (i < ch->depth && i < c->depth && same_step(c->last[i], &ch->path[i]))
		i++;
	for (; i < ch->depth; i++) {
		c->last[i] = place_below(c->v, i > 0 ? c->last[i - 1] : NULL, ch->path[i], -1);
		if (!c->last[i])
			return NULL;
	}
	c->depth = ch->depth;
	return ch->depth > 0 ? c->last[ch->depth - 1] : NULL;
}

/* All of an element that is new, or of a value that is gone. */
static int add_one_sided(struct view *v, const struct place *at, const struct change *ch)
{
	bool is_before = ch->after == JSON_NONE;
	json_ref r = is_before ? ch->before : ch->after;
	const struct side *side = is_before ? &v->before : &v->after;

	if (!is_split(v, side, r))
		return add_value(v, at, ch->before, ch->after, ch->place);
	if ((is_before || ch->place.ptr) &&
		add_line(v, (struct line){.at = at,
				    .kind = is_before ? LINE_CLOSES : LINE_OPENS,
				    .part = first_part(side->parts[r]),
				    .before = JSON_NONE,
				    .after = JSON_NONE,
				    .put_after = ch->place}) != 0)
		return -1;
	return split(v, is_before, at, r);
}

static int take_difference(const struct change *ch, void *userdata)
{
	struct comparison *c = userdata;
	struct view *v = c->v;
	const struct place *at = place_of(c, ch);

	if (!at && ch->depth > 0)
		return -1;
	if (ch->kind == CHANGE_ORDER)
		return add_line(v, (struct line){.at = at,
					   .kind = LINE_ORDER,
					   .part = first_part(parts_of(v, ch->before, ch->after)),
					   .before = ch->before,
					   .after = ch->after,
					   .by = ch->by});
	if (ch->before == JSON_NONE || ch->after == JSON_NONE)
		return add_one_sided(v, at, ch);
	return add_value(v, at, ch->before, ch->after, ch->place);
}

int hold_change_compare(struct view *v)
{
	struct comparison *c = arena_calloc(v->arena, 1, sizeof(*c));

	if (!c || prepare(v, &v->before) != 0 || prepare(v, &v->after) != 0)
		return -1;
	c->v = v;
	if (change_walk((struct change_side){&v->before.doc, JSON_ROOT},
		    (struct change_side){&v->after.doc, JSON_ROOT}, change_counts_status(v->r),
		    v->arena, take_difference, c) != 0)
		return -1;
	sort(v);
	return 0;
}
