/*
 * What waits, for approvers who have kubectl alone: a HoldReview with
 *
 *   spec: {decision: List}      or, one hold and its change:   spec: {decision: List, hold: 42}
 *
 * created with --dry-run=server gets its answer at /mutate:
 *
 *   status: {holds: [{hold, requester, operation, resource, namespace, name, rules, message, …}],
 *            more: false}
 *
 * At most HOLDREVIEW_LIST_MAX holds, newest first, and only those that its creator may decide, by
 * holdpoint.holds_as_kubernetes; everything in them was masked when it was stored. A dry run, so
 * that nothing of it is kept in the cluster.
 */
#pragma once

#include <stdbool.h>

#define HOLDREVIEW_LIST_MAX 100

struct exchange;

/* Is this the creation of a HoldReview that asks, at /validate or /mutate? */
bool holdreview_list_is(const struct exchange *x);

/* At /mutate: takes over the exchange; answers it sooner or later. */
void holdreview_list_ask(struct exchange *x);
