/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of a canonical form, and what it leaves out because it is made anew each time. */
#pragma once

#include "policy/review/change.h"
#include "policy/review/fingerprint.h"

struct canon {
	const struct policy_request *r;
	struct arena *arena;
	struct buf *out;
	bool failed;	  /* the arena is full */
	bool differs;	  /* an UPDATE has a difference */
	bool with_status; /* the object's status counts */
	bool in_managers; /* it is metadata.managedFields that is written */
	/* What was found to be made anew at every attempt; absent: nothing of the kind. */
	struct span own_uid;
	bool generated_name;  /* generateName made (or will make) the name */
	struct span volume;   /* the one generated volume's name */
	struct span debugger; /* the one generated container's name */
	size_t depth;	      /* of the value being written, below the object's root */
	struct span path[CHANGE_DEPTH_MAX]; /* keys; of a list element an absent span */
};

/* ---- fingerprint_anew.c ---- */

void fingerprint_find_in_create(struct canon *c);
void fingerprint_find_in_update(struct canon *c);
/* What stands for a string that is made anew at every attempt, or NULL. */
const char *fingerprint_made_anew(const struct canon *c, struct span s);
