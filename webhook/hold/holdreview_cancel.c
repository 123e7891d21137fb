/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/holdreview_cancel.h"

#include "common/base/log.h"
#include "common/json/json.h"
#include "webhook/hold/holdreview_internal.h"

/* The spec itself is the filter: its schema has the names that the function reads. */
static const struct pg_stmt deny_user = {.name = "deny_user_as_kubernetes",
	.sql = "SELECT holdpoint.deny_user_as_kubernetes(p_cluster => $1, p_username => $2, "
	       "p_groups => $3, p_request_uid => $4, p_filter => $5, p_reason => $6) AS sentence",
	.param_count = 6};
static const struct pg_stmt withdraw = {.name = "withdraw_as_kubernetes",
	.sql = "SELECT holdpoint.withdraw_as_kubernetes(p_cluster => $1, p_username => $2, "
	       "p_groups => $3, p_request_uid => $4, p_hold_id => $5, p_reason => $6) AS sentence",
	.param_count = 6};

static bool is_withdrawal(const struct policy_request *q)
{
	return json_string_is(
		q->doc, json_get_str(q->doc, holdreview_spec(q), "decision"), SPAN("Withdraw"));
}

bool holdreview_is_cancel(const struct policy_request *q)
{
	json_ref spec = holdreview_spec(q);

	return is_withdrawal(q) ||
	       (json_get_str(q->doc, spec, "requester") != JSON_NONE &&
		       json_string_is(
			       q->doc, json_get_str(q->doc, spec, "decision"), SPAN("Deny")));
}

const char *holdreview_cancel_wrong(const struct holdreview *h)
{
	struct span hold, requester, reason;

	if (holdreview_read_text(h, "reason", &reason) != 0)
		return "spec.reason must be a text of at most 4096 bytes";
	if (is_withdrawal(h->request))
		return holdreview_read_number(h, "hold", &hold) != 0 || !hold.ptr
			       ? "spec.hold must be the number of a hold"
			       : NULL;
	if (holdreview_read_text(h, "requester", &requester) != 0 || requester.len == 0)
		return "spec.requester must be the name of a user";
	if (holdreview_read_number(h, "hold", &hold) != 0 || hold.ptr)
		return "spec has either hold or requester";
	return NULL;
}

void holdreview_cancel_decide(
	const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret)
{
	const struct policy_request *q = h->request;
	bool takes_back = is_withdrawal(q);
	struct span params[] = {span_of(h->cluster), q->username, holdreview_groups(h), h->uid,
		json_text(q->doc, holdreview_spec(q)), {0}};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	char sqlstate[6] = "";
	struct err e = {0};
	enum pg_status status;

	if (holdreview_cancel_wrong(h) || holdreview_read_text(h, "reason", &params[5]) != 0 ||
		(takes_back && holdreview_read_number(h, "hold", &params[4]) != 0)) {
		/* was right before: the arena is full */
		holdreview_refuse(ret, 422, "Invalid", SPAN("spec is too large"));
		return;
	}
	status = pg_exec(conn, takes_back ? &withdraw : &deny_user, params, &rows, sqlstate, &e);
	log_info(status == PG_OK ? "hold_review_recorded" : "hold_review_refused",
		LOG_STR("decision", takes_back ? "Withdraw" : "Deny"),
		LOG_SPAN(takes_back ? "requester" : "approver", q->username),
		LOG_STR("error", status == PG_OK ? NULL : e.msg));
	if (status != PG_OK) {
		holdreview_refuse_for(h, sqlstate, &e, ret);
		return;
	}
	ret->told = arena_printf(h->arena, "%s", pg_result_str_of(rows, 0, "sentence"));
	if (!takes_back)
		ret->noted = arena_printf(h->arena, "0/%.*s", SPAN_FMT(h->uid));
}
