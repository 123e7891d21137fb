/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that tests make up, as a tree of their own: random ones, random changes of them, and in
 * what two differ. The test sets `arena`, in which all of it lives, and `seed`.
 */
#pragma once

#include <check.h>
#include <string.h>

#include "common/json/json.h"

static struct arena *arena;
static uint64_t seed;

static inline unsigned dice(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* ---- values ---- */

struct val {
	int type;	 /* enum json_type */
	const char *str; /* of a string its value, of a number its text */
	size_t len;
	struct val **kid; /* of an array or object */
	const char **key;
	size_t *key_len;
	size_t count, cap;
	bool seen; /* of an element: told of */
};

static inline void *alloc(size_t n)
{
	void *p = arena_calloc(arena, 1, n + 1);

	ck_assert_ptr_nonnull(p);
	return p;
}

static inline struct val *val_new(int type)
{
	struct val *v = alloc(sizeof(*v));

	v->type = type;
	return v;
}

static inline void push_at(
	struct val *v, size_t at, const char *key, size_t key_len, struct val *kid)
{
	if (v->count == v->cap) {
		size_t cap = v->cap ? 2 * v->cap : 8;
		struct val **k = alloc(cap * sizeof(*k));
		const char **keys = alloc(cap * sizeof(*keys));
		size_t *lens = alloc(cap * sizeof(*lens));

		if (v->count > 0) {
			memcpy(k, v->kid, v->count * sizeof(*k));
			memcpy(keys, v->key, v->count * sizeof(*keys));
			memcpy(lens, v->key_len, v->count * sizeof(*lens));
		}
		v->kid = k;
		v->key = keys;
		v->key_len = lens;
		v->cap = cap;
	}
	memmove(v->kid + at + 1, v->kid + at, (v->count - at) * sizeof(*v->kid));
	memmove(v->key + at + 1, v->key + at, (v->count - at) * sizeof(*v->key));
	memmove(v->key_len + at + 1, v->key_len + at, (v->count - at) * sizeof(*v->key_len));
	v->kid[at] = kid;
	v->key[at] = key;
	v->key_len[at] = key_len;
	v->count++;
}

static inline void push(struct val *v, const char *key, size_t key_len, struct val *kid)
{
	push_at(v, v->count, key, key_len, kid);
}

static inline void drop(struct val *v, size_t at)
{
	v->count--;
	for (; at < v->count; at++) {
		v->kid[at] = v->kid[at + 1];
		v->key[at] = v->key[at + 1];
		v->key_len[at] = v->key_len[at + 1];
	}
}

static inline long find_key(const struct val *v, const char *key, size_t len)
{
	for (size_t i = 0; v && v->type == JSON_OBJECT && i < v->count; i++)
		if (v->key_len[i] == len && memcmp(v->key[i], key, len) == 0)
			return (long)i;
	return -1;
}

static inline struct val *val_of(const struct json_doc *d, json_ref r)
{
	struct val *v = val_new(json_type(d, r));
	struct span s;

	if (v->type == JSON_STRING || v->type == JSON_NUMBER) {
		s = v->type == JSON_STRING ? json_string(d, r, arena) : json_text(d, r);
		v->str = s.ptr;
		v->len = s.len;
	}
	json_foreach (e, d, r) {
		push(v, NULL, 0, val_of(d, e));
	}
	json_foreach_member (k, d, r) {
		s = json_string(d, k, arena);
		push(v, s.ptr, s.len, val_of(d, k + 1));
	}
	return v;
}

static inline struct val *val_copy(const struct val *v)
{
	struct val *c = val_new(v->type);

	c->str = v->str;
	c->len = v->len;
	for (size_t i = 0; i < v->count; i++)
		push(c, v->key[i], v->key_len[i], val_copy(v->kid[i]));
	return c;
}

static inline void put(struct buf *out, const struct val *v)
{
	static const char *const words[] = {
		[JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};

	if (v->type <= JSON_TRUE)
		buf_add_str(out, words[v->type]);
	else if (v->type == JSON_NUMBER)
		buf_add(out, v->str, v->len);
	else if (v->type == JSON_STRING)
		json_put_string(out, (struct span){v->str, v->len});
	else {
		buf_add_char(out, v->type == JSON_OBJECT ? '{' : '[');
		for (size_t i = 0; i < v->count; i++) {
			buf_add_str(out, i > 0 ? "," : "");
			if (v->type == JSON_OBJECT) {
				json_put_string(out, (struct span){v->key[i], v->key_len[i]});
				buf_add_char(out, ':');
			}
			put(out, v->kid[i]);
		}
		buf_add_char(out, v->type == JSON_OBJECT ? '}' : ']');
	}
}

/* The first place at which they differ, appended to where; false: nowhere. */
static inline bool differs(const struct val *a, const struct val *b, struct buf *where)
{
	size_t len = where->len;

	if (a->type != b->type || a->count != b->count)
		return true;
	if (a->type == JSON_NUMBER)
		return strtod(a->str, NULL) != strtod(b->str, NULL);
	if (a->type == JSON_STRING)
		return a->len != b->len || memcmp(a->str, b->str, a->len) != 0;
	for (size_t i = 0; i < a->count; i++) {
		long at = a->type == JSON_OBJECT ? find_key(b, a->key[i], a->key_len[i]) : (long)i;

		where->len = len;
		if (a->type == JSON_OBJECT)
			buf_printf(where, "%s%.*s", len ? "." : "", (int)a->key_len[i], a->key[i]);
		else
			buf_printf(where, "[%zu]", i);
		if (at < 0 || differs(a->kid[i], b->kid[at], where))
			return true;
	}
	where->len = len;
	return false;
}

/* ---- random objects ---- */

static const char *const keys[] = {"a", "b", "c", "x.y", "a/b", "c[0]", "q\"q", "\u00e9", "\u202ek",
	"k\nk", "", "spec", "image", "command", "metadata", "labels", "annotations", "rules",
	"containers", "env", "resources", "volumes", "replicas", "0", "1", "-", "name=b]",
	"eks.amazonaws.com/role-arn", "data", "template", "securityContext"};
static const char *const strings[] = {"", "one", "two", "three", "a b", "\u202ex", "\u0430",
	"line\nline", "null", "1", "[masked", "}]", "\\", "\"", "\t", "e1", "8080", "+ x: 1",
	"\U0001f600", "a\x01z"};
static const char *const numbers[] = {"0", "1", "-1", "8080", "1.0", "1.5", "1e3", "1000", "2"};

static inline struct val *random_scalar(void)
{
	struct val *v;

	switch (dice(6)) {
	case 0:
		return val_new(JSON_NULL);
	case 1:
		return val_new(dice(2) ? JSON_TRUE : JSON_FALSE);
	case 2:
		v = val_new(JSON_NUMBER);
		v->str = numbers[dice(ARRAY_LEN(numbers))];
		v->len = strlen(v->str);
		return v;
	default:
		v = val_new(JSON_STRING);
		v->str = strings[dice(ARRAY_LEN(strings))];
		v->len = strlen(v->str);
		return v;
	}
}

static inline struct val *string_of(const char *s)
{
	struct val *v = val_new(JSON_STRING);

	v->str = s;
	v->len = strlen(s);
	return v;
}

static inline struct val *random_value(unsigned depth);

static inline struct val *random_object(unsigned depth)
{
	struct val *v = val_new(JSON_OBJECT);

	for (unsigned n = dice(5); n > 0; n--) {
		const char *key = keys[dice(ARRAY_LEN(keys))];

		if (find_key(v, key, strlen(key)) < 0)
			push(v, key, strlen(key), random_value(depth + 1));
	}
	return v;
}

/* An element that something may tell from others: a name, a number, nothing, another's name. */
static inline struct val *random_element(unsigned kind, unsigned i, unsigned depth)
{
	static const char *const names[] = {
		"one", "two", "three", "start", "end", "a].x[name=b", "8080", "x y", "\u00e9"};
	struct val *v, *id;

	if (kind == 0)
		return random_scalar();
	v = random_object(depth);
	if (kind == 1) {
		push(v, "name", 4, string_of(names[i % ARRAY_LEN(names)]));
	} else if (kind == 2) {
		id = val_new(JSON_NUMBER);
		id->str = (const char *)arena_printf(arena, "%u", 8000 + i).ptr;
		id->len = strlen(id->str);
		push(v, "port", 4, id);
	} else if (kind == 3) {
		push(v, "name", 4, string_of(names[dice(2)]));
	}
	return v;
}

static inline struct val *random_array(unsigned depth)
{
	struct val *v = val_new(JSON_ARRAY);
	unsigned kind = dice(5);

	for (unsigned i = 0, n = dice(5); i < n; i++)
		push(v, NULL, 0, random_element(kind, i, depth + 1));
	return v;
}

static inline struct val *random_value(unsigned depth)
{
	if (depth > 5 || dice(10) < 4)
		return random_scalar();
	return dice(2) ? random_object(depth) : random_array(depth);
}

static inline void change_array(struct val *v, unsigned depth)
{
	struct val *moved;

	switch (dice(4)) {
	case 0:
		if (v->count > 1) {
			size_t from = dice((unsigned)v->count), to = dice((unsigned)v->count);

			moved = v->kid[from];
			v->kid[from] = v->kid[to];
			v->kid[to] = moved;
		}
		break;
	case 1:
		if (v->count > 0)
			drop(v, dice((unsigned)v->count));
		break;
	case 2:
		push_at(v, dice((unsigned)v->count + 1), NULL, 0,
			random_element(1 + dice(3), 5 + dice(4), depth));
		break;
	default:
		push(v, NULL, 0, random_scalar());
		break;
	}
}

/* Changes it in a few places. */
static inline struct val *changed(struct val *v, unsigned depth)
{
	if (dice(12) == 0)
		return random_value(depth);
	if (v->type == JSON_OBJECT && dice(4) == 0) {
		const char *key = keys[dice(ARRAY_LEN(keys))];
		long at = find_key(v, key, strlen(key));

		if (at < 0)
			push(v, key, strlen(key), random_value(depth + 1));
		else
			drop(v, (size_t)at);
	}
	if (v->type == JSON_ARRAY && dice(3) == 0)
		change_array(v, depth);
	for (size_t i = 0; i < v->count; i++)
		if (dice(3) == 0)
			v->kid[i] = changed(v->kid[i], depth + 1);
	return v;
}
