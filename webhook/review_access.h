/*
 * SubjectAccessReview (authorization.k8s.io/v1, and v1beta1 as API servers before 1.22 send it by
 * default): may this identity do this? Asked for every request, reads and impersonation included.
 *
 * Shapes: k8s.io/api/authorization/v1 and v1beta1 (there `group` instead of `groups`).
 */
#pragma once

#include "webhook/review.h"

/* As review_read(); *ret_version is the apiVersion to answer with. Never REVIEW_UNDECIDABLE: to a
 * SubjectAccessReview that cannot be read no answer but an error is safe. */
enum review_outcome review_access_read(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, const char **ret_version, struct err *e);
