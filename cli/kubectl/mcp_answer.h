/* SPDX-License-Identifier: Apache-2.0 */
/* What tools answer with: sentences that an agent can follow, and the same for programs. */
#pragma once

#include "cli/kubectl/mcp_tools.h"

/* What is being made; holds: JSON objects with commas between. */
struct mcp_answer {
	struct buf text, holds;
	const char *next; /* repeat_unchanged, wait_again or stop */
	bool pending;	  /* one of the holds is */
	bool decided;	  /* one of the holds is not */
};

#define MCP_ANSWER                                                                                 \
	{                                                                                          \
		.text = BUF_INIT(65536), .holds = BUF_INIT(1 << 20), .next = "stop"                \
	}
void mcp_answer_free(struct mcp_answer *a);

void mcp_answer_add_hold(
	struct mcp_answer *a, const struct json_doc *d, json_ref hold, struct arena *arena);
/* What several holds come to: what can be done goes first. */
void mcp_answer_settle(struct mcp_answer *a);
/* Appends the result of a call. */
void mcp_answer_put(struct buf *out, struct mcp_answer *a, bool is_error);
void mcp_put_failure(struct buf *out, const char *why);

/* What the API server said. */
struct mcp_reply {
	struct kube_answer answer;
	struct json_doc doc;
};
void mcp_reply_free(struct mcp_reply *r);

/* Creates a HoldReview with these members in its spec; a dry run asks. */
int mcp_ask(struct mcp_call *call, const struct kube_config *config, const char *spec, bool dry_run,
	struct mcp_reply *ret, struct err *e) _must_check_;
/* Adds one hold of the user's own. */
int mcp_ask_status(struct mcp_call *call, const struct kube_config *config, const char *hold,
	struct mcp_answer *a, struct err *e) _must_check_;
/* The API server and the user; -1: the failure is in out. */
int mcp_configure(struct mcp_call *call, struct kube_config *ret, struct buf *out) _must_check_;
