/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The printer against the reader: what is shown reads again as the same tape of the same values, is
 * shown alike a second time, and holds no character that directs a terminal or cannot be seen.
 */
#include <stdio.h>

#include "common/base/utf8.h"
#include "common/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Escapes are six times as long as what they stand for. */
static const struct json_limits lenient = {64 << 20, 100, 100000, true, true};

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "violated: %s\n", what);
		abort();
	}
}

static void check_harmless(struct span text, bool lines)
{
	for (size_t i = 0, n; i < text.len; i += n) {
		uint32_t cp = 0;

		n = utf8_decode(text.ptr + i, text.ptr + text.len, &cp);
		check(n > 0, "what is shown is UTF-8");
		check(!utf8_is_harmful(cp) || (lines && cp == '\n'), "what is shown is harmless");
	}
}

static void check_same(const struct json_doc *a, const struct json_doc *b, struct arena *arena)
{
	check(a->node_count == b->node_count, "as many nodes");
	for (json_ref r = 0; r < a->node_count; r++) {
		const struct json_node *x = json_node(a, r), *y = json_node(b, r);
		struct span s = json_string(a, r, arena);

		check(x->type == y->type && x->next == y->next && x->count == y->count,
			"the same tape");
		if (x->type == JSON_NUMBER)
			check(span_eq(json_text(a, r), json_text(b, r)), "the same digits");
		if (x->type == JSON_STRING && s.ptr)
			check(json_string_is(b, r, s), "the same string");
	}
}

static void print(const struct json_doc *d, struct buf *out)
{
	buf_reset(out);
	json_put_shown(out, d, JSON_ROOT);
	check(!out->failed, "there is room");
}

static void check_line(const struct json_doc *d, struct arena *arena)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(64 << 20);
	struct json_doc again = {0};

	json_put_shown_line(&line, (struct span){d->text, d->len});
	check_harmless(buf_span(&line), false);
	check(json_read(line.ptr, line.len, &lenient, arena, &again, NULL) == 0, "a line is read");
	check_same(d, &again, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct json_limits limits = {1 << 20, 100, 100000, true, true};
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 256 << 20);
	_cleanup_(buf_free) struct buf one = BUF_INIT(64 << 20), two = BUF_INIT(64 << 20);
	struct json_doc d, again = {0};

	check(arena != NULL, "there is memory");
	if (json_read((const char *)data, len, &limits, arena, &d, NULL) < 0)
		return 0;
	print(&d, &one);
	check_harmless(buf_span(&one), true);
	check(json_read(one.ptr, one.len, &lenient, arena, &again, NULL) == 0, "it is read again");
	check_same(&d, &again, arena);
	print(&again, &two);
	check(span_eq(buf_span(&one), buf_span(&two)), "the same is shown alike");
	for (json_ref r = 0; r < d.node_count; r++) {
		buf_reset(&two);
		json_put_shown_string(&two, &d, r);
		check_harmless(buf_span(&two), false);
	}
	check_line(&d, arena);
	return 0;
}
