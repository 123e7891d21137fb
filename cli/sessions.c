/* holdpoint sessions: who did something, when, and how it went. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/table.h"

#define FILTERED                                                                                   \
	" FROM holdpoint.sessions(p_user => $1, p_since => CASE WHEN $2::bigint IS NOT NULL THEN " \
	"now() - $2::bigint * interval '1 ms' END, p_until => CASE WHEN $3::bigint IS NOT NULL "   \
	"THEN now() - $3::bigint * interval '1 ms' END, p_cluster => $4, p_namespace => $5, "      \
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
	"SELECT s.session, to_char(s.started_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI:SS'), "
	"extract(epoch FROM s.ended_at - s.started_at)::bigint, s.username || coalesce(' as ' || "
	"s.impersonated_user, ''), s.requests, s.writes, s.denied, s.held, s.failed, "
	"array_to_string(s.namespaces, ',')" FILTERED,
	6};
static const struct pg_stmt as_json = {
	"sessions_json", "SELECT coalesce(json_agg(t), '[]') FROM (SELECT *" FILTERED ") t", 6};

static const struct table_column columns[] = {
	{.title = "SESSION"},
	{.title = "STARTED (UTC)"},
	{.title = "LASTED", .right = true},
	{.title = "USER", .shrinks = 2},
	{.title = "REQUESTS", .right = true},
	{.title = "WRITES", .right = true},
	{.title = "DENIED", .right = true},
	{.title = "HELD", .right = true},
	{.title = "FAILED", .right = true},
	{.title = "NAMESPACES", .shrinks = 1},
};

static void print_table(const struct pg_result *rows, bool wide)
{
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	if (pg_result_rows(rows) == 0) {
		fputs("No sessions found.\n", stderr);
		return;
	}
	for (int i = 0; i < pg_result_rows(rows); i++) {
		char lasted[24];

		for (int col = 0; col < (int)ARRAY_LEN(columns); col++)
			table_add(t,
				col == C_LASTED ? age_text(pg_result_int(rows, i, col), lasted)
						: pg_result_str(rows, i, col),
				(col == C_DENIED || col == C_HELD) &&
						pg_result_int(rows, i, col) > 0
					? colour_on(col == C_DENIED ? COLOUR_RED : COLOUR_YELLOW,
						  stdout)
					: NULL);
	}
	table_print(t, stdout);
}

int cli_sessions(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	const char *url = NULL, *output = NULL, *user = NULL, *cluster = NULL, *ns = NULL;
	int64_t since_ms = 24 * 3600 * 1000, until_ms = 0, limit = 100;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		{.name = "user",
			.type = FLAG_STRING,
			.value = &user,
			.arg = "NAME",
			.no_env = true,
			.help = "only this username"},
		{.name = "since",
			.type = FLAG_DURATION_MS,
			.value = &since_ms,
			.arg = "DURATION",
			.no_env = true,
			.max = 3660LL * 86400000,
			.help = "sessions that were going on this long ago, or later"},
		{.name = "until",
			.type = FLAG_DURATION_MS,
			.value = &until_ms,
			.arg = "DURATION",
			.no_env = true,
			.max = 3660LL * 86400000,
			.help = "only what happened longer ago than this"},
		{.name = "cluster",
			.type = FLAG_STRING,
			.value = &cluster,
			.arg = "NAME",
			.no_env = true,
			.help = "only this cluster"},
		{.name = "namespace",
			.short_name = 'n',
			.type = FLAG_STRING,
			.value = &ns,
			.arg = "NAME",
			.no_env = true,
			.help = "only sessions that touched this namespace"},
		{.name = "limit",
			.type = FLAG_INT,
			.value = &limit,
			.arg = "N",
			.no_env = true,
			.min = 1,
			.max = 100000,
			.help = "how many at most"},
		{0}};
	char since[24], until[24], limit_text[24];
	bool json;
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = cli_connect(self, url, &conn);
	if (rc > 0)
		return rc;
	json = cli_wants_json(output);
	snprintf(since, sizeof(since), "%lld", (long long)since_ms);
	snprintf(until, sizeof(until), "%lld", (long long)until_ms);
	snprintf(limit_text, sizeof(limit_text), "%lld", (long long)limit);
	rc = cli_query(self, conn, json ? &as_json : &as_rows,
		(struct span[]){cli_param(user), span_of(since),
			cli_param(until_ms > 0 ? until : NULL), cli_param(cluster), cli_param(ns),
			span_of(limit_text)},
		&rows);
	if (rc > 0)
		return rc;
	if (json)
		cli_print_json(pg_result_str(rows, 0, 0));
	else
		print_table(rows, output != NULL);
	return CLI_OK;
}
