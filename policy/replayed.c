/* SPDX-License-Identifier: Apache-2.0 */
/* Deciding with three answers; see replayed.h. */
#include "policy/replayed.h"

#include "policy/decide_internal.h"

struct replaying {
	struct deciding d;
	const struct policy_recorded *recorded;
	struct policy_replayed *ret;
	const struct policy *perhaps_exempt; /* an Allow rule of it may have applied */
	const char *why_exempt;
};

/* Why a condition cannot be asked; NULL: it can. */
static const char *missing_for(const struct expression *e, const struct policy_recorded *r)
{
	if (expression_needs_old_object(e) && !r->old_object)
		return "it looks at the object as it was, which is not recorded";
	if (expression_needs_object(e) && !r->object)
		return "it looks at the object, which is not recorded";
	return NULL;
}

static const char *failed_why(struct replaying *p, struct span text)
{
	const char *why = arena_strndup(p->d.arena, text.ptr, text.len);

	return why ? why : "it cannot be evaluated";
}

/* All of them, also behind one that is not known: one that is false settles it. */
static enum verdict test_conditions(struct replaying *p, const struct rule *rule, const char **why)
{
	struct evaluation *ev = rule->when_count ? deciding_evaluation(&p->d) : NULL;
	enum verdict all = *why ? VERDICT_ERROR : VERDICT_TRUE;

	if (rule->when_count && !ev) {
		*why = "it needs too much memory";
		return VERDICT_ERROR;
	}
	for (size_t i = 0; i < rule->when_count; i++) {
		const char *missing = missing_for(rule->when[i], p->recorded);
		struct evaluation_error error = {0};
		enum verdict one =
			missing ? VERDICT_ERROR : evaluation_test(rule->when[i], ev, &error);

		if (one == VERDICT_FALSE)
			return VERDICT_FALSE;
		if (one == VERDICT_ERROR && !*why)
			*why = missing ? missing : failed_why(p, error.text);
		if (one == VERDICT_ERROR)
			all = VERDICT_ERROR;
	}
	return all;
}

static void note_possible(
	struct replaying *p, const struct rule *rule, enum policy_action effective, const char *why)
{
	if (effective <= p->ret->possible)
		return;
	p->ret->possible = effective;
	p->ret->depends = &rule->info;
	p->ret->why = why;
}

static void note(
	struct replaying *p, const struct rule *rule, enum verdict verdict, const char *why)
{
	const enum policy_action effective =
		deciding_turned_down(rule->info.action, rule->policy->enforcement);

	if (verdict == VERDICT_TRUE && p->perhaps_exempt == rule->policy) {
		verdict = VERDICT_ERROR;
		why = p->why_exempt;
	}
	if (verdict == VERDICT_TRUE && rule->info.count) {
		verdict = VERDICT_ERROR;
		why = "it counts requests";
	}
	if (verdict == VERDICT_ERROR) {
		if (rule->info.action == POLICY_ALLOW) {
			p->perhaps_exempt = rule->policy;
			p->why_exempt = why;
		} else {
			note_possible(p, rule, effective, why);
		}
		return;
	}
	p->d.exempt = rule->info.action == POLICY_ALLOW;
	if (effective > p->ret->action) {
		p->ret->action = effective;
		p->ret->rule = &rule->info;
	}
}

static void look_at(struct replaying *p, const struct rule *rule)
{
	const char *why = NULL;

	if (!deciding_enter(&p->d, rule) || rule->record_only || p->d.exempt ||
		rule->info.action == POLICY_MUTATE)
		return;
	switch (deciding_matches(rule, &p->d)) {
	case VERDICT_FALSE:
		return;
	case VERDICT_ERROR:
		why = failed_why(p, p->d.unknown);
		break;
	case VERDICT_TRUE:
		break;
	}
	const enum verdict verdict = test_conditions(p, rule, &why);
	if (verdict != VERDICT_FALSE)
		note(p, rule, verdict, why);
}

int policy_replay(const struct policy_set *s, const struct policy_request *r,
	const struct policy_recorded *recorded, struct arena *arena, struct policy_replayed *ret)
{
	struct replaying p = {.recorded = recorded, .ret = ret};
	const uint32_t *ids;
	size_t count;

	*ret = (struct policy_replayed){0};
	if (deciding_start(&p.d, s, r, arena, &ids, &count) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		look_at(&p, s->rules[ids[i]]);
	return 0;
}
