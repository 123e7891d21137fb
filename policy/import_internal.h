/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Importing from within: import.c finds policies and their bindings and writes documents,
 * import_match.c says in CEL what a match of theirs cannot say here.
 */
#pragma once

#include "common/yaml/errors.h"
#include "common/yaml/tree.h"
#include "policy/import.h"

#define IMPORT_MAX_BYTES ((size_t)64 << 20)

struct import_object {
	struct import_object *next;
	const struct node *root;
	bool binding, mutates;
};

struct import {
	struct arena *arena;
	bool failed; /* memory was short, or something too large */
	struct policy_imported *ret;
	struct import_object *first, **end;
};

/* What is in a buffer; one that could not hold it all is noted. */
struct span import_span(struct import *i, const struct buf *b);
/* Checks that a mapping has no other keys (NULL ends them). Problems are added. n may be NULL. */
void import_check_keys(struct import *i, const struct node *n, const char *const *keys);
/* The text of a scalar member; absent: none. */
struct span import_text(const struct node *n, const char *key);
bool import_is(const struct node *n, const char *key, const char *value);
/* A member that is a list; NULL: none, or a problem was added. */
const struct node *import_list(struct import *i, const struct node *n, const char *key);

/* Appends the document of a policy and a binding to the result, or says why not. */
void import_write(struct import *i, const struct import_object *policy,
	const struct import_object *binding, bool several);

/*
 * Matches as conditions, appended to out. Of matchResources everything that `match` does not say:
 * scopes, excluded rules, labels of the object; of a binding's its rules, too. Each condition calls
 * take() with its text.
 */
typedef void (*import_condition_fn)(struct span cel, const struct node *at, void *arg);
void import_conditions(struct import *i, const struct node *resources, bool rules_too,
	import_condition_fn take, void *arg);
/* The entries of `match`, YAML, indented by two; the selectors of both are joined. */
void import_put_match(struct import *i, struct buf *out, const struct node *constraints,
	const struct node *of_binding);
