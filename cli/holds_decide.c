/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint approve, deny, withdraw: each one SQL function, which alone decides whether the login
 * may. Several holds are decided one after the other; the worst exit code wins.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/holds.h"
#include "common/json/json.h"

static const struct pg_stmt approve_stmt = {"approve",
	"SELECT holdpoint.approve(hold_id => $1::bigint, reason => $2, until => "
	"CASE WHEN $3::bigint IS NOT NULL THEN clock_timestamp() + $3::bigint * interval '1 ms' "
	"END, uses => $4::int, namespace => $5, name => $6)",
	6};
static const struct pg_stmt deny_stmt = {"deny", "SELECT holdpoint.deny($1::bigint, $2)", 2};
static const struct pg_stmt withdraw_stmt = {
	"withdraw", "SELECT holdpoint.withdraw($1::bigint, $2)", 2};

static const struct pg_stmt state_stmt = {
	"state", "SELECT state FROM holdpoint.holds WHERE id = $1::bigint", 1};

struct decision {
	const struct command *self;
	const struct pg_stmt *stmt;
	struct span params[6]; /* the hold's number first */
	bool json;
};

static int print_json(struct pg_conn *conn, struct decision *d, const char *message)
{
	_cleanup_(pg_result_freep) struct pg_result *row = NULL;
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 16);
	int rc = cli_query(d->self, conn, &state_stmt, d->params, &row);

	if (rc > 0)
		return rc;
	buf_add_char(&b, '{');
	json_put_key(&b, "hold");
	buf_add_span(&b, d->params[0]);
	json_put_key(&b, "state");
	json_put_string(&b, pg_result_span(row, 0, 0));
	json_put_key(&b, "message");
	json_put_string(&b, span_of(message));
	buf_add_char(&b, '}');
	return cli_print_json(d->self, buf_span(&b));
}

static int decide_one(struct pg_conn *conn, struct decision *d, const char *id)
{
	_cleanup_(pg_result_freep) struct pg_result *row = NULL;
	int rc;

	d->params[0] = span_of(id);
	rc = cli_query(d->self, conn, d->stmt, d->params, &row);
	if (rc > 0)
		return rc;
	if (!d->json) {
		print_printable(stdout, pg_result_str(row, 0, 0));
		putchar('\n');
		return CLI_OK;
	}
	return print_json(conn, d, pg_result_str(row, 0, 0));
}

static int decide_all(struct decision *d, const char *url, const char **ids, size_t count)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	char numbers[CLI_HOLDS_MAX][24];
	int worst = CLI_OK, rc = holds_parse_numbers(d->self, ids, count, numbers);

	if (rc > 0)
		return rc;
	rc = cli_connect(d->self, url, &conn);
	if (rc > 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		rc = decide_one(conn, d, numbers[i]);
		worst = worst == CLI_OK || rc == CLI_FAILED ? rc : worst;
	}
	return worst;
}

int cli_approve(const struct command *self, int argc, char **argv)
{
	const char *url = NULL, *output = NULL, *reason = NULL;
	const char *ids[CLI_HOLDS_MAX];
	struct cli_narrowing narrow = {0};
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_REASON(reason, false), CLI_FLAGS_NARROW(narrow), {0}};
	char for_ms[24], uses[24];
	size_t count;
	int rc = cli_parse(self, flags, argc, argv, 1, CLI_HOLDS_MAX, ids, &count);

	if (rc >= 0)
		return rc;
	return decide_all(
		&(struct decision){
			.self = self,
			.stmt = &approve_stmt,
			.json = cli_wants_json(output),
			.params = {{0}, cli_param(reason),
				cli_param_positive(narrow.for_ms, for_ms),
				cli_param_positive(narrow.uses, uses), cli_param(narrow.ns),
				cli_param(narrow.name)},
		},
		url, ids, count);
}

static int refuse(const struct command *self, const struct pg_stmt *stmt, int argc, char **argv)
{
	const char *url = NULL, *output = NULL, *reason = NULL;
	const char *ids[CLI_HOLDS_MAX];
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_REASON(reason, false), {0}};
	size_t count;
	int rc = cli_parse(self, flags, argc, argv, 1, CLI_HOLDS_MAX, ids, &count);

	if (rc >= 0)
		return rc;
	return decide_all(&(struct decision){.self = self,
				  .stmt = stmt,
				  .json = cli_wants_json(output),
				  .params = {{0}, cli_param(reason)}},
		url, ids, count);
}

int cli_deny(const struct command *self, int argc, char **argv)
{
	return refuse(self, &deny_stmt, argc, argv);
}

int cli_withdraw(const struct command *self, int argc, char **argv)
{
	return refuse(self, &withdraw_stmt, argc, argv);
}
