/* SPDX-License-Identifier: Apache-2.0 */
/* What rules look up beside the objects: each asked for once, and kept to the end. */
#include "cli/scan/scan_internal.h"

#define LOOKED_UP_MAX 100000u

struct looked_up {
	struct looked_up *next;
	const struct scan_resource *resource;
	struct span namespace_, name;
	enum cluster_status status;
	struct json_doc doc;
	struct span why;
};

static const struct scan_resource *find_resource(
	const struct scan_cluster *c, const struct cluster_kind *kind)
{
	for (const struct scan_resource *r = c->first; r; r = r->next)
		if (span_eq(r->group, kind->group) &&
			(kind->resource.len ? span_eq(r->resource, kind->resource)
					    : span_eq(r->kind, kind->kind)))
			return r;
	return NULL;
}

static struct span copy_of(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_strndup(arena, text, len);

	return (struct span){copy, copy ? len : 0};
}

static void take_answer(struct scan_cluster *c, struct looked_up *l, const struct kube_answer *a)
{
	if (a->status == 404) {
		l->status = CLUSTER_ABSENT;
		return;
	}
	if (a->status != 200) {
		const char *why = scan_fault(a, c->arena);

		l->why = span_of(why);
		return;
	}
	struct span text = copy_of(c->arena, a->body.ptr, a->body.len);
	if (text.ptr && json_read(text.ptr, text.len, &scan_limits, c->arena, &l->doc, NULL) == 0)
		l->status = CLUSTER_FOUND;
}

static void ask(struct scan_cluster *c, const struct cluster_kind *kind, struct looked_up *l)
{
	_cleanup_(kube_answer_free) struct kube_answer a = {0};
	_cleanup_(buf_free) struct buf path = BUF_INIT(65536);
	/* the version that the policy names, at the path of the resource */
	const struct scan_resource r = {.group = kind->group,
		.version = kind->version,
		.resource = l->resource->resource,
		.in_namespaces = l->resource->in_namespaces};
	struct err e;

	scan_put_path(&path, &r, l->namespace_);
	buf_add_char(&path, '/');
	scan_put_escaped(&path, l->name);
	l->why = SPAN("it is too large");
	if (!buf_str(&path))
		return;
	if (kube_request(&c->config, path.ptr, NULL, &a, &e) < 0)
		l->why = copy_of(c->arena, e.msg, strlen(e.msg));
	else
		take_answer(c, l, &a);
}

static struct looked_up *find(const struct scan_cluster *c, const struct scan_resource *r,
	struct span namespace_, struct span name)
{
	for (struct looked_up *l = c->looked_up; l; l = l->next)
		if (l->resource == r && span_eq(l->name, name) &&
			(!r->in_namespaces || span_eq(l->namespace_, namespace_)))
			return l;
	return NULL;
}

static struct looked_up *look_up(struct scan_cluster *c, const struct cluster_kind *kind,
	const struct scan_resource *r, struct span namespace_, struct span name)
{
	struct looked_up *l =
		c->looked_up_count < LOOKED_UP_MAX ? arena_calloc(c->arena, 1, sizeof(*l)) : NULL;
	if (!l)
		return NULL;
	*l = (struct looked_up){.resource = r,
		.namespace_ =
			copy_of(c->arena, namespace_.ptr ? namespace_.ptr : "", namespace_.len),
		.name = copy_of(c->arena, name.ptr, name.len),
		.status = CLUSTER_UNKNOWN};
	if (!l->name.ptr || !l->namespace_.ptr)
		return NULL;
	ask(c, kind, l);
	l->next = c->looked_up;
	c->looked_up = l;
	c->looked_up_count++;
	return l;
}

static enum cluster_status get(void *arg, const struct cluster_kind *kind, struct span namespace_,
	struct span name, struct arena *arena, struct json_doc *ret, struct span *ret_why)
{
	struct scan_cluster *c = arg;
	const struct scan_resource *r = find_resource(c, kind);
	struct looked_up *l;

	(void)arena;
	*ret_why = SPAN("the API server has no such kind, or was not asked for its group");
	if (!r)
		return CLUSTER_UNKNOWN;
	l = find(c, r, namespace_, name);
	if (!l)
		l = look_up(c, kind, r, namespace_, name);
	*ret_why = SPAN("too much was looked up");
	if (!l)
		return CLUSTER_UNKNOWN;
	*ret = l->doc;
	*ret_why = l->why;
	return l->status;
}

static enum cluster_status find_all(void *arg, const struct cluster_query *query,
	struct arena *arena, struct cluster_objects *ret, struct span *ret_why)
{
	struct scan_cluster *c = arg;
	const struct scan_resource *r = find_resource(c, query->kind);

	*ret = (struct cluster_objects){0};
	*ret_why = SPAN("the API server has no such kind, or was not asked for its group");
	return r ? scan_find(c, r, query, arena, ret, ret_why) : CLUSTER_UNKNOWN;
}

struct cluster_source scan_lookup(struct scan_cluster *c)
{
	return (struct cluster_source){get, find_all, c};
}
