/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint replay: what happened in a session, to an object or by a user, in order: the time, the
 * kubectl command that it amounts to (with what a write changed, so that it runs as it is printed),
 * its response code, and beneath it what Holdpoint decided and who approved. Then what is known to
 * be missing, and what follows.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/kubectl_line.h"
#include "cli/table.h"
#include "common/base/local_time.h"
#include "common/base/utf8.h"
#include "common/json/json.h"

#define LINE_MAX_BYTES (1 << 20)

/*
 * The answers; a request that never got one is shown by its first stage.
 *   $1 session  $2 namespace  $3 since  $4 until  $5 after this number  $6 limit  $7 cluster
 *   $8 name  $9 resource  $10 user  $11 only writes
 */
#define OF_SESSION "FROM holdpoint.session_events($1) e WHERE true "
#define OF_ALL                                                                                     \
	"FROM holdpoint.audit_cluster_seq c JOIN holdpoint.audit_event e ON e.cluster = "          \
	"c.cluster WHERE $1::text IS NULL "
#define SINCE	 "($3::bigint IS NULL OR e.stage_timestamp >= " SQL_WHEN("$3") ") "
#define UNTIL	 "($4::bigint IS NULL OR e.stage_timestamp <= " SQL_WHEN("$4") ") "
#define RECORDED "($3::bigint IS NULL OR e.recorded_at >= " SQL_WHEN("$3") " - interval '1 hour') "
#define MATCHING(source)                                                                           \
	source "AND (e.stage IN ('ResponseComplete', 'Panic') OR NOT EXISTS (SELECT FROM "         \
	       "holdpoint.audit_event o WHERE o.cluster = e.cluster AND o.audit_id = e.audit_id "  \
	       "AND o.stage_timestamp >= e.stage_timestamp AND o.seq <> e.seq AND "                \
	       "o.recorded_at >= e.recorded_at - interval '1 hour' AND "                           \
	       "holdpoint.is_same_request(e, o))) "                                                \
	       "AND ($2::text IS NULL OR e.namespace = $2) AND " SINCE "AND " UNTIL                \
	       "AND " RECORDED "AND ($5::bigint IS NULL OR (e.stage_timestamp, e.seq) > "          \
	       "(SELECT o.stage_timestamp, o.seq FROM holdpoint.audit_event o WHERE o.cluster = "  \
	       "e.cluster AND o.seq = $5::bigint)) "                                               \
	       "AND ($7::text IS NULL OR e.cluster = $7) AND ($8::text IS NULL OR e.name = $8) "   \
	       "AND ($9::text IS NULL OR (e.resource = substring($9 FROM '^[^/.]*') AND $9 IN ("   \
	       "e.resource, e.resource || '/' || e.subresource, e.resource || '.' || "             \
	       "e.api_group))) AND ($10::text IS NULL OR $10 IN (e.username, "                     \
	       "e.impersonated_user)) "                                                            \
	       "AND (NOT $11::boolean OR e.verb NOT IN ('get', 'list', 'watch')) "
#define EVENTS(source)                                                                             \
	"FROM (SELECT e.* " MATCHING(                                                              \
		source) "ORDER BY e.stage_timestamp, e.cluster, e.seq LIMIT $6::int) e "           \
			"LEFT JOIN LATERAL "                                                       \
			"holdpoint.event_decision(ROW(e.*)::holdpoint.audit_event) d ON true "     \
			"LEFT JOIN holdpoint.holds h ON h.cluster = e.cluster AND h.id = "         \
			"coalesce(e.hold_id, d.hold_id) ORDER BY e.stage_timestamp, e.cluster, "   \
			"e.seq"

#define ROWS                                                                                       \
	"SELECT " SQL_MS("e.stage_timestamp") " AS at_time, " SQL_UTC(                             \
		"e.stage_timestamp") " AS at_utc, e.cluster, e.seq, e.verb, e.request_uri, "       \
				     "e.api_group, e.resource, e.subresource, e.namespace, "       \
				     "e.name, e.impersonated_user, e.code, "                       \
				     "coalesce(e.decision, d.action) AS decision, d.policy || "    \
				     "'/' || d.rule AS rule_name, h.id AS hold, "                  \
				     "h.state AS hold_state, CASE WHEN h.state IN ('approved', "   \
				     "'used', 'denied') THEN h.decided_by END AS decided_by, "     \
				     "h.decided_reason, e.stage, e.failed_open, e.username, "      \
				     "e.body, e.masked "
#define JSON                                                                                       \
	"SELECT coalesce(json_agg(t), '[]') FROM (SELECT e.cluster, e.seq, e.stage_timestamp AS "  \
	"time, e.stage, e.audit_id, e.username, e.impersonated_user, e.verb, e.request_uri, "      \
	"e.api_group, e.resource, e.subresource, e.namespace, e.name, e.code, "                    \
	"coalesce(e.decision, d.action) AS decision, d.policy, d.rule, h.id AS hold, "             \
	"h.state AS hold_state, h.decided_by, h.decided_reason, e.masked, e.body::json AS event "
/* What is known to be missing of it, or to follow; the limit is for the others. */
#define ENDS(source)                                                                               \
	"SELECT m.*, (SELECT count(*) FROM holdpoint.audit_quarantine q WHERE q.cluster = "        \
	"m.cluster AND q.recorded_at BETWEEN m.first_recorded AND m.last_recorded) AS "            \
	"unreadable, (SELECT min(r.stage_timestamp) FROM holdpoint.audit_event r WHERE "           \
	"r.cluster = m.cluster) >= m.first_at AS from_the_first "                                  \
	"FROM (SELECT count(*) AS total, count(*) FILTER (WHERE e.stage NOT IN "                   \
	"('ResponseComplete', 'Panic')) AS unfinished, count(*) FILTER (WHERE e.truncated) AS "    \
	"cut, count(*) FILTER (WHERE e.erased_at IS NOT NULL) AS erased, min(e.cluster) AS "       \
	"cluster, min(e.recorded_at) AS first_recorded, max(e.recorded_at) AS last_recorded, "     \
	"min(e.stage_timestamp) AS first_at " MATCHING(source) ") m WHERE $6::int IS NOT NULL"

#define PARAMS 11

static const struct pg_stmt session_time_stmt = {"session_time",
	"SELECT " SQL_MS("min(e.stage_timestamp)") " AS first, " SQL_MS(
		"max(e.stage_timestamp)") " AS last FROM holdpoint.session_events($1) e",
	1};

static const struct {
	struct pg_stmt rows, json, ends;
} statements[2] = {
	{{"replay", ROWS EVENTS(OF_SESSION), PARAMS},
		{"replay_json", JSON EVENTS(OF_SESSION) ") t", PARAMS},
		{"replay_ends", ENDS(OF_SESSION), PARAMS}},
	{{"replay_all", ROWS EVENTS(OF_ALL), PARAMS},
		{"replay_all_json", JSON EVENTS(OF_ALL) ") t", PARAMS},
		{"replay_all_ends", ENDS(OF_ALL), PARAMS}},
};

/* ---- the commands ---- */

/* What is in a stored body, which masking has written. */
static const struct json_limits limits = {.max_bytes = 1u << 30,
	.max_depth = 2000,
	.max_nodes = UINT32_MAX,
	.allow_lone_surrogates = true,
	.allow_duplicate_keys = true};

struct body {
	struct arena *arena;
	struct json_doc doc;
	bool read;
};

static void read_body(struct body *b, const struct pg_result *r, int i)
{
	struct span text = pg_result_span_of(r, i, "body");

	arena_reset(b->arena);
	b->read = text.len > 0 &&
		  json_read(text.ptr, text.len, &limits, b->arena, &b->doc, NULL) == 0;
}

static void print_command(const struct pg_result *r, int i, const struct body *b)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	_cleanup_(buf_free) struct buf safe = BUF_INIT(2 * LINE_MAX_BYTES);
	const struct kubectl_call call = {
		.verb = pg_result_span_of(r, i, "verb"),
		.uri = pg_result_span_of(r, i, "request_uri"),
		.group = pg_result_span_of(r, i, "api_group"),
		.resource = pg_result_span_of(r, i, "resource"),
		.subresource = pg_result_span_of(r, i, "subresource"),
		.namespace_ = pg_result_span_of(r, i, "namespace"),
		.name = pg_result_span_of(r, i, "name"),
		.as_user = pg_result_span_of(r, i, "impersonated_user"),
		.doc = b->read ? &b->doc : NULL,
		.body = b->read ? json_get_str(&b->doc, JSON_ROOT, "requestObject") : JSON_NONE,
	};

	kubectl_line_put(&line, &call, b->arena);
	utf8_put_printable(&safe, buf_span(&line));
	if (line.failed || !buf_str(&safe))
		printf("# %s/%s is too long to show: holdpoint events has all of it",
			pg_result_str_of(r, i, "cluster"), pg_result_str_of(r, i, "seq"));
	else
		fputs(safe.ptr, stdout);
}

static void print_response(const struct pg_result *r, int i)
{
	int64_t code = pg_result_int_of(r, i, "code");
	enum colour c = code >= 400 ? COLOUR_RED : COLOUR_GREEN;

	if (pg_result_is_null_of(r, i, "code"))
		printf("  %s%s%s", colour_on(COLOUR_YELLOW, stdout),
			pg_result_str_of(r, i, "stage"), colour_off(stdout));
	else
		printf("  %s%lld%s", colour_on(c, stdout), (long long)code, colour_off(stdout));
}

static void print_note(enum colour c, const char *text)
{
	printf("%14s%s└ ", "", colour_on(c, stdout));
	print_printable(stdout, text);
	printf("%s\n", colour_off(stdout));
}

/* Why the API server refused it. */
static void print_message(const struct body *body)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct span message;
	json_ref ref;

	if (!body->read)
		return;
	ref = json_pointer_str(&body->doc, JSON_ROOT, "/responseStatus/message");
	message = json_string(&body->doc, ref, body->arena);
	if (message.ptr)
		utf8_put_printable(&b, message);
	else
		json_put_shown_string(&b, &body->doc, ref); /* half a surrogate is in it */
	if (b.len > 0 && buf_str(&b))
		print_note(COLOUR_DIM, b.ptr);
}

/* Beneath the command: the decision, the hold and who signed it off; else why it failed. */
static void print_decision(const struct pg_result *r, int i, const struct body *body)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 16);
	bool held = !pg_result_is_null_of(r, i, "hold");
	bool decided = !pg_result_is_null_of(r, i, "decision");
	bool allowed = pg_result_int_of(r, i, "code") < 400;

	if (pg_result_bool_of(r, i, "failed_open"))
		print_note(COLOUR_RED, "an admission webhook failed and this went on without it");
	if (!held && !decided) {
		if (!allowed)
			print_message(body);
		return;
	}
	buf_add_str(&b, decided ? pg_result_str_of(r, i, "decision") : "hold");
	if (!pg_result_is_null_of(r, i, "rule_name"))
		buf_printf(&b, " by %s", pg_result_str_of(r, i, "rule_name"));
	if (held)
		buf_printf(&b, ": hold %s", pg_result_str_of(r, i, "hold"));
	if (held && !pg_result_is_null_of(r, i, "decided_by"))
		buf_printf(&b, ", %s by %s",
			strcmp(pg_result_str_of(r, i, "hold_state"), "denied") == 0
				? "denied"
				: (allowed ? "approved" : "later approved"),
			pg_result_str_of(r, i, "decided_by"));
	if (held && !pg_result_is_null_of(r, i, "decided_reason"))
		buf_printf(&b, " (%s)", pg_result_str_of(r, i, "decided_reason"));
	print_note(allowed ? COLOUR_GREEN : COLOUR_YELLOW, buf_str(&b) ? b.ptr : "?");
}

/* Of several requesters, also who it was. */
static void print_when(const struct pg_result *r, int i, bool who)
{
	char at[LOCAL_TIME_MAX];
	int64_t ms = pg_result_int_of(r, i, "at_time");

	printf("%s  ", who ? local_time(ms, at) : local_time_of_day(ms, at));
	if (!who)
		return;
	print_printable(stdout, pg_result_str_of(r, i, "username"));
	printf("  ");
}

static int print_events(
	const struct command *self, const struct pg_result *r, int64_t total, const char *session)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, SIZE_MAX);
	struct body body = {.arena = arena};
	int count = pg_result_rows(r);
	char at[LOCAL_TIME_MAX];

	if (!arena)
		return cli_error(self, CLI_FAILED, "out of memory");
	if (session) {
		printf("%sSession %s: ", colour_on(COLOUR_BOLD, stdout), session);
		print_printable(stdout, pg_result_str_of(r, 0, "username"));
		printf(", ");
	} else {
		printf("%sFrom ", colour_on(COLOUR_BOLD, stdout));
	}
	printf("%s, %d", local_time_zone(pg_result_int_of(r, 0, "at_time"), at), count);
	if (total > count)
		printf(" of %lld", (long long)total);
	printf(" requests%s\n", colour_off(stdout));
	for (int i = 0; i < count; i++) {
		read_body(&body, r, i);
		print_when(r, i, !session);
		print_command(r, i, &body);
		print_response(r, i);
		putchar('\n');
		print_decision(r, i, &body);
	}
	return CLI_OK;
}

/* ---- where it ends ---- */

static void say_count(const struct pg_result *ends, const char *column, const char *what)
{
	if (pg_result_int_of(ends, 0, column) > 0)
		fprintf(stderr, "%s %s\n", pg_result_str_of(ends, 0, column), what);
}

/* On stderr: what is known not to be in what was printed. */
static void say_ends(
	const struct pg_result *ends, int64_t limit, const char *flag, const char *last)
{
	int64_t more = pg_result_int_of(ends, 0, "total") - limit;

	say_count(ends, "unfinished",
		"of these requests have no end: they go on, or their events were dropped");
	say_count(ends, "cut", "of these events were cut by the API server: too large for it");
	say_count(ends, "erased", "of these events have no body any more: it was erased");
	say_count(ends, "unreadable",
		"events of that time could not be read, or were lost in a spool: "
		"holdpoint.audit_quarantine");
	if (strcmp(flag, "after") == 0 && pg_result_bool_of(ends, 0, "from_the_first"))
		fputs("Nothing older is kept of this cluster: it may have begun before.\n", stderr);
	if (more > 0 && last)
		fprintf(stderr, "%lld more follow: repeat with --%s %s\n", (long long)more, flag,
			last);
	else if (more > 0)
		fprintf(stderr, "%lld more follow: repeat with a larger --limit\n",
			(long long)more);
}

struct options {
	const char *url, *output, *ns, *since, *until, *cluster, *name, *resource, *user;
	int64_t after, limit;
	bool writes;
};

/* Of a session: when it was, which --since may have missed. */
static int say_none(const struct command *self, struct pg_conn *conn, const char *session,
	const struct cli_range *range)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	char from[LOCAL_TIME_MAX], until[LOCAL_TIME_MAX];
	int rc;

	cli_say_none("No events found", range);
	if (!session)
		return CLI_OK;
	rc = cli_query(self, conn, &session_time_stmt, (struct span[]){span_of(session)}, &r);
	if (rc == 0 && !pg_result_is_null_of(r, 0, "first"))
		fprintf(stderr, "Session %s was from %s until %s.\n", session,
			local_time(pg_result_int_of(r, 0, "first"), from),
			local_time(pg_result_int_of(r, 0, "last"), until));
	return rc;
}

static int replay(const struct command *self, const struct options *o, const char *session)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL, *ends = NULL;
	bool json = cli_wants_json(o->output), all = !session;
	char after[24], limit[24];
	struct cli_range range;
	int rc = cli_when(self, all || o->since ? o->since : CLI_EVER, o->until, &range), count;

	if (rc == 0)
		rc = cli_connect(self, o->url, &conn);
	if (rc > 0)
		return rc;
	const struct span params[PARAMS] = {cli_param(session), cli_param(o->ns),
		o->since || !session ? range.since : cli_param(NULL), range.until,
		cli_param_positive(o->after, after), cli_param_int(o->limit, limit),
		cli_param(o->cluster), cli_param(o->name), cli_param(o->resource),
		cli_param(o->user), o->writes ? SPAN("t") : SPAN("f")};

	rc = cli_query(
		self, conn, json ? &statements[all].json : &statements[all].rows, params, &rows);
	if (rc == 0)
		rc = cli_query(self, conn, &statements[all].ends, params, &ends);
	if (rc > 0)
		return rc;
	count = json ? 0 : pg_result_rows(rows);
	if (json)
		rc = cli_print_json(self, pg_result_span(rows, 0, 0));
	else if (count == 0)
		rc = say_none(self, conn, session, &range);
	else
		rc = print_events(self, rows, pg_result_int_of(ends, 0, "total"), session);
	if (rc == 0)
		say_ends(ends, o->limit, all ? "since" : "after",
			count > 0 ? pg_result_str_of(rows, count - 1, all ? "at_utc" : "seq")
				  : NULL);
	return rc;
}

int cli_replay(const struct command *self, int argc, char **argv)
{
	struct options o = {.limit = 1000};
	const char *session = NULL;
	size_t count = 0;
	const struct flag flags[] = {CLI_FLAG_DATABASE(o.url), CLI_FLAG_OUTPUT(o.output),
		CLI_FLAG_NAMESPACE(o.ns, "only what was about this namespace"),
		CLI_FLAG_TEXT(
			"resource", o.resource, "RESOURCE", "pods, deployments.apps, pods/exec …"),
		CLI_FLAG_TEXT(
			"name", o.name, "NAME", "only what was about the object of this name"),
		CLI_FLAG_USER(o.user, "only by this user, or in their name"),
		CLI_FLAG_CLUSTER(o.cluster, "of this cluster"),
		CLI_FLAG_SWITCH("writes", o.writes, "only what may have changed something"),
		CLI_FLAG_SINCE_TIME(o.since, "only from then on: 2h (ago), 16:04, \"2026-01-02 "
					     "16:04\"; without a session a "
					     "day ago"),
		CLI_FLAG_UNTIL_TIME(o.until, "only until then"),
		CLI_FLAG_NUMBER("after", o.after, "EVENT", 1, INT64_MAX,
			"only what came after this number of the session: the next page"),
		CLI_FLAG_LIMIT(o.limit, "how many at most, the oldest"), {0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 1, &session, &count);

	if (rc >= 0)
		return rc;
	if (count == 0 && !o.name && !o.user)
		return cli_error(self, CLI_USAGE, "needs a SESSION, or --name or --user");
	if (count == 0 && o.after > 0)
		return cli_error(self, CLI_USAGE, "--after goes with a SESSION");
	return replay(self, &o, count ? session : NULL);
}
