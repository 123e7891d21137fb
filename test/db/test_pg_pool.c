/* SPDX-License-Identifier: Apache-2.0 */
/* common/pg_pool and pg_conn on a real PostgreSQL, whose backends it ends as an outage would. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/pg/pg_pool.h"
#include "support/run_tests.h"

static const char *url(void)
{
	const char *u = getenv("HOLDPOINT_TEST_DATABASE_URL");

	ck_assert_msg(u != NULL, "run under test/support/pg.sh");
	return u;
}

static struct pg_pool *open_pool(unsigned connections, unsigned queue_max)
{
	const struct pg_pool_config config = {
		.database_url = url(),
		.application_name = "test_pg_pool",
		.connections = connections,
		.queue_max = queue_max,
		.statement_timeout_ms = 5000,
	};
	struct pg_pool *p = NULL;
	struct err e = {0};

	ck_assert_msg(pg_pool_open(&config, true, &p, &e) == 0, "%s", e.msg);
	return p;
}

static struct pg_conn *open_conn(void)
{
	struct pg_conn *c = NULL;
	struct err e = {0};

	ck_assert_msg(pg_conn_open(url(), "test", 0, &c, &e) == 0, "%s", e.msg);
	return c;
}

START_TEST(pg_conn__parameters_rows_and_nulls)
{
	static const struct pg_stmt stmt = {
		"echo", "SELECT $1::text AS t, $2::bigint + 1, $3::text", 3};
	_cleanup_(pg_conn_closep) struct pg_conn *c = open_conn();
	struct err e = {0};

	for (int i = 0; i < 2; i++) { /* prepared, then used again */
		_cleanup_(pg_result_freep) struct pg_result *r = NULL;
		struct span params[] = {SPAN("it's"), SPAN("41"), {0}};

		ck_assert_msg(pg_exec(c, &stmt, params, &r, NULL, &e) == PG_OK, "%s", e.msg);
		ck_assert_int_eq(pg_result_rows(r), 1);
		ck_assert_int_eq(pg_result_columns(r), 3);
		ck_assert_str_eq(pg_result_str(r, 0, 0), "it's");
		ck_assert_int_eq(pg_result_int(r, 0, 1), 42);
		ck_assert(pg_result_is_null(r, 0, 2));
	}
}
END_TEST

START_TEST(pg_conn__columns_by_name)
{
	static const struct pg_stmt stmt = {.name = "by_name",
		.sql = "SELECT $1::text AS length, true AS is_long, 7 AS n, NULL AS nothing",
		.param_count = 1};
	_cleanup_(pg_conn_closep) struct pg_conn *c = open_conn();
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	struct span params[] = {SPAN("2 days")};
	struct err e = {0};

	ck_assert_msg(pg_exec(c, &stmt, params, &r, NULL, &e) == PG_OK, "%s", e.msg);
	ck_assert_str_eq(pg_result_str_of(r, 0, "length"), "2 days");
	ck_assert(pg_result_bool_of(r, 0, "is_long"));
	ck_assert_int_eq(pg_result_int_of(r, 0, "n"), 7);
	ck_assert_str_eq(pg_result_str_of(r, 0, "nothing"), "");
	ck_assert_str_eq(pg_result_str_of(r, 0, "not_there"), "");
	ck_assert_ptr_null(pg_result_span_of(r, 0, "not_there").ptr);
	ck_assert_int_eq(pg_result_int_of(r, 0, "not_there"), 0);
	ck_assert(!pg_result_bool_of(r, 0, "not_there"));
}
END_TEST

START_TEST(pg_conn__errors_are_one_line_with_sqlstate)
{
	static const struct {
		enum pg_status expected;
		const char *state, *sql, *message;
	} cases[] = {
		{PG_REFUSED, "42P01", "SELECT * FROM nowhere",
			"relation \"nowhere\" does not exist"},
		{PG_REFUSED, "P0001", "DO $$BEGIN RAISE 'no' USING HINT = 'ask'; END$$",
			"no (ask)"},
		{PG_RETRY, "40001", "DO $$BEGIN RAISE 'again' USING ERRCODE = '40001'; END$$",
			"again"},
		{PG_OK, "", "SELECT 1; SELECT 2", ""},
	};
	_cleanup_(pg_conn_closep) struct pg_conn *c = open_conn();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};
		char state[6];

		ck_assert_int_eq(pg_exec_text(c, cases[i].sql, state, &e), cases[i].expected);
		ck_assert_str_eq(state, cases[i].state);
		ck_assert_str_eq(e.msg, cases[i].message);
	}
}
END_TEST

START_TEST(pg_conn__nul_byte_in_parameter_is_refused)
{
	static const struct pg_stmt stmt = {"nul", "SELECT $1::text", 1};
	_cleanup_(pg_conn_closep) struct pg_conn *c = open_conn();
	struct span param = {"a\0b", 3};
	struct err e = {0};

	ck_assert_int_eq(pg_exec(c, &stmt, &param, NULL, NULL, &e), PG_REFUSED);
	ck_assert_str_eq(e.msg, "nul: parameter 1 holds a NUL byte");
}
END_TEST

START_TEST(pg_conn__copy)
{
	static const struct pg_stmt count = {
		"count", "SELECT count(*), sum(length(t)) FROM copied", 0};
	_cleanup_(pg_conn_closep) struct pg_conn *c = open_conn();
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	struct err e = {0};
	char state[6];

	ck_assert_int_eq(
		pg_exec_text(c, "CREATE TEMP TABLE copied (n int, t text)", NULL, &e), PG_OK);
	ck_assert_int_eq(pg_copy_begin(c, "COPY copied FROM STDIN", NULL, &e), PG_OK);
	for (int i = 0; i < 1000; i++)
		pg_copy_put(c, SPAN("7\tseven\n"));
	ck_assert_msg(pg_copy_end(c, state, &e) == PG_OK, "%s", e.msg);
	ck_assert_int_eq(pg_exec(c, &count, NULL, &r, NULL, &e), PG_OK);
	ck_assert_int_eq(pg_result_int(r, 0, 0), 1000);
	ck_assert_int_eq(pg_result_int(r, 0, 1), 5000);

	ck_assert_int_eq(pg_copy_begin(c, "COPY copied FROM STDIN", NULL, &e), PG_OK);
	pg_copy_put(c, SPAN("not a number\tx\n"));
	ck_assert_int_eq(pg_copy_end(c, state, &e), PG_REFUSED);
	ck_assert_str_eq(state, "22P02");
	ck_assert_int_eq(pg_copy_begin(c, "SELECT 1", NULL, &e), PG_REFUSED);
	ck_assert_int_eq(pg_copy_begin(c, "COPY nowhere FROM STDIN", NULL, &e), PG_REFUSED);
	ck_assert_int_eq(pg_exec_text(c, "SELECT 1", NULL, &e), PG_OK);
}
END_TEST

START_TEST(pg_conn__notifications)
{
	_cleanup_(pg_conn_closep) struct pg_conn *listener = open_conn(), *c = open_conn();
	struct err e = {0};
	char payload[32];

	ck_assert_int_eq(pg_exec_text(listener, "LISTEN news", NULL, &e), PG_OK);
	ck_assert_int_eq(pg_conn_wait_notify(listener, 20, payload, sizeof(payload)), 0);
	ck_assert_int_eq(pg_exec_text(c, "NOTIFY news, '42'", NULL, &e), PG_OK);
	ck_assert_int_eq(pg_conn_wait_notify(listener, 5000, payload, sizeof(payload)), 1);
	ck_assert_str_eq(payload, "42");
	ck_assert_int_eq(pg_exec_text(c,
				 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
				 "query = 'LISTEN news'",
				 NULL, &e),
		PG_OK);
	ck_assert_int_eq(pg_conn_wait_notify(listener, 5000, payload, sizeof(payload)), -1);
}
END_TEST

START_TEST(pg_conn__statements_survive_a_change_of_what_they_return)
{
	static const struct pg_stmt stmt = {"stale", "SELECT * FROM stale", 0};
	static const char *const changes[] = {"CREATE TEMP TABLE stale (a int)",
		"INSERT INTO stale VALUES (1)", "ALTER TABLE stale ADD b int DEFAULT 7",
		"DEALLOCATE ALL"};
	_cleanup_(pg_conn_closep) struct pg_conn *c = open_conn();
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		_cleanup_(pg_result_freep) struct pg_result *r = NULL;

		ck_assert_int_eq(pg_exec_text(c, changes[i], NULL, &e), PG_OK);
		ck_assert_msg(pg_exec(c, &stmt, NULL, &r, NULL, &e) == PG_OK, "%s", e.msg);
		ck_assert_int_eq(pg_result_columns(r), i < 2 ? 1 : 2);
	}
	/* Within a transaction nothing is repeated: the caller must know. */
	ck_assert_int_eq(pg_exec_text(c, "BEGIN; ALTER TABLE stale ADD c int", NULL, &e), PG_OK);
	ck_assert_int_eq(pg_exec(c, &stmt, NULL, NULL, NULL, &e), PG_REFUSED);
}
END_TEST

START_TEST(pg_pool__wrong_url_is_one_line)
{
	static const struct {
		const char *url, *starts;
	} cases[] = {
		{"host=/nowhere dbname=x",
			"--database-url: database: connection to server on socket"},
		{"postgresql://user:hunter2@[", "--database-url: database: "},
		{"postgres//user:hunter2@/x", "--database-url: database: not a connection URL"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct pg_pool_config config = {.database_url = cases[i].url,
			.application_name = "t",
			.connections = 1,
			.queue_max = 1};
		struct pg_pool *p = NULL;
		struct err e = {0};

		ck_assert_int_eq(pg_pool_open(&config, true, &p, &e), -1);
		ck_assert_msg(
			strncmp(e.msg, cases[i].starts, strlen(cases[i].starts)) == 0, "%s", e.msg);
		ck_assert_ptr_null(strstr(e.msg, "hunter2"));
		ck_assert_ptr_null(p);
		/* A server that is away may come; a URL that is none stays none. */
		if (!strstr(cases[i].starts, "not a connection URL"))
			continue;
		ck_assert_int_eq(pg_pool_open(&config, false, &p, &e), -1);
		ck_assert_ptr_nonnull(strstr(e.msg, "not a connection URL"));
		ck_assert_ptr_null(strstr(e.msg, "hunter2"));
	}
}
END_TEST

static void count_job(struct pg_conn *c, bool usable, void *arg)
{
	static const struct pg_stmt stmt = {"one", "SELECT 1", 0};
	_Atomic int *done = arg;
	struct err e;

	if (usable && pg_exec(c, &stmt, NULL, NULL, NULL, &e) == PG_OK)
		++*done;
}

START_TEST(pg_pool__runs_every_job_before_closing)
{
	struct pg_pool *p = open_pool(4, 1000);
	_Atomic int done = 0;

	for (int i = 0; i < 1000; i++)
		while (pg_pool_submit(p, count_job, &done) < 0)
			usleep(1000);
	pg_pool_close(p);
	ck_assert_int_eq(done, 1000);
}
END_TEST

static void block_job(struct pg_conn *c _unused_, bool usable _unused_, void *arg)
{
	pthread_mutex_t *gate = arg;

	pthread_mutex_lock(gate);
	pthread_mutex_unlock(gate);
}

START_TEST(pg_pool__full_queue_refuses)
{
	struct pg_pool *p = open_pool(1, 2);
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	int accepted = 0;

	pthread_mutex_lock(&gate);
	for (int i = 0; i < 10; i++)
		accepted += pg_pool_submit(p, block_job, &gate) == 0;
	/* Two in the queue, and one that the worker may have taken already. */
	ck_assert_int_ge(accepted, 2);
	ck_assert_int_le(accepted, 3);
	pthread_mutex_unlock(&gate);
	pg_pool_close(p);
}
END_TEST

static void terminate_others(void)
{
	_cleanup_(pg_conn_closep) struct pg_conn *c = open_conn();
	struct err e = {0};

	ck_assert_msg(pg_exec_text(c,
			      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
			      "WHERE application_name = 'test_pg_pool'",
			      NULL, &e) == PG_OK,
		"%s", e.msg);
}

START_TEST(pg_pool__cut_connections_come_back_without_a_failed_job)
{
	struct pg_pool *p = open_pool(2, 10);
	_Atomic int done = 0;

	for (int round = 1; round <= 5; round++) {
		terminate_others();
		ck_assert_int_eq(pg_pool_run(p, count_job, &done), 0);
		ck_assert_int_eq(done, round);
	}
	pg_pool_close(p);
}
END_TEST

static void run_text(struct pg_conn *c, bool usable, void *arg)
{
	struct err e = {0};

	ck_assert(usable);
	ck_assert_msg(pg_exec_text(c, arg, NULL, &e) == PG_OK, "%s", e.msg);
}

static void begin_copy(struct pg_conn *c, bool usable, void *arg _unused_)
{
	struct err e = {0};

	ck_assert(usable);
	ck_assert_msg(
		pg_copy_begin(c, "COPY committed FROM STDIN", NULL, &e) == PG_OK, "%s", e.msg);
}

START_TEST(pg_pool__no_job_runs_inside_what_another_left_open)
{
	static char create[] = "CREATE TABLE committed (a int)",
		    left[] = "BEGIN; INSERT INTO committed VALUES (1)",
		    insert[] = "INSERT INTO committed VALUES (10)";
	static const struct pg_stmt sum = {"sum", "SELECT sum(a) FROM committed", 0};
	_cleanup_(pg_conn_closep) struct pg_conn *c = open_conn();
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	struct pg_pool *p = open_pool(1, 4);
	struct err e = {0};

	ck_assert_int_eq(pg_pool_run(p, run_text, create), 0);
	ck_assert_int_eq(pg_pool_run(p, run_text, left), 0);
	ck_assert_int_eq(pg_pool_run(p, run_text, insert), 0);
	ck_assert_int_eq(pg_pool_run(p, begin_copy, NULL), 0);
	ck_assert_int_eq(pg_pool_run(p, run_text, insert), 0);
	pg_pool_close(p);
	ck_assert_msg(pg_exec(c, &sum, NULL, &r, NULL, &e) == PG_OK, "%s", e.msg);
	ck_assert_int_eq(pg_result_int(r, 0, 0), 20);
}
END_TEST

/* A connection to the database "postgres" of the same server. */
static struct pg_conn *open_beside(void)
{
	struct pg_conn *c = NULL;
	struct err e = {0};
	char beside[512];
	const char *name = strstr(url(), "holdpoint?");

	if (!name)
		name = strstr(url(), "holdpoint ");
	ck_assert_msg(name != NULL, "the database's name is not where it was");
	snprintf(beside, sizeof(beside), "%.*spostgres%s", (int)(name - url()), url(),
		name + strlen("holdpoint"));
	ck_assert_msg(pg_conn_open(beside, "beside", 0, &c, &e) == 0, "%s", e.msg);
	return c;
}

START_TEST(pg_pool__an_idle_pool_notices_an_outage_and_its_end)
{
	static char shut[] = "ALTER DATABASE holdpoint ALLOW_CONNECTIONS false",
		    open[] = "ALTER DATABASE holdpoint ALLOW_CONNECTIONS true",
		    cut[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
			    "WHERE datname = 'holdpoint'";
	_cleanup_(pg_conn_closep) struct pg_conn *beside = open_beside();
	struct pg_pool *p = open_pool(3, 4);
	struct err e = {0};

	ck_assert_int_eq(pg_exec_text(beside, shut, NULL, &e), PG_OK);
	/* Again and again: one that was just being made when the door closed is seen later. */
	for (int i = 0; i < 500 && pg_pool_is_up(p); i++) {
		ck_assert_int_eq(pg_exec_text(beside, cut, NULL, &e), PG_OK);
		usleep(20000);
	}
	ck_assert(!pg_pool_is_up(p));
	ck_assert_int_eq(pg_exec_text(beside, open, NULL, &e), PG_OK);
	for (int i = 0; i < 1000 && !pg_pool_is_up(p); i++)
		usleep(20000);
	ck_assert(pg_pool_is_up(p));
	pg_pool_close(p);
}
END_TEST

static void note_usable(struct pg_conn *c, bool usable, void *arg)
{
	*(int *)arg = usable;
	ck_assert_int_eq(c != NULL, usable);
}

START_TEST(pg_pool__without_database_jobs_are_told_so)
{
	struct pg_pool_config config = {.database_url = "host=/nowhere dbname=x",
		.application_name = "t",
		.connections = 2,
		.queue_max = 4};
	struct pg_pool *p = NULL;
	struct err e = {0};
	int usable = -1;

	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(pg_pool_open(&config, false, &p, &e), 0);
	ck_assert(!pg_pool_is_up(p));
	ck_assert_int_eq(pg_pool_run(p, note_usable, &usable), 0);
	ck_assert_int_eq(usable, 0);
	pg_pool_close(p);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("pg_pool");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, pg_conn__parameters_rows_and_nulls);
	tcase_add_test(tc, pg_conn__columns_by_name);
	tcase_add_test(tc, pg_conn__errors_are_one_line_with_sqlstate);
	tcase_add_test(tc, pg_conn__nul_byte_in_parameter_is_refused);
	tcase_add_test(tc, pg_conn__copy);
	tcase_add_test(tc, pg_conn__notifications);
	tcase_add_test(tc, pg_conn__statements_survive_a_change_of_what_they_return);
	tcase_add_test(tc, pg_pool__wrong_url_is_one_line);
	tcase_add_test(tc, pg_pool__runs_every_job_before_closing);
	tcase_add_test(tc, pg_pool__full_queue_refuses);
	tcase_add_test(tc, pg_pool__cut_connections_come_back_without_a_failed_job);
	tcase_add_test(tc, pg_pool__no_job_runs_inside_what_another_left_open);
	tcase_add_test(tc, pg_pool__an_idle_pool_notices_an_outage_and_its_end);
	tcase_add_test(tc, pg_pool__without_database_jobs_are_told_so);
	return run_tests(tc);
}
