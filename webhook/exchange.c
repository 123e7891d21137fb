/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an exchange is made, and the one way in which it gets from step to step; see
 * exchange_steps.h.
 */
#include <assert.h>

#include "webhook/exchange_internal.h"
#include "webhook/guard_watch.h"

#define STEP_BIT(step) (1u << (step))

static const unsigned may_follow[] = {
#define TO(name)		     STEP_BIT(EXCHANGE_##name)
#define STEP(name, label, run, next) [EXCHANGE_##name] = (next),
	EXCHANGE_STEPS(STEP)
#undef STEP
		[EXCHANGE_END] = 0,
};

static const char *const step_names[] = {
#define STEP(name, label, run, next) [EXCHANGE_##name] = (label),
	EXCHANGE_STEPS(STEP)
#undef STEP
		[EXCHANGE_END] = NULL,
};

/* In the order of enum policy_limit, but for its first. */
static const char *const limit_labels[] = {"expression", "policy", "time", "memory", NULL};

/* In the order of enum policy_action. */
static const char *const action_labels[] = {"none", "allow", "audit", "warn", "hold", "deny",
	"mutate", [EXCHANGE_ACTION_ERROR] = "error", NULL};

#define M_REQUESTS (EXCHANGE_WAITING_BYTES + 1)

static struct metric_histogram latency;
static struct metric metrics[] = {
	[EXCHANGE_DECISIONS] = {.name = "holdpoint_webhook_decisions_total",
		.help = "Decisions by the strongest action that matched; error: could not be "
			"decided.",
		.type = METRIC_COUNTER,
		.label = "action",
		.label_values = action_labels},
	[EXCHANGE_ALLOWED] = {.name = "holdpoint_webhook_allowed_total",
		.help = "Requests let through, by endpoint.",
		.type = METRIC_COUNTER,
		.label = "endpoint",
		.label_values = endpoint_names},
	[EXCHANGE_DENIED] = {.name = "holdpoint_webhook_denied_total",
		.help = "Requests denied, held ones included, by endpoint.",
		.type = METRIC_COUNTER,
		.label = "endpoint",
		.label_values = endpoint_names},
	[EXCHANGE_LATENCY] = {.name = "holdpoint_webhook_decision_seconds",
		.help = "From the first byte of a request to its answer, waiting for a human not "
			"counted.",
		.type = METRIC_HISTOGRAM,
		.histogram = &latency},
	[EXCHANGE_LIMITS] = {.name = "holdpoint_webhook_policy_limits_total",
		.help = "Rules that could not be evaluated, by what they ran into: the budget of "
			"an expression or of a policy, --decision-timeout, or memory.",
		.type = METRIC_COUNTER,
		.label = "limit",
		.label_values = limit_labels},
	[EXCHANGE_TOO_LARGE_TO_WAIT] = {.name = "holdpoint_webhook_too_large_to_wait_total",
		.help = "Requests that did not wait for a human because of --max-waiting-bytes.",
		.type = METRIC_COUNTER},
	[EXCHANGE_WAITING_BYTES] = {.name = "holdpoint_webhook_waiting_bytes",
		.help = "Memory that large changes of requests that wait take up.",
		.type = METRIC_GAUGE},
	[M_REQUESTS] = {.name = "holdpoint_webhook_requests",
		.help = "Requests that are being worked on or wait, by the step that they are at: "
			"later is for --decision-threads, queue for PostgreSQL, wait for a human, "
			"record for the decision's "
			"record.",
		.type = METRIC_GAUGE,
		.label = "step",
		.label_values = step_names},
	{.name = NULL},
};

struct metric *const *exchange_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

void exchange_count(enum exchange_metric m, unsigned label)
{
	metric_add_at(&metrics[m], label, 1);
}

void exchange_add(enum exchange_metric m, int64_t n)
{
	metric_add(&metrics[m], n);
}

void exchange_count_latency(uint64_t us)
{
	metric_observe_us(&metrics[EXCHANGE_LATENCY], us);
}

/* ---- from step to step ---- */

struct exchange *exchange_move(struct exchange *x, enum exchange_step next)
{
	assert(!x->away);
	assert(may_follow[x->step] & STEP_BIT(next));
	metric_add_at(&metrics[M_REQUESTS], x->step, -1);
	if (next != EXCHANGE_END)
		metric_add_at(&metrics[M_REQUESTS], next, 1);
	x->step = next;
	return x;
}

void exchange_run(struct exchange *x)
{
	while (x) {
		assert(!x->away);
		x = exchange_step_fns[x->step](x);
	}
}

/* Who may answer from another thread must have suspended the request before. */
void exchange_leave(struct exchange *x)
{
	assert(!x->away);
	assert(x->suspended);
	x->away = true;
}

void exchange_stay(struct exchange *x)
{
	assert(x->away);
	x->away = false;
}

void exchange_resume(struct exchange *x, enum exchange_step next)
{
	assert(x->away);
	x->away = false;
	exchange_run(exchange_move(x, next));
}

int exchange_suspend(struct exchange *x)
{
	if (!x->suspended && http_suspend(x->http) != 0)
		return -1;
	x->suspended = true;
	return 0;
}

/* ---- the beginning ---- */

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
	if (w->guard)
		guard_watch_asked(w->guard, endpoint);
	x->step = EXCHANGE_READ;
	metric_add_at(&metrics[M_REQUESTS], x->step, 1);
	return x;
}

void exchange_validate(struct http_request *req, void *userdata)
{
	exchange_run(exchange_new(userdata, req, ENDPOINT_VALIDATE));
}

void exchange_mutate(struct http_request *req, void *userdata)
{
	exchange_run(exchange_new(userdata, req, ENDPOINT_MUTATE));
}

void exchange_authorize(struct http_request *req, void *userdata)
{
	exchange_run(exchange_new(userdata, req, ENDPOINT_AUTHORIZE));
}
