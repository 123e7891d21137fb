/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/holdreview_list.h"

#include "common/json/json.h"
#include "common/pg/sql_text.h"

#define GROUPS_MAX 256

static const struct pg_stmt list = {.name = "holds_as_kubernetes",
	.sql = "SELECT holdpoint.holds_as_kubernetes(p_cluster => $1, p_username => $2, "
	       "p_groups => $3, p_request_uid => $4, p_hold_id => $5, p_limit => $6) AS holds",
	.param_count = 6};

static json_ref spec_of(const struct policy_request *q)
{
	return json_get_str(q->doc, q->object, "spec");
}

bool holdreview_list_is(const struct policy_request *q)
{
	return holdreview_is(q) &&
	       json_string_is(q->doc, json_get_str(q->doc, spec_of(q), "decision"), SPAN("List"));
}

/* The hold asked about; absent: all of them. -1: no number. */
static int read_hold(const struct holdreview *h, struct span *ret)
{
	const struct json_doc *d = h->request->doc;
	json_ref v = json_get_str(d, spec_of(h->request), "hold");
	int64_t n;

	*ret = (struct span){0};
	if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
		return 0;
	if (json_int64(d, v, &n) != 0 || n < 1)
		return -1;
	*ret = arena_printf(h->arena, "%lld", (long long)n);
	return ret->ptr ? 0 : -1;
}

static void refuse(
	struct holdreview_reply *ret, unsigned code, const char *reason, struct span message)
{
	*ret = (struct holdreview_reply){.code = code, .reason = reason, .message = message};
}

bool holdreview_list_check(const struct holdreview *h, struct holdreview_reply *ret)
{
	struct span hold;

	*ret = (struct holdreview_reply){0};
	if (!h->caller_is_verified)
		refuse(ret, 403, "Forbidden",
			SPAN("holds are shown only where holdpoint-webhook runs with "
			     "--client-ca-file: without it, it cannot know that it is the API "
			     "server who says who you are"));
	else if (read_hold(h, &hold) != 0)
		refuse(ret, 422, "Invalid", SPAN("spec.hold must be the number of a hold"));
	else
		return true;
	return false;
}

static void put_status(const struct holdreview *h, const char *holds, struct holdreview_reply *ret)
{
	ret->patch = arena_printf(
		h->arena, "[{\"op\":\"add\",\"path\":\"/status\",\"value\":%s}]", holds);
	if (!ret->patch.ptr)
		refuse(ret, 503, "ServiceUnavailable",
			SPAN("the holds need more memory than one request may use: ask for one, "
			     "with spec.hold"));
}

void holdreview_list(const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret)
{
	const struct policy_request *q = h->request;
	size_t groups = q->group_count < GROUPS_MAX ? q->group_count : GROUPS_MAX;
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	enum pg_status status = PG_UNAVAILABLE;
	char sqlstate[6] = "";
	struct span hold;
	struct err e = {0};

	*ret = (struct holdreview_reply){0};
	if (conn && read_hold(h, &hold) == 0) {
		const struct span params[] = {span_of(h->cluster), q->username,
			sql_text_array(h->arena, q->groups, groups), h->uid, hold,
			arena_printf(h->arena, "%d", HOLDREVIEW_LIST_MAX)};

		status = pg_exec(conn, &list, params, &rows, sqlstate, &e);
	}
	if (status == PG_OK)
		put_status(h, pg_result_str_of(rows, 0, "holds"), ret);
	else if (strncmp(sqlstate, "HP", 2) == 0)
		refuse(ret, 403, "Forbidden", arena_printf(h->arena, "%s", e.msg));
	else
		refuse(ret, 503, "ServiceUnavailable",
			SPAN("the holds could not be read: the database of Holdpoint is "
			     "unreachable; try again"));
}
