/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tools of kubectl holdpoint mcp: what an agent may know and do about holds of its own, as the
 * user of its kubeconfig. None approves, and none runs anything.
 */
#pragma once

#include "cli/kubectl/kubectl_review.h"
#include "cli/kubectl/mcp_io.h"

/* The argument of a call, checked: what is missing is 0, NULL or absent. */
struct mcp_arguments {
	char holds[20][24]; /* numbers */
	size_t hold_count;
	const char *text; /* hold_comment's text, hold_withdraw's reason, holds_mine's state */
	int64_t number;	  /* holds_mine's limit, hold_wait's seconds */
};

/* One call. */
struct mcp_call {
	const struct kube_options *kube;
	struct mcp_io *io;
	struct span id;
	struct span progress_token; /* JSON text; absent: none */
	struct arena *arena;
	struct mcp_arguments args;
	bool cancelled; /* no answer is wanted any more */
};

/* Appends the array of tools. */
void mcp_put_tools(struct buf *out);

/* -1: there is no such tool. Else *out has the result, a failure too; nothing when cancelled. */
int mcp_call_tool(struct mcp_call *call, struct span name, const struct json_doc *d,
	json_ref arguments, struct buf *out);
