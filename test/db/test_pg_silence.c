/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PostgreSQL that is there and says nothing: all its processes are stopped, as by a debugger, a
 * paused machine or a disk that stalls. Nothing waits for it longer than it was told to.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/pg_pool.h"
#include "support/run_tests.h"

#define SILENCE_MS 450 /* 200 for statements, and the margin */

static const char *url(void)
{
	return getenv("HOLDPOINT_TEST_DATABASE_URL");
}

/* Sends a signal to the server and each of its processes. */
static void signal_server(int signal)
{
	char path[256], line[64], command[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/../data/postmaster.pid",
		getenv("HOLDPOINT_TEST_PG_SOCKETS"));
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	fclose(f);
	ck_assert_int_eq(kill(atoi(line), signal), 0); /* first: it makes no new ones then */
	snprintf(command, sizeof(command), "pgrep -P %d", atoi(line));
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		kill(atoi(line), signal);
	pclose(f);
}

static void freeze(void)
{
	signal_server(SIGSTOP);
}

static void thaw(void)
{
	signal_server(SIGCONT);
}

static struct pg_conn *open_conn(unsigned timeout_ms)
{
	struct pg_conn *c = NULL;
	struct err e = {0};

	ck_assert_msg(pg_conn_open(url(), "test", timeout_ms, &c, &e) == 0, "%s", e.msg);
	return c;
}

static struct pg_pool *open_pool(unsigned connections)
{
	const struct pg_pool_config config = {.database_url = url(),
		.application_name = "test_pg_silence",
		.connections = connections,
		.queue_max = 100,
		.statement_timeout_ms = 200};
	struct pg_pool *p = NULL;
	struct err e = {0};

	ck_assert_msg(pg_pool_open(&config, true, &p, &e) == 0, "%s", e.msg);
	return p;
}

START_TEST(pg_conn__a_silent_server_is_given_up)
{
	struct pg_conn *c = open_conn(200);
	int64_t since, took;
	struct err e = {0};

	freeze();
	since = monotonic_ms();
	ck_assert_int_eq(pg_exec_text(c, "SELECT 1", NULL, &e), PG_UNAVAILABLE);
	took = monotonic_ms() - since;
	ck_assert_int_ge(took, SILENCE_MS);
	ck_assert_int_lt(took, SILENCE_MS + 1500);
	ck_assert_ptr_nonnull(strstr(e.msg, "no answer in time"));

	/* It is not asked again, and closing it does not wait either. */
	since = monotonic_ms();
	ck_assert_int_eq(pg_exec_text(c, "SELECT 1", NULL, &e), PG_UNAVAILABLE);
	pg_conn_close(c);
	ck_assert_int_lt(monotonic_ms() - since, SILENCE_MS);
	thaw();
}
END_TEST

/* After what the sockets hold, it takes nothing more; what is to be sent is not piled up. */
START_TEST(pg_conn__a_silent_server_does_not_stop_a_copy)
{
	static char data[64 << 10];
	struct pg_conn *c = open_conn(5000);
	int64_t since;
	struct err e = {0};

	memset(data, 'x', sizeof(data));
	for (size_t i = 100; i < sizeof(data); i += 100)
		data[i] = '\n';
	pg_conn_allow(c, SILENCE_MS);
	ck_assert_int_eq(pg_exec_text(c, "CREATE TEMP TABLE t (x text)", NULL, &e), PG_OK);
	ck_assert_int_eq(pg_copy_begin(c, "COPY t FROM STDIN", NULL, &e), PG_OK);
	freeze();
	since = monotonic_ms();
	for (int i = 0; i < 1000; i++)
		pg_copy_put(c, (struct span){data, sizeof(data)});
	ck_assert_int_eq(pg_copy_end(c, NULL, &e), PG_UNAVAILABLE);
	ck_assert_int_lt(monotonic_ms() - since, SILENCE_MS + 2000);
	pg_conn_close(c);
	thaw();
}
END_TEST

/* A statement that works for longer is ended by the server, whose word comes in time. */
START_TEST(pg_conn__a_slow_statement_is_not_silence)
{
	struct pg_conn *c = open_conn(200);
	struct err e = {0};
	char state[6];

	ck_assert_int_eq(pg_exec_text(c, "SELECT pg_sleep(20)", state, &e), PG_RETRY);
	ck_assert_str_eq(state, "57014");
	ck_assert_int_eq(pg_exec_text(c, "SELECT 1", state, &e), PG_OK);
	/* Nor is a stream of rows, however long it takes. */
	pg_conn_allow(c, 100);
	ck_assert_int_eq(pg_exec_text(c, "SET statement_timeout = 0", state, &e), PG_OK);
	ck_assert_int_eq(pg_exec_text(c,
				 "SELECT repeat('x', 20000), pg_sleep(0.02) FROM "
				 "generate_series(1, 30)",
				 state, &e),
		PG_OK);
	pg_conn_close(c);
}
END_TEST

static struct {
	pthread_mutex_t lock;
	unsigned ok, failed, not_usable;
} told = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void job(struct pg_conn *c, bool usable, void *arg)
{
	struct err e;
	const char *sql = arg;
	const bool ok = usable && pg_exec_text(c, sql, NULL, &e) == PG_OK;

	pthread_mutex_lock(&told.lock);
	told.ok += ok;
	told.failed += usable && !ok;
	told.not_usable += !usable;
	pthread_mutex_unlock(&told.lock);
}

static unsigned told_count(void)
{
	unsigned n;

	pthread_mutex_lock(&told.lock);
	n = told.ok + told.failed + told.not_usable;
	pthread_mutex_unlock(&told.lock);
	return n;
}

static void submit(struct pg_pool *p, unsigned n, const char *sql)
{
	told.ok = told.failed = told.not_usable = 0;
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(pg_pool_submit(p, job, (void *)(uintptr_t)sql), 0);
}

static void wait_until_told(unsigned n)
{
	while (told_count() < n)
		usleep(1000);
}

START_TEST(pg_pool__every_job_is_told_of_a_silent_server)
{
	struct pg_pool *p = open_pool(2);
	int64_t since;

	submit(p, 2, "SELECT 1");
	wait_until_told(2);
	ck_assert_uint_eq(told.ok, 2);
	freeze();
	since = monotonic_ms();
	submit(p, 40, "SELECT 1");
	wait_until_told(40);
	/* Those that were asked, and then those that waited behind them. */
	ck_assert_int_lt(monotonic_ms() - since, 2 * SILENCE_MS + 1500);
	ck_assert_uint_eq(told.ok, 0);
	ck_assert_uint_le(told.failed, 2);
	ck_assert(!pg_pool_is_up(p));
	thaw();
	while (!pg_pool_is_up(p))
		usleep(1000);
	submit(p, 10, "SELECT 1");
	wait_until_told(10);
	ck_assert_uint_eq(told.ok, 10);
	pg_pool_close(p);
}
END_TEST

START_TEST(pg_pool__an_idle_pool_notices_silence)
{
	struct pg_pool *p = open_pool(2);
	int64_t since;

	freeze();
	since = monotonic_ms();
	while (pg_pool_is_up(p) && monotonic_ms() - since < 10000)
		usleep(1000);
	ck_assert(!pg_pool_is_up(p));
	thaw();
	while (!pg_pool_is_up(p))
		usleep(1000);
	pg_pool_close(p);
}
END_TEST

/* While statements take all connections, nobody queues for longer than one may be silent. */
START_TEST(pg_pool__no_job_queues_without_end)
{
	struct pg_pool *p = open_pool(1);
	int64_t since = monotonic_ms();

	submit(p, 30, "SELECT pg_sleep(0.15)");
	wait_until_told(30);
	ck_assert_int_lt(monotonic_ms() - since, SILENCE_MS + 2000); /* not 4.5 s */
	ck_assert_uint_ge(told.ok, 2);
	ck_assert_uint_ge(told.not_usable, 20);
	ck_assert(pg_pool_is_up(p));
	pg_pool_close(p);
}
END_TEST

START_TEST(pg_pool__ends_while_the_server_is_silent)
{
	const struct pg_pool_config config = {.database_url = url(),
		.application_name = "test_pg_silence",
		.connections = 3,
		.queue_max = 100,
		.statement_timeout_ms = 60000};
	struct pg_pool *p = NULL;
	struct err e = {0};
	int64_t since;

	ck_assert_msg(pg_pool_open(&config, true, &p, &e) == 0, "%s", e.msg);
	freeze();
	submit(p, 20, "SELECT 1");
	since = monotonic_ms();
	pg_pool_hurry(p);
	pg_pool_close(p);
	/* A second for what was asked, another and the time to connect for what still came. */
	ck_assert_int_lt(monotonic_ms() - since, 8000);
	ck_assert_uint_eq(told_count(), 20);
	thaw();
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("pg_silence");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, NULL, thaw);
	log_set_level(LOG_LEVEL_ERROR);
	tcase_add_test(t, pg_conn__a_silent_server_is_given_up);
	tcase_add_test(t, pg_conn__a_silent_server_does_not_stop_a_copy);
	tcase_add_test(t, pg_conn__a_slow_statement_is_not_silence);
	tcase_add_test(t, pg_pool__every_job_is_told_of_a_silent_server);
	tcase_add_test(t, pg_pool__an_idle_pool_notices_silence);
	tcase_add_test(t, pg_pool__no_job_queues_without_end);
	tcase_add_test(t, pg_pool__ends_while_the_server_is_silent);
	return run_tests(t);
}
