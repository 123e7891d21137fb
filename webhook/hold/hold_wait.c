/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads: one talks to PostgreSQL and may be stuck there; the other only watches the clock,
 * so that a deadline is kept whatever the database does. What waits stands in a hash table by the
 * number of its hold.
 */
#include "webhook/hold/hold_wait.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/pg_conn.h"
#include "webhook/hold/stops.h"

#define BUCKETS	     4096
#define TICK_MS	     50		    /* deadlines are kept within it */
#define LISTEN_MS    50		    /* a new wait is looked at within it */
#define SLICE	     (BUCKETS / 32) /* looked at every LISTEN_MS: the whole table in 1.6 s */
#define RECONNECT_MS 500
#define STATEMENT_MS 2000
#define STOPS_MS     500  /* who is stopped is read at least so often */
#define LOOK_MAX     2000 /* numbers in one query */
#define NOTIFY_MAX   64
#define STOP_PAYLOAD 's' /* of holdpoint_stop; a hold's is its number */
#define TRIM_EVERY   500 /* more that wait, and memory is given back */

struct waiting {
	struct waiting *next;
	int64_t hold_id;
	uint64_t deadline_us;
	hold_wait_fn fn;
	void *arg;
	bool looked_at;
};

struct hold_wait {
	const char *database_url;
	unsigned max;
	struct stops *stops; /* or NULL */
	pthread_mutex_t lock;
	pthread_cond_t some; /* somebody waits, or stopping */
	struct waiting *buckets[BUCKETS];
	unsigned count;
	unsigned fresh; /* not looked at yet */
	bool stopping;
	pthread_t clock_thread, look_thread;
	bool joined;
};

enum { M_WAITING, M_FULL, M_LISTENING };

static struct metric metrics[] = {
	[M_WAITING] = {.name = "holdpoint_webhook_holds_waiting",
		.help = "Requests that wait for a human now.",
		.type = METRIC_GAUGE},
	[M_FULL] = {.name = "holdpoint_webhook_holds_waiting_refused_total",
		.help = "Requests that were denied at once because too many waited already.",
		.type = METRIC_COUNTER},
	[M_LISTENING] = {.name = "holdpoint_webhook_listening",
		.help = "1 while the connection that listens for decisions stands.",
		.type = METRIC_GAUGE},
	{.name = NULL},
};

struct metric *const *hold_wait_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

static struct waiting **bucket_of(struct hold_wait *w, int64_t hold_id)
{
	return &w->buckets[(uint64_t)hold_id % BUCKETS];
}

int hold_wait_add(
	struct hold_wait *w, int64_t hold_id, uint64_t deadline_us, hold_wait_fn fn, void *arg)
{
	struct waiting *p = malloc(sizeof(*p));
	struct waiting **bucket = bucket_of(w, hold_id);
	bool room;

	if (!p)
		return -1;
	pthread_mutex_lock(&w->lock);
	room = w->count < w->max && !w->stopping;
	if (room) {
		*p = (struct waiting){*bucket, hold_id, deadline_us, fn, arg, false};
		*bucket = p;
		w->count++;
		w->fresh++;
	}
	pthread_mutex_unlock(&w->lock);
	if (!room) {
		free(p);
		metric_add(&metrics[M_FULL], 1);
		return -1;
	}
	metric_add(&metrics[M_WAITING], 1);
	pthread_cond_broadcast(&w->some);
	return 0;
}

/* ---- ending waits ---- */

/* Unlinks *p and puts it before `list`. Under the lock. */
static struct waiting *unlink_into(struct hold_wait *w, struct waiting **p, struct waiting *list)
{
	struct waiting *out = *p;

	*p = out->next;
	out->next = list;
	w->count--;
	w->fresh -= !out->looked_at;
	return out;
}

static void call_all(struct waiting *list, bool decided)
{
	while (list) {
		struct waiting *next = list->next;

		metric_add(&metrics[M_WAITING], -1);
		list->fn(decided, list->arg);
		free(list);
		list = next;
	}
}

static void wake_hold(struct hold_wait *w, int64_t hold_id)
{
	struct waiting *list = NULL;

	pthread_mutex_lock(&w->lock);
	for (struct waiting **p = bucket_of(w, hold_id); *p;) {
		if ((*p)->hold_id == hold_id)
			list = unlink_into(w, p, list);
		else
			p = &(*p)->next;
	}
	pthread_mutex_unlock(&w->lock);
	call_all(list, true);
}

static void wake_overdue(struct hold_wait *w, uint64_t now)
{
	struct waiting *list = NULL;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < BUCKETS && w->count > 0; i++)
		for (struct waiting **p = &w->buckets[i]; *p;) {
			if ((*p)->deadline_us <= now)
				list = unlink_into(w, p, list);
			else
				p = &(*p)->next;
		}
	pthread_mutex_unlock(&w->lock);
	call_all(list, false);
}

/*
 * Each of many requests that come to wait leaves the holes in the heap that its work took. They
 * hold whole pages, which nobody needs while they wait.
 */
static void give_memory_back(unsigned count, unsigned *trimmed_at)
{
	if (count >= *trimmed_at + TRIM_EVERY) {
		malloc_trim(0);
		*trimmed_at = count;
	} else if (count < *trimmed_at) {
		*trimmed_at = count;
	}
}

static void *watch_clock(void *arg)
{
	struct hold_wait *w = arg;
	unsigned count, trimmed_at = 0;
	bool stopping;

	do {
		pthread_mutex_lock(&w->lock);
		while (w->count == 0 && !w->stopping)
			pthread_cond_wait(&w->some, &w->lock);
		stopping = w->stopping;
		count = w->count;
		pthread_mutex_unlock(&w->lock);
		give_memory_back(count, &trimmed_at);
		if (!stopping)
			nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
		wake_overdue(w, stopping ? UINT64_MAX : (uint64_t)monotonic_us());
	} while (!stopping);
	return NULL;
}

/* ---- looking ---- */

/* Numbers to ask about, each once or more often: that does no harm. */
struct look {
	int64_t ids[LOOK_MAX];
	size_t count;
};

static struct span array_literal(const struct look *l, struct buf *out)
{
	buf_add_char(out, '{');
	for (size_t i = 0; i < l->count; i++)
		buf_printf(out, "%s%lld", i > 0 ? "," : "", (long long)l->ids[i]);
	buf_add_char(out, '}');
	return buf_span(out);
}

static int ask(struct hold_wait *w, struct pg_conn *conn, struct look *l)
{
	static const struct pg_stmt states = {.name = "hold_states",
		.sql = "SELECT hold_id FROM holdpoint.hold_states(p_ids => $1) WHERE state <> "
		       "'pending'",
		.param_count = 1};
	_cleanup_(buf_free) struct buf literal = BUF_INIT(1 << 20);
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct span ids = array_literal(l, &literal);
	enum pg_status status;
	struct err e;

	if (l->count == 0)
		return 0;
	l->count = 0;
	status = pg_exec(conn, &states, &ids, &rows, NULL, &e);
	if (status != PG_OK) {
		log_warn("holds_not_looked_at", LOG_STR("error", e.msg));
		return status == PG_UNAVAILABLE ? -1 : 0;
	}
	for (int i = 0; i < pg_result_rows(rows); i++)
		wake_hold(w, pg_result_int_of(rows, i, "hold_id"));
	return 0;
}

static int add_to_look(struct hold_wait *w, struct pg_conn *conn, struct look *l, int64_t id)
{
	if (l->count == LOOK_MAX && ask(w, conn, l) != 0)
		return -1;
	l->ids[l->count++] = id;
	return 0;
}

/* Collects the numbers of one bucket under the lock; the queries are run without it. */
static size_t collect_bucket(struct hold_wait *w, size_t bucket, bool all, int64_t *ids, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&w->lock);
	for (struct waiting *p = w->buckets[bucket]; p && n < max; p = p->next) {
		if (!all && p->looked_at)
			continue;
		w->fresh -= !p->looked_at;
		p->looked_at = true;
		if (n == 0 || ids[n - 1] != p->hold_id)
			ids[n++] = p->hold_id;
	}
	pthread_mutex_unlock(&w->lock);
	return n;
}

static int look_at(
	struct hold_wait *w, struct pg_conn *conn, struct look *l, bool all, size_t from, size_t to)
{
	int64_t ids[256];

	for (size_t b = from; b < to; b++) {
		size_t n = collect_bucket(w, b, all, ids, ARRAY_LEN(ids));

		for (size_t i = 0; i < n; i++)
			if (add_to_look(w, conn, l, ids[i]) != 0)
				return -1;
	}
	return ask(w, conn, l);
}

/* Once a while, and as soon as somebody was stopped or resumed. -1: connection lost. */
static int keep_stops(struct hold_wait *w, struct pg_conn *conn, bool changed, int64_t *at_ms)
{
	if (!w->stops || (!changed && monotonic_ms() < *at_ms + STOPS_MS))
		return 0;
	*at_ms = monotonic_ms();
	return stops_load(w->stops, conn);
}

/*
 * Takes the notifications that are there: the first may be waited for. Who is woken asks the
 * database about its hold itself, so there is no need to look first: a false alarm only makes it
 * wait once more. -1: connection lost.
 */
static int take_notifications(struct hold_wait *w, struct pg_conn *conn, bool *ret_stops)
{
	char payload[NOTIFY_MAX];
	int rc = pg_conn_wait_notify(conn, LISTEN_MS, payload, sizeof(payload));

	while (rc > 0) {
		if (*payload == STOP_PAYLOAD)
			*ret_stops = true;
		else
			wake_hold(w, strtoll(payload, NULL, 10));
		rc = pg_conn_wait_notify(conn, 0, payload, sizeof(payload));
	}
	return rc;
}

static bool is_stopping(struct hold_wait *w)
{
	bool stopping;

	pthread_mutex_lock(&w->lock);
	stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	return stopping;
}

static bool has_fresh(struct hold_wait *w)
{
	bool fresh;

	pthread_mutex_lock(&w->lock);
	fresh = w->fresh > 0;
	pthread_mutex_unlock(&w->lock);
	return fresh;
}

/* Serves one connection until it is lost or the end has come. */
static void listen_on(struct hold_wait *w, struct pg_conn *conn, struct look *l)
{
	uint64_t looked_us = 0;
	int64_t stops_ms = 0;
	size_t at = 0;
	int rc = keep_stops(w, conn, true, &stops_ms);

	while (rc == 0 && !is_stopping(w)) {
		bool stops = false;

		rc = take_notifications(w, conn, &stops);
		if (rc == 0)
			rc = keep_stops(w, conn, stops, &stops_ms);
		if (rc == 0 && has_fresh(w))
			rc = look_at(w, conn, l, false, 0, BUCKETS);
		if (rc != 0 || monotonic_us() - looked_us < LISTEN_MS * 1000)
			continue;
		/* A slice at a time: one query about all would keep a notification waiting. */
		rc = look_at(w, conn, l, true, at, at + SLICE);
		at = (at + SLICE) % BUCKETS;
		looked_us = monotonic_us();
	}
}

static struct pg_conn *connect_to_listen(struct hold_wait *w)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	struct err e;

	if (pg_conn_open(w->database_url, "holdpoint-webhook listen", STATEMENT_MS, &conn, &e) !=
			0 ||
		pg_exec_text(conn, "LISTEN holdpoint_hold; LISTEN holdpoint_stop", NULL, &e) !=
			PG_OK) {
		log_debug("not_listening", LOG_STR("error", e.msg));
		return NULL;
	}
	return TAKE_PTR(conn);
}

static void *look(void *arg)
{
	struct hold_wait *w = arg;
	struct look *l = calloc(1, sizeof(*l));
	bool was_up = true;

	while (l && !is_stopping(w)) {
		struct pg_conn *conn = connect_to_listen(w);

		if (conn) {
			metric_set(&metrics[M_LISTENING], 1);
			l->count = 0;
			listen_on(w, conn, l);
			metric_set(&metrics[M_LISTENING], 0);
			pg_conn_close(conn);
		}
		if (is_stopping(w))
			break;
		if (conn || was_up)
			log_warn("not_listening_for_decisions");
		was_up = conn != NULL;
		nanosleep(&(struct timespec){.tv_nsec = RECONNECT_MS * 1000000L}, NULL);
	}
	free(l);
	return NULL;
}

/* ---- life ---- */

int hold_wait_open(const char *database_url, unsigned max, struct stops *stops,
	struct hold_wait **ret, struct err *e)
{
	struct hold_wait *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(e, "out of memory");
	w->database_url = database_url;
	w->max = max;
	w->stops = stops;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->some, NULL);
	rc = pthread_create(&w->clock_thread, NULL, watch_clock, w);
	if (rc != 0) {
		free(w);
		return err_set_errno(e, rc, "cannot start the clock of waiting requests");
	}
	rc = pthread_create(&w->look_thread, NULL, look, w);
	if (rc != 0) {
		pthread_mutex_lock(&w->lock);
		w->stopping = true;
		pthread_mutex_unlock(&w->lock);
		pthread_cond_broadcast(&w->some);
		pthread_join(w->clock_thread, NULL);
		free(w);
		return err_set_errno(e, rc, "cannot start listening for decisions");
	}
	*ret = w;
	return 0;
}

void hold_wait_stop(struct hold_wait *w)
{
	if (!w || w->joined)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_mutex_unlock(&w->lock);
	pthread_cond_broadcast(&w->some);
	pthread_join(w->clock_thread, NULL);
	pthread_join(w->look_thread, NULL);
	w->joined = true;
}

void hold_wait_close(struct hold_wait *w)
{
	if (!w)
		return;
	hold_wait_stop(w);
	pthread_cond_destroy(&w->some);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
