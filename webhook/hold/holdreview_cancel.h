/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HoldReviews that cancel what waits, and so decide on no single hold as its approver:
 *
 *   spec: {decision: Withdraw, hold: 42, reason}                           by who asked for it
 *   spec: {decision: Deny, requester: agent, reason, namespace, resource, policy, rule}
 *                                                       everything of theirs that waits for one
 *
 * Neither lets anything pass.
 */
#pragma once

#include "webhook/hold/holdreview.h"

bool holdreview_is_cancel(const struct policy_request *q);

/* NULL, or what is wrong with its spec. */
const char *holdreview_cancel_wrong(const struct holdreview *h);

/* Records it. conn is one. Blocks. */
void holdreview_cancel_decide(
	const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret);
