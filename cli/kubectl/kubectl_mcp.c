/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl holdpoint mcp: a server of the Model Context Protocol over stdio, for agents that speak
 * it. It acts as the user of the kubeconfig, and has tools for holds of that user's own alone
 * (mcp_tools.h). One message after the other: a wait ends early when another call comes.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cli/kubectl/mcp_tools.h"

#define ANSWER_MAX ((size_t)8 << 20)

static const char instructions[] =
	"Holdpoint holds some requests to the Kubernetes API until a person approves them. You "
	"cannot approve anything. When a call is refused with \"hold N waits for approval\": tell "
	"your user who has to approve, say why you ask (hold_comment), wait (hold_wait), and "
	"repeat "
	"exactly the same call once next_step is repeat_unchanged. Never try to reach the same "
	"effect in another way. Some clients hide the refusal (kubectl cordon, drain, Helm): when "
	"something did not happen, look at holds_mine.";

/* Versions of the protocol whose messages these are, newest first. */
static const char *const versions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};

struct server {
	struct kube_options kube;
	struct mcp_io io;
};

static void initialize(const struct mcp_message *m, struct buf *out)
{
	json_ref asked = json_get_str(&m->doc, m->params, "protocolVersion");
	const char *version = versions[0];

	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		if (json_string_is(&m->doc, asked, span_of(versions[i])))
			version = versions[i];
	mcp_begin_result(out, m->id);
	buf_printf(out,
		"{\"protocolVersion\":\"%s\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{"
		"\"name\":\"holdpoint\",\"version\":\"" HOLDPOINT_VERSION "\"},\"instructions\":",
		version);
	json_put_string(out, span_of(instructions));
	buf_add_str(out, "}}");
}

static void list_tools(const struct mcp_message *m, struct buf *out)
{
	mcp_begin_result(out, m->id);
	buf_add_str(out, "{\"tools\":");
	mcp_put_tools(out);
	buf_add_str(out, "}}");
}

static void call_tool(
	struct server *s, const struct mcp_message *m, struct arena *arena, struct buf *out)
{
	const struct json_doc *d = &m->doc;
	json_ref name = json_get_str(d, m->params, "name"),
		 arguments = json_get_str(d, m->params, "arguments"),
		 token = json_pointer_str(d, m->params, "/_meta/progressToken");
	struct mcp_call call = {.kube = &s->kube, .io = &s->io, .id = m->id, .arena = arena};

	if (json_type(d, token) == JSON_STRING || json_type(d, token) == JSON_NUMBER)
		call.progress_token = json_text(d, token);
	if (arguments != JSON_NONE && json_type(d, arguments) != JSON_OBJECT) {
		mcp_put_error(out, m->id, MCP_INVALID_PARAMS, "arguments must be an object");
		return;
	}
	mcp_begin_result(out, m->id);
	if (mcp_call_tool(&call, json_string(d, name, arena), d, arguments, out) != 0) {
		buf_reset(out);
		mcp_put_error(out, m->id, MCP_INVALID_PARAMS, "there is no such tool");
		return;
	}
	buf_add_char(out, '}');
	if (call.cancelled)
		buf_reset(out);
}

static void answer(
	struct server *s, const struct mcp_message *m, struct arena *arena, struct buf *out)
{
	if (!m->id.ptr || !m->method.ptr)
		return; /* a notification, or the response to what nobody asked */
	if (span_eq_str(m->method, "initialize"))
		initialize(m, out);
	else if (span_eq_str(m->method, "tools/list"))
		list_tools(m, out);
	else if (span_eq_str(m->method, "tools/call"))
		call_tool(s, m, arena, out);
	else if (span_eq_str(m->method, "ping")) {
		mcp_begin_result(out, m->id);
		buf_add_str(out, "{}}");
	} else
		mcp_put_error(out, m->id, MCP_METHOD_NOT_FOUND, "there is no such method");
}

/* Takes one line, and answers it. -1: nobody reads the answers. */
static int serve_line(struct server *s, struct span line, bool too_long)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	_cleanup_(buf_free) struct buf out = BUF_INIT(ANSWER_MAX);
	char *copy = arena && !too_long ? arena_strndup(arena, line.ptr, line.len) : NULL;
	const char *why = too_long ? "a message may have a megabyte" : "out of memory";
	struct mcp_message m = {0};
	int code = MCP_INVALID_REQUEST;

	mcp_take(&s->io);
	if (line.len == 0 && !too_long)
		return 0;
	if (copy)
		code = mcp_read_message((struct span){copy, line.len}, arena, &m, &why);
	if (code != 0)
		mcp_put_error(&out, m.id, code, why);
	else
		answer(s, &m, arena, &out);
	if (out.failed) {
		buf_free(&out);
		out = (struct buf)BUF_INIT(ANSWER_MAX);
		mcp_put_error(&out, m.id, MCP_INVALID_REQUEST, "the answer is too large");
	}
	return out.len > 0 ? mcp_send(&out) : 0;
}

int kubectl_mcp(const struct command *self, int argc, char **argv)
{
	struct server s = {0};
	const struct flag flags[] = {CLI_FLAG_TEXT("kubeconfig", s.kube.kubeconfig, "FILE",
					     "kubeconfig instead of kubectl's"),
		CLI_FLAG_TEXT("context", s.kube.context, "NAME", "context of the kubeconfig"), {0}};
	enum mcp_input input = MCP_NOTHING;
	struct span line;
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	if (mcp_open(&s.io) != 0)
		return cli_error(self, CLI_FAILED, "standard input: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	while ((input = mcp_peek(&s.io, -1, &line)) != MCP_END)
		if (serve_line(&s, line, input == MCP_TOO_LONG) != 0)
			break;
	rc = s.io.in.failed ? cli_error(self, CLI_FAILED, "out of memory") : CLI_OK;
	buf_free(&s.io.in);
	return rc;
}
