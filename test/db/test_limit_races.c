/* SPDX-License-Identifier: Apache-2.0 */
/* Limits at their edge: whatever comes at the same moment, exactly as many go on as may. */
#include "db/race.h"
#include "support/run_tests.h"

static struct racer racers[RACERS_MAX];

static void setup(void)
{
	admin("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wh') THEN"
	      " CREATE ROLE wh LOGIN IN ROLE holdpoint_webhook; END IF; END $$");
	admin("SELECT '' FROM (SELECT 1) AS x; DELETE FROM holdpoint.limit_use;"
	      " DELETE FROM holdpoint.limit_counter");
	for (unsigned i = 0; i < RACERS_MAX; i++)
		racers[i].conn = race_connect("wh");
}

static void teardown(void)
{
	racers_close(racers, RACERS_MAX);
}

#define USE(keys, counts, windows, change)                                                         \
	"SELECT holdpoint.limits_use(p_cluster => 'c1', p_keys => " keys ", p_counts => " counts   \
	", p_windows => " windows ", p_fingerprint => sha256('" change "'), p_max_repeats => 0)"

START_TEST(limit_races__200_at_once_against_10)
{
	for (unsigned i = 0; i < RACERS_MAX; i++)
		snprintf(racers[i].sql, sizeof(racers[i].sql),
			USE("ARRAY[sha256('k')]", "'{10}'", "'{10 minutes}'", "change %u"), i);
	race(racers, RACERS_MAX);
	ck_assert_uint_eq(answers(racers, RACERS_MAX, "w"), 10);
	ck_assert_uint_eq(answers(racers, RACERS_MAX, "b"), RACERS_MAX - 10);
	ck_assert_str_eq(admin("SELECT count(*) FROM holdpoint.limit_use"), "10");
}
END_TEST

/* Two limits, asked for in two orders: nobody waits for each other, and what is beyond one of them
 * is not counted for the other. */
START_TEST(limit_races__two_limits_in_any_order)
{
	static const char *const keys[] = {"ARRAY[sha256('small'), sha256('large')]",
		"ARRAY[sha256('large'), sha256('small')]"};
	static const char *const counts[] = {"'{10,15}'", "'{15,10}'"};

	for (unsigned i = 0; i < RACERS_MAX; i++)
		snprintf(racers[i].sql, sizeof(racers[i].sql),
			"SELECT holdpoint.limits_use(p_cluster => 'c1', p_keys => %s, p_counts => "
			"%s, p_windows => '{10 minutes,10 minutes}', p_fingerprint => "
			"sha256('change %u'), p_max_repeats => 0)",
			keys[i % 2], counts[i % 2], i);
	race(racers, RACERS_MAX);
	ck_assert_uint_eq(answers(racers, RACERS_MAX, "ww"), 10);
	ck_assert_uint_eq(answers(racers, RACERS_MAX, "bw") + answers(racers, RACERS_MAX, "wb"),
		RACERS_MAX - 10);
	ck_assert_str_eq(
		admin("SELECT count(*) FROM holdpoint.limit_use WHERE key = sha256('large')"),
		"10");
}
END_TEST

/* The end of a window is an edge, too. */
START_TEST(limit_races__no_more_at_the_end_of_a_window)
{
	unsigned passed = 0;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < RACERS_MAX; i++)
			snprintf(racers[i].sql, sizeof(racers[i].sql),
				USE("ARRAY[sha256('k')]", "'{10}'", "'{1 second}'", "change %u.%u"),
				round, i);
		race(racers, RACERS_MAX);
		passed += answers(racers, RACERS_MAX, "w");
	}
	ck_assert_uint_ge(passed, 10);
	/* In no second more than ten. */
	ck_assert_str_eq(
		admin("SELECT coalesce(max(n), 0) <= 10 FROM (SELECT count(*) OVER (ORDER BY "
		      "at RANGE BETWEEN interval '999 ms' PRECEDING AND CURRENT ROW) AS n FROM "
		      "holdpoint.limit_use) AS w"),
		"t");
}
END_TEST

/* What may wait, of one identity and of all questions of a cluster: no more, and no fewer. */
static void set_limits(unsigned long holds)
{
	admin("SELECT '' FROM (SELECT 1) AS x; UPDATE holdpoint.config SET"
	      " max_pending_per_user = %lu, max_questions_per_user = 10, max_questions = 30;"
	      " UPDATE holdpoint.hold SET expires_at = created_at",
		holds);
}

/* Each for a change of its own. */
static void ask_many(const char *changes, const char *user, const char *question)
{
	for (unsigned i = 0; i < RACERS_MAX; i++)
		snprintf(racers[i].sql, sizeof(racers[i].sql),
			"SELECT verdict FROM holdpoint.hold_find_or_create(p_cluster => 'c1',"
			" p_fingerprint => sha256('%s %u'), p_username => format('%s', %u),"
			" p_groups => '{ai}', p_operation => 'DELETE', p_api_group => '',"
			" p_api_version => 'v1', p_resource => 'pods', p_subresource => '',"
			" p_namespace => 'prod', p_name => 'web', p_policy => 'agents',"
			" p_rule => 'deletes', p_policy_digest => NULL, p_message => '',"
			" p_change => NULL, p_approvers => '{}', p_min_approvals => 1,"
			" p_require_reason => false, p_expires => '1 hour', p_grant => 'Once',"
			" p_window => NULL, p_max_uses => NULL, p_dry_run => false,"
			" p_request_uid => 'uid', p_is_question => %s)",
			changes, i, user, i, question);
	race(racers, RACERS_MAX);
}

START_TEST(limit_races__holds_of_one_identity_that_wait)
{
	static const char *const questions[] = {"false", "true"};

	for (unsigned i = 0; i < 2; i++) {
		set_limits(10);
		ask_many("few", i ? "asker" : "agent", questions[i]);
		ck_assert_uint_eq(answers(racers, RACERS_MAX, "held"), 10);
		ck_assert_uint_eq(answers(racers, RACERS_MAX, "limit"), RACERS_MAX - 10);
	}
}
END_TEST

/* Of many at one moment some may be told that they are too many to be counted; in the end exactly
 * as many wait as may. While there is room for all connections nobody waits for another's disk. */
START_TEST(limit_races__a_large_limit_is_as_exact)
{
	unsigned long most = strtoul(admin("SHOW max_connections"), NULL, 10) + 7, held = 0;

	set_limits(most);
	for (unsigned round = 0; held < most && round < 30; round++) {
		char changes[32];

		snprintf(changes, sizeof(changes), "round %u", round);
		ask_many(changes, "agent-of-many", "false");
		held += answers(racers, RACERS_MAX, "held");
		ck_assert_uint_le(held, most);
	}
	ask_many("over", "agent-of-many", "false");
	ck_assert_uint_eq(answers(racers, RACERS_MAX, "held"), 0);
	ck_assert_uint_eq(held, most);
	ck_assert_uint_eq(
		strtoul(admin("SELECT count(*) FROM holdpoint.hold WHERE state = 'pending'"
			      " AND username = 'agent-of-many'"),
			NULL, 10),
		most);
}
END_TEST

START_TEST(limit_races__questions_in_made_up_names_that_wait)
{
	set_limits(10);
	ask_many("made up", "made-up-%s", "true");
	ck_assert_uint_eq(answers(racers, RACERS_MAX, "held"), 30);
	ck_assert_uint_eq(answers(racers, RACERS_MAX, "limit"), RACERS_MAX - 30);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("limit_races");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, limit_races__200_at_once_against_10);
	tcase_add_test(t, limit_races__two_limits_in_any_order);
	tcase_add_test(t, limit_races__no_more_at_the_end_of_a_window);
	tcase_add_test(t, limit_races__holds_of_one_identity_that_wait);
	tcase_add_test(t, limit_races__a_large_limit_is_as_exact);
	tcase_add_test(t, limit_races__questions_in_made_up_names_that_wait);
	return run_tests(t);
}
