/* SPDX-License-Identifier: Apache-2.0 */
/* Variables that are objects of the cluster: what is asked for, what it costs, what is refused. */
#include "policy/objects.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"

#define HEAD                                                                                       \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\nspec:\n"
#define RULE(when)                                                                                 \
	"  rules:\n  - {name: r, action: Deny, match: [{apiGroups: ['*'], resources: ['*/*'], "    \
	"operations: ['*']}], when: [\"" when "\"]}\n"
#define READING(when)                                                                              \
	"  rules:\n  - {name: r, action: Deny, match: [{apiGroups: ['*'], resources: ['*/*'], "    \
	"verbs: ['*']}], when: [\"" when "\"]}\n"
#define LOOKUP(fields) HEAD "  variables:\n  - name: v\n    lookup: {" fields "}\n"
#define HOSTS	       "apiVersion: networking.k8s.io/v1, kind: Ingress, index: spec.host, key: "

static struct cluster_query asked; /* the last one */
static char keys[4096];
static size_t object_bytes; /* so much is found */
static struct policy_set *in_force;
static struct arena *all;

static void setup(void)
{
	all = arena_new(1 << 16, 16 << 20);
}

static void teardown(void)
{
	policy_set_unref(in_force);
	in_force = NULL;
	arena_free(all);
}

static enum cluster_status find(void *arg, const struct cluster_query *q, struct arena *arena,
	struct cluster_objects *ret, struct span *ret_why)
{
	static const char text[] = "{\"metadata\":{\"name\":\"n\"}}";

	(void)arg;
	asked = *q;
	keys[0] = 0;
	for (size_t i = 0; i < q->key_count; i++)
		snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%.*s ",
			SPAN_FMT(q->keys[i]));
	*ret = (struct cluster_objects){.bytes = object_bytes};
	*ret_why = SPAN("they are too large");
	if (object_bytes > q->max_bytes)
		return CLUSTER_UNKNOWN;
	ret->docs = json_or_fail(span_of(text), arena);
	ret->count = 1;
	return CLUSTER_FOUND;
}

static const struct cluster_source cluster = {.find = find};

#define REVIEW                                                                                     \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/"                         \
	"v1\",\"request\":{\"uid\":\"u\",\"operation\":\"UPDATE\",\"kind\":{\"group\":"            \
	"\"networking.k8s.io\","                                                                   \
	"\"version\":\"v1beta1\",\"kind\":\"Ingress\"},\"resource\":{\"group\":\"networking.k8s."  \
	"io\",\"version\":"                                                                        \
	"\"v1beta1\",\"resource\":\"ingresses\"},\"namespace\":\"shop\",\"name\":\"web\","         \
	"\"userInfo\":{"                                                                           \
	"\"username\":\"u\"},\"object\":{\"spec\":{\"host\":\"h\",\"labels\":{\"b\":\"2\",\"a\":"  \
	"\"1\"}}}}}"
#define ACCESS                                                                                     \
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/"                 \
	"v1\",\"spec\":{\"user\":\"u\",\"resourceAttributes\":{\"verb\":\"get\",\"group\":"        \
	"\"networking.k8s.io\","                                                                   \
	"\"resource\":\"ingresses\",\"namespace\":\"shop\",\"name\":\"web\"}}}"

/* policy_decide_within()'s return. */
static int decide(const char *policy, const char *review, const struct policy_limits *limits,
	struct policy_decision *ret)
{
	struct policy_request r = request_or_fail(span_of(review), all);

	policy_set_unref(in_force);
	in_force = load_or_fail(policy);
	r.cluster = &cluster;
	return limits ? policy_decide_within(in_force, &r, limits, all, ret)
		      : policy_decide(in_force, &r, all, ret);
}

static const struct {
	const char *expected, *key;
} asks[] = {
	{"h ", "object.spec.host"},
	{"h x ", "[object.spec.host, 'x']"},
	{"a=1,b=2 ", "object.spec.labels"},
	{"a=1,b=2 c=3 ", "[object.spec.labels, {'c': '3'}]"},
	{"7 ", "7"},
	{"7 8 ", "[7u, 8]"},
	{"h ", "['', object.spec.host, null]"},
};

START_TEST(policy_lookup__keys)
{
	_cleanup_(buf_free) struct buf policy = BUF_INIT(10000);
	struct policy_decision d;

	object_bytes = 100;
	buf_printf(&policy, LOOKUP(HOSTS "\"%s\"") RULE("variables.v[0].metadata.name == 'n'"),
		asks[_i].key);
	ck_assert_int_eq(decide(buf_str(&policy), REVIEW, NULL, &d), 0);
	ck_assert_int_eq(d.action, POLICY_DENY);
	ck_assert_uint_eq(d.match_count, 1);
	ck_assert(!d.matches[0].error);
	ck_assert_str_eq(keys, asks[_i].expected);
	ck_assert(span_eq_str(asked.index, "spec.host"));
	ck_assert(span_eq_str(asked.kind->resource, "ingresses"));
	ck_assert(span_eq_str(asked.namespace_, ""));
	ck_assert(span_eq_str(asked.but_namespace, "shop"));
	ck_assert(span_eq_str(asked.but_name, "web"));
	ck_assert_uint_eq(asked.max, 100);
}
END_TEST

static const struct {
	const char *why; /* of the failure; NULL: there is none, and nothing was asked for */
	const char *key;
} refusals[] = {
	{NULL, "''"},
	{NULL, "[]"},
	{NULL, "[{}]"},
	{"looking up Ingress: a key cannot be a bool", "dyn(true)"},
	{"looking up Ingress: a key cannot be a list", "dyn([['a']])"},
	{"looking up Ingress: a map that is a key has at most 64 strings", "{'a': 1}"},
	{"looking up Ingress: more than 256 keys", "lists.range(257).map(i, 'k' + string(i))"},
	{"no such key: 'none'", "object.none"},
};

START_TEST(policy_lookup__keys_that_are_none)
{
	_cleanup_(buf_free) struct buf policy = BUF_INIT(10000);
	struct policy_decision d;

	asked = (struct cluster_query){0};
	buf_printf(&policy, LOOKUP(HOSTS "\"%s\"") RULE("variables.v != []"), refusals[_i].key);
	ck_assert_int_eq(decide(buf_str(&policy), REVIEW, NULL, &d), 0);
	ck_assert_ptr_null(asked.kind);
	ck_assert_int_eq(d.action, refusals[_i].why ? POLICY_DENY : POLICY_NONE);
	if (refusals[_i].why)
		ck_assert_msg(memmem(d.matches[0].message.ptr, d.matches[0].message.len,
				      refusals[_i].why, strlen(refusals[_i].why)) != NULL,
			"%.*s", SPAN_FMT(d.matches[0].message));
}
END_TEST

START_TEST(policy_lookup__at_authorization)
{
	struct policy_decision d;

	object_bytes = 100;
	ck_assert_int_eq(
		decide(LOOKUP("apiVersion: v1, kind: Service, scope: Namespace, maxObjects: 7")
				READING("variables.v.size() == 1"),
			ACCESS, NULL, &d),
		0);
	ck_assert_int_eq(d.action, POLICY_DENY);
	ck_assert(span_eq_str(asked.index, ""));
	ck_assert(span_eq_str(asked.namespace_, "shop"));
	ck_assert_uint_eq(asked.but_name.len, 0);
	ck_assert_uint_eq(asked.max, 7);
}
END_TEST

/* What is found is charged: beyond the expression's budget it is an error, … */
START_TEST(policy_lookup__costs)
{
	static const char policy[] = LOOKUP(HOSTS "object.spec.host") RULE("variables.v == []");
	const struct policy_limits little = {.cost = 2000};
	struct policy_decision d;

	object_bytes = 7 << 20;
	ck_assert_int_eq(decide(policy, REVIEW, NULL, &d), 0);
	ck_assert_int_eq(d.action, POLICY_NONE);
	object_bytes = 9 << 20;
	ck_assert_int_eq(decide(policy, REVIEW, NULL, &d), 0);
	ck_assert_int_eq(d.action, POLICY_DENY);
	ck_assert_ptr_nonnull(memmem(d.matches[0].message.ptr, d.matches[0].message.len,
		"the expression costs more than 1,000,000", 40));
	/* … and beyond what a thread of the server may take, it is for another thread. */
	object_bytes = 1000;
	ck_assert_int_eq(decide(policy, REVIEW, &little, &d), 0);
	object_bytes = 20000;
	ck_assert_int_eq(decide(policy, REVIEW, &little, &d), POLICY_UNFINISHED);
}
END_TEST

/* Look-ups of a kind share it, each index once. */
START_TEST(policy_lookup__kinds_are_shared)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(
		HEAD "  variables:\n"
		     "  - {name: a, lookup: {" HOSTS "\"'x'\"}}\n"
		     "  - {name: b, lookup: {apiVersion: networking.k8s.io/v1, kind: Ingress}}\n"
		     "  - {name: c, lookup: {" HOSTS "\"'y'\", scope: Namespace}}\n"
		     "  - {name: d, lookup: {apiVersion: networking.k8s.io/v1, kind: Ingress, "
		     "key: \"'z'\"}}\n"
		     "  - {name: e, lookup: {apiVersion: storage.k8s.io/v1, kind: StorageClass, "
		     "key: \"'z'\"}}\n" RULE("namespaceObject == null"));
	size_t count;
	const struct cluster_kind *kinds = policy_set_kinds(set, &count);

	ck_assert_uint_eq(count, 3);
	ck_assert(cluster_kind_same(&kinds[0], &cluster_namespaces));
	ck_assert_uint_eq(kinds[0].index_count, 0);
	ck_assert(span_eq_str(kinds[1].resource, "ingresses"));
	ck_assert_uint_eq(kinds[1].index_count, 2);
	ck_assert(cluster_kind_has_index(&kinds[1], SPAN("spec.host")));
	ck_assert(cluster_kind_has_index(&kinds[1], SPAN("metadata.name")));
	ck_assert(span_eq_str(kinds[2].resource, "")); /* whether in namespaces is asked */
}
END_TEST

static void is_refused(const char *text, const char *expected)
{
	struct policy_set *s = NULL;
	struct yaml_errors errors;

	ck_assert_int_eq(policy_set_load_text("t.yaml", span_of(text), &s, &errors), -1);
	ck_assert_msg(strncmp(buf_str(&errors.text), expected, strlen(expected)) == 0,
		"\nexpected %s\n     got %s", expected, buf_str(&errors.text));
	buf_free(&errors.text);
}

START_TEST(policy_lookup__too_many)
{
	_cleanup_(buf_free) struct buf kinds = BUF_INIT(100000), indexes = BUF_INIT(100000);

	buf_add_str(&kinds, HEAD "  variables:\n");
	buf_add_str(&indexes, HEAD "  variables:\n");
	for (unsigned i = 0; i <= CLUSTER_KINDS_MAX; i++)
		buf_printf(&kinds, "  - {name: v%u, lookup: {apiVersion: e.dev/v1, kind: K%u}}\n",
			i, i);
	for (unsigned i = 0; i <= CLUSTER_INDEXES_MAX; i++)
		buf_printf(&indexes,
			"  - {name: v%u, lookup: {apiVersion: e.dev/v1, kind: K, index: a%u, key: "
			"\"'x'\"}}\n",
			i, i);
	buf_add_str(&kinds, RULE("true"));
	buf_add_str(&indexes, RULE("true"));
	is_refused(buf_str(&kinds), "t.yaml:22:54: the policies look at more than 16 kinds");
	is_refused(buf_str(&indexes), "t.yaml:14:63: more than 8 indexes of one kind");
}
END_TEST

static const struct {
	const char *expected, *policy;
} mistakes[] = {
	{"t.yaml:7:36: Secrets are not read for policies",
		LOOKUP("apiVersion: v1, kind: Secret") RULE("true")},
	{"t.yaml:7:36: write the kind as its objects do",
		LOOKUP("apiVersion: v1, kind: services") RULE("true")},
	{"t.yaml:7:26: apiVersion is a version (v1)",
		LOOKUP("apiVersion: a/b/c, kind: Service") RULE("true")},
	{"t.yaml:7:52: an index needs a \"key\"",
		LOOKUP("apiVersion: v1, kind: Service, index: spec.a") RULE("true")},
	{"t.yaml:7:56: a path is written as spec.rules.host",
		LOOKUP("apiVersion: v1, kind: Service, index: spec..a, key: \\\"'a'\\\"")
			RULE("true")},
	{"t.yaml:7:50: a key is a string, a number, a map of strings, or a list of these, not "
	 "bool",
		LOOKUP("apiVersion: v1, kind: Service, key: 'true'") RULE("true")},
	{"t.yaml:7:50: a key is a string, a number, a map of strings, or a list of these, not "
	 "list(bool)",
		LOOKUP("apiVersion: v1, kind: Service, key: '[true]'") RULE("true")},
	{"t.yaml:7:72: StorageClass is in no namespace",
		LOOKUP("apiVersion: storage.k8s.io/v1, kind: StorageClass, scope: Namespace")
			RULE("true")},
	{"t.yaml:7:57: maxObjects must be 1 to 200",
		LOOKUP("apiVersion: v1, kind: Service, maxObjects: 201") RULE("true")},
	{"t.yaml:7:45: unknown field \"namespace\" in lookup: write \"scope: Namespace\"",
		LOOKUP("apiVersion: v1, kind: Service, namespace: a") RULE("true")},
	{"t.yaml:6:11: the variable needs an \"expression\" (or a \"lookup\")",
		HEAD "  variables:\n  - name: v\n" RULE("true")},
	{"t.yaml:6:40: a variable has an \"expression\" or a \"lookup\", not both",
		HEAD "  variables:\n  - {name: v, expression: '1', lookup: {apiVersion: v1, kind: "
		     "Service}}\n" RULE("true")},
	{"t.yaml:8:12: variable \"v\" is defined above already",
		LOOKUP("apiVersion: v1, kind: Service") "  - {name: v, lookup: {apiVersion: v1, "
							"kind: Service}}\n" RULE("true")},
	{"t.yaml:7:50: unknown variable 'variables'",
		LOOKUP("apiVersion: v1, kind: Service, key: variables.v") RULE("true")},
	{"t.yaml:9:100: object and oldObject do not exist in a rule with verbs",
		LOOKUP(HOSTS
			"object.spec.host") "  rules:\n  - {name: r, action: Deny, match: "
					    "[{apiGroups: ['*'], resources: ['*/*'], "
					    "verbs: ['*']}], when: [\"variables.v == []\"]}\n"},
};

START_TEST(policy_lookup__mistakes_have_their_place)
{
	is_refused(mistakes[_i].policy, mistakes[_i].expected);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("policy_lookup");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, policy_lookup__keys, 0, ARRAY_LEN(asks));
	tcase_add_loop_test(t, policy_lookup__keys_that_are_none, 0, ARRAY_LEN(refusals));
	tcase_add_test(t, policy_lookup__at_authorization);
	tcase_add_test(t, policy_lookup__costs);
	tcase_add_test(t, policy_lookup__kinds_are_shared);
	tcase_add_test(t, policy_lookup__too_many);
	tcase_add_loop_test(t, policy_lookup__mistakes_have_their_place, 0, ARRAY_LEN(mistakes));
	return run_tests(t);
}
