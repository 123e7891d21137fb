/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"

/* Raised when the columns of event_row.c change, as old rows would not fit the new list, or those
 * of this file. */
#define FORMAT 3

#define REFUSALS_MAX 3

enum statement { S_PUT, S_PEEK, S_REMOVE, S_REFUSE, S_DEAD, S_COUNT };

static const char *const sql[S_COUNT] = {
	[S_PUT] =
		("INSERT OR IGNORE INTO batch (cluster, source, sha256, size_bytes, events, "
		 "quarantined, taken_us, rows, seq_at, quarantine_rows, received_us, oldest_us, "
		 "newest_us, late, ahead, truncated) "
		 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"),
	[S_PEEK] = ("SELECT id, cluster, source, sha256, size_bytes, events, quarantined, rows, "
		    "seq_at, quarantine_rows, received_us, oldest_us, newest_us, late, ahead, "
		    "truncated FROM batch WHERE refused < ?1 ORDER BY id"),
	[S_REMOVE] = "DELETE FROM batch WHERE id = ?1",
	[S_REFUSE] = "UPDATE batch SET refused = refused + 1 WHERE id = ?1",
	[S_DEAD] = "UPDATE batch SET refused = ?2 WHERE id = ?1",
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS batch ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" cluster TEXT NOT NULL, source TEXT NOT NULL, sha256 BLOB NOT NULL,"
	" size_bytes INTEGER NOT NULL, events INTEGER NOT NULL, quarantined INTEGER NOT NULL,"
	" taken_us INTEGER NOT NULL, refused INTEGER NOT NULL DEFAULT 0,"
	" rows BLOB NOT NULL, seq_at BLOB NOT NULL, quarantine_rows BLOB NOT NULL,"
	" received_us INTEGER NOT NULL, oldest_us INTEGER NOT NULL, newest_us INTEGER NOT NULL,"
	" late INTEGER NOT NULL, ahead INTEGER NOT NULL, truncated INTEGER NOT NULL,"
	" UNIQUE (cluster, source, sha256));"
	"UPDATE batch SET refused = 0 WHERE refused > 0";

struct spool {
	char *path;
	size_t max_bytes;
	pthread_mutex_t lock;
	sqlite3 *db;
	sqlite3_stmt *statements[S_COUNT];
	struct spool_state state;
};

static int fail(struct spool *s, struct err *e, const char *what)
{
	return err_set(e, "spool %s: %s: %s", s->path, what, sqlite3_errmsg(s->db));
}

static int run(struct spool *s, const char *text, struct err *e)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, e, "SQLite");
}

static int64_t ask_number(struct spool *s, const char *text)
{
	sqlite3_stmt *q;
	int64_t v = -1;

	if (sqlite3_prepare_v2(s->db, text, -1, &q, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

/* What is in the file, asked after every change: the index on id makes that cheap but for the sums,
 * which are therefore kept up to date by hand. */
static void ask_oldest(struct spool *s)
{
	int64_t v = ask_number(s, "SELECT taken_us FROM batch ORDER BY id LIMIT 1");

	s->state.oldest_us = v > 0 ? v : 0;
}

/* ---- opening ---- */

/* Masked or not, the file is nobody else's business. */
static int make_private(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set_errno(e, errno, "spool %s", path);
	if (fchmod(fd, 0600) < 0) {
		close(fd);
		return err_set_errno(e, errno, "spool %s: cannot make it private", path);
	}
	close(fd);
	return 0;
}

static int check_format(struct spool *s, struct err *e)
{
	int64_t format = ask_number(s, "PRAGMA user_version");

	if (format < 0)
		return fail(s, e, "cannot be read; is it in use by another process?");
	if (format != 0 && format != FORMAT)
		return err_set(e,
			"spool %s: written by another version (format %lld, this one writes %d): "
			"let that version drain it first",
			s->path, (long long)format, FORMAT);
	return 0;
}

static int set_up(struct spool *s, struct err *e)
{
	char text[64];

	/* EXCLUSIVE: one process, held until it ends, however it ends. */
	if (run(s,
		    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; "
		    "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF",
		    e) < 0 ||
		check_format(s, e) < 0)
		return -1;
	snprintf(text, sizeof(text), "PRAGMA user_version = %d", FORMAT);
	if (run(s, schema, e) < 0 || run(s, text, e) < 0)
		return -1;
	for (int i = 0; i < S_COUNT; i++) {
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &s->statements[i], NULL) != SQLITE_OK)
			return fail(s, e, "cannot prepare");
	}
	s->state.batches = (uint64_t)ask_number(s, "SELECT count(*) FROM batch");
	s->state.bytes = (uint64_t)ask_number(s,
		"SELECT coalesce(sum(length(rows) + length(seq_at) + length(quarantine_rows)), 0) "
		"FROM batch");
	ask_oldest(s);
	return 0;
}

int spool_open(const char *path, size_t max_bytes, struct spool **ret, struct err *e)
{
	_cleanup_(spool_closep) struct spool *s = NULL;

	if (make_private(path, e) < 0)
		return -1;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, "out of memory");
	pthread_mutex_init(&s->lock, NULL);
	s->max_bytes = max_bytes;
	s->path = strdup(path);
	if (!s->path)
		return err_set(e, "out of memory");
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK)
		return fail(s, e, "cannot open");
	sqlite3_busy_timeout(s->db, 1000);
	if (set_up(s, e) < 0)
		return -1;
	*ret = TAKE_PTR(s);
	return 0;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	for (int i = 0; i < S_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

/* ---- taking in ---- */

static size_t bytes_of(const struct batch *b)
{
	return b->rows.len + b->seq_at.len + b->quarantine_rows.len;
}

static void bind_buf(sqlite3_stmt *q, int at, const struct buf *b)
{
	sqlite3_bind_blob64(q, at, buf_span(b).ptr, b->len, SQLITE_STATIC);
}

/* Runs a statement that returns no rows. */
static int finish(struct spool *s, sqlite3_stmt *q, struct err *e)
{
	int rc = sqlite3_step(q) == SQLITE_DONE ? 0 : fail(s, e, "SQLite");

	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return rc;
}

static int put_one(struct spool *s, const struct batch *b, int64_t now, struct err *e)
{
	sqlite3_stmt *q = s->statements[S_PUT];

	sqlite3_bind_text(q, 1, b->cluster, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, b->source, -1, SQLITE_STATIC);
	sqlite3_bind_blob(q, 3, b->sha256, sizeof(b->sha256), SQLITE_STATIC);
	sqlite3_bind_int64(q, 4, (int64_t)b->size_bytes);
	sqlite3_bind_int64(q, 5, b->events);
	sqlite3_bind_int64(q, 6, b->quarantined);
	sqlite3_bind_int64(q, 7, now);
	bind_buf(q, 8, &b->rows);
	bind_buf(q, 9, &b->seq_at);
	bind_buf(q, 10, &b->quarantine_rows);
	sqlite3_bind_int64(q, 11, b->received_us);
	sqlite3_bind_int64(q, 12, b->oldest_us);
	sqlite3_bind_int64(q, 13, b->newest_us);
	sqlite3_bind_int64(q, 14, b->late);
	sqlite3_bind_int64(q, 15, b->ahead);
	sqlite3_bind_int64(q, 16, b->truncated);
	return finish(s, q, e);
}

static int put_all(struct spool *s, const struct batch *list, enum write_status status,
	struct spool_state *state, struct err *e)
{
	int64_t now = realtime_us();

	for (const struct batch *b = list; b; b = b->next) {
		if (b->status != status)
			continue;
		if (bytes_of(b) > s->max_bytes || state->bytes > s->max_bytes - bytes_of(b)) {
			state->full = true;
			return err_set(e, "spool %s: full (%zu bytes)", s->path, s->max_bytes);
		}
		if (put_one(s, b, now, e) < 0)
			return -1;
		if (sqlite3_changes(s->db) == 0) /* it was there */
			continue;
		state->batches++;
		state->bytes += bytes_of(b);
		if (state->oldest_us == 0)
			state->oldest_us = now;
	}
	state->full = false;
	return 0;
}

/* The disk, not this file's own bound. */
static bool disk_is_full(struct spool *s)
{
	int code = sqlite3_errcode(s->db);

	return code == SQLITE_FULL || code == SQLITE_IOERR;
}

int spool_put(struct spool *s, const struct batch *list, enum write_status status, struct err *e)
{
	struct spool_state state;
	struct err ignored;
	int rc;

	pthread_mutex_lock(&s->lock);
	state = s->state;
	rc = run(s, "BEGIN IMMEDIATE", e);
	if (rc == 0) {
		rc = put_all(s, list, status, &state, e);
		if (rc == 0)
			rc = run(s, "COMMIT", e);
		if (rc < 0) {
			state.full |= disk_is_full(s);
			run(s, "ROLLBACK", &ignored);
		}
	}
	if (rc == 0)
		s->state = state;
	else
		s->state.full = state.full;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* ---- handing out ---- */

static int read_buf(sqlite3_stmt *q, int column, struct buf *ret)
{
	size_t len = (size_t)sqlite3_column_bytes(q, column);

	*ret = BUF_INIT(len);
	buf_add(ret, sqlite3_column_blob(q, column), len);
	return ret->failed ? -1 : 0;
}

enum read_status { READ_OK, READ_NO_MEMORY, READ_DAMAGED };

/* The row that the statement is at. Damaged: not what spool_put() wrote. */
static enum read_status fill_batch(sqlite3_stmt *q, struct batch *b)
{
	const char *cluster = (const char *)sqlite3_column_text(q, 1);
	const char *source = (const char *)sqlite3_column_text(q, 2);

	if (!cluster || !source)
		return READ_NO_MEMORY;
	if (sqlite3_column_bytes(q, 3) != SHA256_LEN)
		return READ_DAMAGED;
	snprintf(b->cluster, sizeof(b->cluster), "%s", cluster);
	snprintf(b->source, sizeof(b->source), "%s", source);
	memcpy(b->sha256, sqlite3_column_blob(q, 3), SHA256_LEN);
	b->size_bytes = (size_t)sqlite3_column_int64(q, 4);
	b->events = (uint32_t)sqlite3_column_int64(q, 5);
	b->quarantined = (uint32_t)sqlite3_column_int64(q, 6);
	b->received_us = sqlite3_column_int64(q, 10);
	b->oldest_us = sqlite3_column_int64(q, 11);
	b->newest_us = sqlite3_column_int64(q, 12);
	b->late = (uint32_t)sqlite3_column_int64(q, 13);
	b->ahead = (uint32_t)sqlite3_column_int64(q, 14);
	b->truncated = (uint32_t)sqlite3_column_int64(q, 15);
	if (read_buf(q, 7, &b->rows) < 0 || read_buf(q, 8, &b->seq_at) < 0 ||
		read_buf(q, 9, &b->quarantine_rows) < 0)
		return READ_NO_MEMORY;
	return batch_is_sound(b) ? READ_OK : READ_DAMAGED;
}

static enum read_status read_batch(sqlite3_stmt *q, struct spooled *ret)
{
	_cleanup_(batch_freep) struct batch *b = calloc(1, sizeof(*b));
	enum read_status status = b ? fill_batch(q, b) : READ_NO_MEMORY;

	ret->id = sqlite3_column_int64(q, 0);
	ret->batch = status == READ_OK ? TAKE_PTR(b) : NULL;
	return status;
}

static void count_refused(struct spool *s)
{
	char text[64];

	snprintf(
		text, sizeof(text), "SELECT count(*) FROM batch WHERE refused >= %d", REFUSALS_MAX);
	s->state.refused = (uint64_t)ask_number(s, text);
}

/* A batch that cannot be read must not keep those behind it from being stored. */
static int make_dead_letter(struct spool *s, int64_t id, struct err *e)
{
	sqlite3_reset(s->statements[S_PEEK]);
	sqlite3_bind_int64(s->statements[S_DEAD], 1, id);
	sqlite3_bind_int(s->statements[S_DEAD], 2, REFUSALS_MAX);
	if (finish(s, s->statements[S_DEAD], e) < 0)
		return -1;
	count_refused(s);
	return err_set(
		e, "spool %s: batch %lld is damaged and stays behind", s->path, (long long)id);
}

static int peek(struct spool *s, struct spooled *ret, unsigned max, size_t max_bytes, struct err *e)
{
	sqlite3_stmt *q = s->statements[S_PEEK];
	size_t bytes = 0;
	unsigned count = 0;

	sqlite3_bind_int(q, 1, REFUSALS_MAX);
	while (count < max && bytes < max_bytes) {
		int rc = sqlite3_step(q);
		enum read_status status;

		if (rc == SQLITE_DONE)
			break;
		if (rc != SQLITE_ROW)
			return fail(s, e, "cannot be read");
		status = read_batch(q, &ret[count]);
		if (status != READ_OK && count > 0)
			break;
		if (status == READ_DAMAGED)
			return make_dead_letter(s, ret[0].id, e);
		if (status == READ_NO_MEMORY)
			return err_set(e, "spool %s: no memory for batch %lld", s->path,
				(long long)ret[0].id);
		if (strcmp(ret[count].batch->cluster, ret[0].batch->cluster) != 0) {
			batch_free(ret[count].batch);
			break;
		}
		ret[count].bytes = bytes_of(ret[count].batch);
		bytes += ret[count++].bytes;
	}
	return (int)count;
}

int spool_peek(struct spool *s, struct spooled *ret, unsigned max, size_t max_bytes, struct err *e)
{
	int count;

	pthread_mutex_lock(&s->lock);
	count = peek(s, ret, max, max_bytes, e);
	sqlite3_reset(s->statements[S_PEEK]);
	pthread_mutex_unlock(&s->lock);
	return count;
}

static int remove_all(struct spool *s, const struct spooled *list, unsigned count, struct err *e)
{
	for (unsigned i = 0; i < count; i++) {
		sqlite3_bind_int64(s->statements[S_REMOVE], 1, list[i].id);
		if (finish(s, s->statements[S_REMOVE], e) < 0)
			return -1;
	}
	return 0;
}

int spool_remove(struct spool *s, const struct spooled *list, unsigned count, struct err *e)
{
	struct err ignored;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = run(s, "BEGIN IMMEDIATE", e);
	if (rc == 0) {
		rc = remove_all(s, list, count, e);
		if (rc == 0)
			rc = run(s, "COMMIT", e);
		if (rc < 0)
			run(s, "ROLLBACK", &ignored);
	}
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		assert(s->state.batches > 0 && s->state.bytes >= list[i].bytes);
		s->state.batches--;
		s->state.bytes -= list[i].bytes;
		s->state.full = false;
	}
	if (rc == 0)
		ask_oldest(s);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int spool_refuse(struct spool *s, const struct spooled *one, struct err *e)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	sqlite3_bind_int64(s->statements[S_REFUSE], 1, one->id);
	rc = finish(s, s->statements[S_REFUSE], e);
	count_refused(s);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void spool_get_state(struct spool *s, struct spool_state *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->state;
	pthread_mutex_unlock(&s->lock);
}
