/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of what is shown of a held change, for tests: it makes the new object again of the old
 * one and the lines, and shares no code with what compares.
 */
#pragma once

#include "unit/random_object.h"

struct step {
	enum { STEP_KEY, STEP_ELEMENT, STEP_INDEX } kind;
	const char *key; /* or the identifying member */
	size_t key_len;
	struct val *id;
	size_t index;
};

static inline struct val *read_json(const char *p, size_t len, size_t *ret_used)
{
	static const struct json_limits limits = {1 << 20, 200, 100000, false, false};
	struct json_doc d;

	ck_assert_int_eq(json_read_value(p, len, &limits, arena, &d, NULL), 0);
	*ret_used = d.len;
	return val_of(&d, JSON_ROOT);
}

static inline bool looks_like_number(const char *p, size_t len)
{
	return strspn(p, "0123456789+-.eE") >= len;
}

/* Behind "[": "key", 12, or member=identity. Returns what was read, the bracket included. */
static inline size_t read_brackets(const char *p, size_t len, struct step *ret)
{
	size_t n = 0, used;
	struct val *v;

	if (*p == '"') {
		v = read_json(p, len, &used);
		*ret = (struct step){.kind = STEP_KEY, .key = v->str, .key_len = v->len};
		ck_assert_int_eq(p[used], ']');
		return used + 1;
	}
	while (p[n] != '=' && p[n] != ']')
		n++;
	if (p[n] == ']') {
		*ret = (struct step){.kind = STEP_INDEX, .index = (size_t)strtoul(p, NULL, 10)};
		return n + 1;
	}
	*ret = (struct step){.kind = STEP_ELEMENT, .key = p, .key_len = n};
	p += ++n;
	if (*p == '"') {
		ret->id = read_json(p, len - n, &used);
	} else {
		used = (size_t)((const char *)memchr(p, ']', len - n) - p);
		ret->id = val_new(looks_like_number(p, used) ? JSON_NUMBER : JSON_STRING);
		ret->id->str = arena_strndup(arena, p, used);
		ret->id->len = used;
	}
	ck_assert_int_eq(p[used], ']');
	return n + used + 1;
}

static inline size_t read_path(struct span path, struct step *ret)
{
	size_t count = 0, at = 0;

	while (at < path.len) {
		size_t n = 0;

		ck_assert_uint_lt(count, 100);
		if (path.ptr[at] == '[') {
			at += 1 +
			      read_brackets(path.ptr + at + 1, path.len - at - 1, &ret[count++]);
			continue;
		}
		at += path.ptr[at] == '.';
		while (at + n < path.len && path.ptr[at + n] != '.' && path.ptr[at + n] != '[')
			n++;
		ret[count++] = (struct step){.kind = STEP_KEY, .key = path.ptr + at, .key_len = n};
		at += n;
	}
	return count;
}

static inline bool same(const struct val *a, const struct val *b)
{
	struct buf where = BUF_INIT(1 << 20);
	bool same = !differs(a, b, &where);

	buf_free(&where);
	return same;
}

/* Where in v the step leads; -1 nowhere. */
static inline long find_step(const struct val *v, const struct step *s)
{
	if (s->kind == STEP_KEY)
		return find_key(v, s->key, s->key_len);
	if (s->kind == STEP_INDEX)
		return v->type == JSON_ARRAY && s->index < v->count ? (long)s->index : -1;
	for (size_t i = 0; v->type == JSON_ARRAY && i < v->count; i++) {
		long id = find_key(v->kid[i], s->key, s->key_len);

		if (id >= 0 && same(v->kid[i]->kid[id], s->id))
			return (long)i;
	}
	return -1;
}

/* Puts a kid where the step says. */
static inline void add_at(struct val *v, const struct step *s, struct val *kid)
{
	if (s->kind != STEP_INDEX) {
		push(v, s->key, s->key_len, kid);
		return;
	}
	while (v->count <= s->index)
		push(v, NULL, 0, val_new(JSON_NULL)); /* told of later */
	v->kid[s->index] = kid;
}

/* The parent of what the path leads to; what is missing on the way is made when `make`. */
static inline struct val *walk_to(
	struct val *root, const struct step *steps, size_t count, bool make)
{
	struct val *v = root;

	for (size_t i = 0; i + 1 < count; i++) {
		long at = find_step(v, &steps[i]);

		if (at < 0) {
			struct val *kid =
				val_new(steps[i + 1].kind == STEP_KEY ? JSON_OBJECT : JSON_ARRAY);

			ck_assert_msg(make, "a way that leads nowhere");
			if (steps[i].kind == STEP_ELEMENT)
				push(kid, steps[i].key, steps[i].key_len, steps[i].id);
			add_at(v, &steps[i], kid);
			at = steps[i].kind == STEP_INDEX ? (long)steps[i].index
							 : (long)v->count - 1;
		} else if (make && v->kid[at]->type == JSON_NULL) {
			v->kid[at] =
				val_new(steps[i + 1].kind == STEP_KEY ? JSON_OBJECT : JSON_ARRAY);
		}
		v = v->kid[at];
	}
	return v;
}

struct shown_line {
	struct step steps[100];
	size_t depth;
	struct val *old, *new, *order, *after, *by;
	bool has_place, done, opens, closes, cut;
	struct span place;
	struct span path;
};

static struct shown_line *lines;
static size_t line_count;

static inline struct val *member(const struct json_doc *d, json_ref line, const char *key)
{
	json_ref r = json_get(d, line, span_of(key));

	return r == JSON_NONE ? NULL : val_of(d, r);
}

static inline void read_lines(const struct json_doc *d)
{
	json_ref changes = json_get_str(d, JSON_ROOT, "changes");
	size_t n = 0;

	line_count = changes == JSON_NONE ? 0 : json_node(d, changes)->count;
	lines = arena_calloc(arena, line_count + 1, sizeof(*lines));
	ck_assert_ptr_nonnull(lines);
	json_foreach (l, d, changes) {
		struct shown_line *s = &lines[n++];

		s->path = json_string(d, json_get_str(d, l, "path"), arena);
		s->depth = read_path(s->path, s->steps);
		s->old = member(d, l, "old");
		s->new = member(d, l, "new");
		s->order = member(d, l, "order");
		s->by = member(d, l, "by");
		s->after = member(d, l, "after");
		s->place = json_string(d, json_get_str(d, l, "place"), arena);
		s->has_place = s->place.ptr || s->after;
		s->opens = json_get_str(d, l, "opens") != JSON_NONE;
		s->closes = json_get_str(d, l, "closes") != JSON_NONE;
		s->cut = json_get_str(d, l, "oldCut") != JSON_NONE ||
			 json_get_str(d, l, "newCut") != JSON_NONE;
	}
}

/* Every old value that is shown must be the one that was there. */
static inline void check_old(struct val *old)
{
	for (size_t i = 0; i < line_count; i++) {
		struct shown_line *l = &lines[i];
		struct val *parent;
		long at;

		if (!l->old)
			continue;
		ck_assert_uint_gt(l->depth, 0);
		parent = walk_to(old, l->steps, l->depth, false);
		at = find_step(parent, &l->steps[l->depth - 1]);
		ck_assert_msg(at >= 0 && same(parent->kid[at], l->old), "%.*s was not that",
			SPAN_FMT(l->path));
	}
}

/* Puts a new element where it is said to be; false: the one before it is not there yet. */
static inline bool place(struct shown_line *l, struct val *list, struct val *element)
{
	const struct step *s = &l->steps[l->depth - 1];
	struct step before = *s;
	long at;

	if (span_eq(l->place, SPAN("start"))) {
		push_at(list, 0, NULL, 0, element);
		return true;
	}
	if (span_eq(l->place, SPAN("end"))) {
		push(list, NULL, 0, element);
		return true;
	}
	before.id = l->after;
	at = find_step(list, &before);
	if (at < 0)
		return false;
	push_at(list, (size_t)at + 1, NULL, 0, element);
	return true;
}

static inline struct val *opened(const struct shown_line *l)
{
	const struct step *s = &l->steps[l->depth - 1];
	struct val *v = val_new(JSON_OBJECT);

	push(v, s->key, s->key_len, s->id);
	return v;
}

static inline void apply_line(struct val *root, struct shown_line *l)
{
	struct val *parent = walk_to(root, l->steps, l->depth, l->new != NULL);
	const struct step *s = &l->steps[l->depth - 1];
	long at = find_step(parent, s);

	if (l->new &&at >= 0)
		parent->kid[at] = l->new;
	else if (l->new)
		add_at(parent, s, l->new);
	else if (at >= 0)
		drop(parent, (size_t)at);
}

static inline void remove_gone(struct val *root)
{
	for (size_t i = 0; i < line_count; i++) {
		struct shown_line *l = &lines[i];
		struct val *parent;
		long at;

		if (!l->closes)
			continue;
		parent = walk_to(root, l->steps, l->depth, false);
		at = find_step(parent, &l->steps[l->depth - 1]);
		ck_assert_int_ge(at, 0);
		drop(parent, (size_t)at);
		l->done = true;
		/* what was in it is told below */
		for (size_t k = 0; k < line_count; k++)
			if (lines[k].path.len > l->path.len &&
				!lines[k].new &&memcmp(
					lines[k].path.ptr, l->path.ptr, l->path.len) == 0 &&
				strchr(".[", lines[k].path.ptr[l->path.len]))
				lines[k].done = true;
	}
}

static inline void insert_new(struct val *root)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < line_count; i++) {
			struct shown_line *l = &lines[i];
			struct val *element;

			if (l->done || !l->has_place)
				continue;
			element = l->opens ? opened(l) : val_copy(l->new);
			if (!place(l, walk_to(root, l->steps, l->depth, true), element))
				continue;
			l->done = again = true;
		}
	}
}

/* The list in the order that is shown of it. */
static inline void put_in_order(struct val *root, struct shown_line *l)
{
	struct val *parent = walk_to(root, l->steps, l->depth, false), *list, *now;
	long at = find_step(parent, &l->steps[l->depth - 1]);

	ck_assert_int_ge(at, 0);
	list = parent->kid[at];
	now = val_new(JSON_ARRAY);
	for (size_t i = 0; i < list->count; i++)
		list->kid[i]->seen = false;
	for (size_t i = 0; i < l->order->count; i++) {
		for (size_t k = 0; k < list->count; k++) {
			struct val *e = list->kid[k];
			long id = find_key(e, l->by->str, l->by->len);

			if (e->seen || id < 0 || !same(e->kid[id], l->order->kid[i]))
				continue;
			e->seen = true;
			push(now, NULL, 0, e);
			break;
		}
	}
	parent->kid[at] = now;
}

static inline struct val *made_again(struct val *old)
{
	struct val *root = val_copy(old);

	remove_gone(root);
	/* What goes and what is changed in place, then what is new, then the order of all. */
	for (size_t i = 0; i < line_count; i++) {
		struct shown_line *l = &lines[i];

		if (l->done || l->has_place || l->order || l->cut || l->opens || l->depth == 0)
			continue;
		if (l->old || !l->new) {
			apply_line(root, l);
			l->done = true;
		}
	}
	insert_new(root);
	for (size_t i = 0; i < line_count; i++) {
		struct shown_line *l = &lines[i];

		if (!l->done && l->new && !l->has_place)
			apply_line(root, l);
	}
	for (size_t i = 0; i < line_count; i++)
		if (lines[i].order)
			put_in_order(root, &lines[i]);
	return root;
}
