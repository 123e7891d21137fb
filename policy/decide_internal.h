/* SPDX-License-Identifier: Apache-2.0 */
/* What deciding, mutating and explaining share: walking over rules, testing conditions, matches. */
#pragma once

#include "policy/reach.h"
#include "policy/set_internal.h"

struct deciding {
	const struct policy_request *request;
	struct arena *arena;
	struct cluster_view view;
	const struct policy_limits *limits; /* or NULL */
	struct rule_reach *reach;	    /* of the rule that is being looked at, or NULL */
	struct evaluation *evaluation;	    /* made when the first expression needs it */
	const struct policy *policy;	    /* the one whose rules are being looked at */
	bool concerned;			    /* is the request one of its subjects'? */
	bool exempt;			    /* an Allow rule of it matched */
	const struct match *looked_at;	    /* matches that rules share are compared once, … */
	enum policy_action looked_for;	    /* … for one action, … */
	enum verdict applies;		    /* … with this result, */
	struct span unknown;		    /* or why there is none */
	struct policy_match *matches;
	size_t match_count;
	bool record_all;
	bool unfinished; /* the limits' cost did not suffice */

	/* The arena before the policy's first expression; what its rules said is from there on. */
	const struct policy *entered;
	struct arena_mark mark;
	size_t reserved, first_match;
};

/* Finds the rules that may concern r. -1: the arena is full, here and below. */
int deciding_start(struct deciding *d, const struct policy_set *s, const struct policy_request *r,
	struct arena *arena, const uint32_t **ret_ids, size_t *ret_count) _must_check_;
/* Does the rule's match apply? VERDICT_ERROR: d->unknown says why that is not known. */
enum verdict deciding_matches(const struct rule *rule, struct deciding *d);
/* Goes on to a rule, and to its policy when that is another one: does that concern the request? */
bool deciding_enter(struct deciding *d, const struct rule *rule);
/*
 * Before the next policy: gives the arena back what the expressions of the one before took beyond
 * its first chunk, so that none takes another's memory. The messages of matches move. Not where
 * something else of theirs is needed, as an object that was changed.
 */
int deciding_give_back(struct deciding *d) _must_check_;
/* What an action comes to under a policy's enforcement. */
enum policy_action deciding_turned_down(enum policy_action a, enum policy_enforcement e);
/* The evaluation, with the current policy's variables. NULL when the arena is full. */
struct evaluation *deciding_evaluation(struct deciding *d);
void deciding_finish(const struct deciding *d, struct policy_decision *ret);

/*
 * All conditions: one that is false settles it, even after one that failed. reach: where what they
 * said is noted, or NULL.
 */
enum verdict deciding_test(const struct rule *rule, struct evaluation *ev, struct rule_reach *reach,
	struct evaluation_error *ret_error);
int deciding_add(const struct rule *rule, struct deciding *d) _must_check_;
int deciding_add_failed(const struct rule *rule, struct deciding *d,
	const struct evaluation_error *error) _must_check_;
