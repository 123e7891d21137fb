#include "webhook/holdreview.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/pg/sql_text.h"
#include "webhook/holdreview_list.h"
#include "webhook/webhook.h"

#define REASON_MAX 4096
#define GROUPS_MAX 256

/* What the creator wants, as SQL parameters. */
struct wish {
	bool approve;
	struct span hold, reason, until, uses, namespace_, name;
};

static const struct pg_stmt approve = {.name = "approve_as_kubernetes",
	.sql = "SELECT holdpoint.approve_as_kubernetes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
	.param_count = 10};
static const struct pg_stmt deny = {.name = "deny_as_kubernetes",
	.sql = "SELECT holdpoint.deny_as_kubernetes($1, $2, $3, $4, $5, $6)",
	.param_count = 6};

bool holdreview_is(const struct exchange *x)
{
	const struct policy_request *q = &x->review.request;

	return x->endpoint != ENDPOINT_AUTHORIZE && q->operation == OPERATION_CREATE &&
	       q->subresource.len == 0 && span_eq(q->api_group, SPAN("holdpoint.dev")) &&
	       span_eq(q->resource, SPAN("holdreviews"));
}

void holdreview_refuse(struct exchange *x, unsigned code, const char *reason, struct span message)
{
	x->answer.allowed = false;
	x->answer.code = code;
	x->answer.reason = reason;
	x->answer.message = message;
	answer_add_cause(&x->answer, "HoldReviewRefused", "spec", message);
}

static void refuse(struct exchange *x, unsigned code, const char *reason, struct span message)
{
	holdreview_refuse(x, code, reason, message);
	exchange_finish(x);
}

/* ---- spec ---- */

/* Absent or null is no wish. */
static int read_text(const struct exchange *x, json_ref spec, const char *key, struct span *ret)
{
	const struct json_doc *d = x->review.request.doc;
	json_ref v = json_get(d, spec, span_of(key));

	*ret = (struct span){0};
	if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
		return 0;
	*ret = json_string(d, v, x->arena);
	return ret->ptr && ret->len <= REASON_MAX && !memchr(ret->ptr, 0, ret->len) ? 0 : -1;
}

static int read_number(const struct exchange *x, json_ref spec, const char *key, struct span *ret)
{
	const struct json_doc *d = x->review.request.doc;
	json_ref v = json_get(d, spec, span_of(key));
	int64_t n;

	*ret = (struct span){0};
	if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
		return 0;
	if (json_int64(d, v, &n) != 0 || n < 1)
		return -1;
	*ret = arena_printf(x->arena, "%lld", (long long)n);
	return ret->ptr ? 0 : -1;
}

/* NULL, or what is wrong. */
static const char *read_wish(const struct exchange *x, struct wish *ret)
{
	const struct json_doc *d = x->review.request.doc;
	json_ref spec = json_get_str(d, x->review.request.object, "spec");
	json_ref decision = json_get_str(d, spec, "decision");

	ret->approve = json_string_is(d, decision, SPAN("Approve"));
	if (!ret->approve && !json_string_is(d, decision, SPAN("Deny")))
		return "spec.decision must be Approve, Deny or List";
	if (read_number(x, spec, "hold", &ret->hold) != 0 || !ret->hold.ptr)
		return "spec.hold must be the number of a hold";
	if (read_text(x, spec, "reason", &ret->reason) != 0)
		return "spec.reason must be a text of at most 4096 bytes";
	if (read_number(x, spec, "uses", &ret->uses) != 0)
		return "spec.uses must be a number greater than 0";
	if (read_text(x, spec, "until", &ret->until) != 0)
		return "spec.until must be a time, for example 2026-01-02T15:04:05Z";
	if (read_text(x, spec, "namespace", &ret->namespace_) != 0 ||
		read_text(x, spec, "name", &ret->name) != 0)
		return "spec.namespace and spec.name must be texts";
	return NULL;
}

/* ---- the decision ---- */

/* Shows the sentence that the database answers with under the command's output. */
static void tell(struct exchange *x, const char *sentence)
{
	struct span *warning = arena_calloc(x->arena, 1, sizeof(*warning));
	struct span text = arena_printf(x->arena, "%s", sentence);

	if (!warning || !text.ptr)
		return;
	*warning = text;
	x->answer.warnings = warning;
	x->answer.warning_count = 1;
}

static void log_decision(const struct exchange *x, const struct wish *w, const char *error)
{
	log_info(error ? "hold_review_refused" : "hold_review_recorded", LOG_SPAN("hold", w->hold),
		LOG_STR("decision", w->approve ? "Approve" : "Deny"),
		LOG_SPAN("user", x->review.request.username), LOG_STR("error", error));
}

static void record_decision(struct exchange *x, struct pg_conn *conn, const struct wish *w)
{
	const struct policy_request *q = &x->review.request;
	size_t groups = q->group_count < GROUPS_MAX ? q->group_count : GROUPS_MAX;
	struct span params[] = {span_of(x->webhook->cluster), w->hold, q->username,
		sql_text_array(x->arena, q->groups, groups), x->review.uid, w->reason, w->until,
		w->uses, w->namespace_, w->name};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	char sqlstate[6] = "";
	struct err e = {0};
	enum pg_status status;

	status = pg_exec(conn, w->approve ? &approve : &deny, params, &rows, sqlstate, &e);
	log_decision(x, w, status == PG_OK ? NULL : e.msg);
	if (status == PG_OK) {
		answer_annotate(&x->answer, "hold-review",
			arena_printf(x->arena, "%s %.*s", w->approve ? "Approve" : "Deny",
				SPAN_FMT(w->hold)));
		tell(x, pg_result_str(rows, 0, 0));
		exchange_finish(x);
	} else if (strcmp(sqlstate, "HP007") == 0) {
		tell(x, e.msg); /* the API server asked twice for one creation */
		exchange_finish(x);
	} else if (strncmp(sqlstate, "HP", 2) == 0 || strncmp(sqlstate, "22", 2) == 0) {
		refuse(x, 403, "Forbidden", arena_printf(x->arena, "%s", e.msg));
	} else {
		refuse(x, 503, "ServiceUnavailable",
			SPAN("the decision could not be recorded: the database of Holdpoint does "
			     "not answer as it should. Nothing was decided; try again"));
	}
}

static void job(struct pg_conn *conn, bool usable, void *arg)
{
	struct exchange *x = arg;
	struct wish w = {0};
	const char *wrong;

	if (!usable)
		refuse(x, 503, "ServiceUnavailable",
			SPAN("the decision could not be recorded: the database of Holdpoint is "
			     "unreachable. Nothing was decided; try again"));
	else if ((wrong = read_wish(x, &w))) /* was right before: the arena is full */
		refuse(x, 422, "Invalid", span_of(wrong));
	else
		record_decision(x, conn, &w);
}

/* It was answered at /mutate. */
static void list(struct exchange *x)
{
	if (x->review.request.dry_run)
		exchange_finish(x);
	else
		refuse(x, 422, "Invalid",
			SPAN("spec.decision List only asks what waits: create it with "
			     "--dry-run=server"));
}

void holdreview_ask(struct exchange *x)
{
	struct wish w = {0};
	const char *wrong = read_wish(x, &w);

	if (holdreview_list_is(x)) {
		list(x);
		return;
	}
	if (!x->webhook->caller_is_verified) {
		refuse(x, 403, "Forbidden",
			SPAN("holds can be decided by HoldReview only where holdpoint-webhook "
			     "runs with --client-ca-file: without it, it cannot know that it is "
			     "the API server who says who you are"));
		return;
	}
	if (wrong) {
		refuse(x, 422, "Invalid", span_of(wrong));
		return;
	}
	if (x->review.request.dry_run) {
		tell(x, "dry run: nothing is decided");
		exchange_finish(x);
		return;
	}
	if (http_suspend(x->http) != 0) {
		refuse(x, 429, "TooManyRequests", SPAN("too many requests wait: try again"));
		return;
	}
	x->suspended = true;
	if (pg_pool_submit(x->webhook->pool, job, x) != 0)
		refuse(x, 429, "TooManyRequests", SPAN("too many requests wait: try again"));
}
