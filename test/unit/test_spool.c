/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool_support.h"
#include "support/run_tests.h"

START_TEST(spool__gives_back_what_it_took)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(1 << 20);
	_cleanup_(batch_freep) struct batch *b = make("c", 7, 3);
	struct spooled got;
	struct err e;

	ck_assert_int_eq(spool_put(s, b, WRITE_FAILED, &e), 0);
	ck_assert_int_eq(spool_peek(s, &got, 1, 1, &e), 1);
	ck_assert_str_eq(got.batch->cluster, "c");
	ck_assert_str_eq(got.batch->source, "source");
	ck_assert_mem_eq(got.batch->sha256, b->sha256, SHA256_LEN);
	ck_assert_uint_eq(got.batch->size_bytes, 7);
	ck_assert_uint_eq(got.batch->events, 3);
	ck_assert_uint_eq(got.batch->quarantined, 1);
	ck_assert(span_eq(buf_span(&got.batch->rows), buf_span(&b->rows)));
	ck_assert(span_eq(buf_span(&got.batch->seq_at), buf_span(&b->seq_at)));
	ck_assert(span_eq(buf_span(&got.batch->quarantine_rows), buf_span(&b->quarantine_rows)));
	batch_free(got.batch);
}
END_TEST

START_TEST(spool__oldest_first_and_one_cluster_at_a_time)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(1 << 20);

	ck_assert_str_eq(next(s, 9, 1 << 20, false), "");
	put(s, "a", 1, 1);
	put(s, "a", 2, 1);
	put(s, "b", 3, 1);
	put(s, "a", 4, 1);
	ck_assert_str_eq(next(s, 9, 1 << 20, false), "1 2");
	ck_assert_str_eq(next(s, 9, 1 << 20, true), "1 2");
	ck_assert_str_eq(next(s, 9, 1 << 20, true), "3");
	ck_assert_uint_ne((uint64_t)state_of(s).oldest_us, 0);
	ck_assert_str_eq(next(s, 9, 1 << 20, true), "4");
	ck_assert_str_eq(next(s, 9, 1 << 20, true), "");
	ck_assert_uint_eq(state_of(s).batches, 0);
	ck_assert_uint_eq(state_of(s).bytes, 0);
	ck_assert_uint_eq((uint64_t)state_of(s).oldest_us, 0);
}
END_TEST

START_TEST(spool__groups_keep_their_limits)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(1 << 20);

	for (unsigned i = 1; i <= 5; i++)
		put(s, "a", i, 10); /* 1043 bytes each */
	ck_assert_str_eq(next(s, 2, 1 << 20, false), "1 2");
	ck_assert_str_eq(next(s, 9, 1, false), "1");
	ck_assert_str_eq(next(s, 9, 1500, false), "1 2");
}
END_TEST

START_TEST(spool__takes_only_what_failed_and_nothing_twice)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(1 << 20);
	struct batch *a = make("c", 1, 1), *b = make("c", 2, 1), *c = make("c", 3, 1);
	uint64_t bytes;
	struct err e;

	a->next = b;
	b->next = c;
	b->status = WRITE_STORED;
	ck_assert_int_eq(spool_put(s, a, WRITE_FAILED, &e), 0);
	bytes = state_of(s).bytes;
	ck_assert_int_eq(spool_put(s, a, WRITE_FAILED, &e), 0);
	ck_assert_uint_eq(state_of(s).batches, 2);
	ck_assert_uint_eq(state_of(s).bytes, bytes);
	ck_assert_str_eq(next(s, 9, 1 << 20, false), "1 3");
	batch_free(a);
	batch_free(b);
	batch_free(c);
}
END_TEST

START_TEST(spool__a_full_one_takes_all_of_a_list_or_nothing)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(2500);
	struct batch *a = make("c", 1, 10), *b = make("c", 2, 10), *c = make("c", 3, 10);
	struct err e;

	a->next = b;
	b->next = c;
	ck_assert_int_eq(spool_put(s, a, WRITE_FAILED, &e), SPOOL_PUT_FULL);
	ck_assert_ptr_nonnull(strstr(e.msg, "full"));
	ck_assert(state_of(s).full);
	ck_assert_uint_eq(state_of(s).batches, 0);
	b->next = NULL;
	ck_assert_int_eq(spool_put(s, a, WRITE_FAILED, &e), 0);
	ck_assert(!state_of(s).full);
	ck_assert_int_eq(spool_put(s, c, WRITE_FAILED, &e), SPOOL_PUT_FULL);
	ck_assert(state_of(s).full);
	next(s, 1, 1, true);
	ck_assert(!state_of(s).full);
	ck_assert_int_eq(spool_put(s, c, WRITE_FAILED, &e), 0);
	ck_assert_str_eq(next(s, 9, 1 << 20, false), "2 3");
	batch_free(a);
	batch_free(b);
	batch_free(c);
}
END_TEST

/* A child takes two in and dies without closing anything. */
START_TEST(spool__survives_a_killed_process)
{
	_cleanup_(spool_closep) struct spool *s = NULL;
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct spool *mine = open_spool(1 << 20);

		if (put(mine, "a", 1, 1) < 0 || put(mine, "a", 2, 2) < 0)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	s = open_spool(1 << 20);
	ck_assert_uint_eq(state_of(s).batches, 2);
	ck_assert_uint_eq(state_of(s).bytes, 104 + 1 + 208 + 1);
	ck_assert_str_eq(next(s, 9, 1 << 20, false), "1 2");
}
END_TEST

START_TEST(spool__refused_ones_stay_behind_until_the_next_start)
{
	struct spool *s = open_spool(1 << 20);
	struct spooled got;
	struct err e;

	put(s, "a", 1, 1);
	put(s, "a", 2, 1);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(spool_peek(s, &got, 1, 1, &e), 1);
		ck_assert_uint_eq(got.batch->size_bytes, 1);
		spool_refuse(s, &got);
		batch_free(got.batch);
	}
	ck_assert_str_eq(next(s, 9, 1 << 20, false), "2");
	ck_assert_uint_eq(state_of(s).refused, 1);
	spool_close(s);
	s = open_spool(1 << 20);
	ck_assert_str_eq(next(s, 9, 1 << 20, false), "1 2");
	spool_close(s);
}
END_TEST

START_TEST(spool__is_private_and_belongs_to_one)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(1 << 20);
	struct spool *other;
	struct stat st;
	struct err e;
	char wal[128];

	put(s, "a", 1, 1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	ck_assert_int_eq(stat(wal, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(spool_open(path, 1 << 20, 0, &other, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, path));
	ck_assert_ptr_nonnull(strstr(e.msg, "locked"));
}
END_TEST

START_TEST(spool__what_is_no_spool_is_refused)
{
	FILE *f = fopen(path, "w");
	struct spool *s;
	struct err e;
	char none[128];

	fprintf(f, "%0512d", 7);
	fclose(f);
	ck_assert_int_eq(spool_open(path, 1 << 20, 0, &s, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, path));
	snprintf(none, sizeof(none), "%s/none/spool", dir);
	ck_assert_int_eq(spool_open(none, 1 << 20, 0, &s, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "No such file"));
}
END_TEST

/* A disk without room: none is taken, which shows, and what is there is not harmed. */
START_TEST(spool__a_full_disk_is_a_full_spool)
{
	_cleanup_(spool_closep) struct spool *s = open_spool(64 << 20);
	struct rlimit before, tight;
	int rc;

	put(s, "a", 1, 1);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = (struct rlimit){.rlim_cur = 64 << 10, .rlim_max = before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	rc = put(s, "a", 2, 5000);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(rc, -1);
	ck_assert(state_of(s).full);
	ck_assert_uint_eq(state_of(s).batches, 1);
	ck_assert_int_eq(put(s, "a", 2, 5000), 0);
	ck_assert(!state_of(s).full);
	ck_assert_str_eq(next(s, 9, 64 << 20, false), "1 2");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("spool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, spool__gives_back_what_it_took);
	tcase_add_test(t, spool__oldest_first_and_one_cluster_at_a_time);
	tcase_add_test(t, spool__groups_keep_their_limits);
	tcase_add_test(t, spool__takes_only_what_failed_and_nothing_twice);
	tcase_add_test(t, spool__a_full_one_takes_all_of_a_list_or_nothing);
	tcase_add_test(t, spool__survives_a_killed_process);
	tcase_add_test(t, spool__refused_ones_stay_behind_until_the_next_start);
	tcase_add_test(t, spool__is_private_and_belongs_to_one);
	tcase_add_test(t, spool__what_is_no_spool_is_refused);
	tcase_add_test(t, spool__a_full_disk_is_a_full_spool);
	tcase_set_timeout(t, 60);
	return run_tests(t);
}
