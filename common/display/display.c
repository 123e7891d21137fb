/* SPDX-License-Identifier: Apache-2.0 */
#include "common/display/display.h"

#include "common/base/utf8.h"
#include "common/display/display_diff.h"
#include "common/display/display_part.h"

#define LINE_BYTES 120 /* a value that has more stands on lines of its own */
#define BOTH_BYTES 72  /* before and after of a value, beside each other */
#define SHOWN_MAX  ((size_t)64 << 20)
#define ARROW	   " \xe2\x86\x92 "
#define ELLIPSIS   "\xe2\x80\xa6"

int display_read(struct span change, struct arena *arena, struct json_doc *ret, struct err *e)
{
	static const struct json_limits limits = {.max_bytes = DISPLAY_CHANGE_MAX + (1 << 20),
		.max_depth = 1000,
		.max_nodes = 4 << 20};
	struct json_error je;

	if (json_read(change.ptr, change.len, &limits, arena, ret, &je) < 0)
		return json_error_to_err(&je, e);
	if (json_type(ret, JSON_ROOT) != JSON_OBJECT)
		return err_set(e, "it is no JSON object");
	return 0;
}

/* Lines are put one after the other; `brief` ones are cut and counted. */
struct printer {
	struct buf *out;
	const struct json_doc *d;
	size_t max_bytes; /* of a line; 0: any */
};

/* ---- values ---- */

static void put_compact(struct buf *out, const struct json_doc *d, json_ref v)
{
	json_put_shown_on_one_line(out, d, v);
}

/* A text of many lines, each behind the sign. */
static void put_lines(struct printer *p, char sign, struct span text)
{
	while (text.len > 0) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;
		struct span line = {text.ptr, len}, shown = line;

		if (p->max_bytes > 0)
			shown = utf8_cut(line, p->max_bytes);
		buf_add_char(p->out, sign);
		buf_add_char(p->out, ' ');
		buf_add_span(p->out, shown);
		if (shown.len < line.len)
			buf_printf(p->out, ELLIPSIS " (%zu bytes more)", line.len - shown.len);
		buf_add_char(p->out, '\n');
		len += end != NULL;
		text = (struct span){text.ptr + len, text.len - len};
	}
}

/* first bytes … last bytes */
static void put_cut(struct buf *out, const struct json_doc *d, json_ref cut, struct arena *arena)
{
	struct span begin = json_string(d, json_get_str(d, cut, "begin"), arena);
	struct span end = json_string(d, json_get_str(d, cut, "end"), arena);
	int64_t bytes = 0;

	if (json_int64(d, json_get_str(d, cut, "bytes"), &bytes) != 0 || !begin.ptr || !end.ptr)
		out->failed = true;
	json_put_shown_line(out, begin);
	buf_printf(out, " " ELLIPSIS " NOT SHOWN: %lld of %lld bytes " ELLIPSIS " ",
		(long long)bytes - (long long)begin.len - (long long)end.len, (long long)bytes);
	json_put_shown_line(out, end);
}

/* One side of a line: the value, or the cut one. False: there is none. */
static bool put_side(struct buf *out, const struct json_doc *d, json_ref line, const char *key,
	const char *cut_key, bool pretty)
{
	json_ref v = json_get(d, line, span_of(key));
	json_ref cut = json_get(d, line, span_of(cut_key));
	_cleanup_(arena_freep) struct arena *arena = NULL;

	if (v == JSON_NONE && cut == JSON_NONE)
		return false;
	if (v != JSON_NONE) {
		if (pretty)
			json_put_shown(out, d, v);
		else
			put_compact(out, d, v);
		return true;
	}
	arena = arena_new(1 << 16, 64 << 20);
	if (arena)
		put_cut(out, d, cut, arena);
	else
		out->failed = true;
	return true;
}

/* ---- a line ---- */

/* ", after \"web\"": what beside the value makes the change of a list. */
static void put_place(struct buf *out, const struct json_doc *d, json_ref line)
{
	json_ref place = json_get_str(d, line, "place"), after = json_get_str(d, line, "after");
	int64_t bytes;

	if (json_int64(d, json_get_str(d, line, "pathBytes"), &bytes) == 0)
		buf_printf(out, ELLIPSIS " (NOT SHOWN: the rest of %lld bytes of its path)",
			(long long)bytes);
	if (json_string_is(d, place, SPAN("start")))
		buf_add_str(out, ", at the start");
	else if (json_string_is(d, place, SPAN("end")))
		buf_add_str(out, ", at the end");
	else if (place != JSON_NONE || after != JSON_NONE) {
		buf_add_str(out, ", after ");
		json_put_shown(out, d, after != JSON_NONE ? after : place);
	}
}

static void put_path(struct buf *out, const struct json_doc *d, json_ref line)
{
	json_put_shown_string(out, d, json_get_str(d, line, "path"));
	put_place(out, d, line);
}

/* ", another order (by name)" */
static void put_by(struct buf *out, const char *words, const struct json_doc *d, json_ref line)
{
	buf_add_str(out, words);
	buf_add_str(out, " (by ");
	json_put_shown_string(out, d, json_get_str(d, line, "by"));
	buf_add_char(out, ')');
}

/* path: old → new, when both are short. */
static bool put_beside(struct printer *p, json_ref line, const char *old, const char *new)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(SHOWN_MAX);
	size_t values;

	if (json_get(p->d, line, span_of(old)) == JSON_NONE ||
		json_get(p->d, line, span_of(new)) == JSON_NONE)
		return false;
	put_path(&b, p->d, line);
	if (strcmp(new, "order") == 0)
		put_by(&b, ", another order", p->d, line);
	buf_add_str(&b, ": ");
	values = b.len;
	put_compact(&b, p->d, json_get(p->d, line, span_of(old)));
	buf_add_str(&b, ARROW);
	put_compact(&b, p->d, json_get(p->d, line, span_of(new)));
	p->out->failed |= b.failed;
	if (b.len - values > BOTH_BYTES)
		return false;
	put_lines(p, '~', buf_span(&b));
	return true;
}

static bool put_one_side(
	struct printer *p, char sign, json_ref line, const char *key, const char *cut_key)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(SHOWN_MAX);
	size_t value;

	put_path(&b, p->d, line);
	if (strcmp(key, "order") == 0 || strcmp(key, "oldOrder") == 0)
		put_by(&b, ", in this order", p->d, line);
	buf_add_str(&b, ": ");
	value = b.len;
	if (!put_side(&b, p->d, line, key, cut_key, false))
		return false;
	if (b.len - value > LINE_BYTES && p->max_bytes == 0) {
		b.len = value;
		put_side(&b, p->d, line, key, cut_key, true);
	}
	p->out->failed |= b.failed;
	put_lines(p, sign, buf_span(&b));
	return true;
}

/* Lines of a text, each with its sign. */
static void put_signed_lines(struct printer *p, struct span text)
{
	while (text.len > 2) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;

		put_lines(p, text.ptr[0], (struct span){text.ptr + 2, len - 2});
		len += end != NULL;
		text = (struct span){text.ptr + len, text.len - len};
	}
}

/*
 * Where two long values differ: before them in full, in their place in a short list, which both
 * would fill with what they have in common. True: the values need not follow.
 */
static bool put_difference(struct printer *p, json_ref line)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(SHOWN_MAX), path = BUF_INIT(SHOWN_MAX);
	json_ref old = json_get_str(p->d, line, "old"), new = json_get_str(p->d, line, "new");
	size_t both;

	if (old == JSON_NONE || new == JSON_NONE)
		return false;
	both = json_text(p->d, old).len + json_text(p->d, new).len;
	if (both <= LINE_BYTES)
		return false;
	put_path(&path, p->d, line);
	if (!display_diff_put(&b, p->d, old, new, buf_span(&path)))
		return false;
	p->out->failed |= b.failed | path.failed;
	if (p->max_bytes == 0 && b.len > both / 4 * 3) /* nothing would be found faster */
		return false;
	put_signed_lines(p, buf_span(&b));
	return p->max_bytes > 0;
}

/* ! 40 bytes of it are hidden from you … */
static void put_hidden(struct printer *p, json_ref line)
{
	json_ref hidden = json_get_str(p->d, line, "hidden");
	json_ref contains = json_get_str(p->d, hidden, "contains");
	int64_t bytes = 0, unknown = 0;
	bool first = true;

	if (json_int64(p->d, json_get_str(p->d, hidden, "bytes"), &bytes) != 0)
		return;
	buf_printf(p->out, "! unreadable for you: %lld byte%s of this line are masked",
		(long long)bytes, bytes == 1 ? "" : "s");
	json_foreach (v, p->d, contains) {
		buf_add_str(p->out, first ? "; they contain " : " ");
		json_put_shown_string(p->out, p->d, v);
		first = false;
	}
	buf_add_str(p->out, first ? "" : " (a shell or a program may obey them)");
	if (json_int64(p->d, json_get_str(p->d, hidden, "unknown"), &unknown) == 0 && unknown > 0)
		buf_printf(p->out,
			"; of %lld it is not known what they hide, or whether they hide anything",
			(long long)unknown);
	buf_add_str(p->out, "; decide accordingly\n");
}

static void put_line(struct printer *p, json_ref line)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(SHOWN_MAX);
	const struct json_doc *d = p->d;
	bool opens = json_get_str(d, line, "opens") != JSON_NONE;
	bool any = false;

	if (opens || json_get_str(d, line, "closes") != JSON_NONE) {
		put_path(&b, d, line);
		buf_add_str(
			&b, opens ? ": new, with what is told of it" : ": removed, with all in it");
		p->out->failed |= b.failed;
		put_lines(p, opens ? '+' : '-', buf_span(&b));
		return;
	}
	if (!put_beside(p, line, "old", "new") && !put_beside(p, line, "oldOrder", "order") &&
		!put_difference(p, line)) {
		any |= put_one_side(p, '-', line, "old", "oldCut");
		any |= put_one_side(p, '+', line, "new", "newCut");
		any |= put_one_side(p, '-', line, "oldOrder", "oldOrderCut");
		any |= put_one_side(p, '+', line, "order", "orderCut");
		p->out->failed |= !any; /* a shape that we do not know */
	}
	put_hidden(p, line);
}

/* ---- the whole ---- */

static void put_summary(struct printer *p)
{
	json_foreach_member (k, p->d, json_get_str(p->d, JSON_ROOT, "summary")) {
		_cleanup_(buf_free) struct buf b = BUF_INIT(SHOWN_MAX);

		json_put_shown_string(&b, p->d, k);
		buf_add_str(&b, ": ");
		json_put_shown_string(&b, p->d, k + 1);
		p->out->failed |= b.failed;
		put_lines(p, '-', buf_span(&b));
	}
}

/* Where the text holds a whole object. */
static void put_object(struct printer *p, const char *key, char sign)
{
	json_ref v = json_get(p->d, JSON_ROOT, span_of(key));
	_cleanup_(buf_free) struct buf b = BUF_INIT(SHOWN_MAX);

	if (v == JSON_NONE)
		return;
	json_put_shown(&b, p->d, v);
	p->out->failed |= b.failed;
	put_lines(p, sign, buf_span(&b));
}

static void put_not_shown(struct printer *p)
{
	json_foreach (v, p->d, json_get_str(p->d, JSON_ROOT, "notShown")) {
		int64_t lines = 0;

		if (json_int64(p->d, json_get_str(p->d, v, "lines"), &lines) != 0)
			p->out->failed = true;
		buf_add_str(p->out, "! NOT SHOWN: ");
		json_put_shown_string(p->out, p->d, json_get_str(p->d, v, "path"));
		buf_printf(p->out, ": %lld line%s\n", (long long)lines, lines == 1 ? "" : "s");
	}
}

/* ! NOT SHOWN: fields that version v1alpha1 … */
static void put_loses(struct printer *p)
{
	json_ref version = json_get_str(p->d, JSON_ROOT, "loses");

	if (version == JSON_NONE)
		return;
	buf_add_str(p->out, "! NOT SHOWN: fields that version ");
	json_put_shown_string(p->out, p->d, version);
	buf_add_str(p->out, " does not have: this takes them away\n");
}

static enum display_part part_of(const struct json_doc *d, json_ref line)
{
	json_ref part = json_get_str(d, line, "part");

	return json_type(d, part) == JSON_STRING ? display_part_of_name(json_raw_string(d, part))
						 : PARTS;
}

void display_put(struct buf *out, const struct json_doc *change)
{
	struct printer p = {out, change, 0};
	enum display_part part = PARTS;
	bool is_delete = json_string_is(
		change, json_get_str(change, JSON_ROOT, "operation"), SPAN("DELETE"));

	put_summary(&p);
	json_foreach (line, change, json_get_str(change, JSON_ROOT, "changes")) {
		if (part_of(change, line) != part) {
			part = part_of(change, line);
			if (part != PARTS)
				buf_printf(out, "%s:\n", display_part_heading(part));
		}
		put_line(&p, line);
	}
	put_object(&p, "object", is_delete ? '-' : '+');
	put_object(&p, "options", '+');
	put_not_shown(&p);
	put_loses(&p);
}

/* How many lines there are beyond those that can be counted here. */
static size_t lines_not_shown(const struct json_doc *d)
{
	size_t n = 0;

	json_foreach (v, d, json_get_str(d, JSON_ROOT, "notShown")) {
		int64_t lines = 0;

		if (json_int64(d, json_get_str(d, v, "lines"), &lines) == 0 && lines > 0)
			n += (size_t)lines;
	}
	return n;
}

/* What a read is limited to. */
static void put_options_short(struct printer *p)
{
	json_ref v = json_get_str(p->d, JSON_ROOT, "options");
	_cleanup_(buf_free) struct buf b = BUF_INIT(SHOWN_MAX);

	if (v == JSON_NONE)
		return;
	json_put_shown_on_one_line(&b, p->d, v);
	p->out->failed |= b.failed;
	put_lines(p, '+', buf_span(&b));
}

/* Keeps max_lines of the lines put since `from`. Returns how many there are now; *ret_all: all. */
static size_t keep_lines(struct buf *out, size_t from, size_t max_lines, bool *ret_all)
{
	size_t lines = 0, at = from;

	while (at < out->len && lines < max_lines) {
		const char *end = memchr(out->ptr + at, '\n', out->len - at);

		at = end ? (size_t)(end + 1 - out->ptr) : out->len;
		lines++;
	}
	*ret_all = at == out->len;
	out->len = at;
	return lines;
}

/* Bits of the parts that lines behind `line` are of, and this one is not. */
static unsigned later_parts(const struct json_doc *d, json_ref line, json_ref end)
{
	unsigned parts = 0;

	for (json_ref l = json_next(d, line); l < end; l = json_next(d, l))
		parts |= 1u << part_of(d, l);
	return parts & ~(1u << part_of(d, line));
}

/*
 * Of each part its first lines, while there is room: whoever has much of a harmless part keeps no
 * other from being seen.
 */
static size_t put_short_lines(struct printer *p, size_t lines, size_t max_lines)
{
	json_ref changes = json_get_str(p->d, JSON_ROOT, "changes");
	enum display_part part = PARTS;
	size_t room = max_lines, more = 0;
	bool all;

	json_foreach (line, p->d, changes) {
		size_t before = p->out->len;

		if (part_of(p->d, line) != part) {
			size_t later = (size_t)__builtin_popcount(
				later_parts(p->d, line, json_next(p->d, changes)));

			part = part_of(p->d, line);
			room = max_lines - (later < max_lines ? later : max_lines - 1);
			if (room <= lines && lines < max_lines)
				room = lines + 1;
		}
		if (lines >= room) {
			more++;
			continue;
		}
		put_line(p, line);
		lines += keep_lines(p->out, before, room - lines, &all);
		more += !all;
	}
	return more;
}

void display_put_short(
	struct buf *out, const struct json_doc *change, size_t max_lines, size_t max_bytes)
{
	struct printer p = {out, change, max_bytes};
	size_t from = out->len, more = lines_not_shown(change), lines;
	bool all;

	put_loses(&p);
	put_summary(&p);
	put_options_short(&p);
	lines = keep_lines(out, from, max_lines, &all);
	more += !all;
	more += put_short_lines(&p, lines, max_lines);
	if (more > 0)
		buf_printf(out, ELLIPSIS " and %zu more\n", more);
}
