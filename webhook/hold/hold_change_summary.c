/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a deletion takes away, in a few words: of which kind, how much is in it, whose it is, how
 * old. Counted in the object as it was sent; names and images are taken from the masked one.
 */
#include "common/base/rfc3339.h"
#include "webhook/hold/hold_change_internal.h"

#define NAMES_MAX 5

static json_ref field(const struct view *v, const char *pointer)
{
	return json_pointer(&v->before.doc, JSON_ROOT, span_of(pointer));
}

/* A member of the summary; text is quoted. */
static void put(struct view *v, const char *key, const struct buf *text)
{
	v->out->failed |= text->failed;
	if (text->len == 0)
		return;
	json_put_key(v->out, key);
	json_put_string(v->out, buf_span(text));
}

static void add_string(struct view *v, struct buf *b, json_ref r)
{
	struct span s = json_string(&v->before.doc, r, v->arena);

	if (s.len > 0)
		buf_add_span(b, s.len <= 253 ? s : (struct span){s.ptr, 253});
}

static void put_kind(struct view *v)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);

	add_string(v, &b, field(v, "/kind"));
	if (b.len > 0 && v->r->api_group.len > 0)
		buf_printf(&b, ".%.*s", SPAN_FMT(v->r->api_group));
	put(v, "what", &b);
}

static void put_number(struct view *v, const char *key, const char *pointer, const char *unit)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);
	json_ref r = field(v, pointer);

	if (json_type(&v->before.doc, r) != JSON_NUMBER)
		return;
	buf_add_span(&b, json_text(&v->before.doc, r));
	buf_add_str(&b, unit);
	put(v, key, &b);
}

/* "2: web (nginx:1.27), proxy (envoy:1)" */
static void put_containers(struct view *v, const char *pointer)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(8192);
	const struct json_doc *d = &v->before.doc;
	json_ref list = field(v, pointer);
	unsigned n = 0;

	if (json_type(d, list) != JSON_ARRAY || json_node(d, list)->count == 0)
		return;
	buf_printf(&b, "%u:", (unsigned)json_node(d, list)->count);
	json_foreach (c, d, list) {
		if (n++ == NAMES_MAX)
			break;
		buf_add_str(&b, n > 1 ? ", " : " ");
		add_string(v, &b, json_get_str(d, c, "name"));
		buf_add_str(&b, " (");
		add_string(v, &b, json_get_str(d, c, "image"));
		buf_add_char(&b, ')');
	}
	if (json_node(d, list)->count > NAMES_MAX)
		buf_add_str(&b, " and more");
	put(v, "containers", &b);
}

static void put_data(struct view *v)
{
	static const char *const maps[] = {"/data", "/binaryData", "/stringData"};
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);
	const struct json_doc *d = &v->before.doc;
	size_t keys = 0, bytes = 0;

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		json_ref map = json_pointer(v->r->doc, v->r->old_object, span_of(maps[i]));

		json_foreach_member (k, v->r->doc, map) {
			keys++;
			bytes += json_text(v->r->doc, k + 1).len;
		}
	}
	(void)d;
	if (keys > 0)
		buf_printf(&b, "%zu key%s, %zu bytes", keys, keys == 1 ? "" : "s", bytes);
	put(v, "data", &b);
}

/* "3 rules" and the like of lists that say how large it is. */
static void put_counts(struct view *v)
{
	static const struct {
		const char *pointer, *key;
	} lists[] = {{"/rules", "rules"}, {"/subjects", "subjects"}, {"/webhooks", "webhooks"},
		{"/spec/versions", "versions"}, {"/subsets", "subsets"}, {"/spec/rules", "rules"},
		{"/spec/ports", "ports"}};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		_cleanup_(buf_free) struct buf b = BUF_INIT(64);
		json_ref r = field(v, lists[i].pointer);

		if (json_type(&v->before.doc, r) != JSON_ARRAY)
			continue;
		buf_printf(&b, "%u", (unsigned)json_node(&v->before.doc, r)->count);
		put(v, lists[i].key, &b);
	}
}

static void put_owners(struct view *v)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(8192);
	const struct json_doc *d = &v->before.doc;
	unsigned n = 0;

	json_foreach (o, d, field(v, "/metadata/ownerReferences")) {
		if (n++ == NAMES_MAX)
			break;
		buf_add_str(&b, n > 1 ? ", " : "");
		add_string(v, &b, json_get_str(d, o, "kind"));
		buf_add_char(&b, '/');
		add_string(v, &b, json_get_str(d, o, "name"));
	}
	put(v, "owner", &b);
}

static void put_finalizers(struct view *v)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(8192);
	unsigned n = 0;

	json_foreach (f, &v->before.doc, field(v, "/metadata/finalizers")) {
		if (n++ == NAMES_MAX)
			break;
		buf_add_str(&b, n > 1 ? ", " : "");
		add_string(v, &b, f);
	}
	put(v, "finalizers", &b);
}

/* "2026-01-02T03:04:05Z, 12 days ago" */
static void put_age(struct view *v)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);
	struct span created =
		json_string(&v->before.doc, field(v, "/metadata/creationTimestamp"), v->arena);
	struct rfc3339 t;
	int64_t seconds;

	if (!created.ptr || rfc3339_parse(created, &t) != 0)
		return;
	buf_add_span(&b, created);
	seconds = v->r->now_us / 1000000 - t.seconds;
	if (seconds >= 2 * 86400)
		buf_printf(&b, ", %lld days ago", (long long)(seconds / 86400));
	else if (seconds >= 2 * 3600)
		buf_printf(&b, ", %lld hours ago", (long long)(seconds / 3600));
	else if (seconds >= 0)
		buf_printf(&b, ", %lld minutes ago", (long long)(seconds / 60));
	put(v, "created", &b);
}

void hold_change_put_summary(struct view *v)
{
	json_put_key(v->out, "summary");
	buf_add_char(v->out, '{');
	put_kind(v);
	put_number(v, "replicas", "/spec/replicas", "");
	put_number(v, "ready", "/status/readyReplicas", "");
	put_containers(v, "/spec/template/spec/containers");
	put_containers(v, "/spec/containers");
	put_data(v);
	put_counts(v);
	put_owners(v);
	put_finalizers(v);
	put_age(v);
	buf_add_char(v->out, '}');
}
