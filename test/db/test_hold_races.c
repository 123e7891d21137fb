/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Races about holds on a real PostgreSQL: whatever requests, approvals, denials and expiry do at
 * the same moment, a hold ends in one state, lets one change through, and its events tell so.
 */
#include "db/hold_race.h"
#include "support/run_tests.h"

START_TEST(hold_races__one_approval_lets_one_change_through)
{
	const unsigned n = 200;

	for (unsigned i = 0; i < n; i++)
		racers[i].conn = race_connect("wh");
	ask_at_once(n, "is_new", "web", ONCE);
	ck_assert_uint_eq(answers(racers, n, "t"), 1);
	ck_assert_uint_eq(answers(racers, n, "f"), n - 1);
	ck_assert_str_eq(admin("SELECT count(*) || ' ' || max(attempts) FROM holdpoint.holds"
			       " WHERE name = 'web'"),
		"1 200");

	admin("SELECT holdpoint.approve(max(id)) FROM holdpoint.hold WHERE name = 'web'");
	ask_at_once(n, "verdict || ' ' || is_repeat", "web", ONCE);
	ck_assert_uint_eq(answers(racers, n, "allow false"), 1);
	ck_assert_uint_eq(answers(racers, n, "allow true"), REPEATS);
	ck_assert_uint_eq(answers(racers, n, "held false"), n - 1 - REPEATS);
	ck_assert_str_eq(admin("SELECT string_agg(state || ' ' || repeats, ', ' ORDER BY id)"
			       " FROM holdpoint.hold WHERE name = 'web'"),
		"used 5, pending 0");
	ck_assert_str_eq(admin("SELECT count(*) FILTER (WHERE action = 'use') || ' ' ||"
			       " count(*) FILTER (WHERE action = 'repeat')"
			       " FROM holdpoint.hold_event e JOIN holdpoint.hold h"
			       " ON h.id = e.hold_id WHERE h.name = 'web'"),
		"1 5");
	racers_close(racers, n);
}
END_TEST

START_TEST(hold_races__without_repeats_exactly_one_request_passes)
{
	const unsigned n = 200;
	long hold = make_hold("strict", ONCE);

	admin("UPDATE holdpoint.config SET repeat_window = '0'");
	admin("SELECT holdpoint.approve(%ld)", hold);
	for (unsigned i = 0; i < n; i++)
		racers[i].conn = race_connect("wh");
	ask_at_once(n, "verdict", "strict", ONCE);
	ck_assert_uint_eq(answers(racers, n, "allow"), 1);
	ck_assert_uint_eq(answers(racers, n, "held"), n - 1);
	ck_assert_str_eq(admin("SELECT string_agg(state, ' ' ORDER BY id) FROM holdpoint.hold"
			       " WHERE name = 'strict'"),
		"used pending");
	check_events_tell_state(hold);
	racers_close(racers, n);
}
END_TEST

START_TEST(hold_races__window_passes_no_more_than_max_uses)
{
	const unsigned n = 100;
	char name[32];
	long hold = make_hold("w", WINDOW_TEN);

	admin("SELECT holdpoint.approve(%ld)", hold);
	for (unsigned i = 0; i < n; i++) {
		racers[i].conn = race_connect("wh");
		snprintf(name, sizeof(name), "w%u", i);
		ask(racers[i].sql, "verdict", name, WINDOW_TEN);
	}
	race(racers, n);
	ck_assert_uint_eq(answers(racers, n, "allow"), 10);
	ck_assert_uint_eq(answers(racers, n, "held"), n - 10);
	ck_assert_str_eq(admin("SELECT state || ' ' || uses || ' ' || (SELECT count(*) FROM"
			       " holdpoint.hold_event WHERE hold_id = %ld AND action = 'use')"
			       " FROM holdpoint.hold WHERE id = %ld",
				 hold, hold),
		"used 10 10");
	check_events_tell_state(hold);
	racers_close(racers, n);
}
END_TEST

/* Everything that can happen to a hold, at once; a decision that was accepted shows in its events.
 */
START_TEST(hold_races__decisions_end_in_one_state)
{
	const unsigned n = 14;

	for (int round = 0; round < 25; round++) {
		char name[32];
		snprintf(name, sizeof(name), "d%d", round);
		long hold = make_hold(name, ONCE);

		for (unsigned i = 0; i < 3; i++) {
			racer_set(4 * i, "alice", "SELECT holdpoint.approve(%ld)", hold);
			racer_set(4 * i + 1, "bob", "SELECT holdpoint.deny(%ld)", hold);
			racer_set(4 * i + 2, "wh", "SELECT holdpoint.withdraw(%ld)", hold);
			racers[4 * i + 3].conn = race_connect("wh");
			ask(racers[4 * i + 3].sql, "verdict", name, ONCE);
		}
		racer_set(12, "bob", "SELECT holdpoint.approve(%ld)", hold);
		racer_set(13, "wh", "SELECT holdpoint.expire_holds()");
		race(racers, n);
		racers_close(racers, n);

		check_events_tell_state(hold);
		ck_assert_str_eq(admin("SELECT count(*) <= 1 FROM holdpoint.hold_event"
				       " WHERE hold_id = %ld AND action = 'approve'",
					 hold),
			"t");
		unsigned said = 0;
		for (unsigned i = 0; i < 13; i++)
			said += strncmp(racers[i].answer, "hold ", 5) == 0;
		ck_assert_int_eq(atoi(admin("SELECT count(*) FROM holdpoint.hold_event WHERE"
					    " hold_id = %ld AND action IN ('approve', 'deny',"
					    " 'withdraw')",
					 hold)),
			(int)said);
	}
}
END_TEST

/* Approve, use and sweep at the very moment a hold's time runs out. */
START_TEST(hold_races__expiry_wins_or_loses_but_not_both)
{
	const unsigned n = 30;

	for (int round = 0; round < 4; round++) {
		char name[32];
		snprintf(name, sizeof(name), "e%d", round);
		long hold = make_hold(name, ONCE_BRIEFLY);

		for (unsigned i = 0; i < 10; i++) {
			racer_set(3 * i, "alice",
				"SELECT holdpoint.approve(%ld) FROM"
				" pg_sleep(%u / 200.0)",
				hold, i);
			racer_set(3 * i + 1, "wh",
				"SELECT holdpoint.expire_holds() FROM"
				" pg_sleep(%u / 200.0)",
				i);
			racers[3 * i + 2].conn = race_connect("wh");
			ask(racers[3 * i + 2].sql, "verdict", name, ONCE_BRIEFLY);
		}
		/* The hold ends one second after it was made: in the middle of what follows. */
		usleep(960000 - 10000 * (unsigned)round - 30 * 2000);
		race(racers, n);
		racers_close(racers, n);
		usleep(100000);
		admin("SELECT holdpoint.expire_holds()");
		check_events_tell_state(hold);
		ck_assert_str_eq(admin("SELECT state IN ('used', 'expired') FROM holdpoint.hold"
				       " WHERE id = %ld",
					 hold),
			"t");
	}
}
END_TEST

START_TEST(hold_races__one_person_never_counts_twice)
{
	const unsigned n = 40;
	long hold = make_hold("person", ONCE_TWO);

	for (unsigned i = 0; i < n; i += 2) {
		racer_set(i, "alice", "SELECT holdpoint.approve(%ld)", hold);
		racer_set(i + 1, "wh",
			"SELECT holdpoint.approve_as_kubernetes('c1', %ld, 'alice@example.com',"
			" '{sre}', 'r%u')",
			hold, i);
	}
	race(racers, n);
	ck_assert_uint_eq(answers(racers, n, "HP007"), n - 1);
	ck_assert_str_eq(admin("SELECT state || ' ' || approvals FROM holdpoint.hold"
			       " WHERE id = %ld",
				 hold),
		"pending 1");
	racers_close(racers, n);
}
END_TEST

/* Two logins and a Kubernetes user, who is in other groups by every other token. */
START_TEST(hold_races__one_person_of_many_names_never_counts_twice)
{
	const unsigned n = 60;
	long hold = make_hold("names", ONCE_TWO);

	for (unsigned i = 0; i < n; i += 3) {
		racer_set(i, "alice", "SELECT holdpoint.approve(%ld)", hold);
		racer_set(i + 1, "alice_admin", "SELECT holdpoint.approve(%ld)", hold);
		racer_set(i + 2, "wh",
			"SELECT holdpoint.approve_as_kubernetes('c1', %ld, 'alice@example.com',"
			" '{%s}', 'r%u')",
			hold, i % 2 ? "sre,security" : "sre", i);
	}
	race(racers, n);
	ck_assert_uint_eq(answers(racers, n, "HP007"), n - 1);
	ck_assert_str_eq(admin("SELECT state || ' ' || approvals FROM holdpoint.hold"
			       " WHERE id = %ld",
				 hold),
		"pending 1");
	racers_close(racers, n);
}
END_TEST

/* A login and a Kubernetes user of whom nobody knows whether they are one person. */
START_TEST(hold_races__who_may_be_one_person_never_counts_twice)
{
	const unsigned n = 40;
	long hold = make_hold("perhaps", ONCE_TWO);

	for (unsigned i = 0; i < n; i += 2) {
		racer_set(i, "bob", "SELECT holdpoint.approve(%ld)", hold);
		racer_set(i + 1, "wh",
			"SELECT holdpoint.approve_as_kubernetes('c1', %ld, 'sue', '{sre}', 'r%u')",
			hold, i);
	}
	race(racers, n);
	ck_assert_uint_eq(answers(racers, n, "HP006"), n / 2);
	ck_assert_uint_eq(answers(racers, n, "HP007"), n / 2 - 1);
	ck_assert_str_eq(admin("SELECT state || ' ' || approvals FROM holdpoint.hold"
			       " WHERE id = %ld",
				 hold),
		"pending 1");
	racers_close(racers, n);
}
END_TEST

#define TWO_RULES                                                                                  \
	ONCE ", p_rules => '[{\"policy\": \"p\", \"rule\": \"a\", \"approvers\": [\"sre\"],"       \
	     " \"minApprovals\": 2}, {\"policy\": \"p\", \"rule\": \"b\","                         \
	     " \"approvers\": [\"security\"], \"minApprovals\": 1}]'"

/* Two of sre and one of security: alice is both, but one person; then bob makes it two. */
START_TEST(hold_races__each_of_two_rules_gets_its_own_people)
{
	const unsigned n = 40;

	for (int round = 0; round < 10; round++) {
		char name[32];
		snprintf(name, sizeof(name), "rules%d", round);
		long hold = make_hold(name, TWO_RULES);

		for (unsigned i = 0; i < n; i += 4) {
			racer_set(i, "alice", "SELECT holdpoint.approve(%ld)", hold);
			racer_set(i + 1, "alice_admin", "SELECT holdpoint.approve(%ld)", hold);
			racer_set(i + 2, "carol", "SELECT holdpoint.approve(%ld)", hold);
			racer_set(i + 3, "wh",
				"SELECT holdpoint.approve_as_kubernetes('c1', %ld,"
				" 'alice@example.com', '{sre,security}', 'r%u')",
				hold, i);
		}
		race(racers, n);
		racers_close(racers, n);
		ck_assert_str_eq(
			admin("SELECT state || ' ' || approvals || ' ' || rule_approvals[1]"
			      " FROM holdpoint.hold WHERE id = %ld",
				hold),
			"pending 2 1");
		admin("SET SESSION AUTHORIZATION bob; SELECT holdpoint.approve(%ld)", hold);
		ck_assert_str_eq(
			admin("SELECT state FROM holdpoint.hold WHERE id = %ld", hold), "approved");
		check_events_tell_state(hold);
	}
}
END_TEST

START_TEST(hold_races__two_people_count_as_two)
{
	const unsigned n = 40;
	long hold = make_hold("people", ONCE_TWO);

	for (unsigned i = 0; i < n; i += 2) {
		racer_set(i, "alice", "SELECT holdpoint.approve(%ld)", hold);
		racer_set(i + 1, "bob", "SELECT holdpoint.approve(%ld)", hold);
	}
	race(racers, n);
	ck_assert_uint_eq(answers(racers, n, "HP007") + answers(racers, n, "HP002"), n - 2);
	ck_assert_str_eq(admin("SELECT state || ' ' || approvals FROM holdpoint.hold"
			       " WHERE id = %ld",
				 hold),
		"approved 2");
	check_events_tell_state(hold);
	racers_close(racers, n);
}
END_TEST

START_TEST(hold_races__a_repeated_review_counts_once)
{
	const unsigned n = 20;
	long hold = make_hold("review", ONCE);

	for (unsigned i = 0; i < n; i++)
		racer_set(i, "wh",
			"SELECT split_part(holdpoint.approve_as_kubernetes('c1', %ld, 'sue',"
			" '{sre}', 'same'), ':', 1) = 'hold %ld approved'",
			hold, hold);
	race(racers, n);
	ck_assert_uint_eq(answers(racers, n, "t"), n);
	ck_assert_str_eq(admin("SELECT count(*) FROM holdpoint.hold_event WHERE hold_id = %ld"
			       " AND action = 'approve'",
				 hold),
		"1");
	racers_close(racers, n);
}
END_TEST

/* Of the attempts and answers that come while others are counted none is lost, whatever waits. */
static void check_attempts(long hold, long attempts, long answered)
{
	char expected[64];

	snprintf(expected, sizeof(expected), "%ld %ld", attempts, answered);
	ck_assert_str_eq(admin("SELECT attempts || ' ' || answered FROM holdpoint.holds"
			       " WHERE id = %ld",
				 hold),
		expected);
	admin("SELECT holdpoint.expire_holds()");
	ck_assert_str_eq(admin("SELECT h.attempts || ' ' || h.answered FROM holdpoint.hold h"
			       " WHERE h.id = %ld AND NOT EXISTS (SELECT FROM"
			       " holdpoint.hold_attempt a WHERE a.hold_id = h.id)",
				 hold),
		expected);
}

START_TEST(hold_races__every_attempt_is_counted)
{
	const unsigned n = 100;
	long hold = make_hold("counted", ONCE),
	     question = make_hold("question", ONCE ", p_is_question => true");
	PGconn *someone = race_connect("alice");
	char answer[128];

	for (unsigned i = 0; i < n; i++)
		racer_set(i, "wh", "%s", "");
	for (int round = 0; round < 3; round++)
		ask_at_once(n, "verdict", "counted", ONCE);
	ck_assert_uint_eq(answers(racers, n, "held"), n);
	check_attempts(hold, 1 + 3 * n, 0);

	/* An approver has it in hand, and so do they a question that is answered. */
	ck_assert_int_eq(race_run(someone, "BEGIN", answer), 0);
	ck_assert_int_eq(race_run(someone,
				 "SELECT holdpoint.approve(id) FROM holdpoint.pending_holds"
				 " WHERE name = 'counted'",
				 answer),
		0);
	ask_at_once(n, "verdict", "counted", ONCE);
	ck_assert_uint_eq(answers(racers, n, "held"), n);
	ck_assert_int_eq(race_run(someone, "ROLLBACK", answer), 0);
	check_attempts(hold, 1 + 4 * n, 0);
	admin("SELECT holdpoint.approve(%ld)", question);
	for (int round = 0; round < 3; round++)
		ask_at_once(n, "verdict", "question", ONCE ", p_is_question => true");
	ck_assert_uint_eq(answers(racers, n, "allow"), n);
	check_attempts(question, 1 + 3 * n, 3 * n);

	PQfinish(someone);
	racers_close(racers, n);
}
END_TEST

/* Who may not decide on a hold does not wait for those who may, and takes no turn from them. */
START_TEST(hold_races__who_may_not_decide_takes_no_lock)
{
	long hold = make_hold("locked", ONCE);
	PGconn *someone = race_connect("alice"), *mallory = race_connect("wh"),
	       *carol = race_connect("carol");
	char answer[128], sql[256];

	ck_assert_int_eq(race_run(someone, "BEGIN", answer), 0);
	snprintf(sql, sizeof(sql), "SELECT holdpoint.approve(%ld)", hold);
	ck_assert_int_eq(race_run(someone, sql, answer), 0);
	race_run(carol, sql, answer);
	ck_assert_str_eq(answer, "HP003");
	snprintf(sql, sizeof(sql),
		"SELECT holdpoint.approve_as_kubernetes('c1', %ld, 'mallory',"
		" '{ai}', 'm')",
		hold);
	race_run(mallory, sql, answer);
	ck_assert_str_eq(answer, "HP003");
	snprintf(sql, sizeof(sql),
		"SELECT holdpoint.deny_as_kubernetes('c1', %ld, 'mallory',"
		" '{ai}', 'n')",
		hold);
	race_run(mallory, sql, answer);
	ck_assert_str_eq(answer, "HP003");
	ck_assert_int_eq(race_run(someone, "COMMIT", answer), 0);
	PQfinish(someone);
	PQfinish(mallory);
	PQfinish(carol);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("races");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, hold_races__one_approval_lets_one_change_through);
	tcase_add_test(t, hold_races__without_repeats_exactly_one_request_passes);
	tcase_add_test(t, hold_races__window_passes_no_more_than_max_uses);
	tcase_add_test(t, hold_races__decisions_end_in_one_state);
	tcase_add_test(t, hold_races__expiry_wins_or_loses_but_not_both);
	tcase_add_test(t, hold_races__one_person_never_counts_twice);
	tcase_add_test(t, hold_races__one_person_of_many_names_never_counts_twice);
	tcase_add_test(t, hold_races__who_may_be_one_person_never_counts_twice);
	tcase_add_test(t, hold_races__each_of_two_rules_gets_its_own_people);
	tcase_add_test(t, hold_races__two_people_count_as_two);
	tcase_add_test(t, hold_races__a_repeated_review_counts_once);
	tcase_add_test(t, hold_races__every_attempt_is_counted);
	tcase_add_test(t, hold_races__who_may_not_decide_takes_no_lock);
	return run_tests(t);
}
