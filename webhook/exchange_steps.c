/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a request, step by step, in the order in which it happens; exchange_steps.h has
 * the table. A held request that is approved while it waits goes: read, decide, prepare the
 * query, queue for the database, ask the gate, wait for a human, queue and ask again, put the
 * verdict into words, record, reply.
 */
#include <assert.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "webhook/exchange_internal.h"
#include "webhook/hold/hold_need.h"
#include "webhook/hold/hold_turns.h"
#include "webhook/hold/hold_wait.h"
#include "webhook/hold/holdreview_list.h"

#define COMPACT_ABOVE	     64 /* that wait for the database */
#define RECORDED_MESSAGE_MAX ((size_t)1 << 20)

/* ---- read ---- */

/* No answer in the endpoint's own form is possible. */
static struct exchange *end_with_error(struct exchange *x, unsigned status, const char *why)
{
	struct http_request *http = exchange_move(x, EXCHANGE_END)->http;

	http_reply_error(http, status, "%s", why);
	return NULL;
}

static enum review_status read_body(struct exchange *x, struct review *r, struct err *e)
{
	struct span body = http_request_body(x->http);
	uint32_t max = x->webhook->max_nodes;
	enum review_status status;

	if (x->endpoint != ENDPOINT_AUTHORIZE) {
		status = review_read_admission(body, max, x->arena, r, e);
		r->request.endpoint = x->endpoint;
		return status;
	}
	return review_read_access(body, max, x->arena, r, e);
}

static struct exchange *read_review(struct exchange *x)
{
	struct review *r = arena_calloc(x->arena, 1, sizeof(*r));
	enum review_status status;
	struct err e;

	if (!r)
		return end_with_error(x, 503, "no memory for the request");
	status = read_body(x, r, &e);
	if (status == REVIEW_MALFORMED)
		return end_with_error(x, 400, e.msg);
	x->uid = r->uid;
	x->api_version = r->api_version;
	x->request = status == REVIEW_OK ? r->request : (struct policy_request){0};
	if (exchange_begin_answer(x) != 0)
		return exchange_move(x, EXCHANGE_REPLY);
	if (status == REVIEW_UNDECIDABLE)
		return exchange_refuse(x, 400, "BadRequest",
			arena_printf(
				x->arena, "Holdpoint cannot decide on this request: %s", e.msg));
	return exchange_move(x, exchange_first_of_deciding(x));
}

/* ---- the hold gate: prepare, queue, ask ---- */

static struct exchange *verdict_is(struct exchange *x, enum hold_verdict_kind kind)
{
	x->verdict.kind = kind;
	return exchange_move(x, EXCHANGE_VERDICT);
}

/* When the request must be answered at the latest, or 0: it does not wait for a human. */
static uint64_t wait_deadline(struct exchange *x)
{
	int64_t wait_ms = x->query.terms.wait_ms;
	const int64_t timeout_ms = exchange_call_timeout_ms(x);

	if (wait_ms > timeout_ms - ANSWER_MARGIN_MS)
		wait_ms = timeout_ms - ANSWER_MARGIN_MS;
	if (wait_ms <= 0 || x->request.dry_run)
		return 0;
	return http_request_start_us(x->http) + (uint64_t)wait_ms * 1000;
}

static struct exchange *prepare_query(struct exchange *x)
{
	struct hold_gate *gate = x->webhook->gate;
	struct err e;

	hold_query_init(&x->query, &x->request, &x->decision, x->uid, policy_set_digest(x->set));
	if (hold_gate_is_over_rate(gate))
		return verdict_is(x, HOLD_RATE);
	if (hold_gate_prepare(gate, &x->query, x->arena, &e) != 0) {
		hold_verdict_fail(&x->verdict, x->arena, e.msg);
		return exchange_move(x, EXCHANGE_VERDICT);
	}
	x->wait_until_us = wait_deadline(x);
	if (exchange_suspend(x) != 0)
		return verdict_is(x, HOLD_BUSY);
	x->after_queue = EXCHANGE_ASK;
	return exchange_move(x, EXCHANGE_QUEUE);
}

static void got_connection(struct pg_conn *conn, bool usable, void *arg)
{
	struct exchange *x = arg;

	assert(x->away);
	x->conn = usable ? conn : NULL;
	exchange_resume(x, x->after_queue);
}

/* ---- what /authorize is asked about HoldReviews and impersonation ---- */

static struct exchange *go_on_after_note(struct exchange *x)
{
	return exchange_move(
		x, x->decision.action == POLICY_HOLD ? EXCHANGE_GATE : EXCHANGE_RECORD);
}

/* Where approvals with kubectl count at once, nobody acts as another without its being known. */
static struct exchange *not_noted(struct exchange *x)
{
	if (authorize_note_may_be_lost(&x->note))
		return go_on_after_note(x);
	exchange_deny(x, 503, "ServiceUnavailable",
		SPAN("Holdpoint could not write down that somebody acts as this user, on which "
		     "approvals with kubectl depend here (kubernetes_approvals is direct): its "
		     "database does not answer. Repeat the request later."));
	return exchange_move(x, EXCHANGE_RECORD);
}

static struct exchange *prepare_note(struct exchange *x)
{
	if (exchange_suspend(x) != 0)
		return not_noted(x);
	x->after_queue = EXCHANGE_NOTE_PUT;
	return exchange_move(x, EXCHANGE_QUEUE);
}

static struct exchange *put_note(struct exchange *x)
{
	struct pg_conn *conn = x->conn;

	x->conn = NULL;
	if (authorize_notes_put(x->webhook->notes, conn, &x->note) != 0)
		return not_noted(x);
	return go_on_after_note(x);
}

static struct exchange *queue_is_full(struct exchange *x)
{
	struct holdreview_reply r;

	if (x->after_queue == EXCHANGE_ASK)
		return verdict_is(x, HOLD_BUSY);
	if (x->after_queue == EXCHANGE_NOTE_PUT)
		return not_noted(x);
	if (x->after_queue == EXCHANGE_LIMIT_ASK)
		return exchange_limit_unknown(x);
	holdreview_busy(&r);
	exchange_put_review(x, &r);
	return exchange_move(x, EXCHANGE_RECORD);
}

/* In a long queue a request is small; in a short one the work of making it so is not worth it. */
static struct exchange *queue_for_database(struct exchange *x)
{
	struct hold_turns *turns = x->webhook->turns;
	struct exchange *small = NULL;

	if (x->after_queue == EXCHANGE_ASK && hold_turns_queued(turns) > COMPACT_ABOVE)
		small = exchange_compact(x);
	if (small)
		x = small;
	exchange_leave(x);
	if (hold_turns_submit(turns, x->request.username, got_connection, x) == 0)
		return NULL;
	exchange_stay(x);
	return queue_is_full(x);
}

static bool may_wait(const struct exchange *x)
{
	return x->verdict.kind == HOLD_HELD && x->verdict.id != 0 &&
	       x->wait_until_us > (uint64_t)monotonic_us();
}

/* Whoever was stopped meanwhile uses no approval up. */
static struct exchange *ask_gate(struct exchange *x)
{
	int stopped = x->answer || exchange_begin_answer(x) == 0 ? exchange_look_at_stops(x) : -1;

	if (stopped != 0) {
		x->conn = NULL;
		return stopped > 0 ? exchange_move(x, EXCHANGE_RECORD) : verdict_is(x, HOLD_FAILED);
	}
	hold_gate_ask(x->webhook->gate, x->conn, &x->query, x->arena, &x->verdict);
	x->conn = NULL;
	return exchange_move(x, may_wait(x) ? EXCHANGE_WAIT : EXCHANGE_VERDICT);
}

/* ---- wait for a human ---- */

/* Somebody has decided, so that the gate is to be asked once more; or the time is over. */
static void waited(bool decided, void *arg)
{
	struct exchange *x = arg;

	assert(x->away);
	x->waited_us += monotonic_us() - x->wait_began_us;
	x->verdict.gave_up_waiting = !decided;
	exchange_resume(x, decided ? EXCHANGE_QUEUE : EXCHANGE_VERDICT);
}

static struct exchange *wait_for_human(struct exchange *x)
{
	struct exchange *small = exchange_compact(x);

	if (!small)
		return exchange_move(x, EXCHANGE_VERDICT);
	x = small;
	x->wait_began_us = monotonic_us();
	exchange_leave(x);
	if (hold_wait_add(x->webhook->wait, x->verdict.id, x->wait_until_us, waited, x) == 0)
		return NULL;
	exchange_stay(x);
	return exchange_move(x, EXCHANGE_VERDICT);
}

static struct exchange *put_verdict(struct exchange *x)
{
	/* Not so where it was made small, whose arena was given back. */
	if (!x->answer && exchange_begin_answer(x) != 0) {
		log_error("request_denied_for_lack_of_memory", LOG_INT("hold", x->verdict.id));
		x->verdict.kind = HOLD_FAILED;
		hold_gate_count(x->verdict.kind);
		return exchange_move(x, EXCHANGE_REPLY);
	}
	hold_gate_count(x->verdict.kind);
	exchange_put_verdict(x);
	return exchange_move(x, EXCHANGE_RECORD);
}

/* ---- HoldReviews: decisions by kubectl, and what waits ---- */

static struct holdreview holdreview_of(const struct exchange *x)
{
	return (struct holdreview){.request = &x->request,
		.uid = x->uid,
		.cluster = x->webhook->cluster,
		.masker = x->webhook->masker,
		.arena = x->arena,
		.caller_is_verified = x->webhook->caller_is_verified};
}

static struct exchange *check_holdreview(struct exchange *x)
{
	const struct holdreview h = holdreview_of(x);
	struct holdreview_reply r;
	bool ask = x->endpoint == ENDPOINT_MUTATE ? holdreview_list_check(&h, &r)
						  : holdreview_check(&h, &r);

	if (ask && exchange_suspend(x) == 0) {
		x->after_queue = EXCHANGE_REVIEW_ASK;
		return exchange_move(x, EXCHANGE_QUEUE);
	}
	if (ask)
		holdreview_busy(&r);
	exchange_put_review(x, &r);
	return exchange_move(x, EXCHANGE_RECORD);
}

static struct exchange *ask_holdreview(struct exchange *x)
{
	const struct holdreview h = holdreview_of(x);
	struct holdreview_reply r;

	if (x->endpoint == ENDPOINT_MUTATE)
		holdreview_list(&h, x->conn, &r);
	else
		holdreview_decide(&h, x->conn, &r);
	x->conn = NULL;
	exchange_put_review(x, &r);
	return exchange_move(x, EXCHANGE_RECORD);
}

/* ---- record ---- */

static uint64_t took_us(const struct exchange *x)
{
	return monotonic_us() - http_request_start_us(x->http) - x->waited_us;
}

/* What was said, free of secrets: a messageExpression may have quoted the object. */
static struct span masked_message(struct exchange *x, struct span said)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(RECORDED_MESSAGE_MAX);
	struct mask_result masked = {0};
	char *copy = NULL;

	if (!said.ptr)
		return said;
	mask_text(x->webhook->masker, said, x->arena, &out, &masked);
	if (!out.failed)
		copy = arena_strndup(x->arena, out.len > 0 ? out.ptr : "", out.len);
	return copy ? (struct span){copy, out.len} : SPAN("[not recorded: cannot be masked]");
}

static struct decision_record record_of(struct exchange *x)
{
	const struct policy_match *m = x->decision.decisive;
	struct span said =
		x->answer->allowed ? m ? m->message : (struct span){0} : x->answer->message;

	if (x->answer->allowed && hold_need_text(x->verdict.kind).ptr)
		said = hold_need_text(x->verdict.kind);
	return (struct decision_record){.decision_id = x->decision_id,
		.endpoint = endpoint_names[x->endpoint],
		.request_uid = x->uid,
		.request = &x->request,
		.decision = &x->decision,
		.policy_digest = policy_set_digest(x->set),
		.allowed = x->answer->allowed,
		.hold_id = x->verdict.id,
		.latency_us = took_us(x),
		.message = masked_message(x, said)};
}

/* The recorder's, under --require-evidence: only now may the answer go out. */
static void recorded(bool stored, void *arg)
{
	struct exchange *x = arg;

	assert(x->away);
	if (!stored && x->answer->allowed) {
		exchange_put_unrecorded(x);
		exchange_put_body(x);
	}
	exchange_resume(x, EXCHANGE_REPLY);
}

/* Keeps the answer back until its record is stored; denies when that cannot be. */
static struct exchange *record_first(struct exchange *x, const struct decision_record *r)
{
	if (exchange_suspend(x) == 0) {
		exchange_leave(x);
		if (recorder_add(x->webhook->recorder, r, recorded, x) == 0)
			return NULL;
		exchange_stay(x);
	}
	if (x->answer->allowed) {
		exchange_put_unrecorded(x);
		exchange_put_body(x);
	}
	return exchange_move(x, EXCHANGE_REPLY);
}

static void slowed_down(bool stored _unused_, void *arg)
{
	exchange_resume(arg, EXCHANGE_REPLY);
}

/* Answers at the pace at which records are stored, so that none has to be dropped. */
static struct exchange *record_at_writers_pace(struct exchange *x, const struct decision_record *r)
{
	exchange_leave(x);
	if (recorder_add_paced(x->webhook->recorder, r, slowed_down, x) == RECORDER_WAIT)
		return NULL;
	exchange_stay(x);
	return exchange_move(x, EXCHANGE_REPLY);
}

static struct exchange *record_decision(struct exchange *x)
{
	struct recorder *recorder = x->webhook->recorder;
	struct decision_record r;
	int dropped;

	exchange_count(EXCHANGE_DECISIONS, x->decision.action);
	if (x->decision.match_count == 0 && !x->decision.record_all) {
		exchange_put_body(x);
		return exchange_move(x, EXCHANGE_REPLY);
	}
	uuid_at(x->request.now_us, x->decision_id);
	uuid_write(x->decision_id, x->decision_id_text);
	exchange_annotate(x);
	exchange_put_body(x);
	if (!x->body.ptr)
		x->answer->allowed = false; /* as the last resort says */
	r = record_of(x);
	if (x->webhook->require_evidence)
		return record_first(x, &r);
	if (recorder_is_behind(recorder) && exchange_suspend(x) == 0)
		return record_at_writers_pace(x, &r);
	dropped = recorder_add(recorder, &r, NULL, NULL);
	(void)dropped; /* counted and logged there */
	return exchange_move(x, EXCHANGE_REPLY);
}

/* ---- reply ---- */

/* A denial that needs no memory. */
static struct http_answer last_resort(const struct exchange *x, char *text, size_t cap)
{
	if (x->endpoint == ENDPOINT_AUTHORIZE)
		return (struct http_answer){.status = 500, .body = SPAN("{}")};
	return (struct http_answer){
		.status = 200, .body = answer_put_last_resort(x->uid, text, cap)};
}

static struct exchange *reply(struct exchange *x)
{
	struct http_answer answer;
	struct http_request *http = x->http;
	bool compact; /* else it is gone with the reply */
	char text[512];

	if (x->answer && !x->body.ptr)
		exchange_put_body(x);
	if (x->body.ptr)
		answer = (struct http_answer){.status = 200, .body = x->body};
	else
		answer = last_resort(x, text, sizeof(text));
	exchange_count(
		x->body.ptr && x->answer && x->answer->allowed ? EXCHANGE_ALLOWED : EXCHANGE_DENIED,
		x->endpoint);
	exchange_count_latency(took_us(x));
	policy_set_unref(x->set);
	compact = exchange_move(x, EXCHANGE_END)->compact;
	http_reply(http, &answer);
	if (compact)
		exchange_free_block(x);
	return NULL;
}

const exchange_step_fn exchange_step_fns[] = {
#define STEP(name, label, run, next) [EXCHANGE_##name] = (run),
	EXCHANGE_STEPS(STEP)
#undef STEP
};
