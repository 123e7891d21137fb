/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second reading of a log: its events as lists to the sink.
 *
 * Where a list ends follows from the events alone (their number, or a hash of the last record), so
 * that the same log gives the same lists, and a log that is read from elsewhere soon gives the same
 * ones again: the sink stores a list that it has seen only once. A list ends at the end of a
 * record, but for a record with more events than a list has; such a record begins a list and ends
 * one.
 */
#include <stdio.h>

#include "cli/import/import_run_internal.h"
#include "cli/import/import_source.h"

#define LIST_EVENTS 400		      /* what API servers send too */
#define LIST_BYTES  ((size_t)8 << 20) /* a list is not made longer, but for one event that is */

static const char list_head[] =
	"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":[";

struct sending {
	struct import *im;
	const char *path;
	const struct import_survey *survey; /* NULL: standard input */
	struct import_sums *sums;
	struct import_records *records;
	uint64_t size; /* for the progress */
	struct buf list;
	unsigned events;	    /* in the list */
	uint64_t done, at;	    /* bytes whose events are stored; of the records until now */
	uint8_t digest[SHA256_LEN]; /* of the bytes until `at` */
};

static uint64_t all_of(const struct import_sums *s)
{
	return s->stored + s->known + s->spooled + s->quarantined;
}

/* ---- lists ---- */

static int save(struct sending *s)
{
	struct err e = {0};

	if (!s->survey || !s->survey->log)
		return CLI_OK;
	if (import_log_save(s->im->state, s->survey->log, s->done, s->at, s->digest, &e) < 0)
		return cli_error(s->im->self, CLI_FAILED, "--state-dir: %s", e.msg);
	return CLI_OK;
}

static void sum_up(struct import_sums *sums, const struct sink_answer *a)
{
	switch (a->result) {
	case SINK_KNOWN:
		sums->known += a->events + a->quarantined;
		return;
	case SINK_SPOOLED:
		sums->spooled += a->events;
		break;
	case SINK_STORED:
		sums->stored += a->events;
		break;
	}
	sums->quarantined += a->quarantined;
}

static int post(struct sending *s)
{
	struct sink_answer answer;
	struct err e = {0};
	int rc;

	if (s->events == 0)
		return CLI_OK;
	buf_add_str(&s->list, "]}\n");
	if (s->list.failed)
		return cli_error(s->im->self, CLI_FAILED, "%s: out of memory", s->path);
	rc = sink_client_post(s->im->sink, buf_span(&s->list), &answer, &e);
	buf_reset(&s->list);
	s->events = 0;
	if (rc < 0)
		return cli_error(s->im->self, CLI_FAILED,
			"%s: %s; run the same command again to go on at byte %llu", s->path, e.msg,
			(unsigned long long)s->done);
	sum_up(s->sums, &answer);
	import_show_progress(s->path, "sending", s->at, s->size, all_of(s->sums));
	return CLI_OK;
}

/* At the end of a record: sends what was gathered. */
static int flush(struct sending *s)
{
	int rc = s->events > 0 ? save(s) : CLI_OK;

	if (rc == CLI_OK)
		rc = post(s);
	if (rc != CLI_OK)
		return rc;
	s->done = s->at;
	return save(s);
}

/* A log's line says what it is; an event in a list does not. Without that the two are the same
 * text, so that an event that came both ways is seen to be one. */
static struct span as_item(struct span event)
{
	static const char type[] = "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",";
	const size_t len = sizeof(type) - 1;

	if (event.len <= len || memcmp(event.ptr, type, len) != 0)
		return event;
	event.len -= len - 1;
	event.ptr += len - 1;
	return event;
}

static void add_event(struct sending *s, const struct import_event *event)
{
	struct span item = event->cut ? event->text : as_item(event->text);

	if (s->events++ == 0)
		buf_add_str(&s->list, list_head);
	else
		buf_add_char(&s->list, ',');
	if (item.ptr != event->text.ptr) {
		buf_add_char(&s->list, '{');
		item.ptr++;
		item.len--;
	}
	buf_add_span(&s->list, item);
}

/* ---- records ---- */

/* FNV-1a; one record in 256 ends a list. */
static bool ends_list(struct span record)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < record.len; i++)
		h = (h ^ (unsigned char)record.ptr[i]) * 16777619u;
	return (h >> 24) == 0;
}

/* More than a list, or with parts that must stand alone: begins a list and ends one. */
static int send_large(struct sending *s, const struct import_found *found)
{
	int rc = flush(s);

	for (size_t i = 0; rc == CLI_OK && i < found->count; i++) {
		const struct import_event *event = &found->events[i];

		if (s->events == LIST_EVENTS ||
			(s->events > 0 &&
				(event->cut || s->list.len + event->text.len > LIST_BYTES)))
			rc = post(s);
		add_event(s, event);
		/* What was cut costs none of its neighbours: it stands alone. */
		if (rc == CLI_OK && event->cut)
			rc = post(s);
	}
	return rc;
}

static bool is_large(const struct import_found *found)
{
	size_t bytes = 0;

	for (size_t i = 0; i < found->count; i++) {
		if (found->events[i].cut)
			return true;
		bytes += found->events[i].text.len;
	}
	return found->count > LIST_EVENTS || bytes > LIST_BYTES;
}

static int send_record(
	struct sending *s, const struct import_record *r, const struct import_found *found)
{
	const bool large = is_large(found);
	int rc = CLI_OK;

	s->sums->others += found->others;
	s->sums->unreadable += found->unreadable != NULL;
	if (large)
		rc = send_large(s, found);
	else if (s->events > 0 &&
		 (s->events + found->count > LIST_EVENTS || s->list.len + r->text.len > LIST_BYTES))
		rc = flush(s);
	for (size_t i = 0; !large && i < found->count; i++)
		add_event(s, &found->events[i]);
	if (rc != CLI_OK)
		return rc;
	s->at = r->to;
	import_records_digest(s->records, s->digest);
	if (large || s->events >= LIST_EVENTS || ends_list(r->text) ||
		(s->survey && s->survey->log && s->at == import_log_planned(s->survey->log)))
		return flush(s);
	return CLI_OK;
}

static int send_records(struct sending *s)
{
	struct import *im = s->im;
	struct import_record r;
	struct import_found found;
	struct err e = {0};
	int rc = CLI_OK;

	while (rc == CLI_OK && (!s->survey || s->at < s->survey->end)) {
		arena_reset(im->arena);
		if (import_records_next(s->records, im->arena, &r, &e) < 0 ||
			import_unwrap(&r, im->arena, &found, &e) < 0)
			return cli_error(im->self, CLI_FAILED, "%s: %s", s->path, e.msg);
		if (r.kind == IMPORT_END && s->survey)
			return cli_error(im->self, CLI_FAILED,
				"%s: became shorter while it was read", s->path);
		if (r.kind == IMPORT_END)
			break;
		rc = send_record(s, &r, &found);
	}
	return rc == CLI_OK ? flush(s) : rc;
}

int import_send(struct import *im, const char *path, const struct import_survey *survey,
	struct import_sums *sums)
{
	_cleanup_(import_source_closep) struct import_source *source = NULL;
	_cleanup_(import_records_freep) struct import_records *records = NULL;
	struct sending s = {.im = im,
		.path = path,
		.survey = survey,
		.sums = sums,
		.list = BUF_INIT(IMPORT_RECORD_MAX + LIST_BYTES)};
	struct err e = {0};
	int rc;

	rc = import_open(im, path, &source, &records);
	if (rc != CLI_OK)
		return rc;
	s.records = records;
	s.size = survey ? survey->end : 0;
	if (survey && survey->log)
		s.at = s.done = import_log_done(survey->log);
	if (import_records_skip(records, s.at, &e) < 0)
		return cli_error(im->self, CLI_FAILED, "%s: %s", path, e.msg);
	import_records_digest(records, s.digest);
	rc = send_records(&s);
	buf_free(&s.list);
	import_end_progress();
	return rc;
}
