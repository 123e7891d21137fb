/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the Model Context Protocol over stdio: JSON-RPC 2.0, one message a line, in UTF-8.
 * Nothing but messages goes to standard output.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/json/json.h"

#define MCP_LINE_MAX (1 << 20)

struct mcp_io {
	int fd;	       /* what was standard input */
	struct buf in; /* what was read and not taken yet */
	size_t taken;  /* of it, by the line that was handed out last */
	bool eof;
	bool too_long; /* a line that is thrown away as it comes */
};

enum mcp_input { MCP_LINE, MCP_NOTHING, MCP_END, MCP_TOO_LONG };

/* Takes standard input, so that no program that a kubeconfig names reads messages. -1: errno. */
int mcp_open(struct mcp_io *io);
/* Waits for a whole line, at most timeout_ms (-1: for ever). It stays until it is taken. */
enum mcp_input mcp_peek(struct mcp_io *io, int timeout_ms, struct span *ret);
/* The line that was looked at is done with. */
void mcp_take(struct mcp_io *io);

/* Writes a message and a newline, and sees to it that it is out. -1: nobody reads any more. */
int mcp_send(struct buf *message);

/* A message that was read. */
struct mcp_message {
	struct json_doc doc;
	struct span id;	    /* JSON text; absent: a notification */
	struct span method; /* absent: a response, which nobody waits for */
	json_ref params;    /* or JSON_NONE */
};

/* 0; or the code of a JSON-RPC error, *ret_why says why. */
int mcp_read_message(
	struct span line, struct arena *arena, struct mcp_message *ret, const char **ret_why);

#define MCP_PARSE_ERROR	     (-32700)
#define MCP_INVALID_REQUEST  (-32600)
#define MCP_METHOD_NOT_FOUND (-32601)
#define MCP_INVALID_PARAMS   (-32602)

/* {"jsonrpc":"2.0","id":ID,"result": — what follows is the result, and a brace. */
void mcp_begin_result(struct buf *out, struct span id);
void mcp_put_error(struct buf *out, struct span id, int code, const char *why);
