/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint holds [list]: the holds you may see, newest first. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/holds.h"

/* The first parameter is the states, the last how many; between them which. */
#define FILTERED                                                                                   \
	" FROM holdpoint.holds h WHERE ($1::text IS NULL OR h.state = ANY(string_to_array($1, "    \
	"',')) AND (h.live OR NOT string_to_array($1, ',') <@ '{pending,approved}')) AND "         \
	"($2::text IS NULL OR h.requester = $2) AND ($3::text IS NULL OR h.namespace "             \
	"= $3) AND ($4::text IS NULL OR $4 IN (h.resource, "                                       \
	"split_part(split_part(h.resource, '/', 1), '.', 1))) AND ($5::text IS NULL OR h.policy "  \
	"= $5 OR h.rules @> jsonb_build_array(jsonb_build_object('policy', $5))) AND "             \
	"($6::text IS NULL OR h.policy || '/' || h.rule = $6 OR h.rule = $6 OR h.rules @> "        \
	"jsonb_build_array(jsonb_build_object('rule', $6)) OR h.rules @> jsonb_build_array("       \
	"jsonb_build_object('policy', split_part($6, '/', 1), 'rule', split_part($6, '/', 2)))) "  \
	"AND ($7::text IS NULL OR h.cluster = $7) AND ($8::bigint IS NULL OR h.created_at >= "     \
	"clock_timestamp() - $8::bigint * interval '1 ms') AND ($9::bigint IS NULL OR h.id < "     \
	"$9::bigint) ORDER BY h.id DESC LIMIT $10::int"

static const struct pg_stmt as_rows = {"holds",
	"SELECT h.id, extract(epoch FROM clock_timestamp() - h.created_at)::bigint AS age_s, "
	"h.state, "
	"h.requester, h.operation, h.resource, h.namespace, h.name, h.rule || "
	"coalesce(' +' || jsonb_array_length(h.rules) - 1, '') AS rules, h.opens, "
	"h.approvals || '/' || h.min_approvals AS approvals, CASE WHEN h.state IN ('pending', "
	"'approved') THEN "
	"extract(epoch FROM h.expires_at - clock_timestamp())::bigint END AS left_s" FILTERED,
	10};
static const struct pg_stmt as_json = {"holds_json",
	"SELECT coalesce(json_agg(to_jsonb(t) - 'change' ORDER BY t.id DESC), '[]') "
	"FROM (SELECT *" FILTERED ") t",
	10};

static const struct table_column columns[] = {
	{.title = "HOLD", .right = true},
	{.title = "AGE", .right = true},
	{.title = "STATE"},
	{.title = "REQUESTER", .rank = TABLE_NAME},
	{.title = "WHAT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_MIDDLE},
	{.title = "OPENS", .rank = TABLE_FILLER},
	{.title = "RULE", .rank = TABLE_RULE, .cut = TABLE_CUT_MIDDLE, .distinct = true},
	{.title = "APPROVED"},
	{.title = "EXPIRES", .right = true},
};

static void add_row(struct table *t, const struct pg_result *rows, int i)
{
	_cleanup_(buf_free) struct buf what = BUF_INIT(8192);
	const char *state = pg_result_str_of(rows, i, "state");
	char age[24], left[24];

	holds_put_what(&what, pg_result_str_of(rows, i, "operation"),
		pg_result_str_of(rows, i, "resource"), pg_result_str_of(rows, i, "namespace"),
		pg_result_str_of(rows, i, "name"));
	table_add(t, pg_result_str_of(rows, i, "id"), NULL);
	table_add(t, age_text(pg_result_int_of(rows, i, "age_s"), age), NULL);
	table_add(t, state, colour_on(holds_state_colour(state), stdout));
	table_add(t, pg_result_str_of(rows, i, "requester"), NULL);
	table_add(t, cli_text(&what), NULL);
	table_add(t, pg_result_str_of(rows, i, "opens"), NULL);
	table_add(t, pg_result_str_of(rows, i, "rules"), NULL);
	table_add(t, pg_result_str_of(rows, i, "approvals"), NULL);
	table_add(t,
		pg_result_is_null_of(rows, i, "left_s")
			? "-"
			: age_text(pg_result_int_of(rows, i, "left_s"), left),
		NULL);
}

/* As approve and deny take them: one number a line, and nothing for none. */
static void print_names(const struct pg_result *rows)
{
	for (int i = 0; i < pg_result_rows(rows); i++)
		puts(pg_result_str_of(rows, i, "id"));
}

static void print_table(const struct pg_result *rows, bool wide)
{
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	if (pg_result_rows(rows) == 0) {
		fputs("No holds found.\n", stderr);
		return;
	}
	for (int i = 0; i < pg_result_rows(rows); i++)
		add_row(t, rows, i);
	table_print(t, stdout);
}

/* "pending,approved" → itself, "all" → NULL; -1 for a state that does not exist. */
static int check_states(const struct command *self, const char **states)
{
	static const char *const known[] = {
		"pending", "approved", "used", "denied", "expired", "withdrawn"};
	const char *s = *states;

	if (strcmp(s, "all") == 0) {
		*states = NULL;
		return 0;
	}
	for (;;) {
		struct span word = {s, strcspn(s, ",")};
		bool found = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			found |= span_eq_str(word, known[i]);
		if (!found)
			return cli_error(self, CLI_USAGE,
				"--state=%.64s: \"%.*s\" is none of pending, approved, used, "
				"denied, expired, withdrawn, all",
				*states, SPAN_FMT(word));
		if (!word.ptr[word.len])
			return 0;
		s = word.ptr + word.len + 1;
	}
}

/* More there may be than were asked for. */
static void say_more(const struct pg_result *rows, int64_t limit)
{
	int n = pg_result_rows(rows);

	if (n > 0 && n == limit)
		fprintf(stderr, "There may be more: repeat with --before %s\n",
			pg_result_str_of(rows, n - 1, "id"));
}

static const char *const formats[] = {"wide", "json", "name", NULL};

int cli_holds_list(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	const char *url = NULL, *output = NULL, *states = "pending,approved", *cluster = NULL;
	struct cli_hold_filter f = {0};
	int64_t limit = 100, since_ms = 0, before = 0;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url),
		CLI_FLAG_OUTPUT_ONE_OF(output, formats,
			"wide (nothing is cut), json, or name (their numbers alone)"),
		CLI_FLAG_TEXT("state", states, "STATE,…",
			"pending, approved, used, denied, expired, withdrawn, or all"),
		CLI_FLAGS_HOLD_FILTER(f), CLI_FLAG_CLUSTER(cluster, "only holds of this cluster"),
		CLI_FLAG_SINCE(since_ms, "only holds made since so long ago"),
		CLI_FLAG_BEFORE(before), CLI_FLAG_LIMIT(limit, "how many at most"), {0}};
	char limit_text[24], since_text[24], before_text[24];
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = check_states(self, &states);
	if (rc > 0)
		return rc;
	rc = cli_ask(self, url, output,
		&(struct cli_statements){.rows = &as_rows, .json = &as_json},
		(struct span[]){cli_param(states), cli_param(f.user), cli_param(f.ns),
			cli_param(f.resource), cli_param(f.policy), cli_param(f.rule),
			cli_param(cluster), cli_param_positive(since_ms, since_text),
			cli_param_positive(before, before_text), cli_param_int(limit, limit_text)},
		&rows);
	if (rows) {
		if (output && strcmp(output, "name") == 0)
			print_names(rows);
		else
			print_table(rows, output != NULL);
		say_more(rows, limit);
	}
	return rc;
}
