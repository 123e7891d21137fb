/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint decisions: what rules said, of what was done and of what /authorize was asked, newest
 * first; with policies that are only tried (DryRun, Warn) what they would have done.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/table.h"
#include "common/base/local_time.h"

/*
 * Cluster by cluster, each no more than the limit: read in the order of an index. A decision is
 * recorded within a day.
 *   $1 user  $2 pattern of users  $3 namespace  $4 resource  $5 name  $6 action  $7 [policy/]rule
 *   $8 policy  $9 enforcement  $10 approver  $11 cluster  $12 since  $13 until  $14 limit
 */
#define FILTERED                                                                                   \
	" FROM holdpoint.audit_cluster_seq c CROSS JOIN LATERAL (SELECT x.* FROM "                 \
	"holdpoint.decision x WHERE x.cluster = c.cluster "                                        \
	"AND ($1::text IS NULL OR x.username = $1) AND ($2::text IS NULL OR x.username LIKE $2) "  \
	"AND ($3::text IS NULL OR x.namespace = $3) AND ($4::text IS NULL OR $4 IN (x.resource, "  \
	"x.resource || '/' || x.subresource, x.resource || '.' || x.api_group)) "                  \
	"AND ($5::text IS NULL OR x.name = $5) "                                                   \
	"AND ($6::text IS NULL OR lower(x.action) = lower($6)) "                                   \
	"AND ($7::text IS NULL OR x.rule = $7 OR $7 = ANY(x.rules)) "                              \
	"AND ($8::text IS NULL OR x.policy = $8) "                                                 \
	"AND ($9::text IS NULL OR lower(x.enforcement) = lower($9)) "                              \
	"AND ($10::text IS NULL OR x.hold_id IN (SELECT a.id FROM holdpoint.holds a WHERE "        \
	"a.cluster = c.cluster AND a.decided_by = $10)) "                                          \
	"AND x.time >= " SQL_WHEN("$12") " AND x.recorded_at >= " SQL_WHEN(                        \
		"$12") " - interval '1 hour' "                                                     \
		       "AND ($13::bigint IS NULL OR x.time <= " SQL_WHEN(                          \
			       "$13") ") "                                                         \
				      "ORDER BY x.time DESC LIMIT $14::int) d "                    \
				      "LEFT JOIN holdpoint.holds h ON h.cluster = d.cluster AND "  \
				      "h.id = d.hold_id "                                          \
				      "WHERE ($11::text IS NULL OR c.cluster = $11) ORDER BY "     \
				      "d.time DESC LIMIT $14::int"

static const struct pg_stmt as_rows = {"decisions",
	"SELECT " SQL_MS(
		"d.time") " AS at, d.username, d.operation, d.resource || CASE WHEN "
			  "d.api_group <> '' THEN '.' || d.api_group ELSE '' END || CASE "
			  "WHEN d.subresource <> '' THEN '/' || d.subresource ELSE '' END "
			  "AS what, d.namespace, d.name, d.action || CASE d.enforcement "
			  "WHEN 'Enforce' THEN '' ELSE ' (' || d.enforcement || ')' END AS "
			  "action, d.answer || CASE WHEN d.dry_run THEN ' (dry run)' ELSE '' END "
			  "AS "
			  "answer, d.policy || '/' || d.rule AS whole_rule, d.rule, d.hold_id, "
			  "CASE WHEN h.state IN ('approved', 'used', 'denied') THEN "
			  "h.decided_by END AS decided_by, d.allowed" FILTERED,
	14};
static const struct pg_stmt as_json = {"decisions_json",
	CLI_AS_JSON("SELECT d.*, h.state AS hold_state, h.decided_by, h.decided_reason" FILTERED),
	14};

static const struct pg_stmt as_csv = {"decisions_csv",
	"SELECT d.cluster, " SQL_UTC(
		"d.time") " AS time, d.username AS user, array_to_string(d.groups, ' ') AS groups, "
			  "d.endpoint, d.operation, d.api_group, d.resource, d.subresource, "
			  "d.namespace, d.name, d.action, d.enforcement, d.answer, d.policy, "
			  "d.rule, array_to_string(d.rules, ' ') AS rules, encode(d.policy_digest, "
			  "'hex') AS policy_digest, d.dry_run::text AS dry_run, d.hold_id AS hold, "
			  "h.state AS "
			  "hold_state, h.decided_by, h.decided_reason, d.message, "
			  "d.decision_id" FILTERED,
	14};

static void add_row(struct table *t, const struct pg_result *r, int i, bool wide)
{
	_cleanup_(buf_free) struct buf object = BUF_INIT(65536);
	const char *what = pg_result_str_of(r, i, "what"),
		   *ns = pg_result_str_of(r, i, "namespace"),
		   *name = pg_result_str_of(r, i, "name");
	bool allowed = pg_result_bool_of(r, i, "allowed");
	char at[LOCAL_TIME_MAX];

	buf_printf(&object, "%s%s%s%s%s", what, *what && (*ns || *name) ? " " : "", ns,
		*ns && *name ? "/" : "", name);
	table_add(t, local_time(pg_result_int_of(r, i, "at"), at), NULL);
	table_add(t, pg_result_str_of(r, i, "username"), NULL);
	table_add(t, pg_result_str_of(r, i, "operation"), NULL);
	table_add(t, cli_text(&object), NULL);
	table_add(t, pg_result_str_of(r, i, "action"), NULL);
	table_add(t, pg_result_str_of(r, i, "answer"),
		allowed ? NULL : colour_on(COLOUR_RED, stdout));
	table_add(t, pg_result_str_of(r, i, wide ? "whole_rule" : "rule"), NULL);
	table_add(t, pg_result_str_of(r, i, "hold_id"), NULL);
	table_add(t, pg_result_str_of(r, i, "decided_by"), NULL);
}

static void print_table(const struct pg_result *r, bool wide)
{
	char title[LOCAL_TIME_MAX];
	const struct table_column columns[] = {
		{.title = local_time_title("TIME", title), .rank = TABLE_TIME},
		{.title = "USER", .rank = TABLE_NAME}, {.title = "OPERATION"},
		{.title = "OBJECT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_START},
		{.title = "ACTION"}, {.title = "ANSWER"},
		{.title = "RULE", .rank = TABLE_RULE, .cut = TABLE_CUT_MIDDLE, .distinct = true},
		{.title = "HOLD", .right = true}, {.title = "DECIDED BY", .rank = TABLE_NAME}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	for (int i = 0; i < pg_result_rows(r); i++)
		add_row(t, r, i, wide);
	table_print(t, stdout);
}

struct options {
	const char *url, *output, *user, *ns, *resource, *name, *action, *rule, *policy;
	const char *enforcement, *approver, *cluster, *since, *until;
	int64_t limit;
	bool all;
};

static int run(const struct command *self, struct options *o)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	_cleanup_(buf_free) struct buf pattern = BUF_INIT(4096);
	bool is_glob = o->user && strpbrk(o->user, "*?");
	struct cli_range range;
	struct span limited;
	char limit[24];
	int rc = cli_when(self, o->since, o->until, &range);

	if (rc > 0)
		return rc;

	cli_put_pattern(&pattern, is_glob ? o->user : "");
	limited = cli_param_limit(o->all, &o->limit, limit);
	rc = cli_ask(self, o->url, o->output,
		&(struct cli_statements){
			.rows = &as_rows, .json = &as_json, .csv = &as_csv, .limit = o->limit},
		(struct span[]){is_glob ? cli_param(NULL) : cli_param(o->user),
			cli_param(is_glob ? cli_text(&pattern) : NULL), cli_param(o->ns),
			cli_param(o->resource), cli_param(o->name), cli_param(o->action),
			cli_param(o->rule), cli_param(o->policy), cli_param(o->enforcement),
			cli_param(o->approver), cli_param(o->cluster), range.since, range.until,
			limited},
		&rows);
	if (rows && pg_result_rows(rows) == 0) {
		cli_say_none("No decisions found", &range);
	} else if (rows) {
		print_table(rows, o->output != NULL);
		cli_say_more(pg_result_rows(rows), o->limit);
	}
	return rc;
}

int cli_decisions(const struct command *self, int argc, char **argv)
{
	struct options o = {.limit = 100};
	const struct flag flags[] = {CLI_FLAG_DATABASE(o.url), CLI_FLAG_OUTPUT_REPORT(o.output),
		CLI_FLAG_USER(o.user, "of this requester; agent-* finds all of these"),
		CLI_FLAG_NAMESPACE(o.ns, "in this namespace"),
		CLI_FLAG_TEXT(
			"resource", o.resource, "RESOURCE", "pods, deployments.apps, pods/exec …"),
		CLI_FLAG_TEXT("name", o.name, "NAME", "about the object of this name"),
		CLI_FLAG_WORD("action", o.action, "ACTION", cli_actions, "what the rules say"),
		CLI_FLAG_TEXT("rule", o.rule, "[POLICY/]RULE", "by this rule"),
		CLI_FLAG_TEXT("policy", o.policy, "POLICY", "by this policy"),
		CLI_FLAG_WORD("enforcement", o.enforcement, "DryRun", cli_enforcements,
			"by policies that are Enforce, Warn or DryRun: what these would have done"),
		CLI_FLAG_TEXT("approver", o.approver, "NAME", "on whose hold this person decided"),
		CLI_FLAG_CLUSTER(o.cluster, "of this cluster"),
		CLI_FLAG_SINCE_TIME(o.since,
			"from then on: 2h (ago), yesterday, 2026-01-02, \"2026-01-02 16:04\", "
			"2026-01, 2026-Q1"),
		CLI_FLAG_UNTIL_TIME(o.until, "until then, the end of the day or minute named"),
		CLI_FLAG_LIMIT(o.limit, "how many at most, the newest"), CLI_FLAG_ALL(o.all), {0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	return rc >= 0 ? rc : run(self, &o);
}
