/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a change in the order of what they can do. Whoever decides reads the first lines
 * best, so what runs comes first and a note for people last.
 */
#pragma once

#include "common/base/util.h"

enum display_part {
	PART_RUNS,
	PART_IDENTITY,
	PART_RIGHTS,
	PART_SECRETS,
	PART_VOLUMES,
	PART_NODES,
	PART_SCALE,
	PART_DATA,
	PART_CALLS,
	PART_SPEC,
	PART_ACTING_METADATA, /* finalizers, owners, labels, annotations that give rights */
	PART_METADATA,
	PARTS,
};

/* "runs": as stored. */
const char *display_part_name(enum display_part p);
/* "What runs": for people. */
const char *display_part_heading(enum display_part p);
/* PARTS for a name that is none. */
enum display_part display_part_of_name(struct span name);

/* Where an object has something: what is known of the way to it. */
struct display_where {
	enum display_part part; /* of what stands here */
	enum {
		WHERE_ROOT,
		WHERE_FIELDS, /* below: fields of the API, known by their names */
		WHERE_METADATA,
		WHERE_ANNOTATIONS,
		WHERE_SETTLED, /* all below is of this part */
	} state;
};

/*
 * Of an object of `resource` ("secrets"), and of its member `key` at a place. In a list the place
 * of an element is that of the list.
 */
struct display_where display_where_root(void);
struct display_where display_where_member(
	struct display_where at, struct span key, struct span resource);
