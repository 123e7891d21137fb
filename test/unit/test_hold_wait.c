/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for a human while PostgreSQL is away: their time is kept all the same. */
#include "webhook/hold/hold_wait.h"

#include <check.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "support/run_tests.h"

/* Nobody listens there. */
#define NO_DATABASE "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"

static struct hold_wait *w;
static _Atomic unsigned over, decided;

static void setup(void)
{
	struct err e;

	atomic_store(&over, 0);
	atomic_store(&decided, 0);
	ck_assert_msg(hold_wait_open(NO_DATABASE, 3, NULL, &w, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	hold_wait_close(w);
}

static void count(bool was_decided, void *arg)
{
	(void)arg;
	atomic_fetch_add(was_decided ? &decided : &over, 1);
}

static uint64_t in_ms(int64_t ms)
{
	return (uint64_t)(monotonic_us() + ms * 1000);
}

static void wait_until_over(unsigned n)
{
	for (int i = 0; i < 1000 && atomic_load(&over) < n; i++)
		usleep(10000);
	ck_assert_uint_eq(atomic_load(&over), n);
}

START_TEST(hold_wait__ends_when_the_time_is_over)
{
	int64_t began = monotonic_us();

	ck_assert_int_eq(hold_wait_add(w, 42, in_ms(200), count, NULL), 0);
	ck_assert_int_eq(hold_wait_add(w, 42, in_ms(60000), count, NULL), 0);
	wait_until_over(1);
	ck_assert_int_ge(monotonic_us() - began, 200000);
	ck_assert_uint_eq(atomic_load(&decided), 0);
}
END_TEST

START_TEST(hold_wait__no_more_than_the_maximum)
{
	for (int64_t id = 1; id <= 3; id++)
		ck_assert_int_eq(hold_wait_add(w, id, in_ms(100), count, NULL), 0);
	ck_assert_int_eq(hold_wait_add(w, 4, in_ms(100), count, NULL), -1);
	wait_until_over(3);
	ck_assert_int_eq(hold_wait_add(w, 4, in_ms(100), count, NULL), 0);
	wait_until_over(4);
}
END_TEST

/* An orderly stop leaves nobody without an answer. */
START_TEST(hold_wait__stopping_ends_every_wait)
{
	for (int64_t id = 1; id <= 3; id++)
		ck_assert_int_eq(hold_wait_add(w, id, in_ms(600000), count, NULL), 0);
	hold_wait_stop(w);
	ck_assert_uint_eq(atomic_load(&over), 3);
	ck_assert_int_eq(hold_wait_add(w, 4, in_ms(100), count, NULL), -1);
	hold_wait_stop(w);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_wait");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, hold_wait__ends_when_the_time_is_over);
	tcase_add_test(t, hold_wait__no_more_than_the_maximum);
	tcase_add_test(t, hold_wait__stopping_ends_every_wait);
	return run_tests(t);
}
