/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/holdreview.h"

#include "common/base/log.h"
#include "common/base/rfc3339.h"
#include "common/json/json.h"
#include "common/pg/sql_text.h"
#include "webhook/hold/holdreview_cancel.h"
#include "webhook/hold/holdreview_internal.h"
#include "webhook/hold/holdstop.h"

#define REASON_MAX 4096
#define GROUPS_MAX 256

/* What the creator wants, as SQL parameters. */
struct wish {
	bool approve;
	struct span hold, reason, until, uses, namespace_, name, like, unseen;
};

/* The first six parameters are the same for both. */
static const struct pg_stmt approve = {.name = "approve_as_kubernetes",
	.sql = "SELECT holdpoint.approve_as_kubernetes(p_cluster => $1, p_hold_id => $2, "
	       "p_username => $3, p_groups => $4, p_request_uid => $5, p_reason => $6, "
	       "p_until => $7, p_uses => $8, p_namespace => $9, p_name => $10, "
	       "p_alike => $11, p_may_fail => $12, p_unseen => $13) AS sentence",
	.param_count = 13};
static const struct pg_stmt deny = {.name = "deny_as_kubernetes",
	.sql = "SELECT holdpoint.deny_as_kubernetes(p_cluster => $1, p_hold_id => $2, "
	       "p_username => $3, p_groups => $4, p_request_uid => $5, p_reason => $6) "
	       "AS sentence",
	.param_count = 6};

bool holdreview_is(const struct policy_request *q)
{
	return !request_is_access(q) && q->operation == OPERATION_CREATE &&
	       q->subresource.len == 0 && span_eq(q->api_group, SPAN("holdpoint.dev")) &&
	       span_eq(q->resource, SPAN("holdreviews"));
}

json_ref holdreview_spec(const struct policy_request *q)
{
	return json_get_str(q->doc, q->object, "spec");
}

bool holdreview_wants(const struct policy_request *q, struct span decision)
{
	return json_string_is(
		q->doc, json_get_str(q->doc, holdreview_spec(q), "decision"), decision);
}

bool holdreview_is_list(const struct policy_request *q)
{
	return holdreview_is(q) &&
	       (holdreview_wants(q, SPAN("List")) || holdreview_wants(q, SPAN("Status")));
}

void holdreview_refuse(
	struct holdreview_reply *ret, unsigned code, const char *reason, struct span message)
{
	*ret = (struct holdreview_reply){.code = code, .reason = reason, .message = message};
}

void holdreview_busy(struct holdreview_reply *ret)
{
	holdreview_refuse(ret, 429, "TooManyRequests", SPAN("too many requests wait: try again"));
}

/* ---- spec ---- */

int holdreview_read_text(const struct holdreview *h, const char *key, struct span *ret)
{
	const struct json_doc *d = h->request->doc;
	json_ref v = json_get(d, holdreview_spec(h->request), span_of(key));

	*ret = (struct span){0};
	if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
		return 0;
	*ret = json_string(d, v, h->arena);
	return ret->ptr && ret->len <= REASON_MAX && !memchr(ret->ptr, 0, ret->len) ? 0 : -1;
}

int holdreview_read_number(const struct holdreview *h, const char *key, struct span *ret)
{
	const struct json_doc *d = h->request->doc;
	json_ref v = json_get(d, holdreview_spec(h->request), span_of(key));
	int64_t n;

	*ret = (struct span){0};
	if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
		return 0;
	if (json_int64(d, v, &n) != 0 || n < 1)
		return -1;
	*ret = arena_printf(h->arena, "%lld", (long long)n);
	return ret->ptr ? 0 : -1;
}

/* PostgreSQL would take "tomorrow" too, and a time without an offset for one of its own zone. */
int holdreview_read_time(const struct holdreview *h, const char *key, struct span *ret)
{
	struct rfc3339 t;

	if (holdreview_read_text(h, key, ret) != 0)
		return -1;
	return !ret->ptr || (rfc3339_parse(*ret, &t) == 0 && !t.is_leap) ? 0 : -1;
}

/* Absent or null is no. */
static int read_yes(const struct holdreview *h, const char *key, struct span *ret)
{
	const struct json_doc *d = h->request->doc;
	int type = json_type(d, json_get(d, holdreview_spec(h->request), span_of(key)));

	*ret = type == JSON_TRUE ? SPAN("t") : SPAN("f");
	return type == JSON_TRUE || type == JSON_FALSE || type == JSON_NULL || type == -1 ? 0 : -1;
}

/* NULL, or what is wrong. */
static const char *read_wish(const struct holdreview *h, struct wish *ret)
{
	const struct json_doc *d = h->request->doc;
	json_ref decision = json_get_str(d, holdreview_spec(h->request), "decision");

	*ret = (struct wish){.approve = json_string_is(d, decision, SPAN("Approve"))};
	if (!ret->approve && !json_string_is(d, decision, SPAN("Deny")))
		return "spec.decision must be Approve, Deny, Withdraw, Comment, List or Status";
	if (holdreview_read_number(h, "hold", &ret->hold) != 0 || !ret->hold.ptr)
		return "spec.hold must be the number of a hold";
	if (holdreview_read_text(h, "reason", &ret->reason) != 0)
		return "spec.reason must be a text of at most 4096 bytes";
	if (holdreview_read_number(h, "uses", &ret->uses) != 0)
		return "spec.uses must be a number greater than 0";
	if (holdreview_read_time(h, "until", &ret->until) != 0)
		return "spec.until must be a time, for example 2026-01-02T15:04:05Z";
	if (holdreview_read_text(h, "namespace", &ret->namespace_) != 0 ||
		holdreview_read_text(h, "name", &ret->name) != 0)
		return "spec.namespace and spec.name must be texts";
	if (read_yes(h, "like", &ret->like) != 0)
		return "spec.like must be true or false";
	if (read_yes(h, "unseen", &ret->unseen) != 0)
		return "spec.unseen must be true or false";
	return NULL;
}

/* One that asks was answered at /mutate. */
static void check_list(const struct holdreview *h, struct holdreview_reply *ret)
{
	if (!h->request->dry_run)
		holdreview_refuse(ret, 422, "Invalid",
			SPAN("spec.decision List and Status only ask: create it with "
			     "--dry-run=server"));
}

bool holdreview_check(const struct holdreview *h, struct holdreview_reply *ret)
{
	struct wish w;
	const char *wrong = holdstop_is(h->request)	       ? holdstop_wrong(h)
			    : holdreview_is_cancel(h->request) ? holdreview_cancel_wrong(h)
							       : read_wish(h, &w);

	*ret = (struct holdreview_reply){0};
	if (holdreview_is_list(h->request))
		check_list(h, ret);
	else if (!h->caller_is_verified)
		holdreview_refuse(ret, 403, "Forbidden",
			SPAN("holds can be decided by HoldReview only where holdpoint-webhook "
			     "runs with --client-ca-file: without it, it cannot know that it is "
			     "the API server who says who you are"));
	else if (wrong)
		holdreview_refuse(ret, 422, "Invalid", span_of(wrong));
	else if (h->request->dry_run)
		ret->told = SPAN("dry run: nothing is decided");
	else
		return true;
	return false;
}

/* ---- the decision ---- */

#define NAME_BASE_MAX	58 /* of generateName; the API server cuts it */
#define NAME_SUFFIX_LEN 5

bool holdreview_may_fail(const struct holdreview *h)
{
	const struct json_doc *d = h->request->doc;
	json_ref metadata = json_get_str(d, h->request->object, "metadata");
	struct span base = json_string(d, json_get_str(d, metadata, "generateName"), h->arena),
		    name = json_string(d, json_get_str(d, metadata, "name"), h->arena);

	if (base.len > NAME_BASE_MAX && name.len == NAME_BASE_MAX + NAME_SUFFIX_LEN)
		base.len = NAME_BASE_MAX;
	return base.len == 0 || name.len != base.len + NAME_SUFFIX_LEN ||
	       memcmp(base.ptr, name.ptr, base.len) != 0;
}

struct span holdreview_groups(const struct holdreview *h)
{
	size_t count = h->request->group_count;

	return sql_text_array(
		h->arena, h->request->groups, count < GROUPS_MAX ? count : GROUPS_MAX);
}

void holdreview_refuse_for(const struct holdreview *h, const char *sqlstate, const struct err *e,
	struct holdreview_reply *ret)
{
	if (strncmp(sqlstate, "HP", 2) == 0 || strncmp(sqlstate, "22", 2) == 0)
		holdreview_refuse(ret, 403, "Forbidden", arena_printf(h->arena, "%s", e->msg));
	else
		holdreview_refuse(ret, 503, "ServiceUnavailable",
			SPAN("the decision could not be recorded: the database of Holdpoint does "
			     "not answer as it should. Nothing was decided; try again"));
}

static void log_decision(const struct holdreview *h, const struct wish *w, const char *error)
{
	log_info(error ? "hold_review_refused" : "hold_review_recorded", LOG_SPAN("hold", w->hold),
		LOG_STR("decision", w->approve ? "Approve" : "Deny"),
		LOG_SPAN("approver", h->request->username), LOG_STR("error", error));
}

static void decide(const struct holdreview *h, struct pg_conn *conn, const struct wish *w,
	struct holdreview_reply *ret)
{
	const struct policy_request *q = h->request;
	const struct span params[] = {span_of(h->cluster), w->hold, q->username,
		holdreview_groups(h), h->uid, w->reason, w->until, w->uses, w->namespace_, w->name,
		w->like, holdreview_may_fail(h) ? SPAN("true") : SPAN("false"), w->unseen};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	char sqlstate[6] = "";
	struct err e = {0};
	enum pg_status status;

	status = pg_exec(conn, w->approve ? &approve : &deny, params, &rows, sqlstate, &e);
	log_decision(h, w, status == PG_OK ? NULL : e.msg);
	if (status == PG_OK) {
		/* The sentence that the database answers with, under the command's output. */
		ret->told = arena_printf(h->arena, "%s", pg_result_str_of(rows, 0, "sentence"));
		ret->noted =
			arena_printf(h->arena, "%.*s/%.*s", SPAN_FMT(w->hold), SPAN_FMT(h->uid));
	} else if (strcmp(sqlstate, "HP007") == 0) {
		/* The API server asked twice for one creation. */
		ret->told = arena_printf(h->arena, "%s", e.msg);
	} else {
		holdreview_refuse_for(h, sqlstate, &e, ret);
	}
}

void holdreview_decide(
	const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret)
{
	struct wish w;
	const char *wrong;

	*ret = (struct holdreview_reply){0};
	if (!conn)
		holdreview_refuse(ret, 503, "ServiceUnavailable",
			SPAN("the decision could not be recorded: the database of Holdpoint is "
			     "unreachable. Nothing was decided; try again"));
	else if (holdstop_is(h->request))
		holdstop_decide(h, conn, ret);
	else if (holdreview_is_cancel(h->request))
		holdreview_cancel_decide(h, conn, ret);
	else if ((wrong = read_wish(h, &w))) /* was right before: the arena is full */
		holdreview_refuse(ret, 422, "Invalid", span_of(wrong));
	else
		decide(h, conn, &w, ret);
}
