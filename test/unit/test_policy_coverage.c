/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that no API server asks about, and the AuthorizationConfiguration that a set needs. */
#include "policy/coverage.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"

#include <unistd.h>

#define POLICY(subjects, rules)                                                                    \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\n"         \
	"spec: {subjects: [" subjects "], rules: [" rules "]}\n"
#define RULE(name, action, match) "{name: " name ", action: " action ", match: [" match "]}"
#define READS			  "{apiGroups: [''], resources: [secrets], verbs: [get]}"
#define ADMITS(group, resource, operations)                                                        \
	"{apiGroups: ['" group "'], resources: [" resource "], operations: [" operations "]}"
#define AGENTS "{kind: Group, name: ai-agents}"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(1 << 16, 64 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	arena_free(arena);
}

/* "REASON never|part rule" of each gap, joined by ", ". */
static const char *gaps_of(const char *yaml, const struct coverage_facts *facts)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml);
	_cleanup_(buf_free) struct buf out = BUF_INIT(4096);
	const struct coverage_gap *gaps;
	size_t count;

	ck_assert_int_eq(coverage_find(set, facts, arena, &gaps, &count), 0);
	for (size_t i = 0; i < count; i++)
		buf_printf(&out, "%s%s %s %s", i ? ", " : "", coverage_reason_names[gaps[i].reason],
			gaps[i].never ? "never" : "part", gaps[i].rule->rule);
	return arena_strndup(arena, out.len ? out.ptr : "", out.len);
}

static const struct {
	const char *expected;
	const char *yaml;
	struct coverage_facts facts;
} cases[] = {
	{"", POLICY(AGENTS, RULE("r", "Deny", READS)), {.authorizer = COVERAGE_UNKNOWN}},
	{"", POLICY(AGENTS, RULE("r", "Deny", READS)), {.authorizer = COVERAGE_PRESENT}},
	{"authorizer never r", POLICY(AGENTS, RULE("r", "Deny", READS)),
		{.authorizer = COVERAGE_ABSENT}},
	{"name never r", POLICY(AGENTS, RULE("r", "Deny", ADMITS("", "pod", "CREATE"))), {0}},
	{"name part r", POLICY(AGENTS, RULE("r", "Deny", ADMITS("", "pods, secret", "CREATE"))),
		{0}},
	{"name part r",
		POLICY(AGENTS, RULE("r", "Deny",
				       ADMITS("", "pods", "CREATE") "," ADMITS(
					       "", "pod/exec", "CONNECT"))),
		{0}},
	{"name never r", POLICY(AGENTS, RULE("r", "Deny", ADMITS("", "deployments", "CREATE"))),
		{0}},
	{"name never r", POLICY(AGENTS, RULE("r", "Deny", ADMITS("app", "deployments", "CREATE"))),
		{0}},
	{"name never r",
		POLICY(AGENTS,
			RULE("r", "Hold", "{apiGroups: [''], resources: [secret], verbs: [get]}")),
		{0}},
	{"",
		POLICY(AGENTS,
			RULE("r", "Deny", ADMITS("', 'apps", "deployments, pods/exec", "CREATE"))),
		{0}},
	{"", POLICY(AGENTS, RULE("r", "Deny", ADMITS("example.com", "pod", "CREATE"))), {0}},
	{"", POLICY(AGENTS, RULE("r", "Deny", ADMITS("*", "pod", "CREATE"))), {0}},
	{"", POLICY(AGENTS, RULE("r", "Deny", ADMITS("", "'*', '*/scale'", "CREATE"))), {0}},
	{"", POLICY(AGENTS, RULE("r", "Deny", ADMITS("", "somethingofafarfuture", "CREATE"))), {0}},
	{"authorizer never r",
		POLICY(AGENTS, RULE("r", "Deny", "{nonResourceURLs: ['/metrics'], verbs: [get]}")),
		{.authorizer = COVERAGE_ABSENT, .managed = true}},
	{"", POLICY(AGENTS, RULE("r", "Allow", READS)), {.authorizer = COVERAGE_ABSENT}},
	{"admission never r",
		POLICY(AGENTS,
			RULE("r", "Deny", ADMITS("admissionregistration.k8s.io", "'*'", "'*'"))),
		{0}},
	{"",
		POLICY(AGENTS,
			RULE("r", "Deny", ADMITS("admissionregistration.k8s.io", "'*'", "'*'"))),
		{.static_manifests = true}},
	{"admission part r",
		POLICY(AGENTS,
			RULE("r", "Deny",
				ADMITS("admissionregistration.k8s.io", "'*'", "'*'") ", " ADMITS(
					"apiregistration.k8s.io", "apiservices", "'*'"))),
		{0}},
	/* guarded at authorization by its neighbour, as long as that is asked */
	{"",
		POLICY(AGENTS,
			RULE("r", "Deny",
				ADMITS("admissionregistration.k8s.io", "'*'", "'*'")) ", " RULE("s",
				"Deny",
				"{apiGroups: [admissionregistration.k8s.io], resources: ['*/*'], "
				"verbs: [delete]}")),
		{0}},
	{"admission never r, authorizer never s",
		POLICY(AGENTS,
			RULE("r", "Deny",
				ADMITS("admissionregistration.k8s.io", "'*'", "'*'")) ", " RULE("s",
				"Deny",
				"{apiGroups: [admissionregistration.k8s.io], resources: ['*/*'], "
				"verbs: [delete]}")),
		{.authorizer = COVERAGE_ABSENT}},
	{"",
		POLICY("",
			RULE("r", "Deny",
				ADMITS("authorization.k8s.io", "subjectaccessreviews", "CREATE"))),
		{.minor = 36}},
	{"admission never r",
		POLICY("",
			RULE("r", "Deny",
				ADMITS("authorization.k8s.io", "subjectaccessreviews", "CREATE"))),
		{.minor = 37}},
	{"", POLICY("", RULE("r", "Deny", ADMITS("authorization.k8s.io", "'*'", "CREATE"))),
		{.minor = 37}},
	{"admission never r", POLICY("", RULE("r", "Deny", ADMITS("", "pods", "CONNECT"))), {0}},
	{"", POLICY("", RULE("r", "Deny", ADMITS("", "pods/exec", "CONNECT"))), {0}},
	{"", POLICY("", RULE("r", "Deny", ADMITS("", "'nodes/*'", "CONNECT"))), {0}},
	{"registration never r", POLICY("", RULE("r", "Deny", ADMITS("", "events", "DELETE"))),
		{0}},
	{"registration never r",
		POLICY("", RULE("r", "Deny", ADMITS("coordination.k8s.io", "leases", "'*'"))), {0}},
	{"registration never r",
		POLICY("", RULE("r", "Deny",
				   "{apiGroups: ['*'], resources: [pods], operations: ['*'], "
				   "namespaces: [kube-system, holdpoint-system]}")),
		{0}},
	{"",
		POLICY("", RULE("r", "Deny",
				   "{apiGroups: ['*'], resources: [pods], operations: ['*'], "
				   "namespaces: [kube-system, prod]}")),
		{0}},
	{"effect part r",
		POLICY("", "{name: r, action: Hold, match: [" READS "], hold: {wait: 20s}}"), {0}},
	{"effect part r",
		POLICY("", "{name: r, action: Hold, match: [" READS "], hold: {retry: true}}"),
		{0}},
	{"", POLICY("", "{name: r, action: Hold, match: [" READS "], hold: {wait: 1s}}"), {0}},
	{"",
		POLICY("", "{name: r, action: Hold, match: [" ADMITS(
				   "", "pods", "DELETE") "], hold: "
							 "{wait: 20s, retry: true}}"),
		{0}},
};

START_TEST(policy_coverage__gaps_by_what_is_known)
{
	ck_assert_str_eq(gaps_of(cases[_i].yaml, &cases[_i].facts), cases[_i].expected);
}
END_TEST

/* ---- the AuthorizationConfiguration: what is written asks about all whom it was written for ----
 */

static char file[] = "/tmp/holdpoint-authorizer.XXXXXX";

static void write_file(const char *text, size_t len)
{
	FILE *f;

	memset(file + strlen(file) - 6, 'X', 6);
	f = fdopen(mkstemp(file), "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	fclose(f);
}

static struct authorizer_config *read_or_fail(void)
{
	struct authorizer_config *config = NULL;
	struct yaml_errors errors;
	int rc = authorizer_config_read(file, &config, &errors);

	unlink(file);
	if (rc != 0)
		ck_abort_msg("refused:\n%s", buf_str(&errors.text));
	buf_free(&errors.text);
	return config;
}

static struct authorizer_config *written_for(const char *yaml, unsigned minor, bool *everyone)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml);
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
	const struct authorizer_options options = {.minor = minor, .dir = "/etc/x"};

	authorizer_put_config(&out, set, &options, everyone);
	ck_assert(!out.failed);
	write_file(out.ptr, out.len);
	return read_or_fail();
}

#define ASKED(user, groups)                                                                        \
	"{\"user\":\"" user "\",\"groups\":[" groups "],\"resourceAttributes\":{\"verb\":\"get\"," \
	"\"group\":\"\",\"resource\":\"secrets\",\"namespace\":\"n\",\"name\":\"\"}}"

static const struct {
	bool asks;
	const char *subjects;
	const char *spec;
} whom[] = {
	{true, AGENTS, ASKED("claude", "\"ai-agents\"")},
	{false, AGENTS, ASKED("ai-agents", "\"sre\"")},
	{false, AGENTS, ASKED("claude", "\"ai-agents-2\"")},
	{true, "{kind: Group, name: 'ai-*'}", ASKED("claude", "\"x\",\"ai-agents\"")},
	{false, "{kind: Group, name: 'ai-*'}", ASKED("claude", "\"not-ai-agents\"")},
	{true, "{kind: Group, name: 'a.c'}", ASKED("u", "\"a.c\"")},
	{false, "{kind: Group, name: 'a.c*'}", ASKED("u", "\"abc\"")},
	{true, "{kind: User, name: \"o'neil\\\\x\"}", ASKED("o'neil\\\\x", "")},
	{true, "{kind: User, name: 'bot-?@x'}", ASKED("bot-1@x", "")},
	{false, "{kind: User, name: 'bot-?@x'}", ASKED("bot-12@x", "")},
	{true, "{kind: ServiceAccount, namespace: a, name: b}",
		ASKED("system:serviceaccount:a:b", "")},
	{false, "{kind: ServiceAccount, namespace: a, name: b}",
		ASKED("system:serviceaccount:a:c", "")},
	{true, "{kind: ServiceAccount, namespace: a, name: '*'}",
		ASKED("system:serviceaccount:a:c", "")},
	{false, "{kind: ServiceAccount, namespace: a, name: '*'}",
		ASKED("system:serviceaccount:ab:c", "")},
	{true, "{kind: ServiceAccount, namespace: 'team-*', name: bot}",
		ASKED("system:serviceaccount:team-x:bot", "")},
	{true, "", ASKED("anybody", "\"system:authenticated\"")},
	{false, "", ASKED("admin", "\"system:masters\"")},
	{false, "", ASKED("system:node:n", "\"system:nodes\"")},
};

START_TEST(policy_coverage__a_written_config_asks_about_its_subjects)
{
	_cleanup_(buf_free) struct buf yaml = BUF_INIT(4096);
	_cleanup_(authorizer_config_freep) struct authorizer_config *config = NULL;
	bool everyone;

	buf_printf(&yaml, POLICY("%s", RULE("r", "Deny", READS)), whom[_i].subjects);
	config = written_for(buf_str(&yaml), 36, &everyone);
	ck_assert_int_eq(everyone, !*whom[_i].subjects);
	ck_assert_int_eq(authorizer_config_asks(config, span_of(whom[_i].spec)), whom[_i].asks);
}
END_TEST

START_TEST(policy_coverage__a_written_config_has_no_gaps)
{
	static const char yaml[] =
		POLICY("{kind: Group, name: 'a?*'}, {kind: User, name: u}, {kind: "
		       "ServiceAccount, namespace: 'n*', name: 's'}",
			RULE("r", "Deny", READS));
	_cleanup_(authorizer_config_freep) struct authorizer_config *config = NULL;
	struct coverage_facts facts = {.authorizer = COVERAGE_PRESENT};
	bool everyone;

	config = written_for(yaml, 31, &everyone);
	facts.authorizer_config = config;
	ck_assert_str_eq(gaps_of(yaml, &facts), "");
	ck_assert_str_eq(
		gaps_of(POLICY("{kind: Group, name: ci}", RULE("r", "Deny", READS)), &facts),
		"subjects never r");
	ck_assert_str_eq(gaps_of(POLICY("", RULE("r", "Deny", READS)), &facts), "subjects never r");
}
END_TEST

START_TEST(policy_coverage__conditions_may_look_at_what_is_asked)
{
	static const char text[] =
		"kind: AuthorizationConfiguration\nauthorizers:\n- {type: RBAC, name: rbac}\n"
		"- type: Webhook\n  name: mine\n  webhook:\n    matchConditions:\n"
		"    - expression: has(request.resourceAttributes)\n"
		"    - expression: request.resourceAttributes.resource == 'secrets'\n";
	_cleanup_(authorizer_config_freep) struct authorizer_config *config = NULL;
	struct coverage_facts facts = {.authorizer = COVERAGE_PRESENT};

	write_file(text, strlen(text));
	config = read_or_fail();
	facts.authorizer_config = config;
	ck_assert_str_eq(gaps_of(POLICY(AGENTS, RULE("r", "Deny", READS)), &facts), "");
	ck_assert_str_eq(
		gaps_of(POLICY(AGENTS, RULE("r", "Deny", "{nonResourceURLs: ['*'], verbs: ['*']}")),
			&facts),
		"subjects never r");
}
END_TEST

static const struct {
	const char *says;
	const char *text;
} refused[] = {
	{"no AuthorizationConfiguration", "kind: Config\n"},
	{"no authorizer of type Webhook", "kind: AuthorizationConfiguration\n"},
	{"no authorizer of type Webhook",
		"kind: AuthorizationConfiguration\nauthorizers: [{type: Webhook, name: a}, {type: "
		"Webhook, name: b}]\n"},
	{"2:", "kind: AuthorizationConfiguration\nauthorizers: [{type: Webhook, name: holdpoint, "
	       "webhook: {matchConditions: [{expression: 'request.('}]}}]\n"},
};

START_TEST(policy_coverage__what_is_no_config_is_refused)
{
	struct authorizer_config *config = NULL;
	struct yaml_errors errors;

	write_file(refused[_i].text, strlen(refused[_i].text));
	ck_assert_int_eq(authorizer_config_read(file, &config, &errors), -1);
	ck_assert_msg(strstr(buf_str(&errors.text), refused[_i].says) != NULL, "%s",
		buf_str(&errors.text));
	buf_free(&errors.text);
	unlink(file);
}
END_TEST

/* What differs between versions: unknown fields keep an API server from starting. */
START_TEST(policy_coverage__each_version_gets_what_it_reads)
{
	static const struct {
		unsigned minor;
		const char *api;
		bool uncached;
	} versions[] = {{30, "/v1beta1\n", false}, {31, "/v1beta1\n", false}, {32, "/v1\n", false},
		{33, "/v1\n", false}, {34, "/v1\n", true}, {36, "/v1\n", true}};
	_cleanup_(policy_set_unrefp) struct policy_set *set =
		load_or_fail(POLICY(AGENTS, RULE("r", "Deny", READS)));

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
		const struct authorizer_options options = {versions[i].minor, "/etc/x"};
		bool everyone;

		authorizer_put_config(&out, set, &options, &everyone);
		ck_assert_ptr_nonnull(strstr(buf_str(&out), versions[i].api));
		ck_assert_int_eq(strstr(out.ptr, "cacheAuthorizedRequests: false") != NULL,
			versions[i].uncached);
		ck_assert_ptr_nonnull(strstr(out.ptr, "in place of --authorization-mode"));
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("policy_coverage");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, policy_coverage__gaps_by_what_is_known, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(
		t, policy_coverage__a_written_config_asks_about_its_subjects, 0, ARRAY_LEN(whom));
	tcase_add_test(t, policy_coverage__a_written_config_has_no_gaps);
	tcase_add_test(t, policy_coverage__conditions_may_look_at_what_is_asked);
	tcase_add_loop_test(
		t, policy_coverage__what_is_no_config_is_refused, 0, ARRAY_LEN(refused));
	tcase_add_test(t, policy_coverage__each_version_gets_what_it_reads);
	return run_tests(t);
}
