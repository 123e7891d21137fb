/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a requester is told about a hold: for people in words, for programs in facts. Whoever
 * answers the request puts it into the form that its endpoint wants.
 */
#pragma once

#include "webhook/hold/hold_query.h"
#include "webhook/hold/hold_verdict.h"

#define HOLD_FACTS_MAX 12

struct hold_fact {
	const char *field; /* "hold", "approvers", "expires", "approvals", "rule" */
	struct span text;
};

/* A denial. */
struct hold_message {
	unsigned code;	    /* 403, 429, 503 */
	const char *reason; /* "Forbidden" */
	const char *cause;  /* "HoldPending": what all facts are about */
	struct span text;
	struct hold_fact facts[HOLD_FACTS_MAX]; /* further ones are left out */
	size_t fact_count;
	bool retry;	     /* the client is to repeat the request by itself */
	struct span warning; /* shown beside the answer; absent: none */
};

/* The words for a verdict other than HOLD_ALLOW. Everything in *ret lives as long as its sources.
 */
void hold_message_of(const struct hold_query *q, const struct hold_verdict *v, struct arena *arena,
	struct hold_message *ret);
