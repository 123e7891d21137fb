/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Races of the confirmation of approvals by their audit events: with each other, with denials,
 * logins and attempts.
 */
#include "db/hold_race.h"
#include "support/run_tests.h"

/* By default: an approval counts when its event has come. */
static void corroborated(void)
{
	admin("UPDATE holdpoint.config SET kubernetes_approvals = 'corroborated'");
}

static void direct(void)
{
	admin("UPDATE holdpoint.config SET kubernetes_approvals = 'direct'");
}

/* alice's review `uid` of a hold, and its event, which says that it was made by `as`. */
static void review(long hold, const char *uid, const char *by)
{
	char sql[512], answer[128];
	PGconn *conn = race_connect("wh");

	snprintf(sql, sizeof(sql),
		"SELECT holdpoint.approve_as_kubernetes('c1', %ld, 'alice@example.com', '{sre}',"
		" '%s')",
		hold, uid);
	ck_assert_msg(race_run(conn, sql, answer) == 0, "%s", answer);
	PQfinish(conn);
	admin("INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level,"
	      " stage_timestamp, audit_id, verb, username, impersonated_user, request_uri,"
	      " api_group, resource, code, hold_review, masking_version, masked, body_digest)"
	      " SELECT 'c1', coalesce(max(seq), 0) + 1, 's', 'ResponseComplete', 'Metadata', now(),"
	      " 'a', 'create', '%s', nullif('alice@example.com', '%s'),"
	      " '/apis/holdpoint.dev/v1alpha1/holdreviews', 'holdpoint.dev', 'holdreviews', 201,"
	      " '%ld/%s', 1, 0, 'd' FROM holdpoint.audit_event",
		by, by, hold, uid);
}

#define CONFIRM "SELECT count(*) FROM holdpoint.confirm_reviews()"
#define STATE                                                                                      \
	"SELECT h.state || ' ' || h.approvals || ' ' || (SELECT string_agg(r.state, ',' ORDER BY"  \
	" r.state) FROM holdpoint.hold_review r WHERE r.hold_id = h.id) || ' ' || (SELECT"         \
	" count(*) FROM holdpoint.hold_event e WHERE e.hold_id = h.id AND e.action = 'approve')"   \
	" FROM holdpoint.hold h WHERE h.id = %ld"

START_TEST(confirm_races__replicas_confirm_an_approval_once)
{
	const unsigned n = 40;

	corroborated();
	for (int round = 0; round < 4; round++) {
		char name[32];
		snprintf(name, sizeof(name), "confirm%d", round);
		long hold = make_hold(name, ONCE);

		review(hold, "u", "alice@example.com");
		for (unsigned i = 0; i < n; i++)
			racer_set(i, "wh", CONFIRM);
		race(racers, n);
		ck_assert_uint_eq(answers(racers, n, "1"), 1);
		ck_assert_uint_eq(answers(racers, n, "0"), n - 1);
		ck_assert_str_eq(admin(STATE, hold), "approved 1 confirmed 1");
		check_events_tell_state(hold);
		racers_close(racers, n);
	}
	direct();
}
END_TEST

/* Two reviews by one person, each with an event that is right, and her login besides. */
START_TEST(confirm_races__confirmed_or_by_login_one_person_counts_once)
{
	const unsigned n = 30;

	corroborated();
	for (int round = 0; round < 4; round++) {
		char name[32];
		snprintf(name, sizeof(name), "twice%d", round);
		long hold = make_hold(name, ONCE_TWO);

		review(hold, "u1", "alice@example.com");
		review(hold, "u2", "alice@example.com");
		for (unsigned i = 0; i < n; i += 2) {
			racer_set(i, "wh", CONFIRM);
			racer_set(i + 1, "alice_admin", "SELECT holdpoint.approve(%ld)", hold);
		}
		race(racers, n);
		racers_close(racers, n);
		admin(CONFIRM);
		ck_assert_str_eq(
			admin("SELECT state || ' ' || approvals || ' ' || unconfirmed::text"
			      " FROM holdpoint.hold WHERE id = %ld",
				hold),
			"pending 1 {}");
		check_events_tell_state(hold);
	}
	direct();
}
END_TEST

/* Whatever comes first ends it: a denial after a confirmation revokes, one before it stands. */
START_TEST(confirm_races__a_denial_is_not_lost_to_a_confirmation)
{
	const unsigned n = 20;

	corroborated();
	for (int round = 0; round < 8; round++) {
		char name[32];
		snprintf(name, sizeof(name), "denied%d", round);
		long hold = make_hold(name, ONCE);

		review(hold, "u", "alice@example.com");
		for (unsigned i = 0; i < n - 1; i++)
			racer_set(i, "wh", CONFIRM);
		racer_set(n - 1, "bob", "SELECT holdpoint.deny(%ld)", hold);
		race(racers, n);
		racers_close(racers, n);
		admin(CONFIRM);
		ck_assert_str_eq(
			admin("SELECT state FROM holdpoint.hold WHERE id = %ld", hold), "denied");
		ck_assert_str_eq(
			admin("SELECT count(*) FROM holdpoint.hold_review WHERE hold_id = %ld"
			      " AND state = 'waiting'",
				hold),
			"0");
		check_events_tell_state(hold);
	}
	direct();
}
END_TEST

/* Somebody acts in her name while the change is asked for again and again: nothing passes. */
START_TEST(confirm_races__a_borrowed_name_lets_nothing_through)
{
	const unsigned n = 60;

	corroborated();
	for (int round = 0; round < 3; round++) {
		char name[32];
		snprintf(name, sizeof(name), "borrowed%d", round);
		long hold = make_hold(name, ONCE);

		review(hold, "u", "agent");
		for (unsigned i = 0; i < n; i += 2) {
			racer_set(i, "wh", CONFIRM);
			racers[i + 1].conn = race_connect("wh");
			ask(racers[i + 1].sql, "verdict", name, ONCE);
		}
		race(racers, n);
		ck_assert_uint_eq(answers(racers, n, "allow"), 0);
		racers_close(racers, n);
		admin(CONFIRM);
		ck_assert_str_eq(admin(STATE, hold), "pending 0 refused 0");
	}
	direct();
}
END_TEST

/* The change passes once, however confirmation and its attempts meet. */
START_TEST(confirm_races__a_confirmed_approval_is_used_once)
{
	const unsigned n = 60;

	corroborated();
	for (int round = 0; round < 3; round++) {
		char name[32];
		snprintf(name, sizeof(name), "used%d", round);
		long hold = make_hold(name, ONCE);

		review(hold, "u", "alice@example.com");
		for (unsigned i = 0; i < n; i += 2) {
			racer_set(i, "wh", CONFIRM);
			racers[i + 1].conn = race_connect("wh");
			ask(racers[i + 1].sql, "verdict || ' ' || is_repeat", name, ONCE);
		}
		race(racers, n);
		ck_assert_uint_le(answers(racers, n, "allow false"), 1);
		ck_assert_uint_le(answers(racers, n, "allow true"), REPEATS);
		racers_close(racers, n);
		ck_assert_str_eq(
			admin(STATE, hold) + strcspn(admin(STATE, hold), " "), " 1 confirmed 1");
		check_events_tell_state(hold);
	}
	direct();
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("confirm_races");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, confirm_races__replicas_confirm_an_approval_once);
	tcase_add_test(t, confirm_races__confirmed_or_by_login_one_person_counts_once);
	tcase_add_test(t, confirm_races__a_denial_is_not_lost_to_a_confirmation);
	tcase_add_test(t, confirm_races__a_borrowed_name_lets_nothing_through);
	tcase_add_test(t, confirm_races__a_confirmed_approval_is_used_once);
	return run_tests(t);
}
