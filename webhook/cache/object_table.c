/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/cache/object_table_internal.h"

#define OBJECT_TEXT_MAX ((size_t)16 << 20)

static const struct json_limits limits = {
	.max_bytes = OBJECT_TEXT_MAX, .max_depth = 200, .max_nodes = 1 << 20};

/* ---- one object ---- */

static void put_member(struct buf *out, const struct json_doc *d, json_ref key)
{
	if (out->len > 0 && out->ptr[out->len - 1] != '{')
		buf_add_char(out, ',');
	buf_add_span(out, json_text(d, key));
	buf_add_char(out, ':');
	buf_add_span(out, json_text(d, key + 1));
}

static void put_metadata(struct buf *out, const struct json_doc *d, json_ref metadata)
{
	json_put_key(out, "metadata");
	buf_add_char(out, '{');
	json_foreach_member (key, d, metadata)
		if (!json_string_is(d, key, SPAN("managedFields")))
			put_member(out, d, key);
	buf_add_char(out, '}');
}

/* The elements of a list have neither apiVersion nor kind, those of a watch have. */
static void put_type(struct buf *out, const struct json_doc *d, json_ref at, const char *key,
	struct span otherwise)
{
	if (json_get(d, at, span_of(key)) != JSON_NONE || otherwise.len == 0)
		return;
	json_put_key(out, key);
	json_put_string(out, otherwise);
}

static struct span text_of(const struct json_doc *d, json_ref at, struct span api_version,
	struct span kind, struct arena *scratch)
{
	struct buf out = BUF_IN_ARENA(scratch, OBJECT_TEXT_MAX);

	buf_add_char(&out, '{');
	put_type(&out, d, at, "apiVersion", api_version);
	put_type(&out, d, at, "kind", kind);
	json_foreach_member (key, d, at)
		if (json_string_is(d, key, SPAN("metadata")))
			put_metadata(&out, d, key + 1);
		else
			put_member(&out, d, key);
	buf_add_char(&out, '}');
	return buf_str(&out) ? buf_span(&out) : (struct span){0};
}

static struct span keep(char **to, struct span s)
{
	struct span kept = {*to, s.len};

	if (s.len > 0)
		*to = mempcpy(*to, s.ptr, s.len);
	return kept;
}

struct identity {
	struct span namespace_, name, version;
};

static struct identity identity_of(const struct json_doc *d, json_ref at, struct arena *scratch)
{
	json_ref m = json_get_str(d, at, "metadata");

	return (struct identity){json_string(d, json_get_str(d, m, "namespace"), scratch),
		json_string(d, json_get_str(d, m, "name"), scratch),
		json_string(d, json_get_str(d, m, "resourceVersion"), scratch)};
}

/* A block of its own for all of it. NULL: no memory, or, with a document, no room in the budget. */
static struct object *block_of(
	struct object_budget *budget, const struct identity *id, const struct json_doc *doc)
{
	const size_t nodes = doc ? doc->node_count * sizeof(*doc->nodes) : 0;
	const size_t bytes = sizeof(struct object) + nodes + (doc ? doc->len : 0) +
			     id->namespace_.len + id->name.len + id->version.len;
	struct object *o;
	char *to;

	if (atomic_fetch_add(&budget->bytes, bytes) + bytes > budget->max_bytes && doc) {
		atomic_fetch_sub(&budget->bytes, bytes);
		return NULL;
	}
	o = malloc(bytes);
	if (!o) {
		atomic_fetch_sub(&budget->bytes, bytes);
		return NULL;
	}
	*o = (struct object){.references = 1, .budget = budget, .bytes = bytes, .left_out = !doc};
	to = (char *)(o + 1);
	if (doc) {
		o->doc = *doc;
		o->doc.nodes = memcpy(to, doc->nodes, nodes);
		to += nodes;
		o->doc.text = keep(&to, (struct span){doc->text, doc->len}).ptr;
	}
	o->namespace_ = keep(&to, id->namespace_);
	o->name = keep(&to, id->name);
	o->version = keep(&to, id->version);
	return o;
}

struct object *object_new(struct object_budget *budget, const struct json_doc *doc, json_ref at,
	struct span api_version, struct span kind, struct arena *scratch)
{
	const struct identity id = identity_of(doc, at, scratch);
	struct json_doc copy;
	struct object *o = NULL;
	struct span text;

	if (id.name.len == 0)
		return NULL;
	text = text_of(doc, at, api_version, kind, scratch);
	if (text.ptr && json_read(text.ptr, text.len, &limits, scratch, &copy, NULL) == 0)
		o = block_of(budget, &id, &copy);
	return o ? o : block_of(budget, &id, NULL);
}

struct object *object_ref(struct object *o)
{
	atomic_fetch_add_explicit(&o->references, 1, memory_order_relaxed);
	return o;
}

void object_unref(struct object *o)
{
	if (!o || atomic_fetch_sub_explicit(&o->references, 1, memory_order_acq_rel) != 1)
		return;
	atomic_fetch_sub(&o->budget->bytes, o->bytes);
	free(o);
}

/* ---- tables ---- */

static int compare(struct span a, struct span b)
{
	const size_t len = a.len < b.len ? a.len : b.len;
	const int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The place of the first that does not come before it; *ret_equal: that one is it. */
static size_t place_of(
	const struct object_table *t, struct span namespace_, struct span name, bool *ret_equal)
{
	size_t low = 0, high = t->count;

	*ret_equal = false;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct object *o = t->items[middle];
		int order = compare(o->namespace_, namespace_);

		order = order != 0 ? order : compare(o->name, name);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
		*ret_equal |= order == 0;
	}
	return low;
}

struct object *object_table_find(
	const struct object_table *t, struct span namespace_, struct span name)
{
	bool equal;
	const size_t at = place_of(t, namespace_, name, &equal);

	return equal ? t->items[at] : NULL;
}

int object_table_reserve(struct object_table *t)
{
	const size_t cap = t->cap > 0 ? t->cap * 2 : 64;
	struct object **more;

	if (t->count < t->cap)
		return 0;
	if (t->count >= OBJECT_TABLE_MAX)
		return -1;
	more = reallocarray(t->items, cap, sizeof(struct object *));
	if (!more)
		return -1;
	t->items = more;
	t->cap = cap;
	return 0;
}

struct object *object_table_put(struct object_table *t, struct object *o)
{
	bool equal;
	const size_t at = place_of(t, o->namespace_, o->name, &equal);
	struct object *old = equal ? t->items[at] : NULL;

	if (!equal) {
		memmove(&t->items[at + 1], &t->items[at],
			(t->count - at) * sizeof(struct object *));
		t->count++;
	}
	t->items[at] = o;
	return old;
}

struct object *object_table_take(struct object_table *t, struct span namespace_, struct span name)
{
	bool equal;
	const size_t at = place_of(t, namespace_, name, &equal);
	struct object *o;

	if (!equal)
		return NULL;
	o = t->items[at];
	t->count--;
	memmove(&t->items[at], &t->items[at + 1], (t->count - at) * sizeof(struct object *));
	return o;
}

void object_table_clear(struct object_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		object_unref(t->items[i]);
	free(t->items);
	*t = (struct object_table){0};
}
