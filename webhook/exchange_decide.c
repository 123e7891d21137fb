/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading is over: what the policies say. A decision is begun on the thread that serves the
 * connection. When it turns out to be long, or the request is large, it is made by
 * long_decisions.h, from its beginning: nothing of the first attempt is kept.
 */
#include "common/base/clock.h"
#include "common/base/flags.h"
#include "common/base/log.h"
#include "webhook/exchange_internal.h"
#include "webhook/guard_watch.h"
#include "webhook/hold/hold_need.h"
#include "webhook/hold/holdreview_list.h"
#include "webhook/hold/holdstop.h"
#include "webhook/hold/limits.h"
#include "webhook/hold/stops.h"
#include "webhook/long_decisions.h"

#define DEFAULT_TIMEOUT_MS 10000
/* What the first attempt may cost: some hundred microseconds. */
#define STEP_COST 20000u
/* Of such a body, comparing, masking and displaying alone takes milliseconds. */
#define LARGE_BODY ((size_t)128 << 10)

struct exchange *exchange_refuse(
	struct exchange *x, unsigned code, const char *reason, struct span message)
{
	exchange_count(EXCHANGE_DECISIONS, EXCHANGE_ACTION_ERROR);
	exchange_deny(x, code, reason, message);
	return exchange_move(x, EXCHANGE_REPLY);
}

int64_t exchange_call_timeout_ms(struct exchange *x)
{
	struct span timeout;

	if (x->call_timeout_ms > 0)
		return x->call_timeout_ms;
	timeout = http_request_query(x->http, "timeout");
	if (!timeout.ptr || duration_parse_ms(timeout, &x->call_timeout_ms) != 0 ||
		x->call_timeout_ms <= 0)
		x->call_timeout_ms = DEFAULT_TIMEOUT_MS;
	return x->call_timeout_ms;
}

/* ---- where ---- */

static enum exchange_step deciding_step(const struct exchange *x)
{
	return x->endpoint == ENDPOINT_MUTATE ? EXCHANGE_MUTATE : EXCHANGE_DECIDE;
}

enum exchange_step exchange_first_of_deciding(const struct exchange *x)
{
	return http_request_body(x->http).len > LARGE_BODY ? EXCHANGE_LATER : deciding_step(x);
}

static struct exchange *refuse_busy(struct exchange *x, struct span message)
{
	x->decision = (struct policy_decision){0};
	return exchange_refuse(x, 503, "ServiceUnavailable", message);
}

/* Its turn has come: from now on counts its time, but for nobody who has stopped waiting. */
static void decide_now(void *arg)
{
	struct exchange *x = arg;
	const uint64_t now = (uint64_t)monotonic_us(),
		       end = http_request_start_us(x->http) + (uint64_t)x->call_timeout_ms * 1000;

	if (now >= end) {
		exchange_stay(x);
		exchange_run(refuse_busy(x,
			SPAN("Holdpoint cannot decide: the request waited for its turn as long as "
			     "the API server waits for an answer (--decision-threads); repeat it "
			     "later")));
		return;
	}
	x->decide_by_us = now + x->webhook->decision_timeout_us;
	if (x->decide_by_us > end)
		x->decide_by_us = end;
	exchange_resume(x, deciding_step(x));
}

/*
 * No thread will take it. A large request, which came here unseen, is tried where it is: most cost
 * little, and a flood of some users' must not deny what no rule is about.
 */
static struct exchange *decide_here_or_not(struct exchange *x)
{
	if (!x->tried_here)
		return exchange_move(x, deciding_step(x));
	return refuse_busy(x,
		SPAN("Holdpoint cannot decide: it is busy with too many decisions that take long "
		     "(--decision-queue, --decision-queue-bytes, --max-suspended); repeat the "
		     "request later"));
}

struct exchange *exchange_decide_later(struct exchange *x)
{
	(void)exchange_call_timeout_ms(x); /* cannot be asked for later */
	if (exchange_suspend(x) != 0)
		return decide_here_or_not(x);
	exchange_leave(x);
	if (long_decisions_submit(x->webhook->long_decisions, x->request.username,
		    arena_reserved(x->arena), decide_now, x) == 0)
		return NULL;
	exchange_stay(x);
	return decide_here_or_not(x);
}

/* ---- what ---- */

static struct exchange *refuse_undecided(struct exchange *x)
{
	x->decision = (struct policy_decision){0};
	return exchange_refuse(x, 500, "InternalError",
		SPAN("Holdpoint cannot decide: the policies need more memory for this request "
		     "than one request may use"));
}

/* Not a decision on anything: without a record. */
static struct exchange *answer_probe(struct exchange *x)
{
	exchange_deny(
		x, 403, "Forbidden", guard_watch_probe_answer(x->webhook->guard, x->set, x->arena));
	return exchange_move(x, EXCHANGE_REPLY);
}

static struct policy_limits limits_of(struct exchange *x)
{
	x->tried_here = x->tried_here || x->decide_by_us == 0;
	return (struct policy_limits){
		.cost = x->decide_by_us ? 0 : STEP_COST, .until_us = x->decide_by_us};
}

static void take_set(struct exchange *x)
{
	if (!x->set)
		x->set = policy_store_get(x->webhook->policies);
	x->request.cluster = x->webhook->objects;
}

/* A policy whose rules cost more than they may is somebody's to mend. */
static void tell_of_limits(struct exchange *x)
{
	static const char *const names[] = {[POLICY_LIMIT_EXPRESSION] = "expression",
		[POLICY_LIMIT_POLICY] = "policy",
		[POLICY_LIMIT_TIME] = "time",
		[POLICY_LIMIT_MEMORY] = "memory"};

	for (size_t i = 0; i < x->decision.match_count; i++) {
		const struct policy_match *m = &x->decision.matches[i];

		if (m->limit == POLICY_LIMIT_NONE)
			continue;
		exchange_count(EXCHANGE_LIMITS, m->limit - 1);
		log_warn("policy_limit_reached", LOG_STR("policy", m->rule->policy),
			LOG_STR("rule", m->rule->rule), LOG_STR("limit", names[m->limit]),
			LOG_SPAN("message", m->message));
	}
}

static bool needs_approval(struct exchange *x)
{
	x->verdict.kind = hold_need(&x->request, &x->decision, x->arena);
	return x->verdict.kind == HOLD_NOT_ASKED;
}

struct exchange *exchange_go_on_after_decision(struct exchange *x)
{
	if (x->decision.action != POLICY_DENY && x->webhook->notes &&
		authorize_notes_wants(x->webhook->notes, &x->request, x->arena, &x->note))
		return exchange_move(x, EXCHANGE_NOTE);
	if (x->decision.action == POLICY_HOLD && needs_approval(x))
		return exchange_move(x, EXCHANGE_GATE);
	if (x->decision.action == POLICY_HOLD)
		exchange_put_no_need(x);
	else if (x->decision.action == POLICY_DENY)
		exchange_put_denial(x);
	else if (holdreview_is(&x->request) || holdstop_is(&x->request))
		return exchange_move(x, EXCHANGE_REVIEW);
	return exchange_move(x, EXCHANGE_RECORD);
}

int exchange_look_at_stops(struct exchange *x)
{
	struct policy_decision d;
	bool stopped;

	if (stops_find(x->webhook->stops, x->set, &x->request, x->arena, &stopped, &d) != 0)
		return -1;
	if (!stopped)
		return 0;
	x->decision = d;
	exchange_put_denial(x);
	return 1;
}

/* NULL: goes on. */
static struct exchange *deny_stopped(struct exchange *x)
{
	int stopped = exchange_look_at_stops(x);

	if (stopped < 0)
		return refuse_undecided(x);
	return stopped > 0 ? exchange_move(x, EXCHANGE_RECORD) : NULL;
}

struct exchange *exchange_decide_step(struct exchange *x)
{
	const struct policy_limits limits = limits_of(x);
	struct exchange *denied;
	int rc;

	take_set(x);
	if (x->webhook->guard && guard_watch_is_probe(&x->request))
		return answer_probe(x);
	denied = deny_stopped(x);
	if (denied)
		return denied;
	rc = policy_decide_within(x->set, &x->request, &limits, x->arena, &x->decision);
	if (rc == POLICY_UNFINISHED)
		return exchange_move(x, EXCHANGE_LATER);
	if (rc != 0)
		return refuse_undecided(x);
	exchange_clean_messages(x);
	tell_of_limits(x);
	/* One that needs no approval anyway is no use of a limit. */
	if (limits_wanted(&x->decision) &&
		(x->decision.action != POLICY_HOLD || x->request.dry_run || needs_approval(x)))
		return exchange_move(x, EXCHANGE_LIMIT);
	return exchange_go_on_after_decision(x);
}

static struct exchange *go_on_after_mutation(struct exchange *x, const struct policy_mutation *m)
{
	x->decision = m->decision;
	if (m->decision.action == POLICY_NONE && m->decision.match_count > 0) {
		x->decision.action = POLICY_MUTATE;
		x->decision.decisive = &m->decision.matches[0];
	}
	exchange_clean_messages(x);
	tell_of_limits(x);
	/* What the API server would refuse, and what cannot be changed anyway. */
	if (m->decision.action == POLICY_DENY)
		exchange_put_denial(x);
	else if (m->patch.len > 0)
		x->answer->patch = m->patch;
	return exchange_move(x, EXCHANGE_RECORD);
}

/* Denying is /validate's work, which sees the object in its last form. */
struct exchange *exchange_mutate_step(struct exchange *x)
{
	const struct policy_request *q = &x->request;
	const struct policy_limits limits = limits_of(x);
	struct policy_mutation m = {0};
	struct exchange *denied;
	int rc;

	take_set(x);
	denied = deny_stopped(x);
	if (denied)
		return denied;
	if (q->dry_run && holdreview_is_list(q))
		return exchange_move(x, EXCHANGE_REVIEW);
	if (!policy_set_mutates(x->set) || q->operation == OPERATION_DELETE ||
		q->object == JSON_NONE)
		return exchange_move(x, EXCHANGE_RECORD);
	rc = policy_mutate_within(x->set, q, &limits, x->arena, &m);
	if (rc == POLICY_UNFINISHED)
		return exchange_move(x, EXCHANGE_LATER);
	if (rc != 0)
		return refuse_undecided(x);
	return go_on_after_mutation(x, &m);
}
