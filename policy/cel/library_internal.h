/* SPDX-License-Identifier: Apache-2.0 */
/* A library of functions as the engine sees it, and as whoever makes one fills it in. */
#pragma once

#include "policy/cel/program_internal.h"

struct cel_hint;

struct cel_signature {
	const struct cel_type *result;
	const struct cel_type *params[6];
	uint8_t param_count;
	bool variadic; /* the last parameter any number of times */
};

/* What a function makes once of its second argument when that is a constant string, as regular
 * expressions are compiled with the program. Kept in the node's aux. */
struct cel_preparation {
	void *(*make)(struct span constant, struct err *e); /* NULL: an error of the expression */
	void (*free)(void *made);
};

/* Its second argument is only looked at when the first is no optional with a value. */
enum cel_lazy { CEL_NOT_LAZY, CEL_LAZY_OR, CEL_LAZY_OR_VALUE };

struct cel_function {
	const char *group;
	const char *name;
	uint8_t style; /* CEL_FN, CEL_ME or both */
	const char *signatures;
	cel_fn fn;
	const char *doc;
	const struct cel_preparation *prepare; /* or NULL */
	enum cel_lazy lazy;
};
#define CEL_FN 1
#define CEL_ME 2

struct cel_prepared {
	void (*free)(void *made);
	void *made;
};

/* Immutable once made. Whoever makes one may have more behind it, for the functions: they reach it
 * by ev->prog->library. */
struct cel_library {
	const struct cel_function *functions;
	size_t count;
	struct arena *arena; /* of the signatures */
	struct signatures *signatures;
};

/* Takes the table, which must outlive the library. -1: memory is short. */
int cel_library_init(
	struct cel_library *l, const struct cel_function *functions, size_t count) _must_check_;
void cel_library_end(struct cel_library *l);

/* First function of that name callable in that style, from index *at on (start with 0). */
const struct cel_function *cel_library_find(
	const struct cel_library *l, struct span name, unsigned style, size_t *at);
const struct cel_signature *cel_library_signatures(
	const struct cel_library *l, const struct cel_function *f, uint32_t *ret_count);
void cel_library_offer_names(const struct cel_library *l, struct cel_hint *h, unsigned style);
