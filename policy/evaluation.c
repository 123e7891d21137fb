/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request gives a policy's CEL to work on: slots 0 to 3 are request, object, oldObject and
 * now, the policy's variables come behind them; a resolver makes each value when an expression
 * first asks for it, and the slot keeps it. See evaluation_internal.h.
 */
#include "policy/cluster_view_internal.h"
#include "policy/expression_parts_internal.h"
#include "policy/lookup_internal.h"
#include "policy/spending_internal.h"

#include "common/base/utf8.h"

#define EVALUATION_MAX_TEXT 65536u

struct evaluation {
	struct cluster_view *view;
	const struct policy_request *request;
	struct arena *arena;
	struct evaluation_policy policy;
	const struct json_doc *object; /* instead of the request's, or NULL */
	struct cel_run run;
	struct spending spending;
	struct cel_activation activation;
	struct cel_value common[SLOT_COUNT]; /* but for parameters, kept from policy to policy */
};

static struct cel_value string_of(struct span s)
{
	return cel_string(s.ptr ? s : SPAN(""));
}

static struct cel_value pair_map(struct cel_value *pairs, uint32_t count, struct arena *a)
{
	return cel_map_of(pairs, count, a);
}

static struct cel_value groups_value(const struct policy_request *r, struct arena *a)
{
	struct cel_value *items = arena_calloc(a, r->group_count + 1, sizeof *items);
	if (!items)
		return cel_error(a, "out of memory");
	for (size_t i = 0; i < r->group_count; i++)
		items[i] = string_of(r->groups[i]);
	return cel_list_of(items, (uint32_t)r->group_count, a);
}

#define PUT(pairs, n, key, value)                                                                  \
	do {                                                                                       \
		(pairs)[(n)++] = cel_string(SPAN(key));                                            \
		(pairs)[(n)++] = (value);                                                          \
	} while (0)

/* fieldSelector and labelSelector of a list or watch (Kubernetes 1.31), where there are any. */
static void put_selectors(
	const struct policy_request *r, struct arena *a, struct cel_value *p, uint32_t *n)
{
	json_ref asked = json_get_str(r->doc, r->request, "resourceAttributes");
	json_ref fields = json_get_str(r->doc, asked, "fieldSelector");
	json_ref labels = json_get_str(r->doc, asked, "labelSelector");
	if (json_type(r->doc, fields) == JSON_OBJECT)
		PUT(p, *n, "fieldSelector", cel_json(r->doc, fields, a));
	if (json_type(r->doc, labels) == JSON_OBJECT)
		PUT(p, *n, "labelSelector", cel_json(r->doc, labels, a));
}

/* A SubjectAccessReview in the words of an AdmissionRequest. */
static struct cel_value access_request(const struct policy_request *r, struct arena *a)
{
	struct cel_value *p = arena_calloc(a, 64, sizeof *p), *user = p + 32, *resource = p + 48;
	uint32_t n = 0, u = 0, k = 0;
	if (!p)
		return cel_error(a, "out of memory");
	json_ref extra = json_get_str(r->doc, r->request, "extra");
	PUT(user, u, "username", string_of(r->username));
	PUT(user, u, "groups", groups_value(r, a));
	PUT(user, u, "uid",
		string_of(json_string(r->doc, json_get_str(r->doc, r->request, "uid"), a)));
	PUT(user, u, "extra",
		json_type(r->doc, extra) == JSON_OBJECT ? cel_json(r->doc, extra, a)
							: cel_map_of(NULL, 0, a));
	PUT(p, n, "userInfo", pair_map(user, u / 2, a));
	PUT(p, n, "verb", string_of(r->verb));
	if (r->path.len) {
		PUT(p, n, "path", string_of(r->path));
		return pair_map(p, n / 2, a);
	}
	PUT(resource, k, "group", string_of(r->api_group));
	PUT(resource, k, "version", string_of(r->version));
	PUT(resource, k, "resource", string_of(r->resource));
	PUT(p, n, "resource", pair_map(resource, k / 2, a));
	PUT(p, n, "subresource", string_of(r->subresource));
	PUT(p, n, "subResource", string_of(r->subresource));
	PUT(p, n, "namespace", string_of(r->namespace_));
	PUT(p, n, "name", string_of(r->name));
	put_selectors(r, a, p, &n);
	return pair_map(p, n / 2, a);
}

/* The AdmissionRequest as it came; with the name where only the object had it. */
static struct cel_value admission_request(const struct policy_request *r, struct arena *a)
{
	struct cel_value whole = cel_json(r->doc, r->request, a), key, value;
	json_ref name = json_get_str(r->doc, r->request, "name");
	if (!r->name.len || name != JSON_NONE)
		return whole;
	struct cel_value *p = arena_calloc(a, 2 * (size_t)cel_size(whole) + 2, sizeof *p);
	if (!p)
		return cel_error(a, "out of memory");
	uint32_t n = 0;
	for (struct cel_iter it = cel_iter(whole, a); cel_iter_next(&it, &key, &value);) {
		p[n++] = key;
		p[n++] = value;
	}
	PUT(p, n, "name", string_of(r->name));
	return pair_map(p, n / 2, a);
}

static struct cel_value namespace_value(struct evaluation *ev)
{
	const struct cluster_found *f = cluster_view_namespace(ev->view);
	switch (f->looked) {
	case CLUSTER_THERE:
		return cel_json(&f->doc, JSON_ROOT, ev->arena);
	case CLUSTER_FAILED:
		return cel_error(ev->arena, "namespaceObject: %.*s", SPAN_FMT(f->why));
	case CLUSTER_NONE:
		break;
	}
	return cel_null();
}

/* data: of a ConfigMap, which may have none. */
static struct cel_value params_value(struct evaluation *ev, bool data)
{
	const struct cluster_found *f = cluster_view_params(ev->view, ev->policy.params);
	json_ref at = JSON_ROOT;
	switch (f->looked) {
	case CLUSTER_THERE:
		if (data)
			at = json_get_str(&f->doc, JSON_ROOT, "data");
		return at == JSON_NONE ? cel_map_of(NULL, 0, ev->arena)
				       : cel_json(&f->doc, at, ev->arena);
	case CLUSTER_FAILED:
		return cel_error(ev->arena, "%.*s", SPAN_FMT(f->why));
	case CLUSTER_NONE:
		break;
	}
	return cel_null();
}

static struct cel_value common_value(struct evaluation *ev, uint32_t slot)
{
	const struct policy_request *r = ev->request;
	switch (slot) {
	case SLOT_REQUEST:
		return request_is_access(r) ? access_request(r, ev->arena)
					    : admission_request(r, ev->arena);
	case SLOT_OBJECT:
		return ev->object ? cel_json(ev->object, JSON_ROOT, ev->arena)
				  : cel_json(r->doc, r->object, ev->arena);
	case SLOT_OLD_OBJECT:
		return cel_json(r->doc, r->old_object, ev->arena);
	case SLOT_NAMESPACE_OBJECT:
		return namespace_value(ev);
	case SLOT_PARAMS:
	case SLOT_PARAMS_DATA:
		return params_value(ev, slot == SLOT_PARAMS_DATA);
	default:
		return cel_timestamp_us(r->now_us);
	}
}

static struct cel_value look_up(struct evaluation *ev, const struct variable *v)
{
	struct cel_value key = {0};

	if (v->expression)
		key = evaluation_value(v->expression, ev);
	if (key.kind == CEL_ERROR)
		return key;
	const uint64_t outer = spending_give(&ev->spending, &ev->run);
	const struct cel_value found =
		lookup_value(v->lookup, v->expression ? &key : NULL, ev->view, &ev->run);
	spending_take_back(&ev->spending, &ev->run, cel_error_is_limit(found), outer);
	return found;
}

static struct cel_value resolve(struct cel_run *run, uint32_t slot, void *ctx)
{
	struct evaluation *ev = ctx;
	const struct expressions *x = ev->policy.expressions;
	if (slot < x->first_variable) {
		if (ev->common[slot].kind == CEL_UNSET)
			ev->common[slot] = common_value(ev, slot);
		return ev->common[slot];
	}
	const struct variable *v = &x->variables[slot - x->first_variable];
	(void)run; /* is ev->run */
	return v->lookup ? look_up(ev, v) : evaluation_value(v->expression, ev);
}

struct evaluation *evaluation_new(struct cluster_view *view, const struct policy_limits *limits)
{
	struct evaluation *ev = arena_calloc(view->arena, 1, sizeof *ev);
	if (!ev)
		return NULL;
	ev->view = view;
	ev->request = view->request;
	ev->arena = view->arena;
	ev->run = cel_run(ev->arena, 0);
	spending_begin(&ev->spending, &ev->run, limits);
	return ev;
}

static int reset_variables(struct evaluation *ev)
{
	const struct expressions *x = ev->policy.expressions;
	uint32_t count = x->first_variable + (uint32_t)x->variable_count;
	struct cel_value *slots = ev->activation.slots;
	if (!slots || ev->activation.slot_count < count) {
		slots = arena_calloc(ev->arena, count, sizeof *slots);
		if (!slots)
			return -1;
	}
	memset(slots, 0, count * sizeof *slots);
	ev->activation = (struct cel_activation){slots, count, resolve, ev};
	return 0;
}

int evaluation_enter(struct evaluation *ev, const struct evaluation_policy *p)
{
	if (ev->policy.expressions == p->expressions)
		return 0;
	ev->policy = *p;
	ev->common[SLOT_PARAMS] = ev->common[SLOT_PARAMS_DATA] = (struct cel_value){0};
	spending_enter(&ev->spending, &ev->run, p);
	return reset_variables(ev);
}

void evaluation_forget(struct evaluation *ev)
{
	memset(ev->common, 0, sizeof ev->common);
	ev->activation = (struct cel_activation){0};
	ev->policy = (struct evaluation_policy){0};
}

bool evaluation_is_unfinished(const struct evaluation *ev)
{
	return ev->spending.unfinished;
}

int evaluation_replace_object(struct evaluation *ev, const struct json_doc *object)
{
	ev->object = object;
	ev->common[SLOT_OBJECT] = (struct cel_value){0};
	return ev->policy.expressions ? reset_variables(ev) : 0;
}

/* ---- evaluating ---- */

/* What went wrong and on which line of the file. */
static struct span error_text(const struct expression *e, struct evaluation *ev, struct cel_value v)
{
	uint32_t line, column;
	struct span message = {0};
	if (cel_error_is_limit(v))
		message = spending_message(&ev->spending, ev->policy.name, ev->arena);
	if (!message.ptr)
		message = cel_error_message(v, ev->arena);
	cel_error_position(v, &line, &column);
	line = e->at->line + e->at->block + (line ? line - 1 : 0);
	struct span text = arena_printf(ev->arena, "%.*s (line %u)", SPAN_FMT(message), line);
	return text.ptr ? text : SPAN("the request needs too much memory");
}

struct cel_value evaluation_value(const struct expression *e, struct evaluation *ev)
{
	const uint64_t outer = spending_give(&ev->spending, &ev->run);
	struct cel_value v = cel_eval(e->program, &ev->activation, &ev->run);
	spending_take_back(&ev->spending, &ev->run, cel_error_is_limit(v), outer);
	return v;
}

enum verdict evaluation_test(
	const struct expression *e, struct evaluation *ev, struct evaluation_error *ret_error)
{
	struct cel_value v = evaluation_value(e, ev);
	if (v.kind == CEL_BOOL)
		return v.b ? VERDICT_TRUE : VERDICT_FALSE;
	ret_error->text = v.kind == CEL_ERROR ? error_text(e, ev, v)
					      : arena_printf(ev->arena,
							"a condition must be true or false, not %s",
							cel_type_name(v));
	ret_error->limit = cel_error_is_limit(v) ? ev->spending.limit : POLICY_LIMIT_NONE;
	return VERDICT_ERROR;
}

/* string(v), as the template language wants it. */
static int value_text(const struct expression *e, struct evaluation *ev, struct cel_value v,
	struct span *ret, struct span *ret_error)
{
	if (v.kind == CEL_STRING) {
		*ret = cel_span(v);
		return 0;
	}
	if (v.kind == CEL_ERROR) {
		*ret_error = error_text(e, ev, v);
		return -1;
	}
	_cleanup_(buf_free) struct buf out = BUF_INIT(EVALUATION_MAX_TEXT);
	struct err err;
	if (cel_put_text(&out, v, &err) < 0) {
		*ret_error = arena_printf(ev->arena, "%s (line %u)", err.msg, e->at->line);
		return -1;
	}
	*ret = (struct span){arena_strndup(ev->arena, buf_span(&out).ptr, out.len), out.len};
	return ret->ptr ? 0 : -1;
}

/* One value for each part; errors are counted where they happen. */
static int part_texts(const struct template *t, struct evaluation *ev, struct span *texts,
	size_t *ret_len, struct span *ret_error)
{
	*ret_len = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct expression *e = t->parts[i].expression;
		texts[i] = t->parts[i].literal;
		if (e && value_text(e, ev, evaluation_value(e, ev), &texts[i], ret_error) < 0)
			return -1;
		*ret_len += texts[i].len;
	}
	if (*ret_len <= EVALUATION_MAX_TEXT)
		return 0;
	*ret_error = SPAN("the text is too long");
	return -1;
}

static int join(
	const struct template *t, struct evaluation *ev, struct span *ret, struct span *ret_error)
{
	struct span *texts = arena_calloc(ev->arena, t->count + 1, sizeof *texts);
	size_t len;
	*ret_error = SPAN("the request needs too much memory");
	if (!texts || part_texts(t, ev, texts, &len, ret_error) < 0)
		return -1;
	char *copy = arena_alloc(ev->arena, len + 1), *end = copy;
	if (!copy)
		return -1;
	for (size_t i = 0; i < t->count; i++)
		if (texts[i].len)
			end = mempcpy(end, texts[i].ptr, texts[i].len);
	*end = 0;
	*ret = (struct span){copy, len};
	return 0;
}

int evaluation_template_text(
	const struct template *t, struct evaluation *ev, struct span *ret, struct span *ret_error)
{
	if (join(t, ev, ret, ret_error) < 0)
		return -1;
	utf8_blank_harmful((char *)ret->ptr, ret->len);
	return 0;
}

int evaluation_text(
	const struct expression *e, struct evaluation *ev, struct span *ret, struct span *ret_error)
{
	struct part part = {.expression = e};
	struct template whole = {&part, 1};
	return evaluation_template_text(&whole, ev, ret, ret_error);
}

struct cel_value evaluation_template_value(const struct template *t, struct evaluation *ev)
{
	struct span text, error;
	if (t->count == 1 && t->parts[0].expression) {
		const struct expression *e = t->parts[0].expression;
		struct cel_value v = evaluation_value(e, ev);
		struct span what = v.kind == CEL_ERROR ? error_text(e, ev, v) : SPAN("");
		return what.len ? cel_error(ev->arena, "%.*s", SPAN_FMT(what)) : v;
	}
	if (join(t, ev, &text, &error) < 0)
		return cel_error(ev->arena, "%.*s", SPAN_FMT(error));
	return cel_string(text);
}

/* ---- explaining ---- */

void evaluation_explain(struct buf *out, const struct expression *e, struct evaluation *ev)
{
	struct spending kept = ev->spending; /* explaining costs the policy nothing */
	const uint64_t outer = spending_give(&ev->spending, &ev->run);
	cel_explain(out, e->program, &ev->activation, &ev->run);
	spending_take_back(&ev->spending, &ev->run, false, outer);
	ev->spending = kept;
}
