/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/sink.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "auditsink/drainer.h"
#include "auditsink/ingest.h"
#include "auditsink/sink_metrics.h"
#include "auditsink/source.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/log_queue.h"
#include "common/daemon/ops.h"

#define IDLE_TIMEOUT_S	    120 /* an API server keeps a connection for 90 s */
#define WRITE_BYTES_MAX	    ((size_t)512 << 20)
#define WORKERS_MAX	    64
#define POOL_QUEUE	    512 /* jobs: one for each cluster, and housekeeping */
#define DAYS_AHEAD	    "7"
#define PARTITIONS_MS	    3600000 /* how often they are looked after */
#define PARTITIONS_RETRY_MS 60000
#define HOUSEKEEPING_MS	    10000 /* PostgreSQL may be silent so long while it works on that */

struct sink {
	struct sink_config config;
	struct source_table *sources;
	struct masker *masker;
	struct pg_pool *pool;
	struct spool *spool;
	struct drainer *drainer;
	struct writer *writer;
	struct ingest *ingest;
	struct http_server *server;
	struct ops *ops;
	struct http_route posts[2];
	_Atomic bool ready;   /* posts are taken */
	_Atomic bool leaving; /* … but no longer for long */

	pthread_t housekeeper;
	bool has_housekeeper;
	bool partitions_ok; /* when last looked at */
	pthread_mutex_t lock;
	pthread_cond_t stopping_cond;
	bool stopping;
};

/* ---- POST /audit ---- */

static void refuse_source(
	struct http_request *req, enum source_verdict verdict, const struct source_match *m)
{
	if (verdict == SOURCE_UNKNOWN) {
		metric_add_at(&sink_metrics[SINK_REQUESTS], SINK_RESULT_UNAUTHORIZED, 1);
		log_warn("audit_source_unauthorized", LOG_SPAN("peer", http_request_peer(req)));
		http_reply_error(req, 401, "a valid bearer token is required");
		return;
	}
	metric_add_at(&sink_metrics[SINK_REQUESTS], SINK_RESULT_FORBIDDEN, 1);
	metric_add_for(&sink_metrics[SINK_FORBIDDEN], m->name, 1);
	log_warn("audit_source_forbidden", LOG_SPAN("source", m->name),
		LOG_SPAN("path", http_request_path(req)), LOG_SPAN("peer", http_request_peer(req)));
	if (verdict == SOURCE_NO_CLUSTER)
		http_reply_error(req, 404, "the path must be /audit or /audit/CLUSTER");
	else
		http_reply_error(req, 403,
			"source %.*s may not post for this cluster: see --source NAME=CLUSTER",
			SPAN_FMT(m->name));
}

static void post_audit(struct http_request *req, void *userdata)
{
	struct sink *s = userdata;
	struct source_match m = {0};
	enum source_verdict verdict = source_check(s->sources, http_request_client_name(req),
		http_request_header(req, "Authorization"), http_request_path(req), &m);

	if (verdict != SOURCE_OK) {
		refuse_source(req, verdict, &m);
		return;
	}
	source_seen(s->sources, &m, realtime_us(), monotonic_us());
	if (!s->ready || http_suspend(req) < 0) {
		ingest_answer_unavailable(req, "stopping, or too much is under way");
		return;
	}
	if (ingest_submit(s->ingest, req, m.cluster, m.name) < 0) {
		metric_add(&sink_metrics[SINK_QUEUE_FULL], 1);
		ingest_answer_unavailable(req, "too many bodies are waiting");
	}
}

/* ---- the side listener ---- */

static struct metric *const *own_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {sink_metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

static const ops_metrics_fn all_metrics[] = {
	own_metrics, mask_metrics, http_server_metrics, pg_pool_metrics, log_queue_metrics, NULL};

/* Ready is who can acknowledge events: into the database, or into a spool with room. */
static const char *not_ready(void *arg)
{
	struct sink *s = arg;
	struct spool_state spool = {.full = true};

	if (!s->ready || s->leaving)
		return "starting or stopping";
	if (s->spool)
		spool_get_state(s->spool, &spool);
	return pg_pool_is_up(s->pool) || !spool.full ? NULL : "no connection to the database";
}

static int start_ops(struct sink *s, struct err *e)
{
	const struct ops_config config = {.program = "holdpoint-auditsink",
		.listen = s->config.metrics_listen,
		.metrics = all_metrics,
		.not_ready = not_ready,
		.arg = s};

	return s->config.metrics_listen[0] ? ops_start(&config, &s->ops, e) : 0;
}

/* ---- housekeeping: partitions are made ahead, repeated auditIDs are recorded ---- */

struct partitions_job {
	bool ok;
};

static void ensure_partitions(struct pg_conn *c, bool usable, void *arg)
{
	static const struct pg_stmt stmt = {
		"ensure_partitions", "SELECT holdpoint.ensure_partitions(" DAYS_AHEAD ")", 0};
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	struct partitions_job *job = arg;
	struct err e;

	job->ok = false;
	if (!usable)
		return;
	pg_conn_allow(c, HOUSEKEEPING_MS);
	if (pg_exec(c, &stmt, NULL, &r, NULL, &e) != PG_OK) {
		log_warn("ensure_partitions_failed", LOG_STR("error", e.msg));
		return;
	}
	if (pg_result_int(r, 0, 0) > 0)
		log_info("partitions_made", LOG_INT("count", pg_result_int(r, 0, 0)));
	job->ok = true;
}

struct sweep_job {
	struct written range;
	bool ok;
};

/* Events that share auditID and stage with earlier ones: kept, and recorded as such. */
static void find_duplicates(struct pg_conn *c, bool usable, void *arg)
{
	static const struct pg_stmt stmt = {
		"audit_find_duplicates", "SELECT holdpoint.audit_find_duplicates($1, $2, $3)", 3};
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	struct sweep_job *job = arg;
	char from[24], to[24];
	struct err e;

	job->ok = false;
	if (!usable)
		return;
	pg_conn_allow(c, HOUSEKEEPING_MS);
	snprintf(from, sizeof(from), "%lld", (long long)job->range.from);
	snprintf(to, sizeof(to), "%lld", (long long)job->range.to);
	if (pg_exec(c, &stmt,
		    (const struct span[]){span_of(job->range.cluster), span_of(from), span_of(to)},
		    &r, NULL, &e) != PG_OK) {
		log_warn("audit_find_duplicates_failed", LOG_STR("error", e.msg));
		return;
	}
	metric_add(&sink_metrics[SINK_REPEATED_IDS], pg_result_int(r, 0, 0));
	job->ok = true;
}

static void sweep(struct sink *s)
{
	struct sweep_job job;

	while (writer_take_written(s->writer, &job.range)) {
		if (pg_pool_run(s->pool, find_duplicates, &job) < 0 || !job.ok) {
			writer_put_written(s->writer, &job.range);
			return;
		}
	}
}

/* Sleeps; false when the sink stops. */
static bool sleep_unless_stopping(struct sink *s, int64_t ms)
{
	int64_t until_us = monotonic_us() + ms * 1000;
	bool stopping;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping && wait_until_us(&s->stopping_cond, &s->lock, until_us) == 0)
		;
	stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	return !stopping;
}

static void *housekeeper_main(void *arg)
{
	struct sink *s = arg;
	struct partitions_job job = {.ok = s->partitions_ok};

	int64_t interval_ms = s->config.sweep_interval_ms, since_ms = 0;

	while (sleep_unless_stopping(s, interval_ms)) {
		sweep(s);
		since_ms += interval_ms;
		if (since_ms < (job.ok ? PARTITIONS_MS : PARTITIONS_RETRY_MS))
			continue;
		since_ms = 0;
		if (pg_pool_run(s->pool, ensure_partitions, &job) < 0)
			job.ok = false;
	}
	return NULL;
}

static int start_housekeeper(struct sink *s, struct err *e)
{
	int rc = pthread_create(&s->housekeeper, NULL, housekeeper_main, s);

	if (rc != 0)
		return err_set_errno(e, rc, "cannot start a thread");
	s->has_housekeeper = true;
	return 0;
}

/* ---- start and stop ---- */

static int start_database(struct sink *s, struct err *e)
{
	const struct pg_pool_config pool = {
		.database_url = s->config.database_url,
		.application_name = "holdpoint-auditsink",
		.connections = (unsigned)s->config.database_connections,
		.queue_max = POOL_QUEUE,
		.statement_timeout_ms = (unsigned)s->config.statement_timeout_ms,
		.silence_ms = (unsigned)s->config.database_silence_ms,
	};
	struct partitions_job job = {.ok = false};

	if (s->config.spool_file &&
		spool_open(s->config.spool_file, (size_t)s->config.spool_max_bytes,
			(size_t)s->config.spool_min_free, &s->spool, e) < 0)
		return err_prefix(e, "--spool-file");
	if (pg_pool_open(&pool, true, &s->pool, e) < 0) {
		if (!s->spool)
			return -1;
		/* A sink with a spool does its work without the database, too. */
		log_warn("database_unreachable_at_start", LOG_STR("error", e->msg));
		return pg_pool_open(&pool, false, &s->pool, e);
	}
	if (pg_pool_run(s->pool, ensure_partitions, &job) < 0 || !job.ok)
		return err_set(e, "the database is not ready for audit events (see the log line "
				  "above): run `holdpoint db migrate`, and connect with a login "
				  "in the role holdpoint_auditsink");
	s->partitions_ok = true;
	return 0;
}

static int start_writer(struct sink *s, struct err *e)
{
	const struct writer_config config = {.pool = s->pool,
		.spool = s->spool,
		.max_batches = (unsigned)s->config.queue,
		.max_bytes = WRITE_BYTES_MAX};

	if (writer_new(&config, &s->writer, e) < 0)
		return -1;
	return s->spool ? drainer_start(s->pool, s->spool, s->writer,
				  (unsigned)s->config.statement_timeout_ms, &s->drainer, e)
			: 0;
}

static int start_ingest(struct sink *s, struct err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct ingest_config config = {
		.workers = (unsigned)s->config.workers,
		.queue_max = (unsigned)s->config.queue,
		.masker = s->masker,
		.writer = s->writer,
	};

	if (config.workers == 0)
		config.workers = cores < 1	       ? 1
				 : cores > WORKERS_MAX ? WORKERS_MAX
						       : (unsigned)cores;
	return ingest_new(&config, &s->ingest, e);
}

static int start_listeners(struct sink *s, struct err *e)
{
	const struct http_server_config http = {
		.name = "audit",
		.listen = s->config.listen,
		.tls_cert_file = s->config.tls_cert_file,
		.tls_private_key_file = s->config.tls_private_key_file,
		.client_ca_file = s->config.client_ca_file,
		.max_connections = (unsigned)s->config.max_connections,
		.max_suspended = 2 * (unsigned)s->config.queue,
		.max_body_bytes = (size_t)s->config.max_body_bytes,
		.max_inflight_bytes = (size_t)s->config.max_inflight_bytes,
		.body_deadline_ms = (unsigned)s->config.body_deadline_ms,
		.idle_timeout_s = IDLE_TIMEOUT_S,
		.routes = s->posts,
	};

	s->posts[0] =
		(struct http_route){"POST", "/audit", true, "application/json", post_audit, s};
	if (http_server_start(&http, &s->server, e) < 0)
		return -1;
	return start_ops(s, e);
}

static int start_all(struct sink *s, struct err *e)
{
	const struct source_config sources = {
		.sources = &s->config.sources,
		.default_cluster = s->config.cluster,
		.bearer_token_file = s->config.bearer_token_file,
		.client_certificates = s->config.client_ca_file != NULL,
	};

	if (source_table_new(&sources, &s->sources, e) < 0 ||
		masker_new(s->config.mask_key_file, s->config.mask_config, &s->masker, e) < 0 ||
		start_database(s, e) < 0 || start_writer(s, e) < 0 || start_ingest(s, e) < 0)
		return -1;
	s->ready = true;
	if (start_listeners(s, e) < 0 || start_housekeeper(s, e) < 0)
		return -1;
	return 0;
}

int sink_start(const struct sink_config *config, struct sink **ret, struct err *e)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, "out of memory");
	s->config = *config;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->stopping_cond, NULL);
	if (start_all(s, e) < 0) {
		sink_stop(s);
		return -1;
	}
	*ret = s;
	return 0;
}

static void stop_housekeeper(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->stopping_cond);
	pthread_mutex_unlock(&s->lock);
	if (s->has_housekeeper)
		pthread_join(s->housekeeper, NULL);
}

void sink_leave(struct sink *s)
{
	s->leaving = true;
	http_server_drain(s->server);
}

/*
 * Whoever answers requests must end before the server that they belong to: new connections are
 * refused, posts on those that there are taken until nobody has one under way; what is left then is
 * stored or answered 503, and the server goes.
 */
void sink_stop(struct sink *s)
{
	if (!s)
		return;
	pg_pool_hurry(s->pool);
	if (s->server)
		http_server_settle(s->server, (unsigned)s->config.shutdown_ms / 2);
	s->ready = false;
	stop_housekeeper(s);
	ingest_free(s->ingest);
	if (s->writer && !writer_drain(s->writer, (unsigned)s->config.shutdown_ms))
		log_warn("audit_writes_unfinished");
	drainer_stop(s->drainer);
	pg_pool_close(s->pool);
	spool_close(s->spool);
	http_server_stop(s->server, (unsigned)s->config.shutdown_ms);
	ops_stop(s->ops);
	writer_free(s->writer);
	masker_free(s->masker);
	source_table_free(s->sources);
	pthread_cond_destroy(&s->stopping_cond);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
