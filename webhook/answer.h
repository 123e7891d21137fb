/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the webhook answers: AdmissionReview and SubjectAccessReview as JSON text. Everything is
 * written into the request's arena.
 *
 * Shapes: k8s.io/api/admission/v1 AdmissionResponse, k8s.io/apimachinery meta/v1 Status.
 */
#pragma once

#include "common/base/arena.h"
#include "common/json/json.h"

#define ANSWER_CAUSES_MAX      12
#define ANSWER_ANNOTATIONS_MAX 8
#define ANSWER_MESSAGE_MAX     8192 /* bytes of a denial's message; longer ones are cut */

/* One fact for programs, in status.details.causes. */
struct answer_cause {
	const char *reason; /* "HoldPending" */
	const char *field;  /* "hold" */
	struct span message;
};

struct answer_annotation {
	const char *key; /* without "/", at most 63 bytes */
	struct span value;
};

struct answer {
	struct span uid; /* raw JSON text, as struct review has it */
	bool allowed;

	/* A denial's. */
	unsigned code;	    /* 403, 429, 500 … */
	const char *reason; /* "Forbidden" */
	struct span message;
	struct span group, resource, name; /* details; may be absent */
	struct answer_cause causes[ANSWER_CAUSES_MAX];
	size_t cause_count;
	unsigned retry_after_s; /* 0: none */

	/* Either's. */
	const struct span *warnings; /* one a line shown by kubectl */
	size_t warning_count;
	struct span patch; /* RFC 6902 text of a mutation; absent: none */
	struct answer_annotation annotations[ANSWER_ANNOTATIONS_MAX];
	size_t annotation_count;
};

/* Those beyond the maximum are dropped. */
void answer_add_cause(struct answer *a, const char *reason, const char *field, struct span message);
void answer_annotate(struct answer *a, const char *key, struct span value);

/* The AdmissionReview. Absent when the arena is full: then only answer_put_last_resort() is left.
 */
struct span answer_put(const struct answer *a, struct arena *arena);

/*
 * The SubjectAccessReview: "denied" with the reason, or no opinion: what RBAC would not allow,
 * Holdpoint does not allow either. Absent when the arena is full.
 */
struct span answer_put_access(const struct answer *a, const char *api_version, struct arena *arena);

/* A denial that needs no memory of the request's: written into out (at least 512 bytes). */
struct span answer_put_last_resort(struct span uid, char *out, size_t cap);
