/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/spool.h"

#include <assert.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "auditsink/spool_internal.h"
#include "common/base/clock.h"

/* ---- what there is ---- */

void spool_count(struct spool *s)
{
	struct spool_state *state = &s->state;

	state->batches = state->bytes = state->refused = state->damaged = 0;
	state->oldest_us = 0;
	for (size_t i = 0; i < ledger_count(s->ledger); i++) {
		const struct ledger_entry *entry = ledger_at(s->ledger, i);

		state->damaged += entry->state == LEDGER_DAMAGED || entry->state == LEDGER_TOLD;
		if (entry->state != LEDGER_LIVE)
			continue;
		state->batches++;
		state->bytes += entry->bytes;
		state->refused += entry->refused >= SPOOL_REFUSALS_MAX;
		if (state->oldest_us == 0)
			state->oldest_us = entry->taken_us;
	}
}

static void find_oldest(struct spool *s)
{
	s->state.oldest_us = 0;
	for (size_t i = 0; i < ledger_count(s->ledger) && s->state.oldest_us == 0; i++) {
		const struct ledger_entry *entry = ledger_at(s->ledger, i);

		if (entry->state == LEDGER_LIVE)
			s->state.oldest_us = entry->taken_us;
	}
}

/* A live entry waits no more. */
static void leave(struct spool *s, struct ledger_entry *entry, enum ledger_state state)
{
	assert(entry->state == LEDGER_LIVE && s->state.batches > 0 &&
		s->state.bytes >= entry->bytes);
	s->state.batches--;
	s->state.bytes -= entry->bytes;
	s->state.refused -= entry->refused >= SPOOL_REFUSALS_MAX;
	s->state.damaged += state == LEDGER_DAMAGED;
	entry->state = (uint8_t)state;
}

static uint64_t free_bytes(const struct spool *s, uint64_t *ret_size)
{
	struct statvfs fs;

	if (fstatvfs(ledger_fd(s->ledger), &fs) < 0) {
		*ret_size = UINT64_MAX;
		return UINT64_MAX;
	}
	*ret_size = (uint64_t)fs.f_blocks * fs.f_frsize;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

void spool_get_state(struct spool *s, struct spool_state *ret)
{
	uint64_t size;

	pthread_mutex_lock(&s->lock);
	*ret = s->state;
	ret->free_bytes = free_bytes(s, &size);
	pthread_mutex_unlock(&s->lock);
}

/* ---- taking in ---- */

size_t spool_batch_bytes(const struct batch *b)
{
	return b->rows.len + b->seq_at.len + b->quarantine_rows.len;
}

void spool_note_of(const struct batch *b, int64_t id, int64_t taken_us, struct ledger_note *ret)
{
	*ret = (struct ledger_note){.id = id,
		.taken_us = taken_us,
		.size_bytes = b->size_bytes,
		.bytes = spool_batch_bytes(b),
		.events = b->events + b->quarantined};
	snprintf(ret->cluster, sizeof(ret->cluster), "%s", b->cluster);
	snprintf(ret->source, sizeof(ret->source), "%s", b->source);
	memcpy(ret->sha256, b->sha256, sizeof(ret->sha256));
}

/* One that waits there and is what it was. */
static bool is_there(struct spool *s, const struct batch *b)
{
	_cleanup_(batch_freep) struct batch *found = NULL;
	int64_t id = spool_rows_find(s->rows, b);
	struct ledger_entry *entry = id ? ledger_find(s->ledger, id) : NULL;

	if (!entry || entry->state != LEDGER_LIVE)
		return false;
	switch (spool_rows_read(s->rows, id, &found, NULL)) {
	case SPOOL_READ_OK:
		return true;
	case SPOOL_READ_NO_MEMORY:
		return false; /* it is stored once, whatever the spool holds */
	case SPOOL_READ_MISSING:
		entry->missing = true;
		break;
	case SPOOL_READ_CHANGED:
		break;
	}
	leave(s, entry, LEDGER_DAMAGED);
	return false;
}

int spool_put_one(
	struct spool *s, struct spool_rows *rows, const struct batch *b, int64_t now, struct err *e)
{
	struct ledger_note note;

	spool_note_of(b, ledger_last_id(s->ledger) + 1, now, &note);
	if (ledger_announce(s->ledger, &note, e) < 0)
		return -1;
	return spool_rows_put(rows, note.id, b, now, e);
}

/*
 * Is there room on the disk, with what is to be left free? SQLite writes what it is given into its
 * log first; from there it has yet to come into the file, which may have room of its own.
 */
static bool has_room(const struct spool *s, size_t bytes)
{
	uint64_t size, available = free_bytes(s, &size), keep = size / 10;
	size_t log = spool_rows_log_bytes(s->rows), unused = spool_rows_unused_bytes(s->rows);
	size_t growth = log + bytes > unused ? log + bytes - unused : 0;

	if (s->min_free < keep)
		keep = s->min_free;
	return available >= keep && available - keep >= bytes + growth;
}

static size_t bytes_of_list(const struct batch *list, enum write_status status)
{
	size_t bytes = 0;

	for (const struct batch *b = list; b; b = b->next)
		bytes += b->status == status ? spool_batch_bytes(b) : 0;
	return bytes;
}

/* The file may have been removed, or another one put in its place, by somebody. */
static int find_place(struct spool *s, struct err *e)
{
	switch (s->rows ? spool_rows_place(s->rows) : SPOOL_PLACE_GONE) {
	case SPOOL_PLACE_OURS:
		return ledger_keep_place(s->ledger, e);
	case SPOOL_PLACE_GONE:
		return spool_rescue(
			s, TAKE_PTR(s->rows), "somebody removed or renamed the file", e);
	case SPOOL_PLACE_OTHER:
		break;
	}
	return err_set(e,
		"spool %s: somebody put another file in its place: nothing more is taken, what "
		"waits is stored, restart the sink then",
		s->path);
}

static enum spool_put check_room(
	struct spool *s, const struct batch *list, enum write_status status, struct err *e)
{
	size_t bytes = bytes_of_list(list, status);
	uint64_t size;

	if (bytes > s->max_bytes || s->state.bytes > s->max_bytes - bytes) {
		err_set(e, "spool %s: full (%zu bytes)", s->path, s->max_bytes);
		return SPOOL_PUT_FULL;
	}
	if (!has_room(s, bytes))
		spool_make_room(s);
	if (!has_room(s, bytes)) {
		err_set(e,
			"spool %s: %llu bytes are free on its disk, and it may not take them "
			"(--spool-min-free)",
			s->path, (unsigned long long)free_bytes(s, &size));
		return SPOOL_PUT_NO_ROOM;
	}
	return SPOOL_PUT_OK;
}

static int put_all(struct spool *s, const struct batch *list, enum write_status status, int64_t now,
	struct err *e)
{
	for (const struct batch *b = list; b; b = b->next) {
		if (b->status != status || is_there(s, b))
			continue;
		if (spool_put_one(s, s->rows, b, now, e) < 0)
			return -1;
	}
	return 0;
}

static void count_put(struct spool *s, int64_t from_id)
{
	for (size_t i = ledger_count(s->ledger); i > 0; i--) {
		const struct ledger_entry *entry = ledger_at(s->ledger, i - 1);

		if (entry->id < from_id)
			break;
		s->state.batches++;
		s->state.bytes += entry->bytes;
	}
	find_oldest(s);
}

/* The ledger first announces, then confirms: a batch without either was never taken, one without
 * the second may be there or not, and may not be missed. */
static int put_in_one(struct spool *s, const struct batch *list, enum write_status status,
	int64_t now, struct err *e)
{
	int64_t from_id = ledger_last_id(s->ledger) + 1;
	int rc;

	if (spool_rows_begin(s->rows, e) < 0)
		return -1;
	rc = put_all(s, list, status, now, e);
	if (rc == 0)
		rc = spool_rows_commit(s->rows, e);
	if (rc < 0) {
		spool_rows_rollback(s->rows);
		ledger_drop(s->ledger, from_id);
		return -1;
	}
	count_put(s, from_id);
	return ledger_last_id(s->ledger) < from_id ? 0 : ledger_confirm(s->ledger, from_id, e);
}

static enum spool_put put(
	struct spool *s, const struct batch *list, enum write_status status, struct err *e)
{
	int64_t now = realtime_us();
	enum spool_put verdict;

	if (find_place(s, e) < 0)
		return SPOOL_PUT_FAILED;
	verdict = check_room(s, list, status, e);
	if (verdict != SPOOL_PUT_OK)
		return verdict;
	if (put_in_one(s, list, status, now, e) == 0)
		return SPOOL_PUT_OK;
	if (spool_rows_no_room(s->rows))
		return SPOOL_PUT_NO_ROOM;
	if (!spool_rows_broken(s->rows) ||
		spool_rescue(s, TAKE_PTR(s->rows), "SQLite cannot use the file", e) < 0)
		return SPOOL_PUT_FAILED;
	return put_in_one(s, list, status, now, e) == 0 ? SPOOL_PUT_OK : SPOOL_PUT_FAILED;
}

enum spool_put spool_put(
	struct spool *s, const struct batch *list, enum write_status status, struct err *e)
{
	enum spool_put verdict;

	pthread_mutex_lock(&s->lock);
	verdict = put(s, list, status, e);
	s->state.full = verdict != SPOOL_PUT_OK;
	pthread_mutex_unlock(&s->lock);
	return verdict;
}

/* ---- handing out ---- */

static bool is_due(const struct ledger_entry *entry)
{
	return entry->state == LEDGER_LIVE && entry->refused < SPOOL_REFUSALS_MAX;
}

/* False: no memory. *ret is NULL where the batch is damaged. */
static bool read_due(struct spool *s, struct ledger_entry *entry, struct batch **ret)
{
	enum spool_read status;

	*ret = NULL;
	status = spool_rows_read(s->rows, entry->id, ret, NULL);
	if (status == SPOOL_READ_OK)
		return true;
	if (status == SPOOL_READ_NO_MEMORY)
		return false;
	entry->missing = status == SPOOL_READ_MISSING;
	leave(s, entry, LEDGER_DAMAGED);
	find_oldest(s);
	return true;
}

static int peek(struct spool *s, struct spooled *ret, unsigned max, size_t max_bytes, struct err *e)
{
	size_t bytes = 0;
	unsigned count = 0;

	if (!s->rows) /* for want of room; spool_put() and spool_tidy() try again */
		return 0;
	for (size_t i = 0; i < ledger_count(s->ledger) && count < max && bytes < max_bytes; i++) {
		struct ledger_entry *entry = ledger_at(s->ledger, i);
		struct batch *b = NULL;

		if (!is_due(entry))
			continue;
		if (!read_due(s, entry, &b)) {
			if (count > 0)
				break;
			return err_set(e, "spool %s: no memory for batch %lld", s->path,
				(long long)entry->id);
		}
		if (!b)
			continue;
		if (count > 0 && strcmp(b->cluster, ret[0].batch->cluster) != 0) {
			batch_free(b);
			break;
		}
		ret[count++] = (struct spooled){.batch = b, .id = entry->id};
		bytes += spool_batch_bytes(b);
	}
	return (int)count;
}

int spool_peek(struct spool *s, struct spooled *ret, unsigned max, size_t max_bytes, struct err *e)
{
	int count;

	pthread_mutex_lock(&s->lock);
	count = peek(s, ret, max, max_bytes, e);
	pthread_mutex_unlock(&s->lock);
	return count;
}

/* ---- what is stored ---- */

/* Their rows, where their end is in the ledger. */
static int remove_rows(struct spool *s, const int64_t *ids, size_t count, struct err *e)
{
	int rc = s->rows ? spool_rows_begin(s->rows, e) : -1;

	if (rc < 0)
		return -1;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = spool_rows_remove(s->rows, ids[i], e);
	if (rc == 0)
		rc = spool_rows_commit(s->rows, e);
	if (rc < 0) {
		spool_rows_rollback(s->rows);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		struct ledger_entry *entry = ledger_find(s->ledger, ids[i]);

		if (entry)
			entry->has_row = false;
	}
	return 0;
}

/* The ledger first: a row that is gone must not be missed at the next start. */
int spool_end(struct spool *s, const int64_t *ids, size_t count, struct err *e)
{
	if (ledger_note_gone(s->ledger, ids, count, e) < 0 || remove_rows(s, ids, count, e) < 0)
		return -1;
	ledger_forget(s->ledger);
	return 0;
}

int spool_remove(struct spool *s, const struct spooled *list, unsigned count, struct err *e)
{
	_cleanup_(freep) int64_t *ids = calloc(count + 1, sizeof(*ids));
	int rc = -1;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < count; i++) {
		struct ledger_entry *entry = ledger_find(s->ledger, list[i].id);

		assert(entry);
		if (entry->state == LEDGER_LIVE)
			leave(s, entry, LEDGER_STORED);
		else if (entry->state == LEDGER_DAMAGED) { /* since it was handed out */
			entry->state = LEDGER_STORED;
			s->state.damaged--;
		}
		if (ids)
			ids[i] = list[i].id;
	}
	s->state.full = false;
	find_oldest(s);
	if (ids)
		rc = spool_end(s, ids, count, e);
	else
		err_set(e, "out of memory");
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void spool_refuse(struct spool *s, const struct spooled *one)
{
	struct ledger_entry *entry;

	pthread_mutex_lock(&s->lock);
	entry = ledger_find(s->ledger, one->id);
	if (entry && is_due(entry) && ++entry->refused == SPOOL_REFUSALS_MAX)
		s->state.refused++;
	pthread_mutex_unlock(&s->lock);
}
