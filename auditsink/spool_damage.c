/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of damaged batches: they are told of, a notice goes into the record; and what could
 * not be removed is tried again. */
#include <stdio.h>

#include "auditsink/quarantine.h"
#include "auditsink/spool_internal.h"
#include "common/base/clock.h"

#define TIDY_AT_ONCE 256

/* ---- notices ---- */

/* A notice is a batch of its own: that of the lost one stays free for the body, should it come
 * again. */
static void key_of_notice(const struct ledger_note *lost, uint8_t ret[SHA256_LEN])
{
	char text[128];
	_cleanup_(buf_free) struct buf digest = BUF_INIT(2 * SHA256_LEN);
	int n;

	hex_put(&digest, lost->sha256, sizeof(lost->sha256));
	n = snprintf(text, sizeof(text), "lost in a spool: %lld %.*s", (long long)lost->id,
		SPAN_FMT(buf_span(&digest)));
	sha256_of(text, (size_t)n, ret);
}

static struct batch *notice_of(const struct ledger_note *lost, enum spool_damage_kind kind)
{
	_cleanup_(batch_freep) struct batch *b = calloc(1, sizeof(*b));
	struct event_origin origin;
	char reason[128];

	if (!b)
		return NULL;
	snprintf(b->cluster, sizeof(b->cluster), "%s", lost->cluster);
	snprintf(b->source, sizeof(b->source), "%s", lost->source);
	snprintf(reason, sizeof(reason), "%u events were %s in the spool of a sink (batch %lld)",
		lost->events, kind == SPOOL_DAMAGE_MISSING ? "lost" : "damaged",
		(long long)lost->id);
	key_of_notice(lost, b->sha256);
	b->received_us = lost->taken_us;
	b->quarantined = 1;
	b->rows = BUF_INIT(0);
	b->seq_at = BUF_INIT(0);
	b->quarantine_rows = BUF_INIT(4096);
	origin = (struct event_origin){.cluster = span_of(lost->cluster),
		.source = span_of(lost->source),
		.batch_sha256 = lost->sha256};
	quarantine_row_put_lost(&b->quarantine_rows, (int64_t)lost->size_bytes, reason, &origin);
	return b->quarantine_rows.failed ? NULL : TAKE_PTR(b);
}

static enum spool_damage_kind kind_of(const struct ledger_entry *entry)
{
	return entry->missing ? SPOOL_DAMAGE_MISSING : SPOOL_DAMAGE_CHANGED;
}

/* One without a cluster is known by its number alone: there is nowhere to put a notice. */
static int put_notice(struct spool *s, int64_t id, struct err *e)
{
	_cleanup_(batch_freep) struct batch *b = NULL;
	int64_t from_id = ledger_last_id(s->ledger) + 1;
	struct ledger_entry *entry = ledger_find(s->ledger, id);
	struct ledger_note lost;

	if (ledger_read(s->ledger, entry, &lost) < 0)
		return err_set(e, "the ledger cannot be read");
	if (lost.cluster[0]) {
		b = notice_of(&lost, kind_of(entry));
		if (!b || spool_rows_begin(s->rows, e) < 0)
			return -1;
		if (spool_put_one(s, s->rows, b, realtime_us(), e) < 0 ||
			spool_rows_commit(s->rows, e) < 0) {
			spool_rows_rollback(s->rows);
			ledger_drop(s->ledger, from_id);
			return -1;
		}
		if (ledger_confirm(s->ledger, from_id, e) < 0)
			return -1;
	}
	entry = ledger_find(s->ledger, id);
	entry->state = LEDGER_TOLD;
	return ledger_note_told(s->ledger, id, e);
}

static void put_notices(struct spool *s)
{
	unsigned made = 0;
	struct err ignored;

	for (size_t i = 0; i < ledger_count(s->ledger) && made < TIDY_AT_ONCE; i++) {
		const struct ledger_entry *entry = ledger_at(s->ledger, i);

		if (entry->state != LEDGER_DAMAGED || !entry->logged)
			continue;
		if (put_notice(s, entry->id, &ignored) < 0)
			break;
		made++;
	}
	if (made > 0)
		spool_count(s);
}

/* ---- what is left to do ---- */

/* Some of the rows whose batches are stored. False: there are no more, or it does not work now. */
static bool remove_stored(struct spool *s)
{
	int64_t ids[TIDY_AT_ONCE];
	size_t count = 0;
	struct err ignored;

	for (size_t i = 0; i < ledger_count(s->ledger) && count < TIDY_AT_ONCE; i++) {
		const struct ledger_entry *entry = ledger_at(s->ledger, i);

		if (entry->state == LEDGER_STORED && entry->has_row)
			ids[count++] = entry->id;
	}
	return count > 0 && spool_end(s, ids, count, &ignored) == 0;
}

void spool_make_room(struct spool *s)
{
	while (remove_stored(s))
		;
	spool_rows_shrink(s->rows);
}

void spool_tidy(struct spool *s)
{
	struct err ignored;

	pthread_mutex_lock(&s->lock);
	if (!s->rows)
		(void)!spool_rescue(s, NULL, "the file could not be opened", &ignored);
	if (s->rows) {
		remove_stored(s);
		put_notices(s);
		if (s->state.batches == 0 && spool_rows_log_bytes(s->rows) > 0)
			spool_rows_shrink(s->rows);
		if (spool_rows_broken(s->rows))
			(void)!spool_rescue(
				s, TAKE_PTR(s->rows), "SQLite cannot use the file", &ignored);
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- telling ---- */

static bool next_batch(struct spool *s, struct spool_damage *ret)
{
	for (size_t i = 0; i < ledger_count(s->ledger) && s->state.damaged > 0; i++) {
		struct ledger_entry *entry = ledger_at(s->ledger, i);

		if (entry->logged || entry->state != LEDGER_DAMAGED)
			continue;
		entry->logged = true;
		if (ledger_read(s->ledger, entry, &s->told) < 0)
			s->told = (struct ledger_note){.id = entry->id};
		*ret = (struct spool_damage){.kind = kind_of(entry),
			.batch = &s->told,
			.text = entry->missing ? "it is not in the file any more"
					       : "it is not what was put there"};
		return true;
	}
	return false;
}

static bool next_damage(struct spool *s, struct spool_damage *ret)
{
	if (!s->ledger_told) {
		s->ledger_told = true;
		*ret = (struct spool_damage){.kind = SPOOL_DAMAGE_LEDGER,
			.text = ledger_damaged_at(s->ledger) < 0 ? "it was not there: batches that "
								   "are missing are not missed"
								 : "it is damaged: batches that "
								   "are missing may not be missed"};
		return true;
	}
	if (s->file_text.len > 0) {
		buf_free(&s->file_said);
		s->file_said = s->file_text;
		s->file_text = BUF_INIT(s->file_said.max);
		*ret = (struct spool_damage){.kind = SPOOL_DAMAGE_FILE,
			.text = buf_str(&s->file_said) ? s->file_said.ptr
						       : "the file was put aside"};
		return true;
	}
	return next_batch(s, ret);
}

bool spool_next_damage(struct spool *s, struct spool_damage *ret)
{
	bool found;

	pthread_mutex_lock(&s->lock);
	found = next_damage(s, ret);
	pthread_mutex_unlock(&s->lock);
	return found;
}
