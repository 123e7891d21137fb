/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: a bounded ring of jobs, one worker thread a connection, and one thread more that
 * answers jobs with "no connection" while none stands, so that nobody waits for a database that is
 * away.
 *
 *   submit ─▶ ring ─▶ worker (its connection is live) ─▶ fn(conn, true)
 *                └──▶ breaker (no connection is live, job older than GRACE_MS) ─▶ fn(NULL, false)
 *
 * A worker owns its connection and is the only one to open, use and close it. One mutex guards the
 * ring and the count of live connections.
 */
#include "common/pg/pg_pool.h"

#include <assert.h>
#include <pthread.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/pg_conn_internal.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS	 5000
/* A single cut connection is back within this; jobs are not refused for less. */
#define GRACE_MS 250
/* So soon is an idle connection's end known, so that readiness does not claim one that is gone. */
#define IDLE_CHECK_MS  1000
#define FAILURE_LOG_US (30 * (int64_t)1000000)

enum {
	M_UP,
	M_QUEUED,
	M_QUEUE_FULL,
	M_JOBS,
	M_UNAVAILABLE,
	M_CONNECTS,
	M_CONNECT_FAILURES,
	M_WAIT
};

static struct metric_histogram wait_histogram;
static struct metric metrics[] = {
	[M_UP] = {.name = "holdpoint_database_connections_up",
		.type = METRIC_GAUGE,
		.help = "PostgreSQL connections that stand now."},
	[M_QUEUED] = {.name = "holdpoint_database_queue_jobs",
		.type = METRIC_GAUGE,
		.help = "Jobs waiting for a connection."},
	[M_QUEUE_FULL] = {.name = "holdpoint_database_queue_full_total",
		.type = METRIC_COUNTER,
		.help = "Jobs refused because the queue was full."},
	[M_JOBS] = {.name = "holdpoint_database_jobs_total",
		.type = METRIC_COUNTER,
		.help = "Jobs run on a live connection."},
	[M_UNAVAILABLE] = {.name = "holdpoint_database_unavailable_total",
		.type = METRIC_COUNTER,
		.help = "Jobs answered without a connection, as none stood."},
	[M_CONNECTS] = {.name = "holdpoint_database_connects_total",
		.type = METRIC_COUNTER,
		.help = "Connections opened."},
	[M_CONNECT_FAILURES] = {.name = "holdpoint_database_connect_failures_total",
		.type = METRIC_COUNTER,
		.help = "Attempts to open a connection that failed."},
	[M_WAIT] = {.name = "holdpoint_database_queue_wait_seconds",
		.type = METRIC_HISTOGRAM,
		.help = "Time a job waited in the queue.",
		.histogram = &wait_histogram},
	{.name = NULL},
};

struct job {
	pg_job_fn fn;
	void *arg;
	int64_t queued_us;
};

struct worker {
	struct pg_pool *pool;
	struct worker *next_idle;
	pthread_cond_t wake;
	bool idle; /* stands in the pool's list of those */
};

struct pg_pool {
	struct pg_conn_settings settings;
	char *database_url;
	char *application_name;

	pthread_mutex_t lock;
	/* The one that became idle last is first: what it and its server process need is warm. */
	struct worker *idle;
	pthread_cond_t changed; /* the breaker: live changed, or a job came that no worker serves */
	pthread_cond_t stopped; /* closing: cuts a back-off short */
	struct job *ring;
	unsigned ring_size, head, count;
	unsigned live;
	bool closing;
	int64_t failure_logged_us; /* 0: no attempt to connect has failed since the last that did
				      not */

	struct worker *workers;
	pthread_t *threads; /* the workers, then the breaker */
	unsigned thread_count;
};

struct metric *const *pg_pool_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

/* ---- the ring; the lock is held ---- */

static struct job take_job(struct pg_pool *p)
{
	struct job job = p->ring[p->head];

	assert(p->count > 0 && job.fn);
	p->head = (p->head + 1) % p->ring_size;
	p->count--;
	metric_set(&metrics[M_QUEUED], p->count);
	return job;
}

/* Puts a job back where it was taken from; its place is still free: submit leaves one spare. */
static void untake_job(struct pg_pool *p, struct job job)
{
	assert(p->count < p->ring_size);
	p->head = (p->head + p->ring_size - 1) % p->ring_size;
	p->ring[p->head] = job;
	p->count++;
	metric_set(&metrics[M_QUEUED], p->count);
}

/* ---- who waits for jobs; the lock is held ---- */

static void wake_one(struct pg_pool *p)
{
	struct worker *w = p->idle;

	if (!w)
		return;
	p->idle = w->next_idle;
	w->idle = false;
	pthread_cond_signal(&w->wake);
}

static void wake_all(struct pg_pool *p)
{
	while (p->idle)
		wake_one(p);
}

static void wait_for_job(struct worker *w, int64_t until_us)
{
	struct pg_pool *p = w->pool;

	assert(!w->idle);
	w->next_idle = p->idle;
	w->idle = true;
	p->idle = w;
	wait_until_us(&w->wake, &p->lock, until_us);
	if (!w->idle)
		return;
	for (struct worker **at = &p->idle; *at; at = &(*at)->next_idle) {
		if (*at == w) {
			*at = w->next_idle;
			break;
		}
	}
	w->idle = false;
}

static void set_live(struct pg_pool *p, int change)
{
	assert(change > 0 || p->live > 0);
	p->live = (unsigned)((int)p->live + change);
	metric_set(&metrics[M_UP], p->live);
	pthread_cond_broadcast(&p->changed);
	wake_all(p); /* a job may have been put back */
}

/* ---- workers ---- */

/* Every connection tries for itself: one line for all of them, now and then. */
static void log_failure(struct pg_pool *p, const char *why, int64_t retry_ms)
{
	int64_t now = monotonic_us();
	bool due;

	metric_add(&metrics[M_CONNECT_FAILURES], 1);
	pthread_mutex_lock(&p->lock);
	due = p->failure_logged_us == 0 || now - p->failure_logged_us >= FAILURE_LOG_US;
	if (due)
		p->failure_logged_us = now;
	pthread_mutex_unlock(&p->lock);
	if (due)
		log_warn("database_connect_failed", LOG_STR("pool", p->application_name),
			LOG_STR("error", why), LOG_INT("retry_ms", retry_ms));
}

static void log_success(struct pg_pool *p)
{
	bool failed_before;

	metric_add(&metrics[M_CONNECTS], 1);
	pthread_mutex_lock(&p->lock);
	failed_before = p->failure_logged_us != 0;
	p->failure_logged_us = 0;
	pthread_mutex_unlock(&p->lock);
	if (failed_before)
		log_info("database_connected", LOG_STR("pool", p->application_name));
}

/* Opens a connection, trying again until there is one. NULL: the pool is closing. */
static struct pg_conn *connect_until_closing(struct pg_pool *p)
{
	int64_t backoff_ms = BACKOFF_FIRST_MS;

	for (;;) {
		struct pg_conn *c;
		struct err e;
		bool closing;

		if (pg_conn_open_with(&p->settings, &c, &e) == 0) {
			log_success(p);
			return c;
		}
		log_failure(p, e.msg, backoff_ms);
		pthread_mutex_lock(&p->lock);
		if (!p->closing)
			wait_until_us(&p->stopped, &p->lock, monotonic_us() + backoff_ms * 1000);
		closing = p->closing;
		pthread_mutex_unlock(&p->lock);
		if (closing)
			return NULL;
		backoff_ms = backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
	}
}

/* The next job must not run inside of this one's transaction. False: to be opened anew. */
static bool leave_clean(struct pg_conn *c)
{
	const enum pg_left left = pg_conn_end_transaction(c);

	if (left == PG_LEFT_TRANSACTION)
		log_error("database_transaction_left_open");
	return left != PG_LEFT_UNUSABLE && pg_conn_is_alive(c);
}

/* Runs jobs until the connection is lost (false) or the pool closes (true). */
static bool serve(struct worker *w, struct pg_conn *c)
{
	struct pg_pool *p = w->pool;

	for (;;) {
		struct job job;

		pthread_mutex_lock(&p->lock);
		while (p->count == 0 && !p->closing && pg_conn_is_alive(c))
			wait_for_job(w, monotonic_us() + IDLE_CHECK_MS * 1000);
		if (p->count == 0) {
			bool closing = p->closing;
			pthread_mutex_unlock(&p->lock);
			return closing;
		}
		job = take_job(p);
		if (!pg_conn_is_alive(c)) {
			untake_job(p, job);
			pthread_mutex_unlock(&p->lock);
			return false;
		}
		pthread_mutex_unlock(&p->lock);
		metric_observe_us(&metrics[M_WAIT], (uint64_t)(monotonic_us() - job.queued_us));
		metric_add(&metrics[M_JOBS], 1);
		job.fn(c, true, job.arg);
		if (!leave_clean(c))
			return false;
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct pg_pool *p = w->pool;
	bool done = false;

	while (!done) {
		struct pg_conn *c = connect_until_closing(p);

		if (!c)
			return NULL;
		pthread_mutex_lock(&p->lock);
		set_live(p, 1);
		pthread_mutex_unlock(&p->lock);
		done = serve(w, c);
		pthread_mutex_lock(&p->lock);
		set_live(p, -1);
		pthread_mutex_unlock(&p->lock);
		pg_conn_close(c);
		if (!done)
			log_warn("database_connection_lost");
	}
	return NULL;
}

/* ---- the circuit breaker ---- */

/* Waits for a job that nobody can serve; false when the pool has closed and none is left. */
static bool next_stranded(struct pg_pool *p, struct job *ret)
{
	bool found = false;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		int64_t due_us;

		if (p->live > 0 || p->count == 0) {
			if (p->closing && p->count == 0)
				break;
			pthread_cond_wait(&p->changed, &p->lock);
			continue;
		}
		due_us = p->ring[p->head].queued_us + GRACE_MS * 1000;
		if (p->closing || monotonic_us() >= due_us) {
			*ret = take_job(p);
			found = true;
			break;
		}
		wait_until_us(&p->changed, &p->lock, due_us);
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}

static void *breaker_main(void *arg)
{
	struct pg_pool *p = arg;
	struct job job;

	while (next_stranded(p, &job)) {
		metric_add(&metrics[M_UNAVAILABLE], 1);
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
	/* One place for each worker to put a job back: see untake_job(). */
	p->ring_size = config->queue_max + config->connections;
	p->ring = calloc(p->ring_size, sizeof(*p->ring));
	p->workers = calloc(config->connections, sizeof(*p->workers));
	p->threads = calloc(config->connections + 1, sizeof(*p->threads));
	p->database_url = strdup(config->database_url);
	p->application_name = strdup(config->application_name);
	p->settings = (struct pg_conn_settings){
		.database_url = p->database_url,
		.application_name = p->application_name,
		.connect_timeout_s = config->connect_timeout_s ? config->connect_timeout_s : 5,
		.statement_timeout_ms = config->statement_timeout_ms,
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
		rc = w ? pthread_create(&p->threads[i], NULL, worker_main, w)
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

void pg_pool_close(struct pg_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	wake_all(p);
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
		metric_set(&metrics[M_QUEUED], p->count);
		wake_one(p);
		if (p->live == 0)
			pthread_cond_signal(&p->changed);
		rc = 0;
	}
	pthread_mutex_unlock(&p->lock);
	if (rc < 0)
		metric_add(&metrics[M_QUEUE_FULL], 1);
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
