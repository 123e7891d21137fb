/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/holdreview_list.h"

#include "webhook/hold/holdreview_internal.h"

static const struct pg_stmt list = {.name = "holds_as_kubernetes",
	.sql = "SELECT holdpoint.holds_as_kubernetes(p_cluster => $1, p_username => $2, "
	       "p_groups => $3, p_request_uid => $4, p_hold_id => $5, p_limit => $6) AS holds",
	.param_count = 6};

static const struct pg_stmt list_some = {.name = "list_as_kubernetes",
	.sql = "SELECT holdpoint.list_as_kubernetes(p_cluster => $1, p_username => $2, "
	       "p_groups => $3, p_request_uid => $4, p_filter => $5, p_limit => $6) AS holds",
	.param_count = 6};

/* One of the creator's own, in whatever state. */
static const struct pg_stmt own = {.name = "status_as_kubernetes",
	.sql = "SELECT holdpoint.status_as_kubernetes(p_cluster => $1, p_username => $2, "
	       "p_groups => $3, p_request_uid => $4, p_hold_id => $5) AS holds",
	.param_count = 5};

bool holdreview_list_check(const struct holdreview *h, struct holdreview_reply *ret)
{
	struct span hold;

	*ret = (struct holdreview_reply){0};
	if (!h->caller_is_verified)
		holdreview_refuse(ret, 403, "Forbidden",
			SPAN("holds are shown only where holdpoint-webhook runs with "
			     "--client-ca-file: without it, it cannot know that it is the API "
			     "server who says who you are"));
	else if (holdreview_read_number(h, "hold", &hold) != 0 ||
		 (!hold.ptr && holdreview_wants(h->request, SPAN("Status"))))
		holdreview_refuse(
			ret, 422, "Invalid", SPAN("spec.hold must be the number of a hold"));
	else
		return true;
	return false;
}

static void put_status(const struct holdreview *h, const char *holds, struct holdreview_reply *ret)
{
	ret->patch = arena_printf(
		h->arena, "[{\"op\":\"add\",\"path\":\"/status\",\"value\":%s}]", holds);
	if (!ret->patch.ptr)
		holdreview_refuse(ret, 503, "ServiceUnavailable",
			SPAN("the holds need more memory than one request may use: ask for one, "
			     "with spec.hold"));
}

void holdreview_list(const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret)
{
	const struct policy_request *q = h->request;
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	enum pg_status status = PG_UNAVAILABLE;
	char sqlstate[6] = "";
	struct span hold;
	struct err e = {0};

	*ret = (struct holdreview_reply){0};
	if (conn && holdreview_read_number(h, "hold", &hold) == 0) {
		const struct span params[] = {span_of(h->cluster), q->username,
			holdreview_groups(h), h->uid,
			hold.ptr ? hold : json_text(q->doc, holdreview_spec(q)),
			arena_printf(h->arena, "%d", HOLDREVIEW_LIST_MAX)};

		status = pg_exec(conn,
			holdreview_wants(q, SPAN("Status")) ? &own
			: hold.ptr			    ? &list
							    : &list_some,
			params, &rows, sqlstate, &e);
	}
	if (status == PG_OK)
		put_status(h, pg_result_str_of(rows, 0, "holds"), ret);
	else if (strncmp(sqlstate, "22", 2) == 0)
		holdreview_refuse(ret, 422, "Invalid", arena_printf(h->arena, "%s", e.msg));
	else if (strncmp(sqlstate, "HP", 2) == 0)
		holdreview_refuse(ret, 403, "Forbidden", arena_printf(h->arena, "%s", e.msg));
	else
		holdreview_refuse(ret, 503, "ServiceUnavailable",
			SPAN("the holds could not be read: the database of Holdpoint is "
			     "unreachable; try again"));
}
