/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements and lines are matched wherever they stand, so that moving everything about does not hide
 * the one that is new; O(n log n) of any input. Texts are compared as they are, shown as
 * json_put_shown_line() shows them.
 */
#include "common/display/display_diff.h"

#include <stdlib.h>

#include "common/base/utf8.h"

#define CONTEXT_BYTES 24 /* of a text on either side of what differs */
#define TEXTS_MAX     ((size_t)64 << 20)
#define ELLIPSIS      "\xe2\x80\xa6"

struct item {
	struct span text;
	uint32_t index;
	bool stays;
};

/* The elements of one side, in their order. */
struct sequence {
	struct item *items;
	struct item **sorted;
	uint32_t count;
};

struct diff {
	struct buf *out;
	const struct json_doc *d;
	struct arena *arena;
	struct span path;
	bool are_lines;
};

/* ---- texts ---- */

static void put_quoted(struct buf *out, struct span text)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(TEXTS_MAX);

	json_put_string(&b, text);
	out->failed |= b.failed;
	json_put_shown_line(out, buf_span(&b));
}

static size_t common_prefix(struct span a, struct span b)
{
	size_t n = 0, max = a.len < b.len ? a.len : b.len;

	while (n < max && a.ptr[n] == b.ptr[n])
		n++;
	while (n > 0 && n < max && (utf8_is_tail(a.ptr[n]) || utf8_is_tail(b.ptr[n])))
		n--;
	return n;
}

static size_t common_suffix(struct span a, struct span b, size_t prefix)
{
	size_t n = 0, max = (a.len < b.len ? a.len : b.len) - prefix;

	while (n < max && a.ptr[a.len - 1 - n] == b.ptr[b.len - 1 - n])
		n++;
	while (n > 0 && utf8_is_tail(a.ptr[a.len - n]))
		n--;
	return n;
}

/* `: …"around it"…` */
static void put_around(struct buf *out, struct span text, size_t prefix, size_t suffix)
{
	size_t from = prefix > CONTEXT_BYTES ? prefix - CONTEXT_BYTES : 0;
	size_t to = suffix > CONTEXT_BYTES ? text.len - suffix + CONTEXT_BYTES : text.len;

	while (from > 0 && utf8_is_tail(text.ptr[from]))
		from--;
	while (to < text.len && utf8_is_tail(text.ptr[to]))
		to++;
	buf_add_str(out, from > 0 ? ": " ELLIPSIS : ": ");
	put_quoted(out, (struct span){text.ptr + from, to - from});
	buf_add_str(out, to < text.len ? ELLIPSIS "\n" : "\n");
}

static void put_where(const struct diff *df, char sign, const struct item *i)
{
	buf_printf(df->out, "%c ", sign);
	buf_add_span(df->out, df->path);
	if (i)
		buf_printf(df->out, df->are_lines ? ", line %u" : "[%u]",
			i->index + (df->are_lines ? 1 : 0));
}

static void put_from(struct buf *out, size_t prefix)
{
	if (prefix > 0)
		buf_printf(out, ", from byte %zu", prefix);
}

/* One text that became another. */
static void put_texts(const struct diff *df, const struct item *at_old, const struct item *at_new,
	struct span old, struct span new)
{
	size_t prefix = common_prefix(old, new), suffix = common_suffix(old, new, prefix);

	put_where(df, '-', at_old);
	put_from(df->out, prefix);
	put_around(df->out, old, prefix, suffix);
	put_where(df, '+', at_new);
	put_from(df->out, prefix);
	put_around(df->out, new, prefix, suffix);
}

/* ---- sequences ---- */

static int compare_texts(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int rc = n > 0 && a.ptr && b.ptr ? memcmp(a.ptr, b.ptr, n) : 0;

	return rc != 0 ? rc : (a.len > b.len) - (a.len < b.len);
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	int rc = compare_texts(x->text, y->text);

	return rc != 0 ? rc : (x->index > y->index) - (x->index < y->index);
}

static int sequence_new(struct arena *arena, uint32_t count, struct sequence *ret)
{
	ret->items = arena_calloc(arena, (size_t)count + 1, sizeof(*ret->items));
	ret->sorted = arena_calloc(arena, (size_t)count + 1, sizeof(*ret->sorted));
	ret->count = count;
	return ret->items && ret->sorted ? 0 : -1;
}

static void sequence_sort(struct sequence *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		s->items[i].index = i;
		s->sorted[i] = &s->items[i];
	}
	if (s->count > 1)
		qsort(s->sorted, s->count, sizeof(struct item *), compare_items);
}

/* Elements as people read them, so that two spellings of one value are the same. */
static int sequence_of_list(struct diff *df, json_ref list, struct buf *texts, struct sequence *ret)
{
	size_t at = 0, i = 0;

	if (sequence_new(df->arena, json_node(df->d, list)->count, ret) != 0)
		return -1;
	json_foreach (e, df->d, list) {
		size_t before = texts->len;

		json_put_shown_on_one_line(texts, df->d, e);
		ret->items[i++].text.len = texts->len - before;
	}
	if (texts->failed)
		return -1;
	for (i = 0; i < ret->count; i++) {
		ret->items[i].text.ptr = texts->ptr + at;
		at += ret->items[i].text.len;
	}
	sequence_sort(ret);
	return 0;
}

static int sequence_of_lines(struct arena *arena, struct span text, struct sequence *ret)
{
	uint32_t count = 1;

	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '\n';
	if (sequence_new(arena, count, ret) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		const char *end = text.len > 0 ? memchr(text.ptr, '\n', text.len) : NULL;
		size_t len = end ? (size_t)(end - text.ptr) : text.len;

		ret->items[i].text = (struct span){text.ptr, len};
		len += end != NULL;
		text = (struct span){text.ptr + len, text.len - len};
	}
	sequence_sort(ret);
	return 0;
}

/* Marks what both have, as often as both have it. Returns how many there are. */
static uint32_t match(struct sequence *a, struct sequence *b)
{
	uint32_t i = 0, j = 0, n = 0;

	while (i < a->count && j < b->count) {
		int rc = compare_texts(a->sorted[i]->text, b->sorted[j]->text);

		if (rc == 0) {
			a->sorted[i]->stays = b->sorted[j]->stays = true;
			n++;
		}
		i += rc <= 0;
		j += rc >= 0;
	}
	return n;
}

static bool same_order(const struct sequence *a, const struct sequence *b)
{
	uint32_t j = 0;

	for (uint32_t i = 0; i < a->count; i++) {
		if (!a->items[i].stays)
			continue;
		while (!b->items[j].stays)
			j++;
		if (compare_texts(a->items[i].text, b->items[j++].text) != 0)
			return false;
	}
	return true;
}

/* ---- what differs ---- */

static void put_header(
	const struct diff *df, const struct sequence *a, const struct sequence *b, uint32_t stay)
{
	const char *things = df->are_lines ? "line" : "element";

	put_where(df, '~', NULL);
	buf_printf(df->out, ": %u %s%s", b->count, things, b->count == 1 ? "" : "s");
	if (a->count != b->count)
		buf_printf(df->out, ", before %u", a->count);
	buf_printf(df->out, "; as before %s%u%s\n",
		stay == a->count && stay == b->count ? "all " : "", stay,
		same_order(a, b) ? "" : ", in another order");
}

static const struct item *first_that_goes(const struct sequence *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (!s->items[i].stays)
			return &s->items[i];
	return NULL;
}

static void put_side(const struct diff *df, char sign, const struct sequence *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->items[i].stays)
			continue;
		put_where(df, sign, &s->items[i]);
		buf_add_str(df->out, ": ");
		if (df->are_lines)
			put_quoted(df->out, s->items[i].text);
		else
			buf_add_span(df->out, s->items[i].text);
		buf_add_char(df->out, '\n');
	}
}

static json_ref element(const struct json_doc *d, json_ref list, uint32_t index)
{
	json_foreach (e, d, list) {
		if (index-- == 0)
			return e;
	}
	return JSON_NONE;
}

/* The one element that became another, when both are texts. */
static bool put_one_text(const struct diff *df, json_ref old, json_ref new,
	const struct item *at_old, const struct item *at_new)
{
	json_ref a = element(df->d, old, at_old->index), b = element(df->d, new, at_new->index);
	struct span x, y;

	if (json_type(df->d, a) != JSON_STRING || json_type(df->d, b) != JSON_STRING)
		return false;
	x = json_string(df->d, a, df->arena);
	y = json_string(df->d, b, df->arena);
	if (!x.ptr || !y.ptr)
		return false;
	put_texts(df, at_old, at_new, x, y);
	return true;
}

static void put_difference(
	const struct diff *df, json_ref old, json_ref new, struct sequence *a, struct sequence *b)
{
	uint32_t stay = match(a, b);
	const struct item *x = first_that_goes(a), *y = first_that_goes(b);

	put_header(df, a, b, stay);
	if (a->count - stay == 1 && b->count - stay == 1) {
		if (df->are_lines) {
			put_texts(df, x, y, x->text, y->text);
			return;
		}
		if (put_one_text(df, old, new, x, y))
			return;
	}
	put_side(df, '-', a);
	put_side(df, '+', b);
}

static bool diff_lists(struct diff *df, json_ref old, json_ref new)
{
	_cleanup_(buf_free) struct buf x = BUF_INIT(TEXTS_MAX), y = BUF_INIT(TEXTS_MAX);
	struct sequence a, b;

	if (sequence_of_list(df, old, &x, &a) != 0 || sequence_of_list(df, new, &y, &b) != 0)
		return false;
	put_difference(df, old, new, &a, &b);
	return true;
}

static bool diff_texts(struct diff *df, json_ref old, json_ref new)
{
	struct span x = json_string(df->d, old, df->arena), y = json_string(df->d, new, df->arena);
	struct sequence a, b;

	if (!x.ptr || !y.ptr)
		return false;
	if (!memchr(x.ptr, '\n', x.len) && !memchr(y.ptr, '\n', y.len)) {
		put_texts(df, NULL, NULL, x, y);
		return true;
	}
	if (sequence_of_lines(df->arena, x, &a) != 0 || sequence_of_lines(df->arena, y, &b) != 0)
		return false;
	df->are_lines = true;
	put_difference(df, old, new, &a, &b);
	return true;
}

bool display_diff_put(
	struct buf *out, const struct json_doc *d, json_ref old, json_ref new, struct span path)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 4 * TEXTS_MAX);
	struct diff df = {out, d, arena, path, false};
	int type = json_type(d, old);

	if (!arena || type != json_type(d, new))
		return false;
	if (type == JSON_ARRAY)
		return diff_lists(&df, old, new);
	return type == JSON_STRING && diff_texts(&df, old, new);
}
