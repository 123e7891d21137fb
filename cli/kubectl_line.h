/* SPDX-License-Identifier: Apache-2.0 */
/* The kubectl command that a recorded API request amounts to, for people who read a replay. */
#pragma once

#include "common/base/buf.h"

/* What an audit event's columns say; absent spans where there is nothing. */
struct kubectl_call {
	struct span verb, uri, group, resource, subresource, namespace_, name, as_user;
};

/*
 * Appends e.g. "kubectl delete deployments.apps checkout -n prod". It is what a person would type
 * to the same effect, not what was typed: the API server never sees that.
 */
void kubectl_line_put(struct buf *out, const struct kubectl_call *call);
