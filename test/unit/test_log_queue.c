/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody who logs waits for whoever reads stderr, and no event floods the log. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/log_queue.h"
#include "support/capture.h"
#include "support/run_tests.h"

#define QUEUE_BYTES 65536

static unsigned count_of(const char *text, const char *needle)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, needle)); at++)
		n++;
	return n;
}

/* A second begins, so that no test meets the end of one. */
static void wait_for_a_second(void)
{
	int64_t begun = monotonic_ms() / 1000;

	while (monotonic_ms() / 1000 == begun)
		usleep(1000);
}

START_TEST(log__an_event_that_comes_too_often_is_counted)
{
	wait_for_a_second();
	capture_begin();
	for (int i = 0; i < 500; i++)
		log_warn("often", LOG_INT("n", i));
	log_warn("seldom");
	wait_for_a_second();
	log_warn("often", LOG_STR("then", "again"));
	log_warn("often", LOG_STR("and", "once more"));
	char *text = capture_end();

	ck_assert_uint_eq(count_of(text, "\"event\":\"often\""), LOG_EVENTS_PER_SECOND + 2);
	ck_assert_uint_eq(count_of(text, "\"event\":\"seldom\""), 1);
	ck_assert_uint_eq(count_of(text, "\"then\":\"again\",\"suppressed\":300}"), 1);
	ck_assert_uint_eq(count_of(text, "suppressed"), 1);
	free(text);
}
END_TEST

static void *log_often(void *arg)
{
	for (int i = 0; i < 1000; i++)
		log_info("often_in_threads", LOG_INT("n", i));
	return arg;
}

START_TEST(log__the_limit_holds_for_all_threads_together)
{
	pthread_t threads[4];

	wait_for_a_second();
	capture_begin();
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_often, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	char *text = capture_end();

	/* A slow machine may need more than one second. */
	ck_assert_uint_ge(count_of(text, "often_in_threads"), LOG_EVENTS_PER_SECOND);
	ck_assert_uint_lt(count_of(text, "often_in_threads"), 4000);
	free(text);
}
END_TEST

/* Stderr becomes a pipe that nobody reads; returns the end to read. */
static int stall_stderr(int *ret_saved)
{
	char block[4096] = {0};
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	*ret_saved = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], block, sizeof(block)) > 0) /* until it is full */
		;
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, 0), 0);
	close(ends[1]);
	return ends[0];
}

/* Lines of 5 KiB. */
static void log_lines(unsigned count)
{
	static char pad[LOG_STRING_MAX];
	const struct span s = {pad, sizeof(pad)};

	ck_assert_uint_le(count, LOG_EVENTS_PER_SECOND);
	memset(pad, 'x', sizeof(pad));
	wait_for_a_second();
	for (unsigned i = 0; i < count; i++)
		log_info("line", LOG_INT("n", i), LOG_SPAN("a", s), LOG_SPAN("b", s),
			LOG_SPAN("c", s), LOG_SPAN("d", s), LOG_SPAN("e", s), LOG_SPAN("f", s),
			LOG_SPAN("g", s), LOG_SPAN("h", s), LOG_SPAN("i", s), LOG_SPAN("j", s));
}

static char *read_all(int fd)
{
	static char text[2 << 20];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
		for (ssize_t i = 0; i < n; i++) /* what filled it */
			if (text[len + (size_t)i] == 0)
				text[len + (size_t)i] = ' ';
		len += (size_t)n;
	}
	text[len] = 0;
	return text;
}

START_TEST(log__a_reader_that_stalls_stops_nobody)
{
	int saved, fd = stall_stderr(&saved);
	const char *text;
	unsigned written;
	static const char said[] = "\"event\":\"log_lines_dropped\",\"lines\":";
	unsigned lost = 0; /* said once, or more than once */
	struct err e;

	ck_assert_int_eq(log_queue_start(QUEUE_BYTES, &e), 0);
	log_lines(150); /* the test's time is limited: it comes back from each of them */
	/* It reads again, and hears what was lost. */
	ck_assert_int_gt(fcntl(fd, F_SETPIPE_SZ, 1 << 20), 0);
	log_queue_stop(10000);
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	close(saved);
	text = read_all(fd);
	close(fd);
	written = count_of(text, "\"event\":\"line\"");
	ck_assert_uint_ge(written, 10); /* what the queue holds */
	ck_assert_uint_le(written, 13);
	for (const char *at = text; (at = strstr(at, said)); at++)
		lost += (unsigned)atoi(at + strlen(said));
	ck_assert_uint_eq(written + lost, 150);
}
END_TEST

START_TEST(log__the_end_waits_no_longer_than_it_was_told)
{
	int saved, fd = stall_stderr(&saved);
	int64_t since;
	struct err e;

	ck_assert_int_eq(log_queue_start(QUEUE_BYTES, &e), 0);
	log_lines(10);
	since = monotonic_ms();
	log_queue_stop(200);
	ck_assert_int_ge(monotonic_ms() - since, 200);
	ck_assert_int_lt(monotonic_ms() - since, 5000);
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	close(saved);
	close(fd); /* which ends the write */
}
END_TEST

START_TEST(log__what_waits_is_written_at_the_end)
{
	struct err e;

	capture_begin();
	ck_assert_int_eq(log_queue_start(QUEUE_BYTES, &e), 0);
	log_lines(11);
	log_queue_stop(10000);
	log_info("after");
	char *text = capture_end();

	ck_assert_uint_eq(count_of(text, "\"event\":\"line\""), 11);
	ck_assert_uint_eq(count_of(text, "\"event\":\"after\""), 1);
	ck_assert_ptr_null(strstr(text, "dropped"));
	/* In the order in which they were logged. */
	ck_assert(strstr(text, "\"n\":9,") < strstr(text, "\"n\":10,"));
	free(text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("log_queue");

	tcase_set_timeout(t, 60);
	signal(SIGPIPE, SIG_IGN);
	tcase_add_test(t, log__an_event_that_comes_too_often_is_counted);
	tcase_add_test(t, log__the_limit_holds_for_all_threads_together);
	tcase_add_test(t, log__a_reader_that_stalls_stops_nobody);
	tcase_add_test(t, log__what_waits_is_written_at_the_end);
	/* Last: its thread ends with the write that it is in. */
	tcase_add_test(t, log__the_end_waits_no_longer_than_it_was_told);
	return run_tests(t);
}
