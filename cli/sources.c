/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint sources: who sends audit events, when last, what is missing, and whose clock is off. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/table.h"

#define PERIOD	"now() - " SQL_WHEN("$1")
#define SOURCES "holdpoint.audit_sources(" PERIOD ", $2)"
#define UNFINISHED                                                                                 \
	"(SELECT count(*) FROM holdpoint.audit_unfinished(" PERIOD ", $2) u "                      \
	"WHERE u.cluster = s.cluster AND u.source = s.source)"
#define SECONDS(column) "extract(epoch FROM s." column ")::bigint"

enum {
	C_CLUSTER,
	C_SOURCE,
	C_STATE,
	C_SILENT,
	C_USUAL,
	C_PAUSE,
	C_EVENTS,
	C_LEAST,
	C_MOST,
	C_LATE,
	C_AHEAD,
	C_CUT,
	C_QUARANTINED,
	C_UNFINISHED,
};

#define ROWS                                                                                                    \
	"SELECT s.cluster, s.source, s.state, " SECONDS("silent_for") ", " SECONDS("usual_pause") ", " SECONDS( \
		"longest_pause") ", s.events, " SECONDS("delay_least") ", " SECONDS("delay_most") ", "          \
												  "s.late, s.ahead, s.truncated, s.quarantined"

static const struct pg_stmt as_rows = {"sources", ROWS " FROM " SOURCES " s", 2};
static const struct pg_stmt as_rows_unfinished = {
	"sources_unfinished", ROWS ", " UNFINISHED " FROM " SOURCES " s", 2};
static const struct pg_stmt as_json = {"sources_json", CLI_AS_JSON("SELECT * FROM " SOURCES), 2};
static const struct pg_stmt as_json_unfinished = {"sources_json_unfinished",
	CLI_AS_JSON("SELECT s.*, " UNFINISHED " AS unfinished FROM " SOURCES " s"), 2};

static const struct cli_statements statements[] = {{.rows = &as_rows, .json = &as_json},
	{.rows = &as_rows_unfinished, .json = &as_json_unfinished}};

static const struct table_column columns[] = {
	[C_CLUSTER] = {.title = "CLUSTER", .rank = TABLE_FILLER},
	[C_SOURCE] = {.title = "SOURCE", .rank = TABLE_OBJECT},
	[C_STATE] = {.title = "STATE"},
	[C_SILENT] = {.title = "LAST", .right = true},
	[C_USUAL] = {.title = "USUAL", .right = true},
	[C_PAUSE] = {.title = "LONGEST", .right = true},
	[C_EVENTS] = {.title = "EVENTS", .right = true},
	[C_LEAST] = {.title = "DELAY", .right = true},
	[C_MOST] = {.title = "TO", .right = true},
	[C_LATE] = {.title = "LATE", .right = true},
	[C_AHEAD] = {.title = "AHEAD", .right = true},
	[C_CUT] = {.title = "CUT", .right = true},
	[C_QUARANTINED] = {.title = "BAD", .right = true},
	[C_UNFINISHED] = {.title = "UNFINISHED", .right = true},
};

static const char *colour_of(const struct pg_result *r, int row, int col)
{
	bool is_bad = col == C_STATE  ? strcmp(pg_result_str(r, row, col), "ok") != 0
		      : col >= C_LATE ? pg_result_int(r, row, col) > 0
				      : false;

	return is_bad ? colour_on(col == C_STATE ? COLOUR_RED : COLOUR_YELLOW, stdout) : NULL;
}

/* A delay may be negative: the source's clock is ahead of ours. */
static const char *delay_text(int64_t seconds, char ret[32])
{
	char age[24];

	snprintf(ret, 32, "%s%s", seconds < 0 ? "-" : "",
		age_text(seconds < 0 ? -seconds : seconds, age));
	return ret;
}

static void print_table(const struct pg_result *r, bool wide)
{
	int shown = pg_result_columns(r);
	_cleanup_(table_freep) struct table *t = table_new(columns, (size_t)shown, wide);

	if (pg_result_rows(r) == 0) {
		fputs("No source has sent anything yet.\n", stderr);
		return;
	}
	for (int row = 0; row < pg_result_rows(r); row++) {
		for (int col = 0; col < shown; col++) {
			bool is_time = (col >= C_SILENT && col <= C_PAUSE) || col == C_LEAST ||
				       col == C_MOST;
			char text[32];

			if (is_time && pg_result_is_null(r, row, col))
				table_add(t, "-", NULL);
			else
				table_add(t,
					is_time ? delay_text(pg_result_int(r, row, col), text)
						: pg_result_str(r, row, col),
					colour_of(r, row, col));
		}
	}
	table_print(t, stdout);
}

int cli_sources(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	const char *url = NULL, *output = NULL, *cluster = NULL, *since_text = NULL;
	struct cli_range range;
	bool unfinished = false;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_SINCE_TIME(since_text,
			"the period that figures are about: 24h, yesterday, 2026-01-02, 2026-Q1"),
		CLI_FLAG_CLUSTER(cluster, "only this cluster"),
		CLI_FLAG_SWITCH("unfinished", unfinished,
			"count requests whose beginning was reported and whose end was not; reads "
			"every event that is a beginning"),
		{0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = cli_when(self, since_text, NULL, &range);
	if (rc > 0)
		return rc;
	rc = cli_ask(self, url, output, &statements[unfinished],
		(struct span[]){range.since, cli_param(cluster)}, &rows);
	if (rows)
		print_table(rows, output != NULL);
	return rc;
}
