/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HoldReviews that decide on no single hold as its approver:
 *
 *   spec: {decision: Withdraw, hold: 42, reason}                           by who asked for it
 *   spec: {decision: Deny, requester: agent, reason, namespace, resource, policy, rule}
 *                                                       everything of theirs that waits for one
 *
 * Both only take away.
 */
#pragma once

#include "webhook/hold/holdreview.h"

bool holdreview_is_many(const struct policy_request *q);

/* NULL, or what is wrong with its spec. */
const char *holdreview_many_wrong(const struct holdreview *h);

/* Records it. conn is one. Blocks. */
void holdreview_many_decide(
	const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret);
