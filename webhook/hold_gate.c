/*
 * From a decision that says Hold to an answer: the question to the database, and what each of its
 * answers means for the requester. hold_message.c finds the words.
 */
#include "webhook/hold_gate.h"

#include <pthread.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/flags.h"
#include "common/base/log.h"
#include "common/pg/sql_text.h"
#include "policy/review/fingerprint.h"
#include "webhook/hold/hold_change.h"
#include "webhook/hold/hold_wait.h"
#include "webhook/hold_message.h"
#include "webhook/webhook.h"

#define DEFAULT_TIMEOUT_MS 10000
#define TIMEOUT_MARGIN_MS  2000 /* the answer must be back before the API server gives up */
#define GROUPS_MAX	   256
#define PARK_ABOVE	   64 /* jobs that wait for the database */
#define RULES_MAX	   ((size_t)256 << 10)

static const char *const verdict_names[] = {"not_asked", "allow", "held", "denied", "limit", "rate",
	"busy", "unavailable", "failed", NULL};

enum { M_HOLDS, M_CREATED };

static struct metric metrics[] = {
	[M_HOLDS] = {.name = "holdpoint_webhook_holds_total",
		.help = "Requests that a Hold rule selected, by what the gate answered.",
		.type = METRIC_COUNTER,
		.label = "verdict",
		.label_values = verdict_names},
	[M_CREATED] = {.name = "holdpoint_webhook_holds_created_total",
		.help = "Holds made by this replica.",
		.type = METRIC_COUNTER},
	{.name = NULL},
};

struct metric *const *hold_gate_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

static void answer_now(struct exchange *x, enum hold_verdict verdict)
{
	x->hold.verdict = verdict;
	metric_add_at(&metrics[M_HOLDS], verdict, 1);
	hold_message_put(x);
	exchange_finish(x);
}

/* ---- parameters of the question ---- */

static const struct pg_stmt find_or_create = {.name = "hold_find_or_create",
	.sql = "SELECT verdict, hold_id, state, is_new, is_repeat, to_char(expires_at AT TIME ZONE "
	       "'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), approvals, min_approvals, decided_by, "
	       "decided_reason, approver_names FROM holdpoint.hold_find_or_create($1, $2, $3, $4, "
	       "$5, $6, $7, $8, "
	       "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, "
	       "$25, $26, $27, $28)",
	.param_count = 28};

/* What the rules say, free of secrets: a messageExpression may have quoted the object. */
static int masked_reasons(struct exchange *x, struct buf *out)
{
	struct mask_result masked = {0};
	struct span reasons = policy_decision_reasons(&x->decision, POLICY_HOLD, x->arena);

	if (!reasons.ptr)
		reasons = x->decision.decisive->message;
	mask_text(x->webhook->masker, reasons, x->arena, out, &masked);
	return out->failed ? -1 : 0;
}

struct question {
	struct buf reasons, change, rules;
	bool cut;
	struct span params[28];
};

/*
 * How often the change may repeat itself after it has passed; absent: as the database says. Each
 * CONNECT is a session of its own: kubectl may try two protocols for one. Of a generated name each
 * CREATE makes one more object, and the API server all but never tries another name.
 */
static struct span repeats_of(const struct exchange *x)
{
	if (x->review.request.operation == OPERATION_CONNECT)
		return SPAN("1");
	return fingerprint_makes_name(&x->review.request, x->arena) ? SPAN("0") : (struct span){0};
}

static void put_rule(struct buf *b, const struct policy_rule_info *rule)
{
	const struct policy_hold *h = rule->hold;

	buf_add_char(b, '{');
	json_put_key(b, "policy");
	json_put_string(b, span_of(rule->policy));
	json_put_key(b, "rule");
	json_put_string(b, span_of(rule->rule));
	json_put_key(b, "minApprovals");
	json_put_int(b, h->min_approvals > 0 ? h->min_approvals : 1);
	json_put_key(b, "approvers");
	buf_add_char(b, '[');
	for (size_t i = 0; i < h->approver_count; i++) {
		if (i > 0)
			buf_add_char(b, ',');
		json_put_string(b, h->approvers[i]);
	}
	buf_add_str(b, "]}");
}

/* When several rules hold the request: all of them, each with those whose approval it asks for. */
static int put_rules(const struct exchange *x, struct buf *b)
{
	const struct policy_decision *d = &x->decision;

	if (x->hold_rule_count < 2)
		return 0;
	for (size_t i = 0; i < d->match_count; i++) {
		if (d->matches[i].effective != POLICY_HOLD)
			continue;
		buf_add_char(b, b->len == 0 ? '[' : ',');
		put_rule(b, d->matches[i].rule);
	}
	buf_add_char(b, ']');
	return b->failed ? -1 : 0;
}

static void put_params(struct exchange *x, struct question *p)
{
	const struct policy_request *q = &x->review.request;
	const struct policy_rule_info *rule = x->decision.decisive->rule;
	const struct policy_hold *h = &x->terms;
	size_t groups = q->group_count < GROUPS_MAX ? q->group_count : GROUPS_MAX;
	bool window = h->grant == POLICY_GRANT_WINDOW;
	struct arena *a = x->arena;
	struct span name = q->path.ptr ? q->path : q->name;
	struct span params[] = {span_of(x->webhook->cluster),
		sql_text_bytea(a, x->fingerprint, sizeof(x->fingerprint)), q->username,
		sql_text_array(a, q->groups, groups), request_operation_name(q), q->api_group,
		q->version, q->resource, q->subresource, q->namespace_, name, span_of(rule->policy),
		span_of(rule->rule), sql_text_digest(a, policy_set_digest(x->set)),
		buf_span(&p->reasons), buf_span(&p->change), p->cut ? SPAN("t") : SPAN("f"),
		sql_text_array(a, h->approvers, h->approver_count),
		arena_printf(a, "%u", h->min_approvals > 0 ? h->min_approvals : 1),
		h->require_reason ? SPAN("t") : SPAN("f"), sql_text_interval(a, h->expires_ms),
		window ? SPAN("Window") : SPAN("Once"), sql_text_interval(a, h->window_ms),
		h->max_uses > 0 ? arena_printf(a, "%u", h->max_uses) : (struct span){0},
		q->dry_run ? SPAN("t") : SPAN("f"), x->review.uid.ptr ? x->review.uid : SPAN(""),
		repeats_of(x), p->rules.len > 0 ? buf_span(&p->rules) : (struct span){0}};

	_Static_assert(ARRAY_LEN(params) == ARRAY_LEN(p->params), "one a parameter");
	memcpy(p->params, params, sizeof(params));
}

/* ---- the database's answer ---- */

static void copy_text(char *to, size_t cap, const struct pg_result *r, int col)
{
	snprintf(to, cap, "%s", pg_result_str(r, 0, col));
}

static void read_outcome(struct exchange *x, const struct pg_result *r)
{
	static const struct {
		const char *name;
		enum hold_verdict verdict;
	} verdicts[] = {{"allow", HOLD_ALLOW}, {"held", HOLD_HELD}, {"denied", HOLD_DENIED},
		{"limit", HOLD_LIMIT}};
	struct hold_outcome *h = &x->hold;

	h->verdict = HOLD_FAILED;
	if (pg_result_rows(r) != 1) {
		err_set(&h->error, "the database gave no answer");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (strcmp(pg_result_str(r, 0, 0), verdicts[i].name) == 0)
			h->verdict = verdicts[i].verdict;
	if (h->verdict == HOLD_FAILED)
		err_set(&h->error,
			"the database answered \"%s\": is its schema newer than this "
			"program?",
			pg_result_str(r, 0, 0));
	h->id = pg_result_int(r, 0, 1);
	copy_text(h->state, sizeof(h->state), r, 2);
	h->is_new = pg_result_str(r, 0, 3)[0] == 't';
	h->is_repeat = pg_result_str(r, 0, 4)[0] == 't';
	copy_text(h->expires, sizeof(h->expires), r, 5);
	h->approvals = pg_result_int(r, 0, 6);
	h->min_approvals = pg_result_int(r, 0, 7);
	copy_text(h->decided_by, sizeof(h->decided_by), r, 8);
	copy_text(h->reason, sizeof(h->reason), r, 9);
	h->approvers = arena_printf(x->arena, "%s", pg_result_str(r, 0, 10));
}

static void log_outcome(const struct exchange *x)
{
	const struct policy_rule_info *rule = x->decision.decisive->rule;
	const struct policy_request *q = &x->review.request;
	const char *event = x->hold.is_new		    ? "hold_created"
			    : x->hold.verdict == HOLD_ALLOW ? "hold_used"
							    : NULL;

	if (event && !q->dry_run)
		log_info(event, LOG_INT("hold", x->hold.id), LOG_SPAN("user", q->username),
			LOG_SPAN("operation", request_operation_name(q)),
			LOG_SPAN("resource", q->resource), LOG_SPAN("namespace", q->namespace_),
			LOG_SPAN("name", q->name), LOG_STR("policy", rule->policy),
			LOG_STR("rule", rule->rule));
	if (x->hold.is_new)
		metric_add(&metrics[M_CREATED], 1);
}

/* ---- asking ---- */

static int prepare(struct exchange *x, struct question *p)
{
	*p = (struct question){.reasons = BUF_INIT(16 << 10),
		.change = BUF_INIT(HOLD_CHANGE_MAX + 4096),
		.rules = BUF_INIT(RULES_MAX)};
	if (put_rules(x, &p->rules) != 0)
		return err_set(&x->hold.error, "%zu rules hold it, which are too many to keep",
			x->hold_rule_count);
	if (masked_reasons(x, &p->reasons) != 0 ||
		hold_change_put(
			x->webhook->masker, &x->review.request, x->arena, &p->change, &p->cut) != 0)
		return err_set(&x->hold.error,
			"the change needs more memory to be shown than one request may use");
	put_params(x, p);
	return 0;
}

static void ask_database(struct exchange *x, struct pg_conn *conn)
{
	struct question p;
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	enum pg_status status = PG_REFUSED;

	x->hold.verdict = HOLD_FAILED;
	if (prepare(x, &p) == 0) {
		for (int attempt = 0; attempt < 3; attempt++) {
			status = pg_exec(
				conn, &find_or_create, p.params, &rows, NULL, &x->hold.error);
			if (status != PG_RETRY)
				break;
		}
		if (status == PG_OK)
			read_outcome(x, rows);
		else if (status == PG_UNAVAILABLE)
			x->hold.verdict = HOLD_UNAVAILABLE;
	}
	buf_free(&p.reasons);
	buf_free(&p.change);
	buf_free(&p.rules);
}

/* When the request must be answered at the latest, or 0: it does not wait. For the handler: a
 * suspended request's query cannot be read. */
static uint64_t wait_deadline(const struct exchange *x)
{
	struct span timeout = http_request_query(x->http, "timeout");
	int64_t timeout_ms = DEFAULT_TIMEOUT_MS, wait_ms = x->terms.wait_ms;

	if (timeout.ptr && duration_parse_ms(timeout, &timeout_ms) != 0)
		timeout_ms = DEFAULT_TIMEOUT_MS;
	if (wait_ms > timeout_ms - TIMEOUT_MARGIN_MS)
		wait_ms = timeout_ms - TIMEOUT_MARGIN_MS;
	if (wait_ms <= 0 || x->review.request.dry_run)
		return 0;
	return http_request_start_us(x->http) + (uint64_t)wait_ms * 1000;
}

/* ---- waiting ---- */

static void submit_parked(struct parked_exchange *p);

/* The exchange again, or NULL: it has been denied for lack of memory. */
static struct exchange *unpark(struct parked_exchange *p)
{
	struct exchange *x = exchange_unpark(p);

	if (!x)
		metric_add_at(&metrics[M_HOLDS], HOLD_FAILED, 1);
	return x;
}

static void waited(bool decided, void *arg)
{
	struct parked_exchange *p = arg;
	struct exchange *x;

	p->waited_us += monotonic_us() - p->wait_began_us;
	if (decided) {
		submit_parked(p);
		return;
	}
	x = unpark(p);
	if (!x)
		return;
	x->hold.gave_up_waiting = true;
	answer_now(x, HOLD_HELD);
}

static bool may_wait(const struct exchange *x)
{
	return x->hold.verdict == HOLD_HELD && x->hold.id != 0 &&
	       x->wait_until_us > (uint64_t)monotonic_us();
}

/* Leaves a held request to hold_wait, or answers it when there is no room for it. */
static void wait_for_human(struct exchange *x)
{
	struct hold_wait *wait = x->webhook->wait;
	struct parked_exchange *p;

	x->wait_began_us = monotonic_us();
	p = exchange_park(x);
	if (p && hold_wait_add(wait, p->hold_id, p->wait_until_us, waited, p) == 0)
		return;
	if (p)
		x = unpark(p);
	if (x)
		answer_now(x, HOLD_HELD);
}

/* ---- jobs ---- */

static void job(struct pg_conn *conn, bool usable, void *arg)
{
	struct exchange *x = arg;

	if (usable)
		ask_database(x, conn);
	else
		x->hold.verdict = HOLD_UNAVAILABLE;
	log_outcome(x);
	if (may_wait(x))
		wait_for_human(x);
	else
		answer_now(x, x->hold.verdict);
}

static void job_parked(struct pg_conn *conn, bool usable, void *arg)
{
	struct exchange *x = unpark(arg);

	if (x)
		job(conn, usable, x);
}

static void submit_parked(struct parked_exchange *p)
{
	struct exchange *x;

	if (pg_pool_submit(p->webhook->pool, job_parked, p) == 0)
		return;
	x = unpark(p);
	if (x)
		answer_now(x, HOLD_BUSY);
}

/* In a long queue a request is small; in a short one the work of making it so is not worth it. */
static void submit(struct exchange *x)
{
	struct pg_pool *pool = x->webhook->pool;
	struct parked_exchange *p = NULL;

	if (pg_pool_queued(pool) > PARK_ABOVE)
		p = exchange_park(x);
	if (p)
		submit_parked(p);
	else if (pg_pool_submit(pool, job, x) != 0)
		answer_now(x, HOLD_BUSY);
}

/* Callers whom nobody verifies may make so many holds a second, all together. */
static bool is_over_rate(struct webhook *w)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t second;
	static unsigned asked;
	uint64_t now = monotonic_us() / 1000000;
	bool over;

	if (w->caller_is_verified)
		return false;
	pthread_mutex_lock(&lock);
	if (now != second) {
		second = now;
		asked = 0;
	}
	over = asked++ >= w->new_holds_per_s;
	pthread_mutex_unlock(&lock);
	return over;
}

void hold_gate_ask(struct exchange *x)
{
	x->terms = policy_decision_hold(&x->decision, &x->hold_rule_count);
	if (is_over_rate(x->webhook)) {
		answer_now(x, HOLD_RATE);
		return;
	}
	if (fingerprint_of(&x->review.request, span_of(x->webhook->cluster), x->arena,
		    x->fingerprint, &x->hold.error) != 0) {
		answer_now(x, HOLD_FAILED);
		return;
	}
	x->wait_until_us = wait_deadline(x);
	if (http_suspend(x->http) != 0) {
		answer_now(x, HOLD_BUSY);
		return;
	}
	x->suspended = true;
	submit(x);
}
