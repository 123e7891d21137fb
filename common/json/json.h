/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict reader for JSON that arrives from outside, and the text writers that go with it.
 *
 * One pass over the bytes (RFC 8259: UTF-8 checked, no lone surrogates unless allowed, duplicate
 * keys refused after unescaping, limits on bytes, depth and nodes) makes a flat tape of nodes. A
 * node points into the caller's bytes, so strings and numbers keep their text and nothing is
 * copied. A value is named by its index on the tape (json_ref); the children of a container follow
 * it in order, an object's as key, value, key, value. Policy evaluation, hold fingerprints and
 * masking all work on this tape; masking writes the input back with some spans replaced (struct
 * json_edit).
 *
 * Not for building documents: small answers are emitted with json_put_*(). Threads: a document is
 * immutable once read, any number of threads may look at it.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_node {
	uint32_t off;  /* first byte of the value's text; of a string, the byte after the quote */
	uint32_t len;  /* bytes of that text; of a string, without the quotes */
	uint32_t next; /* index of the node after this value's subtree */
	uint32_t type : 3;    /* enum json_type */
	uint32_t escaped : 1; /* string with at least one backslash */
	uint32_t count : 28;  /* elements of an array, members of an object */
};

typedef uint32_t json_ref;
#define JSON_NONE UINT32_MAX
#define JSON_ROOT 0u

struct json_doc {
	const char *text; /* the caller's bytes: must outlive the document */
	size_t len;
	struct json_node *nodes; /* in the arena given to json_read() */
	uint32_t node_count;
};

struct json_limits {
	size_t max_bytes;	    /* at most 1 GiB */
	uint32_t max_depth;	    /* nesting of arrays and objects; the root container is 1 */
	uint32_t max_nodes;	    /* values and keys */
	bool allow_lone_surrogates; /* \ud800 alone: accepted (audit events), never unescapable */
	bool allow_duplicate_keys;  /* accepted, first and last both kept on the tape */
};

/* Where and why a text was refused. line and column count from 1, column in bytes. */
struct json_error {
	size_t offset;
	uint32_t line;
	uint32_t column;
	bool limit;	/* refused for its size, depth or node count, not for its syntax */
	char what[128]; /* e.g. "duplicate key \"name\"" cut to fit; never quotes a value */
};

/*
 * Reads exactly one JSON text (white space around it allowed).
 * Ownership: nodes live in the arena; text stays the caller's and is pointed into.
 * Errors: -1 with *ret_error filled (ret_error may be NULL); *ret_doc untouched.
 */
int json_read(const char *text, size_t len, const struct json_limits *limits, struct arena *arena,
	struct json_doc *ret_doc, struct json_error *ret_error) _must_check_;

/*
 * Reads one JSON value at the beginning of text (white space before it allowed) and does not look
 * at what follows: for a long list whose elements are to be held in memory one by one.
 * ret_doc->len is where the value ended. limits.max_bytes limits the value, not len.
 */
int json_read_value(const char *text, size_t len, const struct json_limits *limits,
	struct arena *arena, struct json_doc *ret_doc, struct json_error *ret_error) _must_check_;

/* "line 3, column 14: duplicate key …" into e; returns -1. */
int json_error_to_err(const struct json_error *je, struct err *e);

static inline const struct json_node *json_node(const struct json_doc *d, json_ref r)
{
	return &d->nodes[r];
}

/* The type, or -1 for JSON_NONE: so absence can be switched on too. */
static inline int json_type(const struct json_doc *d, json_ref r)
{
	return r == JSON_NONE ? -1 : (int)d->nodes[r].type;
}

static inline json_ref json_next(const struct json_doc *d, json_ref r)
{
	return d->nodes[r].next;
}

/* for (json_ref v: elements of array a); nothing for anything that is not an array. */
#define json_foreach(v, d, a)                                                                      \
	for (json_ref v = (a) + 1,                                                                 \
		      v##_end = json_type((d), (a)) == JSON_ARRAY ? (d)->nodes[(a)].next : 0;      \
		v < v##_end; v = (d)->nodes[v].next)

/* for (json_ref k: keys of object o), its value is k + 1; nothing if o is not an object. */
#define json_foreach_member(k, d, o)                                                               \
	for (json_ref k = (o) + 1,                                                                 \
		      k##_end = json_type((d), (o)) == JSON_OBJECT ? (d)->nodes[(o)].next : 0;     \
		k < k##_end; k = (d)->nodes[k + 1].next)

/* The value's text as it stands in the input, the quotes of a string included. */
struct span json_text(const struct json_doc *d, json_ref r);

/* A string's bytes as written, without quotes, escapes not resolved. Absent span if not a string.
 */
struct span json_raw_string(const struct json_doc *d, json_ref r);

/*
 * A string's value: points into the input when nothing is escaped, else into the arena. Absent
 * ({NULL, 0}) if r is JSON_NONE, not a string, holds a lone surrogate, or the arena is full. May
 * contain NUL bytes.
 */
struct span json_string(const struct json_doc *d, json_ref r, struct arena *arena);

/* Is r a string (or key) whose value equals s? No arena needed, escapes resolved on the way. */
bool json_string_is(const struct json_doc *d, json_ref r, struct span s);

/* Member of an object by (unescaped) key; JSON_NONE if absent or obj is none or no object. */
json_ref json_get(const struct json_doc *d, json_ref obj, struct span key);
#define json_get_str(d, obj, literal) json_get((d), (obj), SPAN(literal))

/* Element of an array; JSON_NONE if out of range. O(index). */
json_ref json_at(const struct json_doc *d, json_ref array, uint32_t index);

/* RFC 6901 JSON Pointer from base ("" is base itself; ~0 ~1 understood). JSON_NONE if not there. */
json_ref json_pointer(const struct json_doc *d, json_ref base, struct span pointer);
#define json_pointer_str(d, base, literal) json_pointer((d), (base), SPAN(literal))

/* A number that is an integer in range, in any spelling RFC 8259 allows ("1e3"). -1 otherwise. */
int json_int64(const struct json_doc *d, json_ref r, int64_t *ret);

/* Appends the JSON Pointer that leads from the root to r ("/items/3/kind"). */
void json_put_pointer_to(struct buf *out, const struct json_doc *d, json_ref r);

/* ---- writing ---- */

/* A string literal with quotes; bytes that are not UTF-8 become U+FFFD. */
void json_put_string(struct buf *out, struct span s);
/* "key": with a leading comma unless it is the first member (last byte is '{'). */
void json_put_key(struct buf *out, const char *key);
void json_put_int(struct buf *out, int64_t v);

/* Replacement of the value r by text, which must be JSON itself. */
struct json_edit {
	json_ref ref;
	struct span text;
};

/*
 * The document's text under root with the edits' values replaced, everything else byte for byte.
 * edits must be sorted by ref and must not nest: an edit inside an edited value is ignored.
 */
void json_put_edited(struct buf *out, const struct json_doc *d, json_ref root,
	const struct json_edit *edits, size_t edit_count);

/* ---- showing ---- */

/*
 * The value r for people: members and elements indented, in their order, none left out. What is
 * printed depends on the values alone, and different values look different. Numbers keep their
 * text. Strings stand in one spelling: \uXXXX for every character that cannot be seen or that
 * directs a terminal (utf8_is_harmful(), selectors of variation, lone surrogates), in keys for all
 * beyond ASCII; any other character as itself. It is JSON still, of the same value. Of a document
 * that was read with allow_duplicate_keys, all are printed.
 */
void json_put_shown(struct buf *out, const struct json_doc *d, json_ref r);
/* The same on one line, with a blank behind each colon and comma. */
void json_put_shown_on_one_line(struct buf *out, const struct json_doc *d, json_ref r);

/*
 * The characters of the string r, one line without quotes: \uXXXX for what a key must not hold,
 * see above; quotes and backslashes as they are. Nothing if r is no string.
 */
void json_put_shown_string(struct buf *out, const struct json_doc *d, json_ref r);

/*
 * JSON text as one line, byte for byte but for characters that cannot be seen or that direct a
 * terminal: those become \uXXXX, a line break between values a space.
 */
void json_put_shown_line(struct buf *out, struct span text);
