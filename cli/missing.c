/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint missing: what the record lacks, newest first: requests whose beginning was reported and
 * whose end was not, and decisions to admit something of which no audit event tells.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/table.h"
#include "common/base/local_time.h"

/* $1 since  $2 cluster  $3 limit */
#define MISSING                                                                                    \
	" FROM (SELECT u.stage_timestamp AS time, u.cluster, u.username, u.verb AS operation, "    \
	"u.request_uri AS object, u.stage || ', no end' AS what, u.cluster || '/' || u.seq AS "    \
	"event, NULL::bigint AS hold, NULL::uuid AS decision_id, NULL AS rule "                    \
	"FROM holdpoint.audit_unfinished(now() - " SQL_WHEN(                                       \
		"$1") ", $2) u UNION ALL "                                                         \
		      "SELECT d.time, d.cluster, d.username, d.operation, d.resource || CASE "     \
		      "WHEN "                                                                      \
		      "d.api_group <> '' THEN '.' || d.api_group ELSE '' END || CASE WHEN "        \
		      "d.subresource <> '' "                                                       \
		      "THEN '/' || d.subresource ELSE '' END || ' ' || concat_ws('/', "            \
		      "nullif(d.namespace, ''), "                                                  \
		      "nullif(d.name, '')), 'allowed, no event', NULL, d.hold_id, d.decision_id, " \
		      "d.policy || "                                                               \
		      "'/' || d.rule FROM holdpoint.unreported_decisions(now() - " SQL_WHEN(       \
			      "$1") ", $2) d) m "                                                  \
				    "ORDER BY m.time DESC LIMIT $3::int"

static const struct pg_stmt as_rows = {
	"missing", "SELECT " SQL_MS("m.time") " AS at, m.*" MISSING, 3};
static const struct pg_stmt as_json = {"missing_json", CLI_AS_JSON("SELECT m.*" MISSING), 3};
static const struct pg_stmt as_csv = {"missing_csv",
	"SELECT " SQL_UTC(
		"m.time") " AS time, m.cluster, m.username AS user, m.operation, "
			  "m.object, m.what, m.event, m.hold, m.rule, m.decision_id" MISSING,
	3};
static void print_table(const struct pg_result *r, bool wide)
{
	char text[LOCAL_TIME_MAX];
	const struct table_column columns[] = {
		{.title = local_time_title("TIME", text), .rank = TABLE_TIME},
		{.title = "CLUSTER", .rank = TABLE_FILLER}, {.title = "USER", .rank = TABLE_NAME},
		{.title = "OPERATION"},
		{.title = "OBJECT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_START},
		{.title = "WHAT"}, {.title = "EVENT"}, {.title = "HOLD", .right = true}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	for (int i = 0; i < pg_result_rows(r); i++) {
		table_add(t, local_time(pg_result_int_of(r, i, "at"), text), NULL);
		table_add(t, pg_result_str_of(r, i, "cluster"), NULL);
		table_add(t, pg_result_str_of(r, i, "username"), NULL);
		table_add(t, pg_result_str_of(r, i, "operation"), NULL);
		table_add(t, pg_result_str_of(r, i, "object"), NULL);
		table_add(t, pg_result_str_of(r, i, "what"), colour_on(COLOUR_RED, stdout));
		table_add(t, pg_result_str_of(r, i, "event"), NULL);
		table_add(t, pg_result_str_of(r, i, "hold"), NULL);
	}
	table_print(t, stdout);
}

int cli_missing(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	const char *url = NULL, *output = NULL, *cluster = NULL, *since = NULL;
	struct cli_range range;
	int64_t limit = 100;
	bool all = false, exit_code = false;
	int64_t found = 0;
	struct span limited;
	char limit_text[24];
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT_REPORT(output),
		CLI_FLAG_CLUSTER(cluster, "of this cluster"),
		CLI_FLAG_SINCE_TIME(since,
			"from then on: 2h (ago), yesterday, 2026-01-02, 2026-Q1; the last five "
			"minutes are left out"),
		CLI_FLAG_LIMIT(limit, "how many at most, the newest"), CLI_FLAG_ALL(all),
		CLI_FLAG_SWITCH("exit-code", exit_code, "exit 3 when something is missing"), {0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = cli_when(self, since, NULL, &range);
	if (rc > 0)
		return rc;
	limited = cli_param_limit(all, &limit, limit_text);
	rc = cli_ask(self, url, output,
		&(struct cli_statements){.rows = &as_rows,
			.json = &as_json,
			.csv = &as_csv,
			.limit = limit,
			.ret_rows = &found},
		(struct span[]){range.since, cli_param(cluster), limited}, &rows);
	if (rows && pg_result_rows(rows) == 0) {
		fputs("Nothing is missing, as far as that can be known.\n", stderr);
	} else if (rows) {
		print_table(rows, output != NULL);
		cli_say_more(pg_result_rows(rows), limit);
	}
	return rc == CLI_OK && exit_code && found > 0 ? CLI_NO : rc;
}
