/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the hold gate. The reader is an agent or a person whose command has just failed:
 * the first line says why, the others what to do about it, with commands that can be copied.
 */
#include "webhook/hold/hold_message.h"

#include "common/base/local_time.h"
#include "common/base/utf8.h"

#define MESSAGE_MAX 6000

struct words {
	const struct hold_query *q;
	const struct hold_verdict *v;
	struct arena *arena;
	struct buf b;
};

/* What was written; the next text begins. */
static struct span finish(struct words *w)
{
	char *copy = w->b.failed ? NULL : arena_strndup(w->arena, buf_str(&w->b), w->b.len);

	buf_free(&w->b);
	w->b = (struct buf)BUF_INIT(MESSAGE_MAX);
	return copy ? span_of(copy) : SPAN("held for approval");
}

/* "rule agents/deletes"; "rules agents/deletes, prod/freeze" */
static void put_rules(struct words *w)
{
	const struct policy_decision *d = w->q->decision;
	const char *before = w->q->rule_count > 1 ? "rules " : "rule ";

	for (size_t i = 0; i < d->match_count; i++) {
		const struct policy_match *m = &d->matches[i];

		if (m->effective != POLICY_HOLD)
			continue;
		buf_printf(&w->b, "%s%s/%s", before, m->rule->policy, m->rule->rule);
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
static void put_approvers(struct words *w)
{
	const struct policy_decision *d = w->q->decision;
	const char *before = "";

	if (w->v->approvers.len > 0) {
		buf_add_span(&w->b, w->v->approvers);
		return;
	}
	for (size_t i = 0; i < d->match_count; i++) {
		if (d->matches[i].effective != POLICY_HOLD)
			continue;
		buf_add_str(&w->b, before);
		put_groups(&w->b, d->matches[i].rule->hold);
		before = " and ";
	}
}

static void put_reasons(struct words *w)
{
	const struct policy_decision *d = w->q->decision;
	struct span reasons = policy_decision_reasons(d, POLICY_HOLD, w->arena);

	if (!reasons.ptr)
		reasons = d->decisive->message;
	buf_add_span(&w->b, utf8_cut(reasons, MESSAGE_MAX / 2));
}

/* "Held by rule agents/deletes; may be approved by sre" */
static void put_held_by(struct words *w)
{
	buf_add_str(&w->b, "\nHeld by ");
	put_rules(w);
	buf_printf(&w->b, "; %s be approved by ", w->q->rule_count > 1 ? "must" : "may");
	put_approvers(w);
}

static void put_commands(struct words *w)
{
	long long id = w->v->id;
	const char *why = w->q->terms.require_reason ? " --reason '…'" : "";

	buf_printf(&w->b,
		"To approve:  holdpoint approve %lld%s\n"
		"        or:  kubectl holdpoint approve %lld%s\n"
		"        or:  psql -c \"SELECT holdpoint.approve(%lld, 'reason')\"\n",
		id, why, id, why, id);
}

static void put_opens(struct words *w, const char *title)
{
	if (w->v->opens.len > 0)
		buf_printf(&w->b, "%s%.*s.\n", title, SPAN_FMT(w->v->opens));
}

/* What is missing where somebody has approved already, as it seems. */
static void put_unconfirmed(struct words *w)
{
	if (w->v->unconfirmed.len > 0)
		buf_printf(&w->b,
			"Approved with kubectl by %.*s: counts once the API server's audit event "
			"has come.\n",
			SPAN_FMT(utf8_cut(w->v->unconfirmed, MESSAGE_MAX / 8)));
}

static struct span held_text(struct words *w)
{
	const struct hold_verdict *v = w->v;
	char expires[LOCAL_TIME_MAX];

	buf_printf(&w->b, "hold %lld waits for approval%s\n", (long long)v->id,
		v->gave_up_waiting ? ": nobody has decided yet" : "");
	buf_add_str(&w->b, "You cannot approve it. Tell the person you work for that it needs ");
	put_approvers(w);
	buf_printf(&w->b,
		", and do not try another way. When it is approved, repeat exactly this request; "
		"to "
		"wait for it: kubectl holdpoint wait %lld\n",
		(long long)v->id);
	put_reasons(w);
	put_held_by(w);
	if (w->q->rule_count < 2)
		buf_printf(&w->b, " (%lld of %lld approvals)", (long long)v->approvals,
			(long long)v->min_approvals);
	buf_printf(&w->b, "; expires %s.\n", utc_time(span_of(v->expires), expires));
	put_opens(w, "An approval opens: ");
	put_unconfirmed(w);
	put_commands(w);
	buf_add_str(&w->b, "What you asked for:  kubectl holdpoint list --mine");
	return finish(w);
}

/* Its answer is what is held. */
static struct span no_dry_run_text(struct words *w)
{
	buf_printf(&w->b,
		"hold %lld is approved for the request itself, not for dry runs of it, each of "
		"which gives out the same\n",
		(long long)w->v->id);
	put_reasons(w);
	buf_add_str(&w->b, "\nHeld by ");
	put_rules(w);
	buf_add_str(&w->b, ". Send the request without dry run.");
	return finish(w);
}

static struct span dry_run_text(struct words *w)
{
	if (w->v->id > 0)
		buf_printf(&w->b, "dry run: hold %lld for this change waits for approval\n",
			(long long)w->v->id);
	else
		buf_add_str(&w->b, "dry run: this change would be held for approval\n");
	put_reasons(w);
	put_held_by(w);
	buf_add_str(
		&w->b, ". A dry run makes no hold: send the request itself to ask for approval.");
	return finish(w);
}

static struct span too_narrow_text(struct words *w)
{
	long long id = w->v->id;

	buf_printf(&w->b, "hold %lld was approved for less than this\n", id);
	put_reasons(w);
	buf_printf(&w->b,
		"\nThe approver limited it to a namespace or name that this request is not in.\n");
	put_opens(w, "It opens: ");
	buf_printf(&w->b, "`holdpoint holds show %lld` tells more.", id);
	return finish(w);
}

static struct span denied_text(struct words *w)
{
	const struct hold_verdict *v = w->v;

	buf_printf(
		&w->b, "hold %lld was denied by %.*s\n", (long long)v->id, SPAN_FMT(v->decided_by));
	put_reasons(w);
	if (v->reason.len > 0)
		buf_printf(&w->b, "\nReason given: %.*s", SPAN_FMT(v->reason));
	buf_add_str(&w->b, "\nHeld by ");
	put_rules(w);
	buf_add_str(&w->b, ". Do not repeat this request, and do not try another way: tell the "
			   "person you work for, who can ask the people named here.");
	return finish(w);
}

/* The gate asked nobody, or got no answer. */
static struct span unanswered_text(struct words *w)
{
	char at[LOCAL_TIME_MAX];

	switch (w->v->kind) {
	case HOLD_LIMIT:
		buf_printf(&w->b, "too many holds: %.*s\n", SPAN_FMT(w->v->reason));
		break;
	case HOLD_PAUSED:
		buf_printf(&w->b, "not now: %.*s\n", SPAN_FMT(w->v->reason));
		break;
	case HOLD_IN_HAND:
		buf_add_str(&w->b, "the hold of this request is being decided on, or used, at this "
				   "moment\n");
		break;
	case HOLD_RATE:
	case HOLD_BUSY:
		buf_add_str(&w->b, "too many requests ask for approval at once: repeat it later\n");
		break;
	case HOLD_UNAVAILABLE:
		buf_add_str(&w->b, "needs an approval, and approvals cannot be looked up: the "
				   "database of Holdpoint is unreachable\n");
		break;
	default:
		buf_printf(&w->b, "needs an approval, and the hold gate failed: %.*s\n",
			SPAN_FMT(w->v->error));
		break;
	}
	put_reasons(w);
	buf_add_str(&w->b, "\nHeld by ");
	put_rules(w);
	if (w->v->kind == HOLD_LIMIT)
		buf_add_str(&w->b, ". Nothing was stored: have some of them approved, denied or "
				   "withdrawn first (`kubectl holdpoint list`).");
	else if (w->v->kind == HOLD_PAUSED)
		buf_printf(&w->b,
			". Nothing was stored: new holds are made again from %s on. Do not try "
			"other ways; ask the people who denied.",
			utc_time(span_of(w->v->expires), at));
	else
		buf_add_str(&w->b, ". Nothing was changed; repeat the request later.");
	return finish(w);
}

/* ---- for programs ---- */

static void add_fact(struct hold_message *m, const char *field, struct span text)
{
	if (m->fact_count < HOLD_FACTS_MAX)
		m->facts[m->fact_count++] = (struct hold_fact){field, text};
}

static void add_facts(struct words *w, struct hold_message *m)
{
	const struct policy_decision *d = w->q->decision;
	const struct hold_verdict *v = w->v;

	if (v->id > 0)
		add_fact(m, "hold", arena_printf(w->arena, "%lld", (long long)v->id));
	put_approvers(w);
	add_fact(m, "approvers", finish(w));
	if (v->expires[0])
		add_fact(m, "expires", span_of(v->expires));
	if (v->min_approvals > 0)
		add_fact(m, "approvals",
			arena_printf(w->arena, "%lld/%lld", (long long)v->approvals,
				(long long)v->min_approvals));
	if (v->unconfirmed.len > 0)
		add_fact(m, "unconfirmed", v->unconfirmed);
	for (size_t i = 0; i < d->match_count; i++) /* last: there may be more than have room */
		if (d->matches[i].effective == POLICY_HOLD)
			add_fact(m, "rule",
				arena_printf(w->arena, "%s/%s", d->matches[i].rule->policy,
					d->matches[i].rule->rule));
}

/* ---- the message ---- */

static struct hold_message held(struct words *w)
{
	bool dry_run = w->q->request->dry_run;
	struct hold_message m = {.code = 403, .reason = "Forbidden", .cause = "HoldPending"};

	if (dry_run) {
		m.text = span_eq(w->v->state, SPAN("approved")) ? no_dry_run_text(w)
								: dry_run_text(w);
		m.warning = SPAN("Holdpoint: the request itself would be held for approval");
		return m;
	}
	m.text = held_text(w);
	if (w->q->terms.retry) {
		m.code = 429;
		m.reason = "TooManyRequests";
		m.retry = true;
	}
	return m;
}

static struct hold_message denied(struct words *w)
{
	bool too_narrow = span_eq(w->v->state, SPAN("approved"));

	return (struct hold_message){.code = 403,
		.reason = "Forbidden",
		.cause = "HoldDenied",
		.text = too_narrow ? too_narrow_text(w) : denied_text(w)};
}

static struct hold_message unanswered(struct words *w)
{
	struct span text = unanswered_text(w);

	switch (w->v->kind) {
	case HOLD_LIMIT:
	case HOLD_PAUSED:
		return (struct hold_message){
			.code = 403, .reason = "Forbidden", .cause = "HoldLimit", .text = text};
	case HOLD_IN_HAND:
	case HOLD_RATE:
	case HOLD_BUSY:
		return (struct hold_message){.code = 429,
			.reason = "TooManyRequests",
			.cause = "HoldBusy",
			.text = text,
			.retry = true};
	default:
		return (struct hold_message){.code = 503,
			.reason = "ServiceUnavailable",
			.cause = "HoldUnavailable",
			.text = text};
	}
}

void hold_message_of(const struct hold_query *q, const struct hold_verdict *v, struct arena *arena,
	struct hold_message *ret)
{
	struct words w = {.q = q, .v = v, .arena = arena, .b = BUF_INIT(MESSAGE_MAX)};

	switch (v->kind) {
	case HOLD_HELD:
		*ret = held(&w);
		break;
	case HOLD_DENIED:
		*ret = denied(&w);
		break;
	default:
		*ret = unanswered(&w);
		break;
	}
	add_facts(&w, ret);
	buf_free(&w.b);
}
