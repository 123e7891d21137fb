/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker of the pool: it owns one connection and is the only one to open, use and close it, and
 * takes jobs for it until it is lost.
 */
#include <assert.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/pg_pool_internal.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS	 5000
/* So soon is an idle connection's end known, so that readiness does not claim one that is gone. */
#define IDLE_CHECK_MS 1000
/* So often has an idle connection's server to show that it answers. */
#define LIFE_SIGN_MS   2000
#define FAILURE_LOG_US (30 * (int64_t)1000000)

/* Until there is one, or until_us; the lock is held. */
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

/* Every connection tries for itself: one line for all of them, now and then. */
static void log_failure(struct pg_pool *p, const char *why, int64_t retry_ms)
{
	int64_t now = monotonic_us();
	bool due;

	metric_add(&pool_metrics[POOL_CONNECT_FAILURES], 1);
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

	metric_add(&pool_metrics[POOL_CONNECTS], 1);
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

enum next {
	NEXT_JOB,
	NEXT_CLOSING, /* and nothing left to do */
	NEXT_LOST,    /* the connection; a job that was taken is back in the ring */
};

/* Waits for a job, or until the connection's server is due to show that it answers; lock held. */
static void wait_idle(struct worker *w, struct pg_conn *c, int64_t life_sign_us)
{
	struct pg_pool *p = w->pool;

	while (p->count == 0 && !p->closing && monotonic_us() < life_sign_us && pg_conn_is_alive(c))
		wait_for_job(w, monotonic_us() + IDLE_CHECK_MS * 1000);
}

static enum next next_job(struct worker *w, struct pg_conn *c, struct job *ret)
{
	struct pg_pool *p = w->pool;
	enum next next = NEXT_JOB;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		wait_idle(w, c, monotonic_us() + LIFE_SIGN_MS * 1000);
		if (p->count > 0 || p->closing)
			break;
		pthread_mutex_unlock(&p->lock);
		if (!pg_conn_is_alive(c) || !pg_conn_answers(c))
			return NEXT_LOST;
		pthread_mutex_lock(&p->lock);
	}
	if (p->count == 0) {
		next = NEXT_CLOSING;
	} else {
		*ret = pool_take_job(p);
		if (!pg_conn_is_alive(c)) {
			pool_untake_job(p, *ret);
			next = NEXT_LOST;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return next;
}

/* Runs jobs until the connection is lost (false) or the pool closes (true). */
static bool serve(struct worker *w, struct pg_conn *c)
{
	struct job job;
	enum next next;

	while ((next = next_job(w, c, &job)) == NEXT_JOB) {
		metric_observe_us(
			&pool_metrics[POOL_WAIT], (uint64_t)(monotonic_us() - job.queued_us));
		metric_add(&pool_metrics[POOL_JOBS], 1);
		pg_conn_allow(c, w->pool->settings.silence_ms);
		job.fn(c, true, job.arg);
		if (!leave_clean(c))
			return false;
	}
	return next == NEXT_CLOSING;
}

void *pool_worker(void *arg)
{
	struct worker *w = arg;
	struct pg_pool *p = w->pool;
	bool done = false;

	while (!done) {
		struct pg_conn *c = connect_until_closing(p);

		if (!c)
			return NULL;
		pthread_mutex_lock(&p->lock);
		pool_set_live(p, 1);
		pthread_mutex_unlock(&p->lock);
		done = serve(w, c);
		pthread_mutex_lock(&p->lock);
		pool_set_live(p, -1);
		pthread_mutex_unlock(&p->lock);
		pg_conn_close(c);
		if (!done)
			log_warn("database_connection_lost");
	}
	return NULL;
}
