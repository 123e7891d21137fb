/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/spool_ledger_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that is no longer than this is not worth being made small. */
#define FILE_BYTES_KEEP ((int64_t)256 << 10)
#define FORGETS_EACH	64

/* ---- entries ---- */

size_t ledger_count(const struct ledger *l)
{
	return l->count - l->first;
}

struct ledger_entry *ledger_at(const struct ledger *l, size_t i)
{
	assert(i < ledger_count(l));
	return &l->entries[l->first + i];
}

struct ledger_entry *ledger_find(const struct ledger *l, int64_t id)
{
	size_t low = l->first, high = l->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->entries[mid].id == id)
			return &l->entries[mid];
		if (l->entries[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

int ledger_add_entry(struct ledger *l, const struct ledger_entry *entry)
{
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct ledger_entry *grown = reallocarray(l->entries, cap, sizeof(*grown));

		if (!grown)
			return -1;
		l->entries = grown;
		l->cap = cap;
	}
	l->entries[l->count++] = *entry;
	return 0;
}

/* ---- records ---- */

int ledger_write(int fd, struct span bytes, int64_t at)
{
	while (bytes.len > 0) {
		ssize_t n = pwrite(fd, bytes.ptr, bytes.len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes = (struct span){bytes.ptr + n, bytes.len - (size_t)n};
		at += n;
	}
	return 0;
}

/* Adds a record; where it begins in *ret_at, which may be NULL. */
static int append(struct ledger *l, enum ledger_kind kind, struct span payload, int64_t *ret_at,
	struct err *e)
{
	_cleanup_(buf_free) struct buf record = BUF_INIT(payload.len + 64);
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	uint8_t chain[SHA256_LEN];

	memcpy(chain, l->chain, sizeof(chain));
	if (h)
		ledger_record_put(&record, chain, h, kind, payload);
	if (!h || record.failed)
		return err_set(e, "%s: out of memory", l->path);
	if (ledger_write(l->fd, buf_span(&record), l->end) < 0)
		return err_set_errno(e, errno, "%s", l->path);
	if (ret_at)
		*ret_at = l->end;
	l->end += (int64_t)record.len;
	memcpy(l->chain, chain, sizeof(chain));
	return 0;
}

static int sync_file(struct ledger *l, struct err *e)
{
	return fdatasync(l->fd) == 0 ? 0 : err_set_errno(e, errno, "%s", l->path);
}

bool ledger_was_new(const struct ledger *l)
{
	return l->was_new;
}

int64_t ledger_damaged_at(const struct ledger *l)
{
	return l->damaged_at;
}

bool ledger_is_sound(const struct ledger *l)
{
	return l->end > 0 && l->damaged_at < 0;
}

int64_t ledger_last_id(const struct ledger *l)
{
	return l->last_id;
}

int64_t ledger_known_to(const struct ledger *l)
{
	return l->known_to;
}

int ledger_fd(const struct ledger *l)
{
	return l->fd;
}

int ledger_payload(const struct ledger *l, int64_t at, struct buf *ret)
{
	struct {
		uint32_t len;
		char kind;
	} __attribute__((packed)) head;

	if (pread(l->fd, &head, sizeof(head), at) != (ssize_t)sizeof(head) ||
		head.kind != LEDGER_ANNOUNCE || head.len > LEDGER_RECORD_MAX ||
		!buf_extend(ret, head.len))
		return -1;
	return pread(l->fd, ret->ptr, head.len, at + (int64_t)sizeof(head)) == (ssize_t)head.len
		       ? 0
		       : -1;
}

int ledger_read(const struct ledger *l, const struct ledger_entry *entry, struct ledger_note *ret)
{
	_cleanup_(buf_free) struct buf payload = BUF_INIT(LEDGER_RECORD_MAX);

	if (ledger_payload(l, entry->at, &payload) < 0 ||
		ledger_note_read(buf_span(&payload), ret) < 0)
		return -1;
	return ret->id == entry->id ? 0 : -1;
}

/* ---- what happens to batches ---- */

void ledger_reserve_room(struct ledger *l)
{
	int64_t want = l->end + (int64_t)(ledger_count(l) + 16) * LEDGER_ROOM_EACH;

	if (want <= l->room_to)
		return;
	want += 64 * LEDGER_ROOM_EACH;
	if (fallocate(l->fd, FALLOC_FL_KEEP_SIZE, l->end, want - l->end) == 0)
		l->room_to = want;
}

int ledger_announce(struct ledger *l, const struct ledger_note *note, struct err *e)
{
	_cleanup_(buf_free) struct buf payload = BUF_INIT(LEDGER_RECORD_MAX);
	struct ledger_entry entry = {
		.id = note->id, .bytes = note->bytes, .taken_us = note->taken_us, .has_row = true};

	assert(ledger_count(l) == 0 || note->id > l->entries[l->count - 1].id);
	ledger_note_put(&payload, note);
	if (payload.failed)
		return err_set(e, "%s: out of memory", l->path);
	ledger_reserve_room(l);
	if (append(l, LEDGER_ANNOUNCE, buf_span(&payload), &entry.at, e) < 0)
		return -1;
	if (note->id > l->last_id)
		l->last_id = note->id; /* whatever becomes of it */
	if (ledger_add_entry(l, &entry) < 0)
		return err_set(e, "%s: out of memory", l->path);
	return 0;
}

int ledger_confirm(struct ledger *l, int64_t from_id, struct err *e)
{
	const int64_t range[] = {from_id, l->last_id};

	for (size_t i = l->count; i > l->first && l->entries[i - 1].id >= from_id; i--)
		l->entries[i - 1].certain = true;
	if (append(l, LEDGER_CONFIRM, (struct span){(const char *)range, sizeof(range)}, NULL, e) <
		0)
		return -1;
	return sync_file(l, e);
}

void ledger_drop(struct ledger *l, int64_t from_id)
{
	while (l->count > l->first && l->entries[l->count - 1].id >= from_id)
		l->count--;
}

int ledger_note_gone(struct ledger *l, const int64_t *ids, size_t count, struct err *e)
{
	if (append(l, LEDGER_GONE, (struct span){(const char *)ids, count * sizeof(*ids)}, NULL,
		    e) < 0)
		return -1;
	return sync_file(l, e);
}

int ledger_note_told(struct ledger *l, int64_t id, struct err *e)
{
	if (append(l, LEDGER_NOTICED, (struct span){(const char *)&id, sizeof(id)}, NULL, e) < 0)
		return -1;
	return sync_file(l, e);
}

static bool is_forgotten(const struct ledger_entry *entry)
{
	return entry->state == LEDGER_STORED && !entry->has_row;
}

/* Those in the middle, too: one that stays behind must not keep all that came after it. */
static void close_gaps(struct ledger *l)
{
	size_t to = 0;

	for (size_t i = l->first; i < l->count; i++) {
		if (!is_forgotten(&l->entries[i]))
			l->entries[to++] = l->entries[i];
	}
	l->first = 0;
	l->count = to;
}

void ledger_forget(struct ledger *l)
{
	struct err ignored;

	while (l->first < l->count && is_forgotten(&l->entries[l->first]))
		l->first++;
	if (++l->forgets % FORGETS_EACH == 0)
		close_gaps(l);
	/* Only once four in five bytes are about what is gone. */
	if (l->end > FILE_BYTES_KEEP && l->end > (int64_t)ledger_count(l) * 5 * LEDGER_ROOM_EACH &&
		ledger_rewrite(l, &ignored) < 0)
		return; /* it is as it was, and is tried again */
}
