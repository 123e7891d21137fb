/* SPDX-License-Identifier: Apache-2.0 */
/* cli/kubectl_line: recorded requests as the commands that they amount to. */
#include <check.h>

#include "cli/kubectl_line.h"
#include "support/run_tests.h"

static const struct {
	const char *expected;
	const char *verb, *group, *resource, *subresource, *ns, *name, *uri;
} cases[] = {
	{"kubectl get pods -n prod", "list", "", "pods", "", "prod", "",
		"/api/v1/namespaces/prod/pods?limit=500"},
	{"kubectl get secrets db -n prod", "get", "", "secrets", "", "prod", "db",
		"/api/v1/namespaces/prod/secrets/db"},
	{"kubectl get pods -n prod -l app=web", "list", "", "pods", "", "prod", "",
		"/api/v1/namespaces/prod/pods?labelSelector=app%3Dweb"},
	{"kubectl delete namespaces prod", "delete", "", "namespaces", "", "prod", "prod",
		"/api/v1/namespaces/prod"},
	{"kubectl delete deployments.apps web -n prod --dry-run=server", "delete", "apps",
		"deployments", "", "prod", "web", "/x?dryRun=All"},
	{"kubectl delete pods -n prod --all", "deletecollection", "", "pods", "", "prod", "", "/x"},
	{"kubectl exec web -n prod -c app -it -- sh -c 'echo it'\\''s'", "create", "", "pods",
		"exec", "prod", "web",
		"/x?command=sh&command=-c&command=echo+it%27s&container=app&stdin=true&tty=true"},
	{"kubectl logs web -n prod -c app -f", "get", "", "pods", "log", "prod", "web",
		"/x?container=app&follow=true"},
	{"kubectl create -n prod -f -  # deployments.apps web", "create", "apps", "deployments", "",
		"prod", "web", "/x?fieldManager=kubectl-create"},
	{"kubectl apply -n prod -f -  # deployments.apps web", "patch", "apps", "deployments", "",
		"prod", "web", "/x?fieldManager=kubectl-client-side-apply"},
	{"kubectl apply --server-side -n prod -f -  # deployments.apps web", "patch", "apps",
		"deployments", "", "prod", "web", "/x?fieldManager=kubectl&force=true"},
	{"kubectl rollout restart deployments.apps web -n prod", "patch", "apps", "deployments", "",
		"prod", "web", "/x?fieldManager=kubectl-rollout"},
	{"kubectl patch deployments.apps web -n prod", "patch", "apps", "deployments", "", "prod",
		"web", "/x?fieldManager=kubectl-patch"},
	{"kubectl scale deployments.apps web -n prod --subresource=scale", "patch", "apps",
		"deployments", "scale", "prod", "web", "/x"},
	{"kubectl create token ci -n prod", "create", "", "serviceaccounts", "token", "prod", "ci",
		"/x"},
	{"kubectl auth can-i", "create", "authorization.k8s.io", "selfsubjectaccessreviews", "", "",
		"", "/x"},
	{"kubectl get --raw '/metrics?a=1'", "get", "", "", "", "", "", "/metrics?a=1"},
	/* what the requester chose is neither a command nor a flag */
	{"kubectl  # list 'pods;reboot' -n prod", "list", "", "pods;reboot", "", "prod", "", "/x"},
	{"kubectl  # get --all x", "get", "", "--all", "", "", "x", "/x"},
	{"kubectl  # get pods.'a`b`' x", "get", "a`b`", "pods", "", "", "x", "/x"},
	{"kubectl  # get pods x --subresource='$(id)'", "get", "", "pods", "$(id)", "", "x", "/x"},
	{"kubectl  # 'a;b' pods x", "a;b", "", "pods", "", "", "x", "/x"},
	{"kubectl delete pods/--all -n prod", "delete", "", "pods", "", "prod", "--all", "/x"},
	{"kubectl exec pods/-it -n prod -- sh", "create", "", "pods", "exec", "prod", "-it",
		"/x?command=sh"},
	{"kubectl  # impersonate users root", "impersonate", "", "users", "", "", "root", ""},
};

START_TEST(kubectl_line__cases)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);
	const struct kubectl_call call = {
		.verb = span_of(cases[_i].verb),
		.uri = span_of(cases[_i].uri),
		.group = span_of(cases[_i].group),
		.resource = span_of(cases[_i].resource),
		.subresource = span_of(cases[_i].subresource),
		.namespace_ = span_of(cases[_i].ns),
		.name = span_of(cases[_i].name),
	};

	kubectl_line_put(&b, &call);
	ck_assert_str_eq(buf_str(&b), cases[_i].expected);
}
END_TEST

START_TEST(kubectl_line__impersonation)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);

	kubectl_line_put(&b, &(struct kubectl_call){.verb = SPAN("list"),
				     .resource = SPAN("pods"),
				     .as_user = SPAN("system:admin")});
	ck_assert_str_eq(buf_str(&b), "kubectl --as system:admin get pods");
}
END_TEST

static const struct {
	const char *expected, *uri;
} selectors[] = {
	{"kubectl get pods -l 1", "/x?labelSelector=1"},
	{"kubectl get pods -l 1", "/x?labelSelector=1&labelSelector=2"},
	{"kubectl get pods -l 'a b'", "/x?b=2&labelSelector=a%20b&c"},
	{"kubectl get pods -l ''", "/x?b=2&labelSelector="},
	{"kubectl get pods -l %zz%2", "/x?labelSelector=%zz%2"},
	{"kubectl get pods", "/x?labelSelectors=1"},
	{"kubectl get pods", "/x?Selector=1"},
	{"kubectl get pods", "/x?"},
	{"kubectl get pods", "/x"},
	{"kubectl get pods", ""},
};

START_TEST(kubectl_line__query)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);

	kubectl_line_put(&b, &(struct kubectl_call){.verb = SPAN("list"),
				     .resource = SPAN("pods"),
				     .uri = span_of(selectors[_i].uri)});
	ck_assert_str_eq(buf_str(&b), selectors[_i].expected);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("kubectl_line");

	tcase_add_loop_test(tc, kubectl_line__cases, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, kubectl_line__impersonation);
	tcase_add_loop_test(tc, kubectl_line__query, 0, ARRAY_LEN(selectors));
	return run_tests(tc);
}
