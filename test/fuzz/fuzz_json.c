/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict reader against itself: what it accepts comes out again byte for byte, every node keeps
 * within its bounds, pointers lead back to where they came from, and the stricter the limits the
 * less is accepted. What it refuses, it says where.
 */
#include <stdio.h>

#include "common/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define POINTERS_MAX 200 /* json_put_pointer_to() is linear: not for every node of a large text */

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "violated: %s\n", what);
		abort();
	}
}

static void check_children(const struct json_doc *d, json_ref r)
{
	uint32_t count = 0;
	json_ref end = r + 1;

	json_foreach (v, d, r) {
		count++;
		end = json_next(d, v);
	}
	json_foreach_member (k, d, r) {
		check(json_type(d, k) == JSON_STRING, "a key is a string");
		count++;
		end = json_next(d, k + 1);
	}
	check(count == d->nodes[r].count, "count is the number of children");
	check(end == d->nodes[r].next, "the last child ends where the container does");
}

static void check_nodes(const struct json_doc *d)
{
	for (json_ref r = 0; r < d->node_count; r++) {
		struct span text = json_text(d, r);

		check(text.ptr >= d->text && text.ptr + text.len <= d->text + d->len,
			"a node's text is inside the text");
		check(d->nodes[r].next > r && d->nodes[r].next <= d->node_count,
			"next is in range and forward");
		check_children(d, r);
	}
}

static void check_strings(const struct json_doc *d, struct arena *arena, struct buf *out)
{
	for (json_ref r = 0; r < d->node_count; r++) {
		const struct json_limits limits = {1 << 30, 1, 1, false, false};
		struct span value = json_string(d, r, arena), again;
		struct json_doc one;

		if (!value.ptr)
			continue;
		check(json_string_is(d, r, value), "a string is its own value");
		buf_reset(out);
		json_put_string(out, value);
		if (json_read(out->ptr, out->len, &limits, arena, &one, NULL) < 0)
			check(false, "a string put is read again");
		again = json_string(&one, 0, arena);
		check(span_eq(value, again), "a string put and read again is the same");
	}
}

static void check_pointers(const struct json_doc *d, struct buf *out)
{
	json_ref step = d->node_count / POINTERS_MAX + 1;

	for (json_ref r = 0; r < d->node_count; r += step) {
		json_ref found;

		buf_reset(out);
		json_put_pointer_to(out, d, r);
		found = json_pointer(d, JSON_ROOT, buf_span(out));
		check(found == r || (found == r + 1 && json_type(d, r) == JSON_STRING),
			"the pointer to a value leads to it, to a key to its value");
	}
}

static void check_emit(const struct json_doc *d, struct buf *out)
{
	struct span root = json_text(d, JSON_ROOT);

	buf_reset(out);
	json_put_edited(out, d, JSON_ROOT, NULL, 0);
	check(span_eq(buf_span(out), root), "without edits the text comes out as it was");
	for (json_ref r = 1; r < d->node_count; r += d->node_count / 20 + 1) {
		struct json_edit edit = {r, json_text(d, r)};

		buf_reset(out);
		json_put_edited(out, d, JSON_ROOT, &edit, 1);
		check(span_eq(buf_span(out), root), "replacing a value by itself changes nothing");
	}
}

static void check_accepted(const struct json_doc *d, struct arena *arena, bool unique)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(64 << 20);
	int64_t v;

	check_nodes(d);
	check_emit(d, &out);
	check_strings(d, arena, &out);
	if (unique)
		check_pointers(d, &out);
	for (json_ref r = 0; r < d->node_count; r++)
		(void)json_int64(d, r, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct json_limits strict = {1 << 20, 100, 100000, false, false};
	static const struct json_limits lenient = {1 << 20, 100, 100000, true, true};
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 256 << 20);
	struct json_doc d;
	struct json_error e = {0};
	bool accepted;

	check(arena != NULL, "there is memory");
	accepted = json_read((const char *)data, len, &strict, arena, &d, &e) == 0;
	if (accepted)
		check_accepted(&d, arena, true);
	else
		check(e.offset <= len && e.line > 0 && e.column > 0 && e.what[0],
			"errors have a place");
	arena_reset(arena);
	if (json_read((const char *)data, len, &lenient, arena, &d, NULL) == 0)
		check_accepted(&d, arena, false);
	else
		check(!accepted, "what is accepted strictly is accepted leniently");
	return 0;
}
