/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder on a real PostgreSQL that refuses rows, ends connections, or does both. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/crypto.h"
#include "common/base/log.h"
#include "common/pg/pg_conn.h"
#include "support/run_tests.h"
#include "webhook/record/recorder.h"

#define LINGER_MS 300 /* all rows of a test come within it, and so into one batch */

static struct recorder *recorder;
static struct pg_conn *conn;
static char cluster[16]; /* of its own for each test: rows cannot be taken away again */
static int clusters;

static void run_sql(const char *sql)
{
	struct err e;

	ck_assert_msg(pg_exec_text(conn, sql, NULL, &e) == PG_OK, "%s", e.msg);
}

static int64_t ask(const char *sql)
{
	const struct pg_stmt stmt = {"", sql, 0};
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	_cleanup_(pg_conn_closep) struct pg_conn *c = NULL;
	struct err e;

	ck_assert_msg(pg_conn_open(getenv("HOLDPOINT_TEST_DATABASE_URL"), "ask", 0, &c, &e) == 0,
		"%s", e.msg);
	ck_assert_msg(pg_exec(c, &stmt, NULL, &r, NULL, &e) == PG_OK, "%s", e.msg);
	return pg_result_int(r, 0, 0);
}

static int64_t rows_stored(void)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM holdpoint.decision WHERE cluster = '%s'",
		cluster);
	return ask(sql);
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

static void setup(void)
{
	struct recorder_config config = {.instance = "i",
		.queue_rows = 1000,
		.queue_bytes = 1 << 20,
		.linger_ms = LINGER_MS};
	struct err e;

	config.database_url = getenv("HOLDPOINT_TEST_DATABASE_URL");
	ck_assert_msg(config.database_url != NULL, "run under test/db/run.sh");
	ck_assert_msg(pg_conn_open(config.database_url, "test", 0, &conn, &e) == 0, "%s", e.msg);
	run_sql("DROP SEQUENCE IF EXISTS breaks CASCADE; CREATE SEQUENCE breaks");
	snprintf(cluster, sizeof(cluster), "%d", ++clusters);
	config.cluster = cluster;
	ck_assert_msg(recorder_open(&config, &recorder, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	recorder_close(TAKE_PTR(recorder), 5000);
	run_sql("DROP TRIGGER IF EXISTS breaks ON holdpoint.decision");
	pg_conn_close(TAKE_PTR(conn));
}

/* Runs `action` when the row of the user `breaks` comes for the nth time. */
static void on_row_of_breaks(int nth, const char *action)
{
	char sql[1024];

	snprintf(sql, sizeof(sql),
		"CREATE OR REPLACE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
		"IF NEW.username = 'breaks' AND nextval('breaks') = %d THEN %s; END IF; "
		"RETURN NEW; END $$; "
		"CREATE TRIGGER breaks BEFORE INSERT ON holdpoint.decision "
		"FOR EACH ROW EXECUTE FUNCTION breaks()",
		nth, action);
	run_sql(sql);
}

static const struct decision_record *record(const char *endpoint, struct span username)
{
	static struct policy_request request;
	static struct policy_decision decision;
	static struct decision_record r;
	static uint8_t id[UUID_LEN];

	uuid_at(realtime_us(), id);
	request = (struct policy_request){
		.verb = SPAN("CREATE"), .username = username, .now_us = realtime_us()};
	r = (struct decision_record){.decision_id = id,
		.endpoint = endpoint,
		.request = &request,
		.decision = &decision,
		.allowed = true};
	return &r;
}

static void add(const char *endpoint, const char *username)
{
	ck_assert_int_eq(
		recorder_add(recorder, record(endpoint, span_of(username)), NULL, NULL), 0);
}

/* The first half breaks when it is tried by itself. Each row is counted as what became of it. */
static const char *const breaking[] = {
	"PERFORM pg_terminate_backend(pg_backend_pid())",
	"RAISE 'later' USING ERRCODE = '40P01'",
	"RAISE 'later' USING ERRCODE = '53100'",
};

START_TEST(recorder__a_refused_row_and_a_passing_error_lose_that_row_only)
{
	const int64_t stored = counted("holdpoint_webhook_records_stored_total"),
		      dropped = counted("holdpoint_webhook_records_dropped_total");

	on_row_of_breaks(2, breaking[_i]);
	add("validate", "breaks");
	for (int i = 0; i < 6; i++)
		add("validate", "good");
	add("nowhere", "refused");
	recorder_close(TAKE_PTR(recorder), 10000);
	ck_assert_int_ge(ask("SELECT last_value FROM breaks"), 3);
	ck_assert_int_eq(rows_stored(), 7);
	ck_assert_int_eq(counted("holdpoint_webhook_records_stored_total") - stored, 7);
	ck_assert_int_eq(counted("holdpoint_webhook_records_dropped_total") - dropped, 1);
	ck_assert_int_eq(counted("holdpoint_webhook_records_queued"), 0);
}
END_TEST

/* What PostgreSQL will never take must not be tried for ever, and keep all others waiting. */
START_TEST(recorder__a_row_too_large_for_an_index_is_refused)
{
	static char name[16384];
	uint32_t x = 4711;

	for (size_t i = 0; i < sizeof(name); i++) {
		x = x * 1664525 + 1013904223;
		name[i] = (char)('!' + (x >> 24) % 90);
	}
	add("validate", "good");
	ck_assert_int_eq(recorder_add(recorder,
				 record("validate", (struct span){name, sizeof(name)}), NULL, NULL),
		0);
	add("validate", "good");
	recorder_close(TAKE_PTR(recorder), 3000);
	ck_assert_int_eq(rows_stored(), 2);
}
END_TEST

START_TEST(recorder__what_a_trigger_forbids_is_refused)
{
	on_row_of_breaks(1, "NULL; END IF; IF NEW.username = 'breaks' THEN RAISE 'never'");
	add("validate", "breaks");
	add("validate", "good");
	recorder_close(TAKE_PTR(recorder), 3000);
	ck_assert_int_eq(rows_stored(), 1);
}
END_TEST

/* ---- who waits ---- */

static pthread_t called_by;
static _Atomic unsigned calls, calls_stored;

/* Asks the recorder: would wait for ever, were its lock held. */
static void on_done(bool stored, void *arg)
{
	recorder_is_behind(arg);
	called_by = pthread_self();
	atomic_fetch_add(&calls_stored, stored);
	atomic_fetch_add(&calls, 1);
}

static void wait_for_calls(unsigned wanted)
{
	const int64_t until = monotonic_ms() + 10000;

	while (atomic_load(&calls) < wanted && monotonic_ms() < until)
		usleep(1000);
	ck_assert_uint_eq(atomic_load(&calls), wanted);
}

START_TEST(recorder__who_slows_down_is_let_go_by_the_writer_and_without_the_lock)
{
	const struct decision_record *r;

	on_row_of_breaks(1, "PERFORM pg_sleep(1), pg_terminate_backend(pg_backend_pid())");
	r = record("validate", SPAN("breaks"));
	ck_assert_int_eq(recorder_add_paced(recorder, r, on_done, recorder), RECORDER_WAIT);
	/* Comes while the first one is written, and waits in the next batch. */
	while (!ask("SELECT is_called::int FROM breaks"))
		usleep(10000);
	r = record("validate", SPAN("good"));
	ck_assert_int_eq(recorder_add_paced(recorder, r, on_done, recorder), RECORDER_WAIT);
	wait_for_calls(2);
	ck_assert(!pthread_equal(called_by, pthread_self()));
	recorder_close(TAKE_PTR(recorder), 5000);
	ck_assert_int_eq(rows_stored(), 2);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("recorder");

	log_set_level(LOG_LEVEL_ERROR);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, recorder__a_refused_row_and_a_passing_error_lose_that_row_only, 0,
		ARRAY_LEN(breaking));
	tcase_add_test(t, recorder__a_row_too_large_for_an_index_is_refused);
	tcase_add_test(t, recorder__what_a_trigger_forbids_is_refused);
	tcase_add_test(t, recorder__who_slows_down_is_let_go_by_the_writer_and_without_the_lock);
	return run_tests(t);
}
