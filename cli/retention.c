/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint retention: drops the days that are older than needs be, after showing them. Without
 * --yes it only shows. holdpoint erase: takes one event's body away and keeps its row and digest.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/table.h"

static const struct pg_stmt plan_stmt = {"retention_plan",
	"SELECT day::text, relation, partition, pg_size_pretty(size_bytes) "
	"FROM holdpoint.retention_plan($1::bigint * interval '1 ms')",
	1};
static const struct pg_stmt plan_json = {"retention_plan_json",
	CLI_AS_JSON("SELECT * FROM holdpoint.retention_plan($1::bigint * interval '1 ms')"), 1};
static const struct pg_stmt run_stmt = {"retention_run",
	"SELECT day::text, relation, partition, clusters::text "
	"FROM holdpoint.retention_run($1::bigint * interval '1 ms', $2)",
	2};
static const struct pg_stmt run_json = {"retention_run_json",
	CLI_AS_JSON("SELECT * FROM holdpoint.retention_run($1::bigint * interval '1 ms', $2)"), 2};
static const struct pg_stmt erase_stmt = {
	"erase", "SELECT holdpoint.erase_event_body($1, $2::bigint, $3)", 3};

static void print_days(const struct pg_result *r, const char *last_title)
{
	const struct table_column columns[] = {{.title = "DAY"}, {.title = "TABLE"},
		{.title = "PARTITION"}, {.title = last_title, .rank = TABLE_OBJECT}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), false);

	for (int i = 0; i < pg_result_rows(r); i++)
		for (int col = 0; col < 4; col++)
			table_add(t, pg_result_str(r, i, col), NULL);
	table_print(t, stdout);
}

int cli_retention(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	static const struct cli_statements plan = {.rows = &plan_stmt, .json = &plan_json},
					   run = {.rows = &run_stmt, .json = &run_json};
	const char *url = NULL, *output = NULL, *reason = NULL;
	int64_t keep_ms = 0;
	bool yes = false;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		{.name = "keep",
			.type = FLAG_DURATION_MS,
			.value = &keep_ms,
			.arg = "AGE",
			.no_env = true,
			.required = true,
			.min = CLI_DAY_MS,
			.max = 36600 * CLI_DAY_MS,
			.help = "keep what is younger, 400d or 9600h"},
		CLI_FLAG_REASON(reason, false),
		CLI_FLAG_SWITCH("yes", yes, "drop them; without it, only show what would go"), {0}};
	char ms[24];
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = cli_ask(self, url, output, yes ? &run : &plan,
		(struct span[]){cli_param_int(keep_ms, ms), cli_param(reason)}, &r);
	if (!r)
		return rc;
	if (pg_result_rows(r) == 0) {
		fputs("Nothing is older than that.\n", stderr);
		return rc;
	}
	print_days(r, yes ? "WHAT WENT" : "SIZE");
	if (!yes)
		fputs("Nothing was dropped. To drop these days, repeat with --yes.\n", stderr);
	return rc;
}

int cli_erase(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	const char *url = NULL, *reason = NULL, *event, *slash;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_REASON(reason, true), {0}};
	int rc = cli_parse(self, flags, argc, argv, 1, 1, &event, NULL);

	if (rc >= 0)
		return rc;
	slash = strrchr(event, '/');
	if (!slash || slash == event || !slash[1] || strlen(slash + 1) > 18 ||
		slash[1 + strspn(slash + 1, "0123456789")])
		return cli_error(self, CLI_USAGE,
			"\"%.64s\" is not an event; they look like default/2048", event);
	rc = cli_connect(self, url, &conn);
	if (rc > 0)
		return rc;
	rc = cli_query(self, conn, &erase_stmt,
		(struct span[]){
			{event, (size_t)(slash - event)}, span_of(slash + 1), span_of(reason)},
		NULL);
	if (rc > 0)
		return rc;
	printf("event %s: body erased\n", event);
	return CLI_OK;
}
