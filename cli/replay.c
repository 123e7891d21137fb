/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint replay SESSION: what happened, in order: the time, the kubectl command that it amounts
 * to, its response code, and beneath it what Holdpoint decided and who approved.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/kubectl_line.h"
#include "cli/table.h"
#include "common/base/utf8.h"

/* The answers; a request that never got one is shown by its first stage. */
#define EVENTS                                                                                     \
	"FROM holdpoint.session_events($1) e "                                                     \
	"LEFT JOIN LATERAL (SELECT d.action, d.policy, d.rule, d.hold_id, d.message "              \
	"FROM holdpoint.decision d WHERE d.cluster = e.cluster AND d.decision_id = e.decision_id " \
	"LIMIT 1) d ON true "                                                                      \
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
	"SELECT e.seq, to_char(e.stage_timestamp AT TIME ZONE 'UTC', 'HH24:MI:SS.MS'), "
	"to_char(e.stage_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD'), e.verb, e.request_uri, "
	"e.api_group, e.resource, e.subresource, e.namespace, e.name, e.impersonated_user, e.code, "
	"e.decision, d.policy || '/' || d.rule, h.id, h.state, "
	"CASE WHEN h.state IN ('approved', 'used', 'denied') THEN h.decided_by END, "
	"h.decided_reason, e.stage, e.failed_open, e.username, "
	"CASE WHEN e.code >= 400 THEN (" READABLE_BODY
	"::json -> 'responseStatus' ->> 'message') END " EVENTS,
	1};
static const struct pg_stmt json_stmt = {"replay_json",
	"SELECT coalesce(json_agg(t), '[]') FROM (SELECT e.seq, e.stage_timestamp AS time, "
	"e.stage, "
	"e.audit_id, e.username, e.impersonated_user, e.verb, e.request_uri, e.api_group, "
	"e.resource, e.subresource, e.namespace, e.name, e.code, e.decision, d.policy, d.rule, "
	"h.id AS hold, h.state AS hold_state, h.decided_by, h.decided_reason, e.masked, "
	"e.body::json AS event " EVENTS ") t",
	1};

enum {
	C_SEQ,
	C_TIME,
	C_DATE,
	C_VERB,
	C_URI,
	C_GROUP,
	C_RESOURCE,
	C_SUBRESOURCE,
	C_NAMESPACE,
	C_NAME,
	C_AS,
	C_CODE,
	C_DECISION,
	C_RULE,
	C_HOLD,
	C_HOLD_STATE,
	C_DECIDED_BY,
	C_REASON,
	C_STAGE,
	C_FAILED_OPEN,
	C_USER,
	C_MESSAGE
};

static void print_command(const struct pg_result *r, int i)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(1 << 16);
	_cleanup_(buf_free) struct buf safe = BUF_INIT(1 << 18);
	const struct kubectl_call call = {
		.verb = pg_result_span(r, i, C_VERB),
		.uri = pg_result_span(r, i, C_URI),
		.group = pg_result_span(r, i, C_GROUP),
		.resource = pg_result_span(r, i, C_RESOURCE),
		.subresource = pg_result_span(r, i, C_SUBRESOURCE),
		.namespace_ = pg_result_span(r, i, C_NAMESPACE),
		.name = pg_result_span(r, i, C_NAME),
		.as_user = pg_result_span(r, i, C_AS),
	};

	put_kubectl_line(&line, &call);
	utf8_put_printable(&safe, buf_span(&line));
	fputs(buf_str(&safe) ? safe.ptr : "(a request too long to show)", stdout);
}

static void print_response(const struct pg_result *r, int i)
{
	int64_t code = pg_result_int(r, i, C_CODE);
	enum colour c = code >= 400 ? COLOUR_RED : COLOUR_GREEN;

	if (pg_result_is_null(r, i, C_CODE))
		printf("  %s%s%s", colour_on(COLOUR_YELLOW, stdout), pg_result_str(r, i, C_STAGE),
			colour_off(stdout));
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
	bool held = !pg_result_is_null(r, i, C_HOLD);
	bool decided = !pg_result_is_null(r, i, C_DECISION);
	bool allowed = pg_result_int(r, i, C_CODE) < 400;

	if (*pg_result_str(r, i, C_FAILED_OPEN) == 't')
		print_note(COLOUR_RED, "an admission webhook failed and this went on without it");
	if (!held && !decided) {
		if (!pg_result_is_null(r, i, C_MESSAGE))
			print_note(COLOUR_DIM, pg_result_str(r, i, C_MESSAGE));
		return;
	}
	buf_add_str(&b, decided ? pg_result_str(r, i, C_DECISION) : "hold");
	if (!pg_result_is_null(r, i, C_RULE))
		buf_printf(&b, " by %s", pg_result_str(r, i, C_RULE));
	if (held)
		buf_printf(&b, ": hold %s", pg_result_str(r, i, C_HOLD));
	if (held && !pg_result_is_null(r, i, C_DECIDED_BY))
		buf_printf(&b, ", %s by %s",
			strcmp(pg_result_str(r, i, C_HOLD_STATE), "denied") == 0
				? "denied"
				: (allowed ? "approved" : "later approved"),
			pg_result_str(r, i, C_DECIDED_BY));
	if (held && !pg_result_is_null(r, i, C_REASON))
		buf_printf(&b, " (%s)", pg_result_str(r, i, C_REASON));
	print_note(allowed ? COLOUR_GREEN : COLOUR_YELLOW, buf_str(&b) ? b.ptr : "?");
}

static void print_events(const struct pg_result *r, const char *session)
{
	printf("%sSession %s: ", colour_on(COLOUR_BOLD, stdout), session);
	print_printable(stdout, pg_result_str(r, 0, C_USER));
	printf(", %s, %d requests (times in UTC)%s\n", pg_result_str(r, 0, C_DATE),
		pg_result_rows(r), colour_off(stdout));
	for (int i = 0; i < pg_result_rows(r); i++) {
		printf("%s  ", pg_result_str(r, i, C_TIME));
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
	rc = cli_ask(self, url, output, &(struct cli_question){&events_stmt, &json_stmt},
		&(struct span){session, strlen(session)}, &rows);
	if (rows && pg_result_rows(rows) > 0)
		print_events(rows, session);
	return rc;
}
