/*
 * Reading what an API server asks: AdmissionReview (admission.k8s.io/v1) into the form in which
 * policy/ decides. Strict, because what is misread here is decided wrongly: a known member with
 * an unexpected type is never skipped.
 *
 * Shapes: k8s.io/api/admission/v1/types.go.
 */
#pragma once

#include "common/err.h"
#include "policy/policy.h"

#define REVIEW_UID_MAX	  128
#define REVIEW_DEPTH_MAX  100
#define REVIEW_GROUPS_MAX 4096

enum review_outcome {
	REVIEW_OK,
	REVIEW_MALFORMED,   /* no answer is possible but HTTP 400 with the error */
	REVIEW_UNDECIDABLE, /* uid is known, the rest makes no sense: to be denied with the error */
};

struct review {
	struct json_doc doc;
	struct span uid; /* raw JSON text between the quotes: echoed byte for byte */
	struct policy_request request;
};

/*
 * Reads a body. *ret points into body and the arena. max_nodes bounds the values in it; a text
 * beyond the limits whose uid can still be found is REVIEW_UNDECIDABLE.
 */
enum review_outcome review_read(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, struct err *e);
