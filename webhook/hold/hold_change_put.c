/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the lines of a change: all of each where there is room, which there is for any object
 * that a cluster can store. Where not, all long values are shortened to one length; and only if
 * that is still too much, lines are left out from the end, the harmless one, and named.
 */
#include <assert.h>

#include "webhook/hold/hold_change_internal.h"

#include "common/base/utf8.h"

#define PATH_MAX_SHOWN	 ((size_t)4096)
#define STEP_MAX	 (PATH_MAX_SHOWN + 8) /* so that a longer one shows */
#define LINE_FRAME	 96		      /* a line's own keys and braces */
#define VALUE_MIN	 128 /* bytes that are kept of the longest value at least */
#define HOLE_FRAME	 96
#define NOT_SHOWN_ROOM	 ((size_t)32 << 10)
#define NOT_SHOWN_MAX	 64 /* paths named */
#define NAMED_IN_UNSEEN	 8
#define NUMBER_ZEROS_MAX 20

/* ---- paths ---- */

/* Letters, digits, and the others given: what cannot be taken for something of the path. */
static bool is_plain(struct span s, const char *others)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] | 0x20) >= 'a' && (s.ptr[i] | 0x20) <= 'z') &&
			!(s.ptr[i] >= '0' && s.ptr[i] <= '9') &&
			!(s.ptr[i] && strchr(others, s.ptr[i])))
			return false;
	return s.len > 0;
}

/* Could the text be a number's? */
static bool is_like_number(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!s.ptr[i] || !strchr("0123456789+-.eE", s.ptr[i]))
			return false;
	return s.len > 0;
}

/* 8080 for the 808e1 that identifies; a text has quotes where it would look like anything else. */
static void put_identity(struct buf *out, struct span identity)
{
	const char *e = memchr(identity.ptr, 'e', identity.len);
	bool is_text = identity.len >= 2 && identity.ptr[0] == '"';
	struct span bare = {identity.ptr + 1, identity.len - 2};
	long zeros = !is_text && e ? strtol(e + 1, NULL, 10) : 0;

	if (is_text && is_plain(bare, "-_./:") && !is_like_number(bare)) {
		buf_add_span(out, bare);
	} else if (!is_text && e && zeros >= 0 && zeros <= NUMBER_ZEROS_MAX) {
		buf_add(out, identity.ptr, (size_t)(e - identity.ptr));
		for (; zeros > 0; zeros--)
			buf_add_char(out, '0');
	} else {
		buf_add_span(out, identity);
	}
}

/* spec.containers[name=web].image; metadata.annotations["a.b/c"]; x[name="two words"]; rules[0] */
static void put_step(struct buf *out, const struct place *p, bool first)
{
	const struct change_step *s = &p->step;

	if (p->index >= 0) {
		buf_printf(out, "[%lld]", (long long)p->index);
	} else if (s->element) {
		buf_printf(out, "[%.*s=", SPAN_FMT(s->member));
		put_identity(out, utf8_cut(s->identity, STEP_MAX));
		buf_add_char(out, ']');
	} else if (is_plain(s->member, "-_")) {
		buf_add_str(out, first ? "" : ".");
		buf_add_span(out, utf8_cut(s->member, STEP_MAX));
	} else {
		buf_add_char(out, '[');
		json_put_string(out, utf8_cut(s->member, STEP_MAX));
		buf_add_char(out, ']');
	}
}

static size_t step_bytes(const struct place *p)
{
	return (p->index >= 0 ? 8 : p->step.member.len + p->step.identity.len) + 2;
}

/* About how long a way is: exact enough to share out room. */
static size_t path_bytes(const struct place *p)
{
	size_t n = 0;

	for (; p && n < PATH_MAX_SHOWN; p = p->parent)
		n += step_bytes(p);
	return n < PATH_MAX_SHOWN ? n : PATH_MAX_SHOWN;
}

/* The way to p, or its first bytes; the length of all of it when those are not all, else 0. */
static size_t render_path(struct buf *out, const struct place *p)
{
	const struct place *steps[CHANGE_DEPTH_MAX * 2] = {0};
	size_t n = 0, bytes = 0;

	for (; p; p = p->parent) {
		assert(p->depth > 0);
		bytes += step_bytes(p);
		if (p->depth <= ARRAY_LEN(steps))
			steps[p->depth - 1] = p;
		n = p->depth > n ? p->depth : n;
	}
	for (size_t i = 0; i < n && i < ARRAY_LEN(steps) && out->len <= PATH_MAX_SHOWN; i++)
		if (steps[i]) /* each depth from 1 on is on the way */
			put_step(out, steps[i], i == 0);
	return n > ARRAY_LEN(steps) || out->len > PATH_MAX_SHOWN ? bytes : 0;
}

static void put_path(struct view *v, const struct place *p, const char *key)
{
	_cleanup_(buf_free) struct buf path = BUF_INIT(8 * PATH_MAX_SHOWN);
	size_t cut = render_path(&path, p);

	v->out->failed |= path.failed;
	json_put_key(v->out, key);
	json_put_string(v->out, utf8_cut(buf_span(&path), PATH_MAX_SHOWN));
	if (cut > 0) {
		v->cut = true;
		json_put_key(v->out, "pathBytes");
		json_put_int(v->out, (int64_t)cut);
	}
}

/* ---- values ---- */

/* The first and the last bytes of a value that is too long. */
static void put_shortened(struct view *v, const char *key, struct span text, size_t max)
{
	struct span begin = utf8_cut(text, max - max / 4);
	struct span end = {text.ptr + text.len - max / 4, max / 4};

	while (end.len > 0 && utf8_is_tail(*end.ptr)) {
		end.ptr++;
		end.len--;
	}
	v->cut = true;
	buf_printf(v->out, ",\"%sCut\":{\"begin\":", key);
	json_put_string(v->out, begin);
	json_put_key(v->out, "end");
	json_put_string(v->out, end);
	json_put_key(v->out, "bytes");
	json_put_int(v->out, (int64_t)text.len);
	buf_add_char(v->out, '}');
}

static bool put_value(struct view *v, const char *key, const struct side *s, json_ref r, size_t max)
{
	struct span text;

	if (r == JSON_NONE)
		return false;
	text = json_text(&s->doc, r);
	if (text.ptr && text.len > max) {
		put_shortened(v, key, text, max);
		return true;
	}
	json_put_key(v->out, key);
	buf_add_span(v->out, text);
	return false;
}

/* The identities of a list's elements in the order in which they stand. */
static struct span order_of(struct view *v, const struct side *s, json_ref list, const char *by)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(DISPLAY_CHANGE_MAX);
	char *copy;

	json_foreach (e, &s->doc, list) {
		buf_add_char(&b, b.len > 0 ? ',' : '[');
		buf_add_span(&b, json_text(&s->doc, json_get(&s->doc, e, span_of(by))));
	}
	buf_add_char(&b, ']');
	copy = b.failed ? NULL : arena_strndup(v->arena, b.ptr, b.len);
	v->out->failed |= !copy;
	return (struct span){copy ? copy : "[]", copy ? b.len : 2};
}

static void put_one_order(struct view *v, const char *key, struct span order, size_t max)
{
	if (order.ptr && order.len > max) {
		put_shortened(v, key, order, max);
		return;
	}
	json_put_key(v->out, key);
	buf_add_span(v->out, order);
}

/* Before and after; of a list that is new, or goes, one of them. */
static void put_order(struct view *v, const struct line *l, size_t max)
{
	json_put_key(v->out, "by");
	json_put_string(v->out, span_of(l->by));
	if (l->before != JSON_NONE)
		put_one_order(v, "oldOrder", order_of(v, &v->before, l->before, l->by), max);
	if (l->after != JSON_NONE)
		put_one_order(v, "order", order_of(v, &v->after, l->after, l->by), max);
}

/* Where a new element was put: the order often matters, of rules and of containers. */
static void put_place(struct view *v, struct span place)
{
	if (!place.ptr)
		return;
	if (span_eq(place, SPAN("start")) || span_eq(place, SPAN("end"))) {
		json_put_key(v->out, "place");
		json_put_string(v->out, place);
		return;
	}
	json_put_key(v->out, "after");
	if (place.ptr[0] == '"')
		buf_add_span(v->out, place);
	else
		put_identity(v->out, place);
}

/* ---- lines ---- */

static size_t value_bytes(const struct view *v, const struct line *l)
{
	size_t n = 0;

	if (l->kind != LINE_VALUE && l->kind != LINE_ORDER)
		return 0;
	if (l->before != JSON_NONE)
		n += json_text(&v->before.doc, l->before).len;
	if (l->after != JSON_NONE)
		n += json_text(&v->after.doc, l->after).len;
	return n;
}

/* At most, with each side of it at most max; a shortened one is a string, whose quotes may double.
 */
static size_t line_bytes(const struct view *v, const struct line *l, size_t max)
{
	size_t values = value_bytes(v, l);

	if (values > max)
		values = values < 2 * max ? 2 * values + 2 * HOLE_FRAME : 4 * max + 2 * HOLE_FRAME;
	return LINE_FRAME + 2 * path_bytes(l->at) + values;
}

static size_t all_bytes(const struct view *v, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < v->line_count && n <= v->limit; i++)
		n += line_bytes(v, &v->lines[i], max);
	return n;
}

/* To how many bytes every long value is to be shortened. */
static size_t share_out(const struct view *v, size_t room)
{
	size_t low = VALUE_MIN, high = DISPLAY_CHANGE_MAX;

	if (all_bytes(v, SIZE_MAX / 8) <= room)
		return SIZE_MAX;
	while (low + VALUE_MIN < high) {
		size_t middle = low + (high - low) / 2;

		if (all_bytes(v, middle) <= room)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool put_line(struct view *v, const struct line *l, size_t max)
{
	bool cut = v->cut, is_cut;

	v->cut = false;
	buf_add_char(v->out, '{');
	json_put_key(v->out, "part");
	json_put_string(v->out, span_of(display_part_name(l->part)));
	put_path(v, l->at, "path");
	switch (l->kind) {
	case LINE_ORDER:
		put_order(v, l, max);
		break;
	case LINE_OPENS:
	case LINE_CLOSES:
		buf_add_str(v->out, l->kind == LINE_OPENS ? ",\"opens\":true" : ",\"closes\":true");
		break;
	default:
		put_value(v, "old", &v->before, l->before, max);
		put_value(v, "new", &v->after, l->after, max);
		break;
	}
	put_place(v, l->put_after);
	hold_change_put_hidden(v, l);
	buf_add_char(v->out, '}');
	is_cut = v->cut;
	v->cut |= cut;
	return is_cut;
}

/* ---- what is not shown ---- */

/* The root's member, and its, below which a line stands. */
static const struct place *top_of(const struct place *p)
{
	while (p && p->depth > 2)
		p = p->parent;
	return p;
}

static bool same_way(const struct place *a, const struct place *b)
{
	while (a && b && a != b) {
		if (a->depth != b->depth || a->index != b->index ||
			!span_eq(a->step.member, b->step.member) ||
			!span_eq(a->step.identity, b->step.identity))
			return false;
		a = a->parent;
		b = b->parent;
	}
	return a == b;
}

static void name_unseen(struct buf *unseen, const struct place *p, size_t lines)
{
	_cleanup_(buf_free) struct buf path = BUF_INIT(8 * PATH_MAX_SHOWN);

	render_path(&path, p);
	buf_add_str(unseen, unseen->len > 0 ? ", " : "");
	buf_add_span(unseen, utf8_cut(buf_span(&path), 200));
	if (lines > 0)
		buf_printf(unseen, " (%zu line%s)", lines, lines == 1 ? "" : "s");
}

/* The list of who owns which field is not shown: it is long, and legible to few. Does it change by
 * itself, or by more than the rest explains? */
static bool rewrites_managers(const struct view *v)
{
	const struct policy_request *r = v->r;

	if (r->operation != OPERATION_UPDATE || r->old_object == JSON_NONE)
		return false;
	return v->line_count > 0 ? !change_explains_managers(r, v->arena)
				 : !change_keeps_managers(r);
}

static void put_managers(struct view *v, bool is_first, struct buf *unseen)
{
	buf_printf(
		v->out, "%s{\"path\":\"metadata.managedFields\",\"lines\":1}", is_first ? "" : ",");
	buf_printf(unseen, "%smetadata.managedFields (who owns which field)",
		unseen->len > 0 ? ", " : "");
}

/* The lines from `from` on: how many places they are. */
static size_t put_places(struct view *v, size_t from, struct buf *unseen)
{
	size_t named = 0;

	for (size_t i = from, n; i < v->line_count; i += n) {
		const struct place *top = top_of(v->lines[i].at);
		bool last = ++named == NOT_SHOWN_MAX;

		for (n = 1; i + n < v->line_count; n++)
			if (!last && !same_way(top, top_of(v->lines[i + n].at)))
				break;
		buf_add_str(v->out, named > 1 ? ",{" : "{");
		if (last)
			buf_add_str(v->out, "\"path\":\"elsewhere\"");
		else
			put_path(v, top, "path");
		buf_printf(v->out, ",\"lines\":%zu}", n);
		if (named <= NAMED_IN_UNSEEN)
			name_unseen(unseen, last ? NULL : top, n);
	}
	return named;
}

static void put_not_shown(struct view *v, size_t from, struct buf *unseen)
{
	bool managers = rewrites_managers(v);
	size_t named;

	if (from == v->line_count && !managers)
		return;
	v->cut = true;
	json_put_key(v->out, "notShown");
	buf_add_char(v->out, '[');
	named = put_places(v, from, unseen);
	if (managers)
		put_managers(v, named == 0, unseen);
	buf_add_char(v->out, ']');
	if (named > NAMED_IN_UNSEEN)
		buf_printf(unseen, ", and %zu more", named - NAMED_IN_UNSEEN);
}

/* A Scale has no managedFields, and no other fields to lose. */
static void put_lost(struct view *v, struct buf *unseen)
{
	const struct policy_request *r = v->r;

	if (span_eq_str(r->subresource, "scale") || change_loss(r) != CHANGE_LOSES)
		return;
	v->cut = true;
	json_put_key(v->out, "loses");
	json_put_string(v->out, utf8_cut(r->version, 63));
	buf_printf(unseen, "%sfields that version %.*s does not have", unseen->len > 0 ? ", " : "",
		SPAN_FMT(utf8_cut(r->version, 63)));
}

void hold_change_put_lines(struct view *v, struct buf *unseen)
{
	size_t room = v->limit - v->out->len - NOT_SHOWN_ROOM, i, shortened = 0;
	size_t max = share_out(v, room);

	json_put_key(v->out, "changes");
	buf_add_char(v->out, '[');
	for (i = 0; i < v->line_count && !v->out->failed; i++) {
		if (v->out->len + line_bytes(v, &v->lines[i], max) > v->limit - NOT_SHOWN_ROOM)
			break;
		if (i > 0)
			buf_add_char(v->out, ',');
		if (put_line(v, &v->lines[i], max) && ++shortened <= NAMED_IN_UNSEEN)
			name_unseen(unseen, v->lines[i].at, 0);
	}
	buf_add_char(v->out, ']');
	put_lost(v, unseen);
	if (shortened > NAMED_IN_UNSEEN)
		buf_printf(unseen, ", and %zu more values", shortened - NAMED_IN_UNSEEN);
	if (shortened > 0)
		buf_add_str(unseen, shortened == 1 ? " (shortened)" : " (all shortened)");
	put_not_shown(v, i, unseen);
}
