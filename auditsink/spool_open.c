/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auditsink/spool_internal.h"
#include "common/base/clock.h"

/* Of a rescue's transaction. */
#define RESCUE_BATCHES 64
/* A row with a higher number has none that was given to it. */
#define ID_MAX (INT64_MAX / 2)

/* ---- comparing the ledger with the rows ---- */

struct comparison {
	int64_t *ids; /* of the rows */
	size_t count;
	bool missing; /* rows that the ledger is certain of */
};

/* A row that the ledger does not know: its number tells whether it came or went last. */
static int adopt(struct spool *s, int64_t id, struct err *e)
{
	_cleanup_(batch_freep) struct batch *b = NULL;
	struct ledger_note note = {.id = id};
	int64_t taken_us = 0;
	struct ledger_entry *entry;

	switch (spool_rows_read(s->rows, id, &b, &taken_us)) {
	case SPOOL_READ_OK:
		spool_note_of(b, id, taken_us, &note);
		break;
	case SPOOL_READ_NO_MEMORY:
		return err_set(e, "spool %s: out of memory", s->path);
	case SPOOL_READ_MISSING:
	case SPOOL_READ_CHANGED:
		break;
	}
	if (ledger_announce(s->ledger, &note, e) < 0)
		return -1;
	entry = ledger_find(s->ledger, id);
	if (!b)
		entry->state = LEDGER_DAMAGED;
	return 0;
}

static int adopt_unknown(struct spool *s, const struct comparison *c, struct err *e)
{
	int64_t known_to = ledger_known_to(s->ledger);

	for (size_t i = 0; i < c->count; i++) {
		struct ledger_entry *entry = ledger_find(s->ledger, c->ids[i]);

		if (entry)
			entry->has_row = true;
		else if (c->ids[i] > known_to && c->ids[i] < ID_MAX && adopt(s, c->ids[i], e) < 0)
			return -1;
	}
	return 0;
}

/* Entries without rows: those that were never certain, and those whose end is written down, are no
 * loss. */
static void find_missing(struct spool *s, struct comparison *c)
{
	for (size_t i = 0; i < ledger_count(s->ledger); i++) {
		struct ledger_entry *entry = ledger_at(s->ledger, i);

		if (entry->has_row || entry->state != LEDGER_LIVE)
			continue;
		if (entry->certain)
			c->missing = true;
		else
			entry->state = LEDGER_STORED;
	}
}

/* Rows of batches that were stored long ago: what they cost is room. */
static void remove_stale(struct spool *s, const struct comparison *c)
{
	struct err ignored;

	for (size_t i = 0; i < c->count; i++) {
		if (!ledger_find(s->ledger, c->ids[i]))
			(void)!spool_rows_remove(s->rows, c->ids[i], &ignored);
	}
}

/* ---- rescue ---- */

/* One batch from the old file to the new one, under its number. */
static int copy_one(struct spool_rows *old, struct spool_rows *fresh, struct ledger_entry *entry)
{
	_cleanup_(batch_freep) struct batch *b = NULL;
	enum spool_read status = SPOOL_READ_MISSING;
	struct err ignored;
	int64_t taken_us;

	if (old)
		status = spool_rows_read(old, entry->id, &b, &taken_us);
	if (status == SPOOL_READ_OK)
		return spool_rows_put(fresh, entry->id, b, taken_us, &ignored);
	if (status == SPOOL_READ_NO_MEMORY)
		return -1;
	if (status == SPOOL_READ_MISSING && !entry->certain) {
		entry->state = LEDGER_STORED; /* it never was there */
		return 0;
	}
	entry->state = LEDGER_DAMAGED;
	entry->missing = status == SPOOL_READ_MISSING;
	return 0;
}

/* From entry *i on. -1: the new file takes no more. */
static int copy_some(struct spool *s, struct spool_rows *old, struct spool_rows *fresh, size_t *i)
{
	size_t to = *i + RESCUE_BATCHES, count = ledger_count(s->ledger);
	struct err ignored;
	bool ok = spool_rows_begin(fresh, &ignored) == 0;

	if (to > count)
		to = count;
	for (; *i < to && ok; ++*i) {
		struct ledger_entry *entry = ledger_at(s->ledger, *i);

		if (entry->state == LEDGER_LIVE)
			ok = copy_one(old, fresh, entry) == 0;
	}
	if (ok && spool_rows_commit(fresh, &ignored) == 0)
		return 0;
	spool_rows_rollback(fresh);
	return -1;
}

static int copy_all(struct spool *s, struct spool_rows *old, struct spool_rows *fresh)
{
	for (size_t i = 0; i < ledger_count(s->ledger);) {
		if (copy_some(s, old, fresh, &i) < 0)
			return -1;
	}
	for (size_t i = 0; i < ledger_count(s->ledger); i++) {
		struct ledger_entry *entry = ledger_at(s->ledger, i);

		entry->has_row = entry->state == LEDGER_LIVE;
	}
	return 0;
}

static void say_rescued(struct spool *s, const char *why, const char *aside)
{
	uint64_t live = 0, lost = 0;
	struct stat st;

	for (size_t i = 0; i < ledger_count(s->ledger); i++) {
		live += ledger_at(s->ledger, i)->state == LEDGER_LIVE;
		lost += ledger_at(s->ledger, i)->state == LEDGER_DAMAGED;
	}
	buf_reset(&s->file_text);
	buf_printf(&s->file_text, "%s; %llu batches go on in a new file, %llu are lost", why,
		(unsigned long long)live, (unsigned long long)lost);
	if (stat(aside, &st) == 0)
		buf_printf(&s->file_text, "; what there was is kept as %s", aside);
}

/* Moves the file and its log aside; the new name in ret. */
static int set_aside(const char *path, struct buf *ret, struct err *e)
{
	char log[4096], log_aside[4096];

	buf_printf(ret, "%s.damaged-%lld", path, (long long)realtime_us());
	if (!buf_str(ret))
		return err_set(e, "out of memory");
	snprintf(log, sizeof(log), "%s-wal", path);
	snprintf(log_aside, sizeof(log_aside), "%s-wal", ret->ptr);
	if ((rename(path, ret->ptr) < 0 && errno != ENOENT) ||
		(rename(log, log_aside) < 0 && errno != ENOENT))
		return err_set_errno(
			e, errno, "spool %s: is damaged and cannot be moved to %s", path, ret->ptr);
	return 0;
}

/* No new file can be made, or filled: what there is stays in use, as far as it is of use. */
static void go_back(struct spool *s, struct spool_rows *old, bool unlinked, const char *aside)
{
	char log[4096], log_aside[4096];
	struct err ignored;
	bool damaged;

	spool_rows_abandon(TAKE_PTR(s->rows));
	snprintf(log, sizeof(log), "%s-wal", s->path);
	snprintf(log_aside, sizeof(log_aside), "%s-wal", aside);
	unlink(s->path);
	unlink(log);
	if (unlinked) {
		s->rows = old;
		return;
	}
	spool_rows_abandon(old);
	if (rename(aside, s->path) == 0 && (rename(log_aside, log) == 0 || errno == ENOENT) &&
		spool_rows_open(s->path, false, &s->rows, &damaged, &ignored) < 0)
		s->rows = NULL;
}

int spool_rescue(struct spool *s, struct spool_rows *old, const char *why, struct err *e)
{
	_cleanup_(buf_free) struct buf aside = BUF_INIT(8192);
	struct err ignored;
	bool damaged, unlinked = old && spool_rows_place(old) != SPOOL_PLACE_OURS;

	s->rows = NULL;
	if (!unlinked)
		spool_rows_abandon(TAKE_PTR(old));
	if (set_aside(s->path, &aside, e) < 0) {
		s->rows = old;
		return -1;
	}
	if (!old && spool_rows_open(aside.ptr, false, &old, &damaged, &ignored) < 0)
		old = NULL; /* nothing in it can be read */
	if (spool_rows_open(s->path, true, &s->rows, &damaged, e) < 0) {
		s->rows = NULL;
		go_back(s, old, unlinked, aside.ptr);
		return -1;
	}
	if (copy_all(s, old, s->rows) < 0) {
		err_set(e, "spool %s: %s, and there is no room for a new one", s->path, why);
		go_back(s, old, unlinked, aside.ptr);
		return s->rows && !unlinked ? 0 : -1; /* nothing goes into a file without a name */
	}
	spool_rows_abandon(old);
	say_rescued(s, why, aside.ptr);
	spool_count(s);
	return 0;
}

/* ---- opening ---- */

/* Has the ledger anything to ask of a file of rows? */
static bool expects_rows(const struct spool *s)
{
	for (size_t i = 0; i < ledger_count(s->ledger); i++) {
		const struct ledger_entry *entry = ledger_at(s->ledger, i);

		if (entry->state == LEDGER_LIVE && entry->certain)
			return true;
	}
	return false;
}

static const char unusable[] = "SQLite cannot use the file";

static int compare(struct spool *s, struct comparison *c, struct err *e)
{
	if (spool_rows_list(s->rows, &c->ids, &c->count, e) < 0)
		return spool_rows_broken(s->rows) ? spool_rescue(s, TAKE_PTR(s->rows), unusable, e)
						  : -1;
	if (adopt_unknown(s, c, e) < 0)
		return -1;
	find_missing(s, c);
	if (c->missing)
		return spool_rescue(s, TAKE_PTR(s->rows), "batches are missing in the file", e);
	remove_stale(s, c);
	return 0;
}

static int open_rows(struct spool *s, struct err *e)
{
	struct comparison c = {0};
	bool damaged;
	int rc;

	if (spool_rows_open(s->path, !expects_rows(s), &s->rows, &damaged, e) < 0) {
		s->rows = NULL;
		return damaged && expects_rows(s) ? spool_rescue(s, NULL, unusable, e) : -1;
	}
	rc = compare(s, &c, e);
	free(c.ids);
	return rc;
}

static int open_files(struct spool *s, struct err *e)
{
	if (ledger_open(s->path, &s->ledger, e) < 0 || open_rows(s, e) < 0)
		return -1;
	s->ledger_told = ledger_damaged_at(s->ledger) < 0 &&
			 (!ledger_was_new(s->ledger) || ledger_count(s->ledger) == 0);
	spool_count(s);
	/* On a full disk it goes on with the file that there is, if that is sound. */
	if (ledger_rewrite(s->ledger, e) < 0 && !ledger_is_sound(s->ledger))
		return -1;
	return 0;
}

int spool_open(
	const char *path, size_t max_bytes, size_t min_free, struct spool **ret, struct err *e)
{
	_cleanup_(spool_closep) struct spool *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, "out of memory");
	pthread_mutex_init(&s->lock, NULL);
	s->max_bytes = max_bytes;
	s->min_free = min_free;
	s->file_text = s->file_said = BUF_INIT(16384);
	s->path = strdup(path);
	if (!s->path)
		return err_set(e, "out of memory");
	if (open_files(s, e) < 0)
		return -1;
	*ret = TAKE_PTR(s);
	return 0;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	spool_rows_close(s->rows);
	ledger_close(s->ledger);
	pthread_mutex_destroy(&s->lock);
	buf_free(&s->file_text);
	buf_free(&s->file_said);
	free(s->path);
	free(s);
}
