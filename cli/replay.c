/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint replay SESSION: what happened, in order: the time, the kubectl command that it amounts
 * to, its response code, and beneath it what Holdpoint decided and who approved.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/kubectl_line.h"
#include "cli/table.h"
#include "common/base/local_time.h"
#include "common/base/utf8.h"

/* The answers; a request that never got one is shown by its first stage. */
#define EVENTS                                                                                     \
	"FROM holdpoint.session_events($1) e "                                                     \
	"LEFT JOIN LATERAL holdpoint.event_decision(e) d ON true "                                 \
	"LEFT JOIN holdpoint.holds h ON h.cluster = e.cluster AND h.id = coalesce(e.hold_id, "     \
	"d.hold_id) "                                                                              \
	"WHERE e.stage IN ('ResponseComplete', 'Panic') OR NOT EXISTS (SELECT FROM "               \
	"holdpoint.audit_event o WHERE o.cluster = e.cluster AND o.audit_id = e.audit_id AND "     \
	"o.stage_timestamp >= e.stage_timestamp AND o.seq <> e.seq) "                              \
	"ORDER BY e.stage_timestamp, e.seq"

/* PostgreSQL reads no body in which NUL or half a surrogate is escaped anywhere. */
#define READABLE_BODY                                                                              \
	"regexp_replace(e.body, '\\\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\\\ufffd', 'g')"

static const struct pg_stmt events_stmt = {"replay",
	"SELECT " SQL_MS(
		"e.stage_timestamp") " AS at_time, e.verb, "
				     "e.request_uri, "
				     "e.api_group, e.resource, e.subresource, e.namespace, e.name, "
				     "e.impersonated_user, e.code, "
				     "coalesce(e.decision, d.action) AS decision, d.policy || '/' "
				     "|| d.rule AS rule_name, h.id AS "
				     "hold, h.state AS hold_state, "
				     "CASE WHEN h.state IN ('approved', 'used', 'denied') THEN "
				     "h.decided_by END AS decided_by, "
				     "h.decided_reason, e.stage, e.failed_open, e.username, "
				     "CASE WHEN e.code >= 400 THEN (" READABLE_BODY
				     "::json -> 'responseStatus' ->> 'message') END AS "
				     "message " EVENTS,
	1};
static const struct pg_stmt json_stmt = {"replay_json",
	"SELECT coalesce(json_agg(t), '[]') FROM (SELECT e.seq, e.stage_timestamp AS time, "
	"e.stage, e.audit_id, e.username, e.impersonated_user, e.verb, e.request_uri, e.api_group, "
	"e.resource, e.subresource, e.namespace, e.name, e.code, coalesce(e.decision, d.action) AS "
	"decision, d.policy, d.rule, "
	"h.id AS hold, h.state AS hold_state, h.decided_by, h.decided_reason, e.masked, "
	"e.body::json AS event " EVENTS ") t",
	1};

static void print_command(const struct pg_result *r, int i)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(1 << 16);
	_cleanup_(buf_free) struct buf safe = BUF_INIT(1 << 18);
	const struct kubectl_call call = {
		.verb = pg_result_span_of(r, i, "verb"),
		.uri = pg_result_span_of(r, i, "request_uri"),
		.group = pg_result_span_of(r, i, "api_group"),
		.resource = pg_result_span_of(r, i, "resource"),
		.subresource = pg_result_span_of(r, i, "subresource"),
		.namespace_ = pg_result_span_of(r, i, "namespace"),
		.name = pg_result_span_of(r, i, "name"),
		.as_user = pg_result_span_of(r, i, "impersonated_user"),
	};

	kubectl_line_put(&line, &call);
	utf8_put_printable(&safe, buf_span(&line));
	fputs(buf_str(&safe) ? safe.ptr : "(a request too long to show)", stdout);
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

/* Beneath the command: the decision, the hold and who signed it off; else why it failed. */
static void print_decision(const struct pg_result *r, int i)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 16);
	bool held = !pg_result_is_null_of(r, i, "hold");
	bool decided = !pg_result_is_null_of(r, i, "decision");
	bool allowed = pg_result_int_of(r, i, "code") < 400;

	if (pg_result_bool_of(r, i, "failed_open"))
		print_note(COLOUR_RED, "an admission webhook failed and this went on without it");
	if (!held && !decided) {
		if (!pg_result_is_null_of(r, i, "message"))
			print_note(COLOUR_DIM, pg_result_str_of(r, i, "message"));
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

static void print_events(const struct pg_result *r, const char *session)
{
	char at[LOCAL_TIME_MAX];

	printf("%sSession %s: ", colour_on(COLOUR_BOLD, stdout), session);
	print_printable(stdout, pg_result_str_of(r, 0, "username"));
	printf(", %s, %d requests%s\n", local_time_zone(pg_result_int_of(r, 0, "at_time"), at),
		pg_result_rows(r), colour_off(stdout));
	for (int i = 0; i < pg_result_rows(r); i++) {
		printf("%s  ", local_time_of_day(pg_result_int_of(r, i, "at_time"), at));
		print_command(r, i);
		print_response(r, i);
		putchar('\n');
		print_decision(r, i);
	}
}

int cli_replay(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	const char *url = NULL, *output = NULL, *session;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output), {0}};
	int rc = cli_parse(self, flags, argc, argv, 1, 1, &session, NULL);

	if (rc >= 0)
		return rc;
	rc = cli_ask(self, url, output,
		&(struct cli_statements){.rows = &events_stmt, .json = &json_stmt},
		&(struct span){session, strlen(session)}, &rows);
	if (rows && pg_result_rows(rows) > 0)
		print_events(rows, session);
	return rc;
}
