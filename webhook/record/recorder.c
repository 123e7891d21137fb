/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue is the rows of a binary COPY: a record is written into it in the form in which it is
 * sent, so the writer only takes the whole buffer and leaves an empty one. One batch is one COPY
 * and one transaction, and a row's primary key is made here: when a connection is lost at the
 * commit, the batch is sent again, and a duplicate key then means that it had been stored.
 */
#include "webhook/record/recorder.h"

#include <assert.h>
#include <pthread.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/copy_binary.h"
#include "common/pg/pg_fault.h"
#include "common/pg/pg_pool.h"
#include "webhook/record/decision_row.h"

#define RETRY_MS     500
#define DROP_LOG_MS  5000
#define KEEP_BYTES   ((size_t)2 << 20)
#define STATEMENT_MS 30000
#define SILENCE_MS   2250 /* of a server that has not shown yet that it is slow */

/* Requests slow down to the writer's pace when more than this share of the queue is full. */
#define BEHIND_SHARE 4

struct waiter {
	recorder_done_fn done;
	void *arg;
	bool backpressure; /* waits only to slow down; let go when PostgreSQL takes no rows */
};

struct record_batch {
	struct buf data; /* COPY rows */
	size_t rows;
	struct waiter *waiters;
	size_t waiter_count, waiter_cap;
};

struct recorder {
	struct recorder_config config;
	struct pg_pool *pool; /* one connection, with its reconnecting */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct record_batch filling; /* under the lock */
	struct record_batch writing; /* the writer's */
	bool stopping;
	int64_t give_up_ms; /* CLOCK_MONOTONIC, once stopping */
	bool failing;	    /* the last write did not go through */
	size_t dropped_since_log;
	int64_t drop_logged_ms;
};

enum { M_STORED, M_DROPPED, M_QUEUED, M_FAILURES };

static struct metric metrics[] = {
	[M_STORED] = {.name = "holdpoint_webhook_records_stored_total",
		.help = "Decision records committed to PostgreSQL.",
		.type = METRIC_COUNTER},
	[M_DROPPED] = {.name = "holdpoint_webhook_records_dropped_total",
		.help = "Decision records that could not be stored.",
		.type = METRIC_COUNTER},
	[M_QUEUED] = {.name = "holdpoint_webhook_records_queued",
		.help = "Decision records that wait to be stored.",
		.type = METRIC_GAUGE},
	[M_FAILURES] = {.name = "holdpoint_webhook_record_batches_failed_total",
		.help = "Batches of decision records that PostgreSQL did not take at the first "
			"attempt.",
		.type = METRIC_COUNTER},
	{.name = NULL},
};

struct metric *const *recorder_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

/* ---- the queue ---- */

/* Under the lock. The log gets one line now and then, not one a row. */
static void count_dropped(struct recorder *r, size_t rows, const char *why)
{
	int64_t now = monotonic_ms();

	metric_add(&metrics[M_DROPPED], (int64_t)rows);
	r->dropped_since_log += rows;
	if (now - r->drop_logged_ms < DROP_LOG_MS)
		return;
	log_error("decision_records_dropped", LOG_INT("rows", r->dropped_since_log),
		LOG_STR("why", why));
	r->dropped_since_log = 0;
	r->drop_logged_ms = now;
}

static int add_waiter(struct record_batch *b, recorder_done_fn done, void *arg, bool backpressure)
{
	if (b->waiter_count == b->waiter_cap) {
		size_t cap = b->waiter_cap ? b->waiter_cap * 2 : 64;
		struct waiter *w = realloc(b->waiters, cap * sizeof(*w));

		if (!w)
			return -1;
		b->waiters = w;
		b->waiter_cap = cap;
	}
	b->waiters[b->waiter_count++] = (struct waiter){done, arg, backpressure};
	return 0;
}

static int add_row(struct recorder *r, const struct decision_record *record, recorder_done_fn done,
	void *arg, bool backpressure)
{
	struct record_batch *b = &r->filling;
	size_t before = b->data.len;

	if (b->rows >= r->config.queue_rows || r->stopping)
		return -1;
	decision_row_put(&b->data, r->config.cluster, r->config.instance, record);
	if (b->data.failed || (done && add_waiter(b, done, arg, backpressure) != 0)) {
		b->data.len = before;
		b->data.failed = false;
		return -1;
	}
	b->rows++;
	return 0;
}

/* ret_let_go: queued, and done will not be called: nothing is to be waited for. */
static int add(struct recorder *r, const struct decision_record *record, recorder_done_fn done,
	void *arg, bool backpressure, bool *ret_let_go)
{
	bool first, let_go;
	int rc;

	pthread_mutex_lock(&r->lock);
	first = r->filling.rows == 0;
	let_go = backpressure && r->failing;
	rc = add_row(r, record, let_go ? NULL : done, arg, backpressure);
	if (rc != 0)
		count_dropped(r, 1, "the queue is full");
	pthread_mutex_unlock(&r->lock);
	if (rc != 0)
		return rc;
	metric_add(&metrics[M_QUEUED], 1);
	if (first)
		pthread_cond_signal(&r->more);
	*ret_let_go = let_go;
	return 0;
}

int recorder_add(
	struct recorder *r, const struct decision_record *record, recorder_done_fn done, void *arg)
{
	bool let_go;

	return add(r, record, done, arg, false, &let_go);
}

enum recorder_pace recorder_add_paced(
	struct recorder *r, const struct decision_record *record, recorder_done_fn done, void *arg)
{
	bool let_go;

	assert(done);
	if (add(r, record, done, arg, true, &let_go) != 0)
		return RECORDER_DROPPED;
	return let_go ? RECORDER_GO_ON : RECORDER_WAIT;
}

bool recorder_is_behind(struct recorder *r)
{
	bool behind;

	pthread_mutex_lock(&r->lock);
	behind = !r->failing && r->filling.rows > r->config.queue_rows / BEHIND_SHARE;
	pthread_mutex_unlock(&r->lock);
	return behind;
}

/* ---- the writer ---- */

/* Takes out of b who waits only to slow down. ret: room for all of them; returns how many. */
static size_t take_paced(struct record_batch *b, struct waiter *ret)
{
	size_t kept = 0, taken = 0;

	for (size_t i = 0; i < b->waiter_count; i++)
		if (b->waiters[i].backpressure)
			ret[taken++] = b->waiters[i];
		else
			b->waiters[kept++] = b->waiters[i];
	b->waiter_count = kept;
	return taken;
}

/* From the first write that does not go through to the next that does, nobody slows down. */
static void set_failing(struct recorder *r, bool failing)
{
	struct waiter *paced = NULL;
	size_t count = 0;

	pthread_mutex_lock(&r->lock);
	r->failing = failing;
	if (failing)
		paced = calloc(
			r->filling.waiter_count + r->writing.waiter_count + 1, sizeof(*paced));
	if (paced) { /* else they wait for the end of their batch */
		count = take_paced(&r->filling, paced);
		count += take_paced(&r->writing, paced + count);
	}
	pthread_mutex_unlock(&r->lock);
	for (size_t i = 0; i < count; i++)
		paced[i].done(false, paced[i].arg);
	free(paced);
}

enum record_status { RECORD_STORED, RECORD_AGAIN, RECORD_REFUSED };

struct write_job {
	struct span data;
	bool patient; /* nobody waits for it, and it was tried before */
	enum record_status status;
	struct err err;
};

/* Wrong data can be told apart row by row; any other refusal may pass later. */
static enum record_status status_of(enum pg_status status, const char *sqlstate)
{
	if (status == PG_OK || (status == PG_REFUSED && strcmp(sqlstate, "23505") == 0))
		return RECORD_STORED;
	if (status == PG_REFUSED && pg_fault_of(sqlstate) == PG_FAULT_CONTENT)
		return RECORD_REFUSED;
	return RECORD_AGAIN;
}

static void write_job(struct pg_conn *conn, bool usable, void *arg)
{
	struct write_job *job = arg;
	char sqlstate[6] = "";
	enum pg_status status;

	job->status = RECORD_AGAIN;
	if (!usable) {
		err_set(&job->err, "no connection to PostgreSQL");
		return;
	}
	if (job->patient)
		pg_conn_allow(conn, STATEMENT_MS);
	status = pg_copy_begin(conn, decision_row_copy_sql, NULL, &job->err);
	if (status == PG_OK) {
		pg_copy_put(conn, copy_header());
		pg_copy_put(conn, job->data);
		pg_copy_put(conn, copy_trailer());
		status = pg_copy_end(conn, sqlstate, &job->err);
	}
	job->status = status_of(status, sqlstate);
}

static enum record_status write_data(
	struct recorder *r, struct span data, bool patient, struct err *e)
{
	struct write_job job = {.data = data, .patient = patient, .status = RECORD_AGAIN};

	if (pg_pool_run(r->pool, write_job, &job) != 0)
		err_set(&job.err, "the queue of the connection is full");
	*e = job.err;
	return job.status;
}

/* Whether to try again: not when somebody waits for the answer, nor beyond the time to stop. */
static bool may_try_again(struct recorder *r)
{
	bool again;

	if (r->writing.waiter_count > 0)
		return false;
	pthread_mutex_lock(&r->lock);
	again = !r->stopping || monotonic_ms() + RETRY_MS < r->give_up_ms;
	if (again)
		wait_until_us(&r->more, &r->lock, monotonic_us() + RETRY_MS * INT64_C(1000));
	pthread_mutex_unlock(&r->lock);
	return again;
}

/* What a batch has met so far. */
struct writing {
	struct recorder *r;
	bool delayed;
	size_t lost; /* rows */
};

static bool is_stopping(struct recorder *r)
{
	bool stopping;

	pthread_mutex_lock(&r->lock);
	stopping = r->stopping;
	pthread_mutex_unlock(&r->lock);
	return stopping;
}

/* Once a batch; from then on nobody slows down. */
static void note_delay(struct writing *w, const struct err *e)
{
	if (w->delayed)
		return;
	w->delayed = true;
	metric_add(&metrics[M_FAILURES], 1);
	log_warn("decision_records_delayed", LOG_STR("error", e->msg),
		LOG_INT("rows", w->r->writing.rows));
	set_failing(w->r, true);
}

/* Writes rows, trying again what may pass later. True: PostgreSQL refuses them for what is in one
 * of them; else they are stored, or counted as lost. */
static bool is_refused(struct writing *w, struct span data, size_t rows, struct err *e)
{
	for (;;) {
		switch (write_data(w->r, data, w->delayed && !is_stopping(w->r), e)) {
		case RECORD_STORED:
			set_failing(w->r, false);
			return false;
		case RECORD_REFUSED:
			return true;
		case RECORD_AGAIN:
			break;
		}
		note_delay(w, e);
		if (!may_try_again(w->r)) {
			w->lost += rows;
			return false;
		}
	}
}

/* Writes rows; of those that are refused together, each half for itself. */
static void write_rows(struct writing *w, struct span data, size_t rows)
{
	struct err e;
	struct span rest = data, row;
	size_t first;

	if (!is_refused(w, data, rows, &e))
		return;
	if (rows == 1) {
		log_error("decision_record_refused", LOG_STR("error", e.msg));
		w->lost++;
		return;
	}
	for (first = 0; first < rows / 2 && copy_next_row(&rest, &row); first++)
		;
	write_rows(w, (struct span){data.ptr, data.len - rest.len}, first);
	write_rows(w, rest, rows - first);
}

/* Returns how many rows could not be stored. */
static size_t write_batch(struct recorder *r)
{
	struct writing w = {.r = r};

	write_rows(&w, buf_span(&r->writing.data), r->writing.rows);
	assert(w.lost <= r->writing.rows);
	return w.lost;
}

static void finish_batch(struct recorder *r, size_t lost)
{
	struct record_batch *b = &r->writing;

	metric_add(&metrics[M_STORED], (int64_t)(b->rows - lost));
	metric_add(&metrics[M_QUEUED], -(int64_t)b->rows);
	if (lost > 0) {
		pthread_mutex_lock(&r->lock);
		count_dropped(r, lost, "PostgreSQL did not take them");
		pthread_mutex_unlock(&r->lock);
	}
	/* A row that was refused among others denies them all: rare, and on the safe side. */
	for (size_t i = 0; i < b->waiter_count; i++)
		b->waiters[i].done(lost == 0, b->waiters[i].arg);
	b->waiter_count = 0;
	b->rows = 0;
	if (b->data.cap > KEEP_BYTES)
		buf_free(&b->data); /* after a burst, give its memory back */
	buf_reset(&b->data);
}

/* Takes what is queued. False: nothing is, and there is nothing to wait for. */
static bool take_batch(struct recorder *r)
{
	struct record_batch empty = r->writing;
	bool any;

	pthread_mutex_lock(&r->lock);
	while (r->filling.rows == 0 && !r->stopping)
		pthread_cond_wait(&r->more, &r->lock);
	any = r->filling.rows > 0;
	if (any && !r->stopping && r->config.linger_ms > 0) {
		pthread_mutex_unlock(&r->lock);
		nanosleep(&(struct timespec){.tv_nsec = r->config.linger_ms * 1000000L}, NULL);
		pthread_mutex_lock(&r->lock);
	}
	r->writing = r->filling;
	r->filling = empty;
	pthread_mutex_unlock(&r->lock);
	return any;
}

static void *write_batches(void *arg)
{
	struct recorder *r = arg;

	while (take_batch(r))
		finish_batch(r, write_batch(r));
	return NULL;
}

/* ---- life ---- */

static void batch_init(struct record_batch *b, const struct recorder_config *c)
{
	*b = (struct record_batch){.data = BUF_INIT(c->queue_bytes)};
}

static void batch_free(struct record_batch *b)
{
	buf_free(&b->data);
	free(b->waiters);
}

static void recorder_free(struct recorder *r)
{
	pg_pool_close(r->pool);
	batch_free(&r->filling);
	batch_free(&r->writing);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int recorder_open(const struct recorder_config *config, struct recorder **ret, struct err *e)
{
	const struct pg_pool_config pool = {.database_url = config->database_url,
		.application_name = "holdpoint-webhook records",
		.connections = 1,
		.queue_max = 4,
		.statement_timeout_ms = STATEMENT_MS,
		.silence_ms = SILENCE_MS};
	struct recorder *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_set(e, "out of memory");
	r->config = *config;
	r->drop_logged_ms = INT64_MIN / 2;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	batch_init(&r->filling, config);
	batch_init(&r->writing, config);
	if (pg_pool_open(&pool, false, &r->pool, e) != 0) {
		recorder_free(r);
		return -1;
	}
	rc = pthread_create(&r->thread, NULL, write_batches, r);
	if (rc != 0) {
		recorder_free(r);
		return err_set_errno(e, rc, "cannot start the writer of decision records");
	}
	*ret = r;
	return 0;
}

void recorder_close(struct recorder *r, unsigned wait_ms)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	r->give_up_ms = monotonic_ms() + wait_ms;
	pthread_mutex_unlock(&r->lock);
	pthread_cond_signal(&r->more);
	pthread_join(r->thread, NULL);
	if (r->dropped_since_log > 0)
		log_error("decision_records_dropped", LOG_INT("rows", r->dropped_since_log),
			LOG_STR("why", "stopping"));
	recorder_free(r);
}
