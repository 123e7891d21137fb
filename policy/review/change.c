/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences between two objects, as change.h tells. A recursive walk over both tapes at once:
 * members merged in the order of their keys, lists paired by identity, and where the texts of two
 * values are the same bytes nothing below is looked at, which is nearly everywhere.
 */
#include "policy/review/change.h"

#include <stdio.h>

struct walk {
	const struct json_doc *before;
	const struct json_doc *after;
	struct arena *arena;
	change_fn fn;
	void *userdata;
	bool with_status;
	size_t depth;
	struct change_step path[CHANGE_DEPTH_MAX];
};

/* An element of a list and the value that identifies it. */
struct element {
	struct span identity; /* JSON text */
	json_ref ref;
	uint32_t index;
};

struct list {
	struct element *by_identity; /* sorted */
	struct element *by_index;
	uint32_t count;
};

/* What may identify the elements of a list, first fit; the merge keys of Kubernetes' own types. */
static const char *const identifying[] = {"name", "mountPath", "devicePath", "containerPort",
	"port", "key", "type", "uid", "ip", "topologyKey"};

static const char *const managed_metadata[] = {"uid", "resourceVersion", "generation",
	"creationTimestamp", "deletionTimestamp", "managedFields", "selfLink"};

static int diff(struct walk *w, json_ref before, json_ref after, struct span place);

static int span_compare(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int rc = n ? memcmp(a.ptr, b.ptr, n) : 0;

	if (rc != 0)
		return rc;
	return (a.len > b.len) - (a.len < b.len);
}

bool change_is_server_managed(struct span key, bool in_metadata, bool with_status)
{
	if (!in_metadata)
		return !with_status && span_eq(key, SPAN("status"));
	for (size_t i = 0; i < ARRAY_LEN(managed_metadata); i++)
		if (span_eq_str(key, managed_metadata[i]))
			return true;
	return false;
}

bool change_counts_status(const struct policy_request *r)
{
	if (span_eq(r->subresource, SPAN("scale")))
		return false;
	return r->api_group.len > 0 || !span_eq(r->resource, SPAN("pods")) ||
	       !span_eq(r->subresource, SPAN("resize"));
}

static int compare_members(const void *a, const void *b)
{
	return span_compare(
		((const struct change_member *)a)->key, ((const struct change_member *)b)->key);
}

int change_sorted_members(const struct json_doc *d, json_ref o, struct arena *arena,
	struct change_member **ret, uint32_t *ret_count)
{
	uint32_t n = 0;
	struct change_member *m;

	if (json_type(d, o) != JSON_OBJECT || json_node(d, o)->count == 0) {
		*ret = NULL;
		*ret_count = 0;
		return 0;
	}
	m = arena_calloc(arena, json_node(d, o)->count, sizeof(*m));
	if (!m)
		return -1;
	json_foreach_member (k, d, o) {
		m[n] = (struct change_member){json_string(d, k, arena), k + 1};
		if (!m[n++].key.ptr)
			return -1;
	}
	qsort(m, n, sizeof(*m), compare_members);
	*ret = m;
	*ret_count = n;
	return 0;
}

/* ---- equality by value ---- */

static int values_equal(struct walk *w, json_ref a, json_ref b);

static int arrays_equal(struct walk *w, json_ref a, json_ref b)
{
	json_ref x = a + 1, y = b + 1;

	for (uint32_t n = json_node(w->before, a)->count; n > 0; n--) {
		int rc = values_equal(w, x, y);

		if (rc != 1)
			return rc;
		x = json_next(w->before, x);
		y = json_next(w->after, y);
	}
	return 1;
}

static int objects_equal(struct walk *w, json_ref a, json_ref b)
{
	struct arena_mark mark = arena_mark(w->arena);
	struct change_member *x, *y;
	uint32_t n, m;
	int rc = 1;

	if (change_sorted_members(w->before, a, w->arena, &x, &n) != 0 ||
		change_sorted_members(w->after, b, w->arena, &y, &m) != 0)
		return -1;
	for (uint32_t i = 0; i < n && rc == 1; i++)
		rc = span_eq(x[i].key, y[i].key) ? values_equal(w, x[i].value, y[i].value) : 0;
	arena_rewind(w->arena, mark);
	return rc;
}

static int strings_equal(struct walk *w, json_ref a, json_ref b)
{
	struct arena_mark mark = arena_mark(w->arena);
	struct span x = json_string(w->before, a, w->arena);
	struct span y = json_string(w->after, b, w->arena);
	int rc = !x.ptr || !y.ptr ? -1 : span_eq(x, y);

	arena_rewind(w->arena, mark);
	return rc;
}

/* 1, 0, or -1 when the arena is full. Depth is bounded by the reader's limit. */
static int values_equal(struct walk *w, json_ref a, json_ref b)
{
	int type = json_type(w->before, a);

	if (type != json_type(w->after, b))
		return 0;
	if (span_eq(json_text(w->before, a), json_text(w->after, b)))
		return 1;
	switch (type) {
	case JSON_NUMBER:
		return change_numbers_equal(json_text(w->before, a), json_text(w->after, b));
	case JSON_STRING:
		return strings_equal(w, a, b);
	case JSON_ARRAY:
		return json_node(w->before, a)->count == json_node(w->after, b)->count
			       ? arrays_equal(w, a, b)
			       : 0;
	case JSON_OBJECT:
		return json_node(w->before, a)->count == json_node(w->after, b)->count
			       ? objects_equal(w, a, b)
			       : 0;
	default:
		return 1;
	}
}

/* ---- differences ---- */

static int emit(struct walk *w, struct change c)
{
	c.path = w->path;
	c.depth = w->depth;
	return w->fn(&c, w->userdata);
}

static int emit_value(struct walk *w, json_ref before, json_ref after, struct span place)
{
	return emit(w, (struct change){.kind = after == JSON_NONE ? CHANGE_REMOVED : CHANGE_SET,
			       .before = before,
			       .after = after,
			       .place = place});
}

/* Is the member `key` of the object that the path leads to none of the requester's doing? */
static bool left_out(const struct walk *w, struct span key)
{
	if (w->depth == 0)
		return change_is_server_managed(key, false, w->with_status);
	return w->depth == 1 && !w->path[0].element &&
	       span_eq(w->path[0].member, SPAN("metadata")) &&
	       change_is_server_managed(key, true, w->with_status);
}

static int diff_member(struct walk *w, struct span key, json_ref before, json_ref after)
{
	int rc;

	if (left_out(w, key))
		return 0;
	w->path[w->depth++] = (struct change_step){.member = key};
	rc = diff(w, before, after, (struct span){0});
	w->depth--;
	return rc;
}

static int diff_objects(struct walk *w, json_ref before, json_ref after)
{
	struct change_member *x, *y;
	uint32_t n, m, i = 0, j = 0;
	int rc = 0;

	if (change_sorted_members(w->before, before, w->arena, &x, &n) != 0 ||
		change_sorted_members(w->after, after, w->arena, &y, &m) != 0)
		return -1;
	while (rc == 0 && (i < n || j < m)) {
		int order = i == n ? 1 : j == m ? -1 : span_compare(x[i].key, y[j].key);
		struct span key = order <= 0 ? x[i].key : y[j].key;
		json_ref a = order <= 0 ? x[i++].value : JSON_NONE;
		json_ref b = order >= 0 ? y[j++].value : JSON_NONE;

		rc = diff_member(w, key, a, b);
	}
	return rc;
}

static int compare_elements(const void *a, const void *b)
{
	return span_compare(
		((const struct element *)a)->identity, ((const struct element *)b)->identity);
}

/* The JSON text that stands for an identifying value in every spelling of it; absent if none. */
static struct span identity_of(const struct json_doc *d, json_ref v, struct arena *arena)
{
	struct buf b = BUF_INIT(4096);
	struct span s = {0};

	if (json_type(d, v) == JSON_NUMBER) {
		change_put_number(&b, json_text(d, v));
	} else if (json_type(d, v) == JSON_STRING) {
		if (!json_node(d, v)->escaped)
			return json_text(d, v);
		s = json_string(d, v, arena);
		if (s.ptr)
			json_put_string(&b, s);
	}
	s = (struct span){0};
	if (!b.failed && b.len > 0) {
		char *copy = arena_strndup(arena, b.ptr, b.len);

		if (copy)
			s = (struct span){copy, b.len};
	}
	buf_free(&b);
	return s;
}

/* 1: every element of the array has the member and no two share it; 0: not so; -1: arena full. */
static int list_of(const struct json_doc *d, json_ref array, const char *member,
	struct arena *arena, struct list *ret)
{
	uint32_t n = json_node(d, array)->count, i = 0;

	ret->count = n;
	ret->by_index = arena_calloc(arena, n + 1, sizeof(*ret->by_index));
	ret->by_identity = arena_calloc(arena, n + 1, sizeof(*ret->by_identity));
	if (!ret->by_index || !ret->by_identity)
		return -1;
	json_foreach (v, d, array) {
		struct span id = identity_of(d, json_get(d, v, span_of(member)), arena);

		if (!id.ptr)
			return 0;
		ret->by_index[i] = (struct element){id, v, i};
		i++;
	}
	memcpy(ret->by_identity, ret->by_index, n * sizeof(*ret->by_index));
	qsort(ret->by_identity, n, sizeof(*ret->by_identity), compare_elements);
	for (i = 1; i < n; i++)
		if (span_eq(ret->by_identity[i - 1].identity, ret->by_identity[i].identity))
			return 0;
	return 1;
}

static const struct element *list_find(const struct list *l, struct span identity)
{
	struct element key = {.identity = identity};

	if (!l->by_identity)
		return NULL;
	return bsearch(&key, l->by_identity, l->count, sizeof(key), compare_elements);
}

/* Where the new element at `index` was put among those that were there before. */
static struct span place_of(const struct list *before, const struct list *after, uint32_t index)
{
	bool others_follow = false;

	if (index == 0)
		return SPAN("start");
	for (uint32_t i = index + 1; i < after->count && !others_follow; i++)
		others_follow = list_find(before, after->by_index[i].identity) != NULL;
	if (!others_follow && list_find(before, after->by_index[index - 1].identity))
		return SPAN("end");
	return after->by_index[index - 1].identity;
}

/* Do the elements that both lists have stand in the same order in both? */
static bool same_order(const struct list *before, const struct list *after)
{
	int64_t last = -1;

	for (uint32_t i = 0; i < before->count; i++) {
		const struct element *e = list_find(after, before->by_index[i].identity);

		if (e && (int64_t)e->index < last)
			return false;
		if (e)
			last = e->index;
	}
	return true;
}

static int diff_lists(
	struct walk *w, const char *member, const struct list *before, const struct list *after)
{
	uint32_t i = 0, j = 0;
	int rc = 0;

	while (rc == 0 && (i < before->count || j < after->count)) {
		const struct element *x = i < before->count ? &before->by_identity[i] : NULL;
		const struct element *y = j < after->count ? &after->by_identity[j] : NULL;
		int order = !x ? 1 : !y ? -1 : span_compare(x->identity, y->identity);
		struct span place = {0};

		i += order <= 0;
		j += order >= 0;
		if (order > 0 && y)
			place = place_of(before, after, y->index);
		w->path[w->depth++] = (struct change_step){.member = span_of(member),
			.element = true,
			.identity = order <= 0 ? x->identity : y->identity};
		rc = diff(
			w, order <= 0 ? x->ref : JSON_NONE, order >= 0 ? y->ref : JSON_NONE, place);
		w->depth--;
	}
	return rc;
}

static int diff_arrays(struct walk *w, json_ref before, json_ref after)
{
	struct list x = {0}, y = {0};
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(identifying); i++) {
		struct arena_mark mark = arena_mark(w->arena);

		rc = list_of(w->before, before, identifying[i], w->arena, &x);
		if (rc == 1)
			rc = list_of(w->after, after, identifying[i], w->arena, &y);
		if (rc < 0)
			return -1;
		if (rc == 0) {
			arena_rewind(w->arena, mark);
			continue;
		}
		rc = diff_lists(w, identifying[i], &x, &y);
		if (rc == 0 && !same_order(&x, &y))
			rc = emit(w, (struct change){.kind = CHANGE_ORDER,
					     .before = before,
					     .after = after,
					     .by = identifying[i]});
		return rc;
	}
	return emit_value(w, before, after, (struct span){0});
}

/* Both sides of one path; either may be absent. */
static int diff(struct walk *w, json_ref before, json_ref after, struct span place)
{
	int type = json_type(w->after, after), equal;

	/* Member by member, for somebody else may have made the object before us by the next time.
	 */
	if (before == JSON_NONE && type == JSON_OBJECT && json_node(w->after, after)->count > 0 &&
		!place.ptr && w->depth < CHANGE_DEPTH_MAX)
		return diff_objects(w, before, after);
	if (before == JSON_NONE || after == JSON_NONE || type != json_type(w->before, before) ||
		w->depth >= CHANGE_DEPTH_MAX)
		return emit_value(w, before, after, place);
	if (span_eq(json_text(w->before, before), json_text(w->after, after)))
		return 0;
	if (type == JSON_OBJECT)
		return diff_objects(w, before, after);
	if (type == JSON_ARRAY && json_node(w->before, before)->count > 0 &&
		json_node(w->after, after)->count > 0) {
		equal = values_equal(w, before, after);
		return equal == 1 ? 0 : equal < 0 ? -1 : diff_arrays(w, before, after);
	}
	equal = values_equal(w, before, after);
	return equal == 1 ? 0 : equal < 0 ? -1 : emit_value(w, before, after, place);
}

int change_walk(struct change_side before, struct change_side after, bool with_status,
	struct arena *arena, change_fn fn, void *userdata)
{
	struct walk *w = arena_calloc(arena, 1, sizeof(*w));

	if (!w)
		return -1;
	w->before = before.doc;
	w->after = after.doc;
	w->arena = arena;
	w->fn = fn;
	w->userdata = userdata;
	w->with_status = with_status;
	return diff(w, before.ref, after.ref, (struct span){0});
}
