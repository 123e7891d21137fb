/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shown is what happens: random objects and random changes of them, of which the new object is made
 * again from the old one and what is shown, by a reader that shares no code with what compares.
 * Whatever is missing from the display, or stands there wrong, makes another object. Where
 * something was cut, the two may differ in what is said to be cut, and nowhere else.
 */
#include "webhook/hold/hold_change.h"

#include <check.h>
#include <stdio.h>

#include "common/display/display.h"
#include "policy/review/review.h"
#include "support/run_tests.h"

#define ROUNDS 1500

static struct arena *arena;
static struct masker *masker;
static struct buf text = BUF_INIT(32 << 20);
static uint64_t seed;

static unsigned dice(unsigned n)
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

static void *alloc(size_t n)
{
	void *p = arena_calloc(arena, 1, n + 1);

	ck_assert_ptr_nonnull(p);
	return p;
}

static struct val *val_new(int type)
{
	struct val *v = alloc(sizeof(*v));

	v->type = type;
	return v;
}

static void push_at(struct val *v, size_t at, const char *key, size_t key_len, struct val *kid)
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

static void push(struct val *v, const char *key, size_t key_len, struct val *kid)
{
	push_at(v, v->count, key, key_len, kid);
}

static void drop(struct val *v, size_t at)
{
	v->count--;
	for (; at < v->count; at++) {
		v->kid[at] = v->kid[at + 1];
		v->key[at] = v->key[at + 1];
		v->key_len[at] = v->key_len[at + 1];
	}
}

static long find_key(const struct val *v, const char *key, size_t len)
{
	for (size_t i = 0; v && v->type == JSON_OBJECT && i < v->count; i++)
		if (v->key_len[i] == len && memcmp(v->key[i], key, len) == 0)
			return (long)i;
	return -1;
}

static struct val *val_of(const struct json_doc *d, json_ref r)
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

static struct val *val_copy(const struct val *v)
{
	struct val *c = val_new(v->type);

	c->str = v->str;
	c->len = v->len;
	for (size_t i = 0; i < v->count; i++)
		push(c, v->key[i], v->key_len[i], val_copy(v->kid[i]));
	return c;
}

static void put(struct buf *out, const struct val *v)
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
static bool differs(const struct val *a, const struct val *b, struct buf *where)
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

static struct val *random_scalar(void)
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

static struct val *string_of(const char *s)
{
	struct val *v = val_new(JSON_STRING);

	v->str = s;
	v->len = strlen(s);
	return v;
}

static struct val *random_value(unsigned depth);

static struct val *random_object(unsigned depth)
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
static struct val *random_element(unsigned kind, unsigned i, unsigned depth)
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

static struct val *random_array(unsigned depth)
{
	struct val *v = val_new(JSON_ARRAY);
	unsigned kind = dice(5);

	for (unsigned i = 0, n = dice(5); i < n; i++)
		push(v, NULL, 0, random_element(kind, i, depth + 1));
	return v;
}

static struct val *random_value(unsigned depth)
{
	if (depth > 5 || dice(10) < 4)
		return random_scalar();
	return dice(2) ? random_object(depth) : random_array(depth);
}

static void change_array(struct val *v, unsigned depth)
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
static struct val *changed(struct val *v, unsigned depth)
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

/* ---- the reader of what is shown ---- */

struct step {
	enum { STEP_KEY, STEP_ELEMENT, STEP_INDEX } kind;
	const char *key; /* or the identifying member */
	size_t key_len;
	struct val *id;
	size_t index;
};

static struct val *read_json(const char *p, size_t len, size_t *ret_used)
{
	static const struct json_limits limits = {1 << 20, 200, 100000, false, false};
	struct json_doc d;

	ck_assert_int_eq(json_read_value(p, len, &limits, arena, &d, NULL), 0);
	*ret_used = d.len;
	return val_of(&d, JSON_ROOT);
}

static bool looks_like_number(const char *p, size_t len)
{
	return strspn(p, "0123456789+-.eE") >= len;
}

/* Behind "[": "key", 12, or member=identity. Returns what was read, the bracket included. */
static size_t read_brackets(const char *p, size_t len, struct step *ret)
{
	size_t n = 0, used;
	struct val *v;

	if (*p == '"') {
		v = read_json(p, len, &used);
		*ret = (struct step){.kind = STEP_KEY, .key = v->str, .key_len = v->len};
		ck_assert_int_eq(p[used], ']');
		return used + 1;
	}
	while (p[n] != '=' && p[n] != ']')
		n++;
	if (p[n] == ']') {
		*ret = (struct step){.kind = STEP_INDEX, .index = (size_t)strtoul(p, NULL, 10)};
		return n + 1;
	}
	*ret = (struct step){.kind = STEP_ELEMENT, .key = p, .key_len = n};
	p += ++n;
	if (*p == '"') {
		ret->id = read_json(p, len - n, &used);
	} else {
		used = (size_t)((const char *)memchr(p, ']', len - n) - p);
		ret->id = val_new(looks_like_number(p, used) ? JSON_NUMBER : JSON_STRING);
		ret->id->str = arena_strndup(arena, p, used);
		ret->id->len = used;
	}
	ck_assert_int_eq(p[used], ']');
	return n + used + 1;
}

static size_t read_path(struct span path, struct step *ret)
{
	size_t count = 0, at = 0;

	while (at < path.len) {
		size_t n = 0;

		ck_assert_uint_lt(count, 100);
		if (path.ptr[at] == '[') {
			at += 1 +
			      read_brackets(path.ptr + at + 1, path.len - at - 1, &ret[count++]);
			continue;
		}
		at += path.ptr[at] == '.';
		while (at + n < path.len && path.ptr[at + n] != '.' && path.ptr[at + n] != '[')
			n++;
		ret[count++] = (struct step){.kind = STEP_KEY, .key = path.ptr + at, .key_len = n};
		at += n;
	}
	return count;
}

static bool same(const struct val *a, const struct val *b)
{
	struct buf where = BUF_INIT(1 << 20);
	bool same = !differs(a, b, &where);

	buf_free(&where);
	return same;
}

/* Where in v the step leads; -1 nowhere. */
static long find_step(const struct val *v, const struct step *s)
{
	if (s->kind == STEP_KEY)
		return find_key(v, s->key, s->key_len);
	if (s->kind == STEP_INDEX)
		return v->type == JSON_ARRAY && s->index < v->count ? (long)s->index : -1;
	for (size_t i = 0; v->type == JSON_ARRAY && i < v->count; i++) {
		long id = find_key(v->kid[i], s->key, s->key_len);

		if (id >= 0 && same(v->kid[i]->kid[id], s->id))
			return (long)i;
	}
	return -1;
}

/* Puts a kid where the step says. */
static void add_at(struct val *v, const struct step *s, struct val *kid)
{
	if (s->kind != STEP_INDEX) {
		push(v, s->key, s->key_len, kid);
		return;
	}
	while (v->count <= s->index)
		push(v, NULL, 0, val_new(JSON_NULL)); /* told of later */
	v->kid[s->index] = kid;
}

/* The parent of what the path leads to; what is missing on the way is made when `make`. */
static struct val *walk_to(struct val *root, const struct step *steps, size_t count, bool make)
{
	struct val *v = root;

	for (size_t i = 0; i + 1 < count; i++) {
		long at = find_step(v, &steps[i]);

		if (at < 0) {
			struct val *kid =
				val_new(steps[i + 1].kind == STEP_KEY ? JSON_OBJECT : JSON_ARRAY);

			ck_assert_msg(make, "a way that leads nowhere");
			if (steps[i].kind == STEP_ELEMENT)
				push(kid, steps[i].key, steps[i].key_len, steps[i].id);
			add_at(v, &steps[i], kid);
			at = steps[i].kind == STEP_INDEX ? (long)steps[i].index
							 : (long)v->count - 1;
		} else if (make && v->kid[at]->type == JSON_NULL) {
			v->kid[at] =
				val_new(steps[i + 1].kind == STEP_KEY ? JSON_OBJECT : JSON_ARRAY);
		}
		v = v->kid[at];
	}
	return v;
}

struct shown_line {
	struct step steps[100];
	size_t depth;
	struct val *old, *new, *order, *after, *by;
	bool has_place, done, opens, closes, cut;
	struct span place;
	struct span path;
};

static struct shown_line *lines;
static size_t line_count;

static struct val *member(const struct json_doc *d, json_ref line, const char *key)
{
	json_ref r = json_get(d, line, span_of(key));

	return r == JSON_NONE ? NULL : val_of(d, r);
}

static void read_lines(const struct json_doc *d)
{
	json_ref changes = json_get_str(d, JSON_ROOT, "changes");
	size_t n = 0;

	line_count = changes == JSON_NONE ? 0 : json_node(d, changes)->count;
	lines = arena_calloc(arena, line_count + 1, sizeof(*lines));
	ck_assert_ptr_nonnull(lines);
	json_foreach (l, d, changes) {
		struct shown_line *s = &lines[n++];

		s->path = json_string(d, json_get_str(d, l, "path"), arena);
		s->depth = read_path(s->path, s->steps);
		s->old = member(d, l, "old");
		s->new = member(d, l, "new");
		s->order = member(d, l, "order");
		s->by = member(d, l, "by");
		s->after = member(d, l, "after");
		s->place = json_string(d, json_get_str(d, l, "place"), arena);
		s->has_place = s->place.ptr || s->after;
		s->opens = json_get_str(d, l, "opens") != JSON_NONE;
		s->closes = json_get_str(d, l, "closes") != JSON_NONE;
		s->cut = json_get_str(d, l, "oldCut") != JSON_NONE ||
			 json_get_str(d, l, "newCut") != JSON_NONE;
	}
}

/* Every old value that is shown must be the one that was there. */
static void check_old(struct val *old)
{
	for (size_t i = 0; i < line_count; i++) {
		struct shown_line *l = &lines[i];
		struct val *parent;
		long at;

		if (!l->old)
			continue;
		ck_assert_uint_gt(l->depth, 0);
		parent = walk_to(old, l->steps, l->depth, false);
		at = find_step(parent, &l->steps[l->depth - 1]);
		ck_assert_msg(at >= 0 && same(parent->kid[at], l->old), "%.*s was not that",
			SPAN_FMT(l->path));
	}
}

/* Puts a new element where it is said to be; false: the one before it is not there yet. */
static bool place(struct shown_line *l, struct val *list, struct val *element)
{
	const struct step *s = &l->steps[l->depth - 1];
	struct step before = *s;
	long at;

	if (span_eq(l->place, SPAN("start"))) {
		push_at(list, 0, NULL, 0, element);
		return true;
	}
	if (span_eq(l->place, SPAN("end"))) {
		push(list, NULL, 0, element);
		return true;
	}
	before.id = l->after;
	at = find_step(list, &before);
	if (at < 0)
		return false;
	push_at(list, (size_t)at + 1, NULL, 0, element);
	return true;
}

static struct val *opened(const struct shown_line *l)
{
	const struct step *s = &l->steps[l->depth - 1];
	struct val *v = val_new(JSON_OBJECT);

	push(v, s->key, s->key_len, s->id);
	return v;
}

static void apply_line(struct val *root, struct shown_line *l)
{
	struct val *parent = walk_to(root, l->steps, l->depth, l->new != NULL);
	const struct step *s = &l->steps[l->depth - 1];
	long at = find_step(parent, s);

	if (l->new &&at >= 0)
		parent->kid[at] = l->new;
	else if (l->new)
		add_at(parent, s, l->new);
	else if (at >= 0)
		drop(parent, (size_t)at);
}

static void remove_gone(struct val *root)
{
	for (size_t i = 0; i < line_count; i++) {
		struct shown_line *l = &lines[i];
		struct val *parent;
		long at;

		if (!l->closes)
			continue;
		parent = walk_to(root, l->steps, l->depth, false);
		at = find_step(parent, &l->steps[l->depth - 1]);
		ck_assert_int_ge(at, 0);
		drop(parent, (size_t)at);
		l->done = true;
		/* what was in it is told below */
		for (size_t k = 0; k < line_count; k++)
			if (lines[k].path.len > l->path.len &&
				!lines[k].new &&memcmp(
					lines[k].path.ptr, l->path.ptr, l->path.len) == 0 &&
				strchr(".[", lines[k].path.ptr[l->path.len]))
				lines[k].done = true;
	}
}

static void insert_new(struct val *root)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < line_count; i++) {
			struct shown_line *l = &lines[i];
			struct val *element;

			if (l->done || !l->has_place)
				continue;
			element = l->opens ? opened(l) : val_copy(l->new);
			if (!place(l, walk_to(root, l->steps, l->depth, true), element))
				continue;
			l->done = again = true;
		}
	}
}

/* The list in the order that is shown of it. */
static void put_in_order(struct val *root, struct shown_line *l)
{
	struct val *parent = walk_to(root, l->steps, l->depth, false), *list, *now;
	long at = find_step(parent, &l->steps[l->depth - 1]);

	ck_assert_int_ge(at, 0);
	list = parent->kid[at];
	now = val_new(JSON_ARRAY);
	for (size_t i = 0; i < list->count; i++)
		list->kid[i]->seen = false;
	for (size_t i = 0; i < l->order->count; i++) {
		for (size_t k = 0; k < list->count; k++) {
			struct val *e = list->kid[k];
			long id = find_key(e, l->by->str, l->by->len);

			if (e->seen || id < 0 || !same(e->kid[id], l->order->kid[i]))
				continue;
			e->seen = true;
			push(now, NULL, 0, e);
			break;
		}
	}
	parent->kid[at] = now;
}

static struct val *made_again(struct val *old)
{
	struct val *root = val_copy(old);

	remove_gone(root);
	/* What goes and what is changed in place, then what is new, then the order of all. */
	for (size_t i = 0; i < line_count; i++) {
		struct shown_line *l = &lines[i];

		if (l->done || l->has_place || l->order || l->cut || l->opens || l->depth == 0)
			continue;
		if (l->old || !l->new) {
			apply_line(root, l);
			l->done = true;
		}
	}
	insert_new(root);
	for (size_t i = 0; i < line_count; i++) {
		struct shown_line *l = &lines[i];

		if (!l->done && l->new && !l->has_place)
			apply_line(root, l);
	}
	for (size_t i = 0; i < line_count; i++)
		if (lines[i].order)
			put_in_order(root, &lines[i]);
	return root;
}

/* ---- the property ---- */

static struct hold_change change_between(const struct val *old, const struct val *new)
{
	struct hold_change c;
	struct review r;
	struct err e;

	buf_reset(&text);
	buf_printf(&text,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"u\",\"operation\":\"%s\",\"resource\":{\"group\":\"g\",\"version\":"
		"\"v1\",\"resource\":\"widgets\"},\"kind\":{\"group\":\"g\",\"version\":\"v1\","
		"\"kind\":\"X\"},\"name\":\"x\",\"userInfo\":{\"username\":\"agent\"},\"object\":",
		old ? "UPDATE" : "CREATE");
	put(&text, new);
	if (old) {
		buf_add_str(&text, ",\"oldObject\":");
		put(&text, old);
	}
	buf_add_str(&text, "}}");
	ck_assert_msg(review_read_admission((struct span){buf_str(&text), text.len}, 4000000, arena,
			      &r, &e) == REVIEW_OK,
		"%s", e.msg);
	ck_assert_int_eq(hold_change_of(masker, &r.request, arena, &c), 0);
	return c;
}

static struct val *shown_between(struct val *old, struct val *new, struct hold_change *ret)
{
	struct json_doc d;
	struct err e;

	*ret = change_between(old, new);
	ck_assert_msg(display_read(ret->text, arena, &d, &e) == 0, "%s", e.msg);
	read_lines(&d);
	if (old)
		check_old(val_copy(old));
	return made_again(old ? old : val_new(JSON_OBJECT));
}

static void check_round(unsigned round)
{
	_cleanup_(buf_free) struct buf was = BUF_INIT(1 << 20), is = BUF_INIT(1 << 20);
	struct buf where = BUF_INIT(1 << 20);
	struct val *old, *new, *again;
	struct hold_change c;

	seed = round * 7919 + 17;
	old = random_object(0);
	new = changed(val_copy(old), 0);
	if (new->type != JSON_OBJECT)
		new = random_object(0);
	if (round % 4 == 0)
		old = NULL;
	again = shown_between(old, new, &c);
	ck_assert_ptr_null(c.unseen.ptr);
	if (old)
		put(&was, old);
	put(&is, new);
	ck_assert_msg(!differs(new, again, &where) && !differs(again, new, &where),
		"round %u, at %s:\n%.1200s\n%.1200s\nshown: %.2000s", round, buf_str(&where),
		was.ptr ? was.ptr : "", buf_str(&is), c.text.ptr);
	buf_free(&where);
}

static void setup(void)
{
	struct err e;

	arena = arena_new(1 << 20, (size_t)1 << 30);
	ck_assert_ptr_nonnull(arena);
	ck_assert_msg(masker_new(NULL, NULL, &masker, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	masker_free(masker);
	arena_free(arena);
	buf_free(&text);
}

START_TEST(hold_change__what_is_shown_makes_the_new_object)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		check_round(i);
		arena_reset(arena);
	}
}
END_TEST

/* A text of n bytes that masking has nothing against. */
static struct val *long_text(size_t n, char c)
{
	struct val *v = val_new(JSON_STRING);
	char *p = alloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = i % 7 ? c : ' ';
	v->str = p;
	v->len = n;
	return v;
}

/* More than there is room for, in random sizes: what differs is what is said not to be shown. */
START_TEST(hold_change__what_is_cut_is_named)
{
	struct val *old = val_new(JSON_OBJECT), *new, *data = val_new(JSON_OBJECT), *again;
	struct hold_change c;
	size_t cut = 0;

	seed = (uint64_t)_i + 3;
	for (unsigned i = 0; i < 40; i++) {
		const char *key = arena_printf(arena, "k%u", i).ptr;

		push(data, key, strlen(key), long_text(dice(4) ? dice(300) : dice(900000), 'a'));
	}
	push(old, "data", 4, data);
	new = val_copy(old);
	for (unsigned i = 0; i < 40; i++)
		new->kid[0]->kid[i] = long_text(dice(4) ? dice(300) : dice(900000), 'b');
	again = shown_between(old, new, &c);
	ck_assert_ptr_nonnull(c.unseen.ptr);
	ck_assert_uint_gt(c.unseen.len, 0);
	ck_assert_uint_le(c.text.len, DISPLAY_CHANGE_MAX);
	ck_assert_uint_eq(line_count, 40);
	for (size_t i = 0; i < line_count; i++) {
		long at = find_key(new->kid[0], lines[i].steps[1].key, lines[i].steps[1].key_len);

		ck_assert_int_ge(at, 0);
		cut += lines[i].cut;
		if (!lines[i].cut)
			ck_assert(same(new->kid[0]->kid[at], again->kid[0]->kid[at]));
	}
	ck_assert_uint_gt(cut, 0);
	ck_assert_uint_lt(cut, 30);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_change_property");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, hold_change__what_is_shown_makes_the_new_object);
	tcase_add_loop_test(t, hold_change__what_is_cut_is_named, 0, 4);
	return run_tests(t);
}
