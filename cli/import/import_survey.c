/* SPDX-License-Identifier: Apache-2.0 */
/* The first reading of a log: what is in it, and how far it was imported already. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/import/import_run_internal.h"
#include "cli/import/import_source.h"
#include "common/base/clock.h"

#define PROGRESS_EVERY_MS 200

void import_show_progress(
	const char *path, const char *what, uint64_t at, uint64_t size, uint64_t events)
{
	static int64_t last;
	const int64_t now = monotonic_ms();

	if (!isatty(STDERR_FILENO) || now - last < PROGRESS_EVERY_MS)
		return;
	last = now;
	fprintf(stderr, "\r\033[K%s: %s", path, what);
	if (size > 0)
		fprintf(stderr, " %d%%", (int)(100 * at / (at > size ? at : size)));
	fprintf(stderr, ", %" PRIu64 " events", events);
}

void import_end_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* A line at the end of a log that is written: all of it may not be there yet. */
static bool is_unfinished(const struct import_record *r, const struct import_found *found,
	const struct import_source *source)
{
	bool cut = found->unreadable != NULL;

	if (!r->ends_log || r->kind == IMPORT_JSON || !import_source_may_grow(source))
		return false;
	for (size_t i = 0; i < found->count; i++)
		cut |= found->events[i].cut;
	return cut || found->count == 0;
}

static void count(
	struct import_survey *s, const struct import_record *r, const struct import_found *found)
{
	for (size_t i = 0; i < found->count; i++) {
		s->events += !found->events[i].cut;
		s->cut += found->events[i].cut;
	}
	s->others += found->others;
	s->formats |= found->formats;
	if (!found->unreadable)
		return;
	if (s->unreadable++ == 0) {
		s->line = r->line;
		snprintf(s->why, sizeof(s->why), "%s", found->unreadable);
		if (r->kind == IMPORT_BROKEN)
			snprintf(s->why, sizeof(s->why), "JSON that cannot be read: %s",
				r->why.what);
	}
}

static void try_logs(struct import *im, const struct import_records *records, uint64_t at)
{
	uint8_t digest[SHA256_LEN];

	while (im->state && import_state_wanted(im->state) <= at) {
		if (import_state_wanted(im->state) < at) {
			import_state_pass(im->state); /* ends within a record: another log */
			continue;
		}
		import_records_digest(records, digest);
		import_state_try(im->state, digest);
	}
}

static int survey_records(struct import *im, const char *path, struct import_source *source,
	struct import_records *records, struct import_survey *ret)
{
	struct import_record r;
	struct import_found found;
	struct err e = {0};

	for (;;) {
		arena_reset(im->arena);
		if (import_records_next(records, im->arena, &r, &e) < 0 ||
			import_unwrap(&r, im->arena, &found, &e) < 0)
			return cli_error(im->self, CLI_FAILED, "%s: %s", path, e.msg);
		if (r.kind == IMPORT_END)
			return CLI_OK;
		if (is_unfinished(&r, &found, source)) {
			ret->unfinished = r.to - r.from;
			return CLI_OK;
		}
		count(ret, &r, &found);
		ret->end = r.to;
		try_logs(im, records, r.to);
		import_show_progress(
			path, "reading", r.to, import_source_size(source), ret->events);
	}
}

int import_open(struct import *im, const char *path, struct import_source **ret_source,
	struct import_records **ret_records)
{
	struct err e = {0};

	if (import_source_open(path, ret_source, &e) < 0)
		return cli_error(im->self, CLI_FAILED, "%s: %s", path, e.msg);
	*ret_records = import_records_new(*ret_source);
	return *ret_records ? CLI_OK : cli_error(im->self, CLI_FAILED, "%s: out of memory", path);
}

int import_survey(struct import *im, const char *path, struct import_survey *ret)
{
	_cleanup_(import_source_closep) struct import_source *source = NULL;
	_cleanup_(import_records_freep) struct import_records *records = NULL;
	int rc;

	*ret = (struct import_survey){0};
	rc = import_open(im, path, &source, &records);
	if (rc != CLI_OK)
		return rc;
	if (im->state)
		import_state_rewind(im->state);
	rc = survey_records(im, path, source, records, ret);
	import_end_progress();
	if (rc == CLI_OK && im->state) {
		ret->log = import_state_found(im->state);
		if (!ret->log)
			rc = cli_error(im->self, CLI_FAILED,
				"%s: --state-dir knows too many logs: remove what is long done",
				path);
	}
	return rc;
}
