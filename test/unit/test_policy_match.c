/* SPDX-License-Identifier: Apache-2.0 */
/* Whom and what a rule concerns: subjects, resources, operations, verbs. */
#include <check.h>

#include "support/run_tests.h"
#include "unit/decide_support.h"

START_TEST(policy_match__subjects)
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
START_TEST(policy_match__sets_stand_for_what_is_in_them)
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

START_TEST(policy_match__resources_as_in_an_admission_webhook)
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

START_TEST(policy_match__operations_namespaces_and_names)
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

START_TEST(policy_match__verbs_at_authorization)
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
START_TEST(policy_match__impersonate_covers_its_family)
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

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, policy_match__subjects);
	tcase_add_test(t, policy_match__sets_stand_for_what_is_in_them);
	tcase_add_test(t, policy_match__resources_as_in_an_admission_webhook);
	tcase_add_test(t, policy_match__operations_namespaces_and_names);
	tcase_add_test(t, policy_match__verbs_at_authorization);
	tcase_add_test(t, policy_match__impersonate_covers_its_family);
	return run_tests(t);
}
