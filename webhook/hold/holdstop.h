/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping with kubectl: creating a HoldStop (holdstops.holdpoint.dev) stops an identity, or lets
 * it go on.
 *
 *   spec: {action: Stop | Resume, user | group, reason, until}
 *
 * A kind of its own, so that RBAC can let people stop who approve nothing. Who may is said by
 * config.stopper_groups besides: being allowed to create one is not enough. Otherwise as a
 * HoldReview (holdreview.h), whose parts are used here; a Resume counts when an approval would.
 */
#pragma once

#include "webhook/hold/holdreview.h"

bool holdstop_is(const struct policy_request *q);

/* NULL, or what is wrong with its spec. */
const char *holdstop_wrong(const struct holdreview *h);

/* Records it. conn is one. Blocks. */
void holdstop_decide(
	const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret);
