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
	"END, uses => $4::int, namespace => $5, name => $6, alike => $7::boolean, "
	"unseen => $8::boolean)",
	8};
static const struct pg_stmt deny_stmt = {"deny", "SELECT holdpoint.deny($1::bigint, $2)", 2};
static const struct pg_stmt withdraw_stmt = {
	"withdraw", "SELECT holdpoint.withdraw($1::bigint, $2)", 2};

#define DENIED_AT_ONCE 1000 /* by one deny_user */

/* What deny_user would deny: the same function finds them. */
static const struct pg_stmt of_user_stmt = {"of_user",
	"SELECT h.id, h.operation, holdpoint.resource_name(h.api_group, h.resource, "
	"h.subresource) AS resource, h.namespace, h.name, holdpoint.hold_rule_names(h) AS rules, "
	"count(*) OVER () AS total FROM holdpoint.deny_user_preview(requester => $1, cluster => "
	"$2, namespace => $3, resource => $4, policy => $5, rule => $6) AS p(id) "
	"JOIN holdpoint.hold h USING (id) ORDER BY h.id LIMIT 20",
	6};
static const struct pg_stmt deny_user_stmt = {"deny_user",
	"SELECT holdpoint.deny_user(requester => $1, cluster => $2, namespace => $3, resource => "
	"$4, policy => $5, rule => $6, reason => $7)",
	7};

static const struct pg_stmt state_stmt = {
	"state", "SELECT state FROM holdpoint.holds WHERE id = $1::bigint", 1};

struct decision {
	const struct command *self;
	const struct pg_stmt *stmt;
	struct span params[8]; /* the hold's number first */
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
	bool unseen = false;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_REASON(reason, false), CLI_FLAGS_NARROW(narrow), CLI_FLAG_UNSEEN(unseen),
		{0}};
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
				cli_param(narrow.name), narrow.like ? SPAN("t") : SPAN("f"),
				unseen ? SPAN("t") : SPAN("f")},
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

/* ---- all of one requester ---- */

static void print_of_user(const struct pg_result *r, const char *user)
{
	static const struct table_column columns[] = {{.title = "HOLD", .right = true},
		{.title = "WHAT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_MIDDLE},
		{.title = "RULE", .rank = TABLE_RULE, .cut = TABLE_CUT_MIDDLE, .distinct = true}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), false);
	int64_t total = pg_result_int_of(r, 0, "total");

	for (int i = 0; i < pg_result_rows(r); i++) {
		_cleanup_(buf_free) struct buf what = BUF_INIT(8192);

		holds_put_what(&what, pg_result_str_of(r, i, "operation"),
			pg_result_str_of(r, i, "resource"), pg_result_str_of(r, i, "namespace"),
			pg_result_str_of(r, i, "name"));
		table_add(t, pg_result_str_of(r, i, "id"), NULL);
		table_add(t, cli_text(&what), NULL);
		table_add(t, pg_result_str_of(r, i, "rules"), NULL);
	}
	table_print(t, stderr);
	if (total > pg_result_rows(r))
		fprintf(stderr, "… and %lld more\n", (long long)total - pg_result_rows(r));
	fprintf(stderr, "%lld hold%s of ", (long long)total, total == 1 ? "" : "s");
	print_printable(stderr, user);
	fputs(total == 1 ? " waits for approval.\n" : " wait for approval.\n", stderr);
	if (total == DENIED_AT_ONCE)
		fputs("That is as many as are denied at once: there may be more.\n", stderr);
}

static int deny_user(const struct command *self, const char *url, const char *output, bool yes,
	const struct span params[7])
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(pg_result_freep) struct pg_result *waiting = NULL, *row = NULL;
	int rc = cli_connect(self, url, &conn);

	if (rc > 0 || (rc = cli_query(self, conn, &of_user_stmt, params, &waiting)) > 0)
		return rc;
	if (pg_result_rows(waiting) == 0)
		return cli_error(
			self, CLI_NO, "nothing of %.*s waits for you", SPAN_FMT(params[0]));
	if (!yes) {
		print_of_user(waiting, params[0].ptr);
		rc = holds_confirm(self, "Deny them all?");
		if (rc > 0)
			return rc;
	}
	rc = cli_query(self, conn, &deny_user_stmt, params, &row);
	if (rc > 0)
		return rc;
	if (cli_wants_json(output)) {
		_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 16);

		buf_add_str(&b, "{\"message\":");
		json_put_string(&b, pg_result_span(row, 0, 0));
		buf_add_char(&b, '}');
		return cli_print_json(self, buf_span(&b));
	}
	print_printable(stdout, pg_result_str(row, 0, 0));
	putchar('\n');
	return CLI_OK;
}

int cli_deny(const struct command *self, int argc, char **argv)
{
	const char *url = NULL, *output = NULL, *reason = NULL, *cluster = NULL;
	const char *ids[CLI_HOLDS_MAX];
	struct cli_hold_filter f = {0};
	bool yes = false;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url), CLI_FLAG_OUTPUT(output),
		CLI_FLAG_REASON(reason, false), CLI_FLAGS_DENY_USER(f, yes),
		CLI_FLAG_CLUSTER(cluster, "with --user: only in this cluster"), {0}};
	size_t count;
	int rc = cli_parse(self, flags, argc, argv, 0, CLI_HOLDS_MAX, ids, &count);

	if (rc >= 0)
		return rc;
	rc = holds_check_deny(self, &f, yes || cluster, count);
	if (rc > 0)
		return rc;
	if (!f.user)
		return decide_all(&(struct decision){.self = self,
					  .stmt = &deny_stmt,
					  .json = cli_wants_json(output),
					  .params = {{0}, cli_param(reason)}},
			url, ids, count);
	return deny_user(self, url, output, yes,
		(struct span[7]){cli_param(f.user), cli_param(cluster), cli_param(f.ns),
			cli_param(f.resource), cli_param(f.policy), cli_param(f.rule),
			cli_param(reason)});
}

int cli_withdraw(const struct command *self, int argc, char **argv)
{
	return refuse(self, &withdraw_stmt, argc, argv);
}
