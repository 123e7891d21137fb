/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/refused.h"

#include <stdio.h>
#include <time.h>

#include "auditsink/store.h"
#include "common/base/log.h"
#include "common/pg/pg_fault.h"

struct search {
	struct pg_conn *c;
	struct batch *b;
	struct batch_refused *found; /* in the order of events */
	size_t found_count;
	char *sqlstate;
	struct err *e;
};

/* Tries rows, and leaves no trace but the rows when they pass. */
static enum pg_status try_events(struct search *s, struct span rows)
{
	struct err ignored;
	enum pg_status status = pg_exec_text(s->c, "SAVEPOINT tried", s->sqlstate, s->e);

	if (status != PG_OK)
		return status;
	status = store_copy_events(s->c, rows, s->sqlstate, s->e);
	if (status == PG_OK)
		return pg_exec_text(s->c, "RELEASE tried", s->sqlstate, s->e);
	if (status == PG_REFUSED && pg_fault_of(s->sqlstate) != PG_FAULT_CONTENT)
		status = PG_RETRY;
	if (status == PG_REFUSED &&
		pg_exec_text(s->c, "ROLLBACK TO tried", NULL, &ignored) != PG_OK)
		status = PG_UNAVAILABLE;
	return status;
}

static struct span rows_of(const struct batch *b, uint32_t from, uint32_t to)
{
	struct span first = batch_row(b, from), last = batch_row(b, to - 1);

	return (struct span){first.ptr, (size_t)(last.ptr + last.len - first.ptr)};
}

static enum pg_status add_found(struct search *s, uint32_t event)
{
	struct batch_refused *f;

	if (s->found_count == REFUSED_EVENTS_MAX) {
		err_set(s->e, "more than %d events of one list are refused, such as: %s",
			REFUSED_EVENTS_MAX, s->found[0].why.msg);
		return PG_REFUSED;
	}
	f = &s->found[s->found_count++];
	f->event = event;
	err_set(&f->why, "the database refuses it (%s): %s", s->sqlstate, s->e->msg);
	return PG_OK;
}

/* Finds what is refused of the events from..to, of which some are. */
static enum pg_status search_refused(struct search *s, uint32_t from, uint32_t to)
{
	uint32_t middle = from + (to - from) / 2;
	enum pg_status status;

	if (to - from == 1)
		return add_found(s, from);
	status = try_events(s, rows_of(s->b, from, middle));
	if (status == PG_REFUSED)
		status = search_refused(s, from, middle);
	if (status != PG_OK)
		return status;
	status = try_events(s, rows_of(s->b, middle, to));
	return status == PG_REFUSED ? search_refused(s, middle, to) : status;
}

/* An event of which nothing is remarkable. */
static enum pg_status try_plain_event(struct search *s)
{
	_cleanup_(buf_free) struct buf row = BUF_INIT(4096);
	const struct event_origin origin = {.cluster = span_of(s->b->cluster),
		.source = span_of(s->b->source),
		.batch_sha256 = s->b->sha256};
	enum pg_status status;

	event_row_put_plain(
		&row, &origin, -(int64_t)s->b->events - 1, (int64_t)time(NULL) * 1000000);
	status = try_events(s, buf_span(&row));
	return status == PG_REFUSED ? PG_RETRY : status;
}

static enum pg_status search_all(struct search *s)
{
	enum pg_status status = try_plain_event(s);

	/* Below all that are given out: no row of another transaction is in the way. */
	batch_number(s->b, -(int64_t)s->b->events);
	if (status == PG_OK && s->b->events > 0) {
		status = try_events(s, rows_of(s->b, 0, s->b->events));
		if (status == PG_REFUSED)
			status = search_refused(s, 0, s->b->events);
	}
	return status;
}

static enum pg_status search_in_transaction(struct search *s)
{
	struct err ignored;
	enum pg_status status = pg_exec_text(s->c, "BEGIN", s->sqlstate, s->e);

	if (status != PG_OK)
		return status;
	status = search_all(s);
	if (status != PG_UNAVAILABLE && pg_exec_text(s->c, "ROLLBACK", NULL, &ignored) != PG_OK)
		status = PG_UNAVAILABLE;
	return status;
}

static void log_found(const struct search *s)
{
	for (size_t i = 0; i < s->found_count; i++) {
		log_warn("audit_event_refused", LOG_STR("cluster", s->b->cluster),
			LOG_STR("source", s->b->source), LOG_STR("reason", s->found[i].why.msg));
		if (i == 2) /* more of them say no more */
			return;
	}
}

enum pg_status refused_set_aside(
	struct pg_conn *c, struct batch *b, char *ret_sqlstate, struct err *e)
{
	struct search s = {.c = c, .b = b, .sqlstate = ret_sqlstate, .e = e};
	enum pg_status status = PG_RETRY;

	s.found = calloc(REFUSED_EVENTS_MAX, sizeof(*s.found));
	if (!s.found) {
		err_set(e, "out of memory");
		return status;
	}
	status = search_in_transaction(&s);
	if (status == PG_OK) {
		if (batch_set_aside(b, s.found, s.found_count) < 0) {
			err_set(e, "no memory to set %zu events aside", s.found_count);
			status = PG_RETRY;
		}
		log_found(&s);
	}
	free(s.found);
	return status;
}
