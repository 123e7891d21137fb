/*
 * Approving with kubectl: creating a HoldReview (holdreviews.holdpoint.dev) is the decision.
 *
 *   spec: {hold: 42, decision: Approve | Deny, reason, until, uses, namespace, name}
 *
 * The API server has authenticated its creator; what it says of them is passed to
 * holdpoint.approve_as_kubernetes, which obeys the same rules as psql does. The object is admitted
 * if the decision was recorded, and refused with the reason if not. Believed only from callers with
 * a verified client certificate: anybody else could say they are anyone. Editing or deleting a
 * HoldReview changes nothing.
 */
#pragma once

#include <stdbool.h>

#include "common/base/util.h"

struct exchange;

/* Is this the creation of a HoldReview, at /validate or /mutate? */
bool holdreview_is(const struct exchange *x);

/* Makes the answer a denial. */
void holdreview_refuse(struct exchange *x, unsigned code, const char *reason, struct span message);

/* Takes over an exchange that the policies let pass; answers it sooner or later. */
void holdreview_ask(struct exchange *x);
