/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint doctor against an API server that says what each test wants: what is wrong with the
 * registration, with certificates, and with who is asked. What it says of a database is tested with
 * one (test/db/test_cli_doctor.sh).
 */
#include "unit/kube_api_support.h"

#define CONFIGURATIONS "/apis/admissionregistration.k8s.io/v1/"
#define ACCESS	       "/apis/authorization.k8s.io/v1/subjectaccessreviews"

#define EXEMPT "\"holdpoint-system\",\"kube-system\",\"kube-node-lease\""
#define HOOK(name, operator, operations, groups, resources, scope)                                 \
	"{\"name\":\"" name ".holdpoint.dev\",\"failurePolicy\":\"Fail\",\"matchPolicy\":"         \
	"\"Equivalent\",\"sideEffects\":\"NoneOnDryRun\",\"timeoutSeconds\":30,\"clientConfig\":{" \
	"\"url\":\"https://@\",\"caBundle\":\"%\"},\"rules\":[{\"operations\":[" operations        \
	"],\"apiGroups\":[\"" groups "\"],\"apiVersions\":[\"*\"],\"resources\":[\"" resources     \
	"\"]" scope "}],\"namespaceSelector\":{\"matchExpressions\":[{\"key\":"                    \
	"\"kubernetes.io/metadata.name\",\"operator\":\""                                          \
	operator"\",\"values\":[" EXEMPT                                                           \
		"]}]},\"matchConditions\":[{\"name\":\"n\",\"expression\":\"!('system:nodes' in "  \
		"request.userInfo.groups)\"}]}"

static const char validating[] =
	"{\"items\":[{\"webhooks\":[{\"name\":\"others.example.com\"}]},{\"webhooks\":[" HOOK(
		"validate", "NotIn", "\"*\"", "*", "*/*", ",\"scope\":\"*\"") "," HOOK("namespaces",
		"In", "\"*\"", "", "namespaces\",\"namespaces/*", "") "]}]}";
static const char mutating[] = "{\"items\":[{\"webhooks\":[" HOOK(
	"mutate", "NotIn", "\"CREATE\",\"UPDATE\"", "*", "*/*", "") "]}]}";

static const char policy[] =
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\nspec:\n"
	"  subjects: [{kind: User, name: agent}]\n"
	"  rules: [{name: reads, action: Deny, match: [{apiGroups: [''], resources: [secrets], "
	"verbs: [get]}]}]\n";

static const struct http_route plain_routes[] = {
	{"GET", "/readyz", false, NULL, handle, NULL},
	{"GET", "/metrics", false, NULL, handle, NULL},
	{0},
};

static struct buf shown[2] = {BUF_INIT(1 << 20), BUF_INIT(1 << 20)};

/* A list of webhooks: "@" is where this server listens, "%" its authority; `find` becomes `with`
 * everywhere. */
static const char *list_of(struct buf *b, const char *list, const char *find, const char *with)
{
	char pem[8192];
	FILE *f = fopen(file("ca.crt"), "re");
	size_t len, skip = find ? strlen(find) : 0;

	ck_assert_ptr_nonnull(f);
	len = fread(pem, 1, sizeof(pem), f);
	fclose(f);
	buf_reset(b);
	for (const char *p = list; *p; p++) {
		if (find && strncmp(p, find, skip) == 0) {
			buf_add_str(b, with);
			p += skip - 1;
		} else if (*p == '@') {
			buf_add_str(b, http_server_address(server));
		} else if (*p == '%') {
			base64_put(b, pem, len);
		} else {
			buf_add_char(b, *p);
		}
	}
	return buf_str(b);
}

static void answers(const char *find, const char *with)
{
	size_t n = 0;

	hand_over();
	replies[n++] = (struct kube_reply){"/version", 200, "{\"gitVersion\":\"v1.36.0\"}"};
	replies[n++] = (struct kube_reply){CONFIGURATIONS "validatingwebhookconfigurations", 200,
		list_of(&shown[0], validating, find, with)};
	replies[n++] = (struct kube_reply){CONFIGURATIONS "mutatingwebhookconfigurations", 200,
		list_of(&shown[1], mutating, find, with)};
	replies[n++] = (struct kube_reply){REVIEWS, 201, "{\"status\":{}}"};
	replies[n++] = (struct kube_reply){ACCESS, 201,
		"{\"status\":{\"denied\":true,\"reason\":\"holdpoint-webhook answers: "
		"cluster=default policies=sha256:ab\"}}"};
	put_file("policy.yaml", policy, 0600);
}

static void answers_at(const char *path, unsigned status, const char *body)
{
	answers(NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(replies) && replies[i].path; i++)
		if (strcmp(replies[i].path, path) == 0)
			replies[i] = (struct kube_reply){path, status, body};
}

static int doctor(const char *more)
{
	char arguments[512];

	snprintf(arguments, sizeof(arguments), "doctor -o json --policy %s %s", file("policy.yaml"),
		more);
	return run_program("holdpoint", arguments);
}

/* A finding, as -o json writes it. */
static void found(const char *check, const char *status, const char *what)
{
	char text[1024];
	const char *at = out;

	snprintf(text, sizeof(text), "\"check\": \"%s\"", check);
	while ((at = strstr(at, text)) != NULL) {
		const char *end = strchr(at, '}');
		char one[2048];

		snprintf(one, sizeof(one), "%.*s", (int)(end ? end - at : 0), at);
		at += strlen(text);
		if (strstr(one, status) && strstr(one, what))
			return;
	}
	ck_abort_msg("no %s of %s with \"%s\" in:\n%.3000s", status, check, what, out);
}

/* ---- the registration ---- */

START_TEST(doctor__registration_as_it_should_be)
{
	answers(NULL, NULL);
	ck_assert_int_eq(doctor(""), 3); /* there is no database */
	found("api-server", "OK", "Kubernetes v1.36.0");
	found("registration", "OK", "all three webhooks are registered");
	found("rules-wide", "OK", "mutate.holdpoint.dev is asked about everything");
	found("failure-policy", "OK", "namespaces.holdpoint.dev: Fail");
	found("match-policy", "OK", "validate.holdpoint.dev: Equivalent");
	found("selectors", "OK", "leaves out no more than holdpoint-system, kube-system and");
	found("conditions", "OK", "no conditions but those of the manifests");
	found("timeouts", "OK", "validate.holdpoint.dev: 30 s, sideEffects NoneOnDryRun");
	found("ca-bundle", "WARN", "the authority in the caBundle expires in");
	found("served-certificate", "WARN", "the certificate that is served expires in");
	found("admission", "OK", "the API server asks the webhooks");
	found("authorizer", "OK", "asks about all 1 subjects");
	found("database", "FAIL", "no database is looked at");
	found("schema", "SKIPPED", "no database is looked at");
	has_not("others.example.com");
}
END_TEST

static const struct {
	const char *status, *check, *says;
	const char *find, *with;
} wrong[] = {
	{"FAIL", "registration", "validate.holdpoint.dev is not registered: nothing is guarded",
		"\"validate.", "\"other."},
	{"FAIL", "registration", "kube-node-lease themselves are deleted and relabelled unasked",
		"\"namespaces.", "\"other."},
	{"FAIL", "registration", "Mutate rules do nothing", "\"mutate.", "\"other."},
	{"FAIL", "rules-wide", "validate.holdpoint.dev: no rule covers", "[\"*\"],\"apiG",
		"[\"CREATE\",\"UPDATE\",\"DELETE\"],\"apiG"},
	{"OK", "rules-wide", "validate.holdpoint.dev is asked about everything", "[\"*\"],\"apiG",
		"[\"CREATE\",\"UPDATE\",\"DELETE\",\"CONNECT\"],\"apiG"},
	{"FAIL", "rules-wide", "mutate.holdpoint.dev: no rule covers", "\"UPDATE\"", "\"DELETE\""},
	{"FAIL", "rules-wide", "validate.holdpoint.dev: no rule covers", "\"*/*\"", "\"*\""},
	{"FAIL", "rules-wide", "validate.holdpoint.dev: no rule covers", "\"apiGroups\":[\"*\"]",
		"\"apiGroups\":[\"apps\"]"},
	{"FAIL", "rules-wide", "validate.holdpoint.dev: no rule covers", "\"scope\":\"*\"",
		"\"scope\":\"Namespaced\""},
	{"FAIL", "rules-wide", "namespaces.holdpoint.dev: no rule covers", "\"namespaces\"",
		"\"pods\""},
	{"FAIL", "failure-policy", "has failurePolicy Ignore", "\"Fail\"", "\"Ignore\""},
	{"FAIL", "match-policy", "has matchPolicy Exact", "Equivalent", "Exact"},
	{"FAIL", "timeouts", "has sideEffects Some: dry runs are refused", "NoneOnDryRun", "Some"},
	{"WARN", "timeouts", "validate.holdpoint.dev has a timeout of 5 s", ":30,", ":5,"},
	{"FAIL", "selectors", "looks at the namespace label team", "kubernetes.io/metadata.name",
		"team"},
	{"FAIL", "selectors", "is asked about named namespaces only (In)", "NotIn", "In"},
	{"WARN", "selectors", "leaves the namespace prod out", "[\"holdpoint-system\"",
		"[\"prod\""},
	{"FAIL", "selectors", "with a label only (guarded)", "\"namespaceSelector\":{",
		"\"namespaceSelector\":{\"matchLabels\":{\"guarded\":\"on\"},"},
	{"FAIL", "selectors", "has an objectSelector",
		"\"rules\":", "\"objectSelector\":{\"matchLabels\":{\"a\":\"b\"}},\"rules\":"},
	{"WARN", "conditions", "is not asked unless request.name != 'x'",
		"!('system:nodes' in request.userInfo.groups)", "request.name != 'x'"},
	{"FAIL", "ca-bundle", "has no caBundle", ",\"caBundle\":\"%\"", ""},
	{"FAIL", "ca-bundle", "the caBundle has no certificate", "%", "bm9uZQ=="},
	{"FAIL", "ca-bundle", "clientConfig cannot be read", "%", "*"},
	{"FAIL", "ca-bundle", "clientConfig cannot be read", "https://@", "ftp://x"},
	{"FAIL", "served-certificate", "the caBundle cannot be used", "%", "bm9uZQ=="},
	{"FAIL", "served-certificate", "nothing answers at 127.0.0.1:1: ", "https://@",
		"https://127.0.0.1:1"},
	{"SKIPPED", "served-certificate", "is not reached from here; give --webhook-url",
		"\"url\":\"https://@\"",
		"\"service\":{\"name\":\"w\",\"namespace\":\"nowhere-at-all\",\"port\":443}"},
};

START_TEST(doctor__registration_that_is_wrong)
{
	answers(wrong[_i].find, wrong[_i].with);
	ck_assert_int_eq(doctor(""), 3);
	found(wrong[_i].check, wrong[_i].status, wrong[_i].says);
}
END_TEST

/* ---- the API server ---- */

static const struct {
	const char *status, *check, *says;
	const char *path;
	unsigned code;
	const char *body;
} servers[] = {
	{"WARN", "api-server", "v1.19.3 is older than what Holdpoint was tried with", "/version",
		200, "{\"gitVersion\":\"v1.19.3\"}"},
	{"WARN", "api-server", "EKS has no authorization webhook", "/version", 200,
		"{\"gitVersion\":\"v1.32.1-eks-5b1e9d1\"}"},
	{"WARN", "api-server", "GKE has no authorization webhook", "/version", 200,
		"{\"gitVersion\":\"v1.31.4-gke.1183000\"}"},
	{"FAIL", "api-server", "does not say its version (HTTP 403)", "/version", 403, "{}"},
	{"FAIL", "api-server", "the API server's answer is no JSON (HTTP 200)", "/version", 200,
		"<html>"},
	{"FAIL", "api-server", "validatingwebhookconfigurations cannot be looked at (HTTP 403)",
		CONFIGURATIONS "validatingwebhookconfigurations", 403, "{}"},
	{"SKIPPED", "registration", "the registration is not seen through the API",
		CONFIGURATIONS "mutatingwebhookconfigurations", 404, "404 page not found"},
	{"FAIL", "admission", "does not ask the mutating webhook", REVIEWS, 201, "{}"},
	{"WARN", "admission", "there are no HoldReviews", REVIEWS, 404, "404 page not found"},
	{"FAIL", "admission", "cannot be tried: holdreviews.holdpoint.dev is forbidden", REVIEWS,
		403, "{\"message\":\"holdreviews.holdpoint.dev is forbidden\"}"},
	{"OK", "admission", "the API server asks the webhooks: admission webhook", REVIEWS, 403,
		"{\"message\":\"admission webhook \\\"mutate.holdpoint.dev\\\" denied the "
		"request: no\"}"},
	{"FAIL", "admission", "cannot ask the webhook (HTTP 500): no route", REVIEWS, 500,
		"{\"message\":\"no route\"}"},
	{"FAIL", "authorizer", "the API server does not ask /authorize about them", ACCESS, 201,
		"{\"status\":{\"allowed\":false,\"reason\":\"RBAC: no\"}}"},
	{"FAIL", "authorizer", "calls this cluster prod, not default", ACCESS, 201,
		"{\"status\":{\"reason\":\"holdpoint-webhook answers: cluster=prod policies=x\"}}"},
	/* whose name only begins like ours */
	{"FAIL", "authorizer", "calls this cluster default2, not default", ACCESS, 201,
		"{\"status\":{\"reason\":\"holdpoint-webhook answers: cluster=default2 "
		"policies=x\"}}"},
	{"FAIL", "authorizer", "cannot be tried (HTTP 403)", ACCESS, 403, "{}"},
	{"FAIL", "authorizer", "cannot be tried (HTTP 500)", ACCESS, 500, "{}"},
};

START_TEST(doctor__api_server_says)
{
	answers_at(servers[_i].path, servers[_i].code, servers[_i].body);
	ck_assert_int_eq(doctor(""), 3);
	found(servers[_i].check, servers[_i].status, servers[_i].says);
}
END_TEST

START_TEST(doctor__server_that_is_not_there)
{
	answers(NULL, NULL);
	put_file("config.json",
		"{\"clusters\":[{\"cluster\":{\"server\":\"https://127.0.0.1:1\"}}],"
		"\"users\":[{\"user\":{\"token\":\"t\"}}]}",
		0600);
	ck_assert_int_eq(doctor(""), 3);
	found("api-server", "FAIL", "the API server cannot be reached");
	found("admission", "SKIPPED", "no API server is looked at");
	put_file("config.json", "{}", 0600);
	ck_assert_int_eq(doctor(""), 3);
	found("api-server", "FAIL", "no API server is looked at");
}
END_TEST

START_TEST(doctor__webhook_url)
{
	char flag[128];

	answers("https://@", "https://127.0.0.1:1");
	snprintf(flag, sizeof(flag), "--webhook-url https://%s", http_server_address(server));
	ck_assert_int_eq(doctor(flag), 3);
	found("served-certificate", "WARN", "the certificate that is served expires in");
	/* its certificate is for 127.0.0.1 */
	answers("\"url\":\"https://@\"", "\"service\":{\"name\":\"w\",\"namespace\":\"n\"}");
	ck_assert_int_eq(doctor(flag), 3);
	found("served-certificate", "FAIL",
		"does not vouch for the certificate that is served for w.n.svc");
	ck_assert_int_eq(doctor("--webhook-url nowhere"), 3);
	found("served-certificate", "FAIL", "--webhook-url is not like https://HOST:PORT");
}
END_TEST

START_TEST(doctor__what_is_not_looked_at)
{
	answers(NULL, NULL);
	ck_assert_int_eq(doctor("--static-manifests"), 3);
	found("registration", "SKIPPED", "the registration is not seen through the API");
	ck_assert_int_eq(doctor("--without-kubernetes"), 3);
	found("admission", "SKIPPED", "no API server is looked at");
	ck_assert_int_eq(doctor("--metrics-url http://127.0.0.1:1"), 3);
	found("daemons", "FAIL", "127.0.0.1:1");
	ck_assert_int_eq(doctor("--no-such-flag"), 2);
}
END_TEST

/* ---- policies ---- */

#define SET(enforcement, rules)                                                                    \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\nspec:\n"  \
	"  enforcement: " enforcement "\n  rules: [" rules "]\n"
#define RULE(name, action, what)                                                                   \
	"{name: " name ", action: " action ", match: [{apiGroups: [''], resources: [" what "]}]}"

static const struct {
	const char *status, *check, *says, *flags, *policy;
} sets[] = {
	{"OK", "enforcement", "all 1 rules that hold or deny are enforced", "",
		SET("Enforce", RULE("r", "Deny", "pods], operations: [CREATE"))},
	{"FAIL", "enforcement", "no rule that is in force holds or denies anything", "",
		SET("Enforce", RULE("r", "Warn", "pods], operations: [CREATE"))},
	{"FAIL", "enforcement",
		"none of the 1 rules that hold or deny is enforced (1 Warn, 0 DryRun)", "",
		SET("Warn", RULE("r", "Deny", "pods], operations: [CREATE"))},
	{"WARN", "enforcement",
		"1 of 2 rules that hold or deny are not enforced (0 Warn, 1 DryRun), first p/r", "",
		SET("DryRun", RULE("r", "Hold",
				      "pods], operations: [CREATE")) "---\n"
								     "apiVersion: "
								     "holdpoint.dev/"
								     "v1alpha1\nkind: "
								     "GuardrailPolicy\nmetadata: "
								     "{name: q}\n"
								     "spec: {rules: [" RULE("r",
									     "Deny",
									     "pods], operations: "
									     "[CREATE") "]}\n"},
	{"FAIL", "rules-unasked", "rule p/r is never asked about: API group", "",
		SET("Enforce", RULE("r", "Deny", "pod], operations: [CREATE"))},
	{"WARN", "rules-unasked", "rule p/r in part: API group", "",
		SET("Enforce", RULE("r", "Deny", "pod, secrets], operations: [CREATE"))},
	{"FAIL", "rules-unasked",
		"2 rules with verbs are never asked about, first p/r: no API server asks "
		"/authorize",
		"",
		SET("Enforce", RULE("r", "Deny", "secrets], verbs: [get") "," RULE(
				       "s", "Deny", "pods], verbs: [get"))},
	{"WARN", "rules-unasked",
		"1 rules have verbs, and no API server was seen to ask about them",
		"--without-kubernetes", SET("Enforce", RULE("r", "Deny", "secrets], verbs: [get"))},
	{"OK", "rules-unasked", "all 1 rules are asked about", "",
		SET("Enforce", RULE("r", "Deny", "pods], operations: [CREATE"))},
	{"FAIL", "rules-unasked", "no-such-file.yaml", "--authorization-config no-such-file.yaml",
		SET("Enforce", RULE("r", "Deny", "pods], operations: [CREATE"))},
};

START_TEST(doctor__policies_that_guard_nothing)
{
	answers_at(ACCESS, 201, "{\"status\":{\"allowed\":false,\"reason\":\"RBAC: no\"}}");
	put_file("policy.yaml", sets[_i].policy, 0600);
	ck_assert_int_eq(doctor(sets[_i].flags), 3); /* there is no database */
	found(sets[_i].check, sets[_i].status, sets[_i].says);
}
END_TEST

START_TEST(doctor__without_policies_or_database)
{
	answers(NULL, NULL);
	ck_assert_int_eq(run_program("holdpoint", "doctor -o json --database-url 'host=127.0.0.1 "
						  "port=1 connect_timeout=2'"),
		3);
	found("database", "FAIL", "cannot be reached, so held requests are denied");
	found("schema", "SKIPPED", "no database is looked at");
	found("enforcement", "SKIPPED", "the policies in force are not known");
	found("rules-unasked", "FAIL", "the policies in force are not known");
	found("authorizer", "FAIL", "not tried: the policies in force are not known");
}
END_TEST

START_TEST(doctor__very_many_subjects)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 16);

	answers_at("/version", 200, "{\"gitVersion\":\"main\"}");
	buf_add_str(&text, "apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: "
			   "{name: p}\nspec:\n  subjects:\n");
	for (int i = 0; i < 60; i++)
		buf_printf(&text, "  - {kind: User, name: agent-%d}\n", i);
	buf_add_str(&text, "  rules: [" RULE("r", "Deny", "secrets], verbs: [get") "]\n");
	put_file("policy.yaml", buf_str(&text), 0600);
	ck_assert_int_eq(doctor(""), 3);
	found("authorizer", "WARN", "more than 50 subjects: the others are not asked about");
	put_file("policy.yaml", SET("Enforce", RULE("r", "Deny", "pods], operations: [CREATE")),
		0600);
	ck_assert_int_eq(doctor(""), 3);
	found("authorizer", "OK", "no rule has verbs: none is needed");
}
END_TEST

/* RBAC first: an agent is asked about, what RBAC allows others is not. */
START_TEST(doctor__rbac_before_the_authorizer)
{
	answers(NULL, NULL);
	replies[5] = (struct kube_reply){
		ACCESS, 201, "{\"status\":{\"allowed\":true,\"reason\":\"RBAC: allowed\"}}"};
	ck_assert_int_eq(doctor(""), 3);
	found("authorizer", "FAIL", "the API server asks RBAC before /authorize");
}
END_TEST

/* A selector that selects everything leaves nothing out. */
START_TEST(doctor__selector_of_everything)
{
	answers("\"sideEffects\"",
		"\"objectSelector\":{\"matchLabels\":{},\"matchExpressions\":[]},"
		"\"sideEffects\"");
	ck_assert_int_eq(doctor(""), 3);
	found("selectors", "OK", "leaves out no more than holdpoint-system, kube-system and");
}
END_TEST

START_TEST(doctor__webhooks_at_two_addresses)
{
	answers("https://@\"", "https://@/validate\"");
	replies[2].body = list_of(&shown[1], mutating, "@", "127.0.0.1:9");
	ck_assert_int_eq(doctor(""), 3);
	ck_assert_ptr_nonnull(strstr(out, "validate.holdpoint.dev asks /validate"));
	ck_assert_ptr_nonnull(strstr(out, "who answers there?"));
}
END_TEST

/* ---- daemons ---- */

static const struct {
	const char *status, *says;
	unsigned ready;
	const char *metrics;
} daemons[] = {
	{"OK", "ready, and no alarm rings", 200,
		"# HELP x\nholdpoint_webhook_rules_unasked{reason=\"a\"} 0\n"},
	{"FAIL", "rules are in force that no API server asks about", 200,
		"holdpoint_webhook_rules_unasked{reason=\"a\"} 0\n"
		"holdpoint_webhook_rules_unasked{reason=\"b\"} 2\n"},
	{"FAIL", "(holdpoint_audit_spool_damaged_batches 3)", 200,
		"holdpoint_audit_spool_damaged_batches 3"},
	/* another metric, whose name begins alike */
	{"OK", "ready, and no alarm rings", 200, "holdpoint_webhook_rules_unasked_ever 7\n"},
	{"FAIL", "is not ready: no policies", 503, ""},
};

START_TEST(doctor__daemons_say)
{
	struct http_server *plain;
	struct http_server_config config = {.name = "plain",
		.listen = "127.0.0.1:0",
		.threads = 1,
		.max_connections = 20,
		.max_suspended = 4,
		.max_head_bytes = 32 << 10,
		.max_body_bytes = 100000,
		.max_inflight_bytes = 250000,
		.body_deadline_ms = 5000,
		.routes = plain_routes};
	char flag[128];
	struct err e;

	answers(NULL, NULL);
	replies[5] = (struct kube_reply){"/readyz", daemons[_i].ready, "no policies\nmore"};
	replies[6] = (struct kube_reply){"/metrics", 200, daemons[_i].metrics};
	ck_assert_msg(http_server_start(&config, &plain, &e) == 0, "%s", e.msg);
	snprintf(flag, sizeof(flag), "--metrics-url http://%s", http_server_address(plain));
	ck_assert_int_eq(doctor(flag), 3);
	http_server_stop(plain, 1000);
	found("daemons", daemons[_i].status, daemons[_i].says);
}
END_TEST

/* For people: what is well stays out unless all is asked for, and lines are broken at spaces. */
START_TEST(doctor__table)
{
	char arguments[512];

	answers("\"Fail\"", "\"Ig\\u001bnore\"");
	snprintf(arguments, sizeof(arguments), "doctor --policy %s", file("policy.yaml"));
	ck_assert_int_eq(run_program("holdpoint", arguments), 3);
	has("CHECK               STATUS   WHAT\n");
	has("failure-policy      FAIL     validate.holdpoint.dev has failurePolicy Ig?nore:");
	has("were not made: --all says which, and why\n");
	has("→ ");
	has_not("OK ");
	has_not("\033");
	snprintf(arguments, sizeof(arguments), "doctor --all --policy %s", file("policy.yaml"));
	ck_assert_int_eq(run_program("holdpoint", arguments), 3);
	has("match-policy        OK       validate.holdpoint.dev: Equivalent\n");
	has("schema              SKIPPED  ");
}
END_TEST

static void setup(void)
{
	kube_api_setup();
	unsetenv("PGHOST");
	unsetenv("PGSERVICE");
	unsetenv("PGDATABASE");
	unsetenv("HOLDPOINT_DATABASE_URL");
}

static void teardown(void)
{
	kube_api_teardown();
	buf_free(&shown[0]);
	buf_free(&shown[1]);
}

int main(void)
{
	TCase *t = tcase_create("doctor");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, doctor__registration_as_it_should_be);
	tcase_add_loop_test(t, doctor__registration_that_is_wrong, 0, ARRAY_LEN(wrong));
	tcase_add_loop_test(t, doctor__api_server_says, 0, ARRAY_LEN(servers));
	tcase_add_test(t, doctor__server_that_is_not_there);
	tcase_add_test(t, doctor__webhook_url);
	tcase_add_test(t, doctor__what_is_not_looked_at);
	tcase_add_loop_test(t, doctor__policies_that_guard_nothing, 0, ARRAY_LEN(sets));
	tcase_add_test(t, doctor__without_policies_or_database);
	tcase_add_test(t, doctor__very_many_subjects);
	tcase_add_test(t, doctor__rbac_before_the_authorizer);
	tcase_add_test(t, doctor__selector_of_everything);
	tcase_add_test(t, doctor__webhooks_at_two_addresses);
	tcase_add_loop_test(t, doctor__daemons_say, 0, ARRAY_LEN(daemons));
	tcase_add_test(t, doctor__table);
	return run_tests(t);
}
