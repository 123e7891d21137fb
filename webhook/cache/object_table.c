/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/cache/object_table_internal.h"

#include "policy/review/index_path.h"

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

/* What all parts of an object's block need. */
struct parts {
	struct identity id;
	struct object_keys keys[CLUSTER_INDEXES_MAX];
	size_t key_count, key_bytes; /* of all indexes */
	const struct json_doc *doc;  /* or NULL */
};

static size_t bytes_of(const struct parts *p)
{
	const size_t doc = p->doc ? p->doc->node_count * sizeof(*p->doc->nodes) + p->doc->len : 0;

	return sizeof(struct object) + p->key_count * sizeof(struct span) + p->key_bytes + doc +
	       p->id.namespace_.len + p->id.name.len + p->id.version.len;
}

static void keep_keys(struct object *o, const struct parts *p, struct span *keys, char **to)
{
	for (size_t x = 0; x < CLUSTER_INDEXES_MAX; x++) {
		o->keys[x] = (struct object_keys){keys, p->keys[x].count};
		for (size_t i = 0; i < p->keys[x].count; i++)
			*keys++ = keep(to, p->keys[x].items[i]);
	}
}

/* A block of its own for all of it. NULL: no memory, or no room in the budget, unless it must be.
 */
static struct object *block_of(struct object_budget *budget, const struct parts *p, bool must_be)
{
	const size_t bytes = bytes_of(p);
	const bool fits = atomic_fetch_add(&budget->bytes, bytes) + bytes <= budget->max_bytes;
	struct object *o = fits || must_be ? malloc(bytes) : NULL;
	struct span *keys;
	char *to;

	if (!o) {
		atomic_fetch_sub(&budget->bytes, bytes);
		return NULL;
	}
	*o = (struct object){
		.references = 1, .budget = budget, .bytes = bytes, .left_out = !p->doc};
	keys = (struct span *)(o + 1);
	to = (char *)(keys + p->key_count);
	if (p->doc) {
		const size_t nodes = p->doc->node_count * sizeof(*p->doc->nodes);

		o->doc = *p->doc;
		o->doc.nodes = memcpy(to, p->doc->nodes, nodes);
		to += nodes;
		o->doc.text = keep(&to, (struct span){p->doc->text, p->doc->len}).ptr;
	}
	keep_keys(o, p, keys, &to);
	o->namespace_ = keep(&to, p->id.namespace_);
	o->name = keep(&to, p->id.name);
	o->version = keep(&to, p->id.version);
	return o;
}

static int find_keys(const struct object_kind *of, const struct json_doc *d, json_ref at,
	struct arena *scratch, struct parts *ret)
{
	for (size_t x = 0; x < of->index_count; x++) {
		struct span *items;

		if (index_path_keys(d, at, of->indexes[x], scratch, &items, &ret->keys[x].count) !=
			0)
			return -1;
		ret->keys[x].items = items;
		ret->key_count += ret->keys[x].count;
		for (size_t i = 0; i < ret->keys[x].count; i++)
			ret->key_bytes += items[i].len;
	}
	return 0;
}

struct object *object_new(const struct object_kind *of, const struct json_doc *doc, json_ref at,
	struct span api_version, struct span kind, struct arena *scratch)
{
	struct parts p = {.id = identity_of(doc, at, scratch)};
	const struct parts name = {.id = p.id};
	struct json_doc copy;
	struct object *o = NULL;
	struct span text;

	if (p.id.name.len == 0)
		return NULL;
	if (find_keys(of, doc, at, scratch, &p) == 0) {
		text = text_of(doc, at, api_version, kind, scratch);
		if (text.ptr && json_read(text.ptr, text.len, &limits, scratch, &copy, NULL) == 0)
			p.doc = &copy;
		if (p.doc)
			o = block_of(of->budget, &p, false);
		p.doc = NULL;
		if (!o)
			o = block_of(of->budget, &p, p.key_count == 0);
	}
	if (o)
		return o;
	o = block_of(of->budget, &name, true);
	if (o)
		o->keyless = of->index_count > 0;
	return o;
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

/* The place of the first that does not come before it; *ret_equal: that one is it. */
static size_t place_of(
	const struct object_table *t, struct span namespace_, struct span name, bool *ret_equal)
{
	size_t low = 0, high = t->count;

	*ret_equal = false;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct object *o = t->items[middle];
		int order = index_path_compare(o->namespace_, namespace_);

		order = order != 0 ? order : index_path_compare(o->name, name);
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

struct object *const *object_table_range(
	const struct object_table *t, struct span namespace_, size_t *ret_count)
{
	bool equal;
	size_t first = 0, end = t->count;

	if (namespace_.len > 0) {
		/* Names are not empty; behind a namespace come those that begin with it. */
		first = place_of(t, namespace_, SPAN(""), &equal);
		for (size_t low = first; low < end;) {
			const size_t middle = low + (end - low) / 2;

			if (span_eq(t->items[middle]->namespace_, namespace_))
				low = middle + 1;
			else
				end = middle;
		}
	}
	*ret_count = end - first;
	return end > first ? &t->items[first] : NULL;
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
