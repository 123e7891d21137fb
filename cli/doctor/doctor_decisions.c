/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether holds come to anything: rules that are enforced, people who can decide, approvals that
 * nobody confirmed, notifications, floods.
 */
#include <stdio.h>

#include "cli/doctor/doctor_internal.h"
#include "policy/own_approvers.h"

#define CLUSTER(d) ((const struct span[]){span_of((d)->options.cluster)})

/* ---- rules that do nothing ---- */

struct turned_down {
	size_t rules, warn, dry_run;
	const struct policy_rule_info *first;
};

static void count_turned_down(const struct policy_rule_info *rule, void *arg)
{
	struct turned_down *t = arg;
	bool guards = rule->action == POLICY_HOLD || rule->action == POLICY_DENY;

	t->rules += guards;
	if (!guards || rule->enforcement == POLICY_ENFORCE)
		return;
	t->warn += rule->enforcement == POLICY_ENFORCE_WARN;
	t->dry_run += rule->enforcement == POLICY_DRY_RUN;
	t->first = t->first ? t->first : rule;
}

void doctor_check_enforcement(struct doctor *d)
{
	struct turned_down t = {0};

	if (!d->set) {
		doctor_skip(d, "not looked at: the policies in force are not known");
		return;
	}
	policy_set_each_rule(d->set, count_turned_down, &t);
	if (t.rules == 0)
		doctor_fail(d,
			"name policies in --policy of holdpoint-webhook: "
			"policy/library/agents, for one",
			"no rule that is in force holds or denies anything: everything passes");
	else if (t.warn + t.dry_run == t.rules)
		doctor_fail(d, "set enforcement: Enforce in the policies",
			"none of the %zu rules that hold or deny is enforced (%zu Warn, %zu "
			"DryRun): everything passes",
			t.rules, t.warn, t.dry_run);
	else if (t.first)
		doctor_warn(d, "set enforcement: Enforce in the policies that have been tried out",
			"%zu of %zu rules that hold or deny are not enforced (%zu Warn, %zu "
			"DryRun), first %s/%s",
			t.warn + t.dry_run, t.rules, t.warn, t.dry_run, t.first->policy,
			t.first->rule);
	else
		doctor_ok(d, "all %zu rules that hold or deny are enforced", t.rules);
}

/* ---- who can decide ---- */

/* Of cluster_config and config: what holds in this cluster. */
static bool read_channels(struct doctor *d, char database[16], char kubernetes[16])
{
	static const struct pg_stmt stmt = {"doctor_channels",
		"SELECT c.database_approvals, coalesce(k.kubernetes_approvals, "
		"c.kubernetes_approvals), "
		"k.cluster IS NOT NULL FROM holdpoint.config c LEFT JOIN holdpoint.cluster_config "
		"k "
		"ON k.cluster = $1",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));

	if (!r || pg_result_rows(r) != 1)
		return false;
	snprintf(database, 16, "%s", pg_result_str(r, 0, 0));
	snprintf(kubernetes, 16, "%s", pg_result_str(r, 0, 1));
	if (*pg_result_str(r, 0, 2) == 't' && strcmp(kubernetes, "direct") == 0)
		doctor_warn(d,
			"DELETE FROM holdpoint.cluster_config WHERE cluster = 'CLUSTER', where "
			"/authorize is not asked about everybody's impersonation",
			"kubernetes_approvals is 'direct' for cluster %s alone: an approval with "
			"kubectl counts before the API server's audit log confirms who made it",
			d->options.cluster);
	return true;
}

struct deciders {
	struct doctor *d;
	bool by_kubectl;
	size_t bad;
};

/* A group that no login is in, where nobody decides with kubectl. */
static void look_at_group(
	struct deciders *w, const struct policy_rule_info *rule, struct span group)
{
	static const struct pg_stmt stmt = {"doctor_deciders",
		"SELECT count(*) FROM pg_roles r JOIN pg_roles g ON g.rolname = $1 "
		"WHERE r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, g.oid, 'MEMBER') "
		"AND pg_has_role(r.oid, 'holdpoint_approver', 'MEMBER')",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(w->d, &stmt, &group);

	if (!r || pg_result_int(r, 0, 0) > 0)
		return;
	w->bad++;
	doctor_fail(w->d,
		doctor_text(w->d, "GRANT holdpoint_approver, \"%.*s\" TO the logins of its people",
			SPAN_FMT(group)),
		"rule %s/%s asks the group %.*s, which no login is in, and nobody decides with "
		"kubectl: what it holds never passes",
		rule->policy, rule->rule, SPAN_FMT(group));
}

static void look_at_approvers(const struct policy_rule_info *rule, void *arg)
{
	struct deciders *w = arg;

	if (!rule->hold || w->by_kubectl || w->bad >= 20)
		return;
	for (size_t i = 0; i < rule->hold->approver_count; i++)
		look_at_group(w, rule, rule->hold->approvers[i]);
}

/* Agents that approve for each other. */
static void look_at_own(struct doctor *d)
{
	const struct own_approvers *own;
	size_t count;

	if (own_approvers_find(d->set, d->arena, &own, &count) < 0) {
		d->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		doctor_say(d, own[i].everybody ? DOCTOR_FAIL : DOCTOR_WARN,
			"name a group of people in hold.approvers: holdpoint policy check FILES",
			"rule %s/%s: %.*s", own[i].rule->policy, own[i].rule->rule,
			SPAN_FMT(own[i].what));
}

void doctor_check_deciders(struct doctor *d)
{
	char database[16], kubernetes[16];
	struct deciders w = {.d = d};
	size_t before = d->count;

	if (!read_channels(d, database, kubernetes))
		return;
	w.by_kubectl = strcmp(kubernetes, "off") != 0;
	if (!w.by_kubectl && strcmp(database, "off") == 0)
		doctor_fail(d,
			"UPDATE holdpoint.config SET database_approvals = 'mapped', or "
			"kubernetes_approvals = 'corroborated'",
			"nobody can decide: approvals are switched off in psql and with kubectl, "
			"and what is held never passes");
	else if (d->set)
		policy_set_each_rule(d->set, look_at_approvers, &w);
	if (d->set)
		look_at_own(d);
	if (d->count == before)
		doctor_ok(d, "somebody can decide on what is held");
}

/* ---- approvals that nobody confirmed ---- */

void doctor_check_reviews(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_reviews",
		"SELECT count(*), count(*) FILTER (WHERE counted AND action = 'approve'), "
		"  (array_agg(who || ' on hold ' || hold_id || ': ' || why ORDER BY counted AND "
		"    action = 'approve' DESC, at DESC))[1] "
		"FROM holdpoint.uncorroborated_approvals WHERE cluster = $1 "
		"AND at > now() - interval '1 day'",
		1};
	static const char mend[] =
		"read them: psql -c 'SELECT * FROM holdpoint.uncorroborated_approvals'; without "
		"events, see the audit policy's rule for holdreviews "
		"(manifests/apiserver/audit-policy.yaml)";
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));

	if (!r)
		return;
	if (pg_result_int(r, 0, 0) == 0)
		doctor_ok(d, "the API server's audit events confirm all decisions with kubectl");
	else
		doctor_say(d, pg_result_int(r, 0, 1) > 0 ? DOCTOR_FAIL : DOCTOR_WARN, mend,
			"%lld decisions with kubectl of the last day are not confirmed, %lld of "
			"them approvals that counted all the same; %s",
			(long long)pg_result_int(r, 0, 0), (long long)pg_result_int(r, 0, 1),
			pg_result_str(r, 0, 2));
}

/* ---- notifications, floods ---- */

void doctor_check_notifications(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_notifications",
		"SELECT target, count(*) FILTER (WHERE state = 'given-up'), "
		"count(*) FILTER (WHERE state = 'waiting' AND attempts >= 3), "
		"coalesce(max(last_error), ''), count(*) FILTER (WHERE state = 'waiting' "
		"  AND attempts = 0 AND due_at < now() - interval '2 minutes') "
		"FROM holdpoint.outbox_delivery WHERE cluster = $1 AND (state = 'waiting' OR "
		"  finished_at > now() - interval '1 day') GROUP BY target ORDER BY 1",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));

	for (int i = 0; r && i < pg_result_rows(r); i++) {
		const char *target = pg_result_str(r, i, 0);
		int64_t lost = pg_result_int(r, i, 1), failing = pg_result_int(r, i, 2),
			left = pg_result_int(r, i, 4);

		if (left > 0)
			doctor_fail(d,
				"give holdpoint-webhook --notify-targets, or read its log for "
				"notifications_wait",
				"nobody sends %s its notifications: %lld have waited for longer "
				"than two minutes",
				target, (long long)left);
		if (lost + failing + left == 0)
			doctor_ok(d, "%s takes what is sent", target);
		else if (lost + failing > 0)
			doctor_say(d, lost > 0 ? DOCTOR_FAIL : DOCTOR_WARN,
				"mend its URL, secret or allowPrivate in the file of "
				"--notify-targets of holdpoint-webhook",
				"%s does not take notifications (%lld given up, %lld tried again): "
				"%s",
				target, (long long)lost, (long long)failing,
				pg_result_str(r, i, 3));
	}
}

void doctor_check_floods(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_floods",
		"SELECT w.requester, w.waiting, l.most, w.is_question FROM (SELECT h.requester, "
		"  h.is_question, count(*) AS waiting FROM holdpoint.holds h WHERE h.cluster = $1 "
		"  AND h.live AND h.state = 'pending' GROUP BY h.requester, h.is_question) w, "
		"holdpoint.config c, LATERAL (SELECT CASE WHEN w.is_question "
		"  THEN c.max_questions_per_user ELSE c.max_pending_per_user END AS most) l "
		"WHERE w.waiting >= l.most * 0.8 ORDER BY w.waiting DESC, 1, 4 LIMIT 10",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));

	for (int i = 0; r && i < pg_result_rows(r); i++)
		doctor_warn(d,
			doctor_text(d, "decide them, or look first: holdpoint holds --user %s",
				pg_result_str(r, i, 0)),
			"%s has %lld holds %swaiting, of %lld: more are denied without being "
			"stored",
			pg_result_str(r, i, 0), (long long)pg_result_int(r, i, 1),
			*pg_result_str(r, i, 3) == 't' ? "of questions " : "",
			(long long)pg_result_int(r, i, 2));
	if (r && pg_result_rows(r) == 0)
		doctor_ok(d, "nobody is near the limit of waiting holds");
}
