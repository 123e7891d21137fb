/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint sessions: who did something, when, and how it went. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/table.h"
#include "common/base/local_time.h"

#define FILTERED                                                                                   \
	" FROM holdpoint.sessions(p_user => $1, p_since => " SQL_WHEN(                             \
		"$2") ", p_until => " SQL_WHEN("$3") ", p_cluster => $4, p_namespace => $5, "      \
						     "p_limit => $6::int) s"

enum {
	C_SESSION,
	C_STARTED,
	C_LASTED,
	C_USER,
	C_REQUESTS,
	C_WRITES,
	C_DENIED,
	C_HELD,
	C_FAILED,
	C_NAMESPACES
};

static const struct pg_stmt as_rows = {"sessions",
	"SELECT s.session, " SQL_MS(
		"s.started_at") ", "
				"extract(epoch FROM s.ended_at - s.started_at)::bigint, s.username "
				"|| coalesce(' as ' || "
				"s.impersonated_user, ''), s.requests, s.writes, s.denied, s.held, "
				"s.failed, "
				"array_to_string(s.namespaces, ',')" FILTERED,
	6};
static const struct pg_stmt as_json = {
	"sessions_json", "SELECT coalesce(json_agg(t), '[]') FROM (SELECT *" FILTERED ") t", 6};

static const char *cell_of(
	const struct pg_result *rows, int row, int col, char text[LOCAL_TIME_MAX])
{
	if (col == C_STARTED)
		return local_time(pg_result_int(rows, row, col), text);
	if (col == C_LASTED)
		return age_text(pg_result_int(rows, row, col), text);
	return pg_result_str(rows, row, col);
}

static void print_table(const struct pg_result *rows, bool wide)
{
	char title[LOCAL_TIME_MAX];
	const struct table_column columns[] = {
		{.title = "SESSION"},
		{.title = local_time_title("STARTED", title), .rank = TABLE_TIME},
		{.title = "LASTED", .right = true},
		{.title = "USER", .rank = TABLE_NAME},
		{.title = "REQUESTS", .right = true},
		{.title = "WRITES", .right = true},
		{.title = "DENIED", .right = true},
		{.title = "HELD", .right = true},
		{.title = "FAILED", .right = true},
		{.title = "NAMESPACES", .rank = TABLE_FILLER},
	};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	if (pg_result_rows(rows) == 0) {
		fputs("No sessions found.\n", stderr);
		return;
	}
	for (int i = 0; i < pg_result_rows(rows); i++) {
		for (int col = 0; col < (int)ARRAY_LEN(columns); col++) {
			char text[LOCAL_TIME_MAX];

			table_add(t, cell_of(rows, i, col, text),
				(col == C_DENIED || col == C_HELD) &&
						pg_result_int(rows, i, col) > 0
					? colour_on(col == C_DENIED ? COLOUR_RED : COLOUR_YELLOW,
						  stdout)
					: NULL);
		}
	}
	table_print(t, stdout);
}

int cli_sessions(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	const char *url = NULL, *output = NULL, *user = NULL, *cluster = NULL, *ns = NULL,
		   *since_text = NULL, *until_text = NULL;
	int64_t limit = 100;
	struct cli_range range;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_USER(user, "only this username"),
		CLI_FLAG_SINCE_TIME(since_text,
			"sessions that were going on then, or later: 2h (ago), yesterday, "
			"2026-01-02, 2026-Q1"),
		CLI_FLAG_UNTIL_TIME(until_text, "only what happened until then"),
		CLI_FLAG_CLUSTER(cluster, "only this cluster"),
		CLI_FLAG_NAMESPACE(ns, "only sessions that touched this namespace"),
		CLI_FLAG_LIMIT(limit, "how many at most"), {0}};
	char limit_text[24];
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = cli_when(self, since_text, until_text, &range);
	if (rc > 0)
		return rc;
	rc = cli_ask(self, url, output,
		&(struct cli_statements){.rows = &as_rows, .json = &as_json},
		(struct span[]){cli_param(user), range.since, range.until, cli_param(cluster),
			cli_param(ns), cli_param_int(limit, limit_text)},
		&rows);
	if (rows)
		print_table(rows, output != NULL);
	return rc;
}
