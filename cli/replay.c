/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint replay SESSION: what happened, in order: the time, the kubectl command that it amounts
 * to (with what a write changed, so that it runs as it is printed), its response code, and beneath
 * it what Holdpoint decided and who approved. Then what is known to be missing, and what follows.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/kubectl_line.h"
#include "cli/table.h"
#include "common/base/local_time.h"
#include "common/base/utf8.h"
#include "common/json/json.h"

#define LINE_MAX_BYTES (1 << 20)

/*
 * The answers; a request that never got one is shown by its first stage. $6 is asked for one more
 * than is shown, to know whether there are more.
 *   $1 session  $2 namespace  $3 since  $4 until  $5 after this number  $6 limit
 */
#define MATCHING                                                                                   \
	"FROM holdpoint.session_events($1) e "                                                     \
	"WHERE (e.stage IN ('ResponseComplete', 'Panic') OR NOT EXISTS (SELECT FROM "              \
	"holdpoint.audit_event o WHERE o.cluster = e.cluster AND o.audit_id = e.audit_id AND "     \
	"o.stage_timestamp >= e.stage_timestamp AND o.seq <> e.seq AND "                           \
	"holdpoint.is_same_request(e, o))) "                                                       \
	"AND ($2::text IS NULL OR e.namespace = $2) "                                              \
	"AND ($3::bigint IS NULL OR e.stage_timestamp >= " SQL_WHEN(                               \
		"$3") ") "                                                                         \
		      "AND ($4::bigint IS NULL OR e.stage_timestamp <= " SQL_WHEN(                 \
			      "$4") ") "                                                           \
				    "AND ($5::bigint IS NULL OR (e.stage_timestamp, e.seq) > "     \
				    "(SELECT o.stage_timestamp, "                                  \
				    "o.seq FROM holdpoint.audit_event o WHERE o.cluster = "        \
				    "e.cluster AND o.seq = $5::bigint)) "
#define EVENTS                                                                                     \
	"FROM (SELECT e.* " MATCHING "ORDER BY e.stage_timestamp, e.seq LIMIT $6::int) e "         \
	"LEFT JOIN LATERAL holdpoint.event_decision(ROW(e.*)::holdpoint.audit_event) d ON true "   \
	"LEFT JOIN holdpoint.holds h ON h.cluster = e.cluster AND h.id = coalesce(e.hold_id, "     \
	"d.hold_id) ORDER BY e.stage_timestamp, e.seq"

static const struct pg_stmt events_stmt = {"replay",
	"SELECT " SQL_MS(
		"e.stage_timestamp") " AS at_time, e.cluster, e.seq, e.verb, "
				     "e.request_uri, "
				     "e.api_group, e.resource, e.subresource, e.namespace, e.name, "
				     "e.impersonated_user, e.code, "
				     "coalesce(e.decision, d.action) AS decision, d.policy || '/' "
				     "|| d.rule AS rule_name, h.id AS "
				     "hold, h.state AS hold_state, "
				     "CASE WHEN h.state IN ('approved', 'used', 'denied') THEN "
				     "h.decided_by END AS decided_by, "
				     "h.decided_reason, e.stage, e.failed_open, e.username, "
				     "e.body, e.masked " EVENTS,
	6};
static const struct pg_stmt json_stmt = {"replay_json",
	"SELECT coalesce(json_agg(t), '[]') FROM (SELECT e.seq, e.stage_timestamp AS time, "
	"e.stage, e.audit_id, e.username, e.impersonated_user, e.verb, e.request_uri, e.api_group, "
	"e.resource, e.subresource, e.namespace, e.name, e.code, coalesce(e.decision, d.action) AS "
	"decision, d.policy, d.rule, "
	"h.id AS hold, h.state AS hold_state, h.decided_by, h.decided_reason, e.masked, "
	"e.body::json AS event " EVENTS ") t",
	6};
/* What is known to be missing of it, or to follow. Whole: with what the filters leave out. */
static const struct pg_stmt ends_stmt = {"replay_ends",
	"SELECT m.*, (SELECT count(*) FROM holdpoint.audit_quarantine q WHERE q.cluster = "
	"m.cluster AND q.recorded_at BETWEEN m.first_recorded AND m.last_recorded) AS unreadable, "
	"(SELECT min(r.stage_timestamp) FROM holdpoint.audit_event r WHERE r.cluster = m.cluster) "
	">= m.first_at AS from_the_first "
	"FROM (SELECT count(*) AS total, count(*) FILTER (WHERE e.stage NOT IN "
	"('ResponseComplete', 'Panic')) AS unfinished, count(*) FILTER (WHERE e.truncated) AS cut, "
	"count(*) FILTER (WHERE e.erased_at IS NOT NULL) AS erased, min(e.cluster) AS cluster, "
	"min(e.recorded_at) AS first_recorded, max(e.recorded_at) AS last_recorded, "
	"min(e.stage_timestamp) AS first_at " MATCHING ") m "
	"WHERE $6::int IS NOT NULL",
	6};

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

static int print_events(
	const struct command *self, const struct pg_result *r, int count, const char *session)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, SIZE_MAX);
	struct body body = {.arena = arena};
	char at[LOCAL_TIME_MAX];

	if (!arena)
		return cli_error(self, CLI_FAILED, "out of memory");
	printf("%sSession %s: ", colour_on(COLOUR_BOLD, stdout), session);
	print_printable(stdout, pg_result_str_of(r, 0, "username"));
	printf(", %s, %d requests%s\n", local_time_zone(pg_result_int_of(r, 0, "at_time"), at),
		count, colour_off(stdout));
	for (int i = 0; i < count; i++) {
		read_body(&body, r, i);
		printf("%s  ", local_time_of_day(pg_result_int_of(r, i, "at_time"), at));
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
static void say_ends(const struct pg_result *ends, int64_t limit, const char *last)
{
	int64_t more = pg_result_int_of(ends, 0, "total") - limit;

	say_count(ends, "unfinished",
		"of these requests have no end: they go on, or their events were dropped");
	say_count(ends, "cut", "of these events were cut by the API server: too large for it");
	say_count(ends, "erased", "of these events have no body any more: it was erased");
	say_count(ends, "unreadable",
		"events of that time could not be read, or were lost in a spool: "
		"holdpoint.audit_quarantine");
	if (pg_result_bool_of(ends, 0, "from_the_first"))
		fputs("Nothing older is kept of this cluster: it may have begun before.\n", stderr);
	if (more > 0 && last)
		fprintf(stderr, "%lld more follow: repeat with --after %s\n", (long long)more,
			last);
	else if (more > 0)
		fprintf(stderr, "%lld more follow: repeat with a larger --limit\n",
			(long long)more);
}

struct options {
	const char *url, *output, *ns, *since, *until;
	int64_t after, limit;
};

static int replay(const struct command *self, const struct options *o, const char *session)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL, *ends = NULL;
	bool json = cli_wants_json(o->output);
	char after[24], limit[24];
	struct cli_range range;
	int rc = cli_when(self, o->since, o->until, &range), count;

	if (rc == 0)
		rc = cli_connect(self, o->url, &conn);
	if (rc > 0)
		return rc;
	const struct span params[] = {span_of(session), cli_param(o->ns),
		o->since ? range.since : cli_param(NULL), range.until,
		cli_param_positive(o->after, after), cli_param_int(o->limit, limit)};

	rc = cli_query(self, conn, json ? &json_stmt : &events_stmt, params, &rows);
	if (rc == 0)
		rc = cli_query(self, conn, &ends_stmt, params, &ends);
	if (rc > 0)
		return rc;
	count = json ? 0 : pg_result_rows(rows);
	if (json)
		rc = cli_print_json(self, pg_result_span(rows, 0, 0));
	else if (count == 0)
		fputs("No events found.\n", stderr);
	else
		rc = print_events(self, rows, count, session);
	if (rc == 0)
		say_ends(ends, o->limit,
			count > 0 ? pg_result_str_of(rows, count - 1, "seq") : NULL);
	return rc;
}

int cli_replay(const struct command *self, int argc, char **argv)
{
	struct options o = {.limit = 1000};
	const char *session;
	const struct flag flags[] = {CLI_FLAG_DATABASE(o.url), CLI_FLAG_OUTPUT(o.output),
		CLI_FLAG_NAMESPACE(o.ns, "only what was about this namespace"),
		CLI_FLAG_SINCE_TIME(
			o.since, "only from then on: 2h (ago), 16:04, \"2026-01-02 16:04\""),
		CLI_FLAG_UNTIL_TIME(o.until, "only until then"),
		CLI_FLAG_NUMBER("after", o.after, "EVENT", 1, INT64_MAX,
			"only what came after the event of this number: the next page"),
		CLI_FLAG_LIMIT(o.limit, "how many at most, the oldest"), {0}};
	int rc = cli_parse(self, flags, argc, argv, 1, 1, &session, NULL);

	return rc >= 0 ? rc : replay(self, &o, session);
}
