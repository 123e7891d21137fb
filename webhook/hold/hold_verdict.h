/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hold gate says of a request: the answer of holdpoint.hold_find_or_create, or why there
 * is none. Every kind is a denial but HOLD_ALLOW, HOLD_NO_CHANGE and HOLD_DRY_RUN.
 */
#pragma once

#include "common/base/arena.h"

struct pg_result;

enum hold_verdict_kind {
	HOLD_NOT_ASKED,
	HOLD_ALLOW,
	HOLD_HELD,
	HOLD_DENIED,
	HOLD_LIMIT,	  /* the requester has too many holds waiting */
	HOLD_PAUSED,	  /* people have denied the requester too often: not now */
	HOLD_IN_HAND,	  /* somebody decides on it, or uses it, at this moment */
	HOLD_RATE,	  /* too many new holds from callers whom nobody verifies */
	HOLD_BUSY,	  /* no room to wait for the database */
	HOLD_UNAVAILABLE, /* PostgreSQL is away */
	HOLD_FAILED,	  /* the gate could not do its work: `error` says why */
	HOLD_NO_CHANGE,	  /* not asked: it changes nothing (hold_need.h) */
	HOLD_DRY_RUN,	  /* not asked: it is a dry run */
};

struct hold_verdict {
	enum hold_verdict_kind kind;
	int64_t id; /* of the hold; 0: there is none */
	bool is_new;
	bool gave_up_waiting; /* nobody decided while the request waited */
	char expires[32];     /* 2026-01-02T03:04:05Z */
	int64_t approvals, min_approvals;
	/* In the arena. */
	struct span state;
	struct span approvers;	 /* who must approve, for people; absent when nobody was asked */
	struct span opens;	 /* what an approval opens, for people */
	struct span unconfirmed; /* who has approved with kubectl, and no audit event says so yet */
	struct span decided_by, reason;
	struct span error;
};

/* Reads the one row that the database answers with; anything else is HOLD_FAILED. */
void hold_verdict_read(const struct pg_result *rows, struct arena *arena, struct hold_verdict *ret);

/* HOLD_FAILED with the reason. */
void hold_verdict_fail(struct hold_verdict *ret, struct arena *arena, const char *why);
