/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a spool whose files are not what they were: every batch is handed out as it was
 * put there, or is told of. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "auditsink/spool_ledger.h"
#include "common/base/file.h"
#include "spool_support.h"
#include "support/run_tests.h"

#define BATCHES 24
#define FLIPS	170 /* of each kind of spool */

static const char *const suffixes[] = {"", "-wal", "-ledger"};
#define FILES ARRAY_LEN(suffixes)

static void path_of(size_t file, char ret[128])
{
	snprintf(ret, 128, "%s%s", path, suffixes[file]);
}

static void wipe(void)
{
	teardown();
	ck_assert_int_eq(mkdir(dir, 0700), 0);
}

/* In a process that ends without closing anything, so that SQLite's log stays. */
static void fill_and_die(unsigned from, unsigned to, unsigned drained)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct spool *s = open_spool(64 << 20);

		for (unsigned n = from; n <= to; n++)
			if (put(s, n % 2 ? "a" : "b", n, 1 + n * 13 % 60) < 0)
				_exit(1);
		for (unsigned n = 0; n < drained; n++)
			next(s, 1, 1, true);
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

static void fill_and_close(unsigned from, unsigned to)
{
	struct spool *s = open_spool(64 << 20);

	for (unsigned n = from; n <= to; n++)
		ck_assert_int_eq(put(s, n % 2 ? "a" : "b", n, 1 + n * 13 % 60), 0);
	spool_close(s);
}

static bool is_as_put(const struct batch *b)
{
	unsigned n = (unsigned)b->size_bytes;
	_cleanup_(batch_freep) struct batch *was = make(n % 2 ? "a" : "b", n, 1 + n * 13 % 60);

	return strcmp(b->cluster, was->cluster) == 0 && b->events == was->events &&
	       memcmp(b->sha256, was->sha256, SHA256_LEN) == 0 &&
	       span_eq(buf_span(&b->rows), buf_span(&was->rows)) &&
	       span_eq(buf_span(&b->seq_at), buf_span(&was->seq_at)) &&
	       span_eq(buf_span(&b->quarantine_rows), buf_span(&was->quarantine_rows));
}

struct outcome {
	unsigned good, lost, notices, named, other; /* other: of the ledger, the file */
};

static void take_damage(struct spool *s, struct outcome *o)
{
	struct spool_damage d;

	while (spool_next_damage(s, &d)) {
		ck_assert_ptr_nonnull(d.text);
		o->lost += d.batch != NULL;
		o->named += d.batch && d.batch->cluster[0] && d.batch->events > 0;
		o->other += !d.batch;
	}
}

/* As the drainer does, until nothing is left. Whatever is handed out is a notice or as it was. */
static struct outcome drain(struct spool *s)
{
	struct outcome o = {0};
	struct spooled got[PEEK_MAX];
	struct err e;

	for (int round = 0, n = 1; round < 200 && (n > 0 || round < 3); round++) {
		take_damage(s, &o);
		spool_tidy(s);
		n = spool_peek(s, got, PEEK_MAX, 1 << 20, &e);
		ck_assert_int_ge(n, 0);
		for (int i = 0; i < n; i++) {
			bool is_notice = got[i].batch->events == 0;

			ck_assert(is_notice || is_as_put(got[i].batch));
			o.good += !is_notice;
			o.notices += is_notice;
		}
		(void)!spool_remove(s, got, (unsigned)n, &e);
		for (int i = 0; i < n; i++)
			batch_free(got[i].batch);
	}
	ck_assert_uint_eq(state_of(s).batches, 0);
	ck_assert_uint_eq(state_of(s).bytes, 0);
	return o;
}

static struct outcome reopen_and_drain(void)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(64 << 20);

	return drain(s);
}

static void write_file(const char *name, struct span text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text.ptr, text.len), (ssize_t)text.len);
	close(fd);
}

static void read_files(struct buf kept[FILES])
{
	for (size_t i = 0; i < FILES; i++) {
		char name[128];

		path_of(i, name);
		kept[i] = BUF_INIT(64 << 20);
		if (access(name, F_OK) == 0)
			ck_assert_int_eq(file_read(name, &kept[i], NULL), 0);
	}
}

static void write_files(const struct buf kept[FILES])
{
	wipe();
	for (size_t i = 0; i < FILES; i++) {
		char name[128];

		path_of(i, name);
		if (kept[i].len > 0)
			write_file(name, buf_span(&kept[i]));
	}
}

/* ---- single bits ---- */

static void flip_one(struct buf kept[FILES], size_t file, size_t bit)
{
	char *byte = kept[file].ptr + bit / 8;

	*byte = (char)(*byte ^ 1 << bit % 8);
}

/* Bits all over the files: none makes a batch another one, or makes it vanish without a word. */
static void check_flips(unsigned drained)
{
	struct buf kept[FILES];
	unsigned noticed = 0, batches_lost = 0;

	read_files(kept);
	ck_assert_uint_gt(kept[2].len, 0);
	for (unsigned i = 0; i < FLIPS && kept[2].len > 0; i++) {
		size_t total = kept[0].len + kept[1].len + kept[2].len;
		/* Every third one in the ledger, which is short. */
		size_t at = i % 3 == 0 ? total - 1 - (i * 7919ul) % kept[2].len
				       : (i * 2654435761ul) % total;
		size_t file = at < kept[0].len ? 0 : at < kept[0].len + kept[1].len ? 1 : 2;
		struct outcome o;

		at -= file > 0 ? kept[0].len : 0;
		at -= file > 1 ? kept[1].len : 0;
		flip_one(kept, file, at * 8 + i % 8);
		write_files(kept);
		flip_one(kept, file, at * 8 + i % 8);
		o = reopen_and_drain();
		if (o.good + o.lost < BATCHES - drained || o.notices > o.lost)
			ck_abort_msg(
				"bit %u of byte %zu of the spool%s: %u good, %u lost, %u notices",
				i % 8, at, suffixes[file], o.good, o.lost, o.notices);
		noticed += o.lost > 0 || o.other > 0;
		batches_lost += o.lost;
	}
	printf("%u drained: of %d bits %u were noticed, %u batches told of as lost\n", drained,
		FLIPS, noticed, batches_lost);
	ck_assert_uint_gt(noticed, FLIPS / 4);
	for (size_t i = 0; i < FILES; i++)
		buf_free(&kept[i]);
}

START_TEST(spool__notices_flipped_bits_in_its_log)
{
	fill_and_die(1, BATCHES, 0);
	check_flips(0);
}
END_TEST

START_TEST(spool__notices_flipped_bits_in_its_file)
{
	fill_and_close(1, BATCHES);
	check_flips(0);
}
END_TEST

START_TEST(spool__notices_flipped_bits_in_file_and_log_while_it_drains)
{
	fill_and_close(1, BATCHES / 2);
	fill_and_die(BATCHES / 2 + 1, BATCHES, 5);
	check_flips(5);
}
END_TEST

/* ---- what is cut, or gone ---- */

/* Each file cut at a quarter of its length, and so on; and taken away. */
START_TEST(spool__notices_cut_and_missing_files)
{
	struct buf kept[FILES];

	fill_and_close(1, BATCHES / 2);
	fill_and_die(BATCHES / 2 + 1, BATCHES, 0);
	read_files(kept);
	for (size_t file = 0; file < FILES; file++) {
		for (size_t quarter = 0; quarter < 4; quarter++) {
			size_t len = kept[file].len;
			struct outcome o;

			kept[file].len = len * quarter / 4;
			write_files(kept);
			kept[file].len = len;
			o = reopen_and_drain();
			if (o.good + o.lost != BATCHES)
				ck_abort_msg("spool%s cut to %zu: %u good, %u lost, %u other",
					suffixes[file], len * quarter / 4, o.good, o.lost, o.other);
			if (file < 2)
				ck_assert_uint_gt(o.lost, 0);
			else
				ck_assert_uint_eq(o.lost, 0);
			ck_assert_uint_eq(o.named, o.lost);
			ck_assert_uint_eq(o.notices, o.lost);
		}
	}
	for (size_t i = 0; i < FILES; i++)
		buf_free(&kept[i]);
}
END_TEST

/* What is told once is not told again, and what is damaged is kept for who looks at it. */
START_TEST(spool__tells_once_and_goes_on)
{
	struct outcome o;
	char command[320];

	fill_and_die(1, 6, 0);
	snprintf(command, sizeof(command), "rm %s; touch %s", path, path);
	ck_assert_int_eq(system(command), 0);
	o = reopen_and_drain();
	ck_assert_uint_eq(o.lost, 6);
	ck_assert_uint_eq(o.notices, 6);
	ck_assert_uint_eq(o.other, 1);
	snprintf(command, sizeof(command), "test -s %s.damaged-*-wal", path);
	ck_assert_int_eq(system(command), 0);
	o = reopen_and_drain();
	ck_assert_uint_eq(o.lost + o.notices + o.other, 0);
	fill_and_close(7, 9);
	o = reopen_and_drain();
	ck_assert_uint_eq(o.good, 3);
}
END_TEST

/* As somebody with SQLite's shell would. */
static void tamper(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_gt(sqlite3_changes(db), 0);
	sqlite3_close(db);
}

/* A letter in a row, a row that is not there any more, two that changed places. */
START_TEST(spool__notices_each_changed_column)
{
	static const char *const harm[] = {"seq_at = x'ffffffff'", "seq_at = x''", "sha256 = x'00'",
		"rows = x'00'", "cluster = 'c'", "source = 'other'", "events = events + 1",
		"quarantined = 0", "taken_us = taken_us + 1", "received_us = 1", "oldest_us = 1",
		"newest_us = 1", "late = 1", "ahead = 1", "truncated = 1", "size_bytes = 9",
		"quarantine_rows = x'00'", "digest = x''", "digest = zeroblob(32)", "id = 77"};

	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		struct outcome o;
		char sql[128];

		wipe();
		fill_and_close(1, 3);
		snprintf(sql, sizeof(sql), "UPDATE batch SET %s WHERE id = 2", harm[i]);
		tamper(sql);
		o = reopen_and_drain();
		if (o.good != 2 || o.lost < 1 || o.named < 1 || o.notices < 1)
			ck_abort_msg("%s: %u good, %u lost, %u named, %u notices", harm[i], o.good,
				o.lost, o.named, o.notices);
	}
}
END_TEST

START_TEST(spool__notices_rows_that_are_gone_or_changed_places)
{
	struct outcome o;

	fill_and_close(1, 3);
	tamper("DELETE FROM batch WHERE id = 2");
	o = reopen_and_drain();
	ck_assert_uint_eq(o.good, 2);
	ck_assert_uint_eq(o.named, 1);
	wipe();
	fill_and_close(1, 3);
	tamper("UPDATE batch SET id = CASE id WHEN 1 THEN -2 ELSE -1 END WHERE id < 3; "
	       "UPDATE batch SET id = -id WHERE id < 0");
	o = reopen_and_drain();
	ck_assert_uint_eq(o.good, 1);
	ck_assert_uint_eq(o.named, 2);
}
END_TEST

/* A body that comes again is put there once more, if what there was of it is damaged. */
START_TEST(spool__takes_a_damaged_batch_again)
{
	struct spool *s;
	struct outcome o;

	fill_and_close(1, 2);
	tamper("UPDATE batch SET rows = x'00' WHERE id = 1");
	s = open_spool(64 << 20);
	ck_assert_int_eq(put(s, "a", 1, 14), 0);
	ck_assert_int_eq(put(s, "b", 2, 27), 0);
	o = drain(s);
	ck_assert_uint_eq(o.good, 2);
	ck_assert_uint_eq(o.lost, 1);
	spool_close(s);
}
END_TEST

/* ---- while it runs ---- */

START_TEST(spool__goes_on_when_its_files_are_removed)
{
	struct spool *s = open_spool(64 << 20);
	struct outcome o;
	char command[320];

	ck_assert_int_eq(put(s, "a", 1, 14), 0);
	snprintf(command, sizeof(command), "rm %s*", path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(put(s, "b", 2, 27), 0);
	spool_close(s);
	o = reopen_and_drain();
	ck_assert_uint_eq(o.good, 2);
	ck_assert_uint_eq(o.lost, 0);
}
END_TEST

/* No new file can be written: nothing is taken, nothing is lost, and it is tried again. */
START_TEST(spool__waits_for_room_for_a_new_file)
{
	struct spool *s = open_spool(64 << 20);
	struct rlimit before, tight;
	struct outcome o;
	char command[320];

	for (unsigned n = 1; n <= 9; n++)
		ck_assert_int_eq(put(s, n % 2 ? "a" : "b", n, 1 + n * 13 % 60), 0);
	snprintf(command, sizeof(command), "rm %s*", path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t limit = 0; limit <= 40960; limit += 8192) {
		tight = (struct rlimit){.rlim_cur = limit, .rlim_max = before.rlim_max};
		ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
		ck_assert_int_eq(put(s, "a", 11, 24), -1);
		ck_assert_uint_eq(state_of(s).damaged, 0);
		ck_assert_uint_eq(state_of(s).batches, 9);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(put(s, "a", 11, 24), 0);
	spool_close(s);
	o = reopen_and_drain();
	ck_assert_uint_eq(o.good, 10);
	ck_assert_uint_eq(o.lost, 0);
}
END_TEST

START_TEST(spool__takes_nothing_into_a_file_that_is_not_its_own)
{
	struct spool *s = open_spool(64 << 20);
	_cleanup_(batch_freep) struct batch *b = make("b", 2, 27);
	struct outcome o;
	struct err e;
	char command[512];

	ck_assert_int_eq(put(s, "a", 1, 14), 0);
	snprintf(command, sizeof(command), "cp %s %s.2 && mv %s.2 %s", path, path, path, path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(spool_put(s, b, WRITE_FAILED, &e), SPOOL_PUT_FAILED);
	ck_assert_ptr_nonnull(strstr(e.msg, "another file"));
	ck_assert(state_of(s).full);
	o = drain(s);
	ck_assert_uint_eq(o.good, 1);
	spool_close(s);
}
END_TEST

/* ---- room ---- */

/* No byte can be written any more: what is stored is handed out once all the same, and what comes
 * behind it is, too; when there is room again the rows go. */
START_TEST(spool__drains_on_a_full_disk)
{
	struct spool *s = open_spool(64 << 20);
	struct rlimit before, tight;
	struct outcome o;
	struct stat st;
	char wal[128];

	for (unsigned n = 1; n <= 9; n++)
		ck_assert_int_eq(put(s, n % 2 ? "a" : "b", n, 1 + n * 13 % 60), 0);
	path_of(1, wal);
	ck_assert_int_eq(stat(wal, &st), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = (struct rlimit){.rlim_cur = (rlim_t)st.st_size, .rlim_max = before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	o = drain(s);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_uint_eq(o.good, 9);
	ck_assert_uint_eq(o.lost, 0);
	spool_tidy(s);
	spool_close(s);
	o = reopen_and_drain();
	ck_assert_uint_eq(o.good + o.lost + o.other, 0);
}
END_TEST

/* Thousands that come and go leave a short ledger behind. */
START_TEST(spool__keeps_its_ledger_short)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(64 << 20);
	char ledger[128];
	struct stat st;

	path_of(2, ledger);
	for (unsigned n = 1; n <= 3000; n++) {
		ck_assert_int_eq(put(s, "a", n, 1), 0);
		if (n > 20)
			next(s, 1, 1, true);
	}
	ck_assert_int_eq(stat(ledger, &st), 0);
	ck_assert_int_lt(st.st_size, 600 << 10);
	ck_assert_uint_eq(state_of(s).batches, 20);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("spool_damage");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, spool__notices_flipped_bits_in_its_log);
	tcase_add_test(t, spool__notices_flipped_bits_in_its_file);
	tcase_add_test(t, spool__notices_flipped_bits_in_file_and_log_while_it_drains);
	tcase_add_test(t, spool__notices_cut_and_missing_files);
	tcase_add_test(t, spool__tells_once_and_goes_on);
	tcase_add_test(t, spool__notices_each_changed_column);
	tcase_add_test(t, spool__notices_rows_that_are_gone_or_changed_places);
	tcase_add_test(t, spool__takes_a_damaged_batch_again);
	tcase_add_test(t, spool__goes_on_when_its_files_are_removed);
	tcase_add_test(t, spool__waits_for_room_for_a_new_file);
	tcase_add_test(t, spool__takes_nothing_into_a_file_that_is_not_its_own);
	tcase_add_test(t, spool__drains_on_a_full_disk);
	tcase_add_test(t, spool__keeps_its_ledger_short);
	tcase_set_timeout(t, 240);
	return run_tests(t);
}
