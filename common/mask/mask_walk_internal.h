/* SPDX-License-Identifier: Apache-2.0 */
/* Walking over a JSON tape: where one is, what the members of an object say of each other. */
#pragma once

#include "common/mask/mask_frame_internal.h"
#include "common/mask/mask_names_internal.h"

#define MASK_DEPTH_MAX	 256 /* nesting of values inside one text */
#define MASK_SHAPE_NAMES 24

enum {
	WHERE_SECRET = 1 << 0,	/* this value is a Secret, whatever it says of itself */
	WHERE_SECRETS = 1 << 1, /* answer or request about Secrets: lists, Tables, Status */
	WHERE_COMMAND = 1 << 2, /* a list here is a command line */
	WHERE_EXEC = 1 << 3,	/* of exec: only what is known to be harmless stays */
	WHERE_SCHEMA = 1 << 4,	/* of a CustomResourceDefinition: names of fields, no values */
	WHERE_MAKER = 1 << 5,	/* of an ExternalSecret and the like: its data become a Secret's */
	WHERE_PROXY = 1 << 6,	/* options of a proxy request: `path` is a URI */
	WHERE_TARGET = 1 << 7,	/* an object of the resource that the request names */
};

struct mask_where {
	uint8_t flags;
	uint8_t class;	  /* enum name_class of the nearest name */
	uint8_t infected; /* rule of the strong name above, or RULE_NONE */
	uint16_t depth;
};

int mask_walk(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
/* A string value that nothing more is known about: patterns and layers. */
int mask_string_value(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;

/* Members of an object that decide how the others are read. JSON_NONE where absent. */
struct mask_shape {
	json_ref kind, api_version, value, op, path, data, string_data, type, columns, rows;
	json_ref resource, object, image, kty;
	json_ref words[2];			  /* command and args */
	struct mask_name names[MASK_SHAPE_NAMES]; /* of the first members, in order */
	uint8_t value_class;			  /* what the object's "name" says of its "value" */
};
/* ---- mask_shape.c ---- */
void mask_read_shape(struct mask_frame *f, json_ref obj, struct mask_shape *ret);
struct mask_name mask_key_name(struct mask_frame *f, json_ref key);
/* Is r a string that equals s in any case? */
bool mask_string_is(struct mask_frame *f, json_ref r, struct span s);
/* ---- mask_walk.c ---- */
/* A value that is to be masked unless nothing can hide in it (empty, true, "$(NAME)"). */
int mask_unless_harmless(struct mask_frame *f, json_ref r, enum mask_rule rule) _must_check_;
/* Names can hold secrets too: tokens found in a key are masked in it. */
int mask_key_text(struct mask_frame *f, json_ref key) _must_check_;
