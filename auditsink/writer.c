/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/writer.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#include "auditsink/refused.h"
#include "auditsink/sink_metrics.h"
#include "auditsink/store.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/pg_fault.h"

#define LANES_MAX	 256
#define GROUP_EVENTS_MAX 20000
#define GROUP_BYTES_MAX	 (64u << 20)
/* A transaction that met a deadlock or a timeout is tried again, as long as its sender, who gives
 * up after 30 s, may still be waiting. */
#define ATTEMPTS    3
#define PATIENCE_US 8000000

struct lane {
	struct writer *w;
	char cluster[CLUSTER_NAME_MAX + 1];
	struct batch *head, **tail;
	bool running;			  /* a job for it is in the pool */
	int64_t written_from, written_to; /* numbers stored and not looked through; to 0: none */
	struct lane *next;
};

struct writer {
	struct writer_config config;
	pthread_mutex_t lock;
	pthread_cond_t idle; /* nothing is queued or being written */
	struct lane *lanes;
	unsigned lane_count;
	unsigned batches; /* queued or being written */
	size_t bytes;
};

static void set_status(struct batch *group, enum write_status status)
{
	for (struct batch *b = group; b; b = b->next)
		b->status = status;
}

/* ---- lanes; the writer's lock is held where nothing else is said ---- */

static struct lane *find_lane(struct writer *w, const char *cluster)
{
	struct lane *l;

	for (l = w->lanes; l; l = l->next) {
		if (strcmp(l->cluster, cluster) == 0)
			return l;
	}
	if (w->lane_count == LANES_MAX)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->w = w;
	snprintf(l->cluster, sizeof(l->cluster), "%s", cluster);
	l->tail = &l->head;
	l->next = w->lanes;
	w->lanes = l;
	w->lane_count++;
	return l;
}

/* ---- what was written, for whoever looks it through afterwards ---- */

static void add_range(struct lane *l, int64_t from, int64_t to)
{
	if (l->written_to == 0 || from < l->written_from)
		l->written_from = from;
	if (to > l->written_to)
		l->written_to = to;
}

static void note_written(struct writer *w, const struct batch *group)
{
	struct lane *l;

	pthread_mutex_lock(&w->lock);
	l = find_lane(w, group->cluster);
	for (const struct batch *b = group; b && l; b = b->next) {
		if (b->status == WRITE_STORED && b->events > 0)
			add_range(l, b->first_seq, b->first_seq + b->events - 1);
	}
	pthread_mutex_unlock(&w->lock);
}

bool writer_take_written(struct writer *w, struct written *ret)
{
	struct lane *l;

	pthread_mutex_lock(&w->lock);
	for (l = w->lanes; l && l->written_to == 0; l = l->next)
		;
	if (l) {
		snprintf(ret->cluster, sizeof(ret->cluster), "%s", l->cluster);
		ret->from = l->written_from;
		ret->to = l->written_to;
		l->written_to = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return l != NULL;
}

void writer_put_written(struct writer *w, const struct written *back)
{
	struct lane *l;

	pthread_mutex_lock(&w->lock);
	l = find_lane(w, back->cluster);
	if (l)
		add_range(l, back->from, back->to);
	pthread_mutex_unlock(&w->lock);
}

/* ---- groups ---- */

/* As store_batches(), again when other transactions were in the way. PG_REFUSED is for content
 * alone: what the database's state is to blame for is PG_RETRY. */
static enum pg_status store(
	struct pg_conn *c, struct batch *group, char *ret_sqlstate, struct err *e)
{
	enum pg_status status = PG_RETRY;
	int64_t start = monotonic_us();

	for (int i = 0; i < ATTEMPTS && status == PG_RETRY && monotonic_us() - start < PATIENCE_US;
		i++)
		status = store_batches(c, group, ret_sqlstate, e);
	if (status == PG_REFUSED && pg_fault_of(ret_sqlstate) != PG_FAULT_CONTENT)
		status = PG_RETRY;
	return status;
}

/*
 * A batch that the database refuses for what is in it: its other events are stored. Should it be
 * what a row of quarantine says of its event, then the row goes without.
 */
static enum pg_status store_without_refused(
	struct pg_conn *c, struct batch *b, char *ret_sqlstate, struct err *e)
{
	enum pg_status status = refused_set_aside(c, b, ret_sqlstate, e);

	if (status != PG_OK)
		return status;
	status = store(c, b, ret_sqlstate, e);
	if (status == PG_REFUSED && b->quarantined > 0) {
		batch_bare_quarantine(b);
		status = store(c, b, ret_sqlstate, e);
	}
	return status;
}

enum pg_status writer_write(struct writer *w, struct pg_conn *c, struct batch *group)
{
	int64_t start = monotonic_us();
	char sqlstate[6];
	struct err e;
	enum pg_status status = store(c, group, sqlstate, &e);

	if (status == PG_REFUSED && !group->next)
		status = store_without_refused(c, group, sqlstate, &e);
	metric_observe_us(&sink_metrics[SINK_WRITE_SECONDS], (uint64_t)(monotonic_us() - start));
	if (status == PG_OK) {
		metric_add(&sink_metrics[SINK_TRANSACTIONS], 1);
		note_written(w, group);
		return status;
	}
	set_status(group, WRITE_FAILED);
	log_error("audit_write_failed", LOG_STR("cluster", group->cluster), LOG_STR("error", e.msg),
		LOG_STR("sqlstate", sqlstate));
	return status;
}

/* One batch that the database refuses must not be refused again with its neighbours. */
static void write_one_by_one(struct writer *w, struct pg_conn *c, struct batch *group)
{
	for (struct batch *b = group; b; b = b->next) {
		struct batch *next = b->next;

		b->next = NULL;
		if (writer_write(w, c, b) == PG_UNAVAILABLE) {
			b->next = next;
			set_status(b, WRITE_FAILED);
			return;
		}
		b->next = next;
	}
}

/* What the database did not take goes to disk, if there is a spool. */
static void spool_failed(struct writer *w, struct batch *group)
{
	enum spool_put verdict;
	uint64_t failed = 0;
	struct err e;

	for (struct batch *b = group; b; b = b->next)
		failed += b->status == WRITE_FAILED;
	if (!w->config.spool || failed == 0)
		return;
	verdict = spool_put(w->config.spool, group, WRITE_FAILED, &e);
	if (verdict != SPOOL_PUT_OK) {
		metric_add_at(&sink_metrics[SINK_SPOOL_UNTAKEN], verdict, (int64_t)failed);
		log_error("audit_spool_failed", LOG_STR("error", e.msg));
		return;
	}
	for (struct batch *b = group; b; b = b->next) {
		if (b->status == WRITE_FAILED)
			b->status = WRITE_SPOOLED;
	}
	metric_add(&sink_metrics[SINK_SPOOLED], (int64_t)failed);
}

/* The oldest batches of a lane, as many as fit one transaction. */
static struct batch *take_group(struct lane *l)
{
	struct batch *group = l->head, **end = &l->head;
	size_t events = 0, bytes = 0;

	while (*end) {
		events += (*end)->events;
		bytes += batch_bytes(*end);
		if (end != &l->head && (events > GROUP_EVENTS_MAX || bytes > GROUP_BYTES_MAX))
			break;
		end = &(*end)->next;
	}
	l->head = *end;
	*end = NULL;
	if (!l->head)
		l->tail = &l->head;
	return group;
}

static void count_queue(struct writer *w, int batches, size_t bytes)
{
	assert(batches > 0 || (w->batches > 0 && w->bytes >= bytes));
	w->batches += (unsigned)batches;
	w->bytes += batches > 0 ? bytes : -bytes;
	metric_set(&sink_metrics[SINK_WRITE_QUEUE], w->batches);
	metric_set(&sink_metrics[SINK_WRITE_QUEUE_BYTES], (int64_t)w->bytes);
	if (w->batches == 0)
		pthread_cond_broadcast(&w->idle);
}

/* Without the lock: hands every batch of a group back with its status. */
static void finish_group(struct writer *w, struct batch *group)
{
	while (group) {
		struct batch *b = group;
		size_t bytes = b->queued_bytes;

		group = b->next;
		b->next = NULL;
		b->done(b, b->status);
		pthread_mutex_lock(&w->lock);
		count_queue(w, -1, bytes);
		pthread_mutex_unlock(&w->lock);
	}
}

static void run_lane(struct pg_conn *c, bool usable, void *arg);

/* After a job: another one when more has gathered. What cannot be queued is handed back. */
static struct batch *go_on(struct lane *l)
{
	struct batch *rest = NULL;

	if (!l->head) {
		l->running = false;
	} else if (pg_pool_submit(l->w->config.pool, run_lane, l) < 0) {
		rest = l->head;
		l->head = NULL;
		l->tail = &l->head;
		l->running = false;
		set_status(rest, WRITE_FAILED);
	}
	return rest;
}

static void run_lane(struct pg_conn *c, bool usable, void *arg)
{
	struct lane *l = arg;
	struct writer *w = l->w;
	struct batch *group, *rest;

	pthread_mutex_lock(&w->lock);
	assert(l->running && l->head);
	group = take_group(l);
	pthread_mutex_unlock(&w->lock);
	if (!usable)
		set_status(group, WRITE_FAILED);
	else if (writer_write(w, c, group) == PG_REFUSED && group->next)
		write_one_by_one(w, c, group);
	spool_failed(w, group);
	/* The next transaction must not wait for this one's answers. */
	pthread_mutex_lock(&w->lock);
	rest = go_on(l);
	pthread_mutex_unlock(&w->lock);
	finish_group(w, group);
	finish_group(w, rest);
}

int writer_submit(struct writer *w, struct batch *b)
{
	size_t bytes = batch_bytes(b);
	struct lane *l;
	int rc = -1;

	assert(b->done);
	pthread_mutex_lock(&w->lock);
	l = w->batches < w->config.max_batches && bytes <= w->config.max_bytes - w->bytes
		    ? find_lane(w, b->cluster)
		    : NULL;
	if (l && (l->running || pg_pool_submit(w->config.pool, run_lane, l) == 0)) {
		l->running = true;
		b->next = NULL;
		b->queued_bytes = bytes;
		*l->tail = b;
		l->tail = &b->next;
		count_queue(w, 1, bytes);
		rc = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

bool writer_drain(struct writer *w, unsigned timeout_ms)
{
	int64_t at = monotonic_us() + (int64_t)timeout_ms * 1000;
	bool empty;

	pthread_mutex_lock(&w->lock);
	while (w->batches > 0 && wait_until_us(&w->idle, &w->lock, at) == 0)
		;
	empty = w->batches == 0;
	pthread_mutex_unlock(&w->lock);
	return empty;
}

int writer_new(const struct writer_config *config, struct writer **ret, struct err *e)
{
	struct writer *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, "out of memory");
	w->config = *config;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->idle, NULL);
	*ret = w;
	return 0;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	while (w->lanes) {
		struct lane *l = w->lanes;

		assert(!l->head && !l->running);
		w->lanes = l->next;
		free(l);
	}
	pthread_cond_destroy(&w->idle);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
