/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auditsink/spool_ledger_internal.h"
#include "common/base/file.h"

/* Of the largest file that is read: some four million batches. */
#define FILE_BYTES_MAX ((size_t)1 << 30)

/* ---- reading the file ---- */

static int take_head(struct ledger *l, struct span payload)
{
	uint32_t version;

	if (payload.len != sizeof(version) + sizeof(int64_t))
		return -1;
	memcpy(&version, payload.ptr, sizeof(version));
	memcpy(&l->last_id, payload.ptr + sizeof(version), sizeof(int64_t));
	l->format = version;
	return version == SPOOL_FORMAT ? 0 : -1;
}

static int take_announced(struct ledger *l, struct span payload, int64_t at)
{
	struct ledger_note n;

	if (ledger_note_read(payload, &n) < 0 ||
		(l->count > 0 && n.id <= l->entries[l->count - 1].id))
		return -1;
	if (n.id > l->last_id)
		l->last_id = n.id;
	if (n.id > l->known_to)
		l->known_to = n.id;
	return ledger_add_entry(
		l, &(struct ledger_entry){
			   .id = n.id, .at = at, .bytes = n.bytes, .taken_us = n.taken_us});
}

static int take_confirmed(struct ledger *l, struct span payload)
{
	int64_t from = ledger_number_at(payload, 0), to = ledger_number_at(payload, 1);

	if (to > l->known_to)
		l->known_to = to;
	for (size_t i = l->count; i > 0 && l->entries[i - 1].id >= from; i--)
		l->entries[i - 1].certain |= l->entries[i - 1].id <= to;
	return 0;
}

static int take_ends(struct ledger *l, struct span payload, enum ledger_state state)
{
	for (size_t i = 0; i < payload.len / sizeof(int64_t); i++) {
		struct ledger_entry *entry = ledger_find(l, ledger_number_at(payload, i));

		if (entry)
			entry->state = (uint8_t)state;
	}
	return 0;
}

static int take_record(struct ledger *l, enum ledger_kind kind, struct span payload, int64_t at)
{
	switch (kind) {
	case LEDGER_HEAD:
		return take_head(l, payload);
	case LEDGER_ANNOUNCE:
		return take_announced(l, payload, at);
	case LEDGER_CONFIRM:
		return take_confirmed(l, payload);
	case LEDGER_GONE:
		return take_ends(l, payload, LEDGER_STORED);
	case LEDGER_NOTICED:
		return take_ends(l, payload, LEDGER_TOLD);
	}
	return -1;
}

/* Their ends may stand behind the damage. */
static void doubt_all(struct ledger *l)
{
	l->damaged_at = l->end;
	for (size_t i = 0; i < l->count; i++)
		l->entries[i].certain = false;
}

static void take_file(struct ledger *l, struct span file, struct sha256 *h)
{
	struct span rest = file;
	uint8_t chain[SHA256_LEN] = {0};

	for (;;) {
		struct ledger_record record;
		enum ledger_read status = ledger_record_read(rest, chain, h, &record);

		if (status == LEDGER_READ_END)
			return;
		if (status == LEDGER_READ_DAMAGED ||
			(l->end == 0) != (record.kind == LEDGER_HEAD) ||
			take_record(l, record.kind, record.payload, l->end) < 0) {
			doubt_all(l);
			return;
		}
		memcpy(l->chain, chain, sizeof(chain));
		l->end += (int64_t)record.len;
		rest = (struct span){rest.ptr + record.len, rest.len - record.len};
	}
}

static int read_file(struct ledger *l, struct err *e)
{
	_cleanup_(buf_free) struct buf file = BUF_INIT(FILE_BYTES_MAX);
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();

	if (!h)
		return err_set(e, "out of memory");
	if (file_read_fd(l->fd, &file, e) < 0)
		return err_prefix(e, "%s", l->path);
	l->was_new = file.len == 0;
	take_file(l, buf_span(&file), h);
	if (l->format != 0 && l->format != SPOOL_FORMAT)
		return err_set(e,
			"%s: written by another version (format %u, this one writes %d): let that "
			"version drain it first",
			l->path, l->format, SPOOL_FORMAT);
	/* A file that says nothing at all was cut, or zeroed: its first record is written whole. */
	if (file.len > 0 && l->end == 0)
		l->damaged_at = 0;
	return 0;
}

/* ---- opening ---- */

static int same_file(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

/* The lock says whose the spool is; a file that was replaced meanwhile is not the one to hold. */
static int open_locked(const char *path, const char *spool_path, int *ret, struct err *e)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return err_set_errno(
				e, errno, "spool %s: cannot open %s", spool_path, path);
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && same_file(fd, path)) {
			*ret = fd;
			return 0;
		}
		close(fd);
	}
	return err_set(e, "spool %s: locked: it is in use by another process", spool_path);
}

int ledger_open(const char *spool_path, struct ledger **ret, struct err *e)
{
	_cleanup_(ledger_closep) struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(e, "out of memory");
	l->fd = -1;
	l->damaged_at = -1;
	if (asprintf(&l->path, "%s-ledger", spool_path) < 0) {
		l->path = NULL;
		return err_set(e, "out of memory");
	}
	if (open_locked(l->path, spool_path, &l->fd, e) < 0 || read_file(l, e) < 0)
		return -1;
	*ret = TAKE_PTR(l);
	return 0;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	free(l->entries);
	free(l->path);
	free(l);
}

/* ---- anew ---- */

int ledger_keep_place(struct ledger *l, struct err *e)
{
	return same_file(l->fd, l->path) ? 0 : ledger_rewrite(l, e);
}

struct rewriting {
	struct buf out;
	uint8_t chain[SHA256_LEN];
	struct sha256 *h;
	int64_t *at; /* of the entries, in the new file */
};

static void rewrite_entries(const struct ledger *l, struct rewriting *w)
{
	int64_t range[2] = {0, l->last_id};

	for (size_t i = 0; i < ledger_count(l); i++) {
		const struct ledger_entry *entry = ledger_at(l, i);
		_cleanup_(buf_free) struct buf payload = BUF_INIT(LEDGER_RECORD_MAX);

		if (ledger_payload(l, entry->at, &payload) < 0) {
			w->out.failed = true;
			return;
		}
		w->at[i] = (int64_t)w->out.len;
		ledger_record_put(&w->out, w->chain, w->h, LEDGER_ANNOUNCE, buf_span(&payload));
	}
	ledger_record_put(&w->out, w->chain, w->h, LEDGER_CONFIRM,
		(struct span){(const char *)range, sizeof(range)});
	for (size_t i = 0; i < ledger_count(l); i++) {
		const struct ledger_entry *entry = ledger_at(l, i);
		struct span id = {(const char *)&entry->id, sizeof(entry->id)};

		if (entry->state == LEDGER_TOLD)
			ledger_record_put(&w->out, w->chain, w->h, LEDGER_NOTICED, id);
		else if (entry->state == LEDGER_STORED)
			ledger_record_put(&w->out, w->chain, w->h, LEDGER_GONE, id);
	}
}

static void reledger_write(const struct ledger *l, struct rewriting *w)
{
	const uint32_t version = SPOOL_FORMAT;
	char head[sizeof(version) + sizeof(l->last_id)];

	memcpy(head, &version, sizeof(version));
	memcpy(head + sizeof(version), &l->last_id, sizeof(l->last_id));
	ledger_record_put(&w->out, w->chain, w->h, LEDGER_HEAD, (struct span){head, sizeof(head)});
	rewrite_entries(l, w);
}

static void sync_folder(const char *path)
{
	_cleanup_(freep) char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	int fd;

	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

/* The new file has the lock before it has the name. */
static int put_in_place(struct ledger *l, struct span text, struct err *e)
{
	_cleanup_(freep) char *fresh = NULL;
	int fd;

	if (asprintf(&fresh, "%s.new", l->path) < 0) {
		fresh = NULL;
		return err_set(e, "out of memory");
	}
	unlink(fresh);
	fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(e, errno, "%s", fresh);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || ledger_write(fd, text, 0) < 0 || fsync(fd) < 0 ||
		rename(fresh, l->path) < 0) {
		err_set_errno(e, errno, "%s", fresh);
		close(fd);
		unlink(fresh);
		return -1;
	}
	sync_folder(l->path);
	close(l->fd);
	l->fd = fd;
	return 0;
}

int ledger_rewrite(struct ledger *l, struct err *e)
{
	struct rewriting w = {.out = BUF_INIT(FILE_BYTES_MAX), .h = sha256_new()};
	size_t count = ledger_count(l);
	int rc = -1;

	w.at = calloc(count + 1, sizeof(*w.at));
	if (w.h && w.at)
		reledger_write(l, &w);
	if (!w.h || !w.at || w.out.failed)
		err_set(e, "%s: cannot be written anew", l->path);
	else
		rc = put_in_place(l, buf_span(&w.out), e);
	if (rc == 0) {
		for (size_t i = 0; i < count; i++)
			ledger_at(l, i)->at = w.at[i];
		memcpy(l->chain, w.chain, sizeof(l->chain));
		l->end = (int64_t)w.out.len;
		l->room_to = 0;
		ledger_reserve_room(l);
	}
	sha256_free(w.h);
	free(w.at);
	buf_free(&w.out);
	return rc;
}
