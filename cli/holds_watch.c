/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint holds watch: follows the holds live, one line a step. The database notifies of each
 * change of state; the lines themselves are read from hold_event, so that none is missed or made
 * up.
 *
 * A step's number is taken before its transaction ends, so a smaller one may show up after a
 * larger: the newest WINDOW numbers are looked at each time, and those that were shown are left
 * out.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/holds.h"
#include "common/base/local_time.h"

#define POLL_MS 5000
#define WINDOW	256 /* as in the statements */

static const struct pg_stmt last_stmt = {"last",
	"SELECT id FROM holdpoint.hold_event WHERE id > "
	"(SELECT max(id) FROM holdpoint.hold_event) - 256 ORDER BY id",
	0};
static const struct pg_stmt news_stmt = {"news",
	"SELECT e.id, " SQL_MS("e.at") " AS at_time, e.hold_id, "
				       "e.state_after, e.who, h.requester, "
				       "coalesce(e.passed->>'operation', h.operation) AS "
				       "operation, h.resource, coalesce(e.passed->>'namespace', "
				       "h.namespace) AS namespace, "
				       "coalesce(e.passed->>'name', h.name) AS name, "
				       "h.rule_names, coalesce(e.reason, '') AS reason, "
				       "(to_jsonb(e) || jsonb_build_object("
				       "'requester', h.requester, 'operation', h.operation, "
				       "'resource', h.resource, "
				       "'namespace', h.namespace, 'name', h.name, 'policy', "
				       "h.policy, 'rule', h.rule, 'rules', "
				       "h.rules))::text AS json "
				       "FROM holdpoint.hold_event e JOIN holdpoint.holds h ON "
				       "h.cluster = e.cluster AND h.id = "
				       "e.hold_id WHERE e.id > $1::bigint - 256 AND e.id <> "
				       "ALL($2::bigint[]) ORDER BY e.id "
				       "LIMIT 1000",
	2};

/* The steps that were shown, or were there before: of the newest WINDOW numbers all. */
struct shown {
	int64_t last, ids[WINDOW]; /* each at its number modulo WINDOW; 0: none */
};

static void shown_add(struct shown *s, int64_t id)
{
	s->ids[id % WINDOW] = id;
	if (id > s->last)
		s->last = id;
}

/* As an array of SQL. */
static void shown_put(const struct shown *s, struct buf *out)
{
	buf_add_char(out, '{');
	for (size_t i = 0; i < WINDOW; i++)
		buf_printf(out, "%s%" PRId64, i > 0 ? "," : "", s->ids[i]);
	buf_add_char(out, '}');
}

static void print_step(const struct pg_result *r, int i)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(1 << 16);
	const char *state = pg_result_str_of(r, i, "state_after"),
		   *reason = pg_result_str_of(r, i, "reason");
	char at[LOCAL_TIME_MAX];

	holds_put_what(&line, pg_result_str_of(r, i, "operation"),
		pg_result_str_of(r, i, "resource"), pg_result_str_of(r, i, "namespace"),
		pg_result_str_of(r, i, "name"));
	buf_printf(&line, " for %s (%s)", pg_result_str_of(r, i, "requester"),
		pg_result_str_of(r, i, "rule_names"));
	if (strcmp(pg_result_str_of(r, i, "who"), pg_result_str_of(r, i, "requester")) != 0)
		buf_printf(&line, " by %s", pg_result_str_of(r, i, "who"));
	if (*reason)
		buf_printf(&line, ": %s", reason);
	printf("%s  hold %-6s %s%-9s%s  ", local_time(pg_result_int_of(r, i, "at_time"), at),
		pg_result_str_of(r, i, "hold_id"), colour_on(holds_state_colour(state), stdout),
		state, colour_off(stdout));
	print_printable(stdout, buf_str(&line) ? line.ptr : "?");
	putchar('\n');
}

static int print_news(
	const struct command *self, struct pg_conn *conn, bool json, struct shown *shown)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	_cleanup_(buf_free) struct buf ids = BUF_INIT(24 * WINDOW);
	char last[24];
	int rc;

	shown_put(shown, &ids);
	rc = cli_query(self, conn, &news_stmt,
		(struct span[]){cli_param_int(shown->last, last), buf_span(&ids)}, &r);
	if (rc > 0)
		return rc;
	for (int i = 0; i < pg_result_rows(r); i++) {
		if (json) {
			cli_print_json_line(pg_result_span_of(r, i, "json"));
			putchar('\n');
		} else {
			print_step(r, i);
		}
		shown_add(shown, pg_result_int_of(r, i, "id"));
	}
	return fflush(stdout) == 0 ? 0 : cli_error(self, CLI_FAILED, "cannot write");
}

static int follow(const struct command *self, struct pg_conn *conn, bool json)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	struct shown shown = {0};
	struct err e;
	char payload[32];
	int rc;

	if (pg_exec_text(conn, "LISTEN holdpoint_hold", NULL, &e) != PG_OK)
		return cli_error(self, CLI_FAILED, "%s", e.msg);
	rc = cli_query(self, conn, &last_stmt, NULL, &r);
	if (rc > 0)
		return rc;
	for (int i = 0; i < pg_result_rows(r); i++)
		shown_add(&shown, pg_result_int_of(r, i, "id"));
	fputs("Following the holds; Ctrl-C ends.\n", stderr);
	while (!cli_interrupted()) {
		if (pg_conn_wait_notify(conn, POLL_MS, payload, sizeof(payload)) < 0 &&
			!cli_interrupted())
			return cli_error(self, CLI_FAILED, "the database connection was lost");
		rc = print_news(self, conn, json, &shown);
		if (rc > 0)
			return rc;
	}
	return CLI_OK;
}

int cli_holds_watch(const struct command *self, int argc, char **argv)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	const char *url = NULL, *output = NULL;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output), {0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = cli_connect(self, url, &conn);
	if (rc > 0)
		return rc;
	cli_catch_interrupt();
	return follow(self, conn, cli_wants_json(output));
}
