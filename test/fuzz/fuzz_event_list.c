/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body on its way to the database. Whatever arrives: every row is a well-formed COPY BINARY row
 * of text that PostgreSQL takes, what is counted is there, and broken bytes in a list never cost
 * the event before them, nor, when they hold neither brackets nor quotes, the one behind them.
 */
#include <stdio.h>

#include "auditsink/batch.h"
#include "common/base/arena_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A letter a column, in the order of event_row_columns and quarantine_row_columns: text, or binary.
 */
static const char event_columns[] = "tbtttbbtttbtbttbttttttttbttbbtbbbbtbb";
static const char quarantine_columns[] = "ttbbbbtttbtt";

#define HEAD                                                                                       \
	"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":["
#define EVENT(id)                                                                                  \
	"{\"level\":\"Metadata\",\"auditID\":\"" id "\",\"stage\":\"Panic\",\"verb\":\"get\","     \
	"\"stageTimestamp\":\"2026-01-02T03:04:05Z\"}"

static struct masker *masker;
static struct event_scratch scratch;

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "violated: %s\n", what);
		abort();
	}
}

static uint32_t be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* Columns that are text must be what PostgreSQL calls text. */
static void check_text(struct span s)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(SIZE_MAX);
	const struct json_limits limits = {SIZE_MAX, 1, 1, false, false};
	_cleanup_(arena_freep) struct arena *arena = arena_new(256, 1024);
	struct json_doc d;

	check(!memchr(s.ptr, '\0', s.len), "no NUL in text");
	/* A string of the same bytes, but for those that JSON escapes, is read iff it is UTF-8. */
	buf_add_char(&out, '"');
	for (size_t i = 0; i < s.len; i++) {
		bool plain = (unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != '"' && s.ptr[i] != '\\';

		buf_add_char(&out, plain ? s.ptr[i] : ' ');
	}
	buf_add_char(&out, '"');
	check(json_read(out.ptr, out.len, &limits, arena, &d, NULL) == 0, "text is UTF-8");
}

/* Walks over rows; returns how many there are. */
static uint32_t check_rows(const struct buf *rows, const char *kinds)
{
	unsigned columns = (unsigned)strlen(kinds);
	const char *p = buf_span(rows).ptr, *end = p + rows->len;
	uint32_t count = 0;

	while (p < end) {
		check(end - p >= 2 && (unsigned char)p[0] == 0 && (unsigned char)p[1] == columns,
			"a row has all its columns");
		p += 2;
		for (unsigned i = 0; i < columns; i++) {
			uint32_t n;

			check(end - p >= 4, "a column has a length");
			n = be32(p);
			p += 4;
			if (n == UINT32_MAX)
				continue;
			check((size_t)(end - p) >= n, "a column is inside its row");
			if (kinds[i] == 't')
				check_text((struct span){p, n});
			p += n;
		}
		count++;
	}
	return count;
}

static uint32_t build(struct span body, struct batch **ret)
{
	struct err e = {""};
	enum batch_verdict v = batch_build(body, "cluster", "source", masker, &scratch, ret, &e);

	check(v != BATCH_FAILED, "there is memory");
	if (v == BATCH_REFUSED) {
		check(e.msg[0] != '\0', "a refusal has a reason");
		*ret = NULL;
		return 0;
	}
	check(check_rows(&(*ret)->rows, event_columns) == (*ret)->events, "events are counted");
	check(check_rows(&(*ret)->quarantine_rows, quarantine_columns) == (*ret)->quarantined,
		"quarantined ones are counted");
	check((*ret)->seq_at.len == (*ret)->events * sizeof(uint32_t), "each event has a number");
	batch_number(*ret, 1);
	check(check_rows(&(*ret)->rows, event_columns) == (*ret)->events, "numbering keeps rows");
	return (*ret)->events;
}

/* Every third event is set aside, as if the database had refused it. */
static void check_set_aside(struct batch *b)
{
	uint32_t all = b->events + b->quarantined, count = 0;
	struct batch_refused *refused = calloc(b->events + 1, sizeof(*refused));

	check(refused != NULL, "there is memory");
	for (uint32_t i = 0; i < b->events; i += 3) {
		refused[count].event = i;
		err_set(&refused[count++].why, "refused");
	}
	check(batch_set_aside(b, refused, count) == 0, "events can be set aside");
	free(refused);
	check(b->events + b->quarantined == all, "none is lost on the way");
	check(batch_is_sound(b), "the rest is sound");
	batch_number(b, 1);
	check(check_rows(&b->rows, event_columns) == b->events, "the rest are rows");
	check(check_rows(&b->quarantine_rows, quarantine_columns) == b->quarantined,
		"what is set aside are rows");
	batch_bare_quarantine(b);
	check(check_rows(&b->quarantine_rows, quarantine_columns) == b->quarantined,
		"and so they are without what they say");
}

static bool holds(const struct batch *b, const char *text)
{
	return b->rows.len > 0 && memmem(b->rows.ptr, b->rows.len, text, strlen(text)) != NULL;
}

static void check_neighbours(const uint8_t *data, size_t len)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(SIZE_MAX);
	_cleanup_(batch_freep) struct batch *b = NULL;
	bool harmless = true;

	for (size_t i = 0; i < len; i++)
		harmless = harmless && !memchr("\"\\{}[]", data[i], 6);
	buf_add_str(&body, HEAD EVENT("the-one-before") ",");
	buf_add(&body, data, len);
	buf_add_str(&body, "," EVENT("the-one-behind") "]}\n");
	build(buf_span(&body), &b);
	check(b && holds(b, "the-one-before"), "what stands before is stored");
	if (harmless)
		check(holds(b, "the-one-behind"), "what stands behind is stored");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_(batch_freep) struct batch *b = NULL;
	struct err e;

	if (!masker) {
		check(masker_new(NULL, NULL, &masker, &e) == 0, "there is a masker");
		scratch = (struct event_scratch){.arena = arena_new(1 << 16, 512 << 20),
			.hash = sha256_new(),
			.masked = BUF_INIT(512 << 20)};
	}
	build((struct span){(const char *)data, len}, &b);
	if (b)
		check_set_aside(b);
	check_neighbours(data, len);
	check(arena_used(scratch.arena) == 0, "all memory of a body is given back");
	return 0;
}
