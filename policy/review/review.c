/* SPDX-License-Identifier: Apache-2.0 */
/* Either kind of review, by what it says of itself. */
#include "policy/review/review_internal.h"

enum review_status review_read(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, struct err *e)
{
	struct json_error je;
	json_ref kind;

	if (review_begin(body, max_nodes, arena, ret, &je) != 0) {
		json_error_to_err(&je, e);
		return REVIEW_MALFORMED;
	}
	kind = json_get_str(&ret->doc, JSON_ROOT, "kind");
	if (json_string_is(&ret->doc, kind, SPAN("AdmissionReview")))
		return review_take_admission(ret, arena, e);
	if (json_string_is(&ret->doc, kind, SPAN("SubjectAccessReview")))
		return review_take_access(ret, arena, e);
	err_set(e, "/kind: expected \"AdmissionReview\" or \"SubjectAccessReview\"");
	return REVIEW_MALFORMED;
}
