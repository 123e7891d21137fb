/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/batch.h"

#include <stdio.h>

#include "auditsink/quarantine.h"
#include "common/base/clock.h"
#include "common/pg/copy_binary.h"

#define NONCES_AT_ONCE 64

/* Offsets of sequence numbers are 32 bits, and no batch should come near them. */
#define ROWS_BYTES_MAX ((size_t)1 << 30)

struct builder {
	struct batch *b;
	const struct masker *masker;
	struct event_scratch *scratch;
	struct event_origin origin;
	uint8_t nonces[NONCES_AT_ONCE][EVENT_NONCE_LEN];
	unsigned nonces_used;
};

static const uint8_t *next_nonce(struct builder *w)
{
	if (w->nonces_used == NONCES_AT_ONCE) {
		random_bytes(w->nonces, sizeof(w->nonces));
		w->nonces_used = 0;
	}
	return w->nonces[w->nonces_used++];
}

static int add_broken(void *userdata, int position, struct span bytes, const char *reason)
{
	struct builder *w = userdata;

	quarantine_row_put(
		&w->b->quarantine_rows, w->masker, bytes, position, reason, &w->origin, w->scratch);
	w->b->quarantined++;
	return w->b->quarantine_rows.failed;
}

static void note_time(struct batch *b, int64_t stage_us)
{
	if (b->events == 1 || stage_us < b->oldest_us)
		b->oldest_us = stage_us;
	if (b->events == 1 || stage_us > b->newest_us)
		b->newest_us = stage_us;
	b->late += stage_us < b->received_us - BATCH_LATE_US;
	b->ahead += stage_us > b->received_us + BATCH_AHEAD_US;
}

static int add_event(void *userdata, int position, const struct json_doc *d)
{
	struct builder *w = userdata;
	struct batch *b = w->b;
	struct event_facts facts;
	uint32_t seq_at;

	event_row_put(&b->rows, w->masker, d, &w->origin, next_nonce(w), w->scratch, &facts);
	if (facts.quarantine)
		return add_broken(userdata, position, json_text(d, JSON_ROOT), facts.quarantine);
	seq_at = (uint32_t)facts.seq_at;
	buf_add(&b->seq_at, &seq_at, sizeof(seq_at));
	b->events++;
	b->truncated += facts.truncated;
	note_time(b, facts.stage_us);
	return b->rows.failed || b->seq_at.failed;
}

static struct batch *batch_new(struct span body, const char *cluster, const char *source)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	snprintf(b->cluster, sizeof(b->cluster), "%s", cluster);
	snprintf(b->source, sizeof(b->source), "%s", source);
	b->size_bytes = body.len;
	b->received_us = realtime_us();
	b->rows = BUF_INIT(ROWS_BYTES_MAX);
	b->seq_at = BUF_INIT(EVENT_LIST_EVENTS_MAX * sizeof(uint32_t));
	b->quarantine_rows = BUF_INIT(ROWS_BYTES_MAX);
	sha256_of(body.ptr, body.len, b->sha256);
	return b;
}

enum batch_verdict batch_build(struct span body, const char *cluster, const char *source,
	const struct masker *m, struct event_scratch *scratch, struct batch **ret, struct err *e)
{
	_cleanup_(batch_freep) struct batch *b = batch_new(body, cluster, source);
	struct builder w = {.b = b, .masker = m, .scratch = scratch, .nonces_used = NONCES_AT_ONCE};
	const struct event_list_handler handler = {add_event, add_broken, &w};

	if (!b) {
		err_set(e, "out of memory");
		return BATCH_FAILED;
	}
	w.origin = (struct event_origin){.cluster = span_of(b->cluster),
		.source = span_of(b->source),
		.batch_sha256 = b->sha256};
	switch (event_list_read(body, scratch->arena, &handler, e)) {
	case EVENT_LIST_OK:
		*ret = TAKE_PTR(b);
		return BATCH_OK;
	case EVENT_LIST_REFUSED:
		return BATCH_REFUSED;
	case EVENT_LIST_TOO_LONG:
		return BATCH_TOO_LONG;
	case EVENT_LIST_STOPPED:
		break;
	}
	err_set(e, "no memory for %u events of %zu bytes", b->events, body.len);
	return BATCH_FAILED;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	buf_free(&b->rows);
	buf_free(&b->seq_at);
	buf_free(&b->quarantine_rows);
	free(b);
}

static uint32_t seq_at(const struct batch *b, uint32_t i)
{
	uint32_t at;

	memcpy(&at, b->seq_at.ptr + i * sizeof(at), sizeof(at));
	return at;
}

void batch_number(struct batch *b, int64_t first_seq)
{
	b->first_seq = first_seq;
	for (uint32_t i = 0; i < b->events; i++)
		copy_patch_int8(b->rows.ptr + seq_at(b, i), first_seq + i);
}

static void hash_span(struct sha256 *h, struct span s)
{
	sha256_add(h, &s.len, sizeof(s.len));
	sha256_add(h, s.ptr, s.len);
}

void batch_hash(const struct batch *b, struct sha256 *h)
{
	const int64_t numbers[] = {(int64_t)b->size_bytes, b->events, b->quarantined,
		b->received_us, b->oldest_us, b->newest_us, b->late, b->ahead, b->truncated};

	sha256_add(h, numbers, sizeof(numbers));
	hash_span(h, span_of(b->cluster));
	hash_span(h, span_of(b->source));
	hash_span(h, (struct span){(const char *)b->sha256, sizeof(b->sha256)});
	hash_span(h, buf_span(&b->rows));
	hash_span(h, buf_span(&b->seq_at));
	hash_span(h, buf_span(&b->quarantine_rows));
}

bool batch_is_sound(const struct batch *b)
{
	if (b->seq_at.len != b->events * sizeof(uint32_t))
		return false;
	for (uint32_t i = 0; i < b->events; i++) {
		if (b->rows.len < 8 || seq_at(b, i) > b->rows.len - 8)
			return false;
		if (i > 0 && seq_at(b, i) <= seq_at(b, i - 1))
			return false;
	}
	return true;
}

/* ---- taking events out again ---- */

struct span batch_row(const struct batch *b, uint32_t i)
{
	/* What stands before its number in a row, the cluster, is the same in all. */
	size_t before = seq_at(b, 0), from = seq_at(b, i) - before;
	size_t to = i + 1 < b->events ? seq_at(b, i + 1) - before : b->rows.len;

	return (struct span){b->rows.ptr + from, to - from};
}

static void add_row(struct batch *to, const struct batch *from, uint32_t i)
{
	struct span row = batch_row(from, i);
	uint32_t at = (uint32_t)to->rows.len + seq_at(from, 0);

	buf_add_span(&to->rows, row);
	buf_add(&to->seq_at, &at, sizeof(at));
	to->events++;
}

int batch_set_aside(struct batch *b, const struct batch_refused *refused, size_t count)
{
	const struct event_origin origin = {.cluster = span_of(b->cluster),
		.source = span_of(b->source),
		.batch_sha256 = b->sha256};
	struct batch rest = {.rows = BUF_INIT(ROWS_BYTES_MAX),
		.seq_at = BUF_INIT(EVENT_LIST_EVENTS_MAX * sizeof(uint32_t)),
		.quarantine_rows = BUF_INIT(ROWS_BYTES_MAX)};
	struct quarantine_positions positions = quarantine_positions(buf_span(&b->quarantine_rows));
	size_t next = 0;

	buf_add_span(&rest.quarantine_rows, buf_span(&b->quarantine_rows));
	for (uint32_t i = 0; i < b->events; i++) {
		int position = quarantine_next_position(&positions);

		if (next < count && refused[next].event == i)
			quarantine_row_put_refused(&rest.quarantine_rows, batch_row(b, i), position,
				refused[next++].why.msg, &origin);
		else
			add_row(&rest, b, i);
	}
	if (rest.rows.failed || rest.seq_at.failed || rest.quarantine_rows.failed) {
		buf_free(&rest.rows);
		buf_free(&rest.seq_at);
		buf_free(&rest.quarantine_rows);
		return -1;
	}
	buf_free(&b->rows);
	buf_free(&b->seq_at);
	buf_free(&b->quarantine_rows);
	b->rows = rest.rows;
	b->seq_at = rest.seq_at;
	b->quarantine_rows = rest.quarantine_rows;
	b->events = rest.events;
	b->quarantined += (uint32_t)next;
	return 0;
}

void batch_bare_quarantine(struct batch *b)
{
	struct buf bare = BUF_INIT(ROWS_BYTES_MAX);

	quarantine_rows_put_bare(&bare, buf_span(&b->quarantine_rows));
	if (bare.failed) {
		buf_free(&bare);
		return;
	}
	buf_free(&b->quarantine_rows);
	b->quarantine_rows = bare;
}

size_t batch_bytes(const struct batch *b)
{
	return sizeof(*b) + b->rows.cap + b->seq_at.cap + b->quarantine_rows.cap;
}
