/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer of an exchange: from what the policies, the hold gate or a HoldReview say to an
 * AdmissionReview or a SubjectAccessReview.
 */
#include "webhook/exchange_internal.h"

int exchange_begin_answer(struct exchange *x)
{
	const struct policy_request *q = &x->request;

	x->answer = arena_calloc(x->arena, 1, sizeof(*x->answer));
	if (!x->answer)
		return -1;
	x->answer->uid = x->uid;
	x->answer->allowed = true;
	x->answer->group = q->api_group;
	x->answer->resource = q->resource;
	x->answer->name = q->name;
	return 0;
}

void exchange_deny(struct exchange *x, unsigned code, const char *reason, struct span message)
{
	x->answer->allowed = false;
	x->answer->code = code;
	x->answer->reason = reason;
	x->answer->message = message;
}

/* One line beside the answer. */
static void warn(struct exchange *x, struct span text)
{
	struct span *warning = text.ptr ? arena_calloc(x->arena, 1, sizeof(*warning)) : NULL;

	if (!warning)
		return;
	*warning = text;
	x->answer->warnings = warning;
	x->answer->warning_count = 1;
}

/* ---- what is said ---- */

void exchange_put_denial(struct exchange *x)
{
	const struct policy_decision *d = &x->decision;
	struct span reasons = policy_decision_reasons(d, POLICY_DENY, x->arena);

	exchange_deny(x, 403, "Forbidden", reasons.ptr ? reasons : d->decisive->message);
	for (size_t i = 0; i < d->match_count; i++) {
		const struct policy_match *m = &d->matches[i];

		if (m->effective == POLICY_DENY)
			answer_add_cause(x->answer, m->error ? "RuleError" : "RuleDenied",
				arena_printf(x->arena, "%s/%s", m->rule->policy, m->rule->rule).ptr,
				m->message);
	}
}

void exchange_put_verdict(struct exchange *x)
{
	struct hold_message m;

	if (x->verdict.kind == HOLD_ALLOW)
		return;
	hold_message_of(&x->query, &x->verdict, x->arena, &m);
	exchange_deny(x, m.code, m.reason, m.text);
	for (size_t i = 0; i < m.fact_count; i++)
		answer_add_cause(x->answer, m.cause, m.facts[i].field, m.facts[i].text);
	if (m.retry)
		x->answer->retry_after_s = x->webhook->retry_after_s;
	warn(x, m.warning);
}

/* kubectl shows a warning in one line, and cuts it. */
static struct span dry_run_warning(const struct exchange *x)
{
	const struct policy_match *m = x->decision.decisive;

	return arena_printf(x->arena,
		"Holdpoint: the request itself would be held for approval (%s/%s): %.*s",
		m->rule->policy, m->rule->rule, SPAN_FMT(m->message));
}

void exchange_put_no_need(struct exchange *x)
{
	hold_gate_count(x->verdict.kind);
	if (x->verdict.kind == HOLD_DRY_RUN)
		warn(x, dry_run_warning(x));
}

void exchange_put_review(struct exchange *x, const struct holdreview_reply *r)
{
	if (r->code != 0) {
		exchange_deny(x, r->code, r->reason, r->message);
		answer_add_cause(x->answer, "HoldReviewRefused", "spec", r->message);
		return;
	}
	warn(x, r->told);
	if (r->noted.ptr)
		answer_annotate(x->answer, "hold-review", r->noted);
	x->answer->patch = r->patch;
}

void exchange_put_unrecorded(struct exchange *x)
{
	x->answer->cause_count = 0;
	exchange_deny(x, 503, "ServiceUnavailable",
		SPAN("Holdpoint could not record its decision, and nothing may pass unrecorded "
		     "here (--require-evidence). Repeat the request later."));
	answer_add_cause(
		x->answer, "EvidenceUnavailable", "decision", SPAN("the record was not stored"));
}

/* ---- what it is known by ---- */

static const char *decision_name(const struct exchange *x)
{
	if (x->verdict.kind == HOLD_NO_CHANGE)
		return "NoChange";
	if (x->verdict.kind == HOLD_DRY_RUN)
		return "DryRun";
	if (x->decision.action == POLICY_HOLD && x->answer->allowed)
		return "Approved";
	if (x->decision.action == POLICY_NONE && !x->answer->allowed)
		return "Error";
	return x->decision.action == POLICY_NONE ? "Allow" : policy_action_name(x->decision.action);
}

static bool is_warning(const struct policy_match *m)
{
	return m->effective == POLICY_WARN || m->ignored;
}

/* Appends to what is there already. */
static void add_warnings(struct exchange *x)
{
	const struct policy_decision *d = &x->decision;
	size_t n = x->answer->warning_count, wanted = n;
	struct span *all;

	for (size_t i = 0; i < d->match_count; i++)
		wanted += is_warning(&d->matches[i]);
	if (wanted == n)
		return;
	all = arena_calloc(x->arena, wanted, sizeof(*all));
	if (!all)
		return;
	if (n > 0)
		memcpy(all, x->answer->warnings, n * sizeof(*all));
	for (size_t i = 0; i < d->match_count; i++)
		if (is_warning(&d->matches[i]))
			all[n++] = arena_printf(x->arena, "%s/%s: %.*s", d->matches[i].rule->policy,
				d->matches[i].rule->rule, SPAN_FMT(d->matches[i].message));
	x->answer->warnings = all;
	x->answer->warning_count = n;
}

void exchange_annotate(struct exchange *x)
{
	struct answer *a = x->answer;
	const struct policy_match *m = x->decision.decisive;

	answer_annotate(a, "decision", span_of(decision_name(x)));
	answer_annotate(a, "decision-id", span_of(x->decision_id_text));
	if (m) {
		answer_annotate(a, "policy", span_of(m->rule->policy));
		answer_annotate(a, "rule", span_of(m->rule->rule));
	}
	if (x->verdict.id > 0)
		answer_annotate(
			a, "hold", arena_printf(x->arena, "%lld", (long long)x->verdict.id));
	add_warnings(x);
}

void exchange_put_body(struct exchange *x)
{
	x->body = x->endpoint == ENDPOINT_AUTHORIZE
			  ? answer_put_access(x->answer, x->api_version, x->arena)
			  : answer_put(x->answer, x->arena);
}
