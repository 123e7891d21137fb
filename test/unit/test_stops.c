/* SPDX-License-Identifier: Apache-2.0 */
/* Who is stopped, as long as the list was never read: whom policies name. */
#include "webhook/hold/stops.h"

#include "support/run_tests.h"
#include "unit/webhook_support.h"

static const char policy[] =
	"apiVersion: holdpoint.dev/v1alpha1\n"
	"kind: GuardrailPolicy\n"
	"metadata: {name: named}\n"
	"spec:\n"
	"  subjects:\n"
	"  - {kind: Group, name: ai-*}\n"
	"  - {kind: User, name: bot}\n"
	"  - {kind: ServiceAccount, name: '*', namespace: agents}\n"
	"  excludeSubjects: [{kind: User, name: trusted}]\n"
	"  rules:\n"
	"  - name: no-secrets\n"
	"    match: [{apiGroups: [''], resources: [secrets], operations: ['*']}]\n"
	"    action: Deny\n"
	"    message: no secrets\n"
	"---\n"
	"apiVersion: holdpoint.dev/v1alpha1\n"
	"kind: GuardrailPolicy\n"
	"metadata: {name: everybody}\n"
	"spec:\n"
	"  rules:\n"
	"  - name: noted\n"
	"    match: [{apiGroups: [''], resources: [secrets], operations: ['*']}]\n"
	"    action: Audit\n"
	"---\n"
	"apiVersion: holdpoint.dev/v1alpha1\n"
	"kind: GuardrailPolicy\n"
	"metadata: {name: everybody-by-name}\n"
	"spec:\n"
	"  subjects:\n"
	"  - {kind: Group, name: 'system:authenticated'}\n"
	"  - {kind: Group, name: 'system:serviceaccounts'}\n"
	"  - {kind: User, name: '*'}\n"
	"  rules:\n"
	"  - name: noted\n"
	"    match: [{apiGroups: [''], resources: [secrets], operations: ['*']}]\n"
	"    action: Audit\n";

static const struct http_route routes[] = {
	{"POST", "/validate", false, "application/json", exchange_validate, &webhook},
	{"POST", "/mutate", false, "application/json", exchange_mutate, &webhook},
	{"POST", "/authorize", false, "application/json", exchange_authorize, &webhook},
	{0},
};

static void setup(void)
{
	webhook_start(policy, routes);
	webhook.stops = stops_new("c1", false);
	ck_assert_ptr_nonnull(webhook.stops);
}

static void teardown(void)
{
	webhook_stop();
	stops_free(webhook.stops);
}

static const struct {
	bool denied;
	const char *user, *group;
} cases[] = {
	{true, "a", "ai-agents"},
	{true, "bot", "x"},
	{true, "system:serviceaccount:agents:runner", "system:serviceaccounts"},
	{false, "trusted", "ai-agents"},
	{false, "alice", "sre"},
	{false, "alice", "system:authenticated"},
	{false, "system:kube-controller-manager", "system:authenticated"},
	{false, "system:serviceaccount:kube-system:replicaset-controller",
		"system:serviceaccounts"},
};

static const char *admission(const char *user, const char *group)
{
	static char text[2048];

	snprintf(text, sizeof(text),
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"u-1\",\"operation\":\"CREATE\",\"resource\":{\"group\":\"\",\"version\":"
		"\"v1\",\"resource\":\"pods\"},\"kind\":{\"group\":\"\",\"version\":\"v1\","
		"\"kind\":"
		"\"Pod\"},\"name\":\"x\",\"namespace\":\"n\",\"userInfo\":{\"username\":\"%s\","
		"\"groups\":[\"%s\"]},\"object\":{\"metadata\":{\"name\":\"x\"}}}}",
		user, group);
	return text;
}

START_TEST(stops__unknown_denies_whom_policies_name)
{
	static const char *const paths[] = {"/validate", "/mutate"};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		post(paths[i], admission(cases[_i].user, cases[_i].group));
		ck_assert_int_eq(answer.status, 200);
		ck_assert_msg(!strstr(answer.body, "\"allowed\":true") == cases[_i].denied, "%s",
			answer.body);
		ck_assert_msg(!!strstr(answer.body, "does not know whether you are stopped") ==
				      cases[_i].denied,
			"%s", answer.body);
	}
}
END_TEST

START_TEST(stops__unknown_denies_questions_too)
{
	char text[1024];

	snprintf(text, sizeof(text),
		"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\","
		"\"spec\":{\"user\":\"%s\",\"groups\":[\"%s\"],\"resourceAttributes\":{\"verb\":"
		"\"list\",\"version\":\"v1\",\"resource\":\"pods\",\"namespace\":\"n\"}}}",
		cases[_i].user, cases[_i].group);
	post("/authorize", text);
	ck_assert_msg(
		!!strstr(answer.body, "\"denied\":true") == cases[_i].denied, "%s", answer.body);
}
END_TEST

START_TEST(stops__unknown_may_be_allowed)
{
	stops_free(webhook.stops);
	webhook.stops = stops_new("c1", true);
	ck_assert_ptr_nonnull(webhook.stops);
	post("/validate", admission("a", "ai-agents"));
	ck_assert_msg(strstr(answer.body, "\"allowed\":true"), "%s", answer.body);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("stops");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, stops__unknown_denies_whom_policies_name, 0, (int)ARRAY_LEN(cases));
	tcase_add_loop_test(t, stops__unknown_denies_questions_too, 0, (int)ARRAY_LEN(cases));
	tcase_add_test(t, stops__unknown_may_be_allowed);
	return run_tests(t);
}
