/* SPDX-License-Identifier: Apache-2.0 */
/* What a piece of a test logs, or writes to stderr otherwise. One thread begins and ends it. */
#ifndef HOLDPOINT_TEST_SUPPORT_CAPTURE_H
#define HOLDPOINT_TEST_SUPPORT_CAPTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int saved_stderr = -1;
static FILE *capture;

static inline void capture_begin(void)
{
	capture = tmpfile();
	ck_assert_ptr_nonnull(capture);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(fileno(capture), STDERR_FILENO), 0);
}

/* What was written since capture_begin(). Free it. */
static inline char *capture_end(void)
{
	ck_assert_int_ge(dup2(saved_stderr, STDERR_FILENO), 0);
	close(saved_stderr);
	off_t len = lseek(fileno(capture), 0, SEEK_END);
	char *text = calloc(1, (size_t)len + 1);
	ck_assert_int_eq(pread(fileno(capture), text, (size_t)len, 0), len);
	fclose(capture);
	return text;
}

#endif
