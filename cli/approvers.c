/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint approvers: who decided how much, and how quickly; of one approver (or a glob of them),
 * each decision, newest first.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/table.h"
#include "common/base/local_time.h"

/*
 * Decisions that had their effect, or were refused it (an approval by HoldReview that no audit
 * event confirmed). How quickly: since the hold was made. $1 who  $2 pattern  $3 since  $4 until $5
 * cluster  $6 limit
 */
#define DECIDED                                                                                    \
	" FROM holdpoint.hold_event v JOIN holdpoint.holds h ON h.cluster = v.cluster AND h.id = " \
	"v.hold_id WHERE v.action IN ('approve', 'deny', 'refuse') "                               \
	"AND ($1::text IS NULL OR $1 IN (v.who, v.person)) "                                       \
	"AND ($2::text IS NULL OR v.who LIKE $2 OR v.person LIKE $2) "                             \
	"AND v.at >= " SQL_WHEN("$3") " AND ($4::bigint IS NULL OR v.at <= " SQL_WHEN(             \
		"$4") ") "                                                                         \
		      "AND ($5::text IS NULL OR v.cluster = $5)"
#define TOOK "extract(epoch FROM v.at - h.created_at)"
#define WHAT "h.resource || ' ' || concat_ws('/', nullif(h.namespace, ''), nullif(h.name, ''))"

#define SUMMED                                                                                     \
	"coalesce(v.person, v.who) AS approver, count(*) FILTER (WHERE v.action = 'approve') AS "  \
	"approved, count(*) FILTER (WHERE v.action = 'deny') AS denied, count(v.reason) AS "       \
	"with_reason, min(" TOOK ")::bigint AS fastest_s, percentile_cont(0.5) WITHIN GROUP "      \
	"(ORDER BY " TOOK ")::bigint AS median_s, max(" TOOK ")::bigint AS slowest_s, "            \
	"max(v.at) AS last" DECIDED " GROUP BY 1 ORDER BY max(v.at) DESC LIMIT $6::int"
#define LISTED                                                                                     \
	"v.at AS time, v.cluster, v.hold_id AS hold, v.who, v.person, v.channel, v.action, "       \
	"h.requester, h.operation, " WHAT " AS object, h.policy, h.rule, " TOOK                    \
	"::bigint AS after_s, v.reason, v.terms, h.created_at, h.state" DECIDED                    \
	" ORDER BY v.at DESC, v.id DESC LIMIT $6::int"

static const struct pg_stmt statements[2][3] = {
	{{"approvers", "SELECT " SQL_MS("s.last") " AS at, s.* FROM (SELECT " SUMMED ") s", 6},
		{"approvers_json", CLI_AS_JSON("SELECT " SUMMED), 6},
		{"approvers_csv",
			"SELECT s.approver, s.approved, s.denied, s.with_reason, s.fastest_s, "
			"s.median_s, s.slowest_s, " SQL_UTC(
				"s.last") " AS last FROM (SELECT " SUMMED ") s",
			6}},
	{{"approver", "SELECT " SQL_MS("l.time") " AS at, l.* FROM (SELECT " LISTED ") l", 6},
		{"approver_json", CLI_AS_JSON("SELECT " LISTED), 6},
		{"approver_csv",
			"SELECT " SQL_UTC(
				"l.time") " AS time, l.cluster, l.hold, l.who, l.person, "
					  "l.channel, l.action, l.requester, l.operation, "
					  "l.object, l.policy, l.rule, l.after_s, l.reason, "
					  "l.terms FROM (SELECT " LISTED ") l",
			6}},
};

static void add_age(struct table *t, const struct pg_result *r, int i, const char *column)
{
	char age[24];

	table_add(t, age_text(pg_result_int_of(r, i, column), age), NULL);
}

static void print_summary(const struct pg_result *r, bool wide)
{
	char text[LOCAL_TIME_MAX];
	const struct table_column columns[] = {{.title = "APPROVER", .rank = TABLE_NAME},
		{.title = "APPROVED", .right = true}, {.title = "DENIED", .right = true},
		{.title = "WITH REASON", .right = true}, {.title = "FASTEST", .right = true},
		{.title = "MEDIAN", .right = true}, {.title = "SLOWEST", .right = true},
		{.title = local_time_title("LAST", text), .rank = TABLE_TIME}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	for (int i = 0; i < pg_result_rows(r); i++) {
		table_add(t, pg_result_str_of(r, i, "approver"), NULL);
		table_add(t, pg_result_str_of(r, i, "approved"), NULL);
		table_add(t, pg_result_str_of(r, i, "denied"), NULL);
		table_add(t, pg_result_str_of(r, i, "with_reason"), NULL);
		add_age(t, r, i, "fastest_s");
		add_age(t, r, i, "median_s");
		add_age(t, r, i, "slowest_s");
		table_add(t, local_time(pg_result_int_of(r, i, "at"), text), NULL);
	}
	table_print(t, stdout);
}

static void print_list(const struct pg_result *r, bool wide)
{
	static const char *const plain[] = {"who", "action", "requester", "operation", "object"};
	char text[LOCAL_TIME_MAX];
	const struct table_column columns[] = {
		{.title = local_time_title("TIME", text), .rank = TABLE_TIME},
		{.title = "HOLD", .right = true}, {.title = "APPROVER", .rank = TABLE_NAME},
		{.title = "DECIDED"}, {.title = "REQUESTER", .rank = TABLE_NAME},
		{.title = "OPERATION"},
		{.title = "OBJECT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_START},
		{.title = "AFTER", .right = true}, {.title = "REASON", .rank = TABLE_FILLER}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	for (int i = 0; i < pg_result_rows(r); i++) {
		table_add(t, local_time(pg_result_int_of(r, i, "at"), text), NULL);
		table_add(t, pg_result_str_of(r, i, "hold"), NULL);
		for (size_t k = 0; k < ARRAY_LEN(plain); k++)
			table_add(t, pg_result_str_of(r, i, plain[k]), NULL);
		add_age(t, r, i, "after_s");
		table_add(t, pg_result_str_of(r, i, "reason"), NULL);
	}
	table_print(t, stdout);
}

struct options {
	const char *url, *output, *cluster, *since, *until;
	int64_t limit;
	bool all;
};

static int run(const struct command *self, struct options *o, const char *who)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	_cleanup_(buf_free) struct buf pattern = BUF_INIT(4096);
	bool is_glob = who && strpbrk(who, "*?");
	const struct pg_stmt *q = statements[who != NULL];
	struct cli_range range;
	struct span limited;
	char limit[24];
	int rc = cli_when(self, o->since, o->until, &range);

	if (rc > 0)
		return rc;
	cli_put_pattern(&pattern, is_glob ? who : "");
	limited = cli_param_limit(o->all, &o->limit, limit);
	rc = cli_ask(self, o->url, o->output,
		&(struct cli_statements){
			.rows = &q[0], .json = &q[1], .csv = &q[2], .limit = o->limit},
		(struct span[]){is_glob ? cli_param(NULL) : cli_param(who),
			cli_param(is_glob ? cli_text(&pattern) : NULL), range.since, range.until,
			cli_param(o->cluster), limited},
		&rows);
	if (rows && pg_result_rows(rows) == 0) {
		cli_say_none("No decisions of approvers found", &range);
	} else if (rows) {
		(who ? print_list : print_summary)(rows, o->output != NULL);
		cli_say_more(pg_result_rows(rows), o->limit);
	}
	return rc;
}

int cli_approvers(const struct command *self, int argc, char **argv)
{
	struct options o = {.since = "30d", .limit = 100};
	const char *who = NULL;
	size_t count = 0;
	const struct flag flags[] = {CLI_FLAG_DATABASE(o.url), CLI_FLAG_OUTPUT_REPORT(o.output),
		CLI_FLAG_CLUSTER(o.cluster, "of this cluster"),
		CLI_FLAG_SINCE_TIME(
			o.since, "decided from then on: 30d (ago), yesterday, 2026-01-02, 2026-Q1"),
		CLI_FLAG_UNTIL_TIME(o.until, "until then, the end of the day or minute named"),
		CLI_FLAG_LIMIT(o.limit, "how many at most, the newest"), CLI_FLAG_ALL(o.all), {0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 1, &who, &count);

	return rc >= 0 ? rc : run(self, &o, count ? who : NULL);
}
