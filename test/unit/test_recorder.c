/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of decision records while PostgreSQL is away. */
#include "webhook/record/recorder.h"

#include <check.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/base/crypto.h"
#include "support/run_tests.h"

/* Nobody listens there. */
#define NO_DATABASE "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"
#define ROWS	    8

static struct recorder *recorder;
static _Atomic unsigned stored, lost;

static const struct policy_request request = {.resource = SPAN("pods")};
static const struct policy_decision decision = {.action = POLICY_NONE};
static const uint8_t some_id[UUID_LEN];
static const struct decision_record row = {.decision_id = some_id,
	.endpoint = "validate",
	.request = &request,
	.decision = &decision,
	.policy_digest = "sha256:ab"};

static void start(size_t queue_bytes)
{
	const struct recorder_config config = {.database_url = NO_DATABASE,
		.cluster = "c1",
		.instance = "test",
		.queue_rows = ROWS,
		.queue_bytes = queue_bytes};
	struct err e;

	atomic_store(&stored, 0);
	atomic_store(&lost, 0);
	ck_assert_msg(recorder_open(&config, &recorder, &e) == 0, "%s", e.msg);
}

static void setup(void)
{
	start(1 << 20);
}

static void teardown(void)
{
	recorder_close(recorder, 0);
}

static void done(bool was_stored, void *arg)
{
	(void)arg;
	atomic_fetch_add(was_stored ? &stored : &lost, 1);
}

static int64_t counted(const char *name)
{
	size_t count;
	struct metric *const *tables = recorder_metrics(&count);

	for (struct metric *m = tables[0]; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m->value[0];
	ck_abort_msg("no metric %s", name);
}

static void wait_until_lost(unsigned n)
{
	for (int i = 0; i < 1000 && atomic_load(&lost) < n; i++)
		usleep(10000);
	ck_assert_uint_eq(atomic_load(&lost), n);
}

/* Until the writer has rows in hand that it does not get rid of, and takes no others. */
static void occupy_the_writer(void)
{
	int64_t before = counted("holdpoint_webhook_record_batches_failed_total");

	ck_assert_int_eq(recorder_add(recorder, &row, NULL, NULL), 0);
	for (int i = 0;
		i < 1000 && counted("holdpoint_webhook_record_batches_failed_total") == before; i++)
		usleep(10000);
	ck_assert_int_eq(counted("holdpoint_webhook_record_batches_failed_total"), before + 1);
}

START_TEST(recorder__who_must_know_is_told_that_it_was_not_stored)
{
	ck_assert_int_eq(recorder_add(recorder, &row, done, NULL), 0);
	wait_until_lost(1);
	ck_assert_uint_eq(atomic_load(&stored), 0);
}
END_TEST

START_TEST(recorder__a_full_queue_drops_and_counts)
{
	int64_t before;

	occupy_the_writer();
	before = counted("holdpoint_webhook_records_dropped_total");
	for (int i = 0; i < 2 * ROWS; i++)
		ck_assert_int_eq(recorder_add(recorder, &row, NULL, NULL), i < ROWS ? 0 : -1);
	ck_assert_int_eq(recorder_add(recorder, &row, done, NULL), -1);
	ck_assert_int_eq(recorder_add_paced(recorder, &row, done, NULL), RECORDER_DROPPED);
	ck_assert_int_eq(counted("holdpoint_webhook_records_dropped_total"), before + ROWS + 2);
	recorder_close(recorder, 0);
	ck_assert_uint_eq(atomic_load(&stored) + atomic_load(&lost), 0);
	ck_assert_int_eq(counted("holdpoint_webhook_records_queued"), 0);
	start(1 << 20);
}
END_TEST

START_TEST(recorder__a_row_that_does_not_fit_is_dropped_whole)
{
	teardown();
	start(100);
	ck_assert_int_eq(recorder_add(recorder, &row, done, NULL), -1);
}
END_TEST

/* Nobody slows down to the pace of a writer that stands still. */
START_TEST(recorder__paced_only_while_rows_are_taken)
{
	ck_assert_int_eq(recorder_add_paced(recorder, &row, done, NULL), RECORDER_WAIT);
	wait_until_lost(1); /* let go; the writer keeps the row and tries again */
	for (int i = 0; i < ROWS; i++)
		ck_assert_int_eq(recorder_add_paced(recorder, &row, done, NULL), RECORDER_GO_ON);
	ck_assert(!recorder_is_behind(recorder));
	ck_assert_uint_eq(atomic_load(&lost), 1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("recorder");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, recorder__who_must_know_is_told_that_it_was_not_stored);
	tcase_add_test(t, recorder__a_full_queue_drops_and_counts);
	tcase_add_test(t, recorder__a_row_that_does_not_fit_is_dropped_whole);
	tcase_add_test(t, recorder__paced_only_while_rows_are_taken);
	return run_tests(t);
}
