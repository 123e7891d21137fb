/* SPDX-License-Identifier: Apache-2.0 */
/* What rules look up by keys: all objects of the kind, listed once and kept to the end. */
#include "cli/scan/scan_internal.h"
#include "policy/review/index_path.h"

#define FOUND_MAX  100000u /* of one kind */
#define PAGE_BYTES (256u << 20)

struct keyed {
	struct keyed *next;
	struct span namespace_, name;
	struct json_doc doc;
	const struct span *keys;
	size_t key_count;
};

struct scan_listed {
	struct scan_listed *next;
	const struct scan_resource *resource;
	struct span index;
	struct span why; /* not all of them are known; absent: they are */
	struct keyed *first, **end;
	size_t count;
};

static const char *keep_item(
	struct scan_cluster *c, struct scan_listed *l, const struct json_doc *d, json_ref item)
{
	const struct span text = json_text(d, item);
	const char *copy = arena_strndup(c->arena, text.ptr, text.len);
	struct keyed *k = arena_calloc(c->arena, 1, sizeof(*k));
	struct span *keys = NULL;

	if (l->count++ == FOUND_MAX)
		return "there are too many";
	if (!copy || !k || json_read(copy, text.len, &scan_limits, c->arena, &k->doc, NULL) < 0)
		return "they are too large";
	const json_ref m = json_get_str(&k->doc, JSON_ROOT, "metadata");
	k->namespace_ = json_string(&k->doc, json_get_str(&k->doc, m, "namespace"), c->arena);
	k->name = json_string(&k->doc, json_get_str(&k->doc, m, "name"), c->arena);
	if (l->index.len > 0 &&
		index_path_keys(&k->doc, JSON_ROOT, l->index, c->arena, &keys, &k->key_count) < 0)
		return "they are too large";
	k->keys = keys;
	*l->end = k;
	l->end = &k->next;
	return NULL;
}

static const char *take_page(struct scan_cluster *c, struct scan_listed *l,
	const struct kube_answer *a, struct arena *page, struct buf *token)
{
	const char *why = NULL;
	struct json_doc d;

	if (a->status != 200)
		return scan_fault(a, c->arena);
	if (json_read(a->body.ptr, a->body.len, &scan_limits, page, &d, NULL) < 0)
		return "the answer is no JSON";
	buf_reset(token);
	buf_add_span(token,
		json_string(&d, json_pointer_str(&d, JSON_ROOT, "/metadata/continue"), page));
	json_foreach (item, &d, json_get_str(&d, JSON_ROOT, "items"))
		if (!why)
			why = keep_item(c, l, &d, item);
	return why;
}

/* Page by page. A list that is too old by then, or a page that is too large, is an error. */
static const char *list_all(struct scan_cluster *c, struct scan_listed *l,
	const struct scan_resource *r, struct arena *page)
{
	_cleanup_(buf_free) struct buf path = BUF_INIT(65536), token = BUF_INIT(65536);
	const char *why = NULL;

	do {
		_cleanup_(kube_answer_free) struct kube_answer a = {0};
		struct err e;

		arena_reset(page);
		buf_reset(&path);
		scan_put_path(&path, r, SPAN(""));
		buf_printf(&path, "?limit=%u", SCAN_PAGE);
		if (token.len > 0) {
			buf_add_str(&path, "&continue=");
			scan_put_escaped(&path, buf_span(&token));
		}
		if (!buf_str(&path))
			return "the path is too long";
		if (kube_request(&c->config, path.ptr, NULL, &a, &e) < 0)
			return arena_strndup(c->arena, e.msg, strlen(e.msg));
		why = take_page(c, l, &a, page, &token);
	} while (!why && token.len > 0);
	return why;
}

static struct scan_listed *list_of(
	struct scan_cluster *c, const struct scan_resource *resource, const struct cluster_query *q)
{
	struct scan_listed *l;

	for (l = c->listed; l; l = l->next)
		if (l->resource == resource && span_eq(l->index, q->index))
			return l;
	_cleanup_(arena_freep) struct arena *page = arena_new(1u << 20, PAGE_BYTES);
	l = arena_calloc(c->arena, 1, sizeof(*l));
	if (!l || !page)
		return NULL;
	/* the version that the policy names, at the path of the resource */
	const struct scan_resource r = {.group = q->kind->group,
		.version = q->kind->version,
		.resource = resource->resource,
		.in_namespaces = resource->in_namespaces};
	l->resource = resource;
	l->index = q->index; /* the policies' text, which stays */
	l->end = &l->first;
	const char *why = list_all(c, l, &r, page);
	l->why = why ? span_of(why) : (struct span){0};
	l->next = c->listed;
	c->listed = l;
	return l;
}

static bool is_meant(const struct keyed *k, const struct cluster_query *q)
{
	if (q->but_name.len > 0 && span_eq(k->name, q->but_name) &&
		span_eq(k->namespace_, q->but_namespace))
		return false;
	if (q->namespace_.len > 0 && k->namespace_.len > 0 &&
		!span_eq(k->namespace_, q->namespace_))
		return false;
	for (size_t i = 0; i < k->key_count; i++)
		for (size_t n = 0; n < q->key_count; n++)
			if (span_eq(k->keys[i], q->keys[n]))
				return true;
	return q->index.len == 0;
}

enum cluster_status scan_find(struct scan_cluster *c, const struct scan_resource *resource,
	const struct cluster_query *q, struct arena *arena, struct cluster_objects *ret,
	struct span *ret_why)
{
	const struct scan_listed *l = list_of(c, resource, q);

	*ret = (struct cluster_objects){
		.docs = arena_calloc(arena, q->max + 1, sizeof(*ret->docs))};
	*ret_why = SPAN("out of memory");
	if (!l || !ret->docs)
		return CLUSTER_UNKNOWN;
	*ret_why = l->why;
	if (l->why.ptr)
		return CLUSTER_UNKNOWN;
	for (const struct keyed *k = l->first; k; k = k->next) {
		if (!is_meant(k, q))
			continue;
		*ret_why = arena_printf(arena, "there are more than %zu", q->max);
		if (ret->count == q->max)
			return CLUSTER_UNKNOWN;
		ret->docs[ret->count++] = k->doc;
		ret->bytes += k->doc.len + k->doc.node_count * sizeof(*k->doc.nodes);
	}
	*ret_why = SPAN("they are too large");
	return ret->bytes > q->max_bytes ? CLUSTER_UNKNOWN : CLUSTER_FOUND;
}
