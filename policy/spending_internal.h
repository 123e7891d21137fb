/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What expressions may cost: one by one, all of a policy, all of a request, and until when. One
 * struct spending belongs to one evaluation.
 */
#pragma once

#include "policy/evaluation_internal.h"

struct spending {
	uint64_t given;		 /* to the expression at hand, out of the next two */
	uint64_t policy_left;	 /* of POLICY_BUDGET */
	uint64_t request_left;	 /* of policy_limits.cost */
	uint64_t until_us;	 /* 0: any time */
	uint64_t until_half_us;	 /* for policies that do not enforce */
	enum policy_limit limit; /* what an expression of the policy ran into first */
	bool unfinished;
	const char *policy;    /* the one at hand, … */
	const char *dearest;   /* … and the one that has cost most, */
	uint64_t dearest_cost; /* so much */
};

/* limits: NULL for none. */
void spending_begin(struct spending *s, struct cel_run *run, const struct policy_limits *limits);
/* A policy begins, with a budget of its own; the one at hand goes on with its own. */
void spending_enter(struct spending *s, struct cel_run *run, const struct evaluation_policy *p);

/* ---- around the evaluation of an expression ---- */

void spending_hit_limit(struct spending *s, const struct cel_run *run);

/* Settles what the expression at hand has used until now, and says what it has left. */
static inline uint64_t spending_settle(struct spending *s, const struct cel_run *run)
{
	const uint64_t left = cel_run_left(run), used = s->given - left;

	s->policy_left -= used;
	s->request_left -= used;
	s->given = left;
	return left;
}

static inline void spending_allow(struct spending *s, struct cel_run *run, uint64_t wanted)
{
	if (wanted > s->policy_left)
		wanted = s->policy_left;
	if (wanted > s->request_left)
		wanted = s->request_left;
	cel_run_allow(run, wanted);
	s->given = cel_run_left(run);
}

/* It may be a variable that another one needs: what that one has left is returned, … */
static inline uint64_t spending_give(struct spending *s, struct cel_run *run)
{
	const uint64_t outer = spending_settle(s, run);

	spending_allow(s, run, POLICY_EXPRESSION_BUDGET);
	return outer;
}

/* … and given back to it. */
static inline void spending_take_back(
	struct spending *s, struct cel_run *run, bool hit_limit, uint64_t outer)
{
	(void)spending_settle(s, run);
	if (hit_limit)
		spending_hit_limit(s, run);
	spending_allow(s, run, outer);
}

/* Which budget it was, for people. Absent where CEL's own words say it. */
struct span spending_message(const struct spending *s, const char *policy, struct arena *a);
