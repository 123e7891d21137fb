/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Approving with kubectl: creating a HoldReview (holdreviews.holdpoint.dev) is the decision.
 *
 *   spec: {hold: 42, decision: Approve | Deny, reason, until, uses, namespace, name, like,
 *          unseen}
 *
 * (holdreview_cancel.h has two more, holdstop.h another kind.)
 *
 * The API server has authenticated its creator; what it says of them is passed to
 * holdpoint.approve_as_kubernetes, which obeys the same rules as psql does. The object is admitted
 * if the decision was recorded, and refused with the reason if not. An approval counts only when
 * the API server's audit event has confirmed it (holdreview_confirm.h): admission sees neither who
 * acts in somebody else's name nor whether the object is created in the end. Believed only from
 * callers with a verified client certificate: anybody else could say they are anyone. Editing or
 * deleting a HoldReview changes nothing.
 */
#pragma once

#include "common/mask/mask.h"
#include "common/pg/pg_conn.h"
#include "policy/review/request.h"

/* A HoldReview that is being created. */
struct holdreview {
	const struct policy_request *request;
	struct span uid; /* the review's */
	const char *cluster;
	const struct masker *masker; /* of what requesters say; NULL: nothing is masked */
	struct arena *arena;
	bool caller_is_verified; /* who says who the creator is */
};

/* What its creator is told. Everything in it is in the arena. */
struct holdreview_reply {
	unsigned code;	    /* 0: admitted */
	const char *reason; /* "Forbidden" */
	struct span message;
	struct span told; /* shown beside an admission; absent: nothing */
	/* "42/UID", by which the audit event is known, of several holds "0/UID"; absent: nothing
	 * was decided */
	struct span noted;
	struct span patch; /* RFC 6902, that answers what was asked; absent: none */
};

/* Is this the creation of a HoldReview, at /validate or /mutate? */
bool holdreview_is(const struct policy_request *q);
/* And of one that only asks what waits, or what became of a hold (holdreview_list.h)? */
bool holdreview_is_list(const struct policy_request *q);

/* May its creation fail because there is one of its name? Not when the API server has made up the
 * name, since it would then try another. */
bool holdreview_may_fail(const struct holdreview *h);

/* Looks at it before the database is asked. False: that need not be, *ret is the answer. */
bool holdreview_check(const struct holdreview *h, struct holdreview_reply *ret);

/* Records the decision. conn NULL: there is no database. Blocks. */
void holdreview_decide(
	const struct holdreview *h, struct pg_conn *conn, struct holdreview_reply *ret);

/* The answer when the database has no time for it. */
void holdreview_busy(struct holdreview_reply *ret);
