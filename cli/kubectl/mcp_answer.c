/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kubectl/mcp_answer.h"

#include <stdio.h>

#include "cli/holds.h"
#include "common/base/utf8.h"

/* ---- what a hold is, for the reader ---- */

static const struct {
	const char *state, *next, *says;
} states[] = {
	{"pending", "wait_again", "a person has to decide"},
	{"approved", "repeat_unchanged", "approved: repeat exactly the call that was held"},
	{"used", "stop", "it was approved, and the call has passed"},
	{"denied", "stop", "denied"},
	{"expired", "stop", "nobody decided in time"},
	{"withdrawn", "stop", "it was taken back"},
};

static size_t state_of(const struct json_doc *d, json_ref hold, struct arena *arena)
{
	const char *state = kubectl_field(d, hold, "/state", arena);

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].state, state) == 0)
			return i;
	return 0;
}

void mcp_answer_free(struct mcp_answer *a)
{
	buf_free(&a->text);
	buf_free(&a->holds);
}

static void put_member(struct buf *out, const struct json_doc *d, json_ref hold, const char *name,
	const char *pointer, struct arena *arena)
{
	json_ref v = json_pointer(d, hold, span_of(pointer));

	if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
		return;
	json_put_key(out, name);
	if (json_type(d, v) == JSON_STRING)
		json_put_string(out, json_string(d, v, arena));
	else
		buf_add_span(out, json_text(d, v));
}

/* On one line: what somebody wrote must not look like what to do next. */
static void add_text(struct mcp_answer *a, const struct json_doc *d, json_ref hold,
	const char *before, const char *pointer, struct arena *arena)
{
	json_ref v = json_pointer(d, hold, span_of(pointer));

	if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
		return;
	buf_add_str(&a->text, before);
	utf8_put_printable(&a->text, span_of(kubectl_field(d, hold, pointer, arena)));
}

void mcp_answer_add_hold(
	struct mcp_answer *a, const struct json_doc *d, json_ref hold, struct arena *arena)
{
	_cleanup_(buf_free) struct buf what = BUF_INIT(8192);
	size_t state = state_of(d, hold, arena);

	holds_put_what(&what, kubectl_field(d, hold, "/operation", arena),
		kubectl_field(d, hold, "/resource", arena),
		kubectl_field(d, hold, "/namespace", arena),
		kubectl_field(d, hold, "/name", arena));
	buf_printf(&a->text, "hold %s (%s): %s", kubectl_field(d, hold, "/hold", arena),
		buf_str(&what) ? what.ptr : "", states[state].says);
	if (state == 0)
		add_text(a, d, hold, ", one of: ", "/approverNames", arena);
	else
		add_text(a, d, hold, ", by ", "/decidedBy", arena);
	add_text(a, d, hold, "; reason: ", "/reason", arena);
	buf_add_str(&a->text, "\n");
	a->pending |= state == 0;
	a->decided |= state != 0;
	if (state == 1)
		a->next = "repeat_unchanged";
	buf_add_str(&a->holds, a->holds.len > 0 ? ",{" : "{");
	put_member(&a->holds, d, hold, "hold", "/hold", arena);
	put_member(&a->holds, d, hold, "state", "/state", arena);
	json_put_key(&a->holds, "next_step");
	json_put_string(&a->holds, span_of(states[state].next));
	json_put_key(&a->holds, "what");
	json_put_string(&a->holds, buf_span(&what));
	put_member(&a->holds, d, hold, "rules", "/rules", arena);
	put_member(&a->holds, d, hold, "approvers", "/approverNames", arena);
	put_member(&a->holds, d, hold, "expires_in_s", "/expiresInSeconds", arena);
	put_member(&a->holds, d, hold, "decided_by", "/decidedBy", arena);
	put_member(&a->holds, d, hold, "reason", "/reason", arena);
	put_member(&a->holds, d, hold, "comments", "/comments", arena);
	buf_add_char(&a->holds, '}');
}

/* What several holds come to: what can be done goes first. */
void mcp_answer_settle(struct mcp_answer *a)
{
	if (strcmp(a->next, "repeat_unchanged") != 0)
		a->next = a->pending ? "wait_again" : "stop";
}

static const char *instruction(const char *next)
{
	if (strcmp(next, "repeat_unchanged") == 0)
		return "Repeat exactly the call that was held, unchanged.";
	if (strcmp(next, "wait_again") == 0)
		return "Tell your user who has to approve, then call hold_wait. You cannot approve "
		       "it yourself; do not try another way.";
	return "Do not repeat the call and do not try another way: tell your user.";
}

void mcp_answer_put(struct buf *out, struct mcp_answer *a, bool is_error)
{
	buf_printf(&a->text, "next_step: %s. %s", a->next, instruction(a->next));
	buf_add_str(out, "{\"content\":[{\"type\":\"text\",\"text\":");
	json_put_string(out, buf_span(&a->text));
	buf_add_str(out, "}],\"structuredContent\":{\"next_step\":");
	json_put_string(out, span_of(a->next));
	json_put_key(out, "message");
	json_put_string(out, buf_span(&a->text));
	buf_add_str(out, ",\"holds\":[");
	buf_add_span(out, buf_span(&a->holds));
	buf_printf(out, "]},\"isError\":%s}", is_error ? "true" : "false");
	out->failed |= a->text.failed || a->holds.failed;
}

void mcp_put_failure(struct buf *out, const char *why)
{
	_cleanup_(mcp_answer_free) struct mcp_answer a = MCP_ANSWER;

	buf_printf(&a.text, "%s\n", why);
	mcp_answer_put(out, &a, true);
}

/* ---- asking ---- */

void mcp_reply_free(struct mcp_reply *r)
{
	kube_answer_free(&r->answer);
}

/* Creates a HoldReview with these members in its spec; a dry run asks. */
int mcp_ask(struct mcp_call *call, const struct kube_config *config, const char *spec, bool dry_run,
	struct mcp_reply *ret, struct err *e)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(65536);
	const char *why;

	buf_printf(&body,
		"{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldReview\",\"metadata\":{"
		"\"generateName\":\"mcp-\"},\"spec\":{%s}}",
		spec);
	if (!buf_str(&body) ||
		kube_request(config,
			dry_run ? KUBECTL_REVIEWS_PATH "?dryRun=All" : KUBECTL_REVIEWS_PATH,
			body.ptr, &ret->answer, e) != 0)
		return body.failed ? err_set(e, "the call is too large") : -1;
	if (json_read(ret->answer.body.ptr, ret->answer.body.len, &kubectl_limits, call->arena,
		    &ret->doc, NULL) != 0)
		return err_set(
			e, "the API server's answer is not JSON (HTTP %ld)", ret->answer.status);
	if (ret->answer.status == 201)
		return 0;
	why = kubectl_field(&ret->doc, JSON_ROOT, "/message", call->arena);
	return err_set(e, "%.400s (HTTP %ld)",
		ret->answer.status == 404 ? "this cluster knows no HoldReviews" : why,
		ret->answer.status);
}

int mcp_ask_status(struct mcp_call *call, const struct kube_config *config, const char *hold,
	struct mcp_answer *a, struct err *e)
{
	_cleanup_(mcp_reply_free) struct mcp_reply r = {0};
	char spec[80];
	json_ref found;

	snprintf(spec, sizeof(spec), "\"decision\":\"Status\",\"hold\":%s", hold);
	if (mcp_ask(call, config, spec, true, &r, e) != 0)
		return -1;
	found = json_pointer_str(&r.doc, JSON_ROOT, "/status/holds/0");
	if (found == JSON_NONE)
		return err_set(e, "Holdpoint's mutating webhook did not answer: it is not "
				  "registered, or older than this program");
	mcp_answer_add_hold(a, &r.doc, found, call->arena);
	return 0;
}

int mcp_configure(struct mcp_call *call, struct kube_config *ret, struct buf *out)
{
	struct err e;

	if (kube_config_load(call->kube, call->arena, ret, &e) == 0)
		return 0;
	mcp_put_failure(out, e.msg);
	return -1;
}
