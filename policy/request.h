/*
 * From a review as the API server sends it to a struct policy_request.
 *
 * AdmissionReview: admission.k8s.io/v1; SubjectAccessReview: authorization.k8s.io/v1 and v1beta1
 * (k8s.io/api/{admission,authorization}). Strict about what a decision depends on, silent about the
 * rest: new fields of newer API servers are none of our business.
 */
#pragma once

#include "policy/policy.h"

/* What is read here never exceeds this many groups; more is an error, not a cut. */
#define REQUEST_MAX_GROUPS 4096u

/*
 * Fills *ret, which points into doc and the arena. now_us is left for the caller. *ret_uid, if not
 * NULL, gets request.uid as soon as that can be read, also when -1 is returned (absent else).
 * Errors: -1, naming the field by its JSON path.
 */
int policy_request_read_admission(const struct json_doc *doc, struct arena *arena,
	struct policy_request *ret, struct span *ret_uid, struct err *e) _must_check_;
int policy_request_read_access(const struct json_doc *doc, struct arena *arena,
	struct policy_request *ret, struct err *e) _must_check_;

/* Either of the two, by `kind`; for the command line. */
int policy_request_read(const struct json_doc *doc, struct arena *arena, struct policy_request *ret,
	struct err *e) _must_check_;
