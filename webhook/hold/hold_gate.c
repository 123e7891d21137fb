/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/hold_gate.h"

#include <pthread.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define ATTEMPTS	   3 /* of a statement that lost a race */
#define LOCK_NOT_AVAILABLE "55P03"

struct hold_gate {
	struct hold_gate_config config;
	pthread_mutex_t lock;
	uint64_t second; /* the one that `asked` is about */
	unsigned asked;
};

static const char *const verdict_names[] = {"not_asked", "allow", "held", "denied", "limit",
	"paused", "in_hand", "rate", "busy", "unavailable", "failed", "no_change", "dry_run", NULL};

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

void hold_gate_count(enum hold_verdict_kind kind)
{
	metric_add_at(&metrics[M_HOLDS], kind, 1);
}

struct hold_gate *hold_gate_new(const struct hold_gate_config *config)
{
	struct hold_gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->config = *config;
	pthread_mutex_init(&g->lock, NULL);
	return g;
}

void hold_gate_free(struct hold_gate *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	free(g);
}

bool hold_gate_is_over_rate(struct hold_gate *g)
{
	uint64_t now = (uint64_t)monotonic_us() / 1000000;
	bool over;

	if (g->config.max_per_second == 0)
		return false;
	pthread_mutex_lock(&g->lock);
	if (now != g->second) {
		g->second = now;
		g->asked = 0;
	}
	over = g->asked >= g->config.max_per_second;
	g->asked += !over;
	pthread_mutex_unlock(&g->lock);
	return over;
}

int hold_gate_prepare(struct hold_gate *g, struct hold_query *q, struct arena *arena, struct err *e)
{
	return hold_query_prepare(q, g->config.cluster, g->config.masker, arena, e);
}

static void log_verdict(const struct hold_query *q, const struct hold_verdict *v)
{
	const struct policy_rule_info *rule = q->decision->decisive->rule;
	const struct policy_request *r = q->request;
	const char *event = v->is_new ? "hold_created" : v->kind == HOLD_ALLOW ? "hold_used" : NULL;

	if (event && !r->dry_run)
		log_info(event, LOG_INT("hold", v->id), LOG_SPAN("requester", r->username),
			LOG_SPAN("operation", request_operation_name(r)),
			LOG_SPAN("resource", r->resource), LOG_SPAN("namespace", r->namespace_),
			LOG_SPAN("name", r->name), LOG_STR("policy", rule->policy),
			LOG_STR("rule", rule->rule));
	if (v->is_new)
		metric_add(&metrics[M_CREATED], 1);
}

static enum pg_status ask(struct pg_conn *conn, const struct span *params, struct pg_result **ret,
	char *ret_sqlstate, struct err *e)
{
	enum pg_status status = PG_RETRY;

	for (int i = 0; i < ATTEMPTS && status == PG_RETRY; i++)
		status = pg_exec(conn, &hold_query_stmt, params, ret, ret_sqlstate, e);
	return status;
}

/* It waited for nobody, and is counted with the other attempts all the same. */
static void count_in_hand(struct pg_conn *conn, struct span cluster, struct span fingerprint)
{
	static const struct pg_stmt stmt = {.name = "hold_attempt_in_hand",
		.sql = "SELECT holdpoint.hold_attempt_in_hand(p_cluster => $1, p_fingerprint => "
		       "$2)",
		.param_count = 2};
	const struct span params[] = {cluster, fingerprint};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct err e;

	if (pg_exec(conn, &stmt, params, &rows, NULL, &e) != PG_OK)
		log_warn("attempt_not_counted", LOG_STR("error", e.msg));
}

void hold_gate_ask(struct hold_gate *g, struct pg_conn *conn, const struct hold_query *q,
	struct arena *arena, struct hold_verdict *ret)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct span params[HOLD_QUERY_PARAMS];
	enum pg_status status;
	char sqlstate[6];
	struct err e;

	*ret = (struct hold_verdict){.kind = HOLD_UNAVAILABLE};
	if (!conn)
		return;
	if (hold_query_params(q, g->config.cluster, arena, params) != 0) {
		hold_verdict_fail(ret, arena, "the request needs more memory than it may use");
		return;
	}
	status = ask(conn, params, &rows, sqlstate, &e);
	if (status == PG_OK)
		hold_verdict_read(rows, arena, ret);
	else if (strcmp(sqlstate, LOCK_NOT_AVAILABLE) == 0) {
		ret->kind = HOLD_IN_HAND;
		count_in_hand(conn, params[0], params[1]);
	} else if (status != PG_UNAVAILABLE)
		hold_verdict_fail(ret, arena, e.msg);
	log_verdict(q, ret);
}
