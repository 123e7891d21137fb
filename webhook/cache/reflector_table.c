/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing what readers see: made ready without the lock, exchanged with it, freed without it. Only
 * the kind's own thread does this.
 */
#include "webhook/cache/kube_cache_internal.h"

static void free_all(struct object_index *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		object_index_free(&x[i]);
}

/* With the lock held. */
static void swap_indexes(struct reflector *r, struct object_index *with)
{
	for (size_t i = 0; i < r->kind.index_count; i++) {
		const struct object_index old = r->index[i];

		r->index[i] = with[i];
		with[i] = old;
	}
}

int reflector_put_in_force(struct reflector *r, struct object_table *t, int64_t as_of_ms)
{
	struct object_index made[CLUSTER_INDEXES_MAX] = {0};
	struct object_table old;
	size_t keyless = 0;

	for (size_t i = 0; i < r->kind.index_count; i++)
		if (object_index_of(t, i, &made[i]) != 0) {
			free_all(made, i);
			return -1;
		}
	for (size_t i = 0; i < t->count; i++)
		keyless += t->items[i]->keyless;
	pthread_mutex_lock(&r->cache->lock);
	old = r->table;
	r->table = *t;
	swap_indexes(r, made);
	r->keyless = keyless;
	r->filled = true;
	r->fresh_at_ms = as_of_ms;
	pthread_cond_broadcast(&r->cache->wake);
	pthread_mutex_unlock(&r->cache->lock);
	*t = old;
	free_all(made, r->kind.index_count);
	return 0;
}

/* With the lock held. */
static int exchange_in_table(struct reflector *r, const struct object *out, struct object *in)
{
	if (in && object_table_reserve(&r->table) != 0)
		return -1;
	if (in)
		(void)object_table_put(&r->table, in);
	else
		(void)object_table_take(&r->table, out->namespace_, out->name);
	r->keyless += in && in->keyless;
	r->keyless -= out && out->keyless;
	return 0;
}

int reflector_exchange(struct reflector *r, struct object *out, struct object *in)
{
	struct object_index made[CLUSTER_INDEXES_MAX] = {0};
	int rc;

	if (!out && !in)
		return 0;
	for (size_t i = 0; i < r->kind.index_count; i++)
		if (object_index_changed(&r->index[i], i, out, in, &made[i]) != 0) {
			free_all(made, i);
			return -1;
		}
	pthread_mutex_lock(&r->cache->lock);
	rc = exchange_in_table(r, out, in);
	if (rc == 0)
		swap_indexes(r, made);
	pthread_mutex_unlock(&r->cache->lock);
	free_all(made, r->kind.index_count);
	if (rc == 0)
		object_unref(out);
	return rc;
}
