/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/hold_need.h"

#include "policy/review/change.h"

static bool is_resource(const struct policy_request *r, const char *group, const char *resource)
{
	return span_eq_str(r->api_group, group) && span_eq_str(r->resource, resource);
}

bool hold_is_csr_approval(const struct policy_request *r)
{
	return is_resource(r, "certificates.k8s.io", "certificatesigningrequests") &&
	       span_eq(r->subresource, SPAN("approval"));
}

bool hold_is_order(const struct policy_request *r)
{
	return r->operation == OPERATION_CREATE && r->subresource.len > 0;
}

/* Its answer is all there is to it (TokenReview, SubjectAccessReview, …), also as a dry run. */
static bool is_answered_question(const struct policy_request *r)
{
	return r->operation == OPERATION_CREATE &&
	       (span_eq_str(r->api_group, "authentication.k8s.io") ||
		       span_eq_str(r->api_group, "authorization.k8s.io"));
}

bool hold_gives_out(const struct policy_request *r)
{
	if (request_is_access(r))
		return false;
	if (is_answered_question(r))
		return true;
	if (hold_is_order(r))
		return !span_eq(r->subresource, SPAN("eviction")) &&
		       !span_eq(r->subresource, SPAN("binding"));
	return r->operation == OPERATION_CONNECT || hold_is_csr_approval(r) ||
	       (r->operation != OPERATION_CREATE && is_resource(r, "", "secrets"));
}

static int stop_at_first(const struct change *c _unused_, void *arg _unused_)
{
	return 1;
}

/*
 * Short of memory it changes something. Of a Node it does in any case: API servers before 1.20.6
 * show the new object in place of the old one (CVE-2021-25735).
 */
static bool changes_nothing(const struct policy_request *r, struct arena *arena)
{
	const struct change_side before = {r->doc, r->old_object}, after = {r->doc, r->object};
	const struct arena_mark mark = arena_mark(arena);
	int differs;

	if (r->operation != OPERATION_UPDATE || is_resource(r, "", "nodes") ||
		json_type(r->doc, r->object) != JSON_OBJECT ||
		json_type(r->doc, r->old_object) != JSON_OBJECT ||
		change_loss(r) != CHANGE_LOSES_NOTHING || !change_keeps_managers(r))
		return false;
	differs = change_walk(before, after, change_counts_status(r), arena, stop_at_first, NULL);
	arena_rewind(arena, mark);
	return differs == 0;
}

enum hold_verdict_kind hold_need(
	const struct policy_request *r, const struct policy_decision *d, struct arena *arena)
{
	size_t rules;

	if (request_is_access(r) || hold_gives_out(r))
		return HOLD_NOT_ASKED;
	if (changes_nothing(r, arena))
		return HOLD_NO_CHANGE;
	if (r->dry_run && policy_decision_hold(d, &rules).dry_run == POLICY_DRY_RUN_ALLOW)
		return HOLD_DRY_RUN;
	return HOLD_NOT_ASKED;
}

struct span hold_need_text(enum hold_verdict_kind kind)
{
	switch (kind) {
	case HOLD_NO_CHANGE:
		return SPAN("passed: it changes nothing, so that there is nothing to approve");
	case HOLD_DRY_RUN:
		return SPAN("passed: a dry run; the request itself would be held for approval");
	default:
		return (struct span){0};
	}
}
