/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/review/index_path.h"

#include <stdlib.h>

/* ---- paths ---- */

static bool is_of_step(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* How long the step at its beginning is, "." before it not counted; 0: there is none. */
static size_t step_len(struct span s)
{
	size_t n = 0;

	if (s.len > 0 && s.ptr[0] == '[') {
		const char *end = s.len > 3 && s.ptr[1] == '\''
					  ? memmem(s.ptr + 2, s.len - 2, "']", 2)
					  : NULL;
		return end && end > s.ptr + 2 ? (size_t)(end - s.ptr) + 2 : 0;
	}
	while (n < s.len && is_of_step(s.ptr[n]))
		n++;
	return n;
}

bool index_path_next(struct span *path, struct span *ret_step)
{
	struct span s = *path;

	if (s.len > 0 && s.ptr[0] == '.')
		s = (struct span){s.ptr + 1, s.len - 1};
	const size_t len = step_len(s);
	if (len == 0)
		return false;
	*ret_step = s.ptr[0] == '[' ? (struct span){s.ptr + 2, len - 4} : (struct span){s.ptr, len};
	*path = (struct span){s.ptr + len, s.len - len};
	return true;
}

const char *index_path_wrong(struct span path, size_t *ret_at)
{
	struct span rest = path, step;
	unsigned steps = 0;

	for (; rest.len > 0; steps++) {
		const bool dot = rest.ptr[0] == '.';

		*ret_at = path.len - rest.len;
		if (rest.len > 1 && memcmp(rest.ptr, "[]", 2) == 0)
			return "a list stands for all of its elements: leave \"[]\" out";
		if (steps == INDEX_STEPS_MAX)
			return "the path has more than 16 steps";
		if (dot == (steps == 0) && rest.ptr[0] != '[')
			return "a path is written as spec.rules.host";
		if ((dot && rest.len > 1 && rest.ptr[1] == '[') || !index_path_next(&rest, &step))
			return "a path is written as spec.rules.host, other names as "
			       "metadata.labels['example.com/name']";
	}
	*ret_at = 0;
	return steps == 0 ? "the path is empty" : NULL;
}

/* ---- keys ---- */

struct keys {
	const struct json_doc *d;
	struct arena *arena;
	struct span *items;
	size_t count, room;
	bool failed;
};

static void add(struct keys *k, struct span key)
{
	if (key.len == 0 || k->failed)
		return;
	if (k->count == k->room) {
		const size_t room = k->room > 0 ? 2 * k->room : 8;
		struct span *more = arena_resize(
			k->arena, k->items, k->room * sizeof(*more), room * sizeof(*more));

		k->failed = !more;
		if (!more)
			return;
		k->items = more;
		k->room = room;
	}
	k->items[k->count++] = key;
}

static void add_string(struct keys *k, json_ref at)
{
	const struct span s = json_string(k->d, at, k->arena);

	k->failed |= !s.ptr;
	add(k, s.ptr ? s : SPAN(""));
}

/* Anything but strings in it, or too many, makes it none. */
static void add_map(struct keys *k, json_ref at)
{
	struct index_pair pairs[INDEX_PAIRS_MAX];
	size_t n = 0;

	json_foreach_member (key, k->d, at) {
		if (n == INDEX_PAIRS_MAX || json_type(k->d, key + 1) != JSON_STRING)
			return;
		pairs[n].name = json_string(k->d, key, k->arena);
		pairs[n].value = json_string(k->d, key + 1, k->arena);
		k->failed |= !pairs[n].name.ptr || !pairs[n].value.ptr;
		n++;
	}
	if (n == 0 || k->failed)
		return;
	const struct span whole = index_path_map_key(pairs, n, k->arena);
	k->failed |= !whole.ptr;
	add(k, whole);
}

static void add_value(struct keys *k, json_ref at)
{
	switch (json_type(k->d, at)) {
	case JSON_STRING:
		add_string(k, at);
		break;
	case JSON_OBJECT:
		add_map(k, at);
		break;
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		add(k, json_text(k->d, at));
		break;
	default:
		break;
	}
}

/* Bounded by the document, which is: lists in lists, and the path's steps. */
static void walk(struct keys *k, json_ref at, struct span path)
{
	struct span step;

	if (json_type(k->d, at) == JSON_ARRAY)
		json_foreach (item, k->d, at)
			walk(k, item, path);
	else if (!index_path_next(&path, &step))
		add_value(k, at);
	else if (json_type(k->d, at) == JSON_OBJECT)
		walk(k, json_get(k->d, at, step), path);
}

int index_path_compare(struct span a, struct span b)
{
	const size_t len = a.len < b.len ? a.len : b.len;
	const int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_bytes(const void *a, const void *b)
{
	return index_path_compare(*(const struct span *)a, *(const struct span *)b);
}

int index_path_keys(const struct json_doc *d, json_ref object, struct span path,
	struct arena *arena, struct span **ret, size_t *ret_count)
{
	struct keys k = {.d = d, .arena = arena};
	size_t kept = 0;

	walk(&k, object, path);
	if (k.count > 1)
		qsort(k.items, k.count, sizeof(*k.items), by_bytes);
	for (size_t i = 0; i < k.count; i++)
		if (kept == 0 || !span_eq(k.items[kept - 1], k.items[i]))
			k.items[kept++] = k.items[i];
	*ret = k.items;
	*ret_count = kept;
	return k.failed ? -1 : 0;
}

struct span index_path_map_key(struct index_pair *pairs, size_t count, struct arena *arena)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		const struct index_pair one = pairs[i];
		size_t to = i;

		for (; to > 0 && index_path_compare(pairs[to - 1].name, one.name) > 0; to--)
			pairs[to] = pairs[to - 1];
		pairs[to] = one;
		len += one.name.len + one.value.len + 2;
	}
	char *text = arena_alloc(arena, len + 1), *end = text;
	for (size_t i = 0; text && i < count; i++) {
		if (i > 0)
			*end++ = ',';
		end = mempcpy(end, pairs[i].name.ptr, pairs[i].name.len);
		*end++ = '=';
		end = mempcpy(end, pairs[i].value.ptr, pairs[i].value.len);
	}
	return (struct span){text, text ? (size_t)(end - text) : 0};
}
