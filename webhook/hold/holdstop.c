/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/holdstop.h"

#include "common/base/log.h"
#include "common/json/json.h"
#include "webhook/hold/holdreview_internal.h"

static const struct pg_stmt stop = {.name = "stop_as_kubernetes",
	.sql = "SELECT holdpoint.stop_as_kubernetes(p_cluster => $1, p_username => $2, "
	       "p_groups => $3, p_request_uid => $4, p_action => $5, p_kind => $6, p_name => $7, "
	       "p_reason => $8, p_until => $9, p_may_fail => $10) AS sentence",
	.param_count = 10};

/* As SQL parameters. */
struct wish {
	struct span action, kind, name, reason, until;
};

bool holdstop_is(const struct policy_request *q)
{
	return !request_is_access(q) && q->operation == OPERATION_CREATE &&
	       q->subresource.len == 0 && span_eq(q->api_group, SPAN("holdpoint.dev")) &&
	       span_eq(q->resource, SPAN("holdstops"));
}

static const char *read_wish(const struct holdreview *h, struct wish *ret)
{
	struct span user, group;

	*ret = (struct wish){0};
	if (holdreview_read_text(h, "action", &ret->action) != 0 ||
		(!span_eq_str(ret->action, "Stop") && !span_eq_str(ret->action, "Resume")))
		return "spec.action must be Stop or Resume";
	if (holdreview_read_text(h, "user", &user) != 0 ||
		holdreview_read_text(h, "group", &group) != 0 || !user.len == !group.len)
		return "spec must have either user or group, the name of one";
	ret->kind = user.len ? SPAN("user") : SPAN("group");
	ret->name = user.len ? user : group;
	if (holdreview_read_text(h, "reason", &ret->reason) != 0 || ret->reason.len == 0)
		return "spec.reason must be a text of at most 4096 bytes";
	if (holdreview_read_time(h, "until", &ret->until) != 0)
		return "spec.until must be a time, for example 2026-01-02T15:04:05Z";
	if (ret->until.ptr && !span_eq_str(ret->action, "Stop"))
		return "spec.until is for Stop";
	return NULL;
}

const char *holdstop_wrong(const struct holdreview *h)
{
	struct wish w;

	return read_wish(h, &w);
}

void holdstop_decide(const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	char sqlstate[6] = "";
	struct err e = {0};
	enum pg_status status;
	struct wish w;
	const char *wrong = read_wish(h, &w);

	if (wrong) { /* was right before: the arena is full */
		holdreview_refuse(ret, 422, "Invalid", span_of(wrong));
		return;
	}
	status = pg_exec(conn, &stop,
		(const struct span[]){span_of(h->cluster), h->request->username,
			holdreview_groups(h), h->uid, w.action, w.kind, w.name, w.reason, w.until,
			holdreview_may_fail(h) ? SPAN("true") : SPAN("false")},
		&rows, sqlstate, &e);
	log_info(status == PG_OK ? "hold_stop_recorded" : "hold_stop_refused",
		LOG_SPAN("action", w.action), LOG_SPAN("kind", w.kind), LOG_SPAN("name", w.name),
		LOG_SPAN("by", h->request->username),
		LOG_STR("error", status == PG_OK ? NULL : e.msg));
	if (status != PG_OK) {
		holdreview_refuse_for(h, sqlstate, &e, ret);
		return;
	}
	ret->told = arena_printf(h->arena, "%s", pg_result_str_of(rows, 0, "sentence"));
	ret->noted = arena_printf(h->arena, "0/%.*s", SPAN_FMT(h->uid));
}
