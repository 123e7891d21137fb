/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint holds show ID: everything an approver needs to decide one hold. */
#include <stdio.h>

#include "cli/change.h"
#include "cli/commands.h"
#include "cli/holds.h"
#include "common/base/local_time.h"
#include "common/display/display.h"

static const struct pg_stmt hold_stmt = {"hold",
	"SELECT h.state, h.cluster, h.requester || coalesce(', agent of ' || h.requester_owner, "
	"'') AS requester, array_to_string(h.unconfirmed, ', ') AS unconfirmed, "
	"array_to_string(h.requester_groups, ', ') AS groups, "
	"h.operation, h.resource, h.namespace, h.name, h.rule_names, h.message, " SQL_MS(
		"h.created_at") " AS created, "
				"extract(epoch FROM clock_timestamp() - h.created_at)::bigint AS "
				"age_s, h.attempts, " SQL_MS(
					"h.expires_at") " AS expires, "
							"extract(epoch FROM h.expires_at - "
							"clock_timestamp())::bigint AS left_s, "
							"h.approvals, "
							"h.min_approvals, h.approver_names, "
							"h.require_reason, h.opens, "
							"coalesce(h.not_shown, '') AS not_shown, "
							"h.uses, h.is_question, h.answered, "
							"h.change, h.change_unseen "
							"FROM holdpoint.holds h WHERE h.id = "
							"$1::bigint",
	1};
/* The change is put in as the text it is: jsonb has no \u0000 and no 1e999999. */
static const struct pg_stmt hold_json = {"hold_json",
	"SELECT (to_jsonb(h) - 'change' || jsonb_build_object('history', (SELECT coalesce("
	"jsonb_agg(to_jsonb(e) - 'cluster' - 'hold_id' ORDER BY e.id), '[]') "
	"FROM holdpoint.hold_event e WHERE e.cluster = h.cluster AND e.hold_id = h.id)))::text AS "
	"hold, h.change, h.change_unseen FROM holdpoint.holds h WHERE h.id = $1::bigint",
	1};
static const struct pg_stmt history_stmt = {"history",
	"SELECT " SQL_MS(
		"e.at") ", e.action, e.who, "
			"e.channel, coalesce(e.reason, '') FROM holdpoint.hold_event e "
			"JOIN holdpoint.holds h ON h.cluster = e.cluster AND h.id = e.hold_id "
			"WHERE h.id = $1::bigint AND e.action NOT IN ('use', 'repeat') ORDER BY "
			"e.id",
	1};
static const struct pg_stmt passed_stmt = {"passed",
	"SELECT " SQL_MS(
		"p.at") " AS at_time, "
			"coalesce(p.passed->>'operation', '?') AS operation, "
			"coalesce(holdpoint.resource_name("
			"p.passed->>'apiGroup', p.passed->>'resource', p.passed->>'subresource'), "
			"'') AS resource, "
			"coalesce(p.passed->>'namespace', '') AS namespace, "
			"coalesce(p.passed->>'name', '') AS "
			"name, CASE p.action WHEN 'repeat' THEN 'again' ELSE '' END AS again, "
			"coalesce(p.request_uid, '') AS request_uid, p.all_of_them FROM (SELECT "
			"e.*, count(*) OVER "
			"() AS all_of_them FROM holdpoint.hold_event e JOIN holdpoint.holds h "
			"ON h.cluster = e.cluster AND h.id = e.hold_id WHERE h.id = $1::bigint "
			"AND e.action IN ('use', 'repeat') ORDER BY e.id DESC LIMIT 50) AS p ORDER "
			"BY p.id",
	1};
static const struct pg_stmt earlier_stmt = {"earlier",
	"SELECT o.id, extract(epoch FROM clock_timestamp() - o.created_at)::bigint AS age_s, "
	"o.state, "
	"o.operation, o.resource, o.namespace, o.name, coalesce(o.decided_by, '') AS decided_by "
	"FROM holdpoint.holds o JOIN holdpoint.holds h ON o.cluster = h.cluster "
	"AND o.requester = h.requester AND o.id < h.id WHERE h.id = $1::bigint "
	"ORDER BY o.id DESC LIMIT 5",
	1};

static void field(const char *title, const char *text)
{
	printf("%-12s", title);
	print_printable(stdout, text);
	putchar('\n');
}

/* What was asked at /authorize may have been asked by anybody, and has happened only if it was
 * used. */
static void print_question(const struct pg_result *r)
{
	const char *answered = pg_result_str_of(r, 0, "answered");

	if (!pg_result_bool_of(r, 0, "is_question"))
		return;
	printf("%-12sat /authorize, by whom is not known; answered yes %s time%s\n", "", answered,
		strcmp(answered, "1") == 0 ? "" : "s");
	printf("%-12swhat the audit trail shows is a use, not an answer\n", "");
}

/* Who has approved with kubectl, while the audit event that must confirm it has not come. */
static void print_unconfirmed(const char *who)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(65536);

	if (!*who)
		return;
	buf_printf(
		&text, "%s, with kubectl: counts once the API server's audit event has come", who);
	field("Reviewed:", cli_text(&text));
}

static void print_quoted(const char *title, const char *text)
{
	printf("%-12s\"", title);
	print_printable(stdout, text);
	puts("\"");
}

static void print_head(const struct pg_result *r, const char *id)
{
	_cleanup_(buf_free) struct buf what = BUF_INIT(8192);
	const char *state = pg_result_str_of(r, 0, "state");
	char age[24], left[24], created[LOCAL_TIME_MAX], expires[LOCAL_TIME_MAX];

	printf("%-12s%s %s%s%s, %s of %s approvals\n", "Hold:", id,
		colour_on(holds_state_colour(state), stdout), state, colour_off(stdout),
		pg_result_str_of(r, 0, "approvals"), pg_result_str_of(r, 0, "min_approvals"));
	print_unconfirmed(pg_result_str_of(r, 0, "unconfirmed"));
	field("Requester:", pg_result_str_of(r, 0, "requester"));
	field("Groups:", pg_result_str_of(r, 0, "groups"));
	holds_put_what(&what, pg_result_str_of(r, 0, "operation"),
		pg_result_str_of(r, 0, "resource"), pg_result_str_of(r, 0, "namespace"),
		pg_result_str_of(r, 0, "name"));
	field("Wants:", cli_text(&what));
	field("Cluster:", pg_result_str_of(r, 0, "cluster"));
	field("Rule:", pg_result_str_of(r, 0, "rule_names"));
	printf("%-12s%s (%s ago), %s time%s\n",
		"Asked:", local_time_zone(pg_result_int_of(r, 0, "created"), created),
		age_text(pg_result_int_of(r, 0, "age_s"), age), pg_result_str_of(r, 0, "attempts"),
		pg_result_int_of(r, 0, "attempts") == 1 ? "" : "s");
	print_question(r);
	printf("%-12s%s", "Expires:", local_time_zone(pg_result_int_of(r, 0, "expires"), expires));
	if (pg_result_int_of(r, 0, "left_s") > 0)
		printf(" (in %s)", age_text(pg_result_int_of(r, 0, "left_s"), left));
	putchar('\n');
	field("Approvers:", pg_result_str_of(r, 0, "approver_names"));
	field("Opens:", pg_result_str_of(r, 0, "opens"));
	if (*pg_result_str_of(r, 0, "not_shown"))
		field("Not shown:", pg_result_str_of(r, 0, "not_shown"));
	if (pg_result_bool_of(r, 0, "require_reason"))
		field("Needs:", "a reason");
	/* Last: a rule may quote what the requester wrote. */
	print_quoted("Says:", pg_result_str_of(r, 0, "message"));
}

static void print_history(const struct pg_result *r)
{
	char title[LOCAL_TIME_MAX], at[LOCAL_TIME_MAX];
	const struct table_column columns[] = {
		{.title = local_time_title("TIME", title), .rank = TABLE_TIME}, {.title = "STEP"},
		{.title = "WHO", .rank = TABLE_NAME}, {.title = "THROUGH"},
		{.title = "REASON", .rank = TABLE_FILLER}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), false);

	for (int i = 0; i < pg_result_rows(r); i++)
		for (int col = 0; col < 5; col++)
			table_add(t,
				col == 0 ? local_time(pg_result_int(r, i, col), at)
					 : pg_result_str(r, i, col),
				NULL);
	puts("\nHistory:");
	table_print(t, stdout);
}

/* What passed, the latest last. */
static void print_passed(const struct pg_result *r)
{
	char title[LOCAL_TIME_MAX], at[LOCAL_TIME_MAX];
	const struct table_column columns[] = {
		{.title = local_time_title("TIME", title), .rank = TABLE_TIME},
		{.title = "PASSED", .rank = TABLE_OBJECT, .cut = TABLE_CUT_MIDDLE}, {.title = ""},
		{.title = "REQUEST", .rank = TABLE_FILLER}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), false);
	int64_t all = pg_result_rows(r) > 0 ? pg_result_int_of(r, 0, "all_of_them") : 0;

	if (all == 0)
		return;
	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(buf_free) struct buf what = BUF_INIT(8192);

		holds_put_what(&what, pg_result_str_of(r, i, "operation"),
			pg_result_str_of(r, i, "resource"), pg_result_str_of(r, i, "namespace"),
			pg_result_str_of(r, i, "name"));
		table_add(t, local_time(pg_result_int_of(r, i, "at_time"), at), NULL);
		table_add(t, cli_text(&what), NULL);
		table_add(t, pg_result_str_of(r, i, "again"), NULL);
		table_add(t, pg_result_str_of(r, i, "request_uid"), NULL);
	}
	if (all > pg_result_rows(r))
		printf("\nPassed (the latest %d of %lld; -o json has all):\n", pg_result_rows(r),
			(long long)all);
	else
		puts("\nPassed:");
	table_print(t, stdout);
}

static void print_earlier(const struct pg_result *r)
{
	static const struct table_column columns[] = {{.title = "HOLD", .right = true},
		{.title = "AGE", .right = true}, {.title = "STATE"},
		{.title = "WHAT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_MIDDLE},
		{.title = "DECIDED BY", .rank = TABLE_NAME}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), false);

	if (pg_result_rows(r) == 0)
		return;
	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(buf_free) struct buf what = BUF_INIT(8192);
		char age[24];

		holds_put_what(&what, pg_result_str_of(r, i, "operation"),
			pg_result_str_of(r, i, "resource"), pg_result_str_of(r, i, "namespace"),
			pg_result_str_of(r, i, "name"));
		table_add(t, pg_result_str_of(r, i, "id"), NULL);
		table_add(t, age_text(pg_result_int_of(r, i, "age_s"), age), NULL);
		table_add(t, pg_result_str_of(r, i, "state"), NULL);
		table_add(t, cli_text(&what), NULL);
		table_add(t, pg_result_str_of(r, i, "decided_by"), NULL);
	}
	puts("\nEarlier holds of this requester:");
	table_print(t, stdout);
}

/* Prints the change; the exit code, when it cannot be shown. */
static int show_change(const struct command *self, const struct pg_result *hold, const char *id)
{
	struct err e;

	if (pg_result_is_null_of(hold, 0, "change") ||
		change_print(stdout, pg_result_span_of(hold, 0, "change"),
			pg_result_str_of(hold, 0, "change_unseen"), &e) == 0)
		return CLI_OK;
	return cli_error(self, CLI_FAILED, "the change of hold %s cannot be shown: %s", id, e.msg);
}

static int show(const struct command *self, struct pg_conn *conn, const char *id)
{
	_cleanup_(pg_result_freep) struct pg_result *hold = NULL, *history = NULL, *passed = NULL,
						    *earlier = NULL;
	struct span param = span_of(id);
	int rc;

	if ((rc = cli_query(self, conn, &hold_stmt, &param, &hold)) > 0 ||
		(rc = cli_query(self, conn, &history_stmt, &param, &history)) > 0 ||
		(rc = cli_query(self, conn, &passed_stmt, &param, &passed)) > 0 ||
		(rc = cli_query(self, conn, &earlier_stmt, &param, &earlier)) > 0)
		return rc;
	if (pg_result_rows(hold) == 0)
		return cli_error(self, CLI_NO,
			"no hold %s, or its approvers are groups that this login is not in; what "
			"waits: holdpoint holds",
			id);
	print_head(hold, id);
	rc = show_change(self, hold, id);
	print_history(history);
	print_passed(passed);
	print_earlier(earlier);
	if (strcmp(pg_result_str_of(hold, 0, "state"), "pending") == 0 && rc == CLI_OK)
		printf("\nTo decide: holdpoint approve %s --reason … | holdpoint deny %s --reason "
		       "…\n",
			id, id);
	return rc;
}

/*
 * The hold's JSON with the change in it: as what it is; as a string when it cannot be shown, with
 * the reason beside it. Returns the exit code.
 */
static int put_hold(struct buf *out, const struct pg_result *row, struct arena *arena)
{
	struct span hold = pg_result_span_of(row, 0, "hold"),
		    change = pg_result_span_of(row, 0, "change");
	struct json_doc doc;
	struct err e;
	bool none = pg_result_is_null_of(row, 0, "change");
	bool readable = none || display_read(change, arena, &doc, &e) == 0;

	buf_add(out, hold.ptr, hold.len - 1);
	json_put_key(out, "change");
	if (none)
		buf_add_str(out, "null");
	else if (readable)
		buf_add_span(out, change);
	else
		json_put_string(out, change);
	if (!readable) {
		json_put_key(out, "changeCannotBeShown");
		json_put_string(out, span_of(e.msg));
	}
	buf_add_char(out, '}');
	return readable ? CLI_OK : CLI_FAILED;
}

static int show_json(const struct command *self, struct pg_conn *conn, const char *id)
{
	_cleanup_(pg_result_freep) struct pg_result *row = NULL;
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 64 << 20);
	_cleanup_(buf_free) struct buf b = BUF_INIT(64 << 20);
	struct span param = span_of(id);
	int rc = cli_query(self, conn, &hold_json, &param, &row), shown;

	if (rc > 0)
		return rc;
	if (pg_result_rows(row) == 0)
		return cli_error(self, CLI_NO,
			"no hold %s, or its approvers are groups that this login is not in; what "
			"waits: holdpoint holds",
			id);
	if (!arena)
		return cli_error(self, CLI_FAILED, "out of memory");
	shown = put_hold(&b, row, arena);
	rc = cli_print_json(self, buf_span(&b));
	return rc == CLI_OK ? shown : rc;
}

int cli_holds_show(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	const char *url = NULL, *output = NULL, *arg;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output), {0}};
	char id[1][24];
	int rc = cli_parse(self, flags, argc, argv, 1, 1, &arg, NULL);

	if (rc >= 0)
		return rc;
	rc = holds_parse_numbers(self, &arg, 1, id);
	if (rc > 0)
		return rc;
	rc = cli_connect(self, url, &conn);
	if (rc > 0)
		return rc;
	return cli_wants_json(output) ? show_json(self, conn, id[0]) : show(self, conn, id[0]);
}
