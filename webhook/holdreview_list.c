#include "webhook/holdreview_list.h"

#include "common/pg/sql_text.h"
#include "webhook/holdreview.h"
#include "webhook/webhook.h"

#define GROUPS_MAX 256

static const struct pg_stmt list = {.name = "holds_as_kubernetes",
	.sql = "SELECT holdpoint.holds_as_kubernetes($1, $2, $3, $4, $5, $6)",
	.param_count = 6};

static json_ref spec_of(const struct exchange *x)
{
	return json_get_str(x->review.request.doc, x->review.request.object, "spec");
}

bool holdreview_list_is(const struct exchange *x)
{
	const struct json_doc *d = x->review.request.doc;

	return holdreview_is(x) &&
	       json_string_is(d, json_get_str(d, spec_of(x), "decision"), SPAN("List"));
}

/* The hold asked about; absent: all of them. -1: no number. */
static int read_hold(const struct exchange *x, struct span *ret)
{
	const struct json_doc *d = x->review.request.doc;
	json_ref v = json_get_str(d, spec_of(x), "hold");
	int64_t n;

	*ret = (struct span){0};
	if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
		return 0;
	if (json_int64(d, v, &n) != 0 || n < 1)
		return -1;
	*ret = arena_printf(x->arena, "%lld", (long long)n);
	return ret->ptr ? 0 : -1;
}

static void put_status(struct exchange *x, const char *holds)
{
	struct span patch = arena_printf(
		x->arena, "[{\"op\":\"add\",\"path\":\"/status\",\"value\":%s}]", holds);

	if (patch.ptr)
		x->answer.patch = patch;
	else
		holdreview_refuse(x, 503, "ServiceUnavailable",
			SPAN("the holds need more memory than one request may use: ask for one, "
			     "with spec.hold"));
}

static void job(struct pg_conn *conn, bool usable, void *arg)
{
	struct exchange *x = arg;
	const struct policy_request *q = &x->review.request;
	size_t groups = q->group_count < GROUPS_MAX ? q->group_count : GROUPS_MAX;
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	enum pg_status status = PG_UNAVAILABLE;
	char sqlstate[6] = "";
	struct span hold;
	struct err e = {0};

	if (usable && read_hold(x, &hold) == 0) {
		struct span params[] = {span_of(x->webhook->cluster), q->username,
			sql_text_array(x->arena, q->groups, groups), x->review.uid, hold,
			arena_printf(x->arena, "%d", HOLDREVIEW_LIST_MAX)};

		status = pg_exec(conn, &list, params, &rows, sqlstate, &e);
	}
	if (status == PG_OK)
		put_status(x, pg_result_str(rows, 0, 0));
	else if (strncmp(sqlstate, "HP", 2) == 0)
		holdreview_refuse(x, 403, "Forbidden", arena_printf(x->arena, "%s", e.msg));
	else
		holdreview_refuse(x, 503, "ServiceUnavailable",
			SPAN("the holds could not be read: the database of Holdpoint is "
			     "unreachable; try again"));
	exchange_finish(x);
}

void holdreview_list_ask(struct exchange *x)
{
	struct span hold;

	if (!x->webhook->caller_is_verified)
		holdreview_refuse(x, 403, "Forbidden",
			SPAN("holds are shown only where holdpoint-webhook runs with "
			     "--client-ca-file: without it, it cannot know that it is the API "
			     "server who says who you are"));
	else if (read_hold(x, &hold) != 0)
		holdreview_refuse(
			x, 422, "Invalid", SPAN("spec.hold must be the number of a hold"));
	else if (http_suspend(x->http) != 0)
		holdreview_refuse(
			x, 429, "TooManyRequests", SPAN("too many requests wait: try again"));
	else {
		x->suspended = true;
		if (pg_pool_submit(x->webhook->pool, job, x) == 0)
			return;
		holdreview_refuse(
			x, 429, "TooManyRequests", SPAN("too many requests wait: try again"));
	}
	exchange_finish(x);
}
