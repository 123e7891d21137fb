/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits, for approvers who have kubectl alone: a HoldReview with
 *
 *   spec: {decision: List}      or, one hold and its change:   spec: {decision: List, hold: 42}
 *
 * or, filtered, by page, and one's own instead of those that one may decide:
 *
 *   spec: {decision: List, requester, namespace, resource, policy, rule, state, since, before,
 * mine}
 *
 * created with --dry-run=server gets its answer at /mutate:
 *
 *   status: {holds: [{hold, requester, operation, resource, namespace, name, rules, message, …}],
 *            more: false}
 *
 * At most HOLDREVIEW_LIST_MAX holds, newest first: of those that its creator may decide, by
 * holdpoint.list_as_kubernetes, or with `mine` of their own; with a number, by
 * holdpoint.holds_as_kubernetes, that one. Everything in them was masked when it was stored. A dry
 * run, so that nothing of it is kept in the cluster.
 */
#pragma once

#include "webhook/hold/holdreview.h"

#define HOLDREVIEW_LIST_MAX 100

/* At /mutate, before the database is asked. False: that need not be, *ret is the answer. */
bool holdreview_list_check(const struct holdreview *h, struct holdreview_reply *ret);

/* At /mutate: ret->patch has what waits. conn NULL: there is no database. Blocks. */
void holdreview_list(
	const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret);
