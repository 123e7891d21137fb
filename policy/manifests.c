/* SPDX-License-Identifier: Apache-2.0 */
/* Each object becomes the text of an AdmissionReview, which is read as any other is. */
#include "policy/manifests.h"

#include "policy/files_internal.h"
#include "policy/kinds/kinds.h"

#define REVIEW_MAX_BYTES ((size_t)16 << 20)
#define KIND_MAX	 63

struct reading {
	const struct manifest_sender *sender;
	struct arena *arena;
	struct yaml_errors *errors;
	struct manifest **end;
};

/* What an object says of itself. */
struct head {
	struct manifest_object object;
	bool guessed;
};

static struct span text_at(const struct node *n, const char *key)
{
	const struct node *v = n && n->type == NODE_MAP ? node_get(n, key) : NULL;

	return v && v->type == NODE_SCALAR ? v->text : SPAN("");
}

/* As most plurals are: "gateways", "policies", "ingresses". */
static struct span guess_resource(struct span kind, struct arena *arena)
{
	char text[KIND_MAX + 1];
	size_t n = kind.len < KIND_MAX ? kind.len : KIND_MAX;
	char last, before;

	for (size_t i = 0; i < n; i++)
		text[i] =
			(char)(kind.ptr[i] | (kind.ptr[i] >= 'A' && kind.ptr[i] <= 'Z' ? 0x20 : 0));
	text[n] = 0;
	last = n > 0 ? text[n - 1] : 0;
	before = n > 1 ? text[n - 2] : 0;
	if (last == 'y' && !strchr("aeiou", before))
		return arena_printf(arena, "%.*sies", (int)(n - 1), text);
	return arena_printf(arena, "%s%s", text, last == 's' || last == 'x' ? "es" : "s");
}

static int read_head(struct reading *r, const struct node *n, struct head *ret)
{
	const struct node *metadata = node_get(n, "metadata");
	struct span api = text_at(n, "apiVersion");
	const char *slash = memchr(api.ptr, '/', api.len), *resource;
	struct manifest_object *o = &ret->object;
	bool in_namespaces = true;

	*o = (struct manifest_object){.group = {api.ptr, slash ? (size_t)(slash - api.ptr) : 0},
		.version = slash ? (struct span){slash + 1, api.len - (size_t)(slash + 1 - api.ptr)}
				 : api,
		.kind = text_at(n, "kind"),
		.namespace_ = text_at(metadata, "namespace"),
		.name = text_at(metadata, "name")};
	if (!o->version.len || !o->kind.len ||
		(!o->name.len && !text_at(metadata, "generateName").len)) {
		errors_add_at(r->errors, n,
			"an object needs apiVersion, kind, and metadata.name or generateName");
		return -1;
	}
	resource = kinds_resource_of(o->group, o->kind, &in_namespaces);
	ret->guessed = !resource;
	o->resource = resource ? span_of(resource) : guess_resource(o->kind, r->arena);
	if (!o->namespace_.len && in_namespaces)
		o->namespace_ = span_of(r->sender->namespace_ ? r->sender->namespace_ : "default");
	return 0;
}

/* ---- the text ---- */

static void put(struct buf *out, const char *key, struct span value)
{
	json_put_key(out, key);
	json_put_string(out, value);
}

static void put_kind(
	struct buf *out, const char *key, const struct manifest_object *o, bool resource)
{
	json_put_key(out, key);
	buf_add_char(out, '{');
	put(out, "group", o->group);
	put(out, "version", o->version);
	put(out, resource ? "resource" : "kind", resource ? o->resource : o->kind);
	buf_add_char(out, '}');
}

static void put_sender(struct buf *out, const struct manifest_sender *s)
{
	json_put_key(out, "userInfo");
	buf_add_char(out, '{');
	put(out, "username", span_of(s->username));
	json_put_key(out, "groups");
	buf_add_char(out, '[');
	for (size_t i = 0; i < s->group_count; i++) {
		buf_add_str(out, i ? "," : "");
		json_put_string(out, span_of(s->groups[i]));
	}
	buf_add_str(out, "]}");
}

static void put_review(
	struct buf *out, const struct manifest_object *o, const struct manifest_sender *s)
{
	buf_add_str(out, "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\","
			 "\"request\":{\"uid\":\"00000000-0000-0000-0000-000000000000\"");
	put_kind(out, "kind", o, false);
	put_kind(out, "resource", o, true);
	put_kind(out, "requestKind", o, false);
	put_kind(out, "requestResource", o, true);
	if (o->name.len > 0)
		put(out, "name", o->name);
	if (o->namespace_.len > 0)
		put(out, "namespace", o->namespace_);
	put(out, "operation", s->deletes ? SPAN("DELETE") : SPAN("CREATE"));
	put_sender(out, s);
	buf_add_str(out, ",\"dryRun\":false");
	json_put_key(out, s->deletes ? "oldObject" : "object");
	buf_add_span(out, o->text);
	buf_printf(out, ",\"%s\":null}}", s->deletes ? "object" : "oldObject");
}

int manifest_review(const struct manifest_object *o, const struct manifest_sender *sender,
	struct arena *arena, struct review *ret, struct err *e)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(REVIEW_MAX_BYTES);
	char *copy;

	put_review(&text, o, sender);
	copy = text.failed ? NULL : arena_strndup(arena, text.ptr, text.len);
	if (!copy)
		return err_set(e, "the object is too large");
	return review_read((struct span){copy, text.len}, REVIEW_NODES_DEFAULT, arena, ret, e) ==
			       REVIEW_OK
		       ? 0
		       : -1;
}

/* ---- the objects ---- */

/* -1: memory is short, or the review cannot be read; *e says so. */
static int make(struct reading *r, struct head *h, const struct node *n, struct err *e)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(REVIEW_MAX_BYTES);
	struct manifest *m = arena_calloc(r->arena, 1, sizeof(*m));

	node_put_json(&text, n);
	if (!m || text.failed)
		return err_set(e, "the object is too large");
	h->object.text = buf_span(&text);
	if (manifest_review(&h->object, r->sender, r->arena, &m->review, e) < 0)
		return -1;
	m->guessed = h->guessed;
	*r->end = m;
	r->end = &m->next;
	return 0;
}

static void take(struct reading *r, const struct node *n)
{
	const struct node *items = n;
	struct head h;
	struct err e;

	if (n->type == NODE_MAP && span_eq_str(text_at(n, "kind"), "List"))
		items = node_get(n, "items");
	if (items && items->type == NODE_SEQ) {
		node_foreach(item, items) take(r, item);
		return;
	}
	if (n->type != NODE_MAP)
		errors_add_at(
			r->errors, n, "an object must be a mapping, not %s", node_kind_name(n));
	else if (read_head(r, n, &h) == 0 && make(r, &h, n, &e) != 0)
		errors_add_at(r->errors, n, "%s", e.msg);
}

static void take_document(const struct node *root, void *arg)
{
	take(arg, root);
}

int manifests_read(const char *const *paths, size_t count, const struct manifest_sender *sender,
	struct arena *arena, struct yaml_errors *errors, struct manifest **ret)
{
	struct reading r = {.sender = sender, .arena = arena, .errors = errors, .end = ret};
	struct tree_file *files;
	size_t n;

	*ret = NULL;
	files_read(paths, count, arena, errors, &files, &n);
	for (size_t i = 0; i < n; i++)
		tree_read(&files[i], arena, errors, take_document, &r);
	errors_sort(errors);
	if (!errors->count && !*ret)
		errors_add(errors, NULL, 0, 0, "there is no object in %s", paths[0]);
	return errors->count ? -1 : 0;
}
