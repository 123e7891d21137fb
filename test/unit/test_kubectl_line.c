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
	{"kubectl create -n prod -f -  # deployments.apps web, without its body", "create", "apps",
		"deployments", "", "prod", "web", "/x?fieldManager=kubectl-create"},
	{"kubectl apply -n prod -f -  # without its body", "patch", "apps", "deployments", "",
		"prod", "web", "/x?fieldManager=kubectl-client-side-apply"},
	{"kubectl apply --server-side -n prod -f -  # without its body", "patch", "apps",
		"deployments", "", "prod", "web", "/x?fieldManager=kubectl&force=true"},
	{"kubectl rollout restart deployments.apps web -n prod  # without its body", "patch",
		"apps", "deployments", "", "prod", "web", "/x?fieldManager=kubectl-rollout"},
	{"kubectl patch deployments.apps web -n prod  # without its body", "patch", "apps",
		"deployments", "", "prod", "web", "/x?fieldManager=kubectl-patch"},
	{"kubectl scale deployments.apps web -n prod --subresource=scale  # without its body",
		"patch", "apps", "deployments", "scale", "prod", "web", "/x"},
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

	kubectl_line_put(&b, &call, NULL);
	ck_assert_str_eq(buf_str(&b), cases[_i].expected);
}
END_TEST

START_TEST(kubectl_line__impersonation)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096);

	kubectl_line_put(&b,
		&(struct kubectl_call){.verb = SPAN("list"),
			.resource = SPAN("pods"),
			.as_user = SPAN("system:admin")},
		NULL);
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

	kubectl_line_put(&b,
		&(struct kubectl_call){.verb = SPAN("list"),
			.resource = SPAN("pods"),
			.uri = span_of(selectors[_i].uri)},
		NULL);
	ck_assert_str_eq(buf_str(&b), selectors[_i].expected);
}
END_TEST

/* The body's JSON has " written as ', which none of it needs. */
static const struct {
	const char *expected;
	const char *verb, *group, *resource, *subresource, *uri, *body;
} bodies[] = {
	{"kubectl scale deployments.apps web -n prod --replicas=5", "patch", "apps", "deployments",
		"scale", "/x", "{'spec':{'replicas':5}}"},
	{"kubectl scale deployments.apps web -n prod --replicas=0 --dry-run=server", "update",
		"apps", "deployments", "scale", "/x?dryRun=All",
		"{'kind':'Scale','spec':{'replicas':0}}"},
	{"kubectl patch deployments.apps web -n prod -p '{\"spec\":{\"replicas\":5}}'", "patch",
		"apps", "deployments", "", "/x?fieldManager=kubectl-edit",
		"{'spec':{'replicas':5}}"},
	{"kubectl patch deployments.apps web -n prod --subresource=status -p '{\"status\":{}}'",
		"patch", "apps", "deployments", "status", "/x", "{'status':{}}"},
	{"kubectl patch certificates.cert-manager.io web -n prod --type=merge -p '{\"spec\":null}'",
		"patch", "cert-manager.io", "certificates", "", "/x", "{'spec':null}"},
	{"kubectl patch ingresses.networking.k8s.io web -n prod -p '{\"a\":\"it\\u0027s\"}'",
		"patch", "networking.k8s.io", "ingresses", "", "/x", "{'a':'it\\u0027s'}"},
	{"kubectl patch pods web -n prod --type=json -p '[{\"op\":\"remove\",\"path\":\"/a\"}]'",
		"patch", "", "pods", "", "/x", "[{'op':'remove','path':'/a'}]"},
	{"kubectl label --overwrite pods web -n prod app=web old-", "patch", "", "pods", "", "/x",
		"{'metadata':{'labels':{'app':'web','old':null}}}"},
	{"kubectl annotate --overwrite pods web -n prod 'note=a b; rm'", "patch", "", "pods", "",
		"/x", "{'metadata':{'annotations':{'note':'a b; rm'}}}"},
	{"kubectl patch pods web -n prod -p '{\"metadata\":{\"labels\":{\"--all\":\"x\"}}}'",
		"patch", "", "pods", "", "/x", "{'metadata':{'labels':{'--all':'x'}}}"},
	{"kubectl patch pods web -n prod -p "
	 "'{\"metadata\":{\"labels\":{\"a\":\"b\"},\"name\":\"c\"}}'",
		"patch", "", "pods", "", "/x", "{'metadata':{'labels':{'a':'b'},'name':'c'}}"},
	{"kubectl cordon web", "patch", "", "nodes", "", "/x", "{'spec':{'unschedulable':true}}"},
	{"kubectl uncordon web", "patch", "", "nodes", "", "/x", "{'spec':{'unschedulable':null}}"},
	{"kubectl rollout restart deployments.apps web -n prod", "patch", "apps", "deployments", "",
		"/x?fieldManager=kubectl-rollout",
		"{'spec':{'template':{'metadata':{'annotations':{'kubectl.kubernetes.io/"
		"restartedAt':'x'}}}}}"},
	{"kubectl apply --server-side --force-conflicts --field-manager=flux -n prod -f - "
	 "<<<'{\"a\":1}'",
		"patch", "apps", "deployments", "", "/x?fieldManager=flux&force=true", "{'a':1}"},
	{"kubectl apply --server-side -n prod -f - <<<'{\"a\":1.50}' --dry-run=server", "patch",
		"apps", "deployments", "", "/x?fieldManager=kubectl&force=false&dryRun=All",
		"{'a':1.50}"},
	{"kubectl create -n prod -f - <<<'{\"kind\":\"ConfigMap\"}'", "create", "", "configmaps",
		"", "/x?fieldManager=kubectl-create", "{'kind':'ConfigMap'}"},
	{"kubectl apply -n prod -f - <<<'{\"kind\":\"ConfigMap\"}'", "create", "", "configmaps", "",
		"/x?fieldManager=kubectl-client-side-apply", "{'kind':'ConfigMap'}"},
	{"kubectl create -n prod -f - <<<'{\"a\":\"\\u001b\\u202e\"}'", "create", "", "configmaps",
		"", "/x", "{'a':'\\u001b\xe2\x80\xae'}"},
	{"kubectl create --raw /api/v1/namespaces/prod/pods/web/eviction -f - <<<'{}'", "create",
		"", "pods", "eviction", "/api/v1/namespaces/prod/pods/web/eviction", "{}"},
	{"kubectl replace -n prod -f - <<<'{\"metadata\":{\"uid\":\"\",\"name\":\"a\","
	 "\"resourceVersion\":\"\",\"managedFields\":null},\"a\":[1, 2]}'",
		"update", "", "configmaps", "", "/x",
		"{'metadata':{'uid':'7','name':'a','resourceVersion':'8','managedFields':[{}]},'a':"
		"[1, 2]}"},
	{"kubectl replace --raw '/api/v1/namespaces/web/finalize?dryRun=All' -f - <<<'{}'",
		"update", "", "namespaces", "finalize",
		"/api/v1/namespaces/web/finalize?dryRun=All", "{}"},
	{"kubectl replace -n prod --subresource=status -f - <<<'{}'", "update", "", "pods",
		"status", "/x", "{}"},
	{"kubectl delete pods web -n prod --grace-period=0 --force --cascade=orphan", "delete", "",
		"pods", "", "/x",
		"{'kind':'DeleteOptions','gracePeriodSeconds':0,'propagationPolicy':'Orphan'}"},
	{"kubectl auth can-i get secrets/db -n prod", "create", "authorization.k8s.io",
		"selfsubjectaccessreviews", "", "/x",
		"{'spec':{'resourceAttributes':{'namespace':'prod','verb':'get','resource':'"
		"secrets','name':'db'}}}"},
	{"kubectl create token web -n prod", "create", "", "serviceaccounts", "token", "/x", "{}"},
	{"kubectl patch pods web -n prod  # without its body", "patch", "", "pods", "", "/x",
		"'text'"},
	{"kubectl get pods web -n prod", "get", "", "pods", "", "/x", "{}"},
};

START_TEST(kubectl_line__bodies)
{
	static const struct json_limits limits = {
		.max_bytes = 4096, .max_depth = 20, .max_nodes = 100};
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1 << 20);
	_cleanup_(buf_free) struct buf b = BUF_INIT(4096), json = BUF_INIT(4096);
	struct json_doc doc;

	for (const char *p = bodies[_i].body; *p; p++)
		buf_add_char(&json, *p == '\'' ? '"' : *p);
	ck_assert_int_eq(json_read(json.ptr, json.len, &limits, arena, &doc, NULL), 0);
	kubectl_line_put(&b,
		&(struct kubectl_call){.verb = span_of(bodies[_i].verb),
			.uri = span_of(bodies[_i].uri),
			.group = span_of(bodies[_i].group),
			.resource = span_of(bodies[_i].resource),
			.subresource = span_of(bodies[_i].subresource),
			.namespace_ = SPAN("prod"),
			.name = SPAN("web"),
			.doc = &doc,
			.body = JSON_ROOT},
		arena);
	ck_assert_str_eq(buf_str(&b), bodies[_i].expected);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("kubectl_line");

	tcase_add_loop_test(tc, kubectl_line__cases, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tc, kubectl_line__bodies, 0, ARRAY_LEN(bodies));
	tcase_add_test(tc, kubectl_line__impersonation);
	tcase_add_loop_test(tc, kubectl_line__query, 0, ARRAY_LEN(selectors));
	return run_tests(tc);
}
