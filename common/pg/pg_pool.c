/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: a bounded ring of jobs, one worker thread a connection, and one thread more that
 * answers jobs with "no connection" while none stands, so that nobody waits for a database that is
 * away.
 *
 *   submit ─▶ ring ─▶ worker (its connection is live) ─▶ fn(conn, true)
 *                └──▶ breaker ─▶ fn(NULL, false), a job that is older than
 *                       GRACE_MS, while no connection is live
 *                       silence_ms, while all are busy
 *
 * The workers are in pg_worker.c. One mutex guards the ring and the count of live connections.
 */
#include "common/pg/pg_pool.h"

#include <assert.h>
#include <pthread.h>

#include "common/base/clock.h"
#include "common/pg/pg_call_internal.h"
#include "common/pg/pg_pool_internal.h"

/* A single cut connection is back within this; jobs are not refused for less. */
#define GRACE_MS 250
/* So often the breaker looks for jobs that have waited for too long, while connections stand. */
#define BREAKER_LOOK_MS 200

static struct metric_histogram wait_histogram;
struct metric pool_metrics[] = {
	[POOL_UP] = {.name = "holdpoint_database_connections_up",
		.type = METRIC_GAUGE,
		.help = "PostgreSQL connections that stand now."},
	[POOL_QUEUED] = {.name = "holdpoint_database_queue_jobs",
		.type = METRIC_GAUGE,
		.help = "Jobs waiting for a connection."},
	[POOL_QUEUE_FULL] = {.name = "holdpoint_database_queue_full_total",
		.type = METRIC_COUNTER,
		.help = "Jobs refused because the queue was full."},
	[POOL_JOBS] = {.name = "holdpoint_database_jobs_total",
		.type = METRIC_COUNTER,
		.help = "Jobs run on a live connection."},
	[POOL_UNAVAILABLE] = {.name = "holdpoint_database_unavailable_total",
		.type = METRIC_COUNTER,
		.help = "Jobs answered without a connection, as none stood, or none was free in "
			"time."},
	[POOL_CONNECTS] = {.name = "holdpoint_database_connects_total",
		.type = METRIC_COUNTER,
		.help = "Connections opened."},
	[POOL_CONNECT_FAILURES] = {.name = "holdpoint_database_connect_failures_total",
		.type = METRIC_COUNTER,
		.help = "Attempts to open a connection that failed."},
	[POOL_WAIT] = {.name = "holdpoint_database_queue_wait_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "Time a job waited in the queue.",
		.histogram = &wait_histogram},
	{.name = NULL},
};

struct metric *const *pg_pool_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {pool_metrics, pg_call_metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

/* ---- the ring; the lock is held ---- */

struct job pool_take_job(struct pg_pool *p)
{
	struct job job = p->ring[p->head];

	assert(p->count > 0 && job.fn);
	p->head = (p->head + 1) % p->ring_size;
	p->count--;
	metric_set(&pool_metrics[POOL_QUEUED], p->count);
	return job;
}

void pool_untake_job(struct pg_pool *p, struct job job)
{
	assert(p->count < p->ring_size);
	p->head = (p->head + p->ring_size - 1) % p->ring_size;
	p->ring[p->head] = job;
	p->count++;
	metric_set(&pool_metrics[POOL_QUEUED], p->count);
}

/* ---- who waits for jobs; the lock is held ---- */

void pool_wake_one(struct pg_pool *p)
{
	struct worker *w = p->idle;

	if (!w)
		return;
	p->idle = w->next_idle;
	w->idle = false;
	pthread_cond_signal(&w->wake);
}

void pool_wake_all(struct pg_pool *p)
{
	while (p->idle)
		pool_wake_one(p);
}

void pool_set_live(struct pg_pool *p, int change)
{
	assert(change > 0 || p->live > 0);
	p->live = (unsigned)((int)p->live + change);
	metric_set(&pool_metrics[POOL_UP], p->live);
	pthread_cond_broadcast(&p->changed);
	pool_wake_all(p); /* a job may have been put back */
}

/* ---- the circuit breaker ---- */

/* When the breaker has to answer the job at the head of the ring; the lock is held. */
static int64_t stranded_at_us(const struct pg_pool *p)
{
	const int64_t patience_ms = p->live == 0 ? GRACE_MS : (int64_t)p->settings.silence_ms;

	return p->ring[p->head].queued_us + patience_ms * 1000;
}

/* Waits for a job that nobody can serve; false when the pool has closed and none is left. */
static bool next_stranded(struct pg_pool *p, struct job *ret)
{
	bool found = false;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		const int64_t now = monotonic_us();

		if (p->closing && p->count == 0)
			break;
		if (p->count > 0 && ((p->closing && p->live == 0) || now >= stranded_at_us(p))) {
			*ret = pool_take_job(p);
			found = true;
			break;
		}
		/* Nobody wakes it for each job, while there are connections to serve them. */
		wait_until_us(&p->changed, &p->lock,
			p->count > 0 && p->live == 0 ? stranded_at_us(p)
						     : now + BREAKER_LOOK_MS * 1000);
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}

static void *breaker_main(void *arg)
{
	struct pg_pool *p = arg;
	struct job job;

	while (next_stranded(p, &job)) {
		metric_add(&pool_metrics[POOL_UNAVAILABLE], 1);
		job.fn(NULL, false, job.arg);
	}
	return NULL;
}

/* ---- opening and closing ---- */

static struct pg_pool *pool_new(const struct pg_pool_config *config)
{
	struct pg_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	pthread_cond_init(&p->stopped, NULL);
	/* One place for each worker to put a job back: see pool_untake_job(). */
	p->ring_size = config->queue_max + config->connections;
	p->ring = calloc(p->ring_size, sizeof(*p->ring));
	p->workers = calloc(config->connections, sizeof(*p->workers));
	p->threads = calloc(config->connections + 1, sizeof(*p->threads));
	p->database_url = strdup(config->database_url);
	p->application_name = strdup(config->application_name);
	p->settings = (struct pg_conn_settings){
		.database_url = p->database_url,
		.application_name = p->application_name,
		.connect_timeout_s = PG_CONNECT_TIMEOUT_S,
		.statement_timeout_ms = config->statement_timeout_ms,
		.silence_ms = config->silence_ms
				      ? config->silence_ms
				      : config->statement_timeout_ms + PG_SILENCE_MARGIN_MS,
		.hurry = &p->hurry,
	};
	return p;
}

static void pool_free(struct pg_pool *p)
{
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	pthread_cond_destroy(&p->stopped);
	free(p->ring);
	free(p->workers);
	free(p->threads);
	free(p->database_url);
	free(p->application_name);
	free(p);
}

static int start_threads(struct pg_pool *p, unsigned connections, struct err *e)
{
	for (unsigned i = 0; i <= connections; i++) {
		struct worker *w = i < connections ? &p->workers[i] : NULL;
		int rc;

		if (w)
			*w = (struct worker){.pool = p, .wake = PTHREAD_COND_INITIALIZER};
		rc = w ? pthread_create(&p->threads[i], NULL, pool_worker, w)
		       : pthread_create(&p->threads[i], NULL, breaker_main, p);
		if (rc != 0)
			return err_set_errno(e, rc, "database pool: cannot start a thread");
		p->thread_count++;
	}
	return 0;
}

/* A connection made and given up again, so that a wrong URL is one clear line at start. */
static int probe(const struct pg_pool *p, struct err *e)
{
	_cleanup_(pg_conn_closep) struct pg_conn *c = NULL;

	return pg_conn_open_with(&p->settings, &c, e);
}

/* The first worker's connection, which follows a probe that went well. */
static int wait_live(struct pg_pool *p, struct err *e)
{
	int64_t until_us = monotonic_us() + 2 * (int64_t)p->settings.connect_timeout_s * 1000000;
	bool up;

	pthread_mutex_lock(&p->lock);
	while (p->live == 0 && monotonic_us() < until_us)
		wait_until_us(&p->changed, &p->lock, until_us);
	up = p->live > 0;
	pthread_mutex_unlock(&p->lock);
	return up ? 0 : err_set(e, "--database-url: the database went away while starting");
}

int pg_pool_open(
	const struct pg_pool_config *config, bool wait_first, struct pg_pool **ret, struct err *e)
{
	struct pg_pool *p;

	if (config->connections == 0 || config->queue_max == 0)
		return err_set(e, "database pool: needs at least one connection and queue place");
	p = pool_new(config);
	if (!p || !p->ring || !p->workers || !p->threads || !p->database_url ||
		!p->application_name) {
		if (p)
			pool_free(p);
		return err_set(e, "database pool: out of memory");
	}
	if (pg_conn_check_url(config->database_url, e) < 0 || (wait_first && probe(p, e) < 0)) {
		pool_free(p);
		return err_prefix(e, "--database-url");
	}
	if (start_threads(p, config->connections, e) < 0) {
		pg_pool_close(p);
		return -1;
	}
	if (wait_first && wait_live(p, e) < 0) {
		pg_pool_close(p);
		return -1;
	}
	*ret = p;
	return 0;
}

void pg_pool_hurry(struct pg_pool *p)
{
	if (p)
		atomic_store(&p->hurry, true);
}

void pg_pool_close(struct pg_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pool_wake_all(p);
	pthread_cond_broadcast(&p->changed);
	pthread_cond_broadcast(&p->stopped);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->thread_count; i++)
		pthread_join(p->threads[i], NULL);
	assert(p->live == 0);
	pool_free(p);
}

/* ---- submitting ---- */

int pg_pool_submit(struct pg_pool *p, pg_job_fn fn, void *arg)
{
	unsigned spare = p->thread_count > 0 ? p->thread_count - 1 : 0;
	int rc = -1;

	assert(fn);
	pthread_mutex_lock(&p->lock);
	if (!p->closing && p->count + spare < p->ring_size) {
		p->ring[(p->head + p->count) % p->ring_size] =
			(struct job){.fn = fn, .arg = arg, .queued_us = monotonic_us()};
		p->count++;
		metric_set(&pool_metrics[POOL_QUEUED], p->count);
		pool_wake_one(p);
		if (p->live == 0)
			pthread_cond_signal(&p->changed);
		rc = 0;
	}
	pthread_mutex_unlock(&p->lock);
	if (rc < 0)
		metric_add(&pool_metrics[POOL_QUEUE_FULL], 1);
	return rc;
}

struct run {
	pg_job_fn fn;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done;
};

static void run_job(struct pg_conn *c, bool usable, void *arg)
{
	struct run *r = arg;

	r->fn(c, usable, r->arg);
	pthread_mutex_lock(&r->lock);
	r->done = true;
	pthread_cond_signal(&r->ended);
	pthread_mutex_unlock(&r->lock);
}

int pg_pool_run(struct pg_pool *p, pg_job_fn fn, void *arg)
{
	struct run r = {.fn = fn,
		.arg = arg,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER};

	if (pg_pool_submit(p, run_job, &r) < 0)
		return -1;
	pthread_mutex_lock(&r.lock);
	while (!r.done)
		pthread_cond_wait(&r.ended, &r.lock);
	pthread_mutex_unlock(&r.lock);
	return 0;
}

unsigned pg_pool_queued(const struct pg_pool *p)
{
	struct pg_pool *q = (struct pg_pool *)p;
	unsigned count;

	pthread_mutex_lock(&q->lock);
	count = q->count;
	pthread_mutex_unlock(&q->lock);
	return count;
}

bool pg_pool_is_up(const struct pg_pool *p)
{
	struct pg_pool *q = (struct pg_pool *)p;
	bool up;

	pthread_mutex_lock(&q->lock);
	up = q->live > 0;
	pthread_mutex_unlock(&q->lock);
	return up;
}
