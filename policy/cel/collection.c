/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists and maps in their representations: on a JSON tape, looked at in place, or made by an
 * expression, as an array of values. A map with more than a few entries that was made by an
 * expression has a hash index; objects on a tape are searched member by member, as they are short.
 */
#include "policy/cel/collection_internal.h"

#define INDEX_FROM 8

/* ---- JSON ---- */

static struct cel_value json_number(
	const struct json_doc *d, const struct json_node *n, struct arena *a)
{
	const char *p = d->text + n->off, *end = p + n->len;
	bool negative = n->len > 0 && *p == '-';
	uint64_t u = 0;

	if (n->len <= 20) {
		const char *q = p + negative;
		while (q < end && *q >= '0' && *q <= '9' && !__builtin_mul_overflow(u, 10u, &u) &&
			!__builtin_add_overflow(u, (uint64_t)(*q - '0'), &u))
			q++;
		if (q == end && u <= (uint64_t)INT64_MAX + negative)
			return cel_int(negative ? (int64_t)(0 - u) : (int64_t)u);
	}
	char text[64]; /* strtod() needs an end, the document goes on */
	if (n->len < sizeof text) {
		memcpy(text, p, n->len);
		text[n->len] = '\0';
		return cel_double(strtod(text, NULL));
	}
	char *copy = arena_strndup(a, p, n->len);
	return copy ? cel_double(strtod(copy, NULL)) : cel_err_memory();
}

static struct cel_value json_escaped(const struct json_doc *d, json_ref r, struct arena *a)
{
	struct span s = json_string(d, r, a);

	return s.ptr ? cel_string(s) : cel_error(a, "a string that is not valid Unicode");
}

struct cel_value cel_json_slow(const struct json_doc *d, json_ref r, struct arena *a)
{
	const struct json_node *n = &d->nodes[r];

	return n->type == JSON_NUMBER ? json_number(d, n, a) : json_escaped(d, r, a);
}

struct cel_value cel_json(const struct json_doc *d, json_ref r, struct arena *a)
{
	return r == JSON_NONE ? cel_null() : cel_json_value(d, r, a);
}

/* ---- lists ---- */

uint32_t cel_size(struct cel_value v)
{
	if (v.kind == CEL_LIST)
		return v.rep == CEL_REP_JSON ? ((const struct json_doc *)v.p)->nodes[v.n].count
					     : v.n;
	if (v.kind == CEL_MAP)
		return v.rep == CEL_REP_JSON ? ((const struct json_doc *)v.p)->nodes[v.n].count
					     : ((const struct cel_pairs *)v.p)->count;
	return 0;
}

bool cel_list_at(struct cel_value list, uint64_t i, struct cel_value *ret, struct arena *a)
{
	if (i >= cel_size(list))
		return false;
	if (list.rep == CEL_REP_ARRAY) {
		*ret = ((const struct cel_value *)list.p)[i];
		return true;
	}
	const struct json_doc *d = list.p;
	json_ref r = list.n + 1;
	while (i-- > 0)
		r = d->nodes[r].next;
	*ret = cel_json_value(d, r, a);
	return true;
}

struct cel_value *cel_new_array(struct cel_ev *ev, size_t n)
{
	if (n > UINT32_MAX / sizeof(struct cel_value) || !cel_charge(ev, n))
		return NULL;
	return arena_alloc(ev->run->arena, n ? n * sizeof(struct cel_value) : 1);
}

struct cel_value cel_list_of(const struct cel_value *items, uint32_t count, struct arena *a)
{
	(void)a;
	return cel_array(items, count);
}

struct cel_iter cel_iter(struct cel_value list_or_map, struct arena *a)
{
	struct cel_iter it = {.of = list_or_map, .arena = a};

	if (list_or_map.rep == CEL_REP_JSON)
		it.ref = list_or_map.n + 1;
	return it;
}

bool cel_iter_next(struct cel_iter *it, struct cel_value *ret_key, struct cel_value *ret_value)
{
	bool map = it->of.kind == CEL_MAP;

	if (it->i >= cel_size(it->of))
		return false;
	if (it->of.rep == CEL_REP_JSON) {
		const struct json_doc *d = it->of.p;
		json_ref value = it->ref + map;
		if (map && ret_key)
			*ret_key = cel_json_value(d, it->ref, it->arena);
		if (ret_value)
			*ret_value = cel_json_value(d, value, it->arena);
		it->ref = d->nodes[value].next;
	} else {
		const struct cel_value *v =
			map ? ((const struct cel_pairs *)it->of.p)->kv + 2 * it->i
			    : (const struct cel_value *)it->of.p + it->i;
		if (map && ret_key)
			*ret_key = v[0];
		if (ret_value)
			*ret_value = v[map];
	}
	it->i++;
	return true;
}

/* ---- maps ---- */

bool cel_is_key(struct cel_value v)
{
	return v.kind == CEL_BOOL || v.kind == CEL_INT || v.kind == CEL_UINT ||
	       v.kind == CEL_STRING;
}

static bool same_key(struct cel_value a, struct cel_value b)
{
	if (a.kind == CEL_STRING)
		return b.kind == CEL_STRING && span_eq(cel_span(a), cel_span(b));
	if (a.kind == CEL_BOOL)
		return b.kind == CEL_BOOL && a.b == b.b;
	int order;
	return cel_is_number(a) && cel_is_number(b) && cel_order(a, b, &order) && order == 0;
}

static uint32_t pair_find(const struct cel_pairs *m, struct cel_value key)
{
	if (m->mask == 0) {
		for (uint32_t i = 0; i < m->count; i++)
			if (same_key(m->kv[2 * i], key))
				return i;
		return UINT32_MAX;
	}
	for (uint64_t h = cel_hash_key(key);; h++) {
		uint32_t i = m->index[h & m->mask];
		if (i == 0)
			return UINT32_MAX;
		if (same_key(m->kv[2 * (i - 1)], key))
			return i - 1;
	}
}

static bool can_be_key(struct cel_value v)
{
	return cel_is_key(v) || v.kind == CEL_DOUBLE;
}

bool cel_map_find(
	struct cel_value map, struct cel_value key, struct cel_value *ret, struct arena *a)
{
	if (map.rep == CEL_REP_JSON)
		return key.kind == CEL_STRING && cel_map_find_str(map, cel_span(key), ret, a);
	const struct cel_pairs *m = map.p;
	uint32_t i = can_be_key(key) ? pair_find(m, key) : UINT32_MAX;
	if (i == UINT32_MAX)
		return false;
	*ret = m->kv[2 * i + 1];
	return true;
}

bool cel_map_find_str(struct cel_value map, struct span key, struct cel_value *ret, struct arena *a)
{
	if (map.rep != CEL_REP_JSON)
		return cel_map_find(map, cel_string(key), ret, a);
	json_ref r = cel_json_member(map.p, map.n, key);
	if (r == JSON_NONE)
		return false;
	*ret = cel_json_value(map.p, r, a);
	return true;
}

bool cel_map_has_str(struct cel_value map, struct span key)
{
	if (map.rep == CEL_REP_JSON)
		return cel_json_member(map.p, map.n, key) != JSON_NONE;
	return pair_find(map.p, cel_string(key)) != UINT32_MAX;
}

/* The index and, in passing, whether a key comes twice. */
static bool build_index(struct cel_pairs *m, struct arena *a, struct cel_value *ret_dup, bool *dup)
{
	uint32_t size = 16;

	while (size < m->count * 2)
		size *= 2;
	uint32_t *index = arena_calloc(a, size, sizeof *index);
	if (!index)
		return false;
	m->index = index;
	m->mask = size - 1;
	for (uint32_t i = 0; i < m->count && !*dup; i++) {
		uint64_t h = cel_hash_key(m->kv[2 * i]);
		for (; index[h & m->mask] != 0; h++)
			if (same_key(m->kv[2 * (index[h & m->mask] - 1)], m->kv[2 * i])) {
				*ret_dup = m->kv[2 * i];
				*dup = true;
				break;
			}
		if (!*dup)
			index[h & m->mask] = i + 1;
	}
	return true;
}

int cel_map_build(const struct cel_value *kv, uint32_t count, struct arena *a,
	struct cel_value *ret, struct cel_value *ret_dup)
{
	struct cel_pairs *m = arena_alloc(a, sizeof *m);
	bool dup = false;

	if (!m || count > UINT32_MAX / 4)
		return -1;
	*m = (struct cel_pairs){.count = count, .kv = kv};
	if (count > INDEX_FROM) {
		if (!build_index(m, a, ret_dup, &dup))
			return -1;
	} else {
		for (uint32_t i = 1; i < count && !dup; i++)
			for (uint32_t j = 0; j < i && !dup; j++)
				if (same_key(kv[2 * i], kv[2 * j])) {
					*ret_dup = kv[2 * i];
					dup = true;
				}
	}
	*ret = (struct cel_value){.kind = CEL_MAP, .rep = CEL_REP_PAIRS, .n = count, .p = m};
	return dup;
}

struct cel_value cel_map_of(
	const struct cel_value *key_value_pairs, uint32_t pair_count, struct arena *a)
{
	struct cel_value map, dup;

	if (cel_map_build(key_value_pairs, pair_count, a, &map, &dup) < 0)
		return cel_err_memory();
	return map;
}
