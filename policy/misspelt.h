/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that an expression asks of an object and that none of the kinds it may be has: slips,
 * which CEL finds out about only when a request comes. What is known are Kubernetes' own kinds
 * (policy/kinds/kinds.h); of a rule that is about others too, any field is fine.
 */
#pragma once

#include "common/base/arena.h"
#include "policy/policy.h"

struct misspelt {
	const char *policy;
	const char *rule;      /* NULL: in a variable of the policy */
	const char *file;      /* "" when not known */
	uint32_t line, column; /* a quote or indentation before the text is not counted */
	struct span what;      /* for people: which field, of which kinds, and what may be meant */
};

/*
 * All of them, by policy: those of its variables, then rule by rule. Lives in the arena and the
 * set. Errors: -1 when the arena is full.
 */
int misspelt_find(const struct policy_set *s, struct arena *arena, const struct misspelt **ret,
	size_t *ret_count) _must_check_;
