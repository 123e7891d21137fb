/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/spool_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auditsink/spool_ledger.h"
#include "common/base/clock.h"

/* The log is checkpointed from 4 MiB on; a large batch may make it longer for a while. */
#define LOG_KEEP "4194304"

enum statement { S_PUT, S_READ, S_REMOVE, S_FIND, S_LIST, S_UNUSED, S_COUNT };

static const char *const sql[S_COUNT] = {
	[S_PUT] = ("INSERT INTO batch (id, cluster, source, sha256, size_bytes, events, "
		   "quarantined, taken_us, rows, seq_at, quarantine_rows, received_us, oldest_us, "
		   "newest_us, late, ahead, truncated, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
		   "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"),
	[S_READ] = ("SELECT id, cluster, source, sha256, size_bytes, events, quarantined, "
		    "taken_us, rows, seq_at, quarantine_rows, received_us, oldest_us, newest_us, "
		    "late, ahead, truncated, digest FROM batch WHERE id = ?1"),
	[S_REMOVE] = "DELETE FROM batch WHERE id = ?1",
	[S_FIND] = ("SELECT id FROM batch WHERE sha256 = ?1 AND cluster = ?2 AND source = ?3 "
		    "ORDER BY id DESC LIMIT 1"),
	[S_LIST] = "SELECT id FROM batch ORDER BY id",
	[S_UNUSED] = ("SELECT freelist_count * page_size FROM pragma_freelist_count(), "
		      "pragma_page_size()"),
};

/* Columns of S_READ; S_PUT has them one further. */
enum {
	C_ID,
	C_CLUSTER,
	C_SOURCE,
	C_SHA256,
	C_SIZE,
	C_EVENTS,
	C_QUARANTINED,
	C_TAKEN,
	C_ROWS,
	C_SEQ_AT,
	C_QUARANTINE_ROWS,
	C_RECEIVED,
	C_OLDEST,
	C_NEWEST,
	C_LATE,
	C_AHEAD,
	C_TRUNCATED,
	C_DIGEST,
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS batch ("
	" id INTEGER PRIMARY KEY,"
	" cluster TEXT NOT NULL, source TEXT NOT NULL, sha256 BLOB NOT NULL,"
	" size_bytes INTEGER NOT NULL, events INTEGER NOT NULL, quarantined INTEGER NOT NULL,"
	" taken_us INTEGER NOT NULL,"
	" rows BLOB NOT NULL, seq_at BLOB NOT NULL, quarantine_rows BLOB NOT NULL,"
	" received_us INTEGER NOT NULL, oldest_us INTEGER NOT NULL, newest_us INTEGER NOT NULL,"
	" late INTEGER NOT NULL, ahead INTEGER NOT NULL, truncated INTEGER NOT NULL,"
	" digest BLOB NOT NULL);"
	"CREATE INDEX IF NOT EXISTS batch_body ON batch (sha256)";

struct spool_rows {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *statements[S_COUNT];
	struct sha256 *hash;
	int code; /* SQLite's, of the last call that failed */
	bool is_empty;
	dev_t device;
	ino_t inode;
};

static int fail(struct spool_rows *r, struct err *e, const char *what)
{
	r->code = sqlite3_errcode(r->db);
	return err_set(e, "spool %s: %s: %s", r->path, what, sqlite3_errmsg(r->db));
}

static int run(struct spool_rows *r, const char *text, struct err *e)
{
	return sqlite3_exec(r->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(r, e, "SQLite");
}

bool spool_rows_no_room(const struct spool_rows *r)
{
	return r->code == SQLITE_FULL || r->code == SQLITE_IOERR;
}

bool spool_rows_broken(const struct spool_rows *r)
{
	return r->code == SQLITE_CORRUPT || r->code == SQLITE_NOTADB;
}

/* ---- opening ---- */

/* Masked or not, the file is nobody else's business. */
static int make_private(struct spool_rows *r, struct err *e)
{
	int fd = open(r->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return err_set_errno(e, errno, "spool %s", r->path);
	if (fchmod(fd, 0600) < 0 || fstat(fd, &st) < 0) {
		close(fd);
		return err_set_errno(e, errno, "spool %s: cannot make it private", r->path);
	}
	r->is_empty = st.st_size == 0;
	r->device = st.st_dev;
	r->inode = st.st_ino;
	close(fd);
	return 0;
}

static int format_of(struct spool_rows *r, int *ret, struct err *e)
{
	sqlite3_stmt *q;
	int rc = -1;

	*ret = 0;
	if (sqlite3_prepare_v2(r->db, "PRAGMA user_version", -1, &q, NULL) != SQLITE_OK)
		return fail(r, e, "cannot be read; is it in use by another process?");
	if (sqlite3_step(q) == SQLITE_ROW) {
		*ret = sqlite3_column_int(q, 0);
		rc = 0;
	} else {
		fail(r, e, "cannot be read; is it in use by another process?");
	}
	sqlite3_finalize(q);
	return rc;
}

static int check_format(struct spool_rows *r, bool may_make, int *ret, struct err *e)
{
	if (format_of(r, ret, e) < 0)
		return -1;
	if (may_make && *ret != 0 && *ret != SPOOL_FORMAT)
		return err_set(e,
			"spool %s: written by another version (format %d, this one writes %d): "
			"let that version drain it first",
			r->path, *ret, SPOOL_FORMAT);
	return 0;
}

static int make_schema(struct spool_rows *r, struct err *e)
{
	char text[64];

	snprintf(text, sizeof(text), "PRAGMA user_version = %d", SPOOL_FORMAT);
	return run(r, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL", e) < 0 ||
			       run(r, "BEGIN IMMEDIATE", e) < 0 || run(r, schema, e) < 0 ||
			       run(r, text, e) < 0 || run(r, "COMMIT", e) < 0
		       ? -1
		       : 0;
}

/* Nothing is written where all is there: what is damaged must be found before that. */
static int set_up(struct spool_rows *r, bool may_make, struct err *e)
{
	int format;

	sqlite3_db_config(r->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* EXCLUSIVE: one process, held until it ends, however it ends. */
	if (run(r,
		    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; "
		    "PRAGMA cell_size_check = ON",
		    e) < 0 ||
		check_format(r, may_make, &format, e) < 0)
		return -1;
	if (format != SPOOL_FORMAT && !may_make) { /* whatever it says: it was one of ours */
		r->code = SQLITE_CORRUPT;
		return err_set(e, "spool %s: is damaged", r->path);
	}
	if (run(r, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = " LOG_KEEP, e) < 0 ||
		(format == 0 && make_schema(r, e) < 0) ||
		run(r, "PRAGMA journal_mode = WAL", e) < 0)
		return -1;
	for (int i = 0; i < S_COUNT; i++) {
		if (sqlite3_prepare_v3(r->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &r->statements[i], NULL) != SQLITE_OK)
			return fail(r, e, "cannot prepare");
	}
	return 0;
}

static void rows_free(struct spool_rows *r, bool orderly)
{
	if (!r)
		return;
	for (int i = 0; i < S_COUNT; i++)
		sqlite3_finalize(r->statements[i]);
	if (r->db)
		sqlite3_db_config(r->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !orderly, NULL);
	sqlite3_close(r->db);
	sha256_free(r->hash);
	free(r->path);
	free(r);
}

void spool_rows_close(struct spool_rows *r)
{
	rows_free(r, true);
}

void spool_rows_abandon(struct spool_rows *r)
{
	rows_free(r, false);
}
DEFINE_CLEANUP(struct spool_rows *, spool_rows_abandon)

int spool_rows_open(const char *path, bool may_make, struct spool_rows **ret, bool *ret_is_damaged,
	struct err *e)
{
	_cleanup_(spool_rows_abandonp) struct spool_rows *r = calloc(1, sizeof(*r));

	*ret_is_damaged = false;
	if (!r)
		return err_set(e, "out of memory");
	r->path = strdup(path);
	r->hash = sha256_new();
	if (!r->path || !r->hash)
		return err_set(e, "out of memory");
	if (make_private(r, e) < 0)
		return -1;
	if (r->is_empty && !may_make) { /* SQLite would remove the log of an empty file */
		*ret_is_damaged = true;
		return err_set(e, "spool %s: is empty", path);
	}
	if (sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK)
		return fail(r, e, "cannot open");
	sqlite3_busy_timeout(r->db, 1000);
	if (set_up(r, may_make, e) < 0) {
		*ret_is_damaged = spool_rows_broken(r) || r->code == SQLITE_ERROR;
		return -1;
	}
	*ret = TAKE_PTR(r);
	return 0;
}

/* ---- transactions ---- */

int spool_rows_begin(struct spool_rows *r, struct err *e)
{
	return run(r, "BEGIN IMMEDIATE", e);
}

int spool_rows_commit(struct spool_rows *r, struct err *e)
{
	return run(r, "COMMIT", e);
}

void spool_rows_rollback(struct spool_rows *r)
{
	sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Runs a statement that returns no rows. */
static int finish(struct spool_rows *r, sqlite3_stmt *q, struct err *e)
{
	int rc = sqlite3_step(q) == SQLITE_DONE ? 0 : fail(r, e, "SQLite");

	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return rc;
}

/* Of all that stands in a row, its number included: rows that changed places do not fit. */
static void digest_of(struct spool_rows *r, int64_t id, const struct batch *b, int64_t taken_us,
	uint8_t ret[SHA256_LEN])
{
	const int64_t numbers[] = {SPOOL_FORMAT, id, taken_us};

	sha256_reset(r->hash);
	sha256_add(r->hash, numbers, sizeof(numbers));
	batch_hash(b, r->hash);
	sha256_finish(r->hash, ret);
}

/* ---- rows ---- */

static void bind_buf(sqlite3_stmt *q, int at, const struct buf *b)
{
	sqlite3_bind_blob64(q, at, buf_span(b).ptr, b->len, SQLITE_STATIC);
}

int spool_rows_put(
	struct spool_rows *r, int64_t id, const struct batch *b, int64_t taken_us, struct err *e)
{
	sqlite3_stmt *q = r->statements[S_PUT];
	uint8_t digest[SHA256_LEN];

	digest_of(r, id, b, taken_us, digest);
	sqlite3_bind_int64(q, 1 + C_ID, id);
	sqlite3_bind_text(q, 1 + C_CLUSTER, b->cluster, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 1 + C_SOURCE, b->source, -1, SQLITE_STATIC);
	sqlite3_bind_blob(q, 1 + C_SHA256, b->sha256, sizeof(b->sha256), SQLITE_STATIC);
	sqlite3_bind_int64(q, 1 + C_SIZE, (int64_t)b->size_bytes);
	sqlite3_bind_int64(q, 1 + C_EVENTS, b->events);
	sqlite3_bind_int64(q, 1 + C_QUARANTINED, b->quarantined);
	sqlite3_bind_int64(q, 1 + C_TAKEN, taken_us);
	bind_buf(q, 1 + C_ROWS, &b->rows);
	bind_buf(q, 1 + C_SEQ_AT, &b->seq_at);
	bind_buf(q, 1 + C_QUARANTINE_ROWS, &b->quarantine_rows);
	sqlite3_bind_int64(q, 1 + C_RECEIVED, b->received_us);
	sqlite3_bind_int64(q, 1 + C_OLDEST, b->oldest_us);
	sqlite3_bind_int64(q, 1 + C_NEWEST, b->newest_us);
	sqlite3_bind_int64(q, 1 + C_LATE, b->late);
	sqlite3_bind_int64(q, 1 + C_AHEAD, b->ahead);
	sqlite3_bind_int64(q, 1 + C_TRUNCATED, b->truncated);
	sqlite3_bind_blob(q, 1 + C_DIGEST, digest, sizeof(digest), SQLITE_STATIC);
	return finish(r, q, e);
}

/* What does not fit its limit was not put there. */
static bool read_name(sqlite3_stmt *q, int column, char *ret, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(q, column);

	return text && (size_t)snprintf(ret, size, "%s", text) < size;
}

static int read_buf(sqlite3_stmt *q, int column, struct buf *ret)
{
	size_t len = (size_t)sqlite3_column_bytes(q, column);
	const void *data = sqlite3_column_blob(q, column);

	if (len > 0 && !data)
		return -1;
	*ret = BUF_INIT(len);
	buf_add(ret, data, len);
	return ret->failed ? -1 : 0;
}

static void read_numbers(sqlite3_stmt *q, struct batch *b)
{
	b->size_bytes = (size_t)sqlite3_column_int64(q, C_SIZE);
	b->events = (uint32_t)sqlite3_column_int64(q, C_EVENTS);
	b->quarantined = (uint32_t)sqlite3_column_int64(q, C_QUARANTINED);
	b->received_us = sqlite3_column_int64(q, C_RECEIVED);
	b->oldest_us = sqlite3_column_int64(q, C_OLDEST);
	b->newest_us = sqlite3_column_int64(q, C_NEWEST);
	b->late = (uint32_t)sqlite3_column_int64(q, C_LATE);
	b->ahead = (uint32_t)sqlite3_column_int64(q, C_AHEAD);
	b->truncated = (uint32_t)sqlite3_column_int64(q, C_TRUNCATED);
}

/* The row that the statement is at. */
static enum spool_read fill_batch(
	struct spool_rows *r, sqlite3_stmt *q, int64_t id, struct batch *b)
{
	uint8_t digest[SHA256_LEN];
	const void *stored;

	if (!read_name(q, C_CLUSTER, b->cluster, sizeof(b->cluster)) ||
		!read_name(q, C_SOURCE, b->source, sizeof(b->source)) ||
		sqlite3_column_bytes(q, C_SHA256) != SHA256_LEN ||
		sqlite3_column_bytes(q, C_DIGEST) != SHA256_LEN)
		return SPOOL_READ_CHANGED;
	memcpy(b->sha256, sqlite3_column_blob(q, C_SHA256), SHA256_LEN);
	read_numbers(q, b);
	if (read_buf(q, C_ROWS, &b->rows) < 0 || read_buf(q, C_SEQ_AT, &b->seq_at) < 0 ||
		read_buf(q, C_QUARANTINE_ROWS, &b->quarantine_rows) < 0)
		return sqlite3_errcode(r->db) == SQLITE_CORRUPT ? SPOOL_READ_CHANGED
								: SPOOL_READ_NO_MEMORY;
	digest_of(r, id, b, sqlite3_column_int64(q, C_TAKEN), digest);
	stored = sqlite3_column_blob(q, C_DIGEST);
	return stored && memcmp(stored, digest, SHA256_LEN) == 0 && batch_is_sound(b)
		       ? SPOOL_READ_OK
		       : SPOOL_READ_CHANGED;
}

enum spool_read spool_rows_read(
	struct spool_rows *r, int64_t id, struct batch **ret, int64_t *ret_taken_us)
{
	_cleanup_(batch_freep) struct batch *b = calloc(1, sizeof(*b));
	sqlite3_stmt *q = r->statements[S_READ];
	enum spool_read status = SPOOL_READ_NO_MEMORY;

	if (!b)
		return status;
	sqlite3_bind_int64(q, 1, id);
	switch (sqlite3_step(q)) {
	case SQLITE_ROW:
		status = fill_batch(r, q, id, b);
		break;
	case SQLITE_DONE:
		status = SPOOL_READ_MISSING;
		break;
	case SQLITE_NOMEM:
		break;
	default:
		status = SPOOL_READ_CHANGED;
	}
	if (status == SPOOL_READ_OK) {
		if (ret_taken_us)
			*ret_taken_us = sqlite3_column_int64(q, C_TAKEN);
		*ret = TAKE_PTR(b);
	}
	sqlite3_reset(q);
	return status;
}

int spool_rows_remove(struct spool_rows *r, int64_t id, struct err *e)
{
	sqlite3_bind_int64(r->statements[S_REMOVE], 1, id);
	return finish(r, r->statements[S_REMOVE], e);
}

int64_t spool_rows_find(struct spool_rows *r, const struct batch *b)
{
	sqlite3_stmt *q = r->statements[S_FIND];
	int64_t id = 0;

	sqlite3_bind_blob(q, 1, b->sha256, sizeof(b->sha256), SQLITE_STATIC);
	sqlite3_bind_text(q, 2, b->cluster, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 3, b->source, -1, SQLITE_STATIC);
	if (sqlite3_step(q) == SQLITE_ROW)
		id = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return id;
}

int spool_rows_list(struct spool_rows *r, int64_t **ret, size_t *ret_count, struct err *e)
{
	struct buf ids = BUF_INIT((size_t)1 << 30);
	sqlite3_stmt *q = r->statements[S_LIST];
	int rc;

	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(q, 0);

		buf_add(&ids, &id, sizeof(id));
	}
	if (rc != SQLITE_DONE)
		fail(r, e, "cannot be read");
	else if (ids.failed)
		err_set(e, "out of memory");
	sqlite3_reset(q);
	if (rc != SQLITE_DONE || ids.failed) {
		buf_free(&ids);
		return -1;
	}
	*ret = (int64_t *)(void *)ids.ptr;
	*ret_count = ids.len / sizeof(int64_t);
	return 0;
}

/* ---- the files ---- */

static void log_path(const char *path, char *ret, size_t size)
{
	snprintf(ret, size, "%s-wal", path);
}

size_t spool_rows_log_bytes(const struct spool_rows *r)
{
	char path[4096];
	struct stat st;

	log_path(r->path, path, sizeof(path));
	return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

size_t spool_rows_unused_bytes(struct spool_rows *r)
{
	sqlite3_stmt *q = r->statements[S_UNUSED];
	int64_t bytes = 0;

	if (sqlite3_step(q) == SQLITE_ROW)
		bytes = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return bytes > 0 ? (size_t)bytes : 0;
}

void spool_rows_shrink(struct spool_rows *r)
{
	sqlite3_exec(r->db, "PRAGMA incremental_vacuum", NULL, NULL, NULL);
	sqlite3_wal_checkpoint_v2(r->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

enum spool_place spool_rows_place(const struct spool_rows *r)
{
	struct stat st;

	if (stat(r->path, &st) < 0)
		return errno == ENOENT ? SPOOL_PLACE_GONE : SPOOL_PLACE_OURS;
	return st.st_dev == r->device && st.st_ino == r->inode ? SPOOL_PLACE_OURS
							       : SPOOL_PLACE_OTHER;
}
