/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/cache/object_index_internal.h"

#include "policy/review/index_path.h"

static int by_object(const struct object *a, const struct object *b)
{
	const int order = index_path_compare(a->namespace_, b->namespace_);

	return order != 0 ? order : index_path_compare(a->name, b->name);
}

static int compare(const void *a, const void *b)
{
	const struct object_entry *x = a, *y = b;
	const int order = index_path_compare(x->key, y->key);

	return order != 0 ? order : by_object(x->of, y->of);
}

static int make_room(struct object_index *ret, size_t count)
{
	*ret = (struct object_index){0};
	if (count > 0)
		ret->entries = reallocarray(NULL, count, sizeof(*ret->entries));
	return count > 0 && !ret->entries ? -1 : 0;
}

static size_t keys_of(const struct object *o, size_t which)
{
	return o ? o->keys[which].count : 0;
}

int object_index_of(const struct object_table *t, size_t which, struct object_index *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < t->count; i++)
		count += keys_of(t->items[i], which);
	if (make_room(ret, count) != 0)
		return -1;
	for (size_t i = 0; i < t->count; i++)
		for (size_t k = 0; k < keys_of(t->items[i], which); k++)
			ret->entries[ret->count++] = (struct object_entry){
				t->items[i]->keys[which].items[k], t->items[i]};
	if (ret->count > 1)
		qsort(ret->entries, ret->count, sizeof(*ret->entries), compare);
	return 0;
}

int object_index_changed(const struct object_index *from, size_t which, const struct object *out,
	const struct object *in, struct object_index *ret)
{
	const size_t coming = keys_of(in, which);
	size_t next = 0;

	if (make_room(ret, from->count + coming) != 0)
		return -1;
	for (size_t i = 0; i < from->count; i++) {
		const struct object_entry *e = &from->entries[i];

		if (e->of == out)
			continue;
		for (; next < coming; next++) {
			const struct object_entry new = {in->keys[which].items[next], in};

			if (compare(&new, e) > 0)
				break;
			ret->entries[ret->count++] = new;
		}
		ret->entries[ret->count++] = *e;
	}
	for (; next < coming; next++)
		ret->entries[ret->count++] = (struct object_entry){in->keys[which].items[next], in};
	return 0;
}

void object_index_free(struct object_index *x)
{
	free(x->entries);
	*x = (struct object_index){0};
}

/* The first that does not come before it; with `after`, the first that comes behind it. */
static size_t place_of(
	const struct object_index *x, struct span key, struct span namespace_, bool after)
{
	size_t low = 0, high = x->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct object_entry *e = &x->entries[middle];
		int order = index_path_compare(e->key, key);

		if (order == 0 && namespace_.len > 0)
			order = index_path_compare(e->of->namespace_, namespace_);
		if (order < 0 || (after && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct object_entry *object_index_find(
	const struct object_index *x, struct span key, struct span namespace_, size_t *ret_count)
{
	const size_t first = place_of(x, key, namespace_, false);

	*ret_count = place_of(x, key, namespace_, true) - first;
	return *ret_count > 0 ? &x->entries[first] : NULL;
}
