/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint events: searches the audit events by what people ask for, follows new ones, and writes
 * them out as JSON lines, for a SIEM as OCSF, for a spreadsheet as CSV.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/events_sql.h"
#include "cli/table.h"
#include "common/base/local_time.h"

#define POLL_MS	 1000
#define PAGE_MAX 1000
#define QUICK_MS "400"

static const struct pg_stmt position_stmt = {"position",
	"SELECT coalesce(jsonb_object_agg(cluster, next_seq - 1), '{}') AS position "
	"FROM holdpoint.audit_cluster_seq",
	0};
static const struct pg_stmt advance_stmt = {
	"advance", "SELECT $1::jsonb || jsonb_build_object($2::text, $3::bigint) AS position", 3};

enum format { FORMAT_TABLE, FORMAT_WIDE, FORMAT_JSON, FORMAT_JSONL, FORMAT_OCSF, FORMAT_CSV };
static const char *const formats[] = {"wide", "json", "jsonl", "ocsf", "csv", NULL};

struct search {
	const struct command *self;
	struct pg_conn *conn;
	enum format format;
	int64_t limit;
	struct cli_range when;
	bool has_header; /* of a CSV, printed */
	bool by_name;
	struct span params[EVENT_PARAMS];
	struct pg_result *range; /* what the bounds of time in params point into */
	struct pg_result *reads; /* and the numbers of a hold's reads */
	char *position;		 /* {"cluster": last number shown} */
};

/* ---- printing ---- */

static void put_object(struct buf *out, const struct pg_result *r, int i)
{
	const char *ns = pg_result_str_of(r, i, "ns"), *name = pg_result_str_of(r, i, "name");

	if (!*pg_result_str_of(r, i, "what")) {
		buf_add_str(out, pg_result_str_of(r, i, "uri"));
		return;
	}
	buf_add_str(out, pg_result_str_of(r, i, "what"));
	if (*ns || *name)
		buf_printf(out, " %s%s%s", ns, *ns && *name ? "/" : "", name);
}

static const char *row_colour(const struct pg_result *r, int i)
{
	if (pg_result_int_of(r, i, "code") >= 400)
		return colour_on(COLOUR_RED, stdout);
	return NULL;
}

/* Most searches find nothing that a person decided on: no column for that. */
static bool any_decided(const struct pg_result *r)
{
	for (int i = 0; i < pg_result_rows(r); i++)
		if (!pg_result_is_null_of(r, i, "decided_by"))
			return true;
	return false;
}

static void print_table(const struct pg_result *r, bool wide)
{
	char title[LOCAL_TIME_MAX], at[LOCAL_TIME_MAX];
	const struct table_column columns[] = {{.title = "EVENT"},
		{.title = local_time_title("TIME", title), .rank = TABLE_TIME},
		{.title = "USER", .rank = TABLE_NAME}, {.title = "VERB"},
		{.title = "OBJECT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_START},
		{.title = "CODE", .right = true}, {.title = "DECISION"},
		{.title = "HOLD", .right = true}, {.title = "DECIDED BY", .rank = TABLE_NAME}};
	bool decided = any_decided(r);
	_cleanup_(table_freep) struct table *t =
		table_new(columns, ARRAY_LEN(columns) - !decided, wide);

	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(buf_free) struct buf event = BUF_INIT(1024), object = BUF_INIT(65536);

		buf_printf(&event, "%s/%s", pg_result_str_of(r, i, "cluster"),
			pg_result_str_of(r, i, "seq"));
		put_object(&object, r, i);
		table_add(t, cli_text(&event), NULL);
		table_add(t, local_time(pg_result_int_of(r, i, "at"), at), NULL);
		table_add(t, pg_result_str_of(r, i, "who"), NULL);
		table_add(t, pg_result_str_of(r, i, "verb"), NULL);
		table_add(t, buf_str(&object) ? object.ptr : "?", NULL);
		table_add(t, pg_result_str_of(r, i, "code"), row_colour(r, i));
		table_add(t, pg_result_str_of(r, i, "decision"), NULL);
		table_add(t, pg_result_str_of(r, i, "hold_id"), NULL);
		if (decided)
			table_add(t, pg_result_str_of(r, i, "decided_by"), NULL);
	}
	table_print(t, stdout);
}

/* One event a line, as it comes. */
static void print_followed(const struct pg_result *r)
{
	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(buf_free) struct buf line = BUF_INIT(1 << 17);

		char at[LOCAL_TIME_MAX];

		buf_printf(&line, "%s  %s  %s ", local_time(pg_result_int_of(r, i, "at"), at),
			pg_result_str_of(r, i, "who"), pg_result_str_of(r, i, "verb"));
		put_object(&line, r, i);
		buf_printf(&line, "  %s %s", pg_result_str_of(r, i, "code"),
			pg_result_str_of(r, i, "decision"));
		print_printable(stdout, buf_str(&line) ? line.ptr : "?");
		putchar('\n');
	}
}

static void print_lines(const struct pg_result *r)
{
	for (int i = 0; i < pg_result_rows(r); i++) {
		cli_print_json_line(pg_result_span_of(r, i, "line"));
		putchar('\n');
	}
}

static void print_csv(struct search *s, const struct pg_result *r)
{
	cli_print_csv(r, !s->has_header);
	s->has_header = true;
}

static void print_array(const struct pg_result *r)
{
	putchar('[');
	for (int i = 0; i < pg_result_rows(r); i++) {
		fputs(i ? ",\n" : "\n", stdout);
		cli_print_json_line(pg_result_span_of(r, i, "line"));
	}
	puts("\n]");
}

/* ---- asking ---- */

static const struct pg_stmt *statement(const struct search *s, bool after)
{
	enum event_shape shape = s->format == FORMAT_OCSF   ? EVENT_AS_OCSF
				 : s->format == FORMAT_CSV  ? EVENT_AS_CSV
				 : s->format >= FORMAT_JSON ? EVENT_AS_JSON
							    : EVENT_AS_ROW;

	return &event_statements[shape][after];
}

/* Notes the last number of each cluster shown, so that the next page begins behind it. */
static int advance(struct search *s, const struct pg_result *r)
{
	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(pg_result_freep) struct pg_result *next = NULL;
		int rc;

		if (i + 1 < pg_result_rows(r) &&
			strcmp(pg_result_str_of(r, i, "cluster"),
				pg_result_str_of(r, i + 1, "cluster")) == 0)
			continue;
		rc = cli_query(s->self, s->conn, &advance_stmt,
			(struct span[]){span_of(s->position), pg_result_span_of(r, i, "cluster"),
				pg_result_span_of(r, i, "seq")},
			&next);
		if (rc > 0)
			return rc;
		free(s->position);
		s->position = strdup(pg_result_str_of(next, 0, "position"));
		if (!s->position)
			return cli_error(s->self, CLI_FAILED, "out of memory");
	}
	return 0;
}

/* The next page behind s->position; *ret_rows says how many there were. */
static int next_page(struct search *s, int *ret_rows)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	int rc;

	s->params[12] = SPAN("1000");
	s->params[19] = span_of(s->position);
	rc = cli_query(s->self, s->conn, statement(s, true), s->params, &r);
	if (rc > 0)
		return rc;
	*ret_rows = pg_result_rows(r);
	if (s->format == FORMAT_CSV)
		print_csv(s, r);
	else if (s->format >= FORMAT_JSON)
		print_lines(r);
	else
		print_followed(r);
	if (fflush(stdout) != 0)
		return cli_error(s->self, CLI_FAILED, "cannot write to the output");
	return advance(s, r);
}

static int follow(struct search *s)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	char payload[16];
	int rc = cli_query(s->self, s->conn, &position_stmt, NULL, &r), rows;

	if (rc > 0)
		return rc;
	s->position = strdup(pg_result_str_of(r, 0, "position"));
	if (!s->position)
		return cli_error(s->self, CLI_FAILED, "out of memory");
	cli_catch_interrupt();
	while (!cli_interrupted()) {
		rc = next_page(s, &rows);
		if (rc > 0)
			return rc;
		if (rows < PAGE_MAX &&
			pg_conn_wait_notify(s->conn, POLL_MS, payload, sizeof(payload)) < 0)
			return cli_error(s->self, CLI_FAILED, "the database connection was lost");
	}
	return CLI_OK;
}

/* Everything that matches, page by page, in the order of numbers. */
static int export_all(struct search *s)
{
	int rows = PAGE_MAX, rc = 0;

	s->position = strdup("{}");
	if (!s->position)
		return cli_error(s->self, CLI_FAILED, "out of memory");
	while (rows == PAGE_MAX && rc == 0)
		rc = next_page(s, &rows);
	return rc;
}

static int set(const struct search *s, const char *sql)
{
	struct err e;

	if (pg_exec_text(s->conn, sql, NULL, &e) != PG_OK)
		return cli_error(s->self, CLI_FAILED, "%s", e.msg);
	return 0;
}

/*
 * In the order of time, a name that is frequent is found at once. Of one that is not, the index of
 * names tells where it can be at all, which is in no order: the second try, without the others.
 */
static int ask_by_name(struct search *s, struct pg_result **ret)
{
	struct err e;
	int rc = set(s, "SET statement_timeout = " QUICK_MS);

	if (rc > 0 || pg_exec(s->conn, statement(s, false), s->params, ret, NULL, &e) == PG_OK)
		return rc;
	rc = set(s, "RESET statement_timeout; SET enable_indexscan = off");
	return rc > 0 ? rc : cli_query(s->self, s->conn, statement(s, false), s->params, ret);
}

static int search_once(struct search *s)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	int rc = s->by_name ? ask_by_name(s, &r)
			    : cli_query(s->self, s->conn, statement(s, false), s->params, &r);

	if (rc > 0)
		return rc;
	if (s->format == FORMAT_JSON)
		print_array(r);
	else if (s->format == FORMAT_CSV)
		print_csv(s, r);
	else if (s->format > FORMAT_JSON)
		print_lines(r);
	else if (pg_result_rows(r) == 0)
		cli_say_none("No events found", &s->when);
	else
		print_table(r, s->format == FORMAT_WIDE);
	cli_say_more(pg_result_rows(r), s->limit);
	return CLI_OK;
}

/* One event, "CLUSTER/NUMBER" as the first column has it, with all that is kept of it. */
static int open_event(const struct command *self, const char *url, const char *event)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	const char *slash = strrchr(event, '/');
	size_t digits = slash ? strspn(slash + 1, "0123456789") : 0;
	int rc;

	if (!slash || digits == 0 || digits > 18 || slash[1 + digits])
		return cli_error(self, CLI_USAGE, "%.64s: must be like default/2048", event);
	rc = cli_connect(self, url, &conn);
	if (rc == 0)
		rc = cli_query(self, conn, &event_one_stmt,
			(struct span[]){{event, (size_t)(slash - event)}, span_of(slash + 1)}, &r);
	if (rc > 0)
		return rc;
	if (pg_result_rows(r) == 0)
		return cli_error(self, CLI_NO, "no event %.300s", event);
	return cli_print_json(self, pg_result_span_of(r, 0, "line"));
}

/* ---- the command line ---- */

struct options {
	const char *url, *output, *user, *verb, *resource, *ns, *name, *code, *cluster, *decision;
	const char *text, *group, *address, *agent;
	const char *since, *until;
	int64_t hold, limit;
	bool follow, all;
};

static int check_options(const struct command *self, const struct options *o)
{
	size_t digits = o->code ? strspn(o->code, "0123456789") : 0;

	if (o->code && (strlen(o->code) != 3 || digits + strspn(o->code + digits, "x") != 3))
		return cli_error(self, CLI_USAGE, "--code=%.16s: must be like 403 or 4xx", o->code);
	if (o->all &&
		!(o->output && strcmp(o->output, "wide") != 0 && strcmp(o->output, "json") != 0))
		return cli_error(self, CLI_USAGE, "--all needs -o jsonl, ocsf or csv");
	if (o->follow && cli_wants_json(o->output))
		return cli_error(self, CLI_USAGE, "-f goes with -o jsonl, not json");
	return 0;
}

static enum format format_of(const char *output)
{
	for (size_t i = 0; output && formats[i]; i++)
		if (strcmp(output, formats[i]) == 0)
			return FORMAT_WIDE + (enum format)i;
	return FORMAT_TABLE;
}

/* Plans are made for the filters at hand, and run too briefly to be worth compiling. */
static int tune(struct search *s)
{
	return set(s, "SET plan_cache_mode = force_custom_plan; SET jit = off");
}

static int find_range(struct search *s, const struct options *o)
{
	int rc = cli_when(s->self, o->since, o->until, &s->when);

	if (rc == 0)
		rc = cli_query(s->self, s->conn, &event_range_stmt,
			(struct span[]){s->when.since, s->when.until}, &s->range);
	if (rc > 0)
		return rc;
	s->params[6] = pg_result_span_of(s->range, 0, "since");
	if (o->until)
		s->params[7] = pg_result_span_of(s->range, 0, "until");
	s->params[13] = pg_result_span_of(s->range, 0, "recorded_since");
	return 0;
}

/* A hold is of one cluster, and so are the numbers. */
static int find_reads(struct search *s, const struct options *o)
{
	int rc;

	if (o->hold == 0)
		return 0;
	rc = cli_query(s->self, s->conn, &event_hold_stmt, &s->params[10], &s->reads);
	if (rc > 0 || pg_result_is_null_of(s->reads, 0, "cluster"))
		return rc;
	if (!o->cluster)
		s->params[8] = pg_result_span_of(s->reads, 0, "cluster");
	if (span_eq(s->params[8], pg_result_span_of(s->reads, 0, "cluster")))
		s->params[18] = pg_result_span_of(s->reads, 0, "reads");
	return 0;
}

static int search(struct search *s, const struct options *o)
{
	int rc = tune(s);

	if (rc == 0)
		rc = find_range(s, o);
	if (rc == 0)
		rc = find_reads(s, o);
	if (rc > 0)
		return rc;
	return o->follow ? follow(s) : o->all ? export_all(s) : search_once(s);
}

static int run_search(const struct command *self, const struct options *o)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(buf_free) struct buf pattern = BUF_INIT(4096);
	bool is_glob = o->user && strpbrk(o->user, "*?");
	char hold[24], limit[24];
	struct search s = {.self = self,
		.format = format_of(o->output),
		.limit = o->limit,
		.by_name = o->name && o->hold == 0};
	int rc = cli_connect(self, o->url, &conn);

	if (rc > 0)
		return rc;
	s.conn = conn;
	cli_put_pattern(&pattern, is_glob ? o->user : "");
	const struct span params[EVENT_PARAMS] = {is_glob ? cli_param(NULL) : cli_param(o->user),
		cli_param(o->verb), cli_param(o->resource), cli_param(o->ns), cli_param(o->name),
		cli_param(o->code), [8] = cli_param(o->cluster), cli_param(o->decision),
		cli_param_positive(o->hold, hold), cli_param(o->text),
		cli_param_int(o->limit, limit),
		[14] = cli_param(is_glob ? cli_text(&pattern) : NULL), cli_param(o->group),
		cli_param(o->address), cli_param(o->agent)};

	memcpy(s.params, params, sizeof(params));
	rc = search(&s, o);
	pg_result_free(s.range);
	pg_result_free(s.reads);
	free(s.position);
	return rc;
}

int cli_events(const struct command *self, int argc, char **argv)
{
	struct options o = {.limit = 100};
	const struct flag flags[] = {CLI_FLAG_DATABASE(o.url),
		CLI_FLAG_OUTPUT_ONE_OF(o.output, formats,
			"wide (nothing is cut), json, jsonl (a line an event), ocsf (for a "
			"SIEM) or csv (for a spreadsheet)"),
		CLI_FLAG_USER(o.user, "who asked, or as whom; agent-* finds all of these"),
		CLI_FLAG_TEXT("group", o.group, "GROUP", "by a member of this group"),
		CLI_FLAG_TEXT("address", o.address, "IP", "from this address"),
		CLI_FLAG_TEXT("user-agent", o.agent, "TEXT", "with a client whose name holds this"),
		CLI_FLAG_TEXT("verb", o.verb, "VERB,…", "get, list, create, patch, delete …"),
		CLI_FLAG_TEXT(
			"resource", o.resource, "RESOURCE", "pods, deployments.apps, pods/exec …"),
		CLI_FLAG_NAMESPACE(o.ns, "in this namespace"),
		CLI_FLAG_TEXT("name", o.name, "NAME", "the object of this name"),
		CLI_FLAG_TEXT("code", o.code, "CODE", "HTTP status, 403 or 4xx"),
		CLI_FLAG_CLUSTER(o.cluster, "of this cluster"),
		CLI_FLAG_WORD(
			"decision", o.decision, "ACTION", cli_actions, "what the webhook decided"),
		CLI_FLAG_NUMBER("hold", o.hold, "HOLD", 1, INT64_MAX,
			"that asked for, or used, this hold; reads, too"),
		CLI_FLAG_TEXT(
			"text", o.text, "TEXT", "whose masked body holds this; reads every body"),
		CLI_FLAG_SINCE_TIME(o.since,
			"from then on: 2h (ago), yesterday, 2026-01-02, \"2026-01-02 16:04\", "
			"2026-01, 2026-Q1"),
		CLI_FLAG_UNTIL_TIME(o.until, "until then, the end of the day or minute named"),
		CLI_FLAG_LIMIT(o.limit, "how many at most, the newest"),
		CLI_FLAG_SWITCH("all", o.all,
			"no limit: export all that match, oldest first; with -o jsonl, ocsf or "
			"csv"),
		{.name = "follow",
			.short_name = 'f',
			.type = FLAG_BOOL,
			.value = &o.follow,
			.no_env = true,
			.help = "print new events as they come"},
		{0}};
	const char *event = NULL;
	size_t events = 0;
	int rc = cli_parse(self, flags, argc, argv, 0, 1, &event, &events);

	if (rc >= 0)
		return rc;
	if (events == 1 && o.output && !cli_wants_json(o.output))
		return cli_error(self, CLI_USAGE,
			"-o %s goes without an EVENT: one is shown as "
			"JSON",
			o.output);
	if (events == 1)
		return open_event(self, o.url, event);
	rc = check_options(self, &o);
	return rc > 0 ? rc : run_search(self, &o);
}
