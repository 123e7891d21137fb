/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, decisions and queries for the tests of webhook/hold. */
#pragma once

#include <check.h>

#include "webhook/hold/hold_query.h"

static const struct span hold_sre[] = {{"sre", 3}};
static const struct span hold_others[] = {{"security", 8}, {"on \"call\"", 9}};

static const struct policy_hold hold_terms[] = {
	{.approvers = hold_sre,
		.approver_count = 1,
		.min_approvals = 1,
		.expires_ms = 3600000,
		.grant = POLICY_GRANT_ONCE},
	{.approvers = hold_others,
		.approver_count = 2,
		.min_approvals = 2,
		.expires_ms = 1800000,
		.grant = POLICY_GRANT_ONCE,
		.like_ms = 120000,
		.like_uses = 5},
	{.expires_ms = 60000,
		.grant = POLICY_GRANT_WINDOW,
		.window_ms = 30000,
		.max_uses = 3,
		.scope = POLICY_SCOPE_NAMESPACE,
		.require_reason = true,
		.retry = true},
};

static const struct policy_rule_info hold_rules[] = {
	{"agents", "deletes", POLICY_HOLD, POLICY_ENFORCE, &hold_terms[0], NULL},
	{"prod", "freeze", POLICY_HOLD, POLICY_ENFORCE, &hold_terms[1], NULL},
	{"agents", "windows", POLICY_HOLD, POLICY_ENFORCE, &hold_terms[2], NULL},
	{"agents", "noted", POLICY_AUDIT, POLICY_ENFORCE, NULL, NULL},
};

/* Which of hold_rules match; at least one of them is a Hold rule. */
enum { RULE_DELETES = 1, RULE_FREEZE = 2, RULE_WINDOWS = 4, RULE_NOTED = 8 };

static inline struct policy_decision hold_decision(
	unsigned rules, struct policy_match matches[ARRAY_LEN(hold_rules)])
{
	struct policy_decision d = {.action = POLICY_HOLD, .matches = matches};

	for (size_t i = 0; i < ARRAY_LEN(hold_rules); i++) {
		struct policy_match *m = &matches[d.match_count];

		if (!(rules & (1u << i)))
			continue;
		*m = (struct policy_match){.rule = &hold_rules[i],
			.effective = hold_rules[i].action,
			.message = SPAN("deletions need a person")};
		if (!d.decisive && m->effective == POLICY_HOLD)
			d.decisive = m;
		d.match_count++;
	}
	ck_assert_ptr_nonnull(d.decisive);
	return d;
}
