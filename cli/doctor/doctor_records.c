/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemons left in the database: who runs, which policies are in force, whether anybody
 * asks about their rules, audit events, their links to decisions.
 */
#include <stdio.h>

#include "cli/doctor/doctor_internal.h"

#define CLUSTER(d)   ((const struct span[]){span_of((d)->options.cluster)})
#define DIGEST_SHOWN 12

/* ---- the policies ---- */

static void load_files(struct doctor *d)
{
	struct yaml_errors errors;

	if (policy_set_load(
		    d->options.policies.items, d->options.policies.count, &d->set, &errors) < 0)
		doctor_fail(d, "holdpoint policy check FILES", "--policy has %u error%s",
			errors.count, errors.count == 1 ? "" : "s");
	buf_free(&errors.text);
}

/* As it was recorded when a webhook loaded it last. */
static void load_recorded(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_policy_text",
		"SELECT v.text FROM holdpoint.policy_load l JOIN holdpoint.policy_version v USING "
		"(digest) "
		"WHERE l.cluster = $1 ORDER BY l.id DESC LIMIT 1",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));
	struct yaml_errors errors;

	if (!r || pg_result_rows(r) == 0)
		return;
	if (policy_set_load_recorded(pg_result_span(r, 0, 0), &d->set, &errors) < 0)
		doctor_fail(d, DOCTOR_UPGRADE,
			"the policies in force are not understood by this program");
	buf_free(&errors.text);
}

void doctor_load_policies(struct doctor *d)
{
	d->check = "policies";
	if (d->options.policies.count > 0)
		load_files(d);
	else if (d->db)
		load_recorded(d);
}

void doctor_check_policies(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_policies",
		"SELECT i.instance, 'sha256:' || encode(l.digest, 'hex') "
		"FROM holdpoint.guard_instance i, LATERAL (SELECT p.digest FROM "
		"holdpoint.policy_load p "
		"  WHERE p.cluster = i.cluster AND p.instance = i.instance ORDER BY p.id DESC "
		"LIMIT 1) l "
		"WHERE i.cluster = $1 AND i.reported_at > now() - interval '5 minutes' ORDER BY 1",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));
	const char *expected = d->set ? policy_set_digest(d->set) : NULL;
	size_t other = 0;

	if (!r)
		return;
	if (pg_result_rows(r) == 0)
		doctor_skip(d, "no webhook that runs has said which policies it has in force");
	for (int i = 0; i < pg_result_rows(r); i++) {
		const char *digest = pg_result_str(r, i, 1);

		expected = expected ? expected : digest;
		if (strcmp(digest, expected) == 0)
			continue;
		other++;
		doctor_fail(d,
			"look for policy_refused: kubectl -n holdpoint-system logs "
			"deploy/holdpoint-webhook; holdpoint policy check FILES",
			"%s has %.*s… in force, not %.*s…", pg_result_str(r, i, 0),
			(int)strlen("sha256:") + DIGEST_SHOWN, digest,
			(int)strlen("sha256:") + DIGEST_SHOWN, expected);
	}
	if (other == 0 && expected)
		doctor_ok(d, "every webhook has %.*s… in force",
			(int)strlen("sha256:") + DIGEST_SHOWN, expected);
}

/* ---- who runs ---- */

static void look_at_settings(struct doctor *d, const struct pg_result *r, int row)
{
	const char *who = pg_result_str(r, row, 0);

	if (*pg_result_str(r, row, 2) != 't')
		doctor_fail(d,
			"give holdpoint-webhook --client-ca-file and --client-name "
			"(manifests/README.md)",
			"%s serves anybody who reaches its port: a forged review can make holds",
			who);
	else if (pg_result_int(r, row, 3) == 0)
		doctor_warn(d, "give holdpoint-webhook --client-name (manifests/README.md)",
			"%s serves every certificate of its client CA, the audit backend's too",
			who);
	else
		doctor_ok(d, "%s serves the API server only", who);
}

/* Rules that look at other objects fail, as their failurePolicy says, where these are not read. */
static void look_at_objects(struct doctor *d, const struct pg_result *r, int row)
{
	size_t kinds = 0;

	if (d->set)
		(void)policy_set_kinds(d->set, &kinds);
	if (kinds > 0 && strcmp(pg_result_str(r, row, 4), "false") == 0)
		doctor_fail(d,
			"give holdpoint-webhook --kubernetes-api (docs/policy.md, Namespaces and "
			"their labels)",
			"%s does not read the cluster, which rules look at (namespaceSelector, "
			"namespaceObject, params, lookup): they fail",
			pg_result_str(r, row, 0));
}

/* It runs, and API servers ask somebody else, or nobody. */
static void look_at_asked(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_asked",
		"SELECT count(*) FROM holdpoint.guard_instance WHERE cluster = $1 "
		"AND reported_at > now() - interval '5 minutes' "
		"HAVING min(started_at) < now() - interval '15 minutes' "
		"AND coalesce(max(validate_at), '-infinity') < now() - interval '15 minutes'",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));

	if (r && pg_result_rows(r) > 0)
		doctor_warn(d,
			"kubectl get validatingwebhookconfiguration holdpoint -o yaml: whom does "
			"clientConfig name?",
			"no API server has asked a webhook of cluster %s for a quarter of an hour: "
			"do they ask another one?",
			d->options.cluster);
}

/* It may be another name of the cluster that is wrong, or missing. */
static void say_nobody_reports(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_clusters",
		"SELECT coalesce(string_agg(DISTINCT cluster, ', '), '') FROM "
		"holdpoint.guard_instance "
		"WHERE reported_at > now() - interval '5 minutes'",
		0};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, NULL);

	if (r && *pg_result_str(r, 0, 0))
		doctor_fail(d,
			"give --cluster the name that its webhook has, or see why that does not "
			"run",
			"no webhook of cluster %s has said anything for five minutes; of others: "
			"%s",
			d->options.cluster, pg_result_str(r, 0, 0));
	else if (r)
		doctor_fail(d, "see whether it runs: kubectl -n holdpoint-system get pods",
			"no webhook of cluster %s has said anything for five minutes",
			d->options.cluster);
}

void doctor_check_webhooks(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_webhooks",
		"SELECT instance, version, coalesce(settings ->> 'clientCa', 'false'), "
		"coalesce((settings ->> 'clientNames')::int, 0), "
		"coalesce(settings ->> 'kubernetesApi', '') FROM holdpoint.guard_instance "
		"WHERE cluster = $1 AND reported_at > now() - interval '5 minutes' ORDER BY 1",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));

	if (!r)
		return;
	if (pg_result_rows(r) == 0)
		say_nobody_reports(d);
	look_at_asked(d);
	for (int i = 0; i < pg_result_rows(r); i++) {
		look_at_settings(d, r, i);
		look_at_objects(d, r, i);
		if (strcmp(pg_result_str(r, i, 1), HOLDPOINT_VERSION) != 0)
			doctor_warn(d,
				"install one version: kubectl -n holdpoint-system set image "
				"deploy/holdpoint-webhook, or a package of this program",
				"%s is of version %s, this program of %s", pg_result_str(r, i, 0),
				pg_result_str(r, i, 1), HOLDPOINT_VERSION);
	}
}

/* ---- rules that nobody asks about ---- */

/* Whether /authorize is asked: by trying it, else by what the webhooks say of it. */
static enum coverage_authorizer authorizer_of(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_authorize_at",
		"SELECT count(authorize_at), count(*) FROM holdpoint.guard_instance WHERE cluster "
		"= $1",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;

	if (d->probed)
		return d->asked ? COVERAGE_PRESENT : COVERAGE_ABSENT;
	r = d->db ? doctor_query(d, &stmt, CLUSTER(d)) : NULL;
	if (r && pg_result_int(r, 0, 0) > 0)
		return COVERAGE_PRESENT;
	return COVERAGE_UNKNOWN;
}

static struct authorizer_config *read_config(struct doctor *d)
{
	struct authorizer_config *config = NULL;
	struct yaml_errors errors;

	if (!d->options.authorization_config)
		return NULL;
	if (authorizer_config_read(d->options.authorization_config, &config, &errors) < 0)
		doctor_fail(d, "holdpoint policy authorizer POLICIES", "%.*s",
			(int)strcspn(cli_text(&errors.text), "\n"), cli_text(&errors.text));
	buf_free(&errors.text);
	return config;
}

static void say_gap(struct doctor *d, const struct coverage_gap *g)
{
	doctor_say(d, g->never ? DOCTOR_FAIL : DOCTOR_WARN,
		"change the rule where holdpoint policy check FILES points", "rule %s/%s %s: %.*s",
		g->rule->policy, g->rule->rule, g->never ? "is never asked about" : "in part",
		SPAN_FMT(g->what));
}

/* One finding for all that an authorizer would mend. */
static void say_gaps(struct doctor *d, const struct coverage_gap *gaps, size_t count)
{
	const struct coverage_gap *first = NULL;
	size_t without = 0;

	for (size_t i = 0; i < count; i++) {
		if (gaps[i].reason != COVERAGE_NO_AUTHORIZER) {
			say_gap(d, &gaps[i]);
			continue;
		}
		first = first ? first : &gaps[i];
		without++;
	}
	if (without > 0)
		doctor_fail(d, "holdpoint policy authorizer POLICIES > authorization.yaml",
			"%zu rule%s with verbs %s never asked about, first %s/%s: %.*s", without,
			without == 1 ? "" : "s", without == 1 ? "is" : "are", first->rule->policy,
			first->rule->rule, SPAN_FMT(first->what));
}

void doctor_check_unasked(struct doctor *d)
{
	_cleanup_(authorizer_config_freep) struct authorizer_config *config = read_config(d);
	struct coverage_facts facts = {.managed = d->managed,
		.static_manifests = d->options.static_manifests,
		.minor = d->minor,
		.authorizer_config = config};
	const struct coverage_gap *gaps;
	size_t count, verbs;

	if (!d->set) {
		doctor_fail(d, "give --policy, or a login in holdpoint_auditor",
			"the policies in force are not known");
		return;
	}
	facts.authorizer = authorizer_of(d);
	verbs = coverage_authorization_rules(d->set);
	if (coverage_find(d->set, &facts, d->arena, &gaps, &count) < 0) {
		d->failed = true;
		return;
	}
	say_gaps(d, gaps, count);
	if (facts.authorizer == COVERAGE_UNKNOWN && verbs > 0)
		doctor_warn(d, "holdpoint doctor --kubeconfig FILE",
			"%zu rules have verbs, and no API server was seen to ask about them",
			verbs);
	else if (count == 0)
		doctor_ok(d, "all %zu rules are asked about", policy_set_rule_count(d->set));
}

/* ---- audit events ---- */

static void look_at_source(struct doctor *d, const struct pg_result *r, int i)
{
	const char *source = pg_result_str(r, i, 0), *state = pg_result_str(r, i, 1);
	int64_t silent = pg_result_int(r, i, 2), bad = pg_result_int(r, i, 3);

	if (strcmp(state, "silent") == 0)
		doctor_fail(d,
			"holdpoint sources, and kubectl get --raw /metrics | grep "
			"apiserver_audit_error_total",
			"%s has sent nothing for %lld s: what happens now leaves no trace", source,
			(long long)silent);
	else if (strcmp(state, "ok") != 0)
		doctor_warn(d, "holdpoint sources", "%s is %s", source, state);
	else
		doctor_ok(d, "%s was heard of %lld s ago", source, (long long)silent);
	if (bad > 0)
		doctor_warn(d, "read them: psql -c 'SELECT * FROM holdpoint.audit_quarantine'",
			"%lld events of %s could not be read in the last day", (long long)bad,
			source);
}

void doctor_check_audit(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_audit",
		"SELECT source, state, extract(epoch FROM silent_for)::bigint, quarantined "
		"FROM holdpoint.audit_sources(interval '1 day', $1) ORDER BY 1",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));

	if (r && pg_result_rows(r) == 0)
		doctor_fail(d, "give kube-apiserver --audit-webhook-config-file (docs/audit.md)",
			"no audit event of cluster %s has ever come", d->options.cluster);
	for (int i = 0; r && i < pg_result_rows(r); i++)
		look_at_source(d, r, i);
}

/*
 * Decisions on writes leave an annotation in the event of the request: one, however often the API
 * server asked about it (a forced deletion: three times). So one that has an event speaks for its
 * like of the same seconds.
 */
void doctor_check_linked(struct doctor *d)
{
	static const struct pg_stmt stmt = {"doctor_linked",
		"WITH recent AS (SELECT d.*, EXISTS (SELECT FROM holdpoint.audit_event e "
		"  WHERE e.cluster = $1 AND e.decision_id = d.decision_id) AS has_event "
		"FROM holdpoint.decision d WHERE cluster = $1 "
		"  AND recorded_at BETWEEN now() - interval '1 day' AND now() - interval '2 "
		"minutes' "
		"  AND endpoint = 'validate' AND NOT dry_run ORDER BY recorded_at DESC LIMIT 1000) "
		"SELECT count(*), count(*) FILTER (WHERE linked) FROM (SELECT bool_or(has_event) "
		"OVER "
		"  (PARTITION BY username, operation, api_group, resource, subresource, namespace, "
		"name "
		"  ORDER BY time RANGE BETWEEN interval '5 s' PRECEDING AND interval '5 s' "
		"FOLLOWING) "
		"  AS linked FROM recent) AS asked",
		1};
	_cleanup_(pg_result_freep) struct pg_result *r = doctor_query(d, &stmt, CLUSTER(d));
	int64_t decisions, linked;

	if (!r)
		return;
	decisions = pg_result_int(r, 0, 0);
	linked = pg_result_int(r, 0, 1);
	if (decisions == 0)
		doctor_ok(d, "no decision of the last day to link");
	else if (linked == 0)
		doctor_fail(d,
			"see omitStages, levels and rules of the API server's audit policy "
			"(manifests/apiserver/audit-policy.yaml)",
			"none of the last %lld decisions has an audit event: what was decided is "
			"not confirmed by anybody else",
			(long long)decisions);
	else if (linked * 10 < decisions * 9)
		doctor_warn(d, "holdpoint sources",
			"only %lld of the last %lld decisions have an audit event",
			(long long)linked, (long long)decisions);
	else
		doctor_ok(d, "%lld of the last %lld decisions have an audit event",
			(long long)linked, (long long)decisions);
}
