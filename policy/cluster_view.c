/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cluster_view_internal.h"

/* ---- the namespace ---- */

static bool is_of_namespace(const struct policy_request *r)
{
	return span_eq_str(r->resource, "namespaces") && r->api_group.len == 0;
}

/* When the arena is full. */
static const struct cluster_found no_room = {
	.looked = CLUSTER_FAILED, .why = {"the request needs too much memory", 33}};

static const struct cluster_found *fail(struct cluster_found *f, struct span why)
{
	if (!why.ptr)
		return &no_room;
	f->why = why;
	f->looked = CLUSTER_FAILED;
	return f;
}

static const struct cluster_found *is(struct cluster_found *f, enum cluster_look looked)
{
	f->looked = looked;
	return f;
}

static const struct cluster_found *look(struct cluster_view *v, struct cluster_found *f)
{
	const struct policy_request *r = v->request;
	const struct cluster_source *from = r->cluster;
	struct span why = {0};

	if (r->namespace_.len == 0 || (is_of_namespace(r) && !request_is_access(r)))
		return is(f, CLUSTER_NONE);
	if (!from)
		return fail(f, SPAN("nothing is known of the cluster's Namespaces "
				    "(--kubernetes-api; policy explain and test: objects)"));
	switch (from->get(
		from->arg, &cluster_namespaces, SPAN(""), r->namespace_, v->arena, &f->doc, &why)) {
	case CLUSTER_FOUND:
		return is(f, CLUSTER_THERE);
	case CLUSTER_ABSENT:
		return fail(f, arena_printf(v->arena,
				       "namespace \"%.*s\" is not known (one that was made a "
				       "moment ago will be)",
				       SPAN_FMT(r->namespace_)));
	case CLUSTER_UNKNOWN:
		break;
	}
	return fail(f, arena_printf(v->arena, "namespace \"%.*s\": %.*s", SPAN_FMT(r->namespace_),
			       SPAN_FMT(why)));
}

const struct cluster_found *cluster_view_namespace(struct cluster_view *v)
{
	if (!v->namespace_) {
		struct cluster_found *f = arena_calloc(v->arena, 1, sizeof *f);
		v->namespace_ = f ? look(v, f) : &no_room;
	}
	return v->namespace_;
}

/* ---- parameters ---- */

static const struct cluster_found *fail_params(
	struct cluster_view *v, struct cluster_found *f, struct span namespace_, struct span why)
{
	const struct cluster_params *p = v->of;

	return fail(f, arena_printf(v->arena, "params: %.*s %.*s%s%.*s: %.*s",
			       SPAN_FMT(p->kind.kind), SPAN_FMT(namespace_),
			       namespace_.len > 0 ? "/" : "", SPAN_FMT(p->name), SPAN_FMT(why)));
}

static const struct cluster_found *look_for_params(struct cluster_view *v, struct cluster_found *f)
{
	const struct cluster_params *p = v->of;
	const struct cluster_source *from = v->request->cluster;
	const struct span namespace_ =
		p->namespace_.len > 0 ? p->namespace_ : v->request->namespace_;
	struct span why = {0};

	if (!from)
		return fail_params(v, f, namespace_,
			SPAN("nothing is known of the cluster (--kubernetes-api; policy explain "
			     "and test: objects)"));
	switch (from->get(from->arg, &p->kind, namespace_, p->name, v->arena, &f->doc, &why)) {
	case CLUSTER_FOUND:
		return is(f, CLUSTER_THERE);
	case CLUSTER_ABSENT:
		return p->may_be_absent ? is(f, CLUSTER_NONE)
					: fail_params(v, f, namespace_, SPAN("there is none"));
	case CLUSTER_UNKNOWN:
		break;
	}
	return fail_params(v, f, namespace_, why);
}

const struct cluster_found *cluster_view_params(
	struct cluster_view *v, const struct cluster_params *p)
{
	if (v->of != p || !v->params) {
		struct cluster_found *f = arena_calloc(v->arena, 1, sizeof *f);
		v->of = p;
		v->params = f ? look_for_params(v, f) : &no_room;
	}
	return v->params;
}

/* ---- look-ups ---- */

/* Is the object that is written one of those that are looked for, whatever the version? */
static bool is_of_kind(const struct policy_request *r, const struct cluster_kind *kind)
{
	const json_ref written = json_get_str(r->doc, r->request, "kind");

	return !request_is_access(r) && r->name.len > 0 && r->subresource.len == 0 &&
	       json_string_is(r->doc, json_get_str(r->doc, written, "kind"), kind->kind) &&
	       span_eq(r->api_group, kind->group);
}

enum cluster_status cluster_view_lookup(struct cluster_view *v, const struct cluster_lookup *l,
	struct cluster_keys keys, size_t max_bytes, struct cluster_objects *ret,
	struct span *ret_why)
{
	const struct policy_request *r = v->request;
	struct cluster_query q = {.kind = &l->kind,
		.index = l->index,
		.keys = keys.items,
		.key_count = keys.count,
		.max = l->max_objects,
		.max_bytes = max_bytes};

	*ret = (struct cluster_objects){0};
	*ret_why = SPAN("nothing is known of the cluster (--kubernetes-api; policy explain and "
			"test: objects)");
	if (!r->cluster)
		return CLUSTER_UNKNOWN;
	*ret_why = SPAN("the request is in no namespace (scope: Namespace)");
	if (l->in_namespace && r->namespace_.len == 0)
		return CLUSTER_UNKNOWN;
	if (l->in_namespace)
		q.namespace_ = r->namespace_;
	if (is_of_kind(r, &l->kind)) {
		q.but_namespace = r->namespace_;
		q.but_name = r->name;
	}
	return r->cluster->find(r->cluster->arg, &q, v->arena, ret, ret_why);
}

/* ---- labels ---- */

static bool has_value(const struct json_doc *d, json_ref value, const struct label_requirement *q)
{
	for (size_t i = 0; i < q->value_count; i++)
		if (json_string_is(d, value, q->values[i]))
			return true;
	return false;
}

static bool requirement_is_met(
	const struct json_doc *d, json_ref labels, const struct label_requirement *q)
{
	const json_ref value = json_get(d, labels, q->key);

	switch (q->op) {
	case SELECTOR_IN:
		return value != JSON_NONE && has_value(d, value, q);
	case SELECTOR_NOT_IN:
		return value == JSON_NONE || !has_value(d, value, q);
	case SELECTOR_EXISTS:
		return value != JSON_NONE;
	case SELECTOR_DOES_NOT_EXIST:
		return value == JSON_NONE;
	}
	return false;
}

static bool selects(const struct label_selector *s, const struct json_doc *d, json_ref object)
{
	const json_ref labels = json_get_str(d, json_get_str(d, object, "metadata"), "labels");

	for (size_t i = 0; i < s->count; i++)
		if (!requirement_is_met(d, labels, &s->items[i]))
			return false;
	return true;
}

/* A Namespace that is written: nobody leaves a rule by the change that the rule is about. */
static enum verdict selects_written(
	const struct label_selector *s, const struct policy_request *r, enum policy_action action)
{
	const json_ref objects[] = {r->old_object, r->object};
	unsigned there = 0, selected = 0;

	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		if (json_type(r->doc, objects[i]) != JSON_OBJECT)
			continue;
		there++;
		selected += selects(s, r->doc, objects[i]);
	}
	if (there == 0) /* CONNECT, or an API server that says nothing of what it deletes */
		return action == POLICY_ALLOW ? VERDICT_FALSE : VERDICT_TRUE;
	if (action == POLICY_ALLOW)
		return selected == there ? VERDICT_TRUE : VERDICT_FALSE;
	return selected > 0 ? VERDICT_TRUE : VERDICT_FALSE;
}

enum verdict cluster_view_selects(struct cluster_view *v, const struct label_selector *s,
	enum policy_action action, struct span *ret_why)
{
	if (is_of_namespace(v->request) && !request_is_access(v->request))
		return selects_written(s, v->request, action);
	const struct cluster_found *f = cluster_view_namespace(v);
	switch (f->looked) {
	case CLUSTER_NONE:
		return action == POLICY_ALLOW ? VERDICT_FALSE : VERDICT_TRUE;
	case CLUSTER_THERE:
		return selects(s, &f->doc, JSON_ROOT) ? VERDICT_TRUE : VERDICT_FALSE;
	case CLUSTER_FAILED:
		break;
	}
	*ret_why = f->why;
	return VERDICT_ERROR;
}
