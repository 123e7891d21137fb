/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cluster_view_internal.h"

/* ---- the namespace ---- */

static bool is_of_namespace(const struct policy_request *r)
{
	return span_eq_str(r->resource, "namespaces") && r->api_group.len == 0;
}

static enum cluster_look fail(struct cluster_view *v, struct span why)
{
	v->why = why.ptr ? why : SPAN("the request needs too much memory");
	return v->looked = CLUSTER_FAILED;
}

static enum cluster_look look(struct cluster_view *v)
{
	const struct policy_request *r = v->request;
	const struct cluster_source *from = r->cluster;
	struct span why = {0};

	if (!from)
		return fail(v, SPAN("nothing is known of the cluster's Namespaces "
				    "(--kubernetes-api; policy explain and test: objects)"));
	switch (from->get(from->arg, &cluster_namespaces, SPAN(""), r->namespace_, v->arena,
		&v->namespace_, &why)) {
	case CLUSTER_FOUND:
		return v->looked = CLUSTER_THERE;
	case CLUSTER_ABSENT:
		return fail(v, arena_printf(v->arena,
				       "namespace \"%.*s\" is not known (one that was made a "
				       "moment ago will be)",
				       SPAN_FMT(r->namespace_)));
	case CLUSTER_UNKNOWN:
		break;
	}
	return fail(v, arena_printf(v->arena, "namespace \"%.*s\": %.*s", SPAN_FMT(r->namespace_),
			       SPAN_FMT(why)));
}

enum cluster_look cluster_view_look(struct cluster_view *v)
{
	const struct policy_request *r = v->request;

	if (v->looked != CLUSTER_NOT_LOOKED)
		return v->looked;
	if (r->namespace_.len == 0 || (is_of_namespace(r) && !request_is_access(r)))
		return v->looked = CLUSTER_NONE;
	return look(v);
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
	switch (cluster_view_look(v)) {
	case CLUSTER_NOT_LOOKED:
	case CLUSTER_NONE:
		return action == POLICY_ALLOW ? VERDICT_FALSE : VERDICT_TRUE;
	case CLUSTER_THERE:
		return selects(s, &v->namespace_, JSON_ROOT) ? VERDICT_TRUE : VERDICT_FALSE;
	case CLUSTER_FAILED:
		break;
	}
	*ret_why = v->why;
	return VERDICT_ERROR;
}
