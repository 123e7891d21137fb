/* SPDX-License-Identifier: Apache-2.0 */
/* One table of tools, from which their list, the check of arguments and the calls come. */
#include "cli/kubectl/mcp_tools.h"

#include <stdio.h>

#include "cli/kubectl/mcp_answer.h"
#include "common/base/clock.h"

#define LOOK_MS	   2000 /* between two looks of hold_wait */
#define WAIT_MAX_S 50	/* clients give up after a minute */
#define TEXT_MAX   500
#define STATES	   "pending,approved,used,denied,expired,withdrawn"

enum kind { HOLD, HOLDS, STATE, TEXT, NUMBER };

struct argument {
	const char *name;
	enum kind kind;
	bool required;
	int64_t min, max, def; /* of a NUMBER */
	const char *about;
};

struct tool {
	const char *name, *about;
	bool changes; /* something */
	struct argument arguments[2];
	void (*run)(struct mcp_call *call, struct buf *out);
};

/* ---- the tools ---- */

static void holds_mine(struct mcp_call *call, struct buf *out)
{
	_cleanup_(mcp_answer_free) struct mcp_answer a = MCP_ANSWER;
	_cleanup_(mcp_reply_free) struct mcp_reply r = {0};
	_cleanup_(buf_free) struct buf spec = BUF_INIT(1024);
	struct kube_config config;
	struct err e;

	if (mcp_configure(call, &config, out) != 0)
		return;
	buf_printf(&spec, "\"decision\":\"List\",\"mine\":true,\"limit\":%lld,\"state\":\"%s\"",
		(long long)call->args.number, call->args.text ? call->args.text : STATES);
	if (!buf_str(&spec) || mcp_ask(call, &config, spec.ptr, true, &r, &e) != 0) {
		mcp_put_failure(out, spec.failed ? "out of memory" : e.msg);
		return;
	}
	json_foreach (h, &r.doc, json_pointer_str(&r.doc, JSON_ROOT, "/status/holds"))
		mcp_answer_add_hold(&a, &r.doc, h, call->arena);
	if (a.holds.len == 0)
		buf_add_str(&a.text, "No such holds: nothing that you asked for waits.\n");
	mcp_answer_settle(&a);
	mcp_answer_put(out, &a, false);
}

static void hold_status(struct mcp_call *call, struct buf *out)
{
	_cleanup_(mcp_answer_free) struct mcp_answer a = MCP_ANSWER;
	struct kube_config config;
	struct err e;

	if (mcp_configure(call, &config, out) != 0)
		return;
	if (mcp_ask_status(call, &config, call->args.holds[0], &a, &e) != 0) {
		mcp_put_failure(out, e.msg);
		return;
	}
	mcp_answer_settle(&a);
	mcp_answer_put(out, &a, false);
}

static void send_progress(struct mcp_call *call, int64_t waited_s)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);

	if (!call->progress_token.ptr)
		return;
	buf_printf(&b,
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
		"\"progressToken\":%.*s,\"progress\":%lld,\"total\":%lld,\"message\":\"waiting for "
		"a person\"}}",
		SPAN_FMT(call->progress_token), (long long)waited_s, (long long)call->args.number);
	(void)mcp_send(&b); /* who does not read it gets no answer either */
}

static bool cancels(const struct mcp_message *m, struct span id)
{
	json_ref asked = json_get_str(&m->doc, m->params, "requestId");

	return asked != JSON_NONE && span_eq(json_text(&m->doc, asked), id);
}

/* Is the message that has come the end of this call? A ping is answered; what else has come waits.
 */
static bool is_disturbed(struct mcp_call *call, int timeout_ms)
{
	_cleanup_(buf_free) struct buf pong = BUF_INIT(4096);
	struct mcp_message m;
	struct span line;
	const char *why;

	switch (mcp_peek(call->io, timeout_ms, &line)) {
	case MCP_LINE:
		break;
	case MCP_TOO_LONG:
		return true;
	default:
		return call->io->eof;
	}
	if (mcp_read_message(line, call->arena, &m, &why) != 0)
		return true;
	if (span_eq_str(m.method, "notifications/cancelled"))
		call->cancelled = cancels(&m, call->id);
	else if (span_eq_str(m.method, "ping") && m.id.ptr) {
		mcp_begin_result(&pong, m.id);
		buf_add_str(&pong, "{}}");
		(void)mcp_send(&pong);
	} else if (m.id.ptr) {
		return true; /* another call: this one is asked for again */
	}
	mcp_take(call->io);
	return call->cancelled;
}

static bool pause_between_looks(struct mcp_call *call, int64_t until_ms)
{
	int64_t next_ms = monotonic_ms() + LOOK_MS;

	while (monotonic_ms() < next_ms && monotonic_ms() < until_ms)
		if (is_disturbed(call,
			    (int)((next_ms < until_ms ? next_ms : until_ms) - monotonic_ms())))
			return false;
	return monotonic_ms() < until_ms;
}

/* Until one of them is decided: then there is something to do. */
static void hold_wait(struct mcp_call *call, struct buf *out)
{
	int64_t began_ms = monotonic_ms(), until_ms = began_ms + call->args.number * 1000;
	struct kube_config config;
	struct err e;

	if (mcp_configure(call, &config, out) != 0)
		return;
	for (bool more = true; more;) {
		_cleanup_(mcp_answer_free) struct mcp_answer a = MCP_ANSWER;

		for (size_t i = 0; i < call->args.hold_count; i++)
			if (mcp_ask_status(call, &config, call->args.holds[i], &a, &e) != 0) {
				mcp_put_failure(out, e.msg);
				return;
			}
		more = !a.decided && pause_between_looks(call, until_ms);
		if (call->cancelled)
			return;
		if (more) {
			send_progress(call, (monotonic_ms() - began_ms) / 1000);
			continue;
		}
		mcp_answer_settle(&a);
		mcp_answer_put(out, &a, false);
	}
}

/* Creates one, and says what the webhook says of it. */
static void change(struct mcp_call *call, const char *decision, const char *next, struct buf *out)
{
	_cleanup_(mcp_answer_free) struct mcp_answer a = MCP_ANSWER;
	_cleanup_(mcp_reply_free) struct mcp_reply r = {0};
	_cleanup_(buf_free) struct buf spec = BUF_INIT(16384);
	struct kube_config config;
	struct err e;

	if (mcp_configure(call, &config, out) != 0)
		return;
	buf_printf(&spec, "\"decision\":\"%s\",\"hold\":%s", decision, call->args.holds[0]);
	kubectl_put_member(&spec, "reason", call->args.text);
	if (!buf_str(&spec) || mcp_ask(call, &config, spec.ptr, false, &r, &e) != 0) {
		mcp_put_failure(out, spec.failed ? "out of memory" : e.msg);
		return;
	}
	buf_add_span(&a.text, buf_span(&r.answer.warnings));
	a.next = next;
	mcp_answer_put(out, &a, false);
}

static void hold_comment(struct mcp_call *call, struct buf *out)
{
	change(call, "Comment", "wait_again", out);
}

static void hold_withdraw(struct mcp_call *call, struct buf *out)
{
	change(call, "Withdraw", "stop", out);
}

#define ONE_HOLD                                                                                   \
	{                                                                                          \
		"hold", HOLD, true, 0, 0, 0, "number of the hold, as the refusal says it"          \
	}

static const struct tool tools[] = {
	{"holds_mine",
		"List the requests of yours that Holdpoint holds for a person's approval, or held. "
		"Use it when a command was refused with \"hold N waits for approval\", when a tool "
		"reported success and nothing happened, or to find what still waits.",
		false,
		{{"state", STATE, false, 0, 0, 0,
			 "only these states, with commas between: " STATES "; all if not given"},
			{"limit", NUMBER, false, 1, 100, 20, "how many at most, newest first"}},
		holds_mine},
	{"hold_status", "Say what became of one hold of yours, who has to decide, and what to do.",
		false, {ONE_HOLD}, hold_status},
	{"hold_wait",
		"Wait until a person has decided one of these holds, at most timeout_s. Answers "
		"with "
		"next_step: repeat_unchanged (repeat exactly the call that was held), wait_again "
		"or "
		"stop.",
		false,
		{{"holds", HOLDS, true, 0, 0, 0, "numbers of the holds"},
			{"timeout_s", NUMBER, false, 1, WAIT_MAX_S, 45, "seconds"}},
		hold_wait},
	{"hold_comment",
		"Tell the approvers of a hold of yours, in your own words, why you ask: what for, "
		"for "
		"whom, what happens without it.",
		true,
		{ONE_HOLD, {"text", TEXT, true, 0, 0, 0, "at most 500 characters, no secrets"}},
		hold_comment},
	{"hold_withdraw", "Take a hold of yours back that is not needed any more.", true,
		{ONE_HOLD, {"reason", TEXT, false, 0, 0, 0, "why, at most 500 characters"}},
		hold_withdraw},
};

/* ---- the list ---- */

static void put_schema_of(struct buf *out, const struct argument *a)
{
	json_put_key(out, a->name);
	if (a->kind == HOLD || a->kind == NUMBER)
		buf_printf(out, "{\"type\":\"integer\",\"minimum\":%lld",
			a->kind == HOLD ? 1LL : (long long)a->min);
	else if (a->kind == HOLDS)
		buf_add_str(out, "{\"type\":\"array\",\"minItems\":1,\"maxItems\":20,\"items\":{"
				 "\"type\":\"integer\",\"minimum\":1}");
	else
		buf_printf(out, "{\"type\":\"string\",\"maxLength\":%d", TEXT_MAX);
	if (a->kind == NUMBER)
		buf_printf(out, ",\"maximum\":%lld,\"default\":%lld", (long long)a->max,
			(long long)a->def);
	json_put_key(out, "description");
	json_put_string(out, span_of(a->about));
	buf_add_char(out, '}');
}

static void put_input_schema(struct buf *out, const struct tool *t)
{
	const char *before = "";

	buf_add_str(out, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
	for (size_t i = 0; i < ARRAY_LEN(t->arguments) && t->arguments[i].name; i++)
		put_schema_of(out, &t->arguments[i]);
	buf_add_str(out, "},\"required\":[");
	for (size_t i = 0; i < ARRAY_LEN(t->arguments) && t->arguments[i].name; i++)
		if (t->arguments[i].required) {
			buf_printf(out, "%s\"%s\"", before, t->arguments[i].name);
			before = ",";
		}
	buf_add_str(out, "]}");
}

void mcp_put_tools(struct buf *out)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		buf_add_str(out, i > 0 ? ",{" : "{");
		json_put_key(out, "name");
		json_put_string(out, span_of(tools[i].name));
		json_put_key(out, "description");
		json_put_string(out, span_of(tools[i].about));
		json_put_key(out, "inputSchema");
		put_input_schema(out, &tools[i]);
		buf_add_str(out,
			",\"outputSchema\":{\"type\":\"object\",\"properties\":{\"next_step\":{"
			"\"type\":\"string\",\"enum\":[\"repeat_unchanged\",\"wait_again\","
			"\"stop\"]},"
			"\"message\":{\"type\":\"string\"},\"holds\":{\"type\":\"array\",\"items\":"
			"{"
			"\"type\":\"object\"}}},\"required\":[\"next_step\",\"message\",\"holds\"]"
			"}");
		buf_printf(out,
			",\"annotations\":{\"readOnlyHint\":%s,\"destructiveHint\":false,"
			"\"openWorldHint\":false}}",
			tools[i].changes ? "false" : "true");
	}
	buf_add_char(out, ']');
}

/* ---- the call ---- */

static int take_hold(const struct json_doc *d, json_ref v, struct mcp_arguments *args)
{
	int64_t n;

	if (args->hold_count == ARRAY_LEN(args->holds) || json_int64(d, v, &n) != 0 || n < 1)
		return -1;
	snprintf(args->holds[args->hold_count++], sizeof(args->holds[0]), "%lld", (long long)n);
	return 0;
}

static bool are_states(const char *text)
{
	_cleanup_(buf_free) struct buf one = BUF_INIT(256);

	for (const char *p = text; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
		buf_reset(&one);
		buf_add_char(&one, ',');
		buf_add(&one, p, strcspn(p, ","));
		buf_add_char(&one, ',');
		if (!buf_str(&one) || !strstr("," STATES ",", one.ptr))
			return false;
	}
	return *text;
}

static int take_text(const struct json_doc *d, json_ref v, struct mcp_call *call)
{
	struct span s = json_string(d, v, call->arena);

	if (!s.ptr || s.len == 0 || s.len > 4 * TEXT_MAX || memchr(s.ptr, 0, s.len))
		return -1;
	call->args.text = arena_strndup(call->arena, s.ptr, s.len);
	return call->args.text ? 0 : -1;
}

static int take(
	const struct argument *a, const struct json_doc *d, json_ref v, struct mcp_call *call)
{
	switch (a->kind) {
	case HOLD:
		return take_hold(d, v, &call->args);
	case HOLDS:
		json_foreach (h, d, v)
			if (take_hold(d, h, &call->args) != 0)
				return -1;
		return call->args.hold_count > 0 ? 0 : -1;
	case NUMBER:
		return json_int64(d, v, &call->args.number) == 0 && call->args.number >= a->min &&
				       call->args.number <= a->max
			       ? 0
			       : -1;
	case STATE:
		return take_text(d, v, call) == 0 && are_states(call->args.text) ? 0 : -1;
	case TEXT:
		return take_text(d, v, call);
	}
	return -1;
}

static const struct argument *argument_of(
	const struct tool *t, const struct json_doc *d, json_ref key)
{
	for (size_t i = 0; i < ARRAY_LEN(t->arguments) && t->arguments[i].name; i++)
		if (json_string_is(d, key, span_of(t->arguments[i].name)))
			return &t->arguments[i];
	return NULL;
}

/* 0, or -1 with what is wrong in e. */
static int take_all(const struct tool *t, const struct json_doc *d, json_ref arguments,
	struct mcp_call *call, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(t->arguments); i++)
		if (t->arguments[i].kind == NUMBER)
			call->args.number = t->arguments[i].def;
	json_foreach_member (key, d, arguments) {
		const struct argument *a = argument_of(t, d, key);

		if (!a)
			return err_set(
				e, "%s has no argument %.*s", t->name, SPAN_FMT(json_text(d, key)));
		if (take(a, d, key + 1, call) != 0)
			return err_set(e, "%s: %s is wrong: %s", t->name, a->name, a->about);
	}
	for (size_t i = 0; i < ARRAY_LEN(t->arguments) && t->arguments[i].name; i++)
		if (t->arguments[i].required &&
			json_get(d, arguments, span_of(t->arguments[i].name)) == JSON_NONE)
			return err_set(e, "%s needs %s: %s", t->name, t->arguments[i].name,
				t->arguments[i].about);
	return 0;
}

int mcp_call_tool(struct mcp_call *call, struct span name, const struct json_doc *d,
	json_ref arguments, struct buf *out)
{
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		if (!span_eq_str(name, tools[i].name))
			continue;
		if (take_all(&tools[i], d, arguments, call, &e) != 0)
			mcp_put_failure(out, e.msg);
		else
			tools[i].run(call, out);
		return 0;
	}
	return -1;
}
