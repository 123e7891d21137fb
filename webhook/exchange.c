/*
 * The life of one request between its handler and its answer; see webhook.h.
 */

#include "common/base/clock.h"
#include "common/base/log.h"
#include "webhook/hold_gate.h"
#include "webhook/holdreview.h"
#include "webhook/holdreview_list.h"
#include "webhook/webhook.h"

#define RECORDED_MESSAGE_MAX ((size_t)1 << 20)

static const char *const action_labels[] = {
	"None", "Allow", "Audit", "Warn", "Hold", "Deny", "Mutate", "error", NULL};
#define LABEL_ERROR 7

static struct metric_histogram latency;
enum { M_DECISIONS, M_ALLOWED, M_DENIED, M_LATENCY };

static struct metric metrics[] = {
	[M_DECISIONS] = {.name = "holdpoint_webhook_decisions_total",
		.help = "Decisions by the strongest action that matched; error: could not be "
			"decided.",
		.type = METRIC_COUNTER,
		.label = "action",
		.label_values = action_labels},
	[M_ALLOWED] = {.name = "holdpoint_webhook_allowed_total",
		.help = "Requests let through, by endpoint.",
		.type = METRIC_COUNTER,
		.label = "endpoint",
		.label_values = endpoint_names},
	[M_DENIED] = {.name = "holdpoint_webhook_denied_total",
		.help = "Requests denied, held ones included, by endpoint.",
		.type = METRIC_COUNTER,
		.label = "endpoint",
		.label_values = endpoint_names},
	[M_LATENCY] = {.name = "holdpoint_webhook_decision_seconds",
		.help = "From the first byte of a request to its answer, waiting for a human not "
			"counted.",
		.type = METRIC_HISTOGRAM,
		.histogram = &latency},
	{.name = NULL},
};

struct metric *const *exchange_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

static bool may_ask(const struct webhook *w, const struct http_request *http)
{
	struct span name;

	if (w->client_name_count == 0)
		return true;
	name = http_request_client_name(http);
	for (size_t i = 0; i < w->client_name_count; i++)
		if (name.ptr && span_eq_str(name, w->client_names[i]))
			return true;
	return false;
}

struct exchange *exchange_new(struct webhook *w, struct http_request *http, enum endpoint endpoint)
{
	struct arena *arena = http_request_arena(http);
	struct exchange *x;

	if (!may_ask(w, http)) {
		http_reply_error(
			http, 403, "the certificate's common name is not one of --client-name");
		return NULL;
	}
	x = arena_calloc(arena, 1, sizeof(*x));
	if (!x) {
		http_reply_error(http, 503, "no memory for the request");
		return NULL;
	}
	x->webhook = w;
	x->http = http;
	x->arena = arena;
	x->endpoint = endpoint;
	return x;
}

/* ---- the answer ---- */

/* What the decision-id's record, the audit event and a person reading them know it by. */
static const char *outcome_name(const struct exchange *x)
{
	if (x->decision.action == POLICY_HOLD && x->answer.allowed)
		return "Approved";
	if (x->decision.action == POLICY_NONE && !x->answer.allowed)
		return "Error";
	return x->decision.action == POLICY_NONE ? "Allow" : policy_action_name(x->decision.action);
}

static void annotate(struct exchange *x)
{
	struct answer *a = &x->answer;
	const struct policy_match *m = x->decision.decisive;

	answer_annotate(a, "decision", span_of(outcome_name(x)));
	answer_annotate(a, "decision-id", span_of(x->decision_id));
	if (m) {
		answer_annotate(a, "policy", span_of(m->rule->policy));
		answer_annotate(a, "rule", span_of(m->rule->rule));
	}
	if (x->hold.id > 0)
		answer_annotate(a, "hold", arena_printf(x->arena, "%lld", (long long)x->hold.id));
}

static bool is_warning(const struct policy_match *m)
{
	return m->effective == POLICY_WARN || m->ignored;
}

/* Appends to what is there already. */
static void add_warnings(struct exchange *x)
{
	const struct policy_decision *d = &x->decision;
	size_t n = x->answer.warning_count, wanted = n;
	struct span *all;

	for (size_t i = 0; i < d->match_count; i++)
		wanted += is_warning(&d->matches[i]);
	if (wanted == n)
		return;
	all = arena_calloc(x->arena, wanted, sizeof(*all));
	if (!all)
		return;
	if (n > 0)
		memcpy(all, x->answer.warnings, n * sizeof(*all));
	for (size_t i = 0; i < d->match_count; i++)
		if (is_warning(&d->matches[i]))
			all[n++] = arena_printf(x->arena, "%s/%s: %.*s", d->matches[i].rule->policy,
				d->matches[i].rule->rule, SPAN_FMT(d->matches[i].message));
	x->answer.warnings = all;
	x->answer.warning_count = n;
}

static struct span put_answer(struct exchange *x)
{
	return x->endpoint == ENDPOINT_AUTHORIZE ? authorize_put_answer(x)
						 : answer_put(&x->answer, x->arena);
}

void exchange_count_denied(enum endpoint endpoint)
{
	metric_add_at(&metrics[M_DENIED], endpoint, 1);
}

/* Answers and lets go: x is gone afterwards. */
static void reply(struct exchange *x, struct span body)
{
	struct http_answer answer = {.status = 200, .body = body};
	char last_resort[512];
	uint64_t took = monotonic_us() - http_request_start_us(x->http) - x->waited_us;
	bool allowed = x->answer.allowed;

	if (!body.ptr) {
		allowed = false;
		answer.body =
			answer_put_last_resort(x->review.uid, last_resort, sizeof(last_resort));
		if (x->endpoint == ENDPOINT_AUTHORIZE)
			answer = (struct http_answer){.status = 500, .body = SPAN("{}")};
	}
	metric_add_at(allowed ? &metrics[M_ALLOWED] : &metrics[M_DENIED], x->endpoint, 1);
	metric_observe_us(&metrics[M_LATENCY], took);
	if (x->set)
		policy_set_unref(x->set);
	http_reply(x->http, &answer);
}

/* ---- the record ---- */

static void refuse_unrecorded(struct exchange *x)
{
	x->answer.allowed = false;
	x->answer.code = 503;
	x->answer.reason = "ServiceUnavailable";
	x->answer.cause_count = 0;
	x->answer.message =
		SPAN("Holdpoint could not record its decision, and nothing may pass unrecorded "
		     "here (--require-evidence). Repeat the request later.");
	answer_add_cause(
		&x->answer, "EvidenceUnavailable", "decision", SPAN("the record was not stored"));
}

/* The writer's callback under --require-evidence: only now may the answer go out. */
static void recorded(bool stored, void *arg)
{
	struct exchange *x = arg;

	if (!stored && x->answer.allowed) {
		refuse_unrecorded(x);
		x->body = put_answer(x);
	}
	reply(x, x->body);
}

static bool must_be_recorded(const struct exchange *x)
{
	return x->decision.match_count > 0 || x->decision.record_all;
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
		x->answer.allowed ? m ? m->message : (struct span){0} : x->answer.message;

	return (struct decision_record){.decision_id = x->decision_id,
		.endpoint = endpoint_names[x->endpoint],
		.request_uid = x->review.uid,
		.request = &x->review.request,
		.decision = &x->decision,
		.policy_digest = policy_set_digest(x->set),
		.allowed = x->answer.allowed,
		.hold_id = x->hold.id,
		.latency_us = monotonic_us() - http_request_start_us(x->http) - x->waited_us,
		.message = masked_message(x, said)};
}

/* Keeps the answer back until its record is stored; denies when that cannot be. */
static void record_then_reply(struct exchange *x)
{
	struct decision_record r = record_of(x);

	if (!x->suspended && http_suspend(x->http) != 0) {
		refuse_unrecorded(x);
		reply(x, put_answer(x));
		return;
	}
	x->suspended = true;
	x->body = put_answer(x);
	if (recorder_add(x->webhook->recorder, &r, recorded, x) != 0)
		recorded(false, x);
}

static void slowed_down(bool stored _unused_, void *arg)
{
	struct exchange *x = arg;

	reply(x, x->body);
}

/* Answers at the pace at which records are stored, so that none has to be dropped. */
static void reply_at_writers_pace(struct exchange *x, const struct decision_record *r)
{
	x->body = put_answer(x);
	if (!x->suspended && http_suspend(x->http) != 0) {
		int dropped = recorder_add(x->webhook->recorder, r, NULL, NULL);

		(void)dropped; /* counted and logged there */
		reply(x, x->body);
		return;
	}
	x->suspended = true;
	if (recorder_add_paced(x->webhook->recorder, r, slowed_down, x) != RECORDER_WAIT)
		reply(x, x->body);
}

void exchange_finish(struct exchange *x)
{
	metric_add_at(&metrics[M_DECISIONS], x->decision.action, 1);
	if (!must_be_recorded(x)) {
		reply(x, put_answer(x));
		return;
	}
	random_uuid(x->decision_id);
	annotate(x);
	add_warnings(x);
	if (x->webhook->require_evidence) {
		record_then_reply(x);
		return;
	}
	if (x->webhook->recorder) {
		struct decision_record r = record_of(x);
		int dropped;

		if (recorder_is_behind(x->webhook->recorder)) {
			reply_at_writers_pace(x, &r);
			return;
		}
		dropped = recorder_add(x->webhook->recorder, &r, NULL, NULL);
		(void)dropped; /* counted and logged there */
	}
	reply(x, put_answer(x));
}

void exchange_refuse(struct exchange *x, unsigned code, const char *reason, struct span message)
{
	metric_add_at(&metrics[M_DECISIONS], LABEL_ERROR, 1);
	x->answer.allowed = false;
	x->answer.code = code;
	x->answer.reason = reason;
	x->answer.message = message;
	reply(x, put_answer(x));
}

/* ---- the decision ---- */

static void deny(struct exchange *x)
{
	const struct policy_decision *d = &x->decision;
	struct answer *a = &x->answer;

	a->allowed = false;
	a->code = 403;
	a->reason = "Forbidden";
	a->message = policy_decision_reasons(d, POLICY_DENY, x->arena);
	if (!a->message.ptr)
		a->message = d->decisive->message;
	for (size_t i = 0; i < d->match_count; i++) {
		const struct policy_match *m = &d->matches[i];

		if (m->effective == POLICY_DENY)
			answer_add_cause(a, m->error ? "RuleError" : "RuleDenied",
				arena_printf(x->arena, "%s/%s", m->rule->policy, m->rule->rule).ptr,
				m->message);
	}
}

enum review_status exchange_read(struct exchange *x, struct err *e)
{
	struct span body = http_request_body(x->http);
	uint32_t max = x->webhook->max_nodes;
	enum review_status status;

	if (x->endpoint == ENDPOINT_AUTHORIZE)
		return review_read_access(body, max, x->arena, &x->review, e);
	status = review_read_admission(body, max, x->arena, &x->review, e);
	x->review.request.endpoint = x->endpoint;
	return status;
}

void exchange_begin_answer(struct exchange *x)
{
	const struct policy_request *q = &x->review.request;

	x->answer.uid = x->review.uid;
	x->answer.allowed = true;
	x->answer.group = q->api_group;
	x->answer.resource = q->resource;
	x->answer.name = q->name;
}

/* The policies in force from now on, and an answer to start from. */
static void begin(struct exchange *x)
{
	x->set = policy_store_get(x->webhook->policies);
	exchange_begin_answer(x);
}

static void refuse_undecided(struct exchange *x)
{
	x->decision = (struct policy_decision){0};
	exchange_refuse(x, 500, "InternalError",
		SPAN("Holdpoint cannot decide: the policies need more memory for this request "
		     "than one request may use"));
}

void exchange_mutate(struct exchange *x)
{
	const struct policy_request *q = &x->review.request;
	struct policy_mutation m = {0};

	begin(x);
	if (q->dry_run && holdreview_list_is(x)) {
		holdreview_list_ask(x);
		return;
	}
	/* What the API server would refuse, and what cannot be changed anyway. */
	if (!policy_set_mutates(x->set) || q->operation == OPERATION_DELETE ||
		q->object == JSON_NONE) {
		exchange_finish(x);
		return;
	}
	if (policy_mutate(x->set, q, x->arena, &m) != 0) {
		refuse_undecided(x);
		return;
	}
	x->decision = m.decision;
	if (m.decision.action == POLICY_NONE && m.decision.match_count > 0) {
		x->decision.action = POLICY_MUTATE;
		x->decision.decisive = &m.decision.matches[0];
	}
	if (m.decision.action == POLICY_DENY)
		deny(x);
	else if (m.patch.len > 0)
		x->answer.patch = m.patch;
	exchange_finish(x);
}

void exchange_decide(struct exchange *x)
{
	begin(x);
	if (policy_decide(x->set, &x->review.request, x->arena, &x->decision) != 0) {
		refuse_undecided(x);
		return;
	}
	if (x->decision.action == POLICY_HOLD) {
		hold_gate_ask(x);
		return;
	}
	if (x->decision.action == POLICY_DENY)
		deny(x);
	else if (holdreview_is(x)) {
		holdreview_ask(x);
		return;
	}
	exchange_finish(x);
}
