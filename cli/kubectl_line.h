/* SPDX-License-Identifier: Apache-2.0 */
/* The kubectl command that a recorded API request amounts to, for people who read a replay. */
#pragma once

#include "common/base/buf.h"
#include "common/json/json.h"

/* What an audit event's columns say; absent spans where there is nothing. */
struct kubectl_call {
	struct span verb, uri, group, resource, subresource, namespace_, name, as_user;
	const struct json_doc *doc; /* what was recorded of the request's body, or NULL */
	json_ref body;
};

/*
 * Appends e.g. "kubectl delete deployments.apps checkout -n prod". It is what a person would type
 * to the same effect, not what was typed: the API server never sees that. With the body of a write
 * it runs as it is, in a shell that knows <<< (bash, zsh); where nothing would, it is a comment.
 */
void kubectl_line_put(struct buf *out, const struct kubectl_call *call, struct arena *arena);
