/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl holdpoint deny --user: everything of one requester, shown and counted before. kubectl
 * holdpoint withdraw: what one asked for oneself. Both are HoldReviews.
 */
#include <stdio.h>

#include "cli/holds.h"
#include "cli/kubectl/kubectl_review.h"

#define REVIEW_OF(prefix)                                                                          \
	"{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldReview\",\"metadata\":{"        \
	"\"generateName\":\"" prefix "-\"},\"spec\":{\"decision\":"

#define CREATE_PATH KUBECTL_REVIEWS_PATH "?fieldManager=kubectl-holdpoint"

int kubectl_create(const struct command *self, const struct kube_config *config, const char *path,
	const char *output, const char *body, struct arena *arena)
{
	_cleanup_(kube_answer_free) struct kube_answer answer = {0};
	int rc = kubectl_request(self, config, path, body, &answer);

	if (rc > 0)
		return rc;
	if (answer.status != 201)
		return kubectl_explain(self, &answer, arena);
	if (cli_wants_json(output))
		return cli_print_json(self, buf_span(&answer.body));
	if (answer.warnings.len > 0)
		answer.warnings.len--; /* the last newline */
	print_printable(stdout, answer.warnings.len > 0 ? cli_text(&answer.warnings) : "done");
	putchar('\n');
	return CLI_OK;
}

/* ---- all of one requester ---- */

static void print_waiting(const struct kubectl_user_denial *m, const struct json_doc *d,
	json_ref holds, struct arena *arena)
{
	static const struct table_column columns[] = {{.title = "HOLD", .right = true},
		{.title = "WHAT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_MIDDLE},
		{.title = "RULE", .rank = TABLE_RULE, .cut = TABLE_CUT_MIDDLE, .distinct = true}};
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), false);
	bool more = json_type(d, json_pointer_str(d, JSON_ROOT, "/status/more")) == JSON_TRUE;
	unsigned count = 0;

	json_foreach (h, d, holds) {
		_cleanup_(buf_free) struct buf what = BUF_INIT(8192);

		holds_put_what(&what, kubectl_field(d, h, "/operation", arena),
			kubectl_field(d, h, "/resource", arena),
			kubectl_field(d, h, "/namespace", arena),
			kubectl_field(d, h, "/name", arena));
		table_add(t, kubectl_field(d, h, "/hold", arena), NULL);
		table_add(t, cli_text(&what), NULL);
		table_add(t, kubectl_field(d, h, "/rules", arena), NULL);
		count++;
	}
	table_print(t, stderr);
	fprintf(stderr, "%u%s hold%s of ", count, more ? " or more" : "", count == 1 ? "" : "s");
	print_printable(stderr, m->filter.user);
	fputs(count == 1 && !more ? " waits for approval.\n" : " wait for approval.\n", stderr);
}

/* 0: somebody has seen what it is about, and said yes. */
static int confirm(
	const struct kubectl_user_denial *m, const struct kube_config *config, struct arena *arena)
{
	_cleanup_(buf_free) struct buf more = BUF_INIT(16384);
	_cleanup_(kube_answer_free) struct kube_answer answer = {0};
	struct json_doc d = {0};
	json_ref holds;
	int rc;

	kubectl_put_filter(&more, &m->filter);
	rc = kubectl_ask_holds(m->self, config, NULL, cli_text(&more), arena, &answer, &d);
	if (rc > 0)
		return rc;
	holds = json_pointer_str(&d, JSON_ROOT, "/status/holds");
	if (json_text(&d, holds).len <= strlen("[]"))
		return cli_error(m->self, CLI_NO, "nothing of %s waits for you", m->filter.user);
	print_waiting(m, &d, holds, arena);
	return holds_confirm(m->self, "Deny them all?");
}

int kubectl_deny_user(const struct kubectl_user_denial *m, struct arena *arena)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(16384);
	struct kube_config config;
	int rc = kubectl_config(m->self, &m->kube, arena, &config);

	if (rc > 0 || (!m->yes && (rc = confirm(m, &config, arena)) > 0))
		return rc;
	buf_add_str(&body, REVIEW_OF("deny") "\"Deny\"");
	kubectl_put_filter(&body, &m->filter);
	kubectl_put_member(&body, "reason", m->reason);
	buf_add_str(&body, "}}");
	return kubectl_create(m->self, &config, CREATE_PATH, m->output, cli_text(&body), arena);
}

/* ---- one's own ---- */

static int withdraw_one(const struct command *self, const struct kube_config *config,
	const char *output, const char *reason, const char *id, struct arena *arena)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(16384);

	buf_printf(&body, REVIEW_OF("withdraw-%s") "\"Withdraw\",\"hold\":%s", id, id);
	kubectl_put_member(&body, "reason", reason);
	buf_add_str(&body, "}}");
	return kubectl_create(self, config, CREATE_PATH, output, cli_text(&body), arena);
}

int kubectl_withdraw(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	struct kube_options kube = {0};
	const char *output = NULL, *reason = NULL, *ids[CLI_HOLDS_MAX];
	const struct flag flags[] = {
		KUBECTL_FLAGS(kube, output), CLI_FLAG_REASON(reason, false), {0}};
	char numbers[CLI_HOLDS_MAX][24];
	struct kube_config config;
	size_t count;
	int worst = CLI_OK, rc = cli_parse(self, flags, argc, argv, 1, CLI_HOLDS_MAX, ids, &count);

	if (rc >= 0)
		return rc;
	if ((rc = holds_parse_numbers(self, ids, count, numbers)) > 0 ||
		(rc = kubectl_config(self, &kube, arena, &config)) > 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		rc = withdraw_one(self, &config, output, reason, numbers[i], arena);
		worst = worst == CLI_OK || rc == CLI_FAILED ? rc : worst;
	}
	return worst;
}
