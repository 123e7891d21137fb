/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests as the requests that an API server would send of them: to see what policies say before
 * anything is applied. The API server's defaults are not in them.
 */
#pragma once

#include "common/yaml/errors.h"
#include "policy/review/review.h"

/* Whose requests, and which; all but username may be left out. */
struct manifest_sender {
	const char *username;
	const char *const *groups;
	size_t group_count;
	const char *namespace_; /* of objects that name none; NULL: "default" */
	bool deletes;		/* what is there already; false: creates it */
};

/* An object as JSON, and where it is written. */
struct manifest_object {
	struct span group, version, kind, resource;
	struct span namespace_, name; /* "": in none; none yet */
	struct span text;
};

/*
 * The request that an API server would send of an object, in the arena, to be read from *ret.
 * Errors: the object is too large, or the review cannot be read.
 */
int manifest_review(const struct manifest_object *o, const struct manifest_sender *sender,
	struct arena *arena, struct review *ret, struct err *e) _must_check_;

struct manifest {
	struct manifest *next;
	struct review review;
	bool guessed; /* the resource's name was made of the kind's, which is not known */
};

/*
 * The documents of YAML or JSON files and folders, and what is in a List, in their order; in the
 * arena. Errors: -1 with all of them added to errors; having found none is one.
 */
int manifests_read(const char *const *paths, size_t count, const struct manifest_sender *sender,
	struct arena *arena, struct yaml_errors *errors, struct manifest **ret) _must_check_;
