/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that no API server asks about; see coverage.h. */
#include "policy/coverage_internal.h"

#include <stdio.h>

#include "policy/registration.h"

/* What a `wait` at authorization is cut to, with the file that holdpoint policy authorizer writes.
 */
#define AUTHORIZE_WAIT_MS (AUTHORIZER_TIMEOUT_S * 1000 - ANSWER_MARGIN_MS)
#define MINOR_VIRTUAL	  37u
#define REASONS		  (COVERAGE_NO_EFFECT + 1)

const char *const coverage_reason_names[] = {[COVERAGE_NO_AUTHORIZER] = "authorizer",
	[COVERAGE_SUBJECTS] = "subjects",
	[COVERAGE_NO_ADMISSION] = "admission",
	[COVERAGE_REGISTRATION] = "registration",
	[COVERAGE_NO_SUCH_NAME] = "name",
	[COVERAGE_NO_EFFECT] = "effect",
	NULL};

struct finding {
	const struct coverage_facts *facts;
	struct arena *arena;
	struct coverage_gap *gaps;
	size_t count;
	bool failed;
};

/* ---- one match ---- */

/* Stored nowhere: not asked about from 1.37 on (ExcludeAdmissionWebhookVirtualResources). */
static const struct {
	const char *group, *resource;
} virtual_resources[] = {
	{"authentication.k8s.io", "selfsubjectreviews"},
	{"authentication.k8s.io", "tokenreviews"},
	{"authorization.k8s.io", "localsubjectaccessreviews"},
	{"authorization.k8s.io", "selfsubjectaccessreviews"},
	{"authorization.k8s.io", "selfsubjectrulesreviews"},
	{"authorization.k8s.io", "subjectaccessreviews"},
};

static bool all_groups_are(const struct match *m, const char *group)
{
	for (size_t i = 0; i < m->api_groups.count; i++)
		if (!span_eq_str(m->api_groups.items[i].text, group))
			return false;
	return m->api_groups.count > 0;
}

static bool is_virtual(const struct match *m, const struct resource_pattern *r)
{
	for (size_t i = 0; i < ARRAY_LEN(virtual_resources); i++)
		if (all_groups_are(m, virtual_resources[i].group) &&
			span_eq_str(r->resource, virtual_resources[i].resource))
			return true;
	return false;
}

static bool all_resources(
	const struct match *m, bool (*is)(const struct match *m, const struct resource_pattern *r))
{
	for (size_t i = 0; i < m->resource_count; i++)
		if (!is(m, &m->resources[i]))
			return false;
	return true;
}

/* Something can be connected to: a subresource of these, or of any. */
static bool cannot_connect(const struct match *m, const struct resource_pattern *r)
{
	static const char *const core[] = {"exec", "attach", "portforward", "proxy"};

	if (!all_groups_are(m, "") || r->any_subresource)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(core); i++)
		if (span_eq_str(r->subresource, core[i]))
			return false;
	return true;
}

static bool is_diary(const struct match *m, const struct resource_pattern *r)
{
	return span_eq_str(r->resource, "events") &&
	       (all_groups_are(m, "") || all_groups_are(m, "events.k8s.io"));
}

static bool is_namespace(const struct match *m, const struct resource_pattern *r)
{
	return r->any_resource ||
	       (span_eq_str(r->resource, "namespaces") && patterns_match(m->api_groups, SPAN("")));
}

static bool only_exempt_namespaces(const struct match *m)
{
	size_t left_out = 0;

	for (size_t i = 0; i < m->namespaces.include.count; i++)
		left_out += registration_exempts(m->namespaces.include.items[i].text);
	return left_out > 0 && left_out == m->namespaces.include.count &&
	       !all_resources(m, is_namespace);
}

static const char *admission_gap(
	const struct finding *f, const struct match *m, enum coverage_reason *ret)
{
	*ret = COVERAGE_NO_ADMISSION;
	if (all_groups_are(m, "admissionregistration.k8s.io") && !f->facts->static_manifests)
		return "no admission webhook is asked about admissionregistration.k8s.io: write "
		       "the rule with verbs, or register Holdpoint by a static manifest "
		       "(manifests/README.md)";
	if (f->facts->minor >= MINOR_VIRTUAL && all_resources(m, is_virtual))
		return "admission webhooks are not asked about reviews that are not stored, from "
		       "Kubernetes 1.37 on: write the rule with verbs";
	if (m->operations == OPERATION_CONNECT && all_resources(m, cannot_connect))
		return "nothing is connected to there: CONNECT is for pods/exec, pods/attach, "
		       "pods/portforward, and proxy of pods, services and nodes";
	*ret = COVERAGE_REGISTRATION;
	if (all_groups_are(m, "coordination.k8s.io") || all_resources(m, is_diary))
		return "the registration in manifests/ leaves leases and events out: write the "
		       "rule with verbs";
	if (only_exempt_namespaces(m))
		return "the registration in manifests/ leaves these namespaces out: write the rule "
		       "with verbs";
	return NULL;
}

/* Is the same guarded by a rule with verbs of the same policy? Then both may stand there. */
static bool guarded_by_verbs(
	const struct finding *f, const struct rule *rule, const struct match *m)
{
	const struct policy *p = rule->policy;

	for (size_t i = 0; f->facts->authorizer != COVERAGE_ABSENT && i < p->rule_count; i++)
		for (size_t k = 0; k < p->rules[i].match_count; k++)
			if (match_covers_resources(&p->rules[i].matches[k], m) &&
				match_is_access(&p->rules[i].matches[k]))
				return true;
	return false;
}

/* The first subject of the rule's policy that no API server asks about; false: there is none. */
static bool subject_left_out(const struct finding *f, const struct policy *p, const struct match *m,
	const struct subject **ret)
{
	size_t count = p->subjects.count ? p->subjects.count : 1;

	for (size_t i = 0; f->facts->authorizer_config && i < count; i++) {
		_cleanup_(buf_free) struct buf spec = BUF_INIT(64u << 10);

		*ret = p->subjects.count ? &p->subjects.items[i] : NULL;
		coverage_put_spec(&spec, *ret, m, NULL);
		if (buf_str(&spec) &&
			!authorizer_config_asks(f->facts->authorizer_config, buf_span(&spec)))
			return true;
	}
	return false;
}

static struct span authorization_gap(struct finding *f, const struct rule *rule,
	const struct match *m, enum coverage_reason *ret)
{
	const struct subject *who;
	struct span text = {0};

	*ret = COVERAGE_NO_AUTHORIZER;
	if (f->facts->authorizer == COVERAGE_ABSENT)
		return f->facts->managed
			       ? SPAN("a managed control plane has no authorization webhook: "
				      "reads, impersonation and what has verbs are not guarded "
				      "there; take the right away with RBAC")
			       : SPAN("no API server asks /authorize: rules with verbs (reads, "
				      "impersonation) guard nothing; see holdpoint policy "
				      "authorizer");
	*ret = COVERAGE_SUBJECTS;
	if (subject_left_out(f, rule->policy, m, &who)) {
		text = coverage_subject_name(who, f->arena);
		text = arena_printf(f->arena,
			"the matchConditions of the authorizer leave %.*s out: make the file "
			"again with holdpoint policy authorizer",
			SPAN_FMT(text));
		f->failed |= !text.ptr;
	}
	return text;
}

/* ---- one rule ---- */

static void add(
	struct finding *f, const struct rule *rule, enum coverage_reason reason, struct span what)
{
	f->gaps[f->count++] = (struct coverage_gap){.rule = &rule->info,
		.file = rule->place.file ? rule->place.file : "",
		.line = rule->place.line,
		.column = rule->place.column,
		.reason = reason,
		.what = what};
}

_Static_assert(AUTHORIZER_TIMEOUT_S == 3 && AUTHORIZE_WAIT_MS == 1000, "find_effects says so");

static void find_effects(struct finding *f, const struct rule *rule)
{
	const struct policy_hold *h = rule->info.hold;
	bool waits, retries;

	if (!h || !rule->match_count || !match_is_access(&rule->matches[0]))
		return;
	waits = h->wait_ms > AUTHORIZE_WAIT_MS;
	retries = h->retry;
	if (waits || retries)
		add(f, rule, COVERAGE_NO_EFFECT,
			waits && retries ? SPAN("at authorization a wait is cut to 1s (with "
						"timeout: 3s), and retry does nothing")
			: waits ? SPAN("at authorization a wait is cut to 1s (with timeout: 3s), "
				       "before the API server gives up")
				: SPAN("retry does nothing at authorization: the API server "
				       "answers 403"));
}

/* Returns whether the match can be asked about as far as its names go. */
static bool find_wrong_names(
	struct finding *f, const struct rule *rule, const struct match *m, bool *seen)
{
	bool all;
	struct span what = coverage_wrong_name(m, f->arena, &all);

	if (what.ptr && !*seen) {
		*seen = true;
		add(f, rule, COVERAGE_NO_SUCH_NAME, what);
	}
	return !all;
}

static void find_in_rule(struct finding *f, const struct rule *rule)
{
	size_t begin = f->count, unasked = 0;
	bool seen[REASONS] = {0};

	for (size_t i = 0; i < rule->match_count; i++) {
		const struct match *m = &rule->matches[i];
		enum coverage_reason reason;
		struct span what;

		if (!find_wrong_names(f, rule, m, &seen[COVERAGE_NO_SUCH_NAME])) {
			unasked++;
			continue;
		}
		what = match_is_access(m) ? authorization_gap(f, rule, m, &reason)
					  : span_of(admission_gap(f, m, &reason));
		if (!what.len)
			continue;
		unasked++;
		if (seen[reason] || (!match_is_access(m) && guarded_by_verbs(f, rule, m)))
			continue;
		seen[reason] = true;
		add(f, rule, reason, what);
	}
	for (size_t i = begin; i < f->count; i++)
		f->gaps[i].never = unasked == rule->match_count;
	find_effects(f, rule);
}

int coverage_find(const struct policy_set *s, const struct coverage_facts *facts,
	struct arena *arena, const struct coverage_gap **ret, size_t *ret_count)
{
	struct finding f = {.facts = facts, .arena = arena};

	f.gaps = arena_calloc(arena, s->rule_count * REASONS + 1, sizeof *f.gaps);
	if (!f.gaps)
		return -1;
	for (size_t i = 0; i < s->rule_count; i++)
		/* What allows guards nothing. */
		if (!s->rules[i]->record_only && s->rules[i]->info.action != POLICY_ALLOW)
			find_in_rule(&f, s->rules[i]);
	*ret = f.gaps;
	*ret_count = f.count;
	return f.failed ? -1 : 0;
}

size_t coverage_unasked(const struct coverage_gap *gaps, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += gaps[i].never && (i == 0 || gaps[i].rule != gaps[i - 1].rule);
	return n;
}

size_t coverage_authorization_rules(const struct policy_set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->rule_count; i++)
		n += !s->rules[i]->record_only && s->rules[i]->match_count &&
		     match_is_access(&s->rules[i]->matches[0]);
	return n;
}
