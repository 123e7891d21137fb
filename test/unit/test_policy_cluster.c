/* SPDX-License-Identifier: Apache-2.0 */
/* What rules know of the Namespace that a request is about, and what becomes of them without. */
#include "policy/objects.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"

#define HEAD                                                                                       \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\nspec:\n"
#define ALL  "apiGroups: ['*'], resources: ['*/*'], operations: ['*']"
#define READ "apiGroups: ['*'], resources: ['*/*'], verbs: ['*']"
#define PROD "namespaceSelector: {matchLabels: {env: prod}}"

static unsigned looked; /* how often */

/* Namespaces "prod" and "dev", labelled so; "stale" is not known; there are no others. */
static enum cluster_status get(void *arg, const struct cluster_kind *kind, struct span namespace_,
	struct span name, struct arena *arena, struct json_doc *ret, struct span *ret_why)
{
	struct span text = arena_printf(arena,
		"{\"metadata\":{\"name\":\"%.*s\",\"labels\":{\"env\":\"%.*s\",\"team\":\"a\"}}}",
		SPAN_FMT(name), SPAN_FMT(name));

	(void)arg;
	ck_assert_ptr_eq(kind, &cluster_namespaces);
	ck_assert_uint_eq(namespace_.len, 0);
	looked++;
	*ret_why = SPAN("what is known is stale");
	if (span_eq_str(name, "stale"))
		return CLUSTER_UNKNOWN;
	if (!span_eq_str(name, "prod") && !span_eq_str(name, "dev"))
		return CLUSTER_ABSENT;
	ck_assert_int_eq(json_read(text.ptr, text.len, &SUPPORT_LIMITS, arena, ret, NULL), 0);
	return CLUSTER_FOUND;
}

static const struct cluster_source cluster = {.get = get};

/* "OP RESOURCE NAMESPACE [OBJECT-ENV [OLD-ENV]]"; "-": none. Lower case: a verb. */
static struct policy_request request(const char *line, struct arena *arena)
{
	char op[32] = "", resource[32] = "", ns[32] = "", env[2][32] = {"-", "-"};
	_cleanup_(buf_free) struct buf b = BUF_INIT(10000);

	ck_assert_int_ge(
		sscanf(line, "%31s %31s %31s %31s %31s", op, resource, ns, env[0], env[1]), 3);
	if (op[0] >= 'a') {
		buf_printf(&b,
			"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/"
			"v1\",\"spec\":{\"user\":\"u\",\"resourceAttributes\":{\"verb\":\"%s\","
			"\"resource\":\"%s\",\"namespace\":\"%s\"}}}",
			op, resource, ns[0] == '-' ? "" : ns);
	} else {
		buf_printf(&b,
			"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
			"\"request\":{\"uid\":\"u\",\"operation\":\"%s\",\"resource\":{\"group\":"
			"\"\",\"version\":\"v1\",\"resource\":\"%s\"},\"namespace\":\"%s\","
			"\"userInfo\":{\"username\":\"u\"}",
			op, resource, ns[0] == '-' ? "" : ns);
		for (size_t i = 0; i < 2; i++)
			if (env[i][0] != '-')
				buf_printf(&b,
					",\"%s\":{\"metadata\":{\"labels\":{\"env\":\"%s\"}}}",
					i == 0 ? "object" : "oldObject", env[i]);
		buf_add_str(&b, "}}");
	}
	const char *text = arena_strndup(arena, buf_str(&b), b.len);
	struct policy_request r = request_or_fail(span_of(text), arena);
	r.cluster = &cluster;
	return r;
}

#define DENY(match) HEAD "  rules:\n  - {name: r, action: Deny, match: [{" match "}]}\n"
#define ALLOW(match)                                                                               \
	HEAD "  rules:\n  - {name: a, action: Allow, match: [{" match "}]}\n"                      \
	     "  - {name: r, action: Deny, match: [{" ALL "}]}\n"
#define WHEN(expression)                                                                           \
	HEAD "  rules:\n  - {name: r, action: Deny, match: [{" ALL "}], when: [\"" expression      \
	     "\"]}\n"

static const struct {
	const char *expected; /* "Deny r", "Deny r!" when it could not be evaluated */
	const char *request, *policy;
} cases[] = {
	/* selectors */
	{"Deny r", "CREATE pods prod", DENY(ALL ", " PROD)},
	{"None", "CREATE pods dev", DENY(ALL ", " PROD)},
	{"Deny r!", "CREATE pods gone", DENY(ALL ", " PROD)},
	{"Deny r!", "CREATE pods stale", DENY(ALL ", " PROD)},
	{"Deny r", "get pods prod", DENY(READ ", " PROD)},
	{"None", "get pods dev", DENY(READ ", " PROD)},
	{"Deny r!", "get pods stale", DENY(READ ", " PROD)},
	{"Deny r", "list pods -", DENY(READ ", " PROD)}, /* all namespaces */
	{"Deny r", "CREATE nodes -", DENY(ALL ", " PROD)},
	{"None", "CREATE pods stale",
		DENY("apiGroups: [''], resources: [services], operations: "
		     "[CREATE], " PROD)}, /* nobody asks */
	{"Deny r", "CREATE pods dev",
		DENY(ALL ", namespaceSelector: {matchExpressions: [{key: env, "
			 "operator: In, values: [test, dev]}]}")},
	{"None", "CREATE pods prod",
		DENY(ALL ", namespaceSelector: {matchExpressions: [{key: env, "
			 "operator: In, values: [test, dev]}]}")},
	{"None", "CREATE pods dev",
		DENY(ALL ", namespaceSelector: {matchExpressions: [{key: env, "
			 "operator: NotIn, values: [test, dev]}]}")},
	{"Deny r", "CREATE pods dev",
		DENY(ALL ", namespaceSelector: {matchExpressions: [{key: x, "
			 "operator: NotIn, values: [dev]}]}")},
	{"Deny r", "CREATE pods dev",
		DENY(ALL ", namespaceSelector: {matchExpressions: [{key: env, "
			 "operator: Exists}]}")},
	{"None", "CREATE pods dev",
		DENY(ALL ", namespaceSelector: {matchExpressions: [{key: env, "
			 "operator: DoesNotExist}]}")},
	{"None", "CREATE pods dev",
		DENY(ALL ", namespaceSelector: {matchLabels: {env: dev, team: b}}")},
	{"Deny r", "CREATE pods dev",
		DENY(ALL ", namespaceSelector: {matchLabels: {env: dev, team: a}}")},
	/* one of two matches suffices, also where the other one cannot be told */
	{"Deny r", "CREATE pods stale", DENY(ALL ", " PROD "}, {" ALL)},
	/* a condition that says no settles it */
	{"None", "CREATE pods stale",
		HEAD "  rules:\n  - {name: r, action: Deny, when: ['false'], match: [{" ALL
		     ", " PROD "}]}\n"},
	{"Warn r!", "CREATE pods stale",
		HEAD "  failurePolicy: Ignore\n  rules:\n  - {name: r, action: Deny, match: [{" ALL
		     ", " PROD "}]}\n"},
	/* whoever writes a Namespace cannot leave the rule by the same change */
	{"Deny r", "CREATE namespaces x prod", DENY(ALL ", " PROD)},
	{"None", "CREATE namespaces x dev", DENY(ALL ", " PROD)},
	{"Deny r", "UPDATE namespaces x dev prod", DENY(ALL ", " PROD)},
	{"Deny r", "UPDATE namespaces x prod dev", DENY(ALL ", " PROD)},
	{"None", "UPDATE namespaces x dev dev", DENY(ALL ", " PROD)},
	{"Deny r", "DELETE namespaces x - prod", DENY(ALL ", " PROD)},
	{"None", "DELETE namespaces x - dev", DENY(ALL ", " PROD)},
	{"Deny r", "DELETE namespaces x", DENY(ALL ", " PROD)},
	/* an exception is for what is known to be meant */
	{"Allow a", "CREATE pods prod", ALLOW(ALL ", " PROD)},
	{"Deny r", "CREATE pods dev", ALLOW(ALL ", " PROD)},
	{"Deny a! r", "CREATE pods stale", ALLOW(ALL ", " PROD)},
	{"Deny r", "CREATE nodes -", ALLOW(ALL ", " PROD)},
	{"Deny r", "UPDATE namespaces x prod dev", ALLOW(ALL ", " PROD)},
	{"Deny r", "UPDATE namespaces x dev prod", ALLOW(ALL ", " PROD)},
	{"Allow a", "UPDATE namespaces x prod prod", ALLOW(ALL ", " PROD)},
	{"Deny r", "DELETE namespaces x", ALLOW(ALL ", " PROD)},
	/* namespaceObject */
	{"Deny r", "CREATE pods prod", WHEN("namespaceObject.metadata.labels.env == 'prod'")},
	{"None", "CREATE pods dev", WHEN("namespaceObject.metadata.labels.env == 'prod'")},
	{"Deny r!", "CREATE pods dev", WHEN("namespaceObject.metadata.labels.other == 'prod'")},
	{"None", "CREATE pods dev",
		WHEN("namespaceObject.metadata.?labels.other.orValue('') == 'x'")},
	{"Deny r!", "CREATE pods gone", WHEN("namespaceObject != null")},
	{"Deny r!", "CREATE pods stale", WHEN("namespaceObject == null")},
	{"Deny r", "CREATE nodes -", WHEN("namespaceObject == null")},
	{"Deny r", "CREATE namespaces dev dev", WHEN("namespaceObject == null")},
	{"None", "CREATE pods stale", WHEN("false && namespaceObject == null")},
};

START_TEST(policy_cluster__decisions)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(cases[_i].policy);
	_cleanup_(buf_free) struct buf got = BUF_INIT(1000);
	struct policy_request r = request(cases[_i].request, arena);
	struct policy_decision d;

	looked = 0;
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	buf_add_str(&got, policy_action_name(d.action));
	for (size_t i = 0; i < d.match_count; i++)
		buf_printf(&got, " %s%s", d.matches[i].rule->rule, d.matches[i].error ? "!" : "");
	ck_assert_msg(strcmp(buf_str(&got), cases[_i].expected) == 0,
		"%s by %s\nexpected %s\n     got %s", cases[_i].request, cases[_i].policy,
		cases[_i].expected, buf_str(&got));
	ck_assert_uint_le(looked, 1);
}
END_TEST

START_TEST(policy_cluster__the_reason_is_said)
{
	static const struct {
		const char *expected, *request;
		bool known;
	} reasons[] = {
		{"namespace \"gone\" is not known", "CREATE pods gone", true},
		{"namespace \"stale\": what is known is stale", "CREATE pods stale", true},
		{"nothing is known of the cluster's Namespaces (--kubernetes-api",
			"CREATE pods prod", false},
	};
	static const char *const policies[] = {
		DENY(ALL ", " PROD), WHEN("namespaceObject.metadata.name == 'x'")};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		for (size_t k = 0; k < ARRAY_LEN(policies); k++) {
			_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
			_cleanup_(policy_set_unrefp) struct policy_set *set =
				load_or_fail(policies[k]);
			struct policy_request r = request(reasons[i].request, arena);
			struct policy_decision d;

			r.cluster = reasons[i].known ? &cluster : NULL;
			ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
			ck_assert_int_eq(d.action, POLICY_DENY);
			ck_assert_msg(memmem(d.decisive->message.ptr, d.decisive->message.len,
					      reasons[i].expected, strlen(reasons[i].expected)),
				"%.*s", SPAN_FMT(d.decisive->message));
		}
}
END_TEST

START_TEST(policy_cluster__mutation)
{
	static const char yaml[] =
		HEAD "  rules:\n"
		     "  - name: r\n"
		     "    match: [{apiGroups: [''], resources: [pods], operations: [CREATE], " PROD
		     "}]\n"
		     "    action: Mutate\n"
		     "    mutate: {mergePatch: {metadata: {labels: {of: \"{{ "
		     "namespaceObject.metadata.labels.team }}\"}}}}\n";
	static const struct {
		const char *patch; /* NULL: refused */
		const char *request;
	} mutations[] = {
		{"[{\"op\":\"add\",\"path\":\"/metadata/labels/of\",\"value\":\"a\"}]",
			"CREATE pods prod x"},
		{"", "CREATE pods dev x"},
		{NULL, "CREATE pods stale x"},
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml);

	for (size_t i = 0; i < ARRAY_LEN(mutations); i++) {
		struct policy_request r = request(mutations[i].request, arena);
		struct policy_mutation m;

		r.endpoint = ENDPOINT_MUTATE;
		ck_assert_int_eq(policy_mutate(set, &r, arena, &m), 0);
		ck_assert_int_eq(m.decision.action == POLICY_DENY, !mutations[i].patch);
		if (mutations[i].patch)
			ck_assert_msg(span_eq_str(m.patch, mutations[i].patch), "%.*s",
				SPAN_FMT(m.patch));
	}
}
END_TEST

static const struct {
	const char *verdict, *request;
} explanations[] = {
	{"applies", "CREATE pods prod"},
	{"not matched: a namespace with other labels", "CREATE pods dev"},
	{"could not be evaluated: namespace \"stale\": what is known is stale",
		"CREATE pods stale"},
};

START_TEST(policy_cluster__explained)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(DENY(ALL ", " PROD));
	_cleanup_(buf_free) struct buf got = BUF_INIT(1000);
	struct policy_request r = request(explanations[_i].request, arena);
	const struct policy_explained_rule *rules;
	size_t count;

	ck_assert_int_eq(policy_explain(set, &r, arena, &rules, &count), 0);
	ck_assert_uint_eq(count, 1);
	buf_printf(&got, "%s%s%s", policy_verdict_name(rules[0].verdict), rules[0].why ? ": " : "",
		rules[0].why ? rules[0].why : "");
	ck_assert_str_eq(buf_str(&got), explanations[_i].verdict);
}
END_TEST

/* Matches that rules share are compared anew for another action: an exception is narrower. */
START_TEST(policy_cluster__shared_matches)
{
	static const char yaml[] =
		HEAD "  match: [{" ALL ", " PROD "}]\n"
		     "  rules:\n  - {name: a, action: Allow}\n  - {name: r, action: Deny}\n";
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml);
	struct policy_request r = request("CREATE nodes -", arena);
	struct policy_decision d;

	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_int_eq(d.action, POLICY_DENY);
}
END_TEST

static const struct {
	bool expected;
	const char *policy;
} needs[] = {
	{false, DENY(ALL)},
	{true, DENY(ALL ", " PROD)},
	{true, HEAD "  match: [{" ALL ", " PROD "}]\n  rules: [{name: r, action: Deny}]\n"},
	{true, WHEN("namespaceObject == null")},
	{true, HEAD "  variables: [{name: v, expression: namespaceObject}]\n"
		    "  rules: [{name: r, action: Deny, match: [{" ALL "}]}]\n"},
	{true, HEAD "  rules: [{name: r, action: Deny, match: [{" ALL
		    "}], message: \"{{ namespaceObject }}\"}]\n"},
};

START_TEST(policy_cluster__what_is_needed)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(needs[_i].policy);
	size_t count;
	const struct cluster_kind *kinds = policy_set_kinds(set, &count);

	ck_assert_uint_eq(count, needs[_i].expected);
	if (count > 0)
		ck_assert(cluster_kind_same(&kinds[0], &cluster_namespaces));
}
END_TEST

START_TEST(policy_cluster__parameters_are_needed_once)
{
	static const char policy[] =
		HEAD "  paramKind: {apiVersion: v1, kind: ConfigMap}\n"
		     "  paramRef: {name: a, namespace: b}\n"
		     "  rules: [{name: r, action: Deny, match: [{" ALL "}]}]\n";
	_cleanup_(buf_free) struct buf both = BUF_INIT(10000);
	size_t count;

	buf_add_str(&both, policy);
	buf_add_str(&both, "---\n");
	buf_add_str(&both, policy);
	memcpy(memmem(both.ptr, both.len, "name: p}", 8), "name: q}", 8);
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(buf_str(&both));
	const struct cluster_kind *kinds = policy_set_kinds(set, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert(span_eq_str(kinds[0].resource, "configmaps"));
	ck_assert(span_eq_str(kinds[0].namespace_, "b"));
	ck_assert(span_eq_str(kinds[0].name, "a"));
}
END_TEST

START_TEST(policy_cluster__parameters_of_many_objects)
{
	_cleanup_(buf_free) struct buf all = BUF_INIT(100000);
	struct policy_set *s = NULL;
	struct yaml_errors errors;

	for (unsigned i = 0; i <= CLUSTER_KINDS_MAX; i++)
		buf_printf(&all,
			"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: "
			"{name: p%u}\nspec:\n  paramKind: {apiVersion: v1, kind: ConfigMap}\n  "
			"paramRef: {name: a%u}\n  rules: [{name: r, action: Deny, match: [{" ALL
			"}]}]\n",
			i, i);
	ck_assert_int_eq(policy_set_load_text("t.yaml", span_of(buf_str(&all)), &s, &errors), -1);
	ck_assert_ptr_nonnull(strstr(buf_str(&errors.text), "parameters in more than 16 objects"));
	buf_free(&errors.text);
}
END_TEST

#define S(selector)                                                                                \
	HEAD "  rules:\n  - name: r\n    action: Deny\n    match:\n    - " ALL_BLOCK               \
	     "      namespaceSelector: " selector "\n"
#define ALL_BLOCK "apiGroups: ['*']\n      resources: ['*']\n      operations: ['*']\n"

#define P(kind, ref, when)                                                                         \
	HEAD "  paramKind: " kind "\n  paramRef: " ref                                             \
	     "\n  rules:\n  - name: r\n    match: [{" ALL                                          \
	     "}]\n    action: Deny\n    when:\n    - " when "\n"
#define CM "{apiVersion: v1, kind: ConfigMap}"

static const struct {
	const char *expected, *policy;
} mistakes[] = {
	{"t.yaml:5:14: paramKind (of which kind) and paramRef (which object) need each other", HEAD
		"  paramKind: " CM "\n  rules: [{name: r, action: Deny, match: [{" ALL "}]}]\n"},
	{"t.yaml:5:13: paramKind (of which kind) and paramRef (which object) need each other", HEAD
		"  paramRef: {name: a}\n  rules: [{name: r, action: Deny, match: [{" ALL "}]}]\n"},
	{"t.yaml:5:27: apiVersion is a version (v1) or a group and a version",
		P("{apiVersion: a/b/c, kind: A}", "{name: a}", "'true'")},
	{"t.yaml:5:37: write the kind as its objects do (\"ConfigMap\", not \"configmaps\")",
		P("{apiVersion: v1, kind: configmaps}", "{name: a}", "'true'")},
	{"t.yaml:5:37: Secrets are not read for policies",
		P("{apiVersion: v1, kind: Secret}", "{name: a}", "'true'")},
	{"t.yaml:6:20: name is one object's: lower-case letters", P(CM, "{name: 'a*'}", "'true'")},
	{"t.yaml:6:34: namespace is one object's", P(CM, "{name: a, namespace: A}", "'true'")},
	{"t.yaml:6:14: unknown field \"selector\" in paramRef: name one object",
		P(CM, "{selector: {}, name: a}", "'true'")},
	{"t.yaml:12:9: int > string is not defined; the values of a ConfigMap are strings: write "
	 "int(params.data.NAME)",
		P(CM, "{name: a}", "3 > params.data.x")},
	{"t.yaml:12:14: params has no field 'spec'", P(CM, "{name: a}", "params.spec.x == 3")},
	{"t.yaml:12:26: an empty namespaceSelector means every namespace; leave it out", S("{}")},
	{"t.yaml:12:41: \"a b\" is no name of a label", S("{matchLabels: {a b: c}}")},
	{"t.yaml:12:41: \"-a\" is no name of a label", S("{matchLabels: {-a: c}}")},
	{"t.yaml:12:41: \"/a\" is no name of a label", S("{matchLabels: {/a: c}}")},
	{"t.yaml:12:44: a label's value is compared as it is: there are no globs",
		S("{matchLabels: {a: 'c*'}}")},
	{"t.yaml:12:44: no label can have the value \"c d\"", S("{matchLabels: {a: c d}}")},
	{"t.yaml:12:65: In and NotIn need \"values\"",
		S("{matchExpressions: [{key: a, operator: In}]}")},
	{"t.yaml:12:81: Exists and DoesNotExist have no values",
		S("{matchExpressions: [{key: a, operator: Exists, values: [b]}]}")},
	{"t.yaml:12:65: ", S("{matchExpressions: [{key: a, operator: Equals}]}")},
	{"t.yaml:12:46: ", S("{matchExpressions: [{key: a, values: [b]}]}")},
	{"t.yaml:12:27: unknown field \"matchLabel\" in namespaceSelector; did you mean "
	 "\"matchLabels\"?",
		S("{matchLabel: {a: b}, matchLabels: {c: d}}")},
};

START_TEST(policy_cluster__mistakes_have_their_place)
{
	struct policy_set *s = NULL;
	struct yaml_errors errors;

	ck_assert_int_eq(
		policy_set_load_text("t.yaml", span_of(mistakes[_i].policy), &s, &errors), -1);
	const char *text = buf_str(&errors.text);
	ck_assert_msg(strncmp(text, mistakes[_i].expected, strlen(mistakes[_i].expected)) == 0,
		"\nexpected %s\n     got %s", mistakes[_i].expected, text);
	buf_free(&errors.text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("policy_cluster");

	tcase_add_loop_test(t, policy_cluster__decisions, 0, ARRAY_LEN(cases));
	tcase_add_test(t, policy_cluster__the_reason_is_said);
	tcase_add_test(t, policy_cluster__mutation);
	tcase_add_loop_test(t, policy_cluster__explained, 0, ARRAY_LEN(explanations));
	tcase_add_test(t, policy_cluster__shared_matches);
	tcase_add_loop_test(t, policy_cluster__what_is_needed, 0, ARRAY_LEN(needs));
	tcase_add_test(t, policy_cluster__parameters_are_needed_once);
	tcase_add_test(t, policy_cluster__parameters_of_many_objects);
	tcase_add_loop_test(t, policy_cluster__mistakes_have_their_place, 0, ARRAY_LEN(mistakes));
	return run_tests(t);
}
