/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two JSON values, as RFC 6902 operations; see json_edit.h. */
#include "policy/review/json_edit.h"

#include <stdio.h>

/* Lists whose differing middles multiply to more than this are compared element by element. */
#define MAX_CELLS 250000u

/* ---- the same ---- */

static bool same_string(const struct json_doc *a, json_ref x, const struct json_doc *b, json_ref y)
{
	const struct json_node *n = json_node(a, x), *m = json_node(b, y);
	if (!n->escaped && !m->escaped)
		return span_eq(json_raw_string(a, x), json_raw_string(b, y));
	if (!n->escaped)
		return json_string_is(b, y, json_raw_string(a, x));
	if (!m->escaped)
		return json_string_is(a, x, json_raw_string(b, y));
	if (span_eq(json_raw_string(a, x), json_raw_string(b, y)))
		return true;
	_cleanup_(arena_freep) struct arena *arena = arena_new(n->len + 64u, 2u * n->len + 4096u);
	struct span s = arena ? json_string(a, x, arena) : (struct span){0};
	return s.ptr && json_string_is(b, y, s);
}

static bool same_number(const struct json_doc *a, json_ref x, const struct json_doc *b, json_ref y)
{
	int64_t i, j;
	if (span_eq(json_text(a, x), json_text(b, y)))
		return true;
	return json_int64(a, x, &i) == 0 && json_int64(b, y, &j) == 0 && i == j;
}

/* The member of o whose key is the same as k of d. */
static json_ref same_key(
	const struct json_doc *d, json_ref k, const struct json_doc *other, json_ref o)
{
	if (!json_node(d, k)->escaped)
		return json_get(other, o, json_raw_string(d, k));
	json_foreach_member (candidate, other, o)
		if (same_string(d, k, other, candidate))
			return candidate + 1;
	return JSON_NONE;
}

static bool same_object(const struct json_doc *a, json_ref x, const struct json_doc *b, json_ref y)
{
	if (json_node(a, x)->count != json_node(b, y)->count)
		return false;
	json_foreach_member (k, a, x) {
		json_ref other = same_key(a, k, b, y);
		if (other == JSON_NONE || !json_same(a, k + 1, b, other))
			return false;
	}
	return true;
}

static bool same_array(const struct json_doc *a, json_ref x, const struct json_doc *b, json_ref y)
{
	if (json_node(a, x)->count != json_node(b, y)->count)
		return false;
	json_ref other = y + 1;
	json_foreach (item, a, x) {
		if (!json_same(a, item, b, other))
			return false;
		other = json_next(b, other);
	}
	return true;
}

bool json_same(const struct json_doc *a, json_ref x, const struct json_doc *b, json_ref y)
{
	int type = json_type(a, x);
	if (type != json_type(b, y))
		return false;
	switch (type) {
	case JSON_NUMBER:
		return same_number(a, x, b, y);
	case JSON_STRING:
		return same_string(a, x, b, y);
	case JSON_ARRAY:
		return same_array(a, x, b, y);
	case JSON_OBJECT:
		return same_object(a, x, b, y);
	default:
		return true;
	}
}

/* ---- different ---- */

struct differ {
	struct buf *out;
	struct buf path; /* where we are, as a JSON Pointer */
	const struct json_doc *a, *b;
	struct arena *arena;
	bool any;
};

static void put_operation(struct differ *d, const char *op, json_ref value)
{
	buf_add_str(d->out, d->any ? ",{\"op\":\"" : "{\"op\":\"");
	buf_add_str(d->out, op);
	buf_add_str(d->out, "\",\"path\":");
	json_put_string(d->out, buf_span(&d->path));
	if (value != JSON_NONE) {
		buf_add_str(d->out, ",\"value\":");
		buf_add_span(d->out, json_text(d->b, value));
	}
	buf_add_char(d->out, '}');
	d->any = true;
}

static size_t push_key(struct differ *d, struct span key)
{
	size_t before = d->path.len;
	buf_add_char(&d->path, '/');
	for (size_t i = 0; i < key.len; i++) {
		if (key.ptr[i] == '~')
			buf_add_str(&d->path, "~0");
		else if (key.ptr[i] == '/')
			buf_add_str(&d->path, "~1");
		else
			buf_add_char(&d->path, key.ptr[i]);
	}
	return before;
}

static size_t push_index(struct differ *d, size_t index)
{
	char text[24];
	snprintf(text, sizeof text, "%zu", index);
	return push_key(d, span_of(text));
}

static void diff(struct differ *d, json_ref x, json_ref y);

static void diff_objects(struct differ *d, json_ref x, json_ref y)
{
	json_foreach_member (k, d->a, x) {
		json_ref other = same_key(d->a, k, d->b, y);
		size_t before = push_key(d, json_string(d->a, k, d->arena));
		if (other == JSON_NONE)
			put_operation(d, "remove", JSON_NONE);
		else
			diff(d, k + 1, other);
		d->path.len = before;
	}
	json_foreach_member (k, d->b, y) {
		if (same_key(d->b, k, d->a, x) != JSON_NONE)
			continue;
		size_t before = push_key(d, json_string(d->b, k, d->arena));
		put_operation(d, "add", k + 1);
		d->path.len = before;
	}
}

struct list {
	json_ref *items;
	size_t count;
};

static struct list items_of(struct differ *d, const struct json_doc *doc, json_ref array)
{
	struct list l = {
		arena_alloc(d->arena, (json_node(doc, array)->count + 1) * sizeof(json_ref)), 0};
	json_foreach (v, doc, array)
		if (l.items)
			l.items[l.count++] = v;
	return l;
}

static void one_element(struct differ *d, size_t index, const char *op, json_ref x, json_ref y)
{
	size_t before = push_index(d, index);
	if (op)
		put_operation(d, op, y);
	else
		diff(d, x, y);
	d->path.len = before;
}

/* A stretch without common elements: changed in place as far as both go, then cut or extended. */
static void diff_gap(
	struct differ *d, size_t *index, const json_ref *x, size_t nx, const json_ref *y, size_t ny)
{
	size_t both = nx < ny ? nx : ny;
	for (size_t i = 0; i < both; i++)
		one_element(d, (*index)++, NULL, x[i], y[i]);
	for (size_t i = both; i < nx; i++)
		one_element(d, *index, "remove", JSON_NONE, JSON_NONE);
	for (size_t i = both; i < ny; i++)
		one_element(d, (*index)++, "add", JSON_NONE, y[i]);
}

/* lcs[i * (ny + 1) + j]: how many elements x from i on and y from j on have in common. */
static const uint16_t *common_lengths(
	struct differ *d, const json_ref *x, size_t nx, const json_ref *y, size_t ny)
{
	uint16_t *lcs = arena_calloc(d->arena, (nx + 1) * (ny + 1), sizeof *lcs);
	for (size_t i = nx; lcs && i-- > 0;)
		for (size_t j = ny; j-- > 0;) {
			uint16_t *at = &lcs[i * (ny + 1) + j];
			uint16_t skip_x = at[ny + 1], skip_y = at[1];
			*at = skip_x > skip_y ? skip_x : skip_y;
			if (json_same(d->a, x[i], d->b, y[j]))
				*at = (uint16_t)(at[ny + 2] + 1);
		}
	return lcs;
}

static void diff_middle(
	struct differ *d, size_t index, const json_ref *x, size_t nx, const json_ref *y, size_t ny)
{
	size_t i = 0, j = 0, from_i = 0, from_j = 0;
	const uint16_t *lcs = NULL;
	if (nx && ny && nx * ny <= MAX_CELLS && nx < UINT16_MAX && ny < UINT16_MAX)
		lcs = common_lengths(d, x, nx, y, ny);
	while (lcs && i < nx && j < ny) {
		const uint16_t *at = &lcs[i * (ny + 1) + j];
		if (json_same(d->a, x[i], d->b, y[j])) {
			diff_gap(d, &index, x + from_i, i - from_i, y + from_j, j - from_j);
			index++;
			from_i = ++i;
			from_j = ++j;
		} else if (at[ny + 1] >= at[1]) {
			i++;
		} else {
			j++;
		}
	}
	diff_gap(d, &index, x + from_i, nx - from_i, y + from_j, ny - from_j);
}

static void diff_arrays(struct differ *d, json_ref x, json_ref y)
{
	struct list p = items_of(d, d->a, x), q = items_of(d, d->b, y);
	size_t start = 0;
	if (!p.items || !q.items) {
		d->out->failed = true;
		return;
	}
	while (start < p.count && start < q.count &&
		json_same(d->a, p.items[start], d->b, q.items[start]))
		start++;
	while (p.count > start && q.count > start &&
		json_same(d->a, p.items[p.count - 1], d->b, q.items[q.count - 1])) {
		p.count--;
		q.count--;
	}
	diff_middle(d, start, p.items + start, p.count - start, q.items + start, q.count - start);
}

static void diff(struct differ *d, json_ref x, json_ref y)
{
	int type = json_type(d->a, x);
	if (json_same(d->a, x, d->b, y))
		return;
	if (type == JSON_OBJECT && json_type(d->b, y) == JSON_OBJECT)
		diff_objects(d, x, y);
	else if (type == JSON_ARRAY && json_type(d->b, y) == JSON_ARRAY)
		diff_arrays(d, x, y);
	else
		put_operation(d, "replace", y);
}

void json_diff(struct buf *out, const struct json_doc *a, json_ref x, const struct json_doc *b,
	json_ref y, struct arena *arena)
{
	struct differ d = {.out = out, .path = BUF_INIT(65536), .a = a, .b = b, .arena = arena};
	buf_add_char(out, '[');
	diff(&d, x, y);
	buf_add_char(out, ']');
	if (d.path.failed)
		out->failed = true;
	buf_free(&d.path);
}
