/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what an API server asks into the form in which it is decided: AdmissionReview
 * (admission.k8s.io/v1) and SubjectAccessReview (authorization.k8s.io/v1, and v1beta1 as API
 * servers before 1.22 send it by default). The only reader of reviews: the daemon, the command line
 * and the tests of policies refuse the same ones, with the same words.
 *
 * Strict, because what is misread here is decided wrongly: a known member with an unexpected type
 * is never skipped. Members that are not known are none of its business.
 *
 * Shapes: k8s.io/api/admission/v1, k8s.io/api/authorization/v1 and v1beta1 (there `group` instead
 * of `groups`).
 */
#pragma once

#include "common/base/err.h"
#include "policy/review/request.h"

#define REVIEW_UID_MAX		128
#define REVIEW_DEPTH_MAX	100
#define REVIEW_GROUPS_MAX	4096
#define REVIEW_NODES_DEFAULT	2000000 /* what callers without an opinion pass as max_nodes */
#define REVIEW_ACCESS_MAX_BYTES ((size_t)1 << 20)

enum review_status {
	REVIEW_OK,
	REVIEW_MALFORMED,   /* no answer is possible but HTTP 400 with the error */
	REVIEW_UNDECIDABLE, /* it can be answered, but not decided: to be denied with the error */
};

struct review {
	struct json_doc doc;
	struct span uid; /* raw JSON text between the quotes: echoed byte for byte; absent at
			  * /authorize, where there is none */
	const char *api_version;       /* to be answered with; NULL until it was read */
	struct policy_request request; /* now_us is the clock's */
};

/*
 * Read a body. *ret points into body, into the arena and into itself: it must stay where it is.
 * Limits: max_nodes bounds the values in it, the caller the bytes. e is set unless REVIEW_OK.
 *
 * review_read_admission(): REVIEW_UNDECIDABLE also for a text beyond the limits whose uid can still
 * be found. review_read_access(): for a question without a verb alone (an HTTP OPTIONS); where such
 * a review cannot be read no answer but an error is safe.
 */
enum review_status review_read_admission(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, struct err *e);
enum review_status review_read_access(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, struct err *e);
/* Either of the two, by `kind`: for files. */
enum review_status review_read(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, struct err *e);
