/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Approver groups that those who are guarded are in themselves: nobody approves what they asked
 * for, but two agents would for each other. What is known are the groups that a policy names as
 * subjects, and those that the API server puts everybody into.
 */
#pragma once

#include "common/base/arena.h"
#include "policy/policy.h"

struct own_approvers {
	const struct policy_rule_info *rule;
	const char *file; /* "" when not known */
	uint32_t line, column;
	struct span group;
	bool everybody;	  /* the API server's own group */
	struct span what; /* for people */
};

/* All of them, rule by rule. Lives in the arena and the set. Errors: -1 when the arena is full. */
int own_approvers_find(const struct policy_set *s, struct arena *arena,
	const struct own_approvers **ret, size_t *ret_count) _must_check_;
