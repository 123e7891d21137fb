/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl holdpoint approve|deny|reviews: the same decisions by creating a HoldReview, as the user
 * of the current kubeconfig. The API server says who that is, the webhook whether they may. What
 * waits for them: kubectl_holds.c.
 */
#include "cli/kubectl/kubectl_review.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/holds.h"
#include "common/base/local_time.h"
#include "common/base/rfc3339.h"

struct options {
	const struct command *self;
	struct kube_options kube;
	const char *output, *reason;
	struct cli_narrowing narrow;
	int64_t wait_ms;
	bool unseen;
};

/* ---- deciding ---- */

static void put_review(struct buf *b, const struct options *o, const char *id, bool approve)
{
	buf_printf(b,
		"{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldReview\","
		"\"metadata\":{\"generateName\":\"hold-%s-\"},\"spec\":{\"hold\":%s,"
		"\"decision\":\"%s\"",
		id, id, approve ? "Approve" : "Deny");
	kubectl_put_member(b, "reason", o->reason);
	kubectl_put_time(b, "until", o->narrow.for_ms);
	kubectl_put_member(b, "namespace", o->narrow.ns);
	kubectl_put_member(b, "name", o->narrow.name);
	kubectl_put_number(b, "uses", o->narrow.uses);
	if (o->narrow.like) {
		json_put_key(b, "like");
		buf_add_str(b, "true");
	}
	if (o->unseen)
		buf_add_str(b, ",\"unseen\":true");
	buf_add_str(b, "}}");
}

static int print_decided(
	const struct options *o, const struct kube_answer *answer, const char *id, bool approve)
{
	if (cli_wants_json(o->output))
		return cli_print_json(o->self, buf_span(&answer->body));
	if (answer->warnings.len > 0) {
		print_printable(stdout, answer->warnings.ptr);
		putchar('\n');
	} else {
		printf("hold %s: %s\n", id, approve ? "approved" : "denied");
	}
	return CLI_OK;
}

/* So says review_sentence() in the database; what counts at once needs no wait. */
static bool must_be_confirmed(const struct kube_answer *answer)
{
	return answer->warnings.len > 0 &&
	       strstr(answer->warnings.ptr, "waits for the API server's audit event");
}

static int decide_one(const struct options *o, const struct kube_config *config,
	struct arena *arena, const char *id, bool approve)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(1 << 20);
	_cleanup_(kube_answer_free) struct kube_answer answer = {0};
	int rc;

	put_review(&body, o, id, approve);
	if (!buf_str(&body))
		return cli_error(o->self, CLI_USAGE, "--reason: too long");
	rc = kubectl_request(o->self, config,
		KUBECTL_REVIEWS_PATH "?fieldManager=kubectl-holdpoint", body.ptr, &answer);
	if (rc > 0)
		return rc;
	buf_str(&answer.body);
	if (answer.warnings.len > 0) {
		answer.warnings.len--; /* the last newline */
		buf_str(&answer.warnings);
	}
	if (answer.status == 201)
		rc = print_decided(o, &answer, id, approve);
	if (answer.status == 201 && rc == CLI_OK && must_be_confirmed(&answer))
		rc = kubectl_await_confirmation(
			o->self, config, id, o->wait_ms, cli_wants_json(o->output));
	if (answer.status != 201)
		rc = kubectl_explain(o->self, &answer, arena);
	return rc;
}

static int decide_all(const struct options *o, struct arena *arena, const char *const *ids,
	size_t count, bool approve)
{
	char numbers[CLI_HOLDS_MAX][24];
	struct kube_config config;
	int rc, worst = CLI_OK;

	if ((rc = holds_parse_numbers(o->self, ids, count, numbers)) > 0 ||
		(rc = kubectl_config(o->self, &o->kube, arena, &config)) > 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		rc = decide_one(o, &config, arena, numbers[i], approve);
		worst = worst == CLI_OK || rc == CLI_FAILED ? rc : worst;
	}
	return worst;
}

static int kubectl_approve(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	struct options o = {.self = self, .wait_ms = 60000};
	const struct flag flags[] = {KUBECTL_FLAGS(o.kube, o.output),
		CLI_FLAG_REASON(o.reason, false), CLI_FLAGS_NARROW(o.narrow),
		CLI_FLAG_DURATION("wait", o.wait_ms, 0, INT64_C(3600000),
			"how long to wait for the API server's audit event where it must confirm "
			"the approval; 0: not at all"),
		CLI_FLAG_UNSEEN(o.unseen), {0}};
	const char *ids[CLI_HOLDS_MAX];
	size_t count;
	int rc = cli_parse(self, flags, argc, argv, 1, CLI_HOLDS_MAX, ids, &count);

	return rc >= 0 ? rc : decide_all(&o, arena, ids, count, true);
}

static int kubectl_deny(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	struct kubectl_user_denial m = {.self = self};
	const struct flag flags[] = {KUBECTL_FLAGS(m.kube, m.output),
		CLI_FLAG_REASON(m.reason, false), CLI_FLAGS_DENY_USER(m.filter, m.yes), {0}};
	const char *ids[CLI_HOLDS_MAX];
	size_t count;
	int rc = cli_parse(self, flags, argc, argv, 0, CLI_HOLDS_MAX, ids, &count);

	if (rc >= 0)
		return rc;
	rc = holds_check_deny(self, &m.filter, m.yes, count);
	if (rc > 0)
		return rc;
	if (m.filter.user)
		return kubectl_deny_user(&m, arena);
	return decide_all(
		&(struct options){
			.self = self, .kube = m.kube, .output = m.output, .reason = m.reason},
		arena, ids, count, false);
}

/* ---- listing ---- */

static const char *created(const char *text, char ret[LOCAL_TIME_MAX])
{
	struct rfc3339 t;

	return rfc3339_parse(span_of(text), &t) < 0 ? text : local_time(t.seconds * 1000, ret);
}

static int print_reviews(const struct options *o, struct span text, struct arena *arena)
{
	char title[LOCAL_TIME_MAX], at[LOCAL_TIME_MAX];
	const struct table_column columns[] = {{.title = "HOLD", .right = true},
		{.title = "DECISION"},
		{.title = local_time_title("CREATED", title), .rank = TABLE_TIME},
		{.title = "REVIEW"}, {.title = "REASON", .rank = TABLE_FILLER}};
	enum { CREATED = 2 };
	static const char *const pointers[] = {"/spec/hold",
		"/spec/decision", [CREATED] = "/metadata/creationTimestamp", "/metadata/name",
		"/spec/reason"};
	_cleanup_(table_freep) struct table *t =
		table_new(columns, ARRAY_LEN(columns), o->output != NULL);
	struct json_doc doc;
	unsigned count = 0;

	if (json_read(text.ptr, text.len, &kubectl_limits, arena, &doc, NULL) < 0)
		return cli_error(o->self, CLI_FAILED, "the API server's answer is not JSON");
	json_foreach (review, &doc, json_get_str(&doc, JSON_ROOT, "items")) {
		for (size_t i = 0; i < ARRAY_LEN(pointers); i++)
			table_add(t,
				i == CREATED
					? created(kubectl_field(&doc, review, pointers[i], arena),
						  at)
					: kubectl_field(&doc, review, pointers[i], arena),
				NULL);
		count++;
	}
	if (count > 0)
		table_print(t, stdout);
	else
		fputs("No HoldReviews found. What waits: kubectl holdpoint list\n", stderr);
	if (*kubectl_field(&doc, JSON_ROOT, "/metadata/continue", arena))
		fputs("There are more: kubectl get holdreviews shows them all.\n", stderr);
	return CLI_OK;
}

static int kubectl_reviews(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	struct options o = {.self = self};
	const struct flag flags[] = {KUBECTL_FLAGS(o.kube, o.output), {0}};
	struct kube_config config;
	_cleanup_(kube_answer_free) struct kube_answer answer = {0};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	rc = kubectl_config(self, &o.kube, arena, &config);
	if (rc > 0)
		return rc;
	rc = kubectl_request(self, &config, KUBECTL_REVIEWS_PATH "?limit=500", NULL, &answer);
	if (rc > 0)
		return rc;
	if (answer.status != 200)
		rc = kubectl_explain(self, &answer, arena);
	else if (cli_wants_json(o.output))
		rc = cli_print_json(self, buf_span(&answer.body));
	else
		rc = print_reviews(&o, buf_span(&answer.body), arena);
	return rc;
}

const struct command kubectl_commands[] = {
	{.name = "approve",
		.args = "HOLD…",
		.run = kubectl_approve,
		.summary = "Approve a hold as the user of the kubeconfig",
		.examples = "  kubectl holdpoint approve 42 --reason 'CHG-1234'\n"},
	{.name = "deny",
		.args = "[HOLD…]",
		.run = kubectl_deny,
		.summary = "Deny a hold as the user of the kubeconfig",
		.examples = "  kubectl holdpoint deny 42 --reason 'not during the freeze'\n"
			    "  kubectl holdpoint deny --user claude-code@agents.example.com\n"},
	{.name = "status",
		.args = "HOLD…",
		.run = kubectl_status,
		.summary = "Say what became of holds that you asked for",
		.examples = "  kubectl holdpoint status 42\n"},
	{.name = "wait",
		.args = "HOLD…",
		.run = kubectl_wait,
		.summary = "Wait until they are decided: exit 0 approved, 3 denied, 4 time over",
		.examples =
			"  kubectl holdpoint wait 42 --timeout 10m && kubectl delete pod web\n"},
	{.name = "comment",
		.args = "HOLD TEXT",
		.run = kubectl_comment,
		.summary = "Say why you ask; approvers see it as your own words",
		.examples = "  kubectl holdpoint comment 42 'the release of tonight needs it'\n"},
	{.name = "withdraw",
		.args = "HOLD…",
		.run = kubectl_withdraw,
		.summary = "Take back what you asked for yourself",
		.examples = "  kubectl holdpoint list --mine\n"
			    "  kubectl holdpoint withdraw 42\n"},
	{.name = "list",
		.args = "",
		.run = kubectl_list,
		.summary = "List the holds that wait for you"},
	{.name = "show",
		.args = "HOLD",
		.run = kubectl_show,
		.summary = "Show one of them, with the change"},
	{.name = "stop",
		.args = "[USER]",
		.run = kubectl_stop,
		.summary = "Stop an identity: everything it asks for is denied, reads included",
		.examples = "  kubectl holdpoint stop claude-code@agents.example.com --reason "
			    "'deletes in a loop'\n"
			    "  kubectl holdpoint stop --group ai-agents --reason INC-7 --for 1h\n"},
	{.name = "resume",
		.args = "[USER]",
		.run = kubectl_resume,
		.summary = "Let an identity go on that was stopped"},
	{.name = "mcp",
		.args = "",
		.run = kubectl_mcp,
		.summary = "Serve the Model Context Protocol on stdio, for agents that speak it",
		.examples = "  {\"mcpServers\": {\"holdpoint\": {\"command\": \"kubectl\", "
			    "\"args\": [\"holdpoint\", \"mcp\"]}}}\n"},
	{.name = "reviews",
		.args = "",
		.run = kubectl_reviews,
		.summary = "List the decisions made with kubectl"},
	{.name = NULL},
};
