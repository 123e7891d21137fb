/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lookup_internal.h"

#include "policy/review/index_path.h"

#define COST_OF_A_KEY	  20u
#define COST_OF_AN_OBJECT 50u
#define BYTES_A_UNIT	  8u

/* ---- keys ---- */

struct keys {
	struct arena *arena;
	struct span *items; /* room for LOOKUP_MAX_KEYS */
	size_t count;
	struct cel_value wrong; /* CEL_UNSET: nothing is */
};

static void add(struct keys *k, struct span key)
{
	if (key.len == 0 || k->wrong.kind != CEL_UNSET)
		return;
	if (k->count == LOOKUP_MAX_KEYS)
		k->wrong = cel_error(k->arena, "more than %u keys", LOOKUP_MAX_KEYS);
	else
		k->items[k->count++] = key;
}

static void add_map(struct keys *k, struct cel_value map)
{
	struct index_pair pairs[INDEX_PAIRS_MAX];
	struct cel_value key, value;
	size_t n = 0;

	for (struct cel_iter it = cel_iter(map, k->arena); cel_iter_next(&it, &key, &value);) {
		if (n == INDEX_PAIRS_MAX || key.kind != CEL_STRING || value.kind != CEL_STRING) {
			k->wrong = cel_error(k->arena, "a map that is a key has at most %u strings",
				INDEX_PAIRS_MAX);
			return;
		}
		pairs[n++] = (struct index_pair){cel_span(key), cel_span(value)};
	}
	if (n == 0)
		return;
	const struct span whole = index_path_map_key(pairs, n, k->arena);
	if (whole.ptr)
		add(k, whole);
	else
		k->wrong = cel_error(k->arena, "out of memory");
}

static void add_one(struct keys *k, struct cel_value v)
{
	switch (v.kind) {
	case CEL_STRING:
		add(k, cel_span(v));
		break;
	case CEL_INT:
		add(k, arena_printf(k->arena, "%lld", (long long)v.i));
		break;
	case CEL_UINT:
		add(k, arena_printf(k->arena, "%llu", (unsigned long long)v.u));
		break;
	case CEL_MAP:
		add_map(k, v);
		break;
	case CEL_NULL:
		break;
	default:
		k->wrong = cel_error(k->arena, "a key cannot be a %s", cel_type_name(v));
	}
}

static void add_all(struct keys *k, struct cel_value v)
{
	struct cel_value none, item;

	if (v.kind != CEL_LIST) {
		add_one(k, v);
		return;
	}
	for (struct cel_iter it = cel_iter(v, k->arena);
		k->wrong.kind == CEL_UNSET && cel_iter_next(&it, &none, &item);)
		add_one(k, item);
}

/* ---- the value ---- */

static struct cel_value list_of(const struct cluster_objects *found, struct arena *a)
{
	struct cel_value *items = arena_calloc(a, found->count + 1, sizeof *items);

	if (!items)
		return cel_error(a, "out of memory");
	for (size_t i = 0; i < found->count; i++)
		items[i] = cel_json(&found->docs[i], JSON_ROOT, a);
	return cel_list_of(items, (uint32_t)found->count, a);
}

static struct cel_value look(const struct cluster_lookup *l, struct cluster_keys keys,
	struct cluster_view *view, struct cel_run *run)
{
	struct cluster_objects found;
	struct span why;

	if (!cel_run_charge(run, COST_OF_AN_OBJECT + COST_OF_A_KEY * keys.count))
		return cel_error_of_limit();
	const enum cluster_status status =
		cluster_view_lookup(view, l, keys, cel_run_left(run) * BYTES_A_UNIT, &found, &why);
	if (!cel_run_charge(run, found.count * COST_OF_AN_OBJECT + found.bytes / BYTES_A_UNIT))
		return cel_error_of_limit();
	return status == CLUSTER_FOUND ? list_of(&found, view->arena)
				       : cel_error(view->arena, "looking up %.*s: %.*s",
						 SPAN_FMT(l->kind.kind), SPAN_FMT(why));
}

struct cel_value lookup_value(const struct cluster_lookup *l, const struct cel_value *key,
	struct cluster_view *view, struct cel_run *run)
{
	struct keys k = {.arena = view->arena};

	k.items = arena_calloc(k.arena, key ? LOOKUP_MAX_KEYS : 1, sizeof *k.items);
	if (!k.items)
		return cel_error(k.arena, "out of memory");
	if (key)
		add_all(&k, *key);
	if (k.wrong.kind == CEL_ERROR)
		return cel_error(k.arena, "looking up %.*s: %.*s", SPAN_FMT(l->kind.kind),
			SPAN_FMT(cel_error_message(k.wrong, k.arena)));
	if (key && k.count == 0)
		return cel_list_of(NULL, 0, k.arena);
	return look(l, (struct cluster_keys){k.items, k.count}, view, run);
}
