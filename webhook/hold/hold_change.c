/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects are masked first and read again, and the differences are taken of what is left: no
 * secret is ever in a buffer that is cut, compared or sent from here. A changed secret still shows,
 * because its pseudonym is another one.
 */
#include "webhook/hold/hold_change.h"

#include "common/base/utf8.h"
#include "policy/review/change.h"

#define MASKED_MAX	   ((size_t)32 << 20)
#define PATH_SHOWN_MAX	   1024 /* bytes */
#define SELECTOR_SHOWN_MAX 4096
#define NUMBER_ZEROS_MAX   20

struct view {
	struct json_doc before, after; /* masked */
	struct arena *arena;
	struct buf *out;
	size_t limit; /* of out->len */
	unsigned omitted;
	bool cut;
};

/* A value as it stands, or the beginning of it when it is too large. */
static void put_value(struct view *v, const char *key, const struct json_doc *d, json_ref r)
{
	struct span text = json_text(d, r);
	size_t room = v->limit > v->out->len ? v->limit - v->out->len : 0;

	json_put_key(v->out, key);
	if (text.len <= room && text.len <= HOLD_CHANGE_VALUE_MAX) {
		buf_add_span(v->out, text);
		return;
	}
	v->cut = true;
	buf_add_str(v->out, "{\"cut\":");
	json_put_string(v->out,
		utf8_cut(
			text, HOLD_CHANGE_VALUE_MAX < room / 8 ? HOLD_CHANGE_VALUE_MAX : room / 8));
	buf_add_char(v->out, '}');
}

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

/* Could the text be a number's? The quote behind it ends it. */
static bool is_like_number(struct span s)
{
	return s.len > 0 && strspn(s.ptr, "0123456789+-.eE") >= s.len;
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

/* spec.containers[name=web].image; metadata.annotations["a.b/c"]; x[name="two words"] */
static void put_path(struct view *v, const struct change *c)
{
	struct buf path = BUF_INIT(HOLD_CHANGE_MAX);

	for (size_t i = 0; i < c->depth; i++) {
		const struct change_step *s = &c->path[i];

		if (s->element) {
			buf_printf(&path, "[%.*s=", SPAN_FMT(s->member));
			put_identity(&path, s->identity);
			buf_add_char(&path, ']');
		} else if (is_plain(s->member, "-_")) {
			buf_add_str(&path, i > 0 ? "." : "");
			buf_add_span(&path, s->member);
		} else {
			buf_add_char(&path, '[');
			json_put_string(&path, s->member);
			buf_add_char(&path, ']');
		}
	}
	v->cut |= path.failed || path.len > PATH_SHOWN_MAX;
	json_put_key(v->out, "path");
	json_put_string(v->out, utf8_cut(buf_span(&path), PATH_SHOWN_MAX));
	buf_free(&path);
}

/* The identities of a list's elements in the order in which they stand now. */
static void put_order(struct view *v, const struct change *c)
{
	bool first = true;

	json_put_key(v->out, "order");
	buf_add_char(v->out, '[');
	json_foreach (e, &v->after, c->after) {
		if (v->out->len > v->limit) {
			v->cut = true;
			break;
		}
		if (!first)
			buf_add_char(v->out, ',');
		first = false;
		buf_add_span(v->out, json_text(&v->after, json_get(&v->after, e, span_of(c->by))));
	}
	buf_add_char(v->out, ']');
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

static int put_difference(const struct change *c, void *userdata)
{
	struct view *v = userdata;

	if (v->out->failed)
		return -1;
	if (v->out->len > v->limit - v->limit / 8) {
		v->omitted++;
		v->cut = true;
		return 0;
	}
	if (v->out->ptr[v->out->len - 1] != '[')
		buf_add_char(v->out, ',');
	buf_add_char(v->out, '{');
	put_path(v, c);
	if (c->kind == CHANGE_ORDER) {
		put_order(v, c);
	} else {
		if (c->before != JSON_NONE)
			put_value(v, "old", &v->before, c->before);
		if (c->after != JSON_NONE)
			put_value(v, "new", &v->after, c->after);
	}
	put_place(v, c->place);
	buf_add_char(v->out, '}');
	return v->out->failed ? -1 : 0;
}

static int put_differences(struct view *v, const struct policy_request *r)
{
	json_put_key(v->out, "changes");
	buf_add_char(v->out, '[');
	if (change_walk((struct change_side){&v->before, JSON_ROOT},
		    (struct change_side){&v->after, JSON_ROOT}, change_counts_status(r), v->arena,
		    put_difference, v) != 0)
		return -1;
	buf_add_char(v->out, ']');
	return 0;
}

/* The masked object as a document of its own; its text stays in the buffer. */
static int read_masked(const struct masker *m, const struct policy_request *r, json_ref object,
	struct arena *arena, struct buf *text, struct json_doc *ret)
{
	const struct json_limits limits = {
		.max_bytes = MASKED_MAX, .max_depth = 200, .max_nodes = 4000000};
	const struct mask_target target = {r->api_group, r->resource, r->subresource};
	struct mask_result masked = {0};

	mask_object(m, r->doc, object, target, arena, text, &masked);
	if (text->failed)
		return -1;
	return json_read(text->ptr, text->len, &limits, arena, ret, NULL);
}

/* The whole object; who manages which field since when says nothing of the change. */
static void put_whole(struct view *v, const char *key, struct buf *text)
{
	json_ref noise = json_pointer_str(&v->after, JSON_ROOT, "/metadata/managedFields");
	const struct json_edit edit = {noise, SPAN("[]")};
	size_t room = v->limit - v->out->len;

	json_put_edited(text, &v->after, JSON_ROOT, &edit, noise != JSON_NONE);
	json_put_key(v->out, key);
	if (text->len <= room) {
		buf_add_span(v->out, buf_span(text));
		return;
	}
	v->cut = true;
	buf_add_str(v->out, "{\"cut\":");
	json_put_string(v->out, utf8_cut(buf_span(text), room / 8));
	buf_add_char(v->out, '}');
}

static int put_masked(const struct masker *m, const struct policy_request *r, struct view *v,
	struct buf *before, struct buf *after)
{
	const char *key = r->operation == OPERATION_CONNECT ? "options" : "object";
	json_ref object = r->operation == OPERATION_DELETE ? r->old_object : r->object;

	if (request_is_access(r) || object == JSON_NONE)
		return 0;
	if (read_masked(m, r, object, v->arena, after, &v->after) != 0)
		return -1;
	if (r->operation != OPERATION_UPDATE || r->old_object == JSON_NONE) {
		put_whole(v, key, before);
		return before->failed ? -1 : 0;
	}
	if (read_masked(m, r, r->old_object, v->arena, before, &v->before) != 0)
		return -1;
	return put_differences(v, r);
}

/* What a list or watch is limited to, as "options"; they name labels and fields, no secrets. */
static void put_selectors(const struct policy_request *r, struct view *v)
{
	static const char *const names[] = {"fieldSelector", "labelSelector"};
	json_ref asked = json_get_str(r->doc, r->request, "resourceAttributes");
	bool first = true;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_ref selector = json_get(r->doc, asked, span_of(names[i]));
		struct span text;

		if (json_type(r->doc, selector) != JSON_OBJECT)
			continue;
		text = json_text(r->doc, selector);
		buf_add_str(v->out, first ? ",\"options\":{" : ",");
		first = false;
		json_put_string(v->out, span_of(names[i]));
		buf_add_char(v->out, ':');
		if (text.len <= SELECTOR_SHOWN_MAX) {
			buf_add_span(v->out, text);
			continue;
		}
		v->cut = true;
		json_put_string(v->out, utf8_cut(text, SELECTOR_SHOWN_MAX));
	}
	if (!first)
		buf_add_char(v->out, '}');
}

int hold_change_put(const struct masker *m, const struct policy_request *r, struct arena *arena,
	struct buf *out, bool *ret_cut)
{
	_cleanup_(buf_free) struct buf before = BUF_INIT(MASKED_MAX);
	_cleanup_(buf_free) struct buf after = BUF_INIT(MASKED_MAX);
	struct view v = {.arena = arena, .out = out, .limit = out->len + HOLD_CHANGE_MAX};

	buf_add_str(out, "{\"operation\":");
	json_put_string(out, request_operation_name(r));
	if (put_masked(m, r, &v, &before, &after) != 0)
		return -1;
	if (request_is_access(r))
		put_selectors(r, &v);
	if (v.cut)
		buf_add_str(out, ",\"cut\":true");
	if (v.omitted > 0)
		buf_printf(out, ",\"omitted\":%u", v.omitted);
	buf_add_char(out, '}');
	*ret_cut = v.cut;
	return out->failed ? -1 : 0;
}
