/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "support/run_tests.h"

static char dir[64];
static struct err e;

static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static void setup(void)
{
	strcpy(dir, "/tmp/holdpoint-file-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(file__what_is_put_is_read)
{
	static char large[100001];
	const struct span texts[] = {SPAN(""), SPAN("a\0b"), {large, sizeof(large)}, SPAN("less")};

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		_cleanup_(buf_free) struct buf b = BUF_INIT(sizeof(large));

		ck_assert_int_eq(file_replace(path_of("x"), texts[i], &e), 0);
		ck_assert_int_eq(file_read(path_of("x"), &b, &e), 0);
		ck_assert(span_eq(buf_span(&b), texts[i]));
		ck_assert_int_ne(access(path_of("x.new"), F_OK), 0);
	}
}
END_TEST

START_TEST(file__too_large)
{
	_cleanup_(buf_free) struct buf fits = BUF_INIT(4), small = BUF_INIT(3);

	ck_assert_int_eq(file_replace(path_of("x"), SPAN("1234"), &e), 0);
	ck_assert_int_eq(file_read(path_of("x"), &fits, &e), 0);
	ck_assert_int_eq(file_read(path_of("x"), &small, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "/x: larger than 3 bytes"));
}
END_TEST

/* A folder can be opened, but not read: that must not pass for an empty file. */
START_TEST(file__not_readable)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(100);

	ck_assert_int_eq(file_read(path_of("none"), &b, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "/none: No such file"));
	ck_assert_int_eq(file_read(dir, &b, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "cannot be read: Is a directory"));
	ck_assert_int_eq(file_read_fd(-1, &b, &e), -1);
}
END_TEST

START_TEST(file__from_a_pipe_in_pieces)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(100);
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(write(fds[1], "ab", 2), 2);
	ck_assert_int_eq(write(fds[1], "c", 1), 1);
	close(fds[1]);
	ck_assert_int_eq(file_read_fd(fds[0], &b, &e), 0);
	close(fds[0]);
	ck_assert_str_eq(buf_str(&b), "abc");
}
END_TEST

START_TEST(file__replace_that_fails_leaves_the_old)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(100);

	ck_assert_int_eq(file_replace(path_of("none/x"), SPAN("a"), &e), -1);
	ck_assert_int_eq(file_replace(path_of("x"), SPAN("old"), &e), 0);
	ck_assert_int_eq(mkdir(path_of("x.new"), 0700), 0);
	ck_assert_int_eq(file_replace(path_of("x"), SPAN("new"), &e), -1);
	ck_assert_int_eq(file_read(path_of("x"), &b, &e), 0);
	ck_assert_str_eq(buf_str(&b), "old");
	/* what cannot be renamed leaves nothing behind */
	ck_assert_int_eq(mkdir(path_of("folder"), 0700), 0);
	ck_assert_int_eq(file_replace(path_of("folder"), SPAN("new"), &e), -1);
	ck_assert_int_ne(access(path_of("folder.new"), F_OK), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("file");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, file__what_is_put_is_read);
	tcase_add_test(t, file__too_large);
	tcase_add_test(t, file__not_readable);
	tcase_add_test(t, file__from_a_pipe_in_pieces);
	tcase_add_test(t, file__replace_that_fails_leaves_the_old);
	return run_tests(t);
}
