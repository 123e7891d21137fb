/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/ingest.h"

#include <pthread.h>
#include <stdio.h>

#include "auditsink/sink_metrics.h"
#include "common/base/clock.h"
#include "common/base/log.h"

/* An API server repeats a body 10 times for each of its 5 attempts when it is told to come back in
 * 3 seconds: nearly four minutes of patience. */
#define RETRY_AFTER_S 3

/* Memory for one event at a time: its tape, the tape of its masked text, what masking needs. */
#define ARENA_FIRST_BYTES ((size_t)1 << 20)
#define ARENA_MAX_BYTES	  ((size_t)512 << 20)
#define MASKED_BYTES_MAX  ((size_t)512 << 20)
/* Masked text of an ordinary event; what a huge one took is given back. */
#define MASKED_KEEP_BYTES ((size_t)1 << 20)

struct post {
	struct http_request *req;
	struct span cluster;
	struct span source;
};

struct ingest {
	struct ingest_config config;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct post *ring;
	unsigned head, count;
	bool closing;
	pthread_t *threads;
	unsigned thread_count;
};

static void count_result(enum sink_result result)
{
	metric_add_at(&sink_metrics[SINK_REQUESTS], result, 1);
}

/* ---- answers ---- */

void ingest_answer_unavailable(struct http_request *req, const char *why)
{
	char body[128];
	int n = snprintf(body, sizeof(body), "{\"error\":\"%s\"}", why);

	count_result(SINK_RESULT_UNAVAILABLE);
	http_reply(req,
		&(struct http_answer){
			.status = 503, .body = {body, (size_t)n}, .retry_after_s = RETRY_AFTER_S});
}

static void answer_stored(struct http_request *req, const struct batch *b, enum write_status status)
{
	char body[128];
	int n = snprintf(body, sizeof(body),
		"{\"events\":%u,\"quarantined\":%u,\"result\":\"%s\"}\n", b->events, b->quarantined,
		status == WRITE_DUPLICATE ? "duplicate"
		: status == WRITE_SPOOLED ? "spooled"
					  : "stored");

	metric_observe_us(
		&sink_metrics[SINK_BATCH_SECONDS], monotonic_us() - http_request_start_us(req));
	http_reply(req, &(struct http_answer){.status = 200, .body = {body, (size_t)n}});
}

/* ---- what is counted once a batch is safe ---- */

static void count_times(const struct batch *b, struct span source)
{
	int64_t delay_us = b->received_us - b->oldest_us;

	if (b->events == 0)
		return;
	metric_observe_us(&sink_metrics[SINK_DELAY_SECONDS], delay_us > 0 ? (uint64_t)delay_us : 0);
	metric_set_for(&sink_metrics[SINK_LAST_EVENT], source, b->newest_us / 1000000);
	metric_set_for(&sink_metrics[SINK_LAG], source, (b->received_us - b->newest_us) / 1000000);
	metric_add_for(&sink_metrics[SINK_LATE], source, b->late);
	metric_add_for(&sink_metrics[SINK_AHEAD], source, b->ahead);
}

static void count_batch(const struct batch *b)
{
	struct span source = span_of(b->source);

	metric_add_for(&sink_metrics[SINK_EVENTS], span_of(b->cluster), b->events);
	metric_add(&sink_metrics[SINK_BYTES], (int64_t)b->size_bytes);
	if (b->truncated > 0)
		metric_add_for(&sink_metrics[SINK_TRUNCATED], source, b->truncated);
	count_times(b, source);
	if (b->quarantined > 0) {
		metric_add_for(&sink_metrics[SINK_QUARANTINED], source, b->quarantined);
		log_warn("audit_events_quarantined", LOG_STR("cluster", b->cluster),
			LOG_STR("source", b->source), LOG_INT("quarantined", b->quarantined),
			LOG_INT("stored", b->events), LOG_INT("body_bytes", b->size_bytes));
	}
}

/* In a thread of the pool. */
static void batch_done(struct batch *b, enum write_status status)
{
	struct http_request *req = b->userdata;

	if (status == WRITE_FAILED) {
		ingest_answer_unavailable(
			req, "the database does not answer, nothing is lost: send again");
	} else {
		count_result(status == WRITE_DUPLICATE ? SINK_RESULT_DUPLICATE
			     : status == WRITE_SPOOLED ? SINK_RESULT_SPOOLED
						       : SINK_RESULT_STORED);
		if (status != WRITE_DUPLICATE)
			count_batch(b);
		answer_stored(req, b, status);
	}
	batch_free(b);
}

/* ---- workers ---- */

static void refuse(const struct post *p, struct span body, unsigned status, const struct err *e)
{
	_cleanup_(buf_free) struct buf digest = BUF_INIT(2 * SHA256_LEN);
	uint8_t sha256[SHA256_LEN];

	sha256_of(body.ptr, body.len, sha256);
	hex_put(&digest, sha256, sizeof(sha256));
	count_result(SINK_RESULT_REFUSED);
	metric_add_for(&sink_metrics[SINK_REJECTED], p->source, 1);
	log_warn("audit_body_refused", LOG_SPAN("source", p->source),
		LOG_SPAN("cluster", p->cluster), LOG_STR("error", e->msg),
		LOG_INT("body_bytes", body.len), LOG_SPAN("sha256", buf_span(&digest)));
	http_reply_error(p->req, status, "%s", e->msg);
}

static void handle(struct ingest *in, const struct post *p, struct event_scratch *scratch)
{
	struct span body = http_request_body(p->req);
	char cluster[CLUSTER_NAME_MAX + 1], source[SOURCE_NAME_MAX + 1];
	struct batch *b;
	struct err e;

	snprintf(cluster, sizeof(cluster), "%.*s", SPAN_FMT(p->cluster));
	snprintf(source, sizeof(source), "%.*s", SPAN_FMT(p->source));
	switch (batch_build(body, cluster, source, in->config.masker, scratch, &b, &e)) {
	case BATCH_REFUSED:
		refuse(p, body, 400, &e);
		return;
	case BATCH_TOO_LONG:
		refuse(p, body, 413, &e);
		return;
	case BATCH_FAILED:
		log_error("audit_body_failed", LOG_STR("source", source), LOG_STR("error", e.msg));
		ingest_answer_unavailable(p->req, "no memory for this body now");
		return;
	case BATCH_OK:
		break;
	}
	http_request_drop_body(p->req); /* its rows wait instead */
	b->done = batch_done;
	b->userdata = p->req;
	if (writer_submit(in->config.writer, b) < 0) {
		metric_add(&sink_metrics[SINK_QUEUE_FULL], 1);
		ingest_answer_unavailable(p->req, "the queue to the database is full");
		batch_free(b);
	}
}

/* The next body, or false when closing. */
static bool next_post(struct ingest *in, struct post *ret)
{
	bool found;

	pthread_mutex_lock(&in->lock);
	while (in->count == 0 && !in->closing)
		pthread_cond_wait(&in->work, &in->lock);
	found = !in->closing;
	if (found) {
		*ret = in->ring[in->head];
		in->head = (in->head + 1) % in->config.queue_max;
		in->count--;
		metric_set(&sink_metrics[SINK_INGEST_QUEUE], in->count);
	}
	pthread_mutex_unlock(&in->lock);
	return found;
}

static void *worker_main(void *arg)
{
	struct ingest *in = arg;
	struct event_scratch scratch = {.arena = arena_new(ARENA_FIRST_BYTES, ARENA_MAX_BYTES),
		.hash = sha256_new(),
		.masked = BUF_INIT(MASKED_BYTES_MAX)};
	struct post p;

	while (scratch.arena && scratch.hash && next_post(in, &p)) {
		handle(in, &p, &scratch);
		arena_reset(scratch.arena);
		if (scratch.masked.cap > MASKED_KEEP_BYTES)
			buf_free(&scratch.masked);
	}
	arena_free(scratch.arena);
	sha256_free(scratch.hash);
	buf_free(&scratch.masked);
	return NULL;
}

/* ---- the queue ---- */

int ingest_submit(
	struct ingest *in, struct http_request *req, struct span cluster, struct span source)
{
	int rc = -1;

	pthread_mutex_lock(&in->lock);
	if (!in->closing && in->count < in->config.queue_max) {
		in->ring[(in->head + in->count) % in->config.queue_max] =
			(struct post){req, cluster, source};
		in->count++;
		metric_set(&sink_metrics[SINK_INGEST_QUEUE], in->count);
		pthread_cond_signal(&in->work);
		rc = 0;
	}
	pthread_mutex_unlock(&in->lock);
	return rc;
}

int ingest_new(const struct ingest_config *config, struct ingest **ret, struct err *e)
{
	struct ingest *in = calloc(1, sizeof(*in));

	if (in) {
		in->config = *config;
		in->ring = calloc(config->queue_max, sizeof(*in->ring));
		in->threads = calloc(config->workers, sizeof(*in->threads));
		pthread_mutex_init(&in->lock, NULL);
		pthread_cond_init(&in->work, NULL);
	}
	if (!in || !in->ring || !in->threads) {
		ingest_free(in);
		return err_set(e, "out of memory");
	}
	while (in->thread_count < config->workers) {
		int rc = pthread_create(&in->threads[in->thread_count], NULL, worker_main, in);

		if (rc != 0) {
			ingest_free(in);
			return err_set_errno(e, rc, "cannot start a thread");
		}
		in->thread_count++;
	}
	*ret = in;
	return 0;
}

void ingest_free(struct ingest *in)
{
	if (!in)
		return;
	pthread_mutex_lock(&in->lock);
	in->closing = true;
	pthread_cond_broadcast(&in->work);
	pthread_mutex_unlock(&in->lock);
	for (unsigned i = 0; i < in->thread_count; i++)
		pthread_join(in->threads[i], NULL);
	for (; in->count > 0; in->count--) {
		ingest_answer_unavailable(in->ring[in->head].req, "stopping");
		in->head = (in->head + 1) % in->config.queue_max;
	}
	pthread_cond_destroy(&in->work);
	pthread_mutex_destroy(&in->lock);
	free(in->ring);
	free(in->threads);
	free(in);
}
