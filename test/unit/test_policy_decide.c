/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <dirent.h>
#include <stdlib.h>

#include "support/run_tests.h"
#include "unit/policy_support.h"

/* A request as one line: "OP GROUP/RESOURCE[/SUB] NAMESPACE NAME USER GROUP…"; "-" is empty. An OP
 * in lower case is a verb at authorization, "url:/x" a path. */
static struct policy_request request_of(const char *line, struct arena *arena)
{
	struct policy_request r = {
		.request = JSON_NONE, .object = JSON_NONE, .old_object = JSON_NONE};
	struct span words[16];
	size_t n = 0;
	for (const char *p = line; *p; n++) {
		size_t len = strcspn(p, " ");
		words[n] = len == 1 && *p == '-' ? SPAN("") : (struct span){p, len};
		p += len + (p[len] == ' ');
	}
	ck_assert_uint_ge(n, 5);
	static const char *const ops[] = {"CREATE", "UPDATE", "DELETE", "CONNECT"};
	r.verb = words[0];
	r.operation = OPERATION_NONE;
	for (size_t i = 0; i < 4; i++)
		if (span_eq_str(words[0], ops[i]))
			r.operation = (enum operation)(1 << i);
	r.endpoint = r.operation ? ENDPOINT_VALIDATE : ENDPOINT_AUTHORIZE;
	if (words[1].len > 4 && !memcmp(words[1].ptr, "url:", 4)) {
		r.path = (struct span){words[1].ptr + 4, words[1].len - 4};
	} else {
		const char *slash = memchr(words[1].ptr, '/', words[1].len);
		ck_assert_ptr_nonnull(slash);
		r.api_group = (struct span){words[1].ptr, (size_t)(slash - words[1].ptr)};
		struct span rest = {slash + 1, words[1].len - r.api_group.len - 1};
		const char *sub = memchr(rest.ptr, '/', rest.len);
		size_t len = sub ? (size_t)(sub - rest.ptr) : rest.len;
		r.resource = (struct span){rest.ptr, len};
		r.subresource = sub ? (struct span){sub + 1, rest.len - len - 1} : SPAN("");
	}
	r.version = SPAN("v1");
	r.namespace_ = words[2];
	r.name = words[3];
	r.username = words[4];
	struct span *groups = arena_calloc(arena, 16, sizeof *groups);
	for (size_t i = 5; i < n; i++)
		groups[r.group_count++] = words[i];
	r.groups = groups;
	return r;
}

struct verdict_case {
	const char *expected; /* action, then the names of the matching rules in order */
	const char *request;
};

static void check_cases(const char *yaml, const struct verdict_case *cases, size_t count)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml);
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	for (size_t i = 0; i < count; i++) {
		arena_reset(arena);
		struct policy_request r = request_of(cases[i].request, arena);
		struct policy_decision d;
		_cleanup_(buf_free) struct buf got = BUF_INIT(1000);
		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		buf_add_str(&got, policy_action_name(d.action));
		for (size_t k = 0; k < d.match_count; k++)
			buf_printf(&got, " %s", d.matches[k].rule->rule);
		if (strcmp(buf_str(&got), cases[i].expected))
			ck_abort_msg("%s\nexpected %s\n     got %s", cases[i].request,
				cases[i].expected, buf_str(&got));
	}
}

#define POLICY(name)                                                                               \
	"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: " name   \
	"}\nspec:\n"

START_TEST(policy_decide__subjects)
{
	static const char yaml[] =
		POLICY("p") "  subjects:\n"
			    "  - {kind: User, name: 'bot-*'}\n"
			    "  - {kind: User, name: alice, apiGroup: rbac.authorization.k8s.io}\n"
			    "  - {kind: Group, name: agents}\n"
			    "  - {kind: ServiceAccount, namespace: ci, name: runner}\n"
			    "  - {kind: ServiceAccount, namespace: 'agents-*', name: '*'}\n"
			    "  excludeSubjects:\n"
			    "  - {kind: Group, name: break-glass}\n"
			    "  - {kind: ServiceAccount, namespace: agents-x, name: good}\n"
			    "  rules:\n"
			    "  - {name: r, action: Deny, match: [{apiGroups: ['*'], resources: "
			    "['*'], operations: ['*']}]}\n";
	static const struct verdict_case cases[] = {
		{"Deny r", "CREATE /pods ns n bot-7 x"},
		{"Deny r", "CREATE /pods ns n alice x"},
		{"None", "CREATE /pods ns n alice2 x"},
		{"None", "CREATE /pods ns n bot x"},
		{"Deny r", "CREATE /pods ns n who x agents"},
		{"None", "CREATE /pods ns n who x agents break-glass"},
		{"None", "CREATE /pods ns n agents x"},
		{"Deny r", "CREATE /pods ns n system:serviceaccount:ci:runner"},
		{"None", "CREATE /pods ns n system:serviceaccount:ci:runner2"},
		{"None", "CREATE /pods ns n system:serviceaccount:ci"},
		{"Deny r", "CREATE /pods ns n system:serviceaccount:agents-x:bad"},
		{"None", "CREATE /pods ns n system:serviceaccount:agents-x:good"},
		{"None", "CREATE /pods ns n system:serviceaccount:agents:bad"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

/* The set stands behind the policy that names it. */
START_TEST(policy_decide__sets_stand_for_what_is_in_them)
{
	static const struct verdict_case cases[] = {
		{"Deny own away", "CREATE /pods own-1 web alice guests ai"},
		{"Deny own away", "CREATE /pods mine web system:serviceaccount:bots:x"},
		{"Deny away", "CREATE /pods prod web alice ai"},
		{"None", "CREATE /pods own-1 web alice guests"},
		{"None", "CREATE /pods own-1 web root ai admins"},
	};
	check_cases(
		POLICY("p") "  subjects: [{kind: Set, name: bots}]\n"
			    "  excludeSubjects: [{kind: Group, name: admins}]\n"
			    "  rules:\n"
			    "  - name: own\n    action: Deny\n    match: [{apiGroups: [''], "
			    "resources: [pods], operations: [CREATE], namespaces: ['@bots', "
			    "mine, '!own-0']}]\n"
			    "  - name: away\n    action: Deny\n    match: [{apiGroups: [''], "
			    "resources: [pods], operations: [CREATE], namespaces: ['!@none']}]\n"
			    "---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailSet\n"
			    "metadata: {name: bots}\nspec:\n"
			    "  subjects: [{kind: Group, name: ai}, {kind: ServiceAccount, "
			    "namespace: bots, name: '*'}]\n"
			    "  namespaces: ['own-*']\n"
			    "---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailSet\n"
			    "metadata: {name: none}\nspec: {namespaces: [nowhere]}\n",
		cases, ARRAY_LEN(cases));
}
END_TEST

START_TEST(policy_decide__resources_as_in_an_admission_webhook)
{
	static const char yaml[] =
		POLICY("p") "  rules:\n"
			    "  - {name: pods, action: Deny, match: [{apiGroups: [''], resources: "
			    "[pods], operations: ['*']}]}\n"
			    "  - {name: exec, action: Deny, match: [{apiGroups: [''], resources: "
			    "[pods/exec], operations: ['*']}]}\n"
			    "  - {name: pods-all, action: Deny, match: [{apiGroups: [''], "
			    "resources: ['pods/*'], operations: ['*']}]}\n"
			    "  - {name: star, action: Deny, match: [{apiGroups: ['*'], resources: "
			    "['*'], operations: ['*']}]}\n"
			    "  - {name: scale, action: Deny, match: [{apiGroups: ['*'], resources: "
			    "['*/scale'], operations: ['*']}]}\n"
			    "  - {name: everything, action: Deny, match: [{apiGroups: ['*'], "
			    "resources: ['*/*'], operations: ['*']}]}\n"
			    "  - {name: apps, action: Deny, match: [{apiGroups: [apps], resources: "
			    "['*'], operations: ['*']}]}\n"
			    "  - {name: v2, action: Deny, match: [{apiGroups: ['*'], apiVersions: "
			    "[v2], resources: ['*'], operations: ['*']}]}\n";
	static const struct verdict_case cases[] = {
		{"Deny pods pods-all star everything", "CREATE /pods ns n u"},
		{"Deny exec pods-all everything", "CONNECT /pods/exec ns n u"},
		{"Deny pods-all everything", "UPDATE /pods/status ns n u"},
		{"Deny scale everything", "UPDATE apps/deployments/scale ns n u"},
		{"Deny star everything apps", "UPDATE apps/deployments ns n u"},
		{"Deny star everything", "UPDATE other/pods ns n u"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

START_TEST(policy_decide__operations_namespaces_and_names)
{
	static const char yaml[] =
		POLICY("p") "  rules:\n"
			    "  - name: create\n"
			    "    action: Deny\n"
			    "    match: [{apiGroups: [''], resources: [pods], operations: [CREATE, "
			    "DELETE]}]\n"
			    "  - name: prod\n"
			    "    action: Deny\n"
			    "    match: [{apiGroups: ['*'], resources: ['*'], operations: "
			    "[UPDATE], namespaces: ['prod-*', '!prod-sandbox']}]\n"
			    "  - name: one-namespace\n"
			    "    action: Deny\n"
			    "    match: [{apiGroups: ['*'], resources: ['*'], operations: "
			    "[UPDATE], namespaces: [prod-a]}]\n"
			    "  - name: not-kube-system\n"
			    "    action: Warn\n"
			    "    match: [{apiGroups: ['*'], resources: ['*'], operations: "
			    "[UPDATE], namespaces: ['!kube-*']}]\n"
			    "  - name: named\n"
			    "    action: Deny\n"
			    "    match: [{apiGroups: ['*'], resources: ['*'], operations: "
			    "[CONNECT], resourceNames: ['db-?', '!db-x']}]\n";
	static const struct verdict_case cases[] = {
		{"Deny create", "CREATE /pods ns n u"},
		{"Deny create", "DELETE /pods ns n u"},
		{"None", "CONNECT /pods ns n u"},
		{"Deny prod one-namespace not-kube-system", "UPDATE /pods prod-a n u"},
		{"Warn not-kube-system", "UPDATE /pods prod-sandbox n u"},
		{"None", "UPDATE /pods kube-system n u"},
		{"Warn not-kube-system", "UPDATE /nodes - n u"},
		{"Deny named", "CONNECT /pods ns db-1 u"},
		{"None", "CONNECT /pods ns db-x u"},
		{"None", "CONNECT /pods ns db-10 u"},
		{"None", "CONNECT /pods ns - u"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

START_TEST(policy_decide__verbs_at_authorization)
{
	static const char yaml[] = POLICY(
		"p") "  rules:\n"
		     "  - name: secrets\n"
		     "    action: Hold\n"
		     "    match: [{apiGroups: [''], resources: [secrets], verbs: [get, list, "
		     "watch], namespaces: [prod-a]}]\n"
		     "  - name: impersonate\n"
		     "    action: Deny\n"
		     "    match: [{apiGroups: ['*'], resources: ['*/*'], verbs: "
		     "['impersonate*']}]\n"
		     "  - name: named\n"
		     "    action: Deny\n"
		     "    match: [{apiGroups: [''], resources: [configmaps], verbs: ['*'], "
		     "resourceNames: [root-ca]}]\n"
		     "  - name: logs\n"
		     "    action: Deny\n"
		     "    match: [{nonResourceURLs: ['/logs/*', /metrics], verbs: [get]}]\n"
		     "  - name: admission\n"
		     "    action: Deny\n"
		     "    match: [{apiGroups: ['*'], resources: ['*/*'], operations: ['*']}]\n";
	static const struct verdict_case cases[] = {
		{"Hold secrets", "get /secrets prod-a n u"},
		{"None", "get /secrets prod-b n u"},
		{"None", "delete /secrets prod-a n u"},
		/* all namespaces: prod-a is among them */
		{"Hold secrets", "list /secrets - - u"},
		{"Hold secrets", "watch /secrets - - u"},
		{"None", "get /secrets - n u"},
		{"Deny impersonate", "impersonate /users - alice u"},
		{"Deny impersonate", "impersonate:user-info authentication.k8s.io/users - alice u"},
		{"Deny named", "get /configmaps ns root-ca u"},
		{"None", "get /configmaps ns other u"},
		/* a list shows root-ca too */
		{"Deny named", "list /configmaps ns - u"},
		{"Deny logs", "get url:/logs/kube-apiserver.log - - u"},
		{"Deny logs", "get url:/metrics - - u"},
		{"None", "get url:/metrics/cadvisor - - u"},
		{"None", "post url:/metrics - - u"},
		{"Deny admission", "CREATE /secrets prod-a n u"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

/* "impersonate" alone is what people write; from 1.36 on API servers ask otherwise. */
START_TEST(policy_decide__impersonate_covers_its_family)
{
	static const char yaml[] = POLICY(
		"p") "  rules:\n"
		     "  - name: of-admin\n"
		     "    action: Deny\n"
		     "    match: [{apiGroups: [''], resources: [users, groups], verbs: "
		     "[impersonate], resourceNames: [admin, 'system:node:*']}]\n"
		     "  - name: doing\n"
		     "    action: Deny\n"
		     "    match: [{apiGroups: [''], resources: [secrets], verbs: [impersonate], "
		     "namespaces: [prod]}]\n"
		     "  - name: held\n"
		     "    action: Hold\n"
		     "    match: [{apiGroups: ['*'], resources: ['*/*'], verbs: [impersonate]}]\n"
		     "  - name: any-verb\n"
		     "    action: Warn\n"
		     "    match: [{apiGroups: [''], resources: [serviceaccounts], verbs: ['*']}]\n"
		     "  - name: one-mode\n"
		     "    action: Audit\n"
		     "    match: [{apiGroups: [authentication.k8s.io], resources: [uids], verbs: "
		     "['impersonate:user-info']}]\n";
	static const struct verdict_case cases[] = {
		{"Deny of-admin held", "impersonate /users - admin u"},
		{"Deny of-admin held",
			"impersonate:user-info authentication.k8s.io/users - admin u"},
		{"Deny of-admin held",
			"impersonate:user-info authentication.k8s.io/groups - admin u"},
		{"Deny of-admin held",
			"impersonate:arbitrary-node authentication.k8s.io/nodes - n1 u"},
		{"Deny of-admin held",
			"impersonate:associated-node authentication.k8s.io/nodes - n1 u"},
		{"Hold held", "impersonate:user-info authentication.k8s.io/users - alice u"},
		{"Hold held any-verb",
			"impersonate:serviceaccount authentication.k8s.io/serviceaccounts ns s u"},
		{"Hold held one-mode", "impersonate:user-info authentication.k8s.io/uids - 7 u"},
		{"Hold held", "impersonate authentication.k8s.io/uids - 7 u"},
		{"Deny doing", "impersonate-on:user-info:get /secrets prod db u"},
		/* prod is among all namespaces */
		{"Deny doing", "impersonate-on:serviceaccount:list /secrets - - u"},
		/* whom is held already: not asked twice */
		{"None", "impersonate-on:user-info:get /configmaps ns n u"},
		{"None", "impersonated authentication.k8s.io/users - admin u"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

#define ALL "match: [{apiGroups: ['*'], resources: ['*/*'], operations: ['*']}]"

START_TEST(policy_decide__strongest_wins_and_allow_exempts_below_in_its_policy)
{
	static const char yaml[] =
		POLICY("a") "  rules:\n"
			    "  - {name: warn, action: Warn, " ALL "}\n"
			    "  - {name: allow, action: Allow, match: [{apiGroups: [''], resources: "
			    "[pods], operations: ['*']}]}\n"
			    "  - {name: deny, action: Deny, " ALL
			    "}\n" POLICY("b") "  rules:\n"
					      "  - {name: hold, action: Hold, " ALL "}\n" POLICY(
						      "c") "  rules:\n"
							   "  - {name: audit, action: Audit, "
							   "match: [{apiGroups: ['*'], resources: "
							   "['*'], operations: ['*']}]}\n";
	static const struct verdict_case cases[] = {
		{"Hold warn allow hold audit", "CREATE /pods ns n u"},
		{"Deny warn deny hold audit", "CREATE /secrets ns n u"},
		{"Deny warn deny hold", "CREATE /pods/exec ns n u"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

/* Each row: two holds and which of them must be satisfied, whatever their order. */
static const struct {
	const char *weaker, *stricter;
} two_holds[] = {
	{"minApprovals: 1, approvers: [sre]", "minApprovals: 2, approvers: [dev]"},
	{"minApprovals: 1", "minApprovals: 2, grant: Window"},
	{"requireReason: true", "approvers: [sre]"},
	{"grant: Window, approvers: [dev]", "grant: Once, approvers: [sre]"},
	{"grant: Once", "grant: Once, requireReason: true"},
};

START_TEST(policy_decide__of_two_holds_the_stricter_decides)
{
	for (int order = 0; order < 2; order++) {
		_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
		const char *weaker = two_holds[_i].weaker, *stricter = two_holds[_i].stricter;
		struct span yaml = arena_printf(arena,
			POLICY("a") "  rules:\n  - {name: %s, action: Hold, hold: {%s}, " ALL
				    "}\n" POLICY("b") "  rules:\n  - {name: %s, action: Hold, "
						      "hold: {%s}, " ALL "}\n",
			order ? "stricter" : "weaker", order ? stricter : weaker,
			order ? "weaker" : "stricter", order ? weaker : stricter);
		_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml.ptr);
		struct policy_request r = request_of("CREATE /pods ns n u", arena);
		struct policy_decision d;

		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		ck_assert_int_eq(d.action, POLICY_HOLD);
		ck_assert_uint_eq(d.match_count, 2);
		ck_assert_str_eq(d.decisive->rule->rule, "stricter");
	}
}
END_TEST

START_TEST(policy_decide__enforcement_turns_down)
{
	static const char yaml[] =
		POLICY("warn") "  enforcement: Warn\n"
			       "  rules:\n"
			       "  - {name: a, action: Deny, match: [{apiGroups: ['*'], resources: "
			       "[a, all], operations: ['*']}]}\n"
			       "  - {name: b, action: Audit, match: [{apiGroups: ['*'], resources: "
			       "[b], operations: ['*']}]}\n" POLICY(
				       "dry") "  enforcement: DryRun\n"
					      "  rules:\n"
					      "  - {name: c, action: Hold, match: [{apiGroups: "
					      "['*'], resources: [c, all], operations: ['*']}]}\n";
	static const struct verdict_case cases[] = {
		{"Warn a", "CREATE /a ns n u"},
		{"Audit b", "CREATE /b ns n u"},
		{"Audit c", "CREATE /c ns n u"},
		{"Warn a c", "CREATE /all ns n u"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

START_TEST(policy_decide__record_all_concerns_subjects_only)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(POLICY(
		"p") "  subjects: [{kind: Group, name: agents}]\n  record: All\n  rules: []\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	static const struct {
		bool expected;
		const char *request;
	} cases[] = {
		{true, "CREATE /pods ns n u agents"},
		{true, "get /pods ns n u agents"},
		{true, "get url:/metrics - - u agents"},
		{false, "CREATE /pods ns n u people"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_request r = request_of(cases[i].request, arena);
		struct policy_decision d;
		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		ck_assert_int_eq(d.record_all, cases[i].expected);
		ck_assert_int_eq(d.action, POLICY_NONE);
		ck_assert_ptr_null(d.decisive);
	}
	ck_assert_uint_eq(policy_set_rule_count(set), 0);
}
END_TEST

START_TEST(policy_decide__messages_and_hold_settings)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(
		POLICY("p") "  rules:\n"
			    "  - {name: a, action: Deny, message: a longer reason, " ALL "}\n"
			    "  - {name: b, action: Deny, message: short, " ALL "}\n"
			    "  - {name: c, action: Deny, message: short, match: [{apiGroups: "
			    "['*'], resources: ['*'], operations: ['*']}]}\n"
			    "  - {name: d, action: Warn, message: no reason, " ALL "}\n"
			    "  - name: e\n"
			    "    action: Hold\n"
			    "    hold: {approvers: [sre, dba], minApprovals: 2, expires: 30m, "
			    "grant: Window, window: 10m, maxUses: 5, scope: Namespace, wait: 20s, "
			    "retry: true, "
			    "requireReason: true}\n"
			    "    " ALL "\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	struct policy_request r = request_of("DELETE /pods ns n u", arena);
	struct policy_decision d;
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_int_eq(d.action, POLICY_DENY);
	ck_assert_str_eq(d.decisive->rule->rule, "a");
	ck_assert(span_eq_str(
		policy_decision_reasons(&d, POLICY_DENY, arena), "short\na longer reason"));
	ck_assert(span_eq_str(policy_decision_reasons(&d, POLICY_WARN, arena), "no reason"));
	ck_assert_uint_eq(policy_decision_reasons(&d, POLICY_AUDIT, arena).len, 0);
	ck_assert(span_eq_str(
		d.matches[4].message, "rule e of policy p asks for a human's approval"));

	const struct policy_hold *h = d.matches[4].rule->hold;
	ck_assert_ptr_nonnull(h);
	ck_assert_ptr_null(d.matches[0].rule->hold);
	ck_assert_uint_eq(h->approver_count, 2);
	ck_assert(span_eq_str(h->approvers[1], "dba"));
	ck_assert_uint_eq(h->min_approvals, 2);
	ck_assert_int_eq(h->expires_ms, 1800000);
	ck_assert_int_eq(h->window_ms, 600000);
	ck_assert_uint_eq(h->max_uses, 5);
	ck_assert_int_eq(h->grant, POLICY_GRANT_WINDOW);
	ck_assert_int_eq(h->scope, POLICY_SCOPE_NAMESPACE);
	ck_assert_int_eq(h->like_ms, 0);
	ck_assert_int_eq(h->wait_ms, 20000);
	ck_assert(h->retry && h->require_reason);
}
END_TEST

START_TEST(policy_decide__several_holds_ask_for_the_strictest_of_each)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(
		POLICY("p") "  rules:\n"
			    "  - {name: a, action: Hold, " ALL ", hold: {approvers: [sre], "
			    "minApprovals: 2, expires: 1h, grant: Window, window: 20m, wait: 5s}}\n"
			    "  - {name: b, action: Hold, " ALL ", hold: {approvers: [dba], "
			    "expires: 30m, grant: Window, window: 10m, maxUses: 7, retry: true}}\n"
			    "  - {name: c, action: Hold, " ALL ", hold: {expires: 2h, "
			    "grant: Window, maxUses: 9, wait: 20s, requireReason: true}}\n"
			    "---\n" POLICY("q") "  enforcement: DryRun\n"
						"  rules:\n"
						"  - {name: d, action: Hold, " ALL
						", hold: {expires: 1m, minApprovals: 9}}\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	struct policy_request r = request_of("DELETE /pods ns n u", arena);
	struct policy_decision d;
	struct policy_hold h;
	size_t count;

	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_str_eq(d.decisive->rule->rule, "a");
	h = policy_decision_hold(&d, &count);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(h.min_approvals, 2);
	ck_assert_int_eq(h.expires_ms, 1800000);
	ck_assert_int_eq(h.grant, POLICY_GRANT_WINDOW);
	ck_assert_int_eq(h.window_ms, 600000);
	ck_assert_uint_eq(h.max_uses, 7);
	ck_assert_int_eq(h.wait_ms, 20000);
	ck_assert(h.retry && h.require_reason);
}
END_TEST

#define WINDOW(more) ", hold: {grant: Window, expires: 1h" more "}}\n"
#define ONCE(more)   ", hold: {expires: 1h" more "}}\n"

/* What an approval opens where two rules hold one request: no more than either alone. */
static const struct {
	enum policy_grant grant;
	enum policy_scope scope;
	int64_t like_ms;
	unsigned like_uses;
	const char *one, *two;
} combined[] = {
	{POLICY_GRANT_WINDOW, POLICY_SCOPE_OBJECT, 0, 0, WINDOW(", scope: Cluster"), WINDOW("")},
	{POLICY_GRANT_WINDOW, POLICY_SCOPE_NAMESPACE, 0, 0, WINDOW(", scope: Namespace"),
		WINDOW(", scope: Cluster")},
	{POLICY_GRANT_WINDOW, POLICY_SCOPE_CLUSTER, 0, 0, WINDOW(", maxUses: 3, scope: Cluster"),
		WINDOW(", scope: Cluster")},
	{POLICY_GRANT_ONCE, POLICY_SCOPE_OBJECT, 0, 0, WINDOW(", scope: Cluster"), ONCE("")},
	{POLICY_GRANT_ONCE, POLICY_SCOPE_OBJECT, 0, 20, ONCE(", allowWindow: {upTo: 5m}"),
		ONCE("")},
	{POLICY_GRANT_ONCE, POLICY_SCOPE_OBJECT, 300000, 7,
		ONCE(", allowWindow: {upTo: 5m}, scope: Cluster"),
		ONCE(", allowWindow: {upTo: 9m, maxUses: 7}")},
	{POLICY_GRANT_ONCE, POLICY_SCOPE_NAMESPACE, 240000, 3,
		ONCE(", allowWindow: {upTo: 5m}, scope: Namespace"),
		WINDOW(", window: 4m, maxUses: 3, scope: Cluster")},
};

START_TEST(policy_decide__an_approval_opens_what_each_rule_lets_it)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	struct policy_request r = request_of("DELETE /pods ns n u", arena);

	for (int swapped = 0; swapped < 2; swapped++) {
		const char *one = swapped ? combined[_i].two : combined[_i].one;
		const char *two = swapped ? combined[_i].one : combined[_i].two;
		struct policy_decision d;
		struct policy_hold h;
		size_t count;
		char text[2048];

		snprintf(text, sizeof(text),
			POLICY("p") "  rules:\n  - {name: a, action: Hold, " ALL
				    "%s  - {name: b, action: Hold, " ALL "%s",
			one, two);
		_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(text);

		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		h = policy_decision_hold(&d, &count);
		ck_assert_int_eq(h.grant, combined[_i].grant);
		ck_assert_int_eq(h.scope, combined[_i].scope);
		ck_assert_int_eq(h.like_ms, combined[_i].like_ms);
		if (h.like_ms > 0)
			ck_assert_uint_eq(h.like_uses, combined[_i].like_uses);
	}
}
END_TEST

/* ---- the index finds what a look at every rule finds ---- */

static unsigned next_random(unsigned *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static const char *pick(unsigned *state, const char *const *words, size_t count)
{
	return words[next_random(state) % count];
}

#define PICK(state, ...)                                                                           \
	pick(state, (const char *const[]){__VA_ARGS__},                                            \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void put_random_rule(struct buf *out, unsigned *state, int number)
{
	bool verbs = next_random(state) % 4 == 0;
	buf_printf(out,
		"%s"
		"  subjects: [%s]\n"
		"  rules:\n"
		"  - name: r%d\n    action: Deny\n    match:\n    - apiGroups: [%s]\n"
		"      resources: [%s]\n      %s\n      namespaces: [%s]\n",
		"",
		PICK(state, "", "{kind: Group, name: g1}", "{kind: User, name: u1}",
			"{kind: User, name: 'u*'}",
			"{kind: User, name: u2}, {kind: Group, name: g2}"),
		number, PICK(state, "''", "apps", "'*'", "'', apps"),
		PICK(state, "pods", "pods, secrets", "'pods/*'", "'*'", "'*/scale'", "'*/*'",
			"pods/scale"),
		verbs ? PICK(state, "verbs: [get]", "verbs: ['*']", "verbs: [list, 'g*']")
		      : PICK(state, "operations: [CREATE]", "operations: ['*']",
				"operations: [UPDATE, DELETE]"),
		PICK(state, "", "n1", "n1, n2", "'n*'", "'!n1'", "n2, '!n1'"));
}

START_TEST(policy_decide__index_and_full_scan_agree)
{
	unsigned state = 42;
	enum { RULES = 300 };
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 8 << 20);
	struct policy_set *one[RULES];
	struct buf all = BUF_INIT(1 << 20);
	for (int i = 0; i < RULES; i++) {
		struct buf b = BUF_INIT(10000);
		buf_printf(&b,
			"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\n"
			"metadata: {name: p%d}\nspec:\n",
			i);
		put_random_rule(&b, &state, i);
		one[i] = load_or_fail(buf_str(&b));
		buf_add_span(&all, buf_span(&b));
		buf_free(&b);
	}
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(buf_str(&all));
	for (int n = 0; n < 150; n++) {
		char line[200];
		snprintf(line, sizeof line, "%s %s %s n %s %s",
			PICK(&state, "CREATE", "UPDATE", "DELETE", "CONNECT", "get", "list"),
			PICK(&state, "/pods", "/pods/scale", "apps/deployments", "/secrets",
				"apps/deployments/scale"),
			PICK(&state, "-", "n1", "n2", "n3"), PICK(&state, "u1", "u2", "x"),
			PICK(&state, "g1", "g2", "g1 g2", "y"));
		arena_reset(arena);
		struct policy_request r = request_of(line, arena);
		struct policy_decision d, single;
		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		size_t found = 0;
		for (int i = 0; i < RULES; i++) {
			ck_assert_int_eq(policy_decide(one[i], &r, arena, &single), 0);
			if (!single.match_count)
				continue;
			ck_assert_uint_lt(found, d.match_count);
			ck_assert_str_eq(
				d.matches[found++].rule->rule, single.matches[0].rule->rule);
		}
		ck_assert_uint_eq(found, d.match_count);
	}
	for (int i = 0; i < RULES; i++)
		policy_set_unref(one[i]);
	buf_free(&all);
}
END_TEST

START_TEST(policy_decide__hundreds_of_rules_apply_at_once)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 8 << 20);
	struct buf yaml = BUF_INIT(1 << 20);
	struct policy_decision d;
	buf_add_str(&yaml, POLICY("p") "  rules:\n");
	for (int i = 0; i < 600; i++)
		buf_printf(&yaml,
			"  - {name: r%d, action: Warn, message: m%d, match: [{apiGroups: [%s], "
			"resources: [%s], operations: [%s]}]}\n",
			i, i, i % 3 ? "'*'" : "''", i % 2 ? "pods" : "'*'",
			i % 5 ? "'*'" : "CREATE");
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(buf_str(&yaml));
	struct policy_request r = request_of("CREATE /pods ns n u", arena);
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_uint_eq(d.match_count, 600);
	for (int i = 0; i < 600; i++)
		ck_assert_int_eq(atoi(d.matches[i].rule->rule + 1), i);
	buf_free(&yaml);
}
END_TEST

/* ---- recorded traffic ---- */

struct tally {
	unsigned files, deny, hold, none, audit;
};

static void decide_folder(
	const struct policy_set *set, const char *dir, struct arena *arena, struct tally *t)
{
	DIR *d = opendir(dir);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[600];
		struct policy_decision decision;
		if (!strstr(e->d_name, ".json"))
			continue;
		arena_reset(arena);
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		struct policy_request r = request_or_fail(file_or_fail(path, arena), arena);
		ck_assert_int_eq(policy_decide(set, &r, arena, &decision), 0);
		t->files++;
		t->deny += decision.action == POLICY_DENY;
		t->hold += decision.action == POLICY_HOLD;
		t->audit += decision.action == POLICY_AUDIT;
		t->none += decision.action == POLICY_NONE;
	}
	closedir(d);
}

START_TEST(policy_decide__recorded_reviews)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(POLICY(
		"agents") "  subjects: [{kind: Group, name: ai-agents}]\n"
			  "  rules:\n"
			  "  - {name: exec, action: Deny, match: [{apiGroups: [''], resources: "
			  "[pods/exec, pods/attach, pods/portforward], operations: [CONNECT]}]}\n"
			  "  - {name: deletes, action: Hold, match: [{apiGroups: ['*'], resources: "
			  "['*'], operations: [DELETE]}]}\n"
			  "  - {name: rest, action: Audit, match: [{apiGroups: ['*'], resources: "
			  "['*/*'], operations: ['*']}]}\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 64 << 20);
	struct tally t = {0};
	decide_folder(set, HOLDPOINT_FIXTURES "/admission/v1.20", arena, &t);
	decide_folder(set, HOLDPOINT_FIXTURES "/admission/v1.36", arena, &t);
	ck_assert_uint_eq(t.files, 147);
	ck_assert_uint_eq(t.deny, 20); /* 16 exec, 4 attach */
	ck_assert_uint_eq(t.hold, 13); /* the agent's deletes */
	ck_assert_uint_eq(t.none, 15); /* other people's */
	ck_assert_uint_eq(t.audit, 147 - 20 - 13 - 15);
}
END_TEST

START_TEST(policy_decide__full_arena_is_an_error_not_a_verdict)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set =
		load_or_fail(POLICY("p") "  rules:\n  - {name: a, action: Deny, " ALL "}\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(2048, 2048);
	struct policy_request r = request_of("DELETE /pods ns n u", arena);
	struct policy_decision d;
	while (arena_alloc(arena, 16))
		;
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), -1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, policy_decide__subjects);
	tcase_add_test(t, policy_decide__sets_stand_for_what_is_in_them);
	tcase_add_test(t, policy_decide__resources_as_in_an_admission_webhook);
	tcase_add_test(t, policy_decide__operations_namespaces_and_names);
	tcase_add_test(t, policy_decide__verbs_at_authorization);
	tcase_add_test(t, policy_decide__impersonate_covers_its_family);
	tcase_add_test(t, policy_decide__strongest_wins_and_allow_exempts_below_in_its_policy);
	tcase_add_loop_test(
		t, policy_decide__of_two_holds_the_stricter_decides, 0, ARRAY_LEN(two_holds));
	tcase_add_test(t, policy_decide__enforcement_turns_down);
	tcase_add_test(t, policy_decide__record_all_concerns_subjects_only);
	tcase_add_test(t, policy_decide__messages_and_hold_settings);
	tcase_add_test(t, policy_decide__several_holds_ask_for_the_strictest_of_each);
	tcase_add_loop_test(
		t, policy_decide__an_approval_opens_what_each_rule_lets_it, 0, ARRAY_LEN(combined));
	tcase_add_test(t, policy_decide__index_and_full_scan_agree);
	tcase_add_test(t, policy_decide__hundreds_of_rules_apply_at_once);
	tcase_add_test(t, policy_decide__recorded_reviews);
	tcase_add_test(t, policy_decide__full_arena_is_an_error_not_a_verdict);
	return run_tests(t);
}
