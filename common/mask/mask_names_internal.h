/* SPDX-License-Identifier: Apache-2.0 */
/* Names: is what stands under one a secret, and does it mean something to the walker? */
#pragma once

#include "common/mask/mask_rules_internal.h"

#define MASK_NAME_MAX 320 /* longer names are taken for secret themselves */

enum name_class {
	NAME_PLAIN,
	NAME_WEAK, /* its value is masked when it looks like a key or a password ("key", "auth") */
	NAME_STRONG, /* its value is masked, and what is below it ("password", "token") */
};

/* Fields that mean something to the walker. */
enum mask_field {
	FIELD_NONE,
	FIELD_KIND,
	FIELD_API_VERSION,
	FIELD_METADATA,
	FIELD_NAME, /* name, key, id of a name/value pair */
	FIELD_VALUE,
	FIELD_DATA,
	FIELD_STRING_DATA,
	FIELD_TYPE,
	FIELD_IMMUTABLE,
	FIELD_OP,
	FIELD_PATH,
	FIELD_FROM,
	FIELD_ITEMS,
	FIELD_ROWS,
	FIELD_CELLS,
	FIELD_COLUMNS,
	FIELD_OBJECT,
	FIELD_OLD_OBJECT,
	FIELD_RESOURCE,
	FIELD_ANNOTATIONS,
	FIELD_LABELS,
	FIELD_MANAGED_FIELDS,
	FIELD_COMMAND,
	FIELD_EXTRA,
	FIELD_SCHEMA,
	FIELD_SCHEMA_VALUE, /* default, example, enum: in a schema the value, not its description */
	FIELD_URI,
	FIELD_MESSAGE,
	FIELD_META_KEPT, /* metadata that stays readable, of Secrets too */
	FIELD_OPTIONS,
	FIELD_TARGET_OBJECT, /* of an event: requestObject, responseObject */
	FIELD_OBJECT_REF,
	FIELD_IMAGE,
	FIELD_KTY,	  /* of a JSON Web Key */
	FIELD_CIPHERTEXT, /* of a SealedSecret */
	FIELD_SECRET_KEY, /* in resources that make Secrets: the name of a key */
};

struct mask_name {
	uint8_t class;	    /* enum name_class */
	uint8_t field;	    /* enum mask_field */
	uint8_t rule;	    /* enum mask_rule that a strong name falls under */
	bool reference : 1; /* says where something is: kept even below a strong name */
	bool known : 1;	    /* in the table of field names */
};

/* Own rules may add to it, so the masker is asked. name: escapes resolved. */
struct mask_name mask_name_of(const struct masker *m, struct span name);
/* The built-in judgement alone, for words found in text ("PGPASSWORD"). */
enum name_class mask_name_class(const struct masker *m, struct span name);
/*
 * The name in plain letters: accents gone, and letters of other alphabets that look like ours taken
 * for them ("p\u0430ssword"). buf takes as many bytes as the name has.
 */
struct span mask_fold_name(struct span name, char *buf);

/* ---- mask_values.c ---- */
/* Letters and digits without any order, as keys are? */
bool mask_looks_random(struct span s);
/* A key, told from the names of things that look as random. */
bool mask_looks_like_key(struct span s);
/* A password as people think of them, beside a name that may mean one; and without a name. */
bool mask_looks_like_password(struct span s);
bool mask_is_password(struct span s);
/* A switch, or where a secret is: no secret under any name. */
bool mask_is_setting(struct span s);

/* Table of known field names; NULL when the name is not in it. */
const struct mask_name *mask_known_field(struct span name);

/*
 * Fill the tables that are looked things up in: made of constant ones, once a process, and never
 * changed after that, so that all maskers share them. By masker_new(), in this order.
 */
void mask_names_init(void);
void mask_fields_init(void);
