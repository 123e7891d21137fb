/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for decisions that take long: whose turn it is, how many may wait, and the end. */
#include "webhook/long_decisions.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "support/run_tests.h"
#include "unit/webhook_support.h"

#define ALICE SPAN("alice")
#define BOB   SPAN("bob")

static struct long_decisions *long_decisions;
static sem_t gate, began;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char order[64];

static void note(void *arg)
{
	pthread_mutex_lock(&lock);
	snprintf(order + strlen(order), sizeof(order) - strlen(order), "%s", (const char *)arg);
	pthread_mutex_unlock(&lock);
	sem_post(&began);
}

/* Takes long: until the test lets it go on. */
static void note_and_wait(void *arg)
{
	note(arg);
	sem_wait(&gate);
}

static void start(unsigned threads, unsigned max_waiting)
{
	const struct long_decisions_config c = {
		.threads = threads, .max_waiting = max_waiting, .max_bytes = 1000};
	struct err e;

	sem_init(&gate, 0, 0);
	sem_init(&began, 0, 0);
	order[0] = 0;
	ck_assert_msg(long_decisions_open(&c, &long_decisions, &e) == 0, "%s", e.msg);
}

static int submit_large(struct span who, size_t bytes, const char *name)
{
	return long_decisions_submit(long_decisions, who, bytes, note, (void *)name);
}

static int submit(struct span who, long_decision_fn fn, const char *name)
{
	return long_decisions_submit(long_decisions, who, 0, fn, (void *)name);
}

static const char *order_now(void)
{
	static char copy[sizeof(order)];

	pthread_mutex_lock(&lock);
	memcpy(copy, order, sizeof(copy));
	pthread_mutex_unlock(&lock);
	return copy;
}

/* Of two threads one identity has one, however much it sends. */
START_TEST(long_decisions__nobody_has_all_threads)
{
	start(2, 100);
	ck_assert_int_eq(submit(ALICE, note_and_wait, "a"), 0);
	sem_wait(&began);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(submit(ALICE, note, "A"), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(submit(BOB, note, "b"), 0);
	for (int i = 0; i < 3; i++)
		sem_wait(&began);
	ck_assert_str_eq(order_now(), "abbb");
	sem_post(&gate);
	long_decisions_close(long_decisions);
	ck_assert_str_eq(order_now(), "abbbAAAAAAAAAA");
}
END_TEST

/* With one thread they take turns. */
START_TEST(long_decisions__identities_take_turns)
{
	start(1, 100);
	ck_assert_int_eq(submit(SPAN(""), note_and_wait, "x"), 0);
	sem_wait(&began);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(submit(ALICE, note, "a"), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(submit(BOB, note, "b"), 0);
	sem_post(&gate);
	long_decisions_close(long_decisions);
	ck_assert_str_eq(order_now(), "xababaa");
}
END_TEST

/* Half of the places are one identity's; what finds none is not run. */
START_TEST(long_decisions__places_are_limited)
{
	start(1, 4);
	ck_assert_int_eq(submit(ALICE, note_and_wait, "a"), 0);
	sem_wait(&began);
	ck_assert_int_eq(submit(ALICE, note, "1"), 0);
	ck_assert_int_eq(submit(ALICE, note, "2"), 0);
	ck_assert_int_eq(submit(ALICE, note, "!"), -1);
	ck_assert_int_eq(submit(BOB, note, "3"), 0);
	ck_assert_int_eq(submit(BOB, note, "4"), 0);
	ck_assert_int_eq(submit(SPAN("carol"), note, "!"), -1);
	sem_post(&gate);
	long_decisions_close(long_decisions);
	ck_assert_str_eq(order_now(), "a1324");
}
END_TEST

static int64_t waiting_bytes(void)
{
	return metric_value(
		long_decisions_metrics, "holdpoint_webhook_long_decisions_waiting_bytes", 0);
}

/* Half of the bytes are one identity's; one that is larger waits alone. */
START_TEST(long_decisions__bytes_are_limited)
{
	start(1, 100);
	ck_assert_int_eq(submit(ALICE, note_and_wait, "a"), 0);
	sem_wait(&began);
	ck_assert_int_eq(submit_large(ALICE, 400, "1"), 0);
	ck_assert_int_eq(submit_large(ALICE, 101, "!"), -1);
	ck_assert_int_eq(submit_large(ALICE, 100, "2"), 0);
	ck_assert_int_eq(submit_large(ALICE, 1, "!"), -1);
	ck_assert_int_eq(submit_large(BOB, 501, "!"), -1);
	ck_assert_int_eq(submit_large(BOB, SIZE_MAX, "!"), -1);
	ck_assert_int_eq(submit_large(BOB, 500, "3"), 0);
	ck_assert_int_eq(submit_large(SPAN("carol"), 1, "!"), -1);
	ck_assert_int_eq(waiting_bytes(), 1000);
	sem_post(&gate);
	long_decisions_close(long_decisions);
	ck_assert_str_eq(order_now(), "a132");
	ck_assert_int_eq(waiting_bytes(), 0);

	start(1, 100);
	ck_assert_int_eq(submit(ALICE, note_and_wait, "a"), 0);
	sem_wait(&began);
	ck_assert_int_eq(submit_large(ALICE, 5000, "1"), 0);
	ck_assert_int_eq(submit_large(BOB, 1, "!"), -1);
	sem_post(&gate);
	long_decisions_close(long_decisions);
	ck_assert_str_eq(order_now(), "a1");
}
END_TEST

#define SENDERS 4
#define EACH	200

static _Atomic unsigned ran;

static void count(void *arg)
{
	(void)arg;
	ran++;
}

static void *send_many(void *arg)
{
	char name[16];
	unsigned *taken = arg;

	for (int i = 0; i < EACH; i++) {
		snprintf(name, sizeof(name), "u%d", i % 7);
		*taken +=
			long_decisions_submit(long_decisions, span_of(name), 10, count, NULL) == 0;
	}
	return NULL;
}

/* What was taken is run, once. */
START_TEST(long_decisions__from_many_threads)
{
	pthread_t threads[SENDERS];
	unsigned taken[SENDERS] = {0}, all = 0;

	start(3, 40);
	ran = 0;
	for (int i = 0; i < SENDERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, send_many, &taken[i]), 0);
	for (int i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], NULL);
		all += taken[i];
	}
	long_decisions_close(long_decisions);
	ck_assert_uint_gt(all, 0);
	ck_assert_uint_eq(ran, all);
}
END_TEST

START_TEST(long_decisions__none_at_all)
{
	start(0, 1);
	long_decisions_close(long_decisions);
	long_decisions_close(NULL);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("long_decisions");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, long_decisions__nobody_has_all_threads);
	tcase_add_test(t, long_decisions__identities_take_turns);
	tcase_add_test(t, long_decisions__places_are_limited);
	tcase_add_test(t, long_decisions__bytes_are_limited);
	tcase_add_test(t, long_decisions__from_many_threads);
	tcase_add_test(t, long_decisions__none_at_all);
	return run_tests(t);
}
