/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint stop, resume: one SQL function each, which alone decides whether the login may.
 * holdpoint stops: who is stopped, or with --all what was done before.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/stops.h"
#include "cli/table.h"
#include "common/base/local_time.h"
#include "common/json/json.h"

static const struct pg_stmt stop_user = {"stop",
	"SELECT holdpoint.stop(username => $1, reason => $2, cluster => $3, until => CASE WHEN "
	"$4::bigint IS NOT NULL THEN clock_timestamp() + $4::bigint * interval '1 ms' END)",
	4};
static const struct pg_stmt stop_group = {"stop_group",
	"SELECT holdpoint.stop_group(groupname => $1, reason => $2, cluster => $3, until => CASE "
	"WHEN $4::bigint IS NOT NULL THEN clock_timestamp() + $4::bigint * interval '1 ms' END)",
	4};
static const struct pg_stmt resume_user = {
	"resume", "SELECT holdpoint.resume(username => $1, reason => $2, cluster => $3)", 3};
static const struct pg_stmt resume_group = {"resume_group",
	"SELECT holdpoint.resume_group(groupname => $1, reason => $2, cluster => $3)", 3};

static int run(const struct command *self, const char *url, const char *output,
	const struct pg_stmt *stmt, const struct span *params)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(pg_result_freep) struct pg_result *row = NULL;
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 16);
	int rc = cli_connect(self, url, &conn);

	if (rc > 0 || (rc = cli_query(self, conn, stmt, params, &row)) > 0)
		return rc;
	if (!cli_wants_json(output)) {
		print_printable(stdout, pg_result_str(row, 0, 0));
		putchar('\n');
		return CLI_OK;
	}
	buf_add_str(&b, "{\"message\":");
	json_put_string(&b, pg_result_span(row, 0, 0));
	buf_add_char(&b, '}');
	return cli_print_json(self, buf_span(&b));
}

int stops_parse(const struct command *self, const struct flag *flags, int argc, char **argv,
	const char *const *group, const char **ret_user)
{
	size_t count;
	int rc = cli_parse(self, flags, argc, argv, 0, 1, ret_user, &count);

	if (rc >= 0)
		return rc;
	return (count == 1) == (*group != NULL)
		       ? cli_error(self, CLI_USAGE, "say one: USER, or --group NAME")
		       : -1;
}

int cli_stop(const struct command *self, int argc, char **argv)
{
	const char *url = NULL, *output = NULL, *reason = NULL, *group = NULL, *cluster = "";
	const char *user = NULL;
	int64_t for_ms = 0;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_STOPPED_GROUP(group), CLI_FLAG_STOP_REASON(reason),
		CLI_FLAG_STOP_FOR(for_ms),
		CLI_FLAG_CLUSTER(cluster, "only in this cluster; else in all"), {0}};
	char ms[24];
	int rc = stops_parse(self, flags, argc, argv, &group, &user);

	if (rc >= 0)
		return rc;
	return run(self, url, output, group ? &stop_group : &stop_user,
		(struct span[]){cli_param(group ? group : user), cli_param(reason),
			cli_param(cluster), cli_param_positive(for_ms, ms)});
}

int cli_resume(const struct command *self, int argc, char **argv)
{
	const char *url = NULL, *output = NULL, *reason = NULL, *group = NULL, *cluster = "";
	const char *user = NULL;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_STOPPED_GROUP(group), CLI_FLAG_STOP_REASON(reason),
		CLI_FLAG_CLUSTER(
			cluster, "the cluster it is stopped in; else what is stopped in all"),
		{0}};
	int rc = stops_parse(self, flags, argc, argv, &group, &user);

	if (rc >= 0)
		return rc;
	return run(self, url, output, group ? &resume_group : &resume_user,
		(struct span[]){
			cli_param(group ? group : user), cli_param(reason), cli_param(cluster)});
}

/* ---- listing ---- */

#define SELECTED                                                                                   \
	" FROM (SELECT s.stop AS id, s.at, 'stop' AS action, s.kind, s.name, s.cluster, s.until, " \
	"s.who, s.reason FROM holdpoint.stops s WHERE NOT $1::boolean UNION ALL SELECT e.id, "     \
	"e.at, e.action, e.kind, e.name, e.cluster, e.until, e.who, e.reason FROM "                \
	"holdpoint.stop_event e WHERE $1::boolean) t ORDER BY id DESC LIMIT $2::int"

enum { C_STOP, C_AT, C_ACTION, C_KIND, C_NAME, C_CLUSTER, C_UNTIL, C_WHO, C_REASON };

static const struct pg_stmt as_rows = {"stops",
	"SELECT t.id, " SQL_MS(
		"t.at") ", t.action, t.kind, t.name, coalesce(nullif(t.cluster, ''), "
			"'all'), " SQL_MS("t.until") ", t.who, t.reason" SELECTED,
	2};
static const struct pg_stmt as_json = {
	"stops_json", "SELECT coalesce(json_agg(j), '[]') FROM (SELECT t.*" SELECTED ") j", 2};

static const char *cell_of(
	const struct pg_result *rows, int row, int col, char text[LOCAL_TIME_MAX])
{
	if (col == C_UNTIL && pg_result_is_null(rows, row, col))
		return "";
	if (col == C_AT || col == C_UNTIL)
		return local_time(pg_result_int(rows, row, col), text);
	return pg_result_str(rows, row, col);
}

static void print_table(const struct pg_result *rows, bool all, bool wide)
{
	char title[LOCAL_TIME_MAX], text[LOCAL_TIME_MAX];
	const struct table_column columns[] = {{.title = "STOP"},
		{.title = local_time_title("SINCE", title), .rank = TABLE_TIME},
		{.title = "ACTION"}, {.title = "KIND"}, {.title = "NAME", .rank = TABLE_NAME},
		{.title = "CLUSTER", .rank = TABLE_FILLER}, {.title = "UNTIL"},
		{.title = "BY", .rank = TABLE_NAME}, {.title = "REASON", .rank = TABLE_FILLER}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	if (pg_result_rows(rows) == 0) {
		fputs(all ? "Nobody was ever stopped.\n" : "Nobody is stopped.\n", stderr);
		return;
	}
	for (int i = 0; i < pg_result_rows(rows); i++)
		for (int col = 0; col < (int)ARRAY_LEN(columns); col++)
			table_add(t, cell_of(rows, i, col, text),
				col == C_ACTION ? colour_on(COLOUR_RED, stdout) : NULL);
	table_print(t, stdout);
}

int cli_stops(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	const char *url = NULL, *output = NULL;
	bool all = false;
	int64_t limit = 100;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_SWITCH("all", all, "every step, also of stops that are over"),
		CLI_FLAG_LIMIT(limit, "how many at most"), {0}};
	char limit_text[24];
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = cli_ask(self, url, output,
		&(struct cli_statements){.rows = &as_rows, .json = &as_json},
		(struct span[]){all ? SPAN("t") : SPAN("f"), cli_param_int(limit, limit_text)},
		&rows);
	if (rows)
		print_table(rows, all, output != NULL);
	return rc;
}
