/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint policy scan, as a program, against an API server that says what each test wants: pages
 * of lists, what must not be read, what rules look up.
 */
#include "unit/kube_api_support.h"

#define POLICY                                                                                     \
	"apiVersion: holdpoint.dev/v1alpha1\n"                                                     \
	"kind: GuardrailPolicy\n"                                                                  \
	"metadata: {name: p}\n"                                                                    \
	"spec:\n"                                                                                  \
	"  subjects: [{kind: User, name: bob}]\n"                                                  \
	"  rules:\n"                                                                               \
	"  - name: named\n"                                                                        \
	"    match: [{apiGroups: ['', apps], resources: [pods, deployments], operations: "         \
	"[CREATE]}]\n"                                                                             \
	"    when: [\"object.metadata.name.startsWith('bad')\"]\n"                                 \
	"    action: Deny\n"                                                                       \
	"    message: 'no {{ object.kind }} of {{ object.apiVersion }} like {{ request.name }}'\n" \
	"  - name: held\n"                                                                         \
	"    match: [{apiGroups: [''], resources: [pods], operations: [CREATE]}]\n"                \
	"    when: [\"object.metadata.name == 'wait'\"]\n"                                         \
	"    action: Hold\n"                                                                       \
	"    message: ask\n"                                                                       \
	"  - name: warned\n"                                                                       \
	"    match: [{apiGroups: [''], resources: [pods], operations: [CREATE]}]\n"                \
	"    when: [\"object.metadata.name == 'hm'\"]\n"                                           \
	"    action: Warn\n"                                                                       \
	"    message: hm\n"

#define GROUPS                                                                                     \
	"{\"groups\":[{\"name\":\"apps\",\"versions\":[{\"version\":\"v1\"}]},"                    \
	"{\"name\":\"later.example\",\"versions\":[{\"version\":\"v1\"}]}]}"
#define CORE                                                                                       \
	"{\"resources\":["                                                                         \
	"{\"name\":\"pods\",\"namespaced\":true,\"kind\":\"Pod\",\"verbs\":[\"create\","           \
	"\"list\"]},"                                                                              \
	"{\"name\":\"pods/exec\",\"namespaced\":true,\"kind\":\"PodExecOptions\",\"verbs\":"       \
	"[\"create\",\"list\"]},"                                                                  \
	"{\"name\":\"namespaces\",\"namespaced\":false,\"kind\":\"Namespace\",\"verbs\":"          \
	"[\"create\",\"list\"]},"                                                                  \
	"{\"name\":\"secrets\",\"namespaced\":true,\"kind\":\"Secret\",\"verbs\":[\"create\","     \
	"\"list\"]}]}"
#define APPS                                                                                       \
	"{\"resources\":[{\"name\":\"deployments\",\"namespaced\":true,\"kind\":\"Deployment\","   \
	"\"verbs\":[\"create\",\"list\"]}]}"

#define PODS	    "/api/v1/pods"
#define DEPLOYMENTS "/apis/apps/v1/deployments"
#define ITEM(name)  "{\"metadata\":{\"namespace\":\"prod\",\"name\":\"" name "\"}}"

static unsigned reply_count;

static void reply_with(const char *path, unsigned status, const char *body)
{
	ck_assert_uint_lt(reply_count, ARRAY_LEN(replies) - 1);
	replies[reply_count++] = (struct kube_reply){path, status, body};
}

static void setup(void)
{
	kube_api_setup();
	reply_count = 0;
	reply_status = 404;
	reply = "{\"message\":\"not here\"}";
	put_file("policy.yaml", POLICY, 0600);
	reply_with("/apis", 200, GROUPS);
	reply_with("/api/v1", 200, CORE);
	reply_with("/apis/apps/v1", 200, APPS);
	reply_with("/apis/later.example/v1", 200, "{\"resources\":[]}");
}

static int scan(const char *more)
{
	char arguments[900];

	snprintf(arguments, sizeof(arguments), "policy scan %s %s", file("policy.yaml"), more);
	return run_program("holdpoint", arguments);
}

START_TEST(scan__pages_are_followed_and_objects_are_whole)
{
	reply_with(PODS, 200,
		"{\"metadata\":{\"continue\":\"a=&b\"},\"items\":[" ITEM("good") "," ITEM(
			"wait") "]}");
	reply_with(PODS, 200, "{\"metadata\":{\"continue\":\"\"},\"items\":[" ITEM("bad-1") "]}");
	reply_with(DEPLOYMENTS, 200,
		"{\"metadata\":{},\"items\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\","
		"\"metadata\":{\"namespace\":\"prod\",\"name\":\"bad-2\"}}]}");
	ck_assert_int_eq(scan("--as bob -o wide"), 3);
	has("no Pod of v1 like bad-1");
	has("no Deployment of apps/v1 like bad-2");
	has("held");
	has("prod/wait");
	has_not("prod/good");
	has("4 objects: 2 would be denied, 1 held, 0 warned of\n");
	has_not("not looked at");
	ck_assert_str_eq(seen_authorization, "Bearer of-alice");
}
END_TEST

START_TEST(scan__policies_concern_those_who_ask)
{
	reply_with(PODS, 200, "{\"items\":[" ITEM("bad-1") "]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as alice"), 0);
	has("1 object: 0 would be denied, 0 held, 0 warned of\n");
	ck_assert_int_eq(scan(""), 2);
	has("--as");
}
END_TEST

START_TEST(scan__warnings_alone_are_no_failure)
{
	reply_with(PODS, 200, "{\"items\":[" ITEM("hm") "]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as bob"), 0);
	has("1 object: 0 would be denied, 0 held, 1 warned of\n");
}
END_TEST

START_TEST(scan__what_may_not_be_read_is_named)
{
	reply_with(PODS, 403, "{\"message\":\"pods is forbidden\"}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as bob"), 1);
	has("not looked at: pods: pods is forbidden (HTTP 403)\n");
	ck_assert_int_eq(scan("--as bob -o json"), 1);
	has("\"complete\": false");
	has("\"what\": \"pods\"");
}
END_TEST

START_TEST(scan__a_finding_is_said_though_not_all_was_read)
{
	reply_with(PODS, 200, "{\"items\":[" ITEM("bad") "]}");
	reply_with(DEPLOYMENTS, 503, "{}");
	ck_assert_int_eq(scan("--as bob"), 3);
	has("1 would be denied");
	has("not looked at: deployments.apps: no reason given (HTTP 503)\n");
}
END_TEST

START_TEST(scan__a_list_that_became_too_old_goes_on_where_the_server_says)
{
	reply_with(PODS, 200, "{\"metadata\":{\"continue\":\"x\"},\"items\":[" ITEM("bad-1") "]}");
	reply_with(PODS, 410, "{\"metadata\":{\"continue\":\"y\"}}");
	reply_with(PODS, 200, "{\"metadata\":{},\"items\":[" ITEM("bad-2") "]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as bob"), 3);
	has("2 objects: 2 would be denied");
	has_not("not looked at");
}
END_TEST

START_TEST(scan__too_old_without_a_way_on_is_incomplete)
{
	reply_with(PODS, 200, "{\"metadata\":{\"continue\":\"x\"},\"items\":[]}");
	reply_with(PODS, 410, "{\"message\":\"expired\"}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as bob"), 1);
	has("not looked at: pods: expired (HTTP 410)\n");
}
END_TEST

START_TEST(scan__a_page_that_is_too_large_is_asked_for_in_parts)
{
	size_t len = 17u << 20;
	char *large = malloc(len + 1);

	ck_assert_ptr_nonnull(large);
	memset(large, ' ', len);
	large[len] = 0;
	reply_with(PODS, 200, large);
	reply_with(PODS, 200, "{\"items\":[" ITEM("bad") "]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as bob"), 3);
	has("1 object: 1 would be denied");
	has_not("not looked at");
	free(large);
}
END_TEST

START_TEST(scan__limits)
{
	reply_with(
		PODS, 200, "{\"items\":[" ITEM("bad-1") "," ITEM("bad-2") "," ITEM("bad-3") "]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as bob --limit 2"), 3);
	has("3 objects: 3 would be denied");
	has("Only 2 are shown; --all shows the rest.\n");
	has_not("bad-3");
	ck_assert_int_eq(scan("--as bob --limit 2 --all"), 3);
	has("bad-3");
	ck_assert_int_eq(scan("--as bob --max-objects 2"), 3);
	has("2 objects: 2 would be denied");
	has("not looked at: the rest: there are more than --max-objects\n");
	ck_assert_int_eq(scan("--as bob --resource pods -o json"), 3);
	has("\"denied\": 3");
	ck_assert_int_eq(scan("--as bob --resource deployments.apps"), 0);
	ck_assert_int_eq(scan("--as bob --resource podz"), 2);
	has("--resource podz: the API server has none of this name");
	ck_assert_int_eq(scan("--as bob --resource secrets"), 1);
	has("no rule is about creating anything that was to be looked at");
}
END_TEST

START_TEST(scan__of_one_namespace)
{
	reply_with("/api/v1/namespaces/a b/pods", 200, "{\"items\":[" ITEM("bad-1") "]}");
	reply_with("/apis/apps/v1/namespaces/a b/deployments", 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as bob -n 'a b'"), 3);
	has("1 would be denied");
}
END_TEST

#define LOOKS_UP                                                                                   \
	"  - name: labelled\n"                                                                     \
	"    match: [{apiGroups: [''], resources: [pods], operations: [CREATE], "                  \
	"namespaceSelector: {matchLabels: {tier: gold}}}]\n"                                       \
	"    action: Deny\n"                                                                       \
	"    message: gold\n"

START_TEST(scan__looks_up_namespaces_once)
{
	put_file("policy.yaml", POLICY LOOKS_UP, 0600);
	reply_with(PODS, 200, "{\"items\":[" ITEM("one") "," ITEM("two") "]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	reply_with("/api/v1/namespaces/prod", 200,
		"{\"metadata\":{\"name\":\"prod\",\"labels\":{\"tier\":\"gold\"}}}");
	reply_with("/api/v1/namespaces/prod", 500, "{\"message\":\"asked again\"}");
	ck_assert_int_eq(scan("--as bob"), 3);
	has("2 objects: 2 would be denied");
	has_not("asked again");
}
END_TEST

START_TEST(scan__what_cannot_be_looked_up_is_said)
{
	put_file("policy.yaml", POLICY LOOKS_UP, 0600);
	reply_with(PODS, 200, "{\"items\":[" ITEM("one") "]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	reply_with("/api/v1/namespaces/prod", 403, "{\"message\":\"not you\"}");
	ck_assert_int_eq(scan("--as bob -o wide"), 3);
	has("not you (HTTP 403)");
	has("Of 1 it could not be evaluated what a rule says.\n");
}
END_TEST

#define LOOKUP_POLICY                                                                              \
	"apiVersion: holdpoint.dev/v1alpha1\n"                                                     \
	"kind: GuardrailPolicy\n"                                                                  \
	"metadata: {name: p}\n"                                                                    \
	"spec:\n"                                                                                  \
	"  variables:\n"                                                                           \
	"  - {name: same, lookup: {apiVersion: apps/v1, kind: Deployment, index: spec.host, key: " \
	"object.spec.host, maxObjects: 2}}\n"                                                      \
	"  rules:\n"                                                                               \
	"  - name: one-a-host\n"                                                                   \
	"    match: [{apiGroups: [apps], resources: [deployments], operations: [CREATE]}]\n"       \
	"    when: [\"variables.same != []\"]\n"                                                   \
	"    action: Deny\n"                                                                       \
	"    message: '{{ request.name }} is like {{ variables.same[0].metadata.name }}'\n"
#define HOST(name, host)                                                                           \
	"{\"metadata\":{\"namespace\":\"prod\",\"name\":\"" name "\"},\"spec\":{\"host\":\"" host  \
	"\"}}"

/* Twice: what there is to look at, and what is looked up, in pages. */
START_TEST(scan__looks_up_by_keys)
{
	put_file("policy.yaml", LOOKUP_POLICY, 0600);
	reply_with(DEPLOYMENTS, 200,
		"{\"items\":[" HOST("a", "x") "," HOST("b", "y") "," HOST("c", "x") "]}");
	reply_with(DEPLOYMENTS, 200,
		"{\"metadata\":{\"continue\":\"more\"},\"items\":[" HOST("a", "x") "]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[" HOST("b", "y") "," HOST("c", "x") "]}");
	ck_assert_int_eq(scan("--as bob -o wide"), 3);
	has("a is like c");
	has("c is like a");
	has("3 objects: 2 would be denied, 0 held, 0 warned of\n");
}
END_TEST

START_TEST(scan__too_many_by_a_key)
{
	put_file("policy.yaml", LOOKUP_POLICY, 0600);
	reply_with(DEPLOYMENTS, 200, "{\"items\":[" HOST("new", "x") "]}");
	reply_with(DEPLOYMENTS, 200,
		"{\"items\":[" HOST("a", "x") "," HOST("b", "x") "," HOST("c", "x") "]}");
	ck_assert_int_eq(scan("--as bob -o wide"), 3);
	has("there are more than 2");
}
END_TEST

START_TEST(scan__what_cannot_be_listed_for_a_key_is_said)
{
	put_file("policy.yaml", LOOKUP_POLICY, 0600);
	reply_with(DEPLOYMENTS, 200, "{\"items\":[" HOST("a", "x") "]}");
	reply_with(DEPLOYMENTS, 403, "{\"message\":\"deployments are forbidden\"}");
	ck_assert_int_eq(scan("--as bob -o wide"), 3);
	has("looking up Deployment: deployments are forbidden (HTTP 403)");
}
END_TEST

START_TEST(scan__without_an_api_server)
{
	reply_count = 0;
	reply_with("/apis", 503, "{\"message\":\"starting\"}");
	ck_assert_int_eq(scan("--as bob"), 1);
	has("the API server's groups: starting (HTTP 503)");
	put_kubeconfig("", "{}");
	put_file("kubectl", "#!/bin/sh\nexit 1\n", 0700);
	ck_assert_int_eq(scan("--as bob"), 1);
	has("kubectl");
}
END_TEST

START_TEST(scan__a_group_that_does_not_answer_is_named)
{
	reply_count = 3;
	reply_with("/apis/later.example/v1", 503, "{\"message\":\"away\"}");
	reply_with(PODS, 200, "{\"items\":[]}");
	reply_with(DEPLOYMENTS, 200, "{\"items\":[]}");
	ck_assert_int_eq(scan("--as bob"), 1);
	has("not looked at: /apis/later.example/v1: away (HTTP 503)\n");
}
END_TEST

START_TEST(scan__manifests)
{
	char more[300];

	put_file("objects.yaml",
		"apiVersion: v1\nkind: List\nitems:\n"
		"- {apiVersion: v1, kind: Pod, metadata: {name: bad, namespace: prod}}\n"
		"- {apiVersion: v1, kind: Namespace, metadata: {name: prod, labels: {tier: "
		"gold}}}\n"
		"---\napiVersion: v1\nkind: Pod\nmetadata: {name: fine, namespace: prod}\n",
		0600);
	snprintf(more, sizeof(more), "--as bob -f %s", file("objects.yaml"));
	ck_assert_int_eq(scan(more), 3);
	has("3 objects: 1 would be denied");
	put_file("policy.yaml", POLICY LOOKS_UP, 0600);
	ck_assert_int_eq(scan(more), 3);
	has("gold");
	snprintf(more, sizeof(more), "--as bob -f %s --max-objects 1", file("objects.yaml"));
	ck_assert_int_eq(scan(more), 3);
	has("1 object: 1 would be denied");
	snprintf(more, sizeof(more), "--as bob -f %s", file("no-such"));
	ck_assert_int_eq(scan(more), 1);
	has("no-such");
	ck_assert_int_eq(scan("--as bob --objects x"), 2);
	ck_assert_int_eq(scan("--as bob -f x --resource pods"), 2);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, kube_api_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, scan__pages_are_followed_and_objects_are_whole);
	tcase_add_test(t, scan__policies_concern_those_who_ask);
	tcase_add_test(t, scan__warnings_alone_are_no_failure);
	tcase_add_test(t, scan__what_may_not_be_read_is_named);
	tcase_add_test(t, scan__a_finding_is_said_though_not_all_was_read);
	tcase_add_test(t, scan__a_list_that_became_too_old_goes_on_where_the_server_says);
	tcase_add_test(t, scan__too_old_without_a_way_on_is_incomplete);
	tcase_add_test(t, scan__a_page_that_is_too_large_is_asked_for_in_parts);
	tcase_add_test(t, scan__limits);
	tcase_add_test(t, scan__of_one_namespace);
	tcase_add_test(t, scan__looks_up_namespaces_once);
	tcase_add_test(t, scan__what_cannot_be_looked_up_is_said);
	tcase_add_test(t, scan__looks_up_by_keys);
	tcase_add_test(t, scan__too_many_by_a_key);
	tcase_add_test(t, scan__what_cannot_be_listed_for_a_key_is_said);
	tcase_add_test(t, scan__without_an_api_server);
	tcase_add_test(t, scan__a_group_that_does_not_answer_is_named);
	tcase_add_test(t, scan__manifests);
	return run_tests(t);
}
