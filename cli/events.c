/*
 * holdpoint events: searches the audit events by what people ask for, follows new ones, and writes
 * them out for a SIEM as JSON lines or OCSF. The filters are one statement; NULL means "any".
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/table.h"

#define POLL_MS	 1000
#define PAGE_MAX 1000

/*
 * Naming the clusters makes the (cluster, …) indexes serve a search over all of them, and bounding
 * recorded_at leaves out whole days. An event is recorded when it happened or later, but for clocks
 * that differ: an hour is allowed for that.
 */
#define FILTERED                                                                                   \
	" FROM holdpoint.audit_event e WHERE e.cluster = ANY(CASE WHEN $9::text IS NULL THEN "     \
	"(SELECT array_agg(s.cluster) FROM holdpoint.audit_cluster_seq s) ELSE ARRAY[$9::text] "   \
	"END) AND ($1::text IS NULL OR e.username = $1) "                                          \
	"AND ($2::text IS NULL OR e.verb = ANY(string_to_array($2, ','))) "                        \
	"AND ($3::text IS NULL OR e.resource || CASE WHEN e.subresource <> '' THEN '/' || "        \
	"e.subresource ELSE '' END = $3 OR e.resource = $3 OR e.resource || '.' || e.api_group = " \
	"$3) AND ($4::text IS NULL OR e.namespace = $4) AND ($5::text IS NULL OR e.name = $5) "    \
	"AND ($6::text IS NULL OR e.code::text LIKE replace($6, 'x', '_')) "                       \
	"AND e.stage_timestamp >= clock_timestamp() - $7::bigint * interval '1 ms' "               \
	"AND e.recorded_at >= clock_timestamp() - $7::bigint * interval '1 ms' - interval '1h' "   \
	"AND ($8::bigint IS NULL OR e.stage_timestamp <= clock_timestamp() - $8::bigint * "        \
	"interval '1 ms') AND ($10::text IS NULL OR lower(e.decision) = lower($10)) "              \
	"AND ($11::bigint IS NULL OR e.hold_id = $11::bigint) "                                    \
	"AND ($12::text IS NULL OR strpos(lower(e.body), lower($12)) > 0) "

/* The newest first, for people; after a known number of each cluster, for programs that go on. */
#define NEWEST "ORDER BY e.stage_timestamp DESC, e.seq DESC LIMIT $13::int"
#define AFTER                                                                                      \
	"AND e.seq > coalesce(($14::jsonb ->> e.cluster)::bigint, 0) ORDER BY e.cluster, e.seq "   \
	"LIMIT $13::int"

#define ROW                                                                                        \
	"SELECT e.cluster, e.seq, to_char(e.stage_timestamp AT TIME ZONE 'UTC', "                  \
	"'YYYY-MM-DD HH24:MI:SS') AS at, e.username || coalesce(' as ' || e.impersonated_user, "   \
	"'') AS who, e.verb, coalesce(e.resource || CASE WHEN e.api_group <> '' THEN '.' || "      \
	"e.api_group ELSE '' END || CASE WHEN e.subresource <> '' THEN '/' || e.subresource "      \
	"ELSE '' END, '') AS what, coalesce(e.namespace, '') AS ns, coalesce(e.name, '') AS "      \
	"name, "                                                                                   \
	"e.code, coalesce(e.decision, '') AS decision, e.hold_id, e.stage, "                       \
	"coalesce(e.request_uri, '') AS uri, "

/* Everything that is kept of an event; the body as it is, or null once erased. */
#define AS_EVENT                                                                                   \
	"json_build_object('cluster', e.cluster, 'seq', e.seq, 'recordedAt', e.recorded_at, "      \
	"'source', e.source, 'decision', e.decision, 'decisionID', e.decision_id, 'hold', "        \
	"e.hold_id, 'masked', e.masked, 'event', e.body::json)::text AS line"

/* Open Cybersecurity Schema Framework 1.3, class API Activity (6003). */
#define AS_OCSF                                                                                    \
	"json_build_object('class_uid', 6003, 'category_uid', 6, 'activity_id', a.id, "            \
	"'type_uid', "                                                                             \
	"600300 + a.id, 'time', (extract(epoch FROM e.stage_timestamp) * 1000)::bigint, "          \
	"'severity_id', CASE WHEN e.failed_open THEN 4 WHEN e.code >= 400 THEN 2 ELSE 1 END, "     \
	"'status_id', CASE WHEN e.code IS NULL THEN 0 WHEN e.code < 400 THEN 1 ELSE 2 END, "       \
	"'status_code', e.code::text, 'metadata', json_build_object('version', '1.3.0', 'uid', "   \
	"e.cluster || '/' || e.seq, 'correlation_uid', e.audit_id, 'product', json_build_object("  \
	"'name', 'Holdpoint', 'vendor_name', 'Holdpoint')), 'actor', json_build_object('user', "   \
	"json_build_object('name', e.username, 'credential_uid', e.credential_id, 'groups', "      \
	"(SELECT json_agg(json_build_object('name', g)) FROM unnest(e.groups) AS g))), 'api', "    \
	"json_build_object('operation', e.verb, 'version', e.api_version, 'service', "             \
	"json_build_object('name', 'kubernetes'), 'request', json_build_object('uid', "            \
	"e.audit_id), 'response', json_build_object('code', e.code)), 'src_endpoint', "            \
	"json_build_object('ip', e.source_ips[1]), 'http_request', json_build_object("             \
	"'user_agent', e.user_agent, 'url', json_build_object('path', e.request_uri)), "           \
	"'resources', json_build_array(json_build_object('type', e.resource, 'name', e.name, "     \
	"'namespace', e.namespace)), 'unmapped', json_build_object('cluster', e.cluster, "         \
	"'subresource', e.subresource, 'decision', e.decision, 'hold', e.hold_id, 'stage', "       \
	"e.stage, 'impersonated_user', e.impersonated_user))::text AS line"
#define OCSF_ACTIVITY                                                                              \
	" FROM holdpoint.audit_event e CROSS JOIN LATERAL (SELECT CASE WHEN e.verb = 'create' "    \
	"THEN 1 WHEN e.verb IN ('get', 'list', 'watch') THEN 2 WHEN e.verb IN ('update', "         \
	"'patch') THEN 3 WHEN e.verb IN ('delete', 'deletecollection') THEN 4 ELSE 99 END AS id) " \
	"a JOIN page p ON p.cluster = e.cluster AND p.seq = e.seq AND p.recorded_at = "            \
	"e.recorded_at ORDER BY p.n"
#define PAGE(order)                                                                                \
	"WITH page AS (SELECT row_number() OVER () AS n, f.* FROM (SELECT e.cluster, e.seq, "      \
	"e.recorded_at" FILTERED order ") f) "

static const struct pg_stmt statements[][2] = {
	{{"events", ROW "'' AS line" FILTERED NEWEST, 13},
		{"events_after", ROW "'' AS line" FILTERED AFTER, 14}},
	{{"events_json", ROW AS_EVENT FILTERED NEWEST, 13},
		{"events_json_after", ROW AS_EVENT FILTERED AFTER, 14}},
	{{"events_ocsf", PAGE(NEWEST) ROW AS_OCSF OCSF_ACTIVITY, 13},
		{"events_ocsf_after", PAGE(AFTER) ROW AS_OCSF OCSF_ACTIVITY, 14}},
};
static const struct pg_stmt position_stmt = {"position",
	"SELECT coalesce(jsonb_object_agg(cluster, next_seq - 1), '{}') "
	"FROM holdpoint.audit_cluster_seq",
	0};
static const struct pg_stmt advance_stmt = {
	"advance", "SELECT $1::jsonb || jsonb_build_object($2::text, $3::bigint)", 3};

enum {
	C_CLUSTER,
	C_SEQ,
	C_TIME,
	C_WHO,
	C_VERB,
	C_WHAT,
	C_NAMESPACE,
	C_NAME,
	C_CODE,
	C_DECISION,
	C_HOLD,
	C_STAGE,
	C_URI,
	C_LINE
};

enum format { FORMAT_TABLE, FORMAT_WIDE, FORMAT_JSON, FORMAT_JSONL, FORMAT_OCSF };
static const char *const formats[] = {"wide", "json", "jsonl", "ocsf", NULL};

struct search {
	const struct command *self;
	struct pg_conn *conn;
	enum format format;
	struct span params[14];
	char *position; /* {"cluster": last number shown} */
};

/* ---- printing ---- */

static void put_object(struct buf *out, const struct pg_result *r, int i)
{
	const char *ns = pg_result_str(r, i, C_NAMESPACE), *name = pg_result_str(r, i, C_NAME);

	if (!*pg_result_str(r, i, C_WHAT)) {
		buf_add_str(out, pg_result_str(r, i, C_URI));
		return;
	}
	buf_add_str(out, pg_result_str(r, i, C_WHAT));
	if (*ns || *name)
		buf_printf(out, " %s%s%s", ns, *ns && *name ? "/" : "", name);
}

static const char *row_colour(const struct pg_result *r, int i)
{
	if (pg_result_int(r, i, C_CODE) >= 400)
		return colour_on(COLOUR_RED, stdout);
	return NULL;
}

static void print_table(const struct pg_result *r, bool wide)
{
	static const struct table_column columns[] = {{.title = "EVENT"}, {.title = "TIME (UTC)"},
		{.title = "USER", .shrinks = 1}, {.title = "VERB"},
		{.title = "OBJECT", .shrinks = 2}, {.title = "CODE", .right = true},
		{.title = "DECISION"}, {.title = "HOLD", .right = true}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);

	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(buf_free) struct buf event = BUF_INIT(1024), object = BUF_INIT(65536);

		buf_printf(&event, "%s/%s", pg_result_str(r, i, C_CLUSTER),
			pg_result_str(r, i, C_SEQ));
		put_object(&object, r, i);
		table_add(t, buf_str(&event), NULL);
		table_add(t, pg_result_str(r, i, C_TIME), NULL);
		table_add(t, pg_result_str(r, i, C_WHO), NULL);
		table_add(t, pg_result_str(r, i, C_VERB), NULL);
		table_add(t, buf_str(&object) ? object.ptr : "?", NULL);
		table_add(t, pg_result_str(r, i, C_CODE), row_colour(r, i));
		table_add(t, pg_result_str(r, i, C_DECISION), NULL);
		table_add(t, pg_result_str(r, i, C_HOLD), NULL);
	}
	table_print(t, stdout);
}

/* One event a line, as it comes. */
static void print_followed(const struct pg_result *r)
{
	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(buf_free) struct buf line = BUF_INIT(1 << 17);

		buf_printf(&line, "%s  %s  %s ", pg_result_str(r, i, C_TIME),
			pg_result_str(r, i, C_WHO), pg_result_str(r, i, C_VERB));
		put_object(&line, r, i);
		buf_printf(&line, "  %s %s", pg_result_str(r, i, C_CODE),
			pg_result_str(r, i, C_DECISION));
		print_printable(stdout, buf_str(&line) ? line.ptr : "?");
		putchar('\n');
	}
}

static void print_lines(const struct pg_result *r)
{
	for (int i = 0; i < pg_result_rows(r); i++)
		puts(pg_result_str(r, i, C_LINE));
}

static void print_array(const struct pg_result *r)
{
	putchar('[');
	for (int i = 0; i < pg_result_rows(r); i++)
		printf("%s\n%s", i ? "," : "", pg_result_str(r, i, C_LINE));
	puts("\n]");
}

/* ---- asking ---- */

static const struct pg_stmt *statement(const struct search *s, bool after)
{
	int row = s->format == FORMAT_OCSF ? 2 : s->format >= FORMAT_JSON ? 1 : 0;

	return &statements[row][after];
}

/* Notes the last number of each cluster shown, so that the next page begins behind it. */
static int advance(struct search *s, const struct pg_result *r)
{
	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(pg_result_freep) struct pg_result *next = NULL;
		int rc;

		if (i + 1 < pg_result_rows(r) && strcmp(pg_result_str(r, i, C_CLUSTER),
							 pg_result_str(r, i + 1, C_CLUSTER)) == 0)
			continue;
		rc = cli_query(s->self, s->conn, &advance_stmt,
			(struct span[]){span_of(s->position), pg_result_span(r, i, C_CLUSTER),
				pg_result_span(r, i, C_SEQ)},
			&next);
		if (rc > 0)
			return rc;
		free(s->position);
		s->position = strdup(pg_result_str(next, 0, 0));
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
	s->params[13] = span_of(s->position);
	rc = cli_query(s->self, s->conn, statement(s, true), s->params, &r);
	if (rc > 0)
		return rc;
	*ret_rows = pg_result_rows(r);
	if (s->format >= FORMAT_JSON)
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
	s->position = strdup(pg_result_str(r, 0, 0));
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

static int search_once(struct search *s)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	int rc = cli_query(s->self, s->conn, statement(s, false), s->params, &r);

	if (rc > 0)
		return rc;
	if (s->format == FORMAT_JSON)
		print_array(r);
	else if (s->format > FORMAT_JSON)
		print_lines(r);
	else if (pg_result_rows(r) == 0)
		fputs("No events found.\n", stderr);
	else
		print_table(r, s->format == FORMAT_WIDE);
	return CLI_OK;
}

/* ---- the command line ---- */

struct options {
	const char *url, *output, *user, *verb, *resource, *ns, *name, *code, *cluster, *decision;
	const char *text;
	int64_t since_ms, until_ms, hold, limit;
	bool follow, all;
};

static int check_options(const struct command *self, const struct options *o)
{
	size_t len = o->code ? strlen(o->code) : 0;

	if (o->code && (len != 3 || strspn(o->code, "0123456789x") != 3))
		return cli_error(self, CLI_USAGE, "--code=%.16s: must be like 403 or 4xx", o->code);
	if (o->all &&
		!(o->output && strcmp(o->output, "wide") != 0 && strcmp(o->output, "json") != 0))
		return cli_error(self, CLI_USAGE, "--all needs -o jsonl or -o ocsf");
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

static int run_search(const struct command *self, const struct options *o)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	char since[24], until[24], hold[24], limit[24];
	struct search s = {.self = self, .format = format_of(o->output)};
	int rc = cli_connect(self, o->url, &conn);

	if (rc > 0)
		return rc;
	s.conn = conn;
	const struct span params[] = {cli_param(o->user), cli_param(o->verb),
		cli_param(o->resource), cli_param(o->ns), cli_param(o->name), cli_param(o->code),
		cli_param_int(o->since_ms, since), cli_param_positive(o->until_ms, until),
		cli_param(o->cluster), cli_param(o->decision), cli_param_positive(o->hold, hold),
		cli_param(o->text), cli_param_int(o->limit, limit)};

	memcpy(s.params, params, sizeof(params));
	rc = o->follow ? follow(&s) : o->all ? export_all(&s) : search_once(&s);
	free(s.position);
	return rc;
}

int cli_events(const struct command *self, int argc, char **argv)
{
	struct options o = {.since_ms = CLI_DAY_MS, .limit = 100};
	const struct flag flags[] = {CLI_FLAG_DATABASE(o.url),
		CLI_FLAG_OUTPUT_ONE_OF(o.output, formats,
			"wide (nothing is cut), json, jsonl (a line an event) or ocsf (for a "
			"SIEM)"),
		CLI_FLAG_USER(o.user, "who asked"),
		CLI_FLAG_TEXT("verb", o.verb, "VERB,…", "get, list, create, patch, delete …"),
		CLI_FLAG_TEXT(
			"resource", o.resource, "RESOURCE", "pods, deployments.apps, pods/exec …"),
		CLI_FLAG_NAMESPACE(o.ns, "in this namespace"),
		CLI_FLAG_TEXT("name", o.name, "NAME", "the object of this name"),
		CLI_FLAG_TEXT("code", o.code, "CODE", "HTTP status, 403 or 4xx"),
		CLI_FLAG_CLUSTER(o.cluster, "of this cluster"),
		CLI_FLAG_TEXT(
			"decision", o.decision, "ACTION", "what the webhook decided: Deny, Hold …"),
		CLI_FLAG_NUMBER(
			"hold", o.hold, "HOLD", 1, INT64_MAX, "that asked for, or used, this hold"),
		CLI_FLAG_TEXT(
			"text", o.text, "TEXT", "whose masked body holds this; reads every body"),
		CLI_FLAG_SINCE(o.since_ms, "not longer ago than this"),
		CLI_FLAG_UNTIL(o.until_ms, "longer ago than this"),
		CLI_FLAG_LIMIT(o.limit, "how many at most, the newest"),
		CLI_FLAG_SWITCH("all", o.all, "no limit: export all that match, oldest first"),
		{.name = "follow",
			.short_name = 'f',
			.type = FLAG_BOOL,
			.value = &o.follow,
			.no_env = true,
			.help = "print new events as they come"},
		{0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = check_options(self, &o);
	return rc > 0 ? rc : run_search(self, &o);
}
