/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies say of a request of which not everything was recorded: what is certain, and what
 * would depend on the rest. For asking a new set of policies about the past.
 */
#pragma once

#include "policy/policy.h"

/* What of it was recorded; what is null by its operation counts. */
struct policy_recorded {
	bool object, old_object;
};

struct policy_replayed {
	enum policy_action action;	     /* what is certain */
	const struct policy_rule_info *rule; /* that says so; NULL: none applies */
	enum policy_action possible;	     /* what may be; not more than action: it is certain */
	const struct policy_rule_info *depends; /* the rule that may say that, … */
	const char *why;			/* … and why it is not known: a clause */
};

static inline bool policy_replayed_is_certain(const struct policy_replayed *r)
{
	return r->possible <= r->action;
}

/*
 * Mutate rules are left out. What cannot be evaluated is not known, whatever the failurePolicy:
 * that something is missing may be the reason. Everything in *ret is in the arena or the set.
 * Errors: -1, the arena is full.
 */
int policy_replay(const struct policy_set *s, const struct policy_request *r,
	const struct policy_recorded *recorded, struct arena *arena,
	struct policy_replayed *ret) _must_check_;
