/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects are masked first and read again, and the differences are taken of what is left: no
 * secret is ever in a buffer that is cut, compared or sent from here. A changed secret still shows,
 * because its pseudonym is another one.
 */
#include "webhook/hold/hold_change.h"

#include "common/base/utf8.h"
#include "webhook/hold/hold_change_internal.h"

#define MASKED_MAX   ((size_t)32 << 20)
#define SLACK	     ((size_t)1 << 20) /* escapes in long paths */
#define UNSEEN_MAX   ((size_t)16 << 10)
#define BRIEF_MAX    ((size_t)8 << 10)
#define SELECTOR_MAX ((size_t)256 << 10)

/*
 * A Scale without spec.replicas has none: Kubernetes leaves the member out when it is 0, and who
 * approves is to read "3 → 0".
 */
static int put_zero_replicas(struct side *side)
{
	const struct json_doc *d = &side->doc;
	json_ref spec = json_get_str(d, JSON_ROOT, "spec");
	struct span text = json_text(d, spec);
	_cleanup_(buf_free) struct buf whole = BUF_INIT(MASKED_MAX);
	size_t at;

	if (json_type(d, spec) != JSON_OBJECT || json_get_str(d, spec, "replicas") != JSON_NONE)
		return 0;
	at = (size_t)(text.ptr + 1 - side->text.ptr);
	buf_add_span(&whole, (struct span){side->text.ptr, at});
	buf_add_str(&whole, d->nodes[spec].next > spec + 1 ? "\"replicas\":0," : "\"replicas\":0");
	buf_add_span(&whole, (struct span){side->text.ptr + at, side->text.len - at});
	if (whole.failed)
		return -1;
	buf_reset(&side->text);
	buf_add_span(&side->text, buf_span(&whole));
	return side->text.failed ? -1 : 1;
}

/* The masked object as a document of its own; its text stays in the side's buffer. */
static int read_masked(struct view *v, json_ref object, struct side *side)
{
	const struct json_limits limits = {
		.max_bytes = MASKED_MAX, .max_depth = 200, .max_nodes = 4000000};
	const struct policy_request *r = v->r;
	const struct mask_target target = {r->api_group, r->resource, r->subresource};
	struct mask_result masked = {0};
	int rc;

	mask_object_keeping(v->m, r->doc, object, target, v->words, v->arena, &side->text, &masked);
	if (side->text.failed)
		return -1;
	if (json_read(side->text.ptr, side->text.len, &limits, v->arena, &side->doc, NULL) != 0)
		return -1;
	if (!span_eq_str(r->subresource, "scale"))
		return 0;
	rc = put_zero_replicas(side);
	if (rc > 0)
		rc = json_read(side->text.ptr, side->text.len, &limits, v->arena, &side->doc, NULL);
	return rc;
}

static int compare(struct view *v)
{
	if (read_masked(v, v->r->old_object, &v->before) != 0 ||
		read_masked(v, v->r->object, &v->after) != 0)
		return -1;
	return hold_change_compare(v);
}

static int take_whole(struct view *v, bool is_before)
{
	if (read_masked(v, is_before ? v->r->old_object : v->r->object,
		    is_before ? &v->before : &v->after) != 0 ||
		hold_change_whole(v, is_before) != 0)
		return -1;
	if (is_before)
		hold_change_put_summary(v);
	return 0;
}

static int take_change(struct view *v)
{
	const struct policy_request *r = v->r;

	if (r->operation == OPERATION_UPDATE && r->old_object != JSON_NONE)
		return compare(v);
	return take_whole(v, r->operation == OPERATION_DELETE);
}

static bool has_change(const struct policy_request *r)
{
	json_ref object = r->operation == OPERATION_DELETE ? r->old_object : r->object;

	return !request_is_access(r) && object != JSON_NONE;
}

/* What a list or watch is limited to, as "options"; they name labels and fields, no secrets. */
static void put_selectors(struct view *v, struct buf *unseen)
{
	static const char *const names[] = {"fieldSelector", "labelSelector"};
	const struct json_doc *d = v->r->doc;
	json_ref asked = json_get_str(d, v->r->request, "resourceAttributes");
	bool first = true;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_ref selector = json_get(d, asked, span_of(names[i]));
		struct span text;

		if (json_type(d, selector) != JSON_OBJECT)
			continue;
		text = json_text(d, selector);
		buf_add_str(v->out, first ? ",\"options\":{" : ",");
		first = false;
		json_put_string(v->out, span_of(names[i]));
		buf_add_char(v->out, ':');
		if (text.len <= SELECTOR_MAX) {
			buf_add_span(v->out, text);
			continue;
		}
		v->cut = true;
		json_put_string(v->out, utf8_cut(text, SELECTOR_MAX));
		buf_printf(unseen, "%s%s (shortened)", unseen->len > 0 ? ", " : "", names[i]);
	}
	if (!first)
		buf_add_char(v->out, '}');
}

static int put_text(struct view *v, struct buf *unseen)
{
	buf_add_str(v->out, "{\"operation\":");
	json_put_string(v->out, request_operation_name(v->r));
	if (has_change(v->r)) {
		if (take_change(v) != 0)
			return -1;
		hold_change_put_lines(v, unseen);
	} else if (request_is_access(v->r)) {
		put_selectors(v, unseen);
	}
	buf_add_str(v->out, v->cut ? ",\"cut\":true}" : "}");
	return v->out->failed || unseen->failed ? -1 : 0;
}

/* A copy in the arena; absent when there is no room for it. */
static struct span kept(const struct buf *b, struct arena *arena)
{
	char *copy = b->failed ? NULL : arena_strndup(arena, b->len > 0 ? b->ptr : "", b->len);

	return (struct span){copy, copy ? b->len : 0};
}

static int put_brief(struct span text, struct arena *arena, struct span *ret)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(BRIEF_MAX);
	struct json_doc d;
	struct err e;

	if (display_read(text, arena, &d, &e) != 0)
		return -1;
	display_put_short(&b, &d, HOLD_CHANGE_SHORT_LINES, HOLD_CHANGE_SHORT_BYTES);
	*ret = kept(&b, arena);
	return ret->ptr ? 0 : -1;
}

int hold_change_of(const struct masker *m, const struct policy_request *r, struct arena *arena,
	struct hold_change *ret)
{
	_cleanup_(mask_words_freep) struct mask_words *words = mask_words_new();
	_cleanup_(buf_free) struct buf out = BUF_INIT(DISPLAY_CHANGE_MAX + SLACK);
	_cleanup_(buf_free) struct buf unseen = BUF_INIT(UNSEEN_MAX);
	struct view v = {.m = m,
		.r = r,
		.arena = arena,
		.out = &out,
		.before = {.text = BUF_INIT(MASKED_MAX)},
		.after = {.text = BUF_INIT(MASKED_MAX)},
		.words = words,
		.limit = DISPLAY_CHANGE_MAX};
	struct hold_change c = {0};
	int rc = words ? put_text(&v, &unseen) : -1;

	buf_free(&v.before.text);
	buf_free(&v.after.text);
	if (rc != 0)
		return -1;
	c.text = kept(&out, arena);
	if (v.cut)
		c.unseen = kept(&unseen, arena);
	if (!c.text.ptr || (v.cut && !c.unseen.ptr) || put_brief(c.text, arena, &c.brief) != 0)
		return -1;
	*ret = c;
	return 0;
}
