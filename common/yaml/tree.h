/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as a tree in which every node knows where it stands.
 *
 * libyaml's events become nodes: scalars, sequences, mappings. Anchors, aliases, tags and merge
 * keys are refused (a file says what it means where it says it, and nothing can be expanded a
 * billion times); so are duplicate keys, keys that are not strings, and whatever passes the limits.
 * common/yaml/schema.h reads it into structs.
 * Threads: a tree is immutable once read.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"

#define TREE_MAX_FILE_BYTES (16u << 20)
#define TREE_MAX_DEPTH	    48
#define TREE_MAX_NODES	    2000000u
#define TREE_MAX_KEYS	    1000u
#define TREE_MAX_SCALAR	    65536u

struct yaml_errors;

struct tree_file {
	const char *path; /* as shown in errors */
	struct span text;
};

enum node_type { NODE_SCALAR, NODE_SEQ, NODE_MAP };

/* What a scalar is when nothing says what it should be. */
enum scalar_kind {
	SCALAR_STRING,
	SCALAR_NULL,
	SCALAR_BOOL,
	SCALAR_INT,
	SCALAR_FLOAT,
	SCALAR_UNSURE, /* yes, no, on, off, 0777, 1_000: YAML versions disagree about it */
};

struct node {
	enum node_type type;
	enum scalar_kind kind; /* of a scalar */
	uint32_t line, column; /* from 1; columns count characters */
	uint32_t count;	       /* of a sequence or mapping */
	bool block;	       /* scalar written with | or > */
	size_t offset;	       /* of its first byte in the file */
	struct span text;      /* of a scalar, NUL-terminated too */
	struct node *first;    /* of a sequence: items; of a mapping: key, value, key, value … */
	struct node *next;
	const struct tree_file *file;
};

/* for (const struct node *n: items of sequence s) */
#define node_foreach(n, s) for (const struct node *n = (s)->first; n; n = n->next)
/* for (const struct node *k: keys of mapping m), the value is k->next */
#define node_foreach_member(k, m) for (const struct node *k = (m)->first; k; k = k->next->next)

/*
 * Reads every document of a file and gives each root to take(). Stops at the first syntax error.
 * A byte order mark before the text is taken off it: some editors leave one.
 * Errors: added to errors; take() is not called for a document that has one.
 */
void tree_read(struct tree_file *file, struct arena *arena, struct yaml_errors *errors,
	void (*take)(const struct node *root, void *arg), void *arg);

/* The value of a member; NULL if absent or m is no mapping. */
const struct node *node_get(const struct node *m, const char *key);

/* "a string", "a list", "true or false" …: what n is, for messages. */
const char *node_kind_name(const struct node *n);

/* Writes n as canonical JSON: keys sorted, no white space. */
void node_put_json(struct buf *out, const struct node *n);
