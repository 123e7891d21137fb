/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/notify/notifier.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/pg_conn.h"
#include "common/pg/sql_text.h"
#include "webhook/notify/notify_send.h"

#define POLL_MS	     1000
#define RECONNECT_MS 2000
#define STATEMENT_MS 5000
#define BACKLOG_S    15
/*
 * One worker serves all targets in turn. One that fails slowly (it hangs) is left alone for so many
 * times as long as it took, or the others would hear of a hold only when it is over.
 */
#define SLOW_US	    500000
#define REST_FACTOR 4

struct notifier {
	const char *database_url, *cluster;
	struct notify_targets targets;
	int64_t rests_until_us[NOTIFY_TARGETS_MAX];
	struct notify_sender *sender;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	int64_t backlog_at_ms;
};

enum { M_SENT, M_WAITING };

static const char *const results[] = {"delivered", "failed", "given_up", NULL};
enum { SENT_DELIVERED, SENT_FAILED, SENT_GIVEN_UP };

static struct metric metrics[] = {
	[M_SENT] = {.name = "holdpoint_webhook_notifications_total",
		.help = "Attempts to tell a target of a hold, by result.",
		.type = METRIC_COUNTER,
		.label = "result",
		.label_values = results},
	[M_WAITING] = {.name = "holdpoint_webhook_notifications_waiting",
		.help = "Events that a target has not taken yet.",
		.type = METRIC_GAUGE,
		.label = "target"},
	{.name = NULL},
};

struct metric *const *notifier_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

static const struct pg_stmt set_targets = {.name = "outbox_set_targets",
	.sql = "SELECT holdpoint.outbox_set_targets(p_cluster => $1, p_targets => $2)",
	.param_count = 2};
static const struct pg_stmt claim = {.name = "outbox_claim",
	.sql = "SELECT outbox_id, claim, event, hold_id, to_char(created_at AT TIME ZONE 'UTC', "
	       "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS created, payload "
	       "FROM holdpoint.outbox_claim(p_cluster => $1, p_target => $2, p_limit => 1)",
	.param_count = 2};

/* What became of one event: the first four parameters are the same for both. */
static const struct pg_stmt done = {.name = "outbox_done",
	.sql = "SELECT holdpoint.outbox_done(p_cluster => $1, p_outbox_id => $2, p_target => $3, "
	       "p_claim => $4)",
	.param_count = 4};
static const struct pg_stmt failed = {.name = "outbox_failed",
	.sql = "SELECT holdpoint.outbox_failed(p_cluster => $1, p_outbox_id => $2, "
	       "p_target => $3, p_claim => $4, p_error => $5, p_permanent => $6)",
	.param_count = 6};
static const struct pg_stmt summarize = {.name = "outbox_summarize",
	.sql = "SELECT holdpoint.outbox_summarize(p_cluster => $1)",
	.param_count = 1};
static const struct pg_stmt backlog = {.name = "outbox_backlog",
	.sql = "SELECT target, waiting FROM holdpoint.outbox_backlog(p_cluster => $1)",
	.param_count = 1};

static bool is_stopping(struct notifier *n)
{
	bool stopping;

	pthread_mutex_lock(&n->lock);
	stopping = n->stopping;
	pthread_mutex_unlock(&n->lock);
	return stopping;
}

static void pause_ms(struct notifier *n, int64_t ms)
{
	pthread_mutex_lock(&n->lock);
	if (!n->stopping)
		wait_until_us(&n->wake, &n->lock, monotonic_us() + ms * 1000);
	pthread_mutex_unlock(&n->lock);
}

/* ---- one event ---- */

static enum pg_status report(struct pg_conn *conn, struct notifier *n,
	const struct notify_target *t, const struct pg_result *rows, enum notify_status status,
	const struct err *why)
{
	const struct span params[] = {span_of(n->cluster), pg_result_span_of(rows, 0, "outbox_id"),
		span_of(t->name), pg_result_span_of(rows, 0, "claim"), span_of(why->msg),
		status == NOTIFY_NEVER ? SPAN("t") : SPAN("f")};
	_cleanup_(pg_result_freep) struct pg_result *answer = NULL;
	struct err e;

	return pg_exec(
		conn, status == NOTIFY_DELIVERED ? &done : &failed, params, &answer, NULL, &e);
}

static void count_and_log(const struct notify_target *t, const struct notify_event *ev,
	enum notify_status status, const struct err *why)
{
	unsigned label = status == NOTIFY_DELIVERED ? SENT_DELIVERED
			 : status == NOTIFY_NEVER   ? SENT_GIVEN_UP
						    : SENT_FAILED;

	metric_add_at(&metrics[M_SENT], label, 1);
	if (status != NOTIFY_DELIVERED)
		log_warn("notification_failed", LOG_STR("target", t->name),
			LOG_STR("about", ev->event), LOG_INT("hold", ev->hold_id),
			LOG_STR("error", why->msg));
}

static enum notify_status send_event(
	struct notifier *n, size_t target, const struct notify_event *ev, struct err *why)
{
	const struct notify_target *t = &n->targets.items[target];
	int64_t from = monotonic_us(), took;
	enum notify_status status = notify_send(n->sender, t, ev, why);

	took = monotonic_us() - from;
	if (status == NOTIFY_TRY_AGAIN && took > SLOW_US)
		n->rests_until_us[target] = from + took + REST_FACTOR * took;
	count_and_log(t, ev, status, why);
	return status;
}

static enum pg_status deliver(
	struct pg_conn *conn, struct notifier *n, size_t target, const struct pg_result *rows)
{
	const struct notify_target *t = &n->targets.items[target];
	const struct notify_event ev = {.cluster = n->cluster,
		.id = pg_result_int_of(rows, 0, "outbox_id"),
		.event = pg_result_str_of(rows, 0, "event"),
		.hold_id = pg_result_int_of(rows, 0, "hold_id"),
		.created_at = pg_result_str_of(rows, 0, "created"),
		.payload = pg_result_span_of(rows, 0, "payload")};
	enum notify_status status = NOTIFY_DELIVERED;
	struct err why = {0};

	/* What a target did not ask for is done with as if it had been told. */
	if (notify_target_wants(t, ev.event))
		status = send_event(n, target, &ev, &why);
	return report(conn, n, t, rows, status, &why);
}

/* ---- the worker ---- */

/* Returns how many events were claimed, -1 when the connection is of no more use. */
static int serve_target(struct pg_conn *conn, struct notifier *n, size_t target)
{
	const struct span params[] = {span_of(n->cluster), span_of(n->targets.items[target].name)};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct err e;

	if (is_stopping(n) || monotonic_us() < n->rests_until_us[target])
		return 0;
	if (pg_exec(conn, &claim, params, &rows, NULL, &e) != PG_OK) {
		log_warn("notifications_not_read", LOG_STR("error", e.msg));
		return -1;
	}
	/* What cannot be reported is claimed again when the lease is over. */
	if (pg_result_rows(rows) > 0 && deliver(conn, n, target, rows) == PG_UNAVAILABLE)
		return -1;
	return pg_result_rows(rows);
}

/* Of identities that ask a lot, people are told once an interval. */
static int put_summaries(struct pg_conn *conn, struct notifier *n)
{
	const struct span cluster = span_of(n->cluster);
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	enum pg_status status;
	struct err e;

	status = pg_exec(conn, &summarize, &cluster, &rows, NULL, &e);
	if (status != PG_OK)
		log_warn("notifications_not_summarized", LOG_STR("error", e.msg));
	return status == PG_UNAVAILABLE ? -1 : 0;
}

static void measure_backlog(struct pg_conn *conn, struct notifier *n)
{
	const struct span cluster = span_of(n->cluster);
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct err e;

	if (monotonic_ms() < n->backlog_at_ms)
		return;
	n->backlog_at_ms = monotonic_ms() + BACKLOG_S * 1000;
	if (pg_exec(conn, &backlog, &cluster, &rows, NULL, &e) != PG_OK)
		return;
	for (size_t i = 0; i < n->targets.count; i++)
		metric_set_for(&metrics[M_WAITING], span_of(n->targets.items[i].name), 0);
	for (int i = 0; i < pg_result_rows(rows); i++)
		metric_set_for(&metrics[M_WAITING], pg_result_span_of(rows, i, "target"),
			pg_result_int_of(rows, i, "waiting"));
}

static int declare_targets(struct pg_conn *conn, struct notifier *n)
{
	struct span names[NOTIFY_TARGETS_MAX], params[2];
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct arena *arena = arena_new(4096, 1 << 20);
	enum pg_status status = PG_UNAVAILABLE;
	struct err e;

	err_set(&e, "out of memory");
	for (size_t i = 0; i < n->targets.count; i++)
		names[i] = span_of(n->targets.items[i].name);
	if (arena) {
		params[0] = span_of(n->cluster);
		params[1] = sql_text_array(arena, names, n->targets.count);
		status = pg_exec(conn, &set_targets, params, &rows, NULL, &e);
	}
	arena_free(arena);
	if (status != PG_OK)
		log_warn("notify_targets_not_declared", LOG_STR("error", e.msg));
	return status == PG_OK ? 0 : -1;
}

static void serve(struct pg_conn *conn, struct notifier *n)
{
	if (declare_targets(conn, n) != 0)
		return;
	while (!is_stopping(n)) {
		int busy = 0;

		if (put_summaries(conn, n) != 0)
			return;
		for (size_t i = 0; i < n->targets.count; i++) {
			int claimed = serve_target(conn, n, i);

			if (claimed < 0)
				return;
			busy += claimed;
		}
		measure_backlog(conn, n);
		if (busy == 0)
			pause_ms(n, POLL_MS);
	}
}

static void *work(void *arg)
{
	struct notifier *n = arg;

	while (!is_stopping(n)) {
		struct pg_conn *conn = NULL;
		struct err e;

		if (pg_conn_open(n->database_url, "holdpoint-webhook notify", STATEMENT_MS, &conn,
			    &e) == 0)
			serve(conn, n);
		else
			log_warn("notifications_wait", LOG_STR("error", e.msg));
		pg_conn_close(conn);
		pause_ms(n, RECONNECT_MS);
	}
	return NULL;
}

static void notifier_free(struct notifier *n)
{
	notify_sender_free(n->sender);
	notify_targets_free(&n->targets);
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int notifier_open(const char *targets_file, const char *database_url, const char *cluster,
	struct notifier **ret, struct err *e)
{
	struct notifier *n = calloc(1, sizeof(*n));
	int rc;

	if (!n) {
		free(n);
		return err_set(e, "out of memory");
	}
	n->database_url = database_url;
	n->cluster = cluster;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->wake, NULL);
	n->sender = notify_sender_new();
	if (!n->sender || notify_targets_read(targets_file, &n->targets, e) != 0) {
		if (!n->sender)
			err_set(e, "out of memory");
		notifier_free(n);
		return -1;
	}
	rc = pthread_create(&n->thread, NULL, work, n);
	if (rc != 0) {
		notifier_free(n);
		return err_set_errno(e, rc, "cannot start the worker of notifications");
	}
	*ret = n;
	return 0;
}

void notifier_close(struct notifier *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stopping = true;
	pthread_mutex_unlock(&n->lock);
	pthread_cond_broadcast(&n->wake);
	pthread_join(n->thread, NULL);
	notifier_free(n);
}
