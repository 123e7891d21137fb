/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint policy history: which sets of policies were in force when, as webhooks recorded it when
 * they loaded them; of one set, its text.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/table.h"
#include "common/base/local_time.h"

/*
 * Loads of one set that follow each other are one line, from the first of them to the next load of
 * another. A webhook that ends says nothing: while replicas are replaced, two sets are in force.
 *   $1 cluster  $2 since  $3 until  $4 limit
 */
#define HISTORY                                                                                    \
	" FROM (SELECT r.cluster, min(r.at) AS since, lead(min(r.at)) OVER (PARTITION BY "         \
	"r.cluster ORDER BY min(r.at)) AS until, r.digest, count(DISTINCT r.instance) AS "         \
	"instances, count(*) AS loads, array_agg(DISTINCT r.instance) AS names FROM (SELECT l.*, " \
	"sum(l.is_other) OVER (PARTITION BY l.cluster ORDER BY l.id) AS run FROM (SELECT p.*, "    \
	"(lag(p.digest) OVER (PARTITION BY p.cluster ORDER BY p.id) IS DISTINCT FROM "             \
	"p.digest)::int AS is_other FROM holdpoint.policy_load p WHERE $1::text IS NULL OR "       \
	"p.cluster = $1) l) r GROUP BY r.cluster, r.run, r.digest) h "                             \
	"WHERE ($2::bigint IS NULL OR h.until IS NULL OR h.until >= " SQL_WHEN(                    \
		"$2") ") "                                                                         \
		      "AND ($3::bigint IS NULL OR h.since <= " SQL_WHEN(                           \
			      "$3") ") "                                                           \
				    "ORDER BY h.since DESC, h.cluster LIMIT $4::int"

static const struct pg_stmt as_rows = {"policy_history",
	"SELECT h.cluster, " SQL_MS("h.since") " AS since, " SQL_MS(
		"h.until") " AS until, left(encode(h.digest, 'hex'), 12) AS digest, "
			   "encode(h.digest, 'hex') AS whole, h.instances, h.loads" HISTORY,
	4};
static const struct pg_stmt as_json = {"policy_history_json",
	CLI_AS_JSON("SELECT h.cluster, h.since, h.until, encode(h.digest, 'hex') AS digest, "
		    "h.names AS instances, h.loads" HISTORY),
	4};
static const struct pg_stmt as_csv = {"policy_history_csv",
	"SELECT h.cluster, " SQL_UTC("h.since") " AS since, " SQL_UTC(
		"h.until") " AS until, encode(h.digest, 'hex') AS digest, "
			   "array_to_string(h.names, ' ') AS instances, h.loads" HISTORY,
	4};
static const struct pg_stmt text_stmt = {"policy_text",
	"SELECT v.text FROM holdpoint.policy_version v WHERE encode(v.digest, 'hex') LIKE $1 || "
	"'%' LIMIT 2",
	1};

static void add_time(struct table *t, const struct pg_result *r, int i, const char *column)
{
	char text[LOCAL_TIME_MAX];

	table_add(t,
		pg_result_is_null_of(r, i, column)
			? "now"
			: local_time(pg_result_int_of(r, i, column), text),
		NULL);
}

static void print_table(const struct pg_result *r, bool wide)
{
	char from[LOCAL_TIME_MAX], until[LOCAL_TIME_MAX];
	const struct table_column columns[] = {{.title = "CLUSTER", .rank = TABLE_FILLER},
		{.title = local_time_title("FROM", from), .rank = TABLE_TIME},
		{.title = local_time_title("UNTIL", until), .rank = TABLE_TIME},
		{.title = "POLICIES"}, {.title = "WEBHOOKS", .right = true},
		{.title = "LOADS", .right = true}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	for (int i = 0; i < pg_result_rows(r); i++) {
		table_add(t, pg_result_str_of(r, i, "cluster"), NULL);
		add_time(t, r, i, "since");
		add_time(t, r, i, "until");
		table_add(t, pg_result_str_of(r, i, wide ? "whole" : "digest"), NULL);
		table_add(t, pg_result_str_of(r, i, "instances"), NULL);
		table_add(t, pg_result_str_of(r, i, "loads"), NULL);
	}
	table_print(t, stdout);
}

/* As it was recorded; on a terminal without what could change its look. */
static int print_lines(const struct command *self, const char *text)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		_cleanup_(buf_free) struct buf line = BUF_INIT(1 << 20);
		const char *shown;

		end = strchrnul(text, '\n');
		buf_add(&line, text, (size_t)(end - text));
		shown = buf_str(&line);
		if (!shown)
			return cli_error(self, CLI_FAILED, "a line is too long to be shown");
		if (isatty(STDOUT_FILENO))
			print_printable(stdout, shown);
		else
			fputs(shown, stdout);
		putchar('\n');
	}
	return CLI_OK;
}

/* The text of a set. */
static int print_text(const struct command *self, const char *url, const char *digest)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	size_t len = strspn(digest, "0123456789abcdef");
	int rc;

	if (len < 6 || len > 64 || digest[len])
		return cli_error(self, CLI_USAGE,
			"%.80s: must be the name of a set, or six digits of it or more", digest);
	rc = cli_connect(self, url, &conn);
	if (rc == 0)
		rc = cli_query(self, conn, &text_stmt, (struct span[]){span_of(digest)}, &r);
	if (rc > 0)
		return rc;
	if (pg_result_rows(r) == 0)
		return cli_error(self, CLI_NO, "no set of policies %s was ever loaded", digest);
	if (pg_result_rows(r) > 1)
		return cli_error(self, CLI_USAGE, "%s begins the names of several sets", digest);
	return print_lines(self, pg_result_str(r, 0, 0));
}

struct options {
	const char *url, *output, *cluster, *since, *until;
	int64_t limit;
	bool all;
};

static int list(const struct command *self, struct options *o)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct cli_range range;
	struct span limited;
	char limit[24];
	int rc = cli_when(self, o->since ? o->since : CLI_EVER, o->until, &range);

	if (rc > 0)
		return rc;
	limited = cli_param_limit(o->all, &o->limit, limit);
	rc = cli_ask(self, o->url, o->output,
		&(struct cli_statements){
			.rows = &as_rows, .json = &as_json, .csv = &as_csv, .limit = o->limit},
		(struct span[]){cli_param(o->cluster), o->since ? range.since : cli_param(NULL),
			range.until, limited},
		&rows);
	if (rows && pg_result_rows(rows) == 0 && !o->since && !o->until) {
		fputs("No webhook has recorded its policies.\n", stderr);
	} else if (rows && pg_result_rows(rows) == 0) {
		cli_say_none("No policies were recorded to be in force", &range);
	} else if (rows) {
		print_table(rows, o->output != NULL);
		cli_say_more(pg_result_rows(rows), o->limit);
	}
	return rc;
}

int cli_policy_history(const struct command *self, int argc, char **argv)
{
	struct options o = {.limit = 100};
	const char *digest = NULL;
	size_t count = 0;
	const struct flag flags[] = {CLI_FLAG_DATABASE(o.url), CLI_FLAG_OUTPUT_REPORT(o.output),
		CLI_FLAG_CLUSTER(o.cluster, "of this cluster"),
		CLI_FLAG_SINCE_TIME(o.since,
			"in force then, or later: yesterday, 2026-01-02, \"2026-01-02 16:04\", "
			"2026-Q1"),
		CLI_FLAG_UNTIL_TIME(o.until, "in force then, or before"),
		CLI_FLAG_LIMIT(o.limit, "how many at most, the newest"), CLI_FLAG_ALL(o.all), {0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 1, &digest, &count);

	if (rc >= 0)
		return rc;
	if (count && o.output)
		return cli_error(self, CLI_USAGE,
			"-o %s goes without the name of a set, whose text is printed", o.output);
	return count ? print_text(self, o.url, digest) : list(self, &o);
}
