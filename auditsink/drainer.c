/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/drainer.h"

#include <assert.h>
#include <pthread.h>

#include "auditsink/sink_metrics.h"
#include "auditsink/spool_ledger.h"
#include "auditsink/writer.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define GROUP_MAX	32
#define GROUP_BYTES_MAX ((size_t)16 << 20)
#define IDLE_MS		500  /* how often it looks whether there is something to do */
#define RETRY_MS	2000 /* after the database, or the file, did not do as it should */

struct drainer {
	struct pg_pool *pool;
	struct spool *spool;
	struct writer *writer;
	unsigned timeout_ms; /* of PostgreSQL, for a group of batches */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stopped;
	bool stopping;
};

/* What one job of the pool is to write, and how that went. */
struct drain {
	struct writer *writer;
	struct batch *group;
	unsigned timeout_ms;
	enum pg_status status;
};

static void drain_job(struct pg_conn *c, bool usable, void *arg)
{
	struct drain *d = arg;

	if (usable) /* a server that is slow must not be asked in vain again and again */
		pg_conn_allow(c, d->timeout_ms);
	d->status = usable ? writer_write(d->writer, c, d->group) : PG_UNAVAILABLE;
}

/* Stores a list of batches in one transaction. */
static enum pg_status store(struct drainer *d, struct spooled *list, unsigned count)
{
	struct drain job = {.writer = d->writer,
		.group = list[0].batch,
		.timeout_ms = d->timeout_ms,
		.status = PG_UNAVAILABLE};

	assert(count > 0 && count <= GROUP_MAX);
	for (unsigned i = 0; i < count; i++)
		list[i].batch->next = i + 1 < count ? list[i + 1].batch : NULL;
	if (pg_pool_run(d->pool, drain_job, &job) < 0)
		return PG_UNAVAILABLE;
	return job.status;
}

/* A disk that does not take that must not keep the next ones from being stored. */
static void forget_stored(struct drainer *d, const struct spooled *list, unsigned count)
{
	struct err e;

	if (spool_remove(d->spool, list, count, &e) < 0)
		log_warn("audit_spool_not_cleared", LOG_STR("error", e.msg));
	metric_add(&sink_metrics[SINK_DRAINED], count);
}

/*
 * A group that the database does not take: the ones at fault are found, the others go in. When it
 * takes two running for no fault of theirs, it will not take the rest either.
 */
static int store_each(struct drainer *d, struct spooled *list, unsigned count, struct err *e)
{
	unsigned not_now = 0;

	for (unsigned i = 0; i < count && not_now < 2; i++) {
		enum pg_status status = store(d, &list[i], 1);

		if (status == PG_OK)
			forget_stored(d, &list[i], 1);
		if (status == PG_REFUSED)
			spool_refuse(d->spool, &list[i]);
		if (status == PG_UNAVAILABLE)
			return err_set(e, "the database went away");
		not_now = status == PG_RETRY ? not_now + 1 : 0;
	}
	return not_now == 0 ? 0 : err_set(e, "the database does not take it now");
}

/* Drains one group. 1: there may be more; 0: the spool is empty; -1: not now. */
static int drain_some(struct drainer *d)
{
	struct spooled list[GROUP_MAX];
	struct err e;
	int count = spool_peek(d->spool, list, GROUP_MAX, GROUP_BYTES_MAX, &e), rc = -1;

	if (count > 0) {
		enum pg_status status = store(d, list, (unsigned)count);

		rc = 0;
		if (status == PG_OK)
			forget_stored(d, list, (unsigned)count);
		else if (status == PG_REFUSED || status == PG_RETRY)
			rc = store_each(d, list, (unsigned)count, &e);
		else
			rc = err_set(&e, "the database does not answer");
	}
	if (rc < 0 && count != 0)
		log_warn("audit_drain_failed", LOG_STR("error", e.msg));
	for (int i = 0; i < count; i++)
		batch_free(list[i].batch);
	return count == 0 ? 0 : rc < 0 ? -1 : 1;
}

/* ---- what is damaged ---- */

static const char *const damage_names[SPOOL_DAMAGE_COUNT] = {[SPOOL_DAMAGE_CHANGED] = "changed",
	[SPOOL_DAMAGE_MISSING] = "missing",
	[SPOOL_DAMAGE_LEDGER] = "ledger",
	[SPOOL_DAMAGE_FILE] = "file"};

static void say_lost_batch(const struct spool_damage *damage)
{
	const struct ledger_note *b = damage->batch;
	_cleanup_(buf_free) struct buf digest = BUF_INIT(2 * SHA256_LEN);

	hex_put(&digest, b->sha256, sizeof(b->sha256));
	log_error("audit_spool_damaged", LOG_STR("what", damage_names[damage->kind]),
		LOG_INT("batch", b->id), LOG_STR("cluster", b->cluster),
		LOG_STR("source", b->source), LOG_INT("events", b->events),
		LOG_SPAN("sha256", buf_span(&digest)), LOG_STR("error", damage->text));
}

static void say_damage(struct drainer *d)
{
	struct spool_damage damage;

	while (spool_next_damage(d->spool, &damage)) {
		metric_add_at(&sink_metrics[SINK_SPOOL_DAMAGED], damage.kind, 1);
		if (damage.batch)
			say_lost_batch(&damage);
		else
			log_error("audit_spool_damaged", LOG_STR("what", damage_names[damage.kind]),
				LOG_STR("error", damage.text));
	}
}

static void show_state(struct drainer *d)
{
	struct spool_state state;

	spool_get_state(d->spool, &state);
	metric_set(&sink_metrics[SINK_SPOOL_BATCHES], (int64_t)state.batches);
	metric_set(&sink_metrics[SINK_SPOOL_BYTES], (int64_t)state.bytes);
	metric_set(&sink_metrics[SINK_SPOOL_REFUSED], (int64_t)state.refused);
	metric_set(&sink_metrics[SINK_SPOOL_SET_ASIDE], (int64_t)state.damaged);
	metric_set(&sink_metrics[SINK_SPOOL_FREE], (int64_t)state.free_bytes);
	metric_set(&sink_metrics[SINK_SPOOL_AGE],
		state.oldest_us ? (realtime_us() - state.oldest_us) / 1000000 : 0);
}

/* False when it is to stop. */
static bool pause_for(struct drainer *d, long ms)
{
	int64_t until_us = monotonic_us() + ms * 1000;
	bool stopping;

	pthread_mutex_lock(&d->lock);
	while (!d->stopping && ms > 0 && wait_until_us(&d->stopped, &d->lock, until_us) == 0)
		;
	stopping = d->stopping;
	pthread_mutex_unlock(&d->lock);
	return !stopping;
}

static void *drainer_main(void *arg)
{
	struct drainer *d = arg;
	long wait_ms = 0;

	while (pause_for(d, wait_ms)) {
		struct spool_state state;
		int rc = 0;

		say_damage(d);
		spool_tidy(d->spool);
		spool_get_state(d->spool, &state);
		if (state.batches > state.refused && pg_pool_is_up(d->pool))
			rc = drain_some(d);
		show_state(d);
		wait_ms = rc > 0 ? 0 : rc == 0 ? IDLE_MS : RETRY_MS;
	}
	return NULL;
}

int drainer_start(struct pg_pool *pool, struct spool *spool, struct writer *writer,
	unsigned timeout_ms, struct drainer **ret, struct err *e)
{
	struct drainer *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return err_set(e, "out of memory");
	d->pool = pool;
	d->spool = spool;
	d->writer = writer;
	d->timeout_ms = timeout_ms;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->stopped, NULL);
	rc = pthread_create(&d->thread, NULL, drainer_main, d);
	if (rc != 0) {
		free(d);
		return err_set_errno(e, rc, "cannot start a thread");
	}
	*ret = d;
	return 0;
}

void drainer_stop(struct drainer *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_cond_broadcast(&d->stopped);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	pthread_cond_destroy(&d->stopped);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
