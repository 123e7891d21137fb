/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader's one pass. There is no recursion and no stack beside the tape: while a container is
 * open, its node's `next` holds the container around it and, for an object, `len` holds a set of
 * 32 bits in which every key so far has one, so that a key is compared with its siblings only when
 * its bit is already taken. Objects with many members are looked at once more at the end with a
 * hash table (json_keys.c), which keeps the whole thing linear whatever arrives.
 */
#include <stdio.h>

#include "common/base/utf8.h"
#include "common/json/json_internal.h"
#include "common/json/json_scan.h"

#define LINEAR_MEMBERS	24 /* up to here keys are compared one by one */
#define FIRST_NODES_MAX 8192
#define NODES_MAX	((1u << 28) - 1)
#define BYTES_MAX	((size_t)1 << 30)

#define cold static __attribute__((noinline, cold))

struct reader {
	struct json_doc d;
	const char *end;
	struct json_limits limits;
	struct arena *arena;
	uint32_t cap;	 /* nodes there is room for */
	json_ref parent; /* the innermost open container */
	uint32_t depth;
	bool many_members; /* an object was too large for comparing one by one */

	struct json_fault fault;
	json_ref twice; /* the key it is about */
	bool limit;
};

cold const char *fail(struct reader *r, const char *where, const char *what)
{
	r->fault = (struct json_fault){where, what};
	return NULL;
}

cold const char *fail_limit(struct reader *r, const char *where, const char *what)
{
	r->limit = true;
	return fail(r, where, what);
}

hot const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* ---- the tape ---- */

/* A tape is seldom more than a node for eight bytes; what is not needed goes back to the arena. */
cold int grow_tape(struct reader *r)
{
	uint32_t max = r->limits.max_nodes;
	size_t cap = r->cap ? (size_t)r->cap * 2 : r->d.len / 8 + 16;
	struct json_node *nodes;

	if (!r->cap && cap > FIRST_NODES_MAX) /* a value may be a small part of the text */
		cap = FIRST_NODES_MAX;

	if (cap > max)
		cap = max;
	if (cap <= r->cap)
		return fail_limit(r, r->end, "too many values"), -1;
	nodes = arena_resize(r->arena, r->d.nodes, r->cap * sizeof(*nodes), cap * sizeof(*nodes));
	if (!nodes)
		return fail_limit(r, r->end, "too many values for the memory allowed"), -1;
	r->d.nodes = nodes;
	r->cap = (uint32_t)cap;
	return 0;
}

/* Appends a node for the text from p to end. NULL when there may be no more. */
hot struct json_node *push(
	struct reader *r, const char *p, const char *end, enum json_type type, uint32_t escaped)
{
	struct json_node *n;

	if (unlikely(r->d.node_count == r->cap) && grow_tape(r) < 0) {
		r->fault.where = p;
		return NULL;
	}
	n = &r->d.nodes[r->d.node_count++];
	*n = (struct json_node){
		.off = (uint32_t)(p - r->d.text),
		.len = (uint32_t)(end - p),
		.next = r->d.node_count,
		.type = type,
		.escaped = escaped,
	};
	return n;
}

hot const char *read_string(struct reader *r, const char *p)
{
	uint32_t escaped = 0;
	const char *q = skip_plain(++p, r->end);

	if (unlikely(q == r->end || *q != '"')) {
		q = json_scan_string(
			q, r->end, r->limits.allow_lone_surrogates, &escaped, &r->fault);
		if (!q)
			return NULL;
	}
	return push(r, p, q, JSON_STRING, escaped) ? q + 1 : NULL;
}

static const char *read_number(struct reader *r, const char *p)
{
	const char *q = p, *end = r->end;

	q += *q == '-';
	if (q == end || !is_digit(*q))
		return fail(r, p, "a number needs a digit");
	if (*q == '0' && end - q > 1 && is_digit(q[1]))
		return fail(r, p, "a number with a leading zero");
	while (q < end && is_digit(*q))
		q++;
	if (q < end && *q == '.') {
		if (++q == end || !is_digit(*q))
			return fail(r, p, "a number needs a digit after its point");
		while (q < end && is_digit(*q))
			q++;
	}
	if (q < end && (*q | 0x20) == 'e') {
		q++;
		if (q < end && (*q == '+' || *q == '-'))
			q++;
		if (q == end || !is_digit(*q))
			return fail(r, p, "a number needs a digit in its exponent");
		while (q < end && is_digit(*q))
			q++;
	}
	return push(r, p, q, JSON_NUMBER, 0) ? q : NULL;
}

static const char *read_literal(
	struct reader *r, const char *p, struct span literal, enum json_type type)
{
	if ((size_t)(r->end - p) < literal.len || memcmp(p, literal.ptr, literal.len) != 0)
		return fail(r, p, "expected a value");
	return push(r, p, p + literal.len, type, 0) ? p + literal.len : NULL;
}

/* ---- keys ---- */

/* One of 32 bits for a key: any function will do, this one tells Kubernetes' field names apart. */
hot uint32_t key_bit(const char *key, size_t len)
{
	uint32_t first = 0, middle = 0, last = 0;

	if (len > 0) {
		first = (unsigned char)key[0];
		middle = (unsigned char)key[len / 2];
		last = (unsigned char)key[len - 1];
	}
	return 1u << (((uint32_t)len * 0x9e3779b1u + first * 0x85ebca77u + middle * 0xc2b2ae3du +
			      last * 0x27d4eb2fu) >>
		       27);
}

/* Was the key already among the object's members? They all stand on the tape. */
static __attribute__((noinline)) bool seen_before(struct reader *r, json_ref object, json_ref key)
{
	const struct json_node *nodes = r->d.nodes, *new = &nodes[key];
	json_ref k = object + 1;

	if (nodes[object].count > LINEAR_MEMBERS) {
		r->many_members = true;
		return false;
	}
	for (uint32_t i = nodes[object].count; i > 0; i--) {
		const struct json_node *old = &nodes[k];

		if (old->escaped | new->escaped) {
			if (json_strings_equal(&r->d, old, new))
				return true;
		} else if (old->len == new->len &&
			   memcmp(r->d.text + old->off, r->d.text + new->off, old->len) == 0) {
			return true;
		}
		k = nodes[k + 1].next;
	}
	return false;
}

/* Enters the key that was just put on the tape into its object. */
hot const char *enter_key(struct reader *r, const char *p)
{
	json_ref ref = r->d.node_count - 1;
	struct json_node *object = &r->d.nodes[r->parent], *key = &r->d.nodes[ref];
	uint32_t bit = key_bit(r->d.text + key->off, key->len);

	if (unlikely(key->escaped)) /* its bit says nothing: this and all later keys compare */
		bit = UINT32_MAX;
	if (unlikely(object->len & bit) && !r->limits.allow_duplicate_keys &&
		seen_before(r, r->parent, ref)) {
		r->twice = ref;
		return fail(r, r->d.text + key->off - 1, "duplicate key");
	}
	object->len |= bit;
	object->count++;
	return p;
}

/* "key" and the colon. Returns where its value begins. */
hot const char *read_key(struct reader *r, const char *p)
{
	if (unlikely(p == r->end || *p != '"'))
		return fail(r, p, "expected a key in quotes");
	p = read_string(r, p);
	if (unlikely(!p) || unlikely(!enter_key(r, p)))
		return NULL;
	if (unlikely(p == r->end || *p != ':')) {
		p = skip_space(p, r->end);
		if (p == r->end || *p != ':')
			return fail(r, p, "expected ':' after the key");
	}
	return skip_space(p + 1, r->end);
}

/* ---- containers ---- */

hot const char *close_container(struct reader *r, const char *p)
{
	struct json_node *n = &r->d.nodes[r->parent];

	r->parent = n->next;
	r->depth--;
	n->len = (uint32_t)(p + 1 - r->d.text) - n->off;
	n->next = r->d.node_count;
	return p + 1;
}

/*
 * Opens the container at p. *ret_open tells whether a value is due next (an object's first key is
 * read here already) or whether it was empty and is closed again.
 */
hot const char *open_container(
	struct reader *r, const char *p, enum json_type type, char closing, bool *ret_open)
{
	struct json_node *n = push(r, p, p, type, 0);

	if (unlikely(!n))
		return NULL;
	if (unlikely(++r->depth > r->limits.max_depth))
		return fail_limit(r, p, "nested too deep");
	n->next = r->parent;
	r->parent = r->d.node_count - 1;
	p = skip_space(p + 1, r->end);
	if (p < r->end && *p == closing)
		return close_container(r, p);
	*ret_open = true;
	if (type == JSON_OBJECT)
		return read_key(r, p);
	n->count = 1;
	return p;
}

/* A scalar as a whole, or the opening of a container. */
hot const char *read_value(struct reader *r, const char *p, bool *ret_open)
{
	if (unlikely(p == r->end))
		return fail(r, p, "expected a value");
	switch (*p) {
	case '"':
		return read_string(r, p);
	case '{':
		return open_container(r, p, JSON_OBJECT, '}', ret_open);
	case '[':
		return open_container(r, p, JSON_ARRAY, ']', ret_open);
	case 't':
		return read_literal(r, p, SPAN("true"), JSON_TRUE);
	case 'f':
		return read_literal(r, p, SPAN("false"), JSON_FALSE);
	case 'n':
		return read_literal(r, p, SPAN("null"), JSON_NULL);
	case '-':
	case '0' ... '9':
		return read_number(r, p);
	default:
		return fail(r, p, "expected a value");
	}
}

/*
 * What follows a value: closes containers until a comma asks for another value, whose beginning
 * (after the key, in an object) is returned; at the end of the root, the byte after it.
 */
hot const char *read_separators(struct reader *r, const char *p)
{
	while (r->parent != JSON_NONE) {
		struct json_node *n = &r->d.nodes[r->parent];
		bool object = n->type == JSON_OBJECT;

		p = skip_space(p, r->end);
		if (unlikely(p == r->end))
			return fail(r, p, object ? "unfinished object" : "unfinished array");
		if (*p == ',') {
			p = skip_space(p + 1, r->end);
			if (object)
				return read_key(r, p);
			n->count++;
			return p;
		}
		if (unlikely(*p != (object ? '}' : ']')))
			return fail(r, p, object ? "expected ',' or '}'" : "expected ',' or ']'");
		p = close_container(r, p);
	}
	return p;
}

/* One value and the white space before it. */
static const char *read_one(struct reader *r)
{
	const char *p = skip_space(r->d.text, r->end);

	do {
		bool open = false;

		p = read_value(r, p, &open);
		if (likely(p) && !open)
			p = read_separators(r, p);
	} while (p && r->parent != JSON_NONE);
	return p;
}

static const char *expect_end(struct reader *r, const char *p)
{
	p = skip_space(p, r->end);
	return p == r->end ? p : fail(r, p, "text after the end of the value");
}

static int check_large_objects(struct reader *r)
{
	json_ref key;
	int rc = json_find_duplicate(&r->d, LINEAR_MEMBERS, r->arena, &key);

	if (rc < 0)
		return fail_limit(r, r->d.text, "too many keys for the memory allowed"), -1;
	if (rc > 0) {
		r->twice = key;
		return fail(r, r->d.text + r->d.nodes[key].off - 1, "duplicate key"), -1;
	}
	return 0;
}

/* ---- errors ---- */

static void put_what(const struct reader *r, struct json_error *je)
{
	const struct json_node *key;
	struct span text;

	if (r->twice == JSON_NONE) {
		snprintf(je->what, sizeof(je->what), "%s", r->fault.what);
		return;
	}
	key = &r->d.nodes[r->twice];
	text = utf8_cut((struct span){r->d.text + key->off, key->len}, sizeof(je->what) - 24);
	snprintf(je->what, sizeof(je->what), "%s \"%.*s%s\"", r->fault.what, SPAN_FMT(text),
		text.len < key->len ? "…" : "");
}

static void fill_error(const struct reader *r, struct json_error *je)
{
	const char *line = r->d.text;

	*je = (struct json_error){.limit = r->limit, .line = 1};
	if (r->fault.where) {
		je->offset = (size_t)(r->fault.where - r->d.text);
		for (const char *p = line; p < r->fault.where; p++) {
			if (*p == '\n') {
				je->line++;
				line = p + 1;
			}
		}
		je->column = (uint32_t)(r->fault.where - line) + 1;
	}
	put_what(r, je);
}

/* What both ways of reading end with: the document, or the error and an arena as it was. */
static int finish(struct reader *r, const char *end, struct arena_mark mark,
	struct json_doc *ret_doc, struct json_error *ret_error)
{
	if (end && (!r->many_members || check_large_objects(r) == 0)) {
		*ret_doc = r->d;
		ret_doc->len = (size_t)(end - r->d.text);
		/* Making it smaller cannot fail. */
		ret_doc->nodes = arena_resize(r->arena, r->d.nodes, r->cap * sizeof(*r->d.nodes),
			r->d.node_count * sizeof(*r->d.nodes));
		return 0;
	}
	if (ret_error)
		fill_error(r, ret_error);
	arena_rewind(r->arena, mark);
	return -1;
}

static struct reader reader_of(
	const char *text, size_t len, const struct json_limits *limits, struct arena *arena)
{
	struct reader r = {
		.d = {.text = text, .len = len},
		.end = text + len,
		.limits = *limits,
		.arena = arena,
		.parent = JSON_NONE,
		.twice = JSON_NONE,
	};

	if (r.limits.max_nodes > NODES_MAX)
		r.limits.max_nodes = NODES_MAX;
	if (r.limits.max_bytes > BYTES_MAX)
		r.limits.max_bytes = BYTES_MAX;
	return r;
}

int json_read(const char *text, size_t len, const struct json_limits *limits, struct arena *arena,
	struct json_doc *ret_doc, struct json_error *ret_error)
{
	struct reader r = reader_of(text, len, limits, arena);
	struct arena_mark mark = arena_mark(arena);
	const char *p;

	if (len > r.limits.max_bytes) {
		p = fail_limit(&r, text, "text too long");
	} else {
		p = read_one(&r);
		if (p)
			p = expect_end(&r, p);
	}
	return finish(&r, p, mark, ret_doc, ret_error);
}

int json_read_value(const char *text, size_t len, const struct json_limits *limits,
	struct arena *arena, struct json_doc *ret_doc, struct json_error *ret_error)
{
	struct reader r = reader_of(text, len, limits, arena);
	struct arena_mark mark = arena_mark(arena);
	const char *p;

	if (len > r.limits.max_bytes)
		r.end = text + r.limits.max_bytes;
	p = read_one(&r);
	if (!p && r.fault.where == r.end && len > r.limits.max_bytes)
		fail_limit(&r, r.fault.where, "value too long");
	return finish(&r, p, mark, ret_doc, ret_error);
}

int json_error_to_err(const struct json_error *je, struct err *e)
{
	return err_set(e, "line %u, column %u: %s", je->line, je->column, je->what);
}
