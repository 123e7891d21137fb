/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fields the values of a program have, for finding slips: CEL itself takes any field of a
 * dynamic value. The caller says what its variables may be, in types that are numbers to the
 * engine; the program is walked, and a field that none of the types at hand has is told of.
 * Only what is certain is: a value that may be anything else, too, has any field.
 */
#pragma once

#include "policy/cel/cel.h"

enum cel_form { CEL_FORM_OBJECT, CEL_FORM_LIST, CEL_FORM_MAP };

struct cel_shape_item {
	uint16_t type; /* of the object, or of the list's or map's elements */
	uint8_t form;  /* enum cel_form */
};

#define CEL_SHAPE_MAX 32

/* The union of what a value may be. None at all, and not any: a null, or something empty. */
struct cel_shape {
	bool any;
	uint8_t count;
	struct cel_shape_item items[CEL_SHAPE_MAX];
};

/* More than fit make it any. */
void cel_shape_add(struct cel_shape *s, struct cel_shape_item item);
void cel_shape_join(struct cel_shape *s, const struct cel_shape *other);

/* Whoever is asked; ctx is the caller's. */
struct cel_shapes {
	void *ctx;
	/* What the variable of a slot may be. */
	struct cel_shape (*variable)(void *ctx, uint32_t slot);
	/* Adds what stands in a field of an object; false: there is no such field. */
	bool (*field)(void *ctx, uint16_t type, struct span name, struct cel_shape *ret);
	/* None of the types has it. offset: of the field, in the source. asked: it is only asked
	 * whether it is there, which some may of what never has it: has(), .?field. */
	void (*missing)(void *ctx, const struct cel_shape *of, struct span name, uint32_t offset,
		bool asked);
};

/* The shape of the program's value; what is missing is told in the order of the source. */
struct cel_shape cel_program_shape(const struct cel_program *p, const struct cel_shapes *s);
