/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budgets of expression, policy and request. An expression gets the least of what is left of
 * the three; what it did not use goes back. A variable that it needs is an expression of its own,
 * whose cost is the policy's but not that of the one that needs it: as in Kubernetes.
 */
#include "policy/spending_internal.h"

#include "common/base/clock.h"

/* How much longer than usual a request's steps may take before it is seen, at worst. */
#define WORST 10

void spending_begin(struct spending *s, struct cel_run *run, const struct policy_limits *limits)
{
	*s = (struct spending){.request_left = UINT64_MAX};
	if (!limits)
		return;
	if (limits->cost) {
		s->request_left = limits->cost;
		run->patience = limits->cost * WORST;
	}
	if (limits->until_us) {
		const uint64_t now = (uint64_t)monotonic_us();

		s->until_us = limits->until_us;
		s->until_half_us = now < s->until_us ? now + (s->until_us - now) / 2 : s->until_us;
	}
}

static void remember_dearest(struct spending *s)
{
	const uint64_t cost = POLICY_BUDGET - s->policy_left;

	if (s->policy && cost > s->dearest_cost) {
		s->dearest = s->policy;
		s->dearest_cost = cost;
	}
}

void spending_enter(struct spending *s, struct cel_run *run, const struct evaluation_policy *p)
{
	if (s->policy == p->name)
		return;
	remember_dearest(s);
	s->policy = p->name;
	s->policy_left = POLICY_BUDGET;
	s->given = 0;
	s->limit = POLICY_LIMIT_NONE;
	run->until_us = p->enforces ? s->until_us : s->until_half_us;
	run->late = false;
	cel_run_allow(run, 0);
}

static enum policy_limit limit_hit(const struct spending *s, const struct cel_run *run)
{
	if (run->late)
		return POLICY_LIMIT_TIME;
	if (cel_run_left(run) > 0)
		return POLICY_LIMIT_MEMORY;
	return s->policy_left == 0 ? POLICY_LIMIT_POLICY : POLICY_LIMIT_EXPRESSION;
}

void spending_hit_limit(struct spending *s, const struct cel_run *run)
{
	if ((s->request_left == 0 || run->impatient) && !run->late)
		s->unfinished = true;
	if (s->limit == POLICY_LIMIT_NONE)
		s->limit = limit_hit(s, run);
}

struct span spending_message(const struct spending *s, const char *policy, struct arena *a)
{
	const bool other = s->dearest && s->dearest_cost > POLICY_BUDGET - s->policy_left;

	switch (s->limit) {
	case POLICY_LIMIT_EXPRESSION:
		return SPAN("the expression costs more than 1,000,000, which is what one may");
	case POLICY_LIMIT_POLICY:
		return SPAN("the policy costs more than 10,000,000, which is what one may");
	case POLICY_LIMIT_TIME:
		return arena_printf(a,
			"the time for a decision (--decision-timeout) is over; policy %s took most "
			"of it",
			other ? s->dearest : policy);
	case POLICY_LIMIT_MEMORY:
	case POLICY_LIMIT_NONE:
		break;
	}
	return (struct span){0};
}
