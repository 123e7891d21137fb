/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/objects.h"

#include "policy/files_internal.h"
#include "policy/review/index_path.h"
#include "policy/review/json_edit.h"

#define OBJECT_MAX_BYTES (8u << 20)

struct policy_object {
	struct policy_object *next;
	struct span api_version, kind, namespace_, name;
	struct json_doc doc;
};

static const struct json_limits limits = {
	.max_bytes = OBJECT_MAX_BYTES, .max_depth = 100, .max_nodes = 1u << 20};

/* ---- reading ---- */

static int read_text(struct arena *a, const struct buf *text, struct json_doc *ret)
{
	char *copy = text->failed ? NULL : arena_strndup(a, buf_span(text).ptr, text->len);
	return copy ? json_read(copy, text->len, &limits, a, ret, NULL) : -1;
}

/* As admission does since Kubernetes 1.21. */
static int add_name_label(struct arena *a, struct policy_object *o)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(OBJECT_MAX_BYTES);
	struct json_doc *docs = arena_calloc(a, 2, sizeof *docs);
	if (!docs)
		return -1;
	docs[0] = o->doc;
	buf_add_str(&text, "{\"metadata\":{\"labels\":{\"kubernetes.io/metadata.name\":");
	json_put_string(&text, o->name);
	buf_add_str(&text, "}}}");
	struct edit_value *v = edit_of(&docs[0], JSON_ROOT, a);
	if (!v || read_text(a, &text, &docs[1]) < 0)
		return -1;
	v = edit_merge(v, &docs[1], JSON_ROOT, a, NULL);
	return v ? edit_finish(v, a, &o->doc, NULL) : -1;
}

static struct span text_at(const struct node *n, const char *key)
{
	const struct node *v = n && n->type == NODE_MAP ? node_get(n, key) : NULL;
	return v && v->type == NODE_SCALAR ? v->text : SPAN("");
}

/* -1: memory is short. */
static int make_object(struct policy_objects *list, const struct node *n, struct policy_object *o)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(OBJECT_MAX_BYTES);
	node_put_json(&text, n);
	if (read_text(list->arena, &text, &o->doc) < 0)
		return -1;
	return span_eq_str(o->kind, "Namespace") ? add_name_label(list->arena, o) : 0;
}

static void add_object(
	struct policy_objects *list, const struct node *n, struct yaml_errors *errors)
{
	const struct node *metadata = node_get(n, "metadata");
	struct policy_object *o = arena_calloc(list->arena, 1, sizeof *o);
	if (!o) {
		errors_add_at(errors, n, "the objects are too large");
		return;
	}
	o->api_version = text_at(n, "apiVersion");
	o->kind = text_at(n, "kind");
	o->namespace_ = text_at(metadata, "namespace");
	o->name = text_at(metadata, "name");
	if (!o->api_version.len || !o->kind.len || !o->name.len) {
		errors_add_at(errors, n, "an object needs apiVersion, kind and metadata.name");
	} else if (make_object(list, n, o) < 0) {
		errors_add_at(errors, n, "the object is too large");
	} else {
		o->next = list->first;
		list->first = o;
	}
}

void policy_objects_add(struct policy_objects *o, const struct node *n, struct yaml_errors *errors)
{
	const struct node *items = n;
	if (n->type == NODE_MAP && span_eq_str(text_at(n, "kind"), "List"))
		items = node_get(n, "items");
	if (items && items->type == NODE_SEQ)
		node_foreach(item, items) policy_objects_add(o, item, errors);
	else if (n->type == NODE_MAP)
		add_object(o, n, errors);
	else
		errors_add_at(errors, n, "an object must be a mapping, not %s", node_kind_name(n));
}

struct adding {
	struct policy_objects *objects;
	struct yaml_errors *errors;
};

static void take_document(const struct node *root, void *arg)
{
	const struct adding *a = arg;
	policy_objects_add(a->objects, root, a->errors);
}

int policy_objects_read(struct policy_objects *o, const char *const *paths, size_t count,
	struct yaml_errors *errors)
{
	struct adding adding = {o, errors};
	struct tree_file *files;
	size_t n;
	files_read(paths, count, o->arena, errors, &files, &n);
	for (size_t i = 0; i < n; i++)
		tree_read(&files[i], o->arena, errors, take_document, &adding);
	errors_sort(errors);
	return errors->count ? -1 : 0;
}

/* ---- finding ---- */

static bool is_of_version(struct span api_version, const struct cluster_kind *kind)
{
	if (!kind->group.len)
		return span_eq(api_version, kind->version);
	return api_version.len == kind->group.len + 1 + kind->version.len &&
	       memcmp(api_version.ptr, kind->group.ptr, kind->group.len) == 0 &&
	       api_version.ptr[kind->group.len] == '/' &&
	       memcmp(api_version.ptr + kind->group.len + 1, kind->version.ptr,
		       kind->version.len) == 0;
}

/* Which kinds are in no namespace, no manifest says. */
static bool is_in(const struct policy_object *o, struct span namespace_)
{
	return o->namespace_.len == 0 || span_eq(o->namespace_, namespace_);
}

static enum cluster_status get(void *arg, const struct cluster_kind *kind, struct span namespace_,
	struct span name, struct arena *arena, struct json_doc *ret, struct span *ret_why)
{
	(void)arena, (void)ret_why;
	for (const struct policy_objects *list = arg; list; list = list->rest)
		for (const struct policy_object *o = list->first; o; o = o->next)
			if (span_eq(o->name, name) && is_in(o, namespace_) &&
				span_eq(o->kind, kind->kind) &&
				is_of_version(o->api_version, kind)) {
				*ret = o->doc;
				return CLUSTER_FOUND;
			}
	return CLUSTER_ABSENT;
}

static int has_key(const struct policy_object *o, const struct cluster_query *q,
	struct arena *arena, bool *ret)
{
	struct span *keys;
	size_t count;

	*ret = q->index.len == 0;
	if (*ret)
		return 0;
	if (index_path_keys(&o->doc, JSON_ROOT, q->index, arena, &keys, &count) < 0)
		return -1;
	for (size_t i = 0; i < count && !*ret; i++)
		for (size_t k = 0; k < q->key_count && !*ret; k++)
			*ret = span_eq(keys[i], q->keys[k]);
	return 0;
}

static bool may_be_meant(const struct policy_object *o, const struct cluster_query *q)
{
	const bool is_the_one = q->but_name.len > 0 && span_eq(o->name, q->but_name) &&
				span_eq(o->namespace_, q->but_namespace);

	return !is_the_one && (q->namespace_.len == 0 || is_in(o, q->namespace_)) &&
	       span_eq(o->kind, q->kind->kind) && is_of_version(o->api_version, q->kind);
}

static int add_found(struct cluster_objects *ret, const struct policy_object *o,
	const struct cluster_query *q, struct arena *arena, struct span *ret_why)
{
	bool meant = false;

	*ret_why = SPAN("the request needs too much memory");
	if (may_be_meant(o, q) && has_key(o, q, arena, &meant) < 0)
		return -1;
	if (!meant)
		return 0;
	if (ret->count == q->max) {
		*ret_why = arena_printf(arena, "there are more than %zu", q->max);
		return -1;
	}
	ret->bytes += o->doc.len + o->doc.node_count * sizeof(*o->doc.nodes);
	ret->docs[ret->count++] = o->doc;
	return 0;
}

/* In the order in which they were given, the last first. */
static enum cluster_status find(void *arg, const struct cluster_query *q, struct arena *arena,
	struct cluster_objects *ret, struct span *ret_why)
{
	*ret = (struct cluster_objects){0};
	*ret_why = SPAN("the request needs too much memory");
	ret->docs = arena_calloc(arena, q->max + 1, sizeof(*ret->docs));
	if (!ret->docs)
		return CLUSTER_UNKNOWN;
	for (const struct policy_objects *list = arg; list; list = list->rest)
		for (const struct policy_object *o = list->first; o; o = o->next)
			if (add_found(ret, o, q, arena, ret_why) < 0)
				return CLUSTER_UNKNOWN;
	*ret_why = SPAN("they are too large");
	return ret->bytes > q->max_bytes ? CLUSTER_UNKNOWN : CLUSTER_FOUND;
}

struct cluster_source policy_objects_source(const struct policy_objects *o)
{
	return (struct cluster_source){get, find, (void *)o};
}
