/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl holdpoint list|show: what waits for the user of the current kubeconfig. The query is a
 * HoldReview that is created as a dry run, with `decision: List`; the webhook puts the answer into
 * its status.
 */
#include <assert.h>
#include <stdio.h>

#include "cli/change.h"
#include "cli/holds.h"
#include "cli/kubectl/kubectl_review.h"

struct holds_query {
	const struct command *self;
	struct kube_options kube;
	const char *output;
	const char *hold; /* one hold's number; NULL: all */
	const char *more; /* further members of the spec, or NULL */
	struct arena *arena;
};

static int ask_for(const char *decision, const struct command *self,
	const struct kube_config *config, const char *hold, const char *more, struct arena *arena,
	struct kube_answer *ret, struct json_doc *ret_doc)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(16384);
	int rc;

	buf_printf(&body,
		"{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldReview\","
		"\"metadata\":{\"generateName\":\"list-\"},\"spec\":{\"decision\":\"%s\"%s%s%s%s}}",
		decision, hold ? ",\"hold\":" : "", hold ? hold : "", more ? "," : "",
		more ? more : "");
	rc = kubectl_request(self, config, KUBECTL_REVIEWS_PATH "?dryRun=All", buf_str(&body), ret);
	if (rc > 0)
		return rc;
	if (ret->status != 201) {
		rc = kubectl_explain(self, ret, arena);
		return rc > 0 ? rc : CLI_FAILED;
	}
	if (json_read(ret->body.ptr, ret->body.len, &kubectl_limits, arena, ret_doc, NULL) < 0)
		return cli_error(self, CLI_FAILED, "the API server's answer is not JSON");
	if (json_type(ret_doc, json_pointer_str(ret_doc, JSON_ROOT, "/status/holds")) != JSON_ARRAY)
		return cli_error(self, CLI_FAILED,
			"the answer holds no list: is Holdpoint's mutating webhook registered, and "
			"manifests/base/holdreview.yaml as new as this program?");
	return CLI_OK;
}

int kubectl_ask_holds(const struct command *self, const struct kube_config *config,
	const char *hold, const char *more, struct arena *arena, struct kube_answer *ret,
	struct json_doc *ret_doc)
{
	return ask_for("List", self, config, hold, more, arena, ret, ret_doc);
}

int kubectl_ask_status(const struct command *self, const struct kube_config *config,
	const char *hold, struct arena *arena, struct kube_answer *ret, struct json_doc *ret_doc)
{
	return ask_for("Status", self, config, hold, NULL, arena, ret, ret_doc);
}

static int ask(const struct holds_query *q, struct kube_answer *ret, struct json_doc *ret_doc)
{
	struct kube_config config;
	int rc = kubectl_config(q->self, &q->kube, q->arena, &config);

	return rc > 0 ? rc
		      : kubectl_ask_holds(
				q->self, &config, q->hold, q->more, q->arena, ret, ret_doc);
}

/* Who has approved, without the audit event that says so; "" for nobody. */
static const char *unconfirmed_of(const struct holds_query *q, const struct json_doc *d, json_ref h)
{
	_cleanup_(buf_free) struct buf names = BUF_INIT(65536);
	char *copy;

	json_foreach (name, d, json_get_str(d, h, "unconfirmed")) {
		struct span s = json_string(d, name, q->arena);

		buf_printf(&names, "%s%.*s", names.len > 0 ? ", " : "", SPAN_FMT(s));
	}
	if (names.len > 0)
		buf_add_str(&names, ", with kubectl: counts once the API server's audit event has "
				    "come");
	copy = names.len > 0 ? arena_strndup(q->arena, cli_text(&names), names.len) : NULL;
	return copy ? copy : "";
}

static int64_t number(
	const struct holds_query *q, const struct json_doc *d, json_ref h, const char *p)
{
	return strtoll(kubectl_field(d, h, p, q->arena), NULL, 10);
}

static void put_what_of(
	const struct holds_query *q, const struct json_doc *d, json_ref h, struct buf *out)
{
	holds_put_what(out, kubectl_field(d, h, "/operation", q->arena),
		kubectl_field(d, h, "/resource", q->arena),
		kubectl_field(d, h, "/namespace", q->arena),
		kubectl_field(d, h, "/name", q->arena));
}

/* ---- list ---- */

static void add_row(
	struct table *t, const struct holds_query *q, const struct json_doc *d, json_ref h)
{
	_cleanup_(buf_free) struct buf what = BUF_INIT(8192);
	char text[24];

	put_what_of(q, d, h, &what);
	table_add(t, kubectl_field(d, h, "/hold", q->arena), NULL);
	table_add(t, age_text(number(q, d, h, "/ageSeconds"), text), NULL);
	table_add(t, kubectl_field(d, h, "/requester", q->arena), NULL);
	table_add(t, cli_text(&what), NULL);
	table_add(t, kubectl_field(d, h, "/opens", q->arena), NULL);
	table_add(t, kubectl_field(d, h, "/rules", q->arena), NULL);
	table_add(t, kubectl_field(d, h, "/approverNames", q->arena), NULL);
	table_add(t, age_text(number(q, d, h, "/expiresInSeconds"), text), NULL);
}

static void print_list(const struct holds_query *q, const struct json_doc *d)
{
	static const struct table_column columns[] = {{.title = "HOLD", .right = true},
		{.title = "AGE", .right = true}, {.title = "REQUESTER", .rank = TABLE_NAME},
		{.title = "WHAT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_MIDDLE},
		{.title = "OPENS", .rank = TABLE_FILLER},
		{.title = "RULE", .rank = TABLE_RULE, .cut = TABLE_CUT_MIDDLE, .distinct = true},
		{.title = "APPROVERS", .rank = TABLE_FILLER}, {.title = "EXPIRES", .right = true}};
	_cleanup_(table_freep) struct table *t =
		table_new(columns, ARRAY_LEN(columns), q->output != NULL);
	bool any = false;
	int64_t last = 0;

	json_foreach (h, d, json_pointer_str(d, JSON_ROOT, "/status/holds")) {
		add_row(t, q, d, h);
		last = number(q, d, h, "/hold");
		any = true;
	}
	if (!any) {
		fputs(q->more ? "No holds found.\n" : "Nothing waits for you.\n", stderr);
		return;
	}
	table_print(t, stdout);
	if (json_type(d, json_pointer_str(d, JSON_ROOT, "/status/more")) == JSON_TRUE)
		fprintf(stderr, "There are more: repeat with --before %lld\n", (long long)last);
}

int kubectl_list(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	_cleanup_(buf_free) struct buf more = BUF_INIT(8192);
	struct holds_query q = {.self = self, .arena = arena};
	struct cli_hold_filter f = {0};
	const char *states = NULL;
	int64_t since_ms = 0, before = 0, limit = 0;
	bool mine = false;
	const struct flag flags[] = {KUBECTL_FLAGS(q.kube, q.output), CLI_FLAGS_HOLD_FILTER(f),
		CLI_FLAG_TEXT("state", states, "STATE,…",
			"instead of those that wait: approved, used, denied, expired, withdrawn"),
		CLI_FLAG_SINCE(since_ms, "only holds made since so long ago"),
		CLI_FLAG_BEFORE(before),
		CLI_FLAG_NUMBER("limit", limit, "N", 1, 100, "how many at most; 100 if not given"),
		CLI_FLAG_SWITCH("mine", mine, "what you asked for yourself"), {0}};
	_cleanup_(kube_answer_free) struct kube_answer answer = {0};
	struct json_doc d = {0};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	kubectl_put_filter(&more, &f);
	kubectl_put_member(&more, "state", states);
	kubectl_put_since(&more, since_ms);
	kubectl_put_number(&more, "before", before);
	kubectl_put_number(&more, "limit", limit);
	if (mine) {
		json_put_key(&more, "mine");
		buf_add_str(&more, "true");
	}
	q.more = more.len > 0 ? cli_text(&more) : NULL;
	rc = ask(&q, &answer, &d);
	assert(rc != CLI_OK || d.nodes);
	if (rc == CLI_OK && cli_wants_json(q.output))
		rc = cli_print_json(
			self, json_text(&d, json_pointer_str(&d, JSON_ROOT, "/status/holds")));
	else if (rc == CLI_OK)
		print_list(&q, &d);
	return rc;
}

/* ---- show ---- */

static void print_field(const char *title, const char *text)
{
	printf("%-12s", title);
	print_printable(stdout, text);
	putchar('\n');
}

/* Returns the exit code: a change that cannot be shown is an error. */
static int print_change_of(const struct holds_query *q, const struct json_doc *d, json_ref h)
{
	json_ref r = json_get_str(d, h, "change");
	struct span change = json_string(d, r, q->arena);
	const char *unseen = kubectl_field(d, h, "/changeUnseen", q->arena);
	struct err e;

	if (json_type(d, r) == -1 || json_type(d, r) == JSON_NULL ||
		change_print(stdout, change, strcmp(unseen, "null") == 0 ? "" : unseen, &e) == 0)
		return CLI_OK;
	return cli_error(
		q->self, CLI_FAILED, "the change of hold %s cannot be shown: %s", q->hold, e.msg);
}

static int print_hold(const struct holds_query *q, const struct json_doc *d, json_ref h)
{
	static const struct {
		const char *title, *pointer;
	} fields[] = {{"Requester:", "/requester"}, {"Cluster:", "/cluster"}, {"Rule:", "/rules"},
		{"Approvers:", "/approverNames"}, {"Opens:", "/opens"},
		{"Not shown:", "/notShown"}};
	_cleanup_(buf_free) struct buf what = BUF_INIT(8192);
	char age[24], left[24];

	printf("%-12s%s, %s of %s approvals, asked %s ago, %s time%s, expires in %s\n",
		"Hold:", kubectl_field(d, h, "/hold", q->arena),
		kubectl_field(d, h, "/approvals", q->arena),
		kubectl_field(d, h, "/minApprovals", q->arena),
		age_text(number(q, d, h, "/ageSeconds"), age),
		kubectl_field(d, h, "/attempts", q->arena),
		number(q, d, h, "/attempts") == 1 ? "" : "s",
		age_text(number(q, d, h, "/expiresInSeconds"), left));
	put_what_of(q, d, h, &what);
	print_field("Wants:", cli_text(&what));
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		json_ref v = json_pointer(d, h, span_of(fields[i].pointer));

		if (v != JSON_NONE && json_type(d, v) != JSON_NULL)
			print_field(
				fields[i].title, kubectl_field(d, h, fields[i].pointer, q->arena));
	}
	if (strcmp(kubectl_field(d, h, "/requireReason", q->arena), "true") == 0)
		print_field("Needs:", "a reason");
	if (strcmp(kubectl_field(d, h, "/isQuestion", q->arena), "true") == 0)
		print_field("Asked:",
			"at /authorize, by whom is not known; a use is what the audit trail shows");
	if (*unconfirmed_of(q, d, h))
		print_field("Reviewed:", unconfirmed_of(q, d, h));
	/* Last: a rule may quote what the requester wrote. */
	printf("%-12s\"", "Says:");
	print_printable(stdout, kubectl_field(d, h, "/message", q->arena));
	puts("\"");
	json_foreach (c, d, json_get_str(d, h, "comments")) {
		struct span said = json_string(d, c, q->arena);
		char *text = arena_strndup(q->arena, said.ptr ? said.ptr : "", said.len);

		printf("%-12s\"", "Comment:");
		print_printable(stdout, text ? text : "");
		puts("\"");
	}
	return print_change_of(q, d, h);
}

int kubectl_show(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	struct holds_query q = {.self = self, .arena = arena};
	const struct flag flags[] = {KUBECTL_FLAGS(q.kube, q.output), {0}};
	_cleanup_(kube_answer_free) struct kube_answer answer = {0};
	const char *id;
	char hold[1][24];
	struct json_doc d = {0};
	size_t count;
	json_ref h;
	int rc = cli_parse(self, flags, argc, argv, 1, 1, &id, &count);

	if (rc >= 0)
		return rc;
	rc = holds_parse_numbers(self, &id, 1, hold);
	if (rc > 0)
		return rc;
	q.hold = hold[0];
	rc = ask(&q, &answer, &d);
	h = rc == CLI_OK ? json_pointer_str(&d, JSON_ROOT, "/status/holds/0") : JSON_NONE;
	if (rc == CLI_OK && h == JSON_NONE)
		rc = cli_error(self, CLI_NO,
			"hold %s does not wait for you; what does: kubectl holdpoint list, what "
			"you asked for yourself: list --mine",
			q.hold);
	else if (rc == CLI_OK && cli_wants_json(q.output))
		rc = cli_print_json(self, json_text(&d, h));
	else if (rc == CLI_OK)
		rc = print_hold(&q, &d, h);
	return rc;
}
