/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns at a pool of four connections: an identity has two of them at most, keeps its order, and
 * what it has too many of neither is lost nor keeps others waiting.
 */
#include <check.h>
#include <pthread.h>
#include <unistd.h>

#include "support/run_tests.h"
#include "webhook/hold/hold_turns.h"

static struct pg_pool *pool;
static struct hold_turns *turns;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool stuck;		       /* jobs of "slow" wait for that to end */
static unsigned running, most, done;   /* jobs of "slow" */
static unsigned unusable, others_done; /* called without a connection; jobs of others */
static unsigned order[200];

static void setup(void)
{
	const struct pg_pool_config config = {.database_url = getenv("HOLDPOINT_TEST_DATABASE_URL"),
		.application_name = "test_hold_turns",
		.connections = 4,
		.queue_max = 50,
		.statement_timeout_ms = 5000};
	struct hold_turns_config t = {.at_once = 2, .max_waiting = 120, .max_waiting_each = 100};
	struct err e;

	ck_assert_msg(pg_pool_open(&config, true, &pool, &e) == 0, "%s", e.msg);
	t.pool = pool;
	turns = hold_turns_new(&t);
	ck_assert_ptr_nonnull(turns);
	stuck = true;
	running = most = done = unusable = others_done = 0;
}

static void let_go(void)
{
	pthread_mutex_lock(&lock);
	stuck = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void teardown(void)
{
	let_go();
	pg_pool_close(pool);
	hold_turns_free(turns);
}

static void slow(struct pg_conn *conn _unused_, bool usable, void *arg)
{
	pthread_mutex_lock(&lock);
	unusable += !usable;
	running++;
	most = running > most ? running : most;
	pthread_cond_broadcast(&changed);
	while (stuck)
		pthread_cond_wait(&changed, &lock);
	running--;
	order[done++] = (unsigned)(uintptr_t)arg;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void other(struct pg_conn *conn _unused_, bool usable, void *arg _unused_)
{
	pthread_mutex_lock(&lock);
	unusable += !usable;
	others_done++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_for(const unsigned *count, unsigned want)
{
	pthread_mutex_lock(&lock);
	while (*count < want)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static int submit_slow(unsigned i)
{
	return hold_turns_submit(turns, SPAN("slow"), slow, (void *)(uintptr_t)i);
}

START_TEST(hold_turns__others_pass_whoever_is_stuck)
{
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(submit_slow(i), 0);
	wait_for(&running, 2);
	for (unsigned i = 1; i <= 10; i++) {
		ck_assert_int_eq(hold_turns_submit(turns, SPAN("other"), other, NULL), 0);
		wait_for(&others_done, i);
	}
	ck_assert_int_eq(hold_turns_submit(turns, (struct span){0}, other, NULL), 0);
	wait_for(&others_done, 11);
	ck_assert_uint_eq(hold_turns_queued(turns), 18);
	let_go();
	wait_for(&done, 20);
	ck_assert_uint_eq(most, 2);
	ck_assert_uint_eq(unusable, 0);
}
END_TEST

START_TEST(hold_turns__one_after_the_other)
{
	const struct hold_turns_config one = {
		.pool = pool, .at_once = 1, .max_waiting = 100, .max_waiting_each = 100};

	hold_turns_free(turns);
	turns = hold_turns_new(&one);
	for (unsigned i = 0; i < 90; i++)
		ck_assert_int_eq(submit_slow(i), 0);
	let_go();
	wait_for(&done, 90);
	for (unsigned i = 0; i < 90; i++)
		ck_assert_uint_eq(order[i], i);
	ck_assert_uint_eq(most, 1);
}
END_TEST

START_TEST(hold_turns__too_many_are_refused_at_once)
{
	for (unsigned i = 0; i < 102; i++)
		ck_assert_int_eq(submit_slow(i), 0);
	ck_assert_int_eq(submit_slow(102), -1);
	ck_assert_int_eq(hold_turns_submit(turns, SPAN("other"), other, NULL), 0);
	wait_for(&others_done, 1);
	for (unsigned i = 0; i < 22; i++) /* of another identity that is stuck */
		ck_assert_int_eq(hold_turns_submit(turns, SPAN("slower"), slow, NULL), 0);
	ck_assert_int_eq(hold_turns_submit(turns, SPAN("slower"), slow, NULL), -1);
	let_go();
	wait_for(&done, 124);
	ck_assert_int_eq(submit_slow(103), 0);
	wait_for(&done, 125);
}
END_TEST

START_TEST(hold_turns__nothing_is_lost_when_the_pool_closes)
{
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(submit_slow(i), 0);
	wait_for(&running, 2);
	let_go();
	pg_pool_close(pool);
	pool = NULL;
	ck_assert_uint_eq(done, 100);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("turns");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, hold_turns__others_pass_whoever_is_stuck);
	tcase_add_test(tcase, hold_turns__one_after_the_other);
	tcase_add_test(tcase, hold_turns__too_many_are_refused_at_once);
	tcase_add_test(tcase, hold_turns__nothing_is_lost_when_the_pool_closes);
	return run_tests(tcase);
}
