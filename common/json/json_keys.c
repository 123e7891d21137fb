/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duplicate keys in objects with many members. Whoever sends a text chooses its keys, so the hash
 * is SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") under a key drawn once
 * per process: collisions cannot be computed in advance to make the search quadratic.
 */
#include <pthread.h>
#include <sys/random.h>

#include "common/json/json_internal.h"

static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void draw_hash_key(void)
{
	if (getrandom(hash_key, sizeof(hash_key), 0) != sizeof(hash_key))
		abort();
}

static inline uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static uint64_t sip_hash(struct span s)
{
	uint64_t v[4] = {
		hash_key[0] ^ 0x736f6d6570736575u,
		hash_key[1] ^ 0x646f72616e646f6du,
		hash_key[0] ^ 0x6c7967656e657261u,
		hash_key[1] ^ 0x7465646279746573u,
	};
	uint64_t word;
	size_t left = s.len;

	for (const char *p = s.ptr; left >= 8; p += 8, left -= 8) {
		memcpy(&word, p, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = 0;
	if (left > 0)
		memcpy(&word, s.ptr + s.len - left, left);
	word |= (uint64_t)s.len << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The key's value: from the text, or unescaped into the arena. */
static int key_value(
	const struct json_doc *d, const struct json_node *n, struct arena *arena, struct span *ret)
{
	struct span raw = {d->text + n->off, n->len};
	bool lone;
	char *p;

	if (!n->escaped) {
		*ret = raw;
		return 0;
	}
	p = arena_alloc(arena, raw.len);
	if (!p)
		return -1;
	*ret = (struct span){p, json_unescape(raw, p, &lone)};
	return 0;
}

static int find_in_object(
	const struct json_doc *d, json_ref object, struct arena *arena, json_ref *ret_key)
{
	size_t slots = 64;
	json_ref *table;

	while (slots < (size_t)d->nodes[object].count * 2)
		slots *= 2;
	table = arena_alloc(arena, slots * sizeof(*table));
	if (!table)
		return -1;
	memset(table, 0xff, slots * sizeof(*table)); /* JSON_NONE */
	json_foreach_member (k, d, object) {
		struct span value;
		size_t at;

		if (key_value(d, &d->nodes[k], arena, &value) < 0)
			return -1;
		for (at = sip_hash(value) & (slots - 1); table[at] != JSON_NONE;
			at = (at + 1) & (slots - 1)) {
			if (json_strings_equal(d, &d->nodes[table[at]], &d->nodes[k])) {
				*ret_key = k;
				return 1;
			}
		}
		table[at] = k;
	}
	return 0;
}

int json_find_duplicate(
	const struct json_doc *d, uint32_t min_count, struct arena *arena, json_ref *ret_key)
{
	pthread_once(&hash_key_once, draw_hash_key);
	for (json_ref r = 0; r < d->node_count; r++) {
		struct arena_mark mark;
		int rc;

		if (d->nodes[r].type != JSON_OBJECT || d->nodes[r].count <= min_count)
			continue;
		mark = arena_mark(arena);
		rc = find_in_object(d, r, arena, ret_key);
		arena_rewind(arena, mark);
		if (rc != 0)
			return rc;
	}
	return 0;
}
