/*
 * The words of the hold gate. The reader is an agent or a person whose command has just failed:
 * the first line says why, the others what to do about it, with commands that can be copied.
 */
#include "webhook/hold_message.h"

#include <stdio.h>

#include "webhook/webhook.h"

#define MESSAGE_MAX 6000

static struct span in_arena(struct exchange *x, struct buf *b)
{
	char *copy = b->failed ? NULL : arena_strndup(x->arena, b->ptr, b->len);

	buf_free(b);
	return copy ? span_of(copy) : SPAN("held for approval");
}

/* "rule agents/deletes"; "rules agents/deletes, prod/freeze" */
static void put_rules(struct buf *b, const struct exchange *x)
{
	const char *before = x->hold_rule_count > 1 ? "rules " : "rule ";

	for (size_t i = 0; i < x->decision.match_count; i++) {
		const struct policy_match *m = &x->decision.matches[i];

		if (m->effective != POLICY_HOLD)
			continue;
		buf_printf(b, "%s%s/%s", before, m->rule->policy, m->rule->rule);
		before = ", ";
	}
}

/* "sre, oncall"; "any approver" */
static void put_groups(struct buf *b, const struct policy_hold *h)
{
	if (h->approver_count == 0)
		buf_add_str(b, "any approver");
	for (size_t i = 0; i < h->approver_count; i++)
		buf_printf(b, "%s%.*s", i > 0 ? ", " : "", SPAN_FMT(h->approvers[i]));
}

/* Of several rules, what the database says is missing; without its word, those of each. */
static void put_approvers(struct buf *b, const struct exchange *x)
{
	const char *before = "";

	if (x->hold.approvers.len > 0) {
		buf_add_span(b, x->hold.approvers);
		return;
	}
	for (size_t i = 0; i < x->decision.match_count; i++) {
		if (x->decision.matches[i].effective != POLICY_HOLD)
			continue;
		buf_add_str(b, before);
		put_groups(b, x->decision.matches[i].rule->hold);
		before = " and ";
	}
}

static struct span approvers_of(struct exchange *x)
{
	struct buf b = BUF_INIT(MESSAGE_MAX);

	put_approvers(&b, x);
	return in_arena(x, &b);
}

static void put_reasons(struct buf *b, struct exchange *x)
{
	struct span reasons = policy_decision_reasons(&x->decision, POLICY_HOLD, x->arena);

	if (reasons.len > MESSAGE_MAX / 2)
		reasons.len = MESSAGE_MAX / 2;
	buf_add_span(b, reasons.ptr ? reasons : x->decision.decisive->message);
}

static void put_commands(struct buf *b, const struct exchange *x)
{
	long long id = x->hold.id;
	bool reason = x->terms.require_reason;
	const char *why = reason ? " --reason '…'" : "";

	buf_printf(b,
		"To approve:  holdpoint approve %lld%s\n"
		"        or:  kubectl holdpoint approve %lld%s\n"
		"        or:  psql -c \"SELECT holdpoint.approve(%lld, 'reason')\"\n",
		id, why, id, why, id);
}

static struct span held_text(struct exchange *x)
{
	struct buf b = BUF_INIT(MESSAGE_MAX);

	buf_printf(&b, "hold %lld waits for approval%s\n", (long long)x->hold.id,
		x->hold.gave_up_waiting ? ": nobody has decided yet" : "");
	put_reasons(&b, x);
	buf_add_str(&b, "\nHeld by ");
	put_rules(&b, x);
	buf_printf(&b, "; %s be approved by ", x->hold_rule_count > 1 ? "must" : "may");
	put_approvers(&b, x);
	if (x->hold_rule_count < 2)
		buf_printf(&b, " (%lld of %lld approvals)", (long long)x->hold.approvals,
			(long long)x->hold.min_approvals);
	buf_printf(&b, "; expires %s.\n", x->hold.expires);
	put_commands(&b, x);
	buf_add_str(&b, "Then repeat the request unchanged.");
	return in_arena(x, &b);
}

static struct span dry_run_text(struct exchange *x)
{
	struct buf b = BUF_INIT(MESSAGE_MAX);

	if (x->hold.id > 0)
		buf_printf(&b, "dry run: hold %lld for this change waits for approval\n",
			(long long)x->hold.id);
	else
		buf_add_str(&b, "dry run: this change would be held for approval\n");
	put_reasons(&b, x);
	buf_add_str(&b, "\nHeld by ");
	put_rules(&b, x);
	buf_printf(&b, "; %s be approved by ", x->hold_rule_count > 1 ? "must" : "may");
	put_approvers(&b, x);
	buf_add_str(&b, ". A dry run makes no hold: send the request itself to ask for approval.");
	return in_arena(x, &b);
}

static struct span denied_text(struct exchange *x)
{
	struct buf b = BUF_INIT(MESSAGE_MAX);

	if (strcmp(x->hold.state, "approved") == 0) {
		buf_printf(
			&b, "hold %lld was approved for less than this\n", (long long)x->hold.id);
		put_reasons(&b, x);
		buf_printf(&b,
			"\nThe approver limited it to a namespace or name that this request is not "
			"in. `holdpoint holds show %lld` tells which.",
			(long long)x->hold.id);
		return in_arena(x, &b);
	}
	buf_printf(&b, "hold %lld was denied by %s\n", (long long)x->hold.id, x->hold.decided_by);
	put_reasons(&b, x);
	if (x->hold.reason[0])
		buf_printf(&b, "\nReason given: %s", x->hold.reason);
	buf_add_str(&b, "\nDo not repeat this request: ask the people named here, or do something "
			"else.");
	return in_arena(x, &b);
}

static struct span unanswered_text(struct exchange *x)
{
	struct buf b = BUF_INIT(MESSAGE_MAX);

	switch (x->hold.verdict) {
	case HOLD_LIMIT:
		buf_add_str(&b, "too many holds of this identity wait already\n");
		break;
	case HOLD_RATE:
	case HOLD_BUSY:
		buf_add_str(&b, "too many requests ask for approval at once: repeat it later\n");
		break;
	case HOLD_UNAVAILABLE:
		buf_add_str(&b, "needs an approval, and approvals cannot be looked up: the "
				"database of Holdpoint is unreachable\n");
		break;
	default:
		buf_printf(
			&b, "needs an approval, and the hold gate failed: %s\n", x->hold.error.msg);
		break;
	}
	put_reasons(&b, x);
	buf_add_str(&b, "\nHeld by ");
	put_rules(&b, x);
	if (x->hold.verdict == HOLD_LIMIT)
		buf_add_str(&b, ". Have some of them approved, denied or withdrawn first "
				"(`holdpoint holds`).");
	else
		buf_add_str(&b, ". Nothing was changed; repeat the request later.");
	return in_arena(x, &b);
}

static void add_hold_causes(struct exchange *x, const char *reason)
{
	struct answer *a = &x->answer;
	const struct policy_decision *d = &x->decision;

	if (x->hold.id > 0)
		answer_add_cause(
			a, reason, "hold", arena_printf(x->arena, "%lld", (long long)x->hold.id));
	answer_add_cause(a, reason, "approvers", approvers_of(x));
	if (x->hold.expires[0])
		answer_add_cause(a, reason, "expires", span_of(x->hold.expires));
	if (x->hold.min_approvals > 0)
		answer_add_cause(a, reason, "approvals",
			arena_printf(x->arena, "%lld/%lld", (long long)x->hold.approvals,
				(long long)x->hold.min_approvals));
	for (size_t i = 0; i < d->match_count; i++) /* last: there may be more than have room */
		if (d->matches[i].effective == POLICY_HOLD)
			answer_add_cause(a, reason, "rule",
				arena_printf(x->arena, "%s/%s", d->matches[i].rule->policy,
					d->matches[i].rule->rule));
}

static void deny(struct exchange *x, unsigned code, const char *reason, const char *cause,
	struct span message)
{
	x->answer.allowed = false;
	x->answer.code = code;
	x->answer.reason = reason;
	x->answer.message = message;
	add_hold_causes(x, cause);
}

static void put_held(struct exchange *x)
{
	bool dry_run = x->review.request.dry_run;
	struct span *warning;

	if (!dry_run && x->terms.retry) {
		deny(x, 429, "TooManyRequests", "HoldPending", held_text(x));
		x->answer.retry_after_s = x->webhook->retry_after_s;
		return;
	}
	deny(x, 403, "Forbidden", "HoldPending", dry_run ? dry_run_text(x) : held_text(x));
	warning = dry_run ? arena_calloc(x->arena, 1, sizeof(*warning)) : NULL;
	if (!warning)
		return;
	*warning = SPAN("Holdpoint: the request itself would be held for approval");
	x->answer.warnings = warning;
	x->answer.warning_count = 1;
}

void hold_message_put(struct exchange *x)
{
	switch (x->hold.verdict) {
	case HOLD_ALLOW:
		x->answer.allowed = true;
		return;
	case HOLD_HELD:
		put_held(x);
		return;
	case HOLD_DENIED:
		deny(x, 403, "Forbidden", "HoldDenied", denied_text(x));
		return;
	case HOLD_LIMIT:
		deny(x, 403, "Forbidden", "HoldLimit", unanswered_text(x));
		return;
	case HOLD_RATE:
	case HOLD_BUSY:
		deny(x, 429, "TooManyRequests", "HoldBusy", unanswered_text(x));
		x->answer.retry_after_s = x->webhook->retry_after_s;
		return;
	default:
		deny(x, 503, "ServiceUnavailable", "HoldUnavailable", unanswered_text(x));
		return;
	}
}
