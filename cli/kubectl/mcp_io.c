/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kubectl/mcp_io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "common/base/clock.h"

static const struct json_limits limits = {
	.max_bytes = MCP_LINE_MAX, .max_depth = 32, .max_nodes = 20000};

int mcp_open(struct mcp_io *io)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC), rc;

	*io = (struct mcp_io){.in = BUF_INIT(MCP_LINE_MAX + 16384)};
	io->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (nothing < 0 || io->fd < 0)
		return -1;
	rc = dup2(nothing, STDIN_FILENO) < 0 ? -1 : 0;
	close(nothing);
	return rc;
}

/* Reads what there is. False: nothing more will come. */
static void fill(struct mcp_io *io)
{
	char chunk[8192];
	ssize_t n = read(io->fd, chunk, sizeof(chunk));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		io->eof = true;
	if (n > 0)
		buf_add(&io->in, chunk, (size_t)n);
	if (io->in.failed)
		io->eof = true;
}

/* A line that is too long is thrown away up to its end, and told once. */
static bool find_line(struct mcp_io *io, struct span *ret, enum mcp_input *ret_input)
{
	const char *end = io->in.len > 0 ? memchr(io->in.ptr, '\n', io->in.len) : NULL;

	if (!end && io->in.len < MCP_LINE_MAX)
		return false;
	io->taken = end ? (size_t)(end - io->in.ptr) + 1 : io->in.len;
	*ret = (struct span){io->in.ptr, end ? io->taken - 1 : io->taken};
	if (!end) {
		io->too_long = true;
		mcp_take(io);
		return false;
	}
	*ret_input = io->too_long ? MCP_TOO_LONG : MCP_LINE;
	return true;
}

enum mcp_input mcp_peek(struct mcp_io *io, int timeout_ms, struct span *ret)
{
	int64_t until_ms = monotonic_ms() + timeout_ms;
	enum mcp_input input;

	for (;;) {
		struct pollfd p = {.fd = io->fd, .events = POLLIN};
		int64_t left_ms = until_ms - monotonic_ms();

		if (find_line(io, ret, &input))
			return input;
		if (io->eof)
			return MCP_END;
		if (timeout_ms >= 0 && left_ms <= 0)
			return MCP_NOTHING;
		if (poll(&p, 1, timeout_ms < 0 ? -1 : (int)left_ms) > 0)
			fill(io);
	}
}

void mcp_take(struct mcp_io *io)
{
	/* Until then what is left of a line that is too long is no line. */
	if (io->taken > 0 && io->in.ptr[io->taken - 1] == '\n')
		io->too_long = false;
	memmove(io->in.ptr, io->in.ptr + io->taken, io->in.len - io->taken);
	io->in.len -= io->taken;
	io->taken = 0;
}

int mcp_send(struct buf *message)
{
	size_t at = 0;

	buf_add_char(message, '\n');
	if (message->failed)
		return -1;
	while (at < message->len) {
		ssize_t n = write(STDOUT_FILENO, message->ptr + at, message->len - at);

		if (n < 0 && errno != EINTR)
			return -1;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* ---- messages ---- */

static bool is_id(const struct json_doc *d, json_ref id)
{
	return json_type(d, id) == JSON_STRING || json_type(d, id) == JSON_NUMBER;
}

int mcp_read_message(
	struct span line, struct arena *arena, struct mcp_message *ret, const char **ret_why)
{
	struct json_doc *d = &ret->doc;
	json_ref id, method;

	*ret = (struct mcp_message){.params = JSON_NONE};
	if (json_read(line.ptr, line.len, &limits, arena, d, NULL) != 0) {
		*ret_why = "this is not one JSON text a line, or it is too large";
		return MCP_PARSE_ERROR;
	}
	id = json_get_str(d, JSON_ROOT, "id");
	method = json_get_str(d, JSON_ROOT, "method");
	if (is_id(d, id))
		ret->id = json_text(d, id);
	*ret_why = "this is not a message of JSON-RPC 2.0";
	if (json_type(d, JSON_ROOT) != JSON_OBJECT ||
		!json_string_is(d, json_get_str(d, JSON_ROOT, "jsonrpc"), SPAN("2.0")) ||
		(id != JSON_NONE && !is_id(d, id)))
		return MCP_INVALID_REQUEST;
	ret->params = json_get_str(d, JSON_ROOT, "params");
	if (method == JSON_NONE)
		return ret->id.ptr ? 0 : MCP_INVALID_REQUEST;
	ret->method = json_string(d, method, arena);
	return ret->method.ptr ? 0 : MCP_INVALID_REQUEST;
}

void mcp_begin_result(struct buf *out, struct span id)
{
	buf_add_str(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	buf_add_span(out, id);
	buf_add_str(out, ",\"result\":");
}

void mcp_put_error(struct buf *out, struct span id, int code, const char *why)
{
	buf_add_str(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	buf_add_span(out, id.ptr ? id : SPAN("null"));
	buf_printf(out, ",\"error\":{\"code\":%d,\"message\":", code);
	json_put_string(out, span_of(why));
	buf_add_str(out, "}}");
}
