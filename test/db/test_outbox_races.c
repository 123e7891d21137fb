/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers of several replicas claim notifications at the same moment: each delivery goes to one
 * of them, and none is left over.
 */
#include "db/race.h"
#include "support/run_tests.h"

#define WORKERS 40
#define EVENTS	60

static struct racer racers[WORKERS];

START_TEST(outbox_races__each_delivery_has_one_claim)
{
	/* Each for itself: no summary, and more of one agent than people would be asked. */
	admin("UPDATE holdpoint.config SET notify_interval = '0', max_pending_per_user = 1000");
	admin("DO $$ BEGIN CREATE ROLE wh LOGIN IN ROLE holdpoint_webhook;"
	      " PERFORM holdpoint.outbox_set_targets('c1', '{slack,pager}');"
	      " FOR i IN 1..%d LOOP PERFORM holdpoint.hold_find_or_create(p_cluster => 'c1',"
	      " p_fingerprint => sha256(i::text::bytea), p_username => 'agent',"
	      " p_groups => '{ai}', p_operation => 'DELETE', p_api_group => '',"
	      " p_api_version => 'v1', p_resource => 'pods', p_subresource => '',"
	      " p_namespace => 'prod', p_name => 'web', p_policy => 'agents',"
	      " p_rule => 'deletes', p_policy_digest => NULL, p_message => '',"
	      " p_change => NULL, p_approvers => '{}',"
	      " p_min_approvals => 1, p_require_reason => false, p_expires => '1 hour',"
	      " p_grant => 'Once', p_window => NULL, p_max_uses => NULL, p_dry_run => false,"
	      " p_request_uid => 'uid'); END LOOP; END $$",
		EVENTS);
	ck_assert_int_eq(atoi(admin("SELECT count(*) FROM holdpoint.outbox_delivery")), 2 * EVENTS);
	for (int i = 0; i < WORKERS; i++) {
		racers[i].conn = race_connect("wh");
		snprintf(racers[i].sql, sizeof(racers[i].sql),
			"SELECT count(*) FROM holdpoint.outbox_claim('c1', '%s', 5)",
			i % 2 ? "slack" : "pager");
	}

	int claimed = 0;
	for (int round = 0; round < 3; round++) {
		race(racers, WORKERS);
		for (int i = 0; i < WORKERS; i++)
			claimed += atoi(racers[i].answer);
	}
	ck_assert_int_eq(claimed, 2 * EVENTS);
	ck_assert_str_eq(admin("SELECT min(attempts) || ' ' || max(attempts) || ' ' ||"
			       " count(DISTINCT claim) FROM holdpoint.outbox_delivery"),
		"1 1 120");
	racers_close(racers, WORKERS);
}
END_TEST

/* "Each by itself" is not "two at once in a summary". */
START_TEST(outbox_races__without_an_interval_each_is_told_by_itself)
{
	enum { ROUNDS = 10 };

	admin("UPDATE holdpoint.config SET notify_interval = '0', max_pending_per_user = 1000");
	admin("SELECT holdpoint.outbox_set_targets('c2', '{slack}')");
	for (int i = 0; i < WORKERS; i++)
		racers[i].conn = race_connect("wh");
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < WORKERS; i++)
			snprintf(racers[i].sql, sizeof(racers[i].sql),
				"SELECT 1 FROM holdpoint.hold_find_or_create(p_cluster => 'c2',"
				" p_fingerprint => sha256('%d-%d'), p_username => 'agent',"
				" p_groups => '{ai}', p_operation => 'DELETE', p_api_group => '',"
				" p_api_version => 'v1', p_resource => 'pods',"
				" p_subresource => '', p_namespace => 'prod', p_name => 'web',"
				" p_policy => 'agents', p_rule => 'deletes',"
				" p_policy_digest => NULL, p_message => '', p_change => NULL,"
				" p_approvers => '{}', p_min_approvals => 1,"
				" p_require_reason => false, p_expires => '1 hour',"
				" p_grant => 'Once', p_window => NULL, p_max_uses => NULL,"
				" p_dry_run => false, p_request_uid => 'uid')",
				round, i);
		race(racers, WORKERS);
	}
	ck_assert_str_eq(
		admin("SELECT count(*) || ' ' || count(DISTINCT hold_id) || ' ' ||"
		      " (SELECT count(*) FROM holdpoint.outbox_held_back)"
		      " FROM holdpoint.outbox WHERE cluster = 'c2' AND event = 'hold.pending'"),
		"400 400 0");
	racers_close(racers, WORKERS);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("races");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, outbox_races__each_delivery_has_one_claim);
	tcase_add_test(tcase, outbox_races__without_an_interval_each_is_told_by_itself);
	return run_tests(tcase);
}
