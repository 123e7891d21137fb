/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of fields, by which YAML trees become structs and documentation.
 *
 * A struct kind describes one kind of object: its fields, where each goes in a C struct, and the
 * sentence that docs/policy-reference.md prints about it. schema_read() is strict: unknown keys,
 * wrong types, missing required fields and values out of range are errors with a place and, where
 * close, what may have been meant. It goes on after an error, so that all are found at once.
 */
#pragma once

#include "common/yaml/tree.h"

enum field_type {
	FIELD_STRING,	   /* struct yaml_str */
	FIELD_BOOL,	   /* struct yaml_int: 0, 1 */
	FIELD_INT,	   /* struct yaml_int: min … max */
	FIELD_DURATION,	   /* struct yaml_int: milliseconds, min … max */
	FIELD_ENUM,	   /* struct yaml_int: a value of choices */
	FIELD_STRINGS,	   /* struct yaml_list of struct yaml_str */
	FIELD_OBJECT,	   /* const struct yaml_object, contents of kind `of` */
	FIELD_OBJECTS,	   /* struct yaml_list of the structs of kind `of` */
	FIELD_EXPRESSION,  /* struct yaml_str: CEL */
	FIELD_EXPRESSIONS, /* struct yaml_list of struct yaml_str: CEL */
	FIELD_ANY,	   /* const struct node *: any JSON value */
	FIELD_LABELS,	   /* const struct node *: a mapping of strings */
};

/* Values as read. `at` is the node they came from, NULL when the field was absent. */
struct yaml_str {
	struct span s; /* NUL-terminated too */
	const struct node *at;
};
struct yaml_int {
	int64_t v; /* the field's default when absent */
	const struct node *at;
};
struct yaml_list {
	void *items;
	size_t count;
	const struct node *at;
};
struct yaml_object {
	void *value; /* NULL when absent */
	const struct node *at;
};

struct choice {
	const char *name; /* NULL ends a list */
	int value;
	const char *doc;
};

struct kind;

struct field {
	const char *name; /* NULL ends a table */
	enum field_type type;
	size_t offset;
	bool required;
	int64_t def, min, max;
	const struct choice *choices;
	const struct kind *of;
	const char *doc;
};

/* What people who know the neighbours write, and what to say to them. */
struct hint {
	const char *name; /* NULL ends a list */
	const char *say;
};

struct kind {
	const char *name;
	size_t size;
	const struct field *fields;
	const struct hint *hints; /* may be NULL */
	const char *doc;
};

#define SCHEMA_MAX_ITEMS 20000u /* of one list */

/*
 * Reads a mapping into value, which is zeroed memory of kind->size. Absent fields get defaults.
 * Returns 0, or -1 with every problem added to errors. Memory comes from the arena.
 */
int schema_read(const struct kind *kind, const struct node *n, void *value, struct arena *arena,
	struct yaml_errors *errors) _must_check_;

/* The closest of `names` to a misspelt one; NULL if none is close. Ends with NULL. */
const char *schema_closest(struct span wrong, const char *const *names);
/* Only one that is a single slip of the finger away, where other words are allowed too. */
const char *schema_slip_of(struct span wrong, const char *const *names);

/* Appends kind and all kinds below it as Markdown, each once. */
void schema_put_markdown(struct buf *out, const struct kind *kind);
