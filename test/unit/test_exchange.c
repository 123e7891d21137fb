/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from their body to their answer, while PostgreSQL is away. */
#include "support/run_tests.h"
#include "unit/webhook_support.h"

static const char policy[] =
	"apiVersion: holdpoint.dev/v1alpha1\n"
	"kind: GuardrailPolicy\n"
	"metadata: {name: test}\n"
	"spec:\n"
	"  subjects: [{kind: Group, name: ai-agents}]\n"
	"  rules:\n"
	"  - name: no-secrets\n"
	"    match: [{apiGroups: [''], resources: [secrets], operations: ['*']}]\n"
	"    action: Deny\n"
	"    message: no secrets\n"
	"  - name: ask\n"
	"    match: [{apiGroups: [''], resources: [pods], operations: [DELETE]}]\n"
	"    action: Hold\n"
	"    message: deleting a pod\n"
	"    hold: {approvers: [sre], expires: 1h}\n"
	"  - name: careful\n"
	"    match: [{apiGroups: [''], resources: [configmaps], operations: [CREATE]}]\n"
	"    action: Warn\n"
	"    message: be careful\n"
	"  - name: noted\n"
	"    match: [{apiGroups: [''], resources: [services], operations: [CREATE]}]\n"
	"    action: Audit\n"
	"    message: noted\n"
	"  - name: owner\n"
	"    match: [{apiGroups: [''], resources: [configmaps], operations: [CREATE]}]\n"
	"    action: Mutate\n"
	"    mutate: {mergePatch: {metadata: {labels: {by: agent}}}}\n"
	"  - name: no-reading\n"
	"    match: [{apiGroups: [''], resources: [secrets], verbs: [get]}]\n"
	"    action: Deny\n"
	"    message: secrets are not read\n";

static const struct http_route routes[] = {
	{"POST", "/validate", false, "application/json", exchange_validate, &webhook},
	{"POST", "/mutate", false, "application/json", exchange_mutate, &webhook},
	{"POST", "/authorize", false, "application/json", exchange_authorize, &webhook},
	{0},
};

static void setup(void)
{
	webhook_start(policy, routes);
}

static void teardown(void)
{
	webhook_stop();
}

#define REVIEW(rest)                                                                               \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u-1\"" rest "}}"
#define ASKED(operation, group, resource, rest)                                                    \
	REVIEW(",\"operation\":\"" operation "\",\"resource\":{\"group\":\"" group                 \
	       "\",\"version\":\"v1\",\"resource\":\"" resource "\"},\"kind\":{\"group\":\"" group \
	       "\",\"version\":\"v1\",\"kind\":\"X\"},\"name\":\"x\",\"namespace\":\"n\","         \
	       "\"userInfo\":{\"username\":\"agent\",\"groups\":[\"ai-agents\"]}" rest)
#define OBJECT ",\"object\":{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\"1\"}}"
#define ACCESS(verb)                                                                               \
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{"  \
	"\"user\":\"agent\",\"groups\":[\"ai-agents\"],\"resourceAttributes\":{\"verb\":\"" verb   \
	"\",\"version\":\"v1\",\"resource\":\"secrets\",\"namespace\":\"n\"}}}"
#define HOLDREVIEW(spec, rest)                                                                     \
	ASKED("CREATE", "holdpoint.dev", "holdreviews", rest ",\"object\":{\"spec\":" spec "}")
#define ALLOWED	   "\"response\":{\"uid\":\"u-1\",\"allowed\":true"
#define DENIED	   "\"response\":{\"uid\":\"u-1\",\"allowed\":false"
#define CODE(code) "\"code\":" #code "}"

static const struct {
	int status;
	const char *has[3];
	const char *path, *body;
	bool verified;
} cases[] = {
	{200, {ALLOWED "}}"}, "/validate", ASKED("UPDATE", "", "pods", OBJECT), false},
	{200, {DENIED, "\"message\":\"no secrets\"", CODE(403)}, "/validate",
		ASKED("CREATE", "", "secrets", OBJECT), false},
	{200, {ALLOWED, "\"warnings\":[\"test/careful: be careful\"]", "\"decision\":\"Warn\""},
		"/validate", ASKED("CREATE", "", "configmaps", OBJECT), false},
	{200, {ALLOWED, "\"decision\":\"Audit\"", "\"rule\":\"noted\""}, "/validate",
		ASKED("CREATE", "", "services", OBJECT), false},
	{200, {DENIED, "approvals cannot be looked up", CODE(503)}, "/validate",
		ASKED("DELETE", "", "pods", ""), false},
	/* what cannot be read, with and without a uid */
	{200, {DENIED, "Holdpoint cannot decide on this request: ", CODE(400)}, "/validate",
		REVIEW(",\"operation\":7"), false},
	{200, {DENIED, "Holdpoint cannot decide on this request: ", CODE(400)}, "/mutate",
		REVIEW(""), false},
	{200, {DENIED, "cannot decide on this request: line 1, column", CODE(400)}, "/validate",
		ASKED("UPDATE", "", "pods", ",\"object\":{\"a\":1,\"a\":2}"), false},
	{200, {DENIED, "not UTF-8", CODE(400)}, "/mutate",
		ASKED("UPDATE", "", "pods", ",\"object\":{\"a\":\"\xff\"}"), false},
	{400, {"{\"error\":"}, "/validate", "{\"kind\":\"AdmissionReview\"", false},
	{400, {"{\"error\":"}, "/mutate", "[]", false},
	{400, {"{\"error\":"}, "/authorize", "{}", false},
	{400, {"{\"error\":"}, "/authorize", ASKED("CREATE", "", "secrets", OBJECT), false},
	/* mutating */
	{200, {ALLOWED, "\"patchType\":\"JSONPatch\"", "\"decision\":\"Mutate\""}, "/mutate",
		ASKED("CREATE", "", "configmaps", OBJECT), false},
	{200, {ALLOWED "}}"}, "/mutate", ASKED("CREATE", "", "secrets", OBJECT), false},
	{200, {ALLOWED "}}"}, "/mutate", ASKED("DELETE", "", "configmaps", ""), false},
	/* no opinion is no permission */
	{200, {"\"status\":{\"allowed\":false}}"}, "/authorize", ACCESS("list"), false},
	{200,
		{"\"status\":{\"allowed\":false,\"denied\":true,\"reason\":\"secrets are not "
		 "read\"}}"},
		"/authorize", ACCESS("get"), false},
	/* OPTIONS: no rule can be about it, and it may reach a proxied service */
	{200,
		{"\"status\":{\"allowed\":false,\"denied\":true,\"reason\":\"Holdpoint cannot "
		 "decide on this request: it has no verb"},
		"/authorize", ACCESS(""), false},
	/* HoldReviews */
	{200, {DENIED, "--client-ca-file", CODE(403)}, "/validate",
		HOLDREVIEW("{\"decision\":\"Approve\",\"hold\":42}", ""), false},
	{200, {DENIED, "\"reason\":\"HoldReviewRefused\"", CODE(422)}, "/validate",
		HOLDREVIEW("{\"decision\":\"Perhaps\"}", ""), true},
	{200, {DENIED, "the database of Holdpoint is unreachable", CODE(503)}, "/validate",
		HOLDREVIEW("{\"decision\":\"Deny\",\"hold\":42}", ""), true},
	{200, {ALLOWED, "\"warnings\":[\"dry run: nothing is decided\"]"}, "/validate",
		HOLDREVIEW("{\"decision\":\"Deny\",\"hold\":42}", ",\"dryRun\":true"), true},
	{200, {DENIED, "the holds could not be read", CODE(503)}, "/mutate",
		HOLDREVIEW("{\"decision\":\"List\"}", ",\"dryRun\":true"), true},
	{200, {ALLOWED "}}"}, "/mutate", HOLDREVIEW("{\"decision\":\"List\"}", ""), true},
	{200, {DENIED, "create it with --dry-run=server", CODE(422)}, "/validate",
		HOLDREVIEW("{\"decision\":\"List\"}", ""), true},
};

/* Nothing is left at any step once all are answered. */
static void check_no_request_is_left(void)
{
	for (unsigned step = 0; step < EXCHANGE_END; step++)
		ck_assert_int_eq(
			metric_value(exchange_metrics, "holdpoint_webhook_requests", step), 0);
}

START_TEST(exchange__answers)
{
	webhook.caller_is_verified = cases[_i].verified;
	post(cases[_i].path, cases[_i].body);
	ck_assert_msg(answer.status == cases[_i].status, "%d %s", answer.status, answer.body);
	for (size_t i = 0; i < ARRAY_LEN(cases[_i].has) && cases[_i].has[i]; i++)
		ck_assert_msg(strstr(answer.body, cases[_i].has[i]) != NULL, "no %s in %s",
			cases[_i].has[i], answer.body);
	check_no_request_is_left();
}
END_TEST

START_TEST(exchange__only_callers_of_these_names)
{
	static const char *const names[] = {"kube-apiserver"};

	webhook.client_names = names;
	webhook.client_name_count = 1;
	post("/validate", ASKED("UPDATE", "", "pods", OBJECT));
	ck_assert_int_eq(answer.status, 403);
	check_no_request_is_left();
}
END_TEST

/* Under --require-evidence what would have passed does not, and what is denied stays denied. */
START_TEST(exchange__what_cannot_be_recorded_does_not_pass)
{
	webhook.require_evidence = true;
	post("/validate", ASKED("CREATE", "", "configmaps", OBJECT));
	ck_assert_ptr_nonnull(strstr(answer.body, DENIED));
	ck_assert_ptr_nonnull(strstr(answer.body, "\"reason\":\"EvidenceUnavailable\""));
	post("/validate", ASKED("CREATE", "", "secrets", OBJECT));
	ck_assert_ptr_nonnull(strstr(answer.body, "\"message\":\"no secrets\""));
	check_no_request_is_left();
}
END_TEST

START_TEST(exchange__without_rules_that_match_nothing_is_recorded)
{
	webhook.require_evidence = true;
	post("/validate", ASKED("UPDATE", "", "pods", OBJECT));
	ck_assert_ptr_nonnull(strstr(answer.body, ALLOWED));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("exchange");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, exchange__answers, 0, ARRAY_LEN(cases));
	tcase_add_test(t, exchange__only_callers_of_these_names);
	tcase_add_test(t, exchange__what_cannot_be_recorded_does_not_pass);
	tcase_add_test(t, exchange__without_rules_that_match_nothing_is_recorded);
	return run_tests(t);
}
