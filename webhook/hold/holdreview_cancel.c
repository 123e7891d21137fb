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

static const struct pg_stmt comment = {.name = "comment_as_kubernetes",
	.sql = "SELECT holdpoint.comment_as_kubernetes(p_cluster => $1, p_username => $2, "
	       "p_groups => $3, p_request_uid => $4, p_hold_id => $5, p_text => $6) AS sentence",
	.param_count = 6};

#define COMMENT_MAX 2000 /* bytes; the database counts 500 characters */

/* Of a hold of one's own. */
static bool is_comment(const struct policy_request *q)
{
	return holdreview_wants(q, SPAN("Comment"));
}

static bool is_of_own(const struct policy_request *q)
{
	return holdreview_wants(q, SPAN("Withdraw")) || is_comment(q);
}

bool holdreview_is_cancel(const struct policy_request *q)
{
	json_ref spec = holdreview_spec(q);

	return is_of_own(q) || (json_get_str(q->doc, spec, "requester") != JSON_NONE &&
				       holdreview_wants(q, SPAN("Deny")));
}

const char *holdreview_cancel_wrong(const struct holdreview *h)
{
	struct span hold, requester, reason;

	if (holdreview_read_text(h, "reason", &reason) != 0)
		return "spec.reason must be a text of at most 4096 bytes";
	if (is_comment(h->request) && (reason.len == 0 || reason.len > COMMENT_MAX))
		return "spec.reason must be what you want to say, at most 500 characters";
	if (is_of_own(h->request))
		return holdreview_read_number(h, "hold", &hold) != 0 || !hold.ptr
			       ? "spec.hold must be the number of a hold"
			       : NULL;
	if (holdreview_read_text(h, "requester", &requester) != 0 || requester.len == 0)
		return "spec.requester must be the name of a user";
	if (holdreview_read_number(h, "hold", &hold) != 0 || hold.ptr)
		return "spec has either hold or requester";
	return NULL;
}

/* What a requester says, free of secrets, in the arena. */
static struct span masked(const struct holdreview *h, struct span said)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 16);
	struct mask_result result = {0};
	char *copy;

	if (!h->masker || !said.ptr)
		return said;
	mask_text(h->masker, said, h->arena, &out, &result);
	copy = out.failed ? NULL : arena_strndup(h->arena, out.len > 0 ? out.ptr : "", out.len);
	return copy ? (struct span){copy, out.len} : SPAN("[cannot be masked]");
}

void holdreview_cancel_decide(
	const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret)
{
	const struct policy_request *q = h->request;
	bool own = is_of_own(q), says = is_comment(q);
	struct span params[] = {span_of(h->cluster), q->username, holdreview_groups(h), h->uid,
		json_text(q->doc, holdreview_spec(q)), {0}};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	char sqlstate[6] = "";
	struct err e = {0};
	enum pg_status status;

	if (holdreview_cancel_wrong(h) || holdreview_read_text(h, "reason", &params[5]) != 0 ||
		(own && holdreview_read_number(h, "hold", &params[4]) != 0)) {
		/* was right before: the arena is full */
		holdreview_refuse(ret, 422, "Invalid", SPAN("spec is too large"));
		return;
	}
	if (says)
		params[5] = masked(h, params[5]);
	status = pg_exec(conn,
		says  ? &comment
		: own ? &withdraw
		      : &deny_user,
		params, &rows, sqlstate, &e);
	log_info(status == PG_OK ? "hold_review_recorded" : "hold_review_refused",
		LOG_STR("decision", says  ? "Comment"
				    : own ? "Withdraw"
					  : "Deny"),
		LOG_SPAN(own ? "requester" : "approver", q->username),
		LOG_STR("error", status == PG_OK ? NULL : e.msg));
	if (status != PG_OK) {
		holdreview_refuse_for(h, sqlstate, &e, ret);
		return;
	}
	ret->told = arena_printf(h->arena, "%s", pg_result_str_of(rows, 0, "sentence"));
	if (!own)
		ret->noted = arena_printf(h->arena, "0/%.*s", SPAN_FMT(h->uid));
}
