/* SPDX-License-Identifier: Apache-2.0 */
/* Why a decision came out as it did: every rule, every condition, the values that decided. */
#include "policy/decide_internal.h"

const char *policy_verdict_name(enum policy_verdict v)
{
	static const char *const names[] = {
		[POLICY_APPLIES] = "applies",
		[POLICY_NOT_CONCERNED] = "not about this user",
		[POLICY_NOT_MATCHED] = "not matched",
		[POLICY_EXEMPTED] = "exempted by a rule above",
		[POLICY_CONDITION_FALSE] = "condition not met",
		[POLICY_CONDITION_FAILED] = "could not be evaluated",
	};
	return (size_t)v < ARRAY_LEN(names) ? names[v] : "?";
}

static const char *why_not_matched(const struct rule *rule, const struct deciding *d)
{
	const struct policy_request *r = d->request;
	if (rule->policy->params && d->view.of == rule->policy->params && d->view.params &&
		d->view.params->looked == CLUSTER_NONE)
		return "its parameters are not there";
	if (rule->match_count != 1)
		return NULL;
	const char *why = match_mismatch(&rule->matches[0], r, rule->info.action);
	return why ? why : "a namespace with other labels";
}

static int explain_condition(const struct expression *e, struct deciding *d, struct evaluation *ev,
	struct policy_explained_condition *ret)
{
	static const char *const verdicts[] = {
		[VERDICT_FALSE] = "false", [VERDICT_TRUE] = "true", [VERDICT_ERROR] = "error"};
	_cleanup_(buf_free) struct buf values = BUF_INIT(4u << 20);
	struct evaluation_error error = {0};
	enum verdict verdict = evaluation_test(e, ev, &error);
	ret->values = error.text;
	ret->source = expression_source(e);
	ret->verdict = verdicts[verdict];
	if (verdict == VERDICT_ERROR)
		return 0;
	evaluation_explain(&values, e, ev);
	if (values.failed)
		return -1;
	char *copy = arena_strndup(d->arena, buf_span(&values).ptr, values.len);
	ret->values = (struct span){copy, values.len};
	return copy ? 0 : -1;
}

/* All conditions, also those behind one that is false: all of them are asked about. */
static int explain_conditions(
	const struct rule *rule, struct deciding *d, struct policy_explained_rule *ret)
{
	struct policy_explained_condition *list =
		arena_calloc(d->arena, rule->when_count + 1, sizeof *list);
	struct evaluation *ev = deciding_evaluation(d);
	if (!list || !ev)
		return -1;
	for (size_t i = 0; i < rule->when_count; i++) {
		if (explain_condition(rule->when[i], d, ev, &list[i]) < 0)
			return -1;
		if (list[i].verdict[0] == 'f')
			ret->verdict = POLICY_CONDITION_FALSE;
		else if (list[i].verdict[0] == 'e' && ret->verdict == POLICY_APPLIES)
			ret->verdict = POLICY_CONDITION_FAILED;
	}
	ret->conditions = list;
	ret->condition_count = rule->when_count;
	return 0;
}

/* The labels are not known: of a rule that would apply, that is what is wrong. */
static int explain_unknown(struct deciding *d, struct policy_explained_rule *ret)
{
	if (ret->verdict != POLICY_APPLIES && ret->verdict != POLICY_CONDITION_FAILED)
		return 0;
	ret->verdict = POLICY_CONDITION_FAILED;
	ret->why = arena_strndup(d->arena, d->unknown.ptr, d->unknown.len);
	return ret->why ? 0 : -1;
}

static int explain_rule(
	const struct rule *rule, struct deciding *d, struct policy_explained_rule *ret)
{
	*ret = (struct policy_explained_rule){.rule = &rule->info};
	if (!deciding_enter(d, rule))
		ret->verdict = POLICY_NOT_CONCERNED;
	else if (deciding_matches(rule, d) == VERDICT_FALSE) {
		ret->verdict = POLICY_NOT_MATCHED;
		ret->why = why_not_matched(rule, d);
	} else if (d->exempt)
		ret->verdict = POLICY_EXEMPTED;
	else if (rule->when_count && explain_conditions(rule, d, ret) < 0)
		return -1;
	else if (ret->verdict == POLICY_APPLIES && d->applies == VERDICT_TRUE &&
		 rule->info.action == POLICY_ALLOW)
		d->exempt = true;
	return d->applies == VERDICT_ERROR ? explain_unknown(d, ret) : 0;
}

int policy_explain(const struct policy_set *s, const struct policy_request *r, struct arena *arena,
	const struct policy_explained_rule **ret, size_t *ret_count)
{
	struct deciding d = {.request = r, .arena = arena, .view = {.request = r, .arena = arena}};
	struct policy_explained_rule *list =
		arena_calloc(arena, s->real_rule_count + 1, sizeof *list);
	size_t count = 0;
	if (!list)
		return -1;
	for (size_t i = 0; i < s->rule_count; i++) {
		if (s->rules[i]->record_only)
			continue;
		if (explain_rule(s->rules[i], &d, &list[count++]) < 0)
			return -1;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}
