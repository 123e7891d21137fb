/* SPDX-License-Identifier: Apache-2.0 */
/* Housekeeping on a real PostgreSQL, while the clock on the wall is set. */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "support/run_tests.h"
#include "webhook/housekeeping.h"

#define ROUND_MS 20

static _Atomic long wall_offset_s;

/* In place of libc's: the clock on the wall, which somebody sets. */
time_t time(time_t *ret)
{
	const time_t now = (time_t)(realtime_us() / 1000000) + atomic_load(&wall_offset_s);

	if (ret)
		*ret = now;
	return now;
}

static const char schema[] =
	"CREATE SCHEMA holdpoint;"
	"CREATE SEQUENCE observed; CREATE FUNCTION holdpoint.observe_uses() RETURNS bigint "
	"LANGUAGE sql AS $$SELECT nextval('observed')$$;"
	"CREATE SEQUENCE looked;"
	"CREATE FUNCTION holdpoint.confirm_reviews() RETURNS TABLE (cluster text, hold_id bigint,"
	" who text, action text, state text, why text) LANGUAGE sql AS "
	"$$SELECT 'c', nextval('looked'), 'sue', 'approve', 'refused', 'made by ci'$$;"
	"CREATE SEQUENCE expired; CREATE SEQUENCE partitions; CREATE SEQUENCE pruned;"
	"CREATE FUNCTION holdpoint.expire_holds() RETURNS bigint LANGUAGE sql AS "
	"$$SELECT nextval('expired')$$;"
	"CREATE FUNCTION holdpoint.ensure_partitions() RETURNS bigint LANGUAGE sql AS "
	"$$SELECT nextval('partitions')$$;"
	"CREATE FUNCTION holdpoint.outbox_prune() RETURNS bigint LANGUAGE plpgsql AS "
	"$$BEGIN IF nextval('pruned') < 3 THEN RAISE 'not now'; END IF; RETURN 1; END$$;"
	"CREATE FUNCTION holdpoint.outbox_forget_told() RETURNS void LANGUAGE sql AS '';"
	"CREATE FUNCTION holdpoint.limits_prune() RETURNS void LANGUAGE sql AS '';"
	"CREATE FUNCTION holdpoint.confirm_resumes() RETURNS void LANGUAGE sql AS '';"
	"CREATE SEQUENCE loads;"
	"CREATE FUNCTION holdpoint.policy_loaded(p_cluster text, p_digest bytea, p_text text, "
	"p_instance text) RETURNS void "
	"LANGUAGE plpgsql AS $$BEGIN IF nextval('loads') < 3 "
	"THEN RAISE 'later' USING ERRCODE = '53100'; "
	"ELSE RAISE 'never' USING ERRCODE = '23514'; END IF; END$$;";

static struct pg_conn *conn;

static int64_t count_of(const char *sequence)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	static const struct pg_stmt stmt = {"count",
		"SELECT coalesce(max(last_value), 0) FROM pg_sequences WHERE sequencename = $1", 1};
	const struct span name = span_of(sequence);
	struct err e;

	ck_assert_msg(pg_exec(conn, &stmt, &name, &r, NULL, &e) == PG_OK, "%s", e.msg);
	return pg_result_int(r, 0, 0);
}

static void wait_for(const char *sequence, int64_t wanted)
{
	const int64_t until = monotonic_ms() + 10000;

	while (count_of(sequence) < wanted && monotonic_ms() < until)
		usleep(5000);
	ck_assert_int_ge(count_of(sequence), wanted);
}

static struct policy_set *load_library(void)
{
	static const char *const paths[] = {HOLDPOINT_SOURCE_DIR "/test/e2e/policy.yaml"};
	struct yaml_errors errors = {.text = BUF_INIT(1 << 20)};
	struct policy_set *set = NULL;
	int rc = policy_set_load(paths, 1, &set, &errors);

	ck_assert_msg(rc == 0, "%s", buf_str(&errors.text));
	buf_free(&errors.text);
	return set;
}

START_TEST(housekeeping__goes_on_when_the_clock_is_set_back)
{
	const struct pg_pool_config config = {.database_url = getenv("HOLDPOINT_TEST_DATABASE_URL"),
		.application_name = "test",
		.connections = 1,
		.queue_max = 10,
		.statement_timeout_ms = 5000};
	struct housekeeping *h;
	struct policy_set *set;
	struct pg_pool *pool;
	struct err e;

	ck_assert_msg(pg_conn_open(config.database_url, "test", 0, &conn, &e) == 0, "%s", e.msg);
	ck_assert_msg(pg_exec_text(conn, schema, NULL, &e) == PG_OK, "%s", e.msg);
	ck_assert_msg(pg_pool_open(&config, true, &pool, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(housekeeping_open(pool, "c", "i", ROUND_MS, NULL, NULL, &h, &e), 0);
	set = load_library();
	housekeeping_policy_loaded(set, h);
	policy_set_unref(set);
	wait_for("observed", 3);
	wait_for("expired", 2);
	wait_for("looked", 2);
	atomic_store(&wall_offset_s, -3600);
	wait_for("expired", count_of("expired") + 3);
	/* Tried again until it is known that it cannot be recorded. */
	wait_for("loads", 3);
	wait_for("expired", count_of("expired") + 3);
	ck_assert_int_eq(count_of("loads"), 3);
	/* Made once and not due again; what failed was tried again until it went well. */
	ck_assert_int_eq(count_of("partitions"), 1);
	ck_assert_int_eq(count_of("pruned"), 3);
	housekeeping_stop(h);
	pg_pool_close(pool);
	housekeeping_close(h);
	pg_conn_close(conn);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("housekeeping");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, housekeeping__goes_on_when_the_clock_is_set_back);
	return run_tests(t);
}
