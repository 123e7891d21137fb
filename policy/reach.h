/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far requests get into the rules of a set: which rules they are about, which conditions come
 * out true and which false, which rules apply. For tests of policies: what no case reaches.
 */
#pragma once

#include "policy/policy.h"

struct condition_reach {
	struct span source;
	bool was_true, was_false;
};

struct rule_reach {
	const char *policy, *rule;
	const char *file; /* where it stands; NULL when not known */
	uint32_t line, column;
	bool asked;   /* its match applied, and no Allow rule was before it */
	bool applied; /* all conditions were true in one request, or it failed and so decided */
	struct condition_reach *conditions;
	size_t condition_count;
};

/* One rule each in the order of evaluation, `record: All` of a policy among them: no rule then. */
struct policy_reach {
	struct rule_reach *rules;
	size_t rule_count;
};

/* Nothing reached yet. Lives in the arena and the set. -1: the arena is full. */
int policy_reach_begin(
	const struct policy_set *s, struct arena *arena, struct policy_reach *ret) _must_check_;

static inline struct rule_reach *reach_of(const struct policy_limits *limits, uint32_t number)
{
	return limits && limits->reach ? &limits->reach->rules[number] : NULL;
}

static inline void reach_note(struct rule_reach *r, size_t condition, bool was_true, bool was_false)
{
	r->conditions[condition].was_true |= was_true;
	r->conditions[condition].was_false |= was_false;
}

/* ---- of many sets, in which the same rules may be ---- */

struct reach_ledger {
	struct arena *arena; /* where it is kept, of who makes it; else zeroed */
	struct policy_reach all;
	size_t room;
};

/* Rules are the same that stand at the same place. -1: the arena is full, or paths are too long. */
int reach_ledger_add(struct reach_ledger *l, const struct policy_reach *r) _must_check_;

/* A rule's branches: applying, and each condition true and false. */
struct reach_total {
	size_t rules, rules_applied, branches, branches_reached;
};
struct reach_total reach_ledger_total(const struct reach_ledger *l);

/* What of one rule was not reached, as a clause; false when there is no more. Starts with *at 0. */
bool reach_next_gap(const struct rule_reach *r, size_t *at, struct buf *ret);
