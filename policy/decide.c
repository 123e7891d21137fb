/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding: the index says which rules may concern a request; here they are checked in order,
 * policy by policy, and what they say is put together.
 */
#include <stdio.h>

#include "policy/decide_internal.h"

#include "common/base/utf8.h"

#define MAX_MESSAGES ((size_t)4 << 20) /* of one policy on one request, in bytes */

/* What an action comes to under a policy's enforcement. */
enum policy_action deciding_turned_down(enum policy_action a, enum policy_enforcement e)
{
	if (e == POLICY_ENFORCE || a <= POLICY_AUDIT)
		return a;
	return e == POLICY_DRY_RUN ? POLICY_AUDIT : POLICY_WARN;
}

struct evaluation *deciding_evaluation(struct deciding *d)
{
	if (d->evaluation && d->entered == d->policy)
		return d->evaluation;
	if (!d->evaluation)
		d->evaluation = evaluation_new(&d->view, d->limits);
	if (!d->evaluation)
		return NULL;
	const struct evaluation_policy p = {d->policy->expressions, d->policy->name,
		d->policy->enforcement == POLICY_ENFORCE, d->policy->params};
	if (d->entered != d->policy) {
		d->entered = d->policy;
		d->mark = arena_mark(d->arena);
		d->reserved = arena_reserved(d->arena);
	}
	return evaluation_enter(d->evaluation, &p) == 0 ? d->evaluation : NULL;
}

enum verdict deciding_test(const struct rule *rule, struct evaluation *ev, struct rule_reach *reach,
	struct evaluation_error *ret_error)
{
	enum verdict all = VERDICT_TRUE;
	for (size_t i = 0; i < rule->when_count; i++) {
		struct evaluation_error error = {0};
		const enum verdict one = evaluation_test(rule->when[i], ev, &error);
		if (reach)
			reach_note(reach, i, one == VERDICT_TRUE, one == VERDICT_FALSE);
		switch (one) {
		case VERDICT_FALSE:
			return VERDICT_FALSE;
		case VERDICT_ERROR:
			if (all == VERDICT_TRUE)
				*ret_error = error;
			all = VERDICT_ERROR;
			break;
		case VERDICT_TRUE:
			break;
		}
	}
	return all;
}

/* Messages end on a screen: at most SET_MAX_MESSAGE bytes, cut between characters. */
static struct span shortened(struct span s)
{
	return utf8_cut(s, SET_MAX_MESSAGE);
}

/* Nothing that a person could read: as little as an empty one. */
static bool is_blank(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!memchr(" \t\r\n\v\f", s.ptr[i], 6))
			return false;
	return true;
}

static int rule_message(const struct rule *rule, struct deciding *d, struct policy_match *m)
{
	struct span error, *ret = &m->message;
	*ret = rule->message ? template_literal(rule->message) : rule->default_message;
	if (!rule->message_expression && ret->ptr)
		return 0;
	struct evaluation *ev = deciding_evaluation(d);
	if (!ev)
		return -1;
	m->quotes = true;
	if (rule->message_expression &&
		evaluation_text(rule->message_expression, ev, ret, &error) == 0 &&
		!is_blank(*ret)) {
		*ret = shortened(*ret);
		m->quotes_object = !expression_is_plain(rule->message_expression);
		return 0;
	}
	if (!rule->message || evaluation_template_text(rule->message, ev, ret, &error) < 0 ||
		is_blank(*ret))
		*ret = rule->default_message;
	else
		m->quotes_object = !template_is_plain(rule->message);
	d->unfinished = evaluation_is_unfinished(ev);
	*ret = shortened(*ret);
	return 0;
}

int deciding_add_failed(
	const struct rule *rule, struct deciding *d, const struct evaluation_error *error)
{
	const struct policy *p = rule->policy;
	struct policy_match *m = &d->matches[d->match_count++];
	if (d->reach)
		d->reach->applied = true;
	*m = (struct policy_match){.rule = &rule->info,
		.quotes = true,
		.quotes_object = true,
		.error = true,
		.limit = error->limit};
	m->message = arena_printf(d->arena, "rule %s of policy %s could not be evaluated: %.*s",
		rule->info.rule, p->name, SPAN_FMT(error->text));
	if (!m->message.ptr)
		return -1;
	utf8_blank_harmful((char *)m->message.ptr, m->message.len); /* errors quote values */
	if (rule->info.action < POLICY_HOLD) {
		m->effective = rule->info.action == POLICY_WARN ? POLICY_WARN : POLICY_AUDIT;
	} else if (p->ignore_failures) {
		m->ignored = true;
		m->effective = POLICY_WARN;
	} else {
		m->effective = POLICY_DENY;
	}
	m->effective = deciding_turned_down(m->effective, p->enforcement);
	return 0;
}

int deciding_add(const struct rule *rule, struct deciding *d)
{
	struct policy_match *m = &d->matches[d->match_count++];
	*m = (struct policy_match){.rule = &rule->info};
	if (d->reach)
		d->reach->applied = true;
	m->effective = deciding_turned_down(rule->info.action, rule->policy->enforcement);
	return rule_message(rule, d, m);
}

/* More than what the arena had: another chunk. */
static bool took_much(const struct deciding *d)
{
	return d->entered && arena_reserved(d->arena) > d->reserved;
}

static int move_messages(struct deciding *d, struct buf *texts)
{
	size_t at = 0;

	arena_rewind(d->arena, d->mark);
	evaluation_forget(d->evaluation);
	cluster_view_forget(&d->view);
	d->looked_at = NULL;
	char *copy = arena_strndup(d->arena, buf_span(texts).ptr, texts->len);
	for (size_t i = d->first_match; copy && i < d->match_count; i++) {
		if (!d->matches[i].quotes)
			continue;
		d->matches[i].message.ptr = copy + at;
		at += d->matches[i].message.len;
	}
	return copy ? 0 : -1;
}

int deciding_give_back(struct deciding *d)
{
	_cleanup_(buf_free) struct buf texts = BUF_INIT(MAX_MESSAGES);

	if (!d->entered)
		return 0;
	for (size_t i = d->first_match; i < d->match_count; i++)
		if (d->matches[i].quotes)
			buf_add_span(&texts, d->matches[i].message);
	d->entered = NULL;
	return texts.failed ? -1 : move_messages(d, &texts);
}

/* What took all the memory makes room for saying so, and for the rules that follow. */
static int add_failed(const struct rule *rule, struct deciding *d, struct evaluation_error *error)
{
	d->unfinished = evaluation_is_unfinished(d->evaluation);
	if (error->limit == POLICY_LIMIT_MEMORY) {
		char text[512];
		snprintf(text, sizeof(text), "%.*s", SPAN_FMT(error->text));
		if (deciding_give_back(d) < 0)
			return -1;
		error->text = arena_printf(d->arena, "%s", text);
		if (!error->text.ptr)
			error->text = SPAN("it needs more memory than one request may use");
	}
	return deciding_add_failed(rule, d, error);
}

static int apply_rule(const struct rule *rule, struct deciding *d)
{
	enum verdict verdict = VERDICT_TRUE;
	struct evaluation_error error = {0};
	if (rule->when_count) {
		struct evaluation *ev = deciding_evaluation(d);
		if (!ev)
			return -1;
		verdict = deciding_test(rule, ev, d->reach, &error);
	}
	if (verdict == VERDICT_FALSE)
		return 0;
	if (verdict == VERDICT_ERROR)
		return add_failed(rule, d, &error);
	d->exempt = rule->info.action == POLICY_ALLOW;
	return deciding_add(rule, d);
}

/* Whether its match applies is not known; where a condition says no, that does not matter. */
__attribute__((cold)) static int apply_unmatched(const struct rule *rule, struct deciding *d)
{
	struct evaluation_error error = {0};
	struct evaluation *ev = rule->when_count ? deciding_evaluation(d) : NULL;
	if (rule->when_count && !ev)
		return -1;
	if (ev && deciding_test(rule, ev, d->reach, &error) == VERDICT_FALSE)
		return 0;
	if (ev && evaluation_is_unfinished(ev)) {
		d->unfinished = true;
		return 0;
	}
	error = (struct evaluation_error){.text = d->unknown};
	return deciding_add_failed(rule, d, &error);
}

bool deciding_enter(struct deciding *d, const struct rule *rule)
{
	if (rule->policy != d->policy) {
		d->policy = rule->policy;
		d->concerned = policy_concerns(d->policy, d->request);
		d->exempt = false;
		d->first_match = d->match_count;
	}
	return d->concerned;
}

/* Without parameters no rule of the policy can be evaluated, or none is meant. */
__attribute__((noinline)) static enum verdict has_params(
	const struct cluster_params *p, struct deciding *d)
{
	const struct cluster_found *f = cluster_view_params(&d->view, p);
	switch (f->looked) {
	case CLUSTER_THERE:
		return VERDICT_TRUE;
	case CLUSTER_FAILED:
		d->unknown = f->why;
		return VERDICT_ERROR;
	case CLUSTER_NONE:
		break;
	}
	return VERDICT_FALSE;
}

/* A policy's rules often share the matches of its spec, and then follow each other. */
static inline enum verdict matches(const struct rule *rule, struct deciding *d)
{
	if (rule->matches != d->looked_at || rule->info.action != d->looked_for) {
		d->looked_at = rule->matches;
		d->looked_for = rule->info.action;
		d->applies = match_rule_applies(rule, &d->view, &d->unknown);
		if (d->policy->params && d->applies == VERDICT_TRUE)
			d->applies = has_params(d->policy->params, d);
	}
	return d->applies;
}

enum verdict deciding_matches(const struct rule *rule, struct deciding *d)
{
	return matches(rule, d);
}

static int look_at_rule(const struct rule *rule, struct deciding *d)
{
	if (rule->policy != d->policy && took_much(d) && deciding_give_back(d) < 0)
		return -1;
	if (!deciding_enter(d, rule))
		return 0;
	if (rule->record_only) {
		d->record_all = true;
		return 0;
	}
	if (d->exempt || rule->info.action == POLICY_MUTATE)
		return 0;
	const enum verdict verdict = matches(rule, d);
	if (verdict == VERDICT_FALSE)
		return 0;
	if (d->reach)
		d->reach->asked = true;
	if (verdict == VERDICT_ERROR)
		return apply_unmatched(rule, d);
	return apply_rule(rule, d);
}

int deciding_start(struct deciding *d, const struct policy_set *s, const struct policy_request *r,
	struct arena *arena, const uint32_t **ret_ids, size_t *ret_count)
{
	*d = (struct deciding){
		.request = r, .arena = arena, .view = {.request = r, .arena = arena}};
	if (index_find(s->index, r, arena, ret_ids, ret_count) < 0)
		return -1;
	d->matches = arena_alloc(arena, (*ret_count + 1) * sizeof *d->matches);
	return d->matches ? 0 : -1;
}

/*
 * All Hold rules must be satisfied; the decision names the one that asks for most: more people,
 * named ones, for this change only, with a reason. Of equals the first.
 */
static bool asks_for_more(const struct policy_hold *a, const struct policy_hold *b)
{
	if (a->min_approvals != b->min_approvals)
		return a->min_approvals > b->min_approvals;
	if (!a->approver_count != !b->approver_count)
		return a->approver_count > 0;
	if (a->grant != b->grant)
		return a->grant == POLICY_GRANT_ONCE;
	return a->require_reason && !b->require_reason;
}

static bool is_stronger(const struct policy_match *m, const struct policy_decision *d)
{
	if (m->effective != d->action)
		return m->effective > d->action;
	return m->effective == POLICY_HOLD && asks_for_more(m->rule->hold, d->decisive->rule->hold);
}

static void find_decisive(struct policy_decision *d)
{
	d->action = POLICY_NONE;
	d->decisive = NULL;
	for (size_t i = 0; i < d->match_count; i++) {
		enum policy_action a = d->matches[i].effective;
		if (a != POLICY_MUTATE && is_stronger(&d->matches[i], d)) {
			d->action = a;
			d->decisive = &d->matches[i];
		}
	}
}

void deciding_finish(const struct deciding *d, struct policy_decision *ret)
{
	*ret = (struct policy_decision){
		.matches = d->matches, .match_count = d->match_count, .record_all = d->record_all};
	find_decisive(ret);
}

void policy_decision_filter(
	struct policy_decision *d, bool (*keep)(const struct policy_match *m, void *arg), void *arg)
{
	struct policy_match *matches = (struct policy_match *)d->matches;
	size_t kept = 0;

	for (size_t i = 0; i < d->match_count; i++)
		if (keep(&matches[i], arg))
			matches[kept++] = matches[i];
	d->match_count = kept;
	find_decisive(d);
}

int policy_decide_within(const struct policy_set *s, const struct policy_request *r,
	const struct policy_limits *limits, struct arena *arena, struct policy_decision *ret)
{
	struct deciding d;
	const uint32_t *ids;
	size_t count;
	if (deciding_start(&d, s, r, arena, &ids, &count) < 0)
		return -1;
	d.limits = limits;
	for (size_t i = 0; i < count; i++) {
		d.reach = reach_of(limits, ids[i]);
		if (look_at_rule(s->rules[ids[i]], &d) < 0)
			return -1;
		if (d.unfinished)
			return POLICY_UNFINISHED;
	}
	deciding_finish(&d, ret);
	return 0;
}

int policy_decide(const struct policy_set *s, const struct policy_request *r, struct arena *arena,
	struct policy_decision *ret)
{
	return policy_decide_within(s, r, NULL, arena, ret);
}
