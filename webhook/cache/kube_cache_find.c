/* SPDX-License-Identifier: Apache-2.0 */
/* Several objects at once, by a key: chosen with the lock, copied without it. */
#include "policy/review/index_path.h"
#include "webhook/cache/kube_cache_internal.h"

#define LOOKED_AT_MAX 1000u /* with the lock held */

struct choosing {
	const struct cluster_query *query;
	const struct object **chosen; /* with a reference each; room for query->max */
	size_t count, bytes, looked_at;
	bool too_many;
};

static bool is_chosen(const struct choosing *c, const struct object *o)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->chosen[i] == o)
			return true;
	return false;
}

static void choose(struct choosing *c, const struct object *o)
{
	const struct cluster_query *q = c->query;

	if (q->but_name.len > 0 && span_eq(o->name, q->but_name) &&
		span_eq(o->namespace_, q->but_namespace))
		return;
	c->too_many = ++c->looked_at > LOOKED_AT_MAX;
	if (is_chosen(c, o))
		return;
	c->too_many |= c->count == q->max;
	if (c->too_many)
		return;
	c->chosen[c->count++] = object_ref((struct object *)o);
	c->bytes += o->bytes;
}

/* With the lock held, for a few binary searches and query->max objects. */
static void choose_all(struct choosing *c, const struct reflector *r, size_t which)
{
	const struct cluster_query *q = c->query;
	const struct span namespace_ = r->in_no_namespace ? SPAN("") : q->namespace_;
	size_t n;

	if (q->index.len == 0) {
		struct object *const *all = object_table_range(&r->table, namespace_, &n);

		for (size_t i = 0; i < n && !c->too_many; i++)
			choose(c, all[i]);
		return;
	}
	for (size_t k = 0; k < q->key_count; k++) {
		const struct object_entry *e =
			object_index_find(&r->index[which], q->keys[k], namespace_, &n);

		for (size_t i = 0; i < n && !c->too_many; i++)
			choose(c, e[i].of);
	}
}

static size_t index_of(const struct reflector *r, struct span index)
{
	size_t i = 0;

	while (i < r->kind.index_count && !span_eq(r->indexes[i], index))
		i++;
	return i;
}

static struct span why_not(const struct choosing *c, struct arena *arena)
{
	struct span why;

	for (size_t i = 0; i < c->count; i++)
		if (c->chosen[i]->left_out)
			return SPAN("there was no room to keep one of them "
				    "(--kubernetes-max-bytes)");
	if (!c->too_many)
		return (struct span){0};
	why = arena_printf(
		arena, "there are more than %zu, or too many by several keys", c->query->max);
	return why.ptr ? why : SPAN("the request needs too much memory");
}

static int copy_all(struct choosing *c, struct arena *arena, struct cluster_objects *ret)
{
	ret->docs = arena_calloc(arena, c->count + 1, sizeof(*ret->docs));
	for (size_t i = 0; ret->docs && i < c->count; i++)
		if (kube_cache_copy(c->chosen[i], arena, &ret->docs[i]) != 0)
			return -1;
	ret->count = c->count;
	return ret->docs ? 0 : -1;
}

static enum cluster_status finish(
	struct choosing *c, struct arena *arena, struct cluster_objects *ret, struct span *ret_why)
{
	ret->bytes = c->bytes;
	*ret_why = why_not(c, arena);
	if (ret_why->ptr)
		return CLUSTER_UNKNOWN;
	if (c->bytes > c->query->max_bytes) {
		*ret_why = SPAN("they are too large");
		return CLUSTER_UNKNOWN;
	}
	if (copy_all(c, arena, ret) == 0)
		return CLUSTER_FOUND;
	*ret_why = SPAN("the request needs too much memory");
	return CLUSTER_UNKNOWN;
}

static struct span choose_with_lock(
	struct choosing *c, struct kube_cache *from, struct arena *arena)
{
	const struct cluster_query *q = c->query;
	struct span why;

	pthread_mutex_lock(&from->lock);
	const struct reflector *r = kube_cache_reflector(from, q->kind, q->index);
	why = kube_cache_doubt(from, r, q->kind, arena);
	if (!why.ptr && q->index.len > 0 && r->keyless > 0)
		why = SPAN("there was no room to keep all of them (--kubernetes-max-bytes)");
	if (!why.ptr)
		choose_all(c, r, index_of(r, q->index));
	pthread_mutex_unlock(&from->lock);
	return why;
}

enum cluster_status kube_cache_find(struct kube_cache *c, const struct cluster_query *query,
	struct arena *arena, struct cluster_objects *ret, struct span *ret_why)
{
	struct choosing choosing = {.query = query};
	enum cluster_status status = CLUSTER_UNKNOWN;

	*ret = (struct cluster_objects){0};
	choosing.chosen = arena_calloc(arena, query->max + 1, sizeof(const struct object *));
	*ret_why = choosing.chosen ? choose_with_lock(&choosing, c, arena)
				   : SPAN("the request needs too much memory");
	if (!ret_why->ptr)
		status = finish(&choosing, arena, ret, ret_why);
	for (size_t i = 0; i < choosing.count; i++)
		object_unref((struct object *)choosing.chosen[i]);
	kube_cache_count_lookup(status);
	return status;
}
