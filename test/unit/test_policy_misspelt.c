/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that no object has: found by name and place; and none where there is none. */
#include "policy/misspelt.h"

#include "policy/kinds/kinds.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"

#define POLICY(variables, rules)                                                                   \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\n"         \
	"spec:\n  variables: [" variables "]\n  rules: [" rules "]\n"
#define RULE(match, when)                                                                          \
	"{name: r, action: Deny, message: m, match: [" match "], when: [\"" when "\"]}"
#define AT(group, resource)                                                                        \
	"{apiGroups: ['" group "'], resources: ['" resource "'], operations: [CREATE, CONNECT]}"
#define POD AT("", "pods")
#define OTHER(match, when)                                                                         \
	"{name: s, action: Deny, message: m, match: [" match "], when: [\"" when "\"]}"
#define CREATED			   "{apiGroups: [''], resources: [pods], operations: [CREATE]}"
#define WORKLOAD		   POD "," AT("apps", "deployments")
#define ASK(match, when)	   POLICY("", RULE(match, when))
#define VARIABLE(name, expression) "{name: " name ", expression: \"" expression "\"}"

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

static const char *found_in(const struct policy_set *set, bool with_place)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 16);
	const struct misspelt *m;
	size_t count;

	ck_assert_int_eq(misspelt_find(set, arena, &m, &count), 0);
	for (size_t i = 0; i < count; i++) {
		buf_printf(&out, "%s%s: ", i ? " | " : "", m[i].rule ? m[i].rule : "variable");
		if (with_place)
			buf_printf(&out, "%s:%u:%u: ", m[i].file, m[i].line, m[i].column);
		buf_add_span(&out, m[i].what);
	}
	return arena_strndup(arena, out.len ? out.ptr : "", out.len);
}

static const struct {
	const char *expected, *yaml;
} cases[] = {
	/* there */
	{"", ASK(POD, "object.spec.containers.all(c, c.image.startsWith('a'))")},
	{"", ASK(POD, "object.metadata.labels.anything == object.metadata.annotations['x/y']")},
	{"", ASK(POD, "object.status.phase == 'Running' && object.kind == 'Pod'")},
	{"", ASK(AT("", "configmaps"), "object.data.anything.size() > 0")},
	{"", ASK(AT("", "secrets"), "has(object.stringData) && object.type == 'Opaque'")},
	{"", ASK(AT("", "pods/exec"), "object.command[0] == 'sh' && object.stdin")},
	{"", ASK(AT("apps", "deployments/scale"), "object.spec.replicas > 3")},
	{"", ASK(AT("", "pods/ephemeralcontainers"), "object.spec.ephemeralContainers.size() > 1")},
	{"", ASK(AT("", "pods/eviction"), "object.deleteOptions.gracePeriodSeconds == 0")},
	{"", ASK(POD, "request.object.spec.hostNetwork == request.oldObject.spec.hostNetwork")},
	{"", ASK(POD, "request.name == 'x' && request.userInfo.username == 'y'")},
	{"", ASK(POD, "object.spec.overhead.cpu == '1'")},
	{"", ASK(AT("networking.k8s.io", "ingresses"),
		     "object.spec.rules.exists(r, r.http.paths.exists(p, p.backend.service.name == "
		     "'x'))")},
	/* what is not known has any */
	{"", ASK(AT("example.com", "things"), "object.spec.contianers.size() > 0")},
	{"", ASK(AT("", "*"), "object.spec.contianers.size() > 0")},
	{"", ASK(AT("*", "pods"), "object.spec.contianers.size() > 0")},
	{"", ASK(AT("", "pods/*"), "object.spec.contianers.size() > 0")},
	{"", ASK(POD "," AT("example.com", "things"), "object.spec.contianers.size() > 0")},
	{"", ASK("{apiGroups: [''], resources: [pods], verbs: [get]}",
		     "request.userInfo.username == 'x'")},
	/* of one kind of several */
	{"", ASK(WORKLOAD, "has(object.spec.template) ? object.spec.replicas > 1 : "
			   "object.spec.hostPID")},
	{"r: PodSpec, DeploymentSpec have no field \"hostPid\"; did you mean \"hostPID\"?",
		ASK(WORKLOAD, "object.spec.hostPid")},
	/* not there */
	{"r: PodSpec has no field \"contianers\"; did you mean \"containers\"?",
		ASK(POD, "object.spec.contianers.size() > 0")},
	{"r: Pod has no field \"sepc\"; did you mean \"spec\"?", ASK(POD, "object.sepc.nodeName")},
	{"r: Pod has no field \"sepc\"; did you mean \"spec\"?",
		ASK(POD, "request.oldObject.sepc.nodeName")},
	{"r: ConfigMap has no field \"spec\"", ASK(AT("", "configmaps"), "object.spec.x == 1")},
	{"r: Container has no field \"name_\"; did you mean \"name\"?",
		ASK(POD, "object.spec.containers.exists(c, c.name_ == 'x')")},
	{"r: Container has no field \"img\"",
		ASK(POD, "object.spec.containers.filter(c, c.img == 'x').size() > 0")},
	{"r: SecurityContext has no field \"privilege\"; did you mean \"privileged\"?",
		ASK(POD, "(object.spec.containers + object.spec.?initContainers.orValue([]))"
			 ".exists(c, c.?securityContext.?privilege.orValue(false))")},
	{"r: Container has no field \"imgae\"; did you mean \"image\"?",
		ASK(POD, "object.spec.containers[0].imgae == 'x'")},
	{"r: Container has no field \"imgae\"; did you mean \"image\"?",
		ASK(POD, "object['spec']['containers'].map(c, c)[0]['imgae'] == 'x'")},
	{"r: EnvVarSource has no field \"secretKeyref\"; did you mean \"secretKeyRef\"?",
		ASK(POD, "object.spec.containers.exists(c, c.env.exists(e, "
			 "e.valueFrom.secretKeyref.name == 'x'))")},
	{"r: Container has no field \"imgae\"; did you mean \"image\"?",
		ASK(POD, "cel.bind(c, object.spec.containers[0], c.imgae == 'x')")},
	{"r: Container has no field \"imgae\"; did you mean \"image\"?",
		ASK(POD, "object.spec.containers.all(i, c, c.imgae == 'x' && i < 9)")},
	{"r: a list of Container has no field \"name\"",
		ASK(POD, "object.spec.containers.name == 'x'")},
	{"r: ScaleSpec has no field \"replica\"; did you mean \"replicas\"?",
		ASK(AT("apps", "deployments/scale"), "object.spec.replica > 3")},
	{"r: PodExecOptions has no field \"cmd\"", ASK(AT("", "pods/exec"), "object.cmd == 'x'")},
	/* both sides of a condition, each once */
	{"r: Pod has no field \"a\" | r: Pod has no field \"b\" | r: Pod has no field \"c\"",
		ASK(POD, "object.a ? object.b : object.c")},
	/* the resource is misspelt, too: what is meant is known */
	{"r: PodSpec has no field \"contianers\"; did you mean \"containers\"?",
		ASK(AT("", "pod"), "object.spec.contianers.size() > 0")},
	/* only asked whether it is there: told of when it looks like another */
	{"", ASK(POD, "object.spec.volumes.exists(v, has(v.local))")},
	{"", ASK(POD, "object.spec.?claims.orValue([]).size() > 0")},
	{"r: Volume has no field \"hostpath\"; did you mean \"hostPath\"?",
		ASK(POD, "object.spec.volumes.exists(v, has(v.hostpath))")},
	{"r: PodSpec has no field \"initContainer\"; did you mean \"initContainers\"?",
		ASK(POD, "object.spec.?initContainer.orValue([]).size() > 0")},
	/* variables */
	{"variable: PodSpec has no field \"contianers\"; did you mean \"containers\"?",
		POLICY(VARIABLE("all", "object.spec.contianers"),
			RULE(POD, "variables.all.size() > 0"))},
	{"r: Container has no field \"imgae\"; did you mean \"image\"?",
		POLICY(VARIABLE("all", "object.spec.containers"),
			RULE(POD, "variables.all.exists(c, c.imgae == 'x')"))},
	{"", POLICY(VARIABLE("spec", "has(object.spec.template) ? object.spec.template.spec : "
				     "object.spec"),
		     RULE(WORKLOAD, "variables.spec.containers.size() > 0") "," OTHER(
			     POD, "variables.spec.hostNetwork"))},
	{"", POLICY(VARIABLE("own", "{'a': 1}"), RULE(POD, "variables.own.b == 1"))},
};

START_TEST(misspelt__of_one_policy)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(cases[_i].yaml);

	ck_assert_str_eq(found_in(set, false), cases[_i].expected);
}
END_TEST

/* Wherever an expression may stand, and where it stands in the file. */
START_TEST(misspelt__in_every_place)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(
		"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\n"
		"spec:\n  rules:\n  - name: a\n    action: Deny\n    match: [" POD "]\n"
		"    when:\n    - object.spec.aaaa == 1\n    - |\n      true ||\n"
		"      object.spec.bbbb == 1\n    messageExpression: object.spec.cccc\n"
		"  - name: b\n    action: Mutate\n    match: [" CREATED "]\n"
		"    message: 'x {{ object.spec.dddd }}'\n"
		"    mutate: {mergePatch: {metadata: {labels: {a: '{{ object.spec.eeee }}'}}}}\n"
		"  - name: c\n    action: Mutate\n    match: [" CREATED "]\n"
		"    mutate: {jsonPatch: {expression: '[JSONPatch{op: \"add\", path: \"/a\", "
		"value: "
		"object.spec.ffff}]'}}\n");

	ck_assert_str_eq(found_in(set, true), "a: test.yaml:10:19: PodSpec has no field \"aaaa\" | "
					      "a: test.yaml:13:13: PodSpec has no field \"bbbb\" | "
					      "a: test.yaml:14:36: PodSpec has no field \"cccc\" | "
					      "b: test.yaml:18:31: PodSpec has no field \"dddd\" | "
					      "b: test.yaml:19:65: PodSpec has no field \"eeee\" | "
					      "c: test.yaml:23:91: PodSpec has no field \"ffff\"");
}
END_TEST

/* Lists of a merge patch, maps of any keys, and what removes. */
START_TEST(misspelt__in_merge_patches)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(
		"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\n"
		"spec:\n  rules:\n  - name: a\n    action: Mutate\n    match: [" CREATED "]\n"
		"    mutate:\n      mergePatch:\n"
		"        metadata: {labels: {any/thing: a}, lables: {a: b}}\n"
		"        spec:\n"
		"          nodeSelector: {any: thing}\n"
		"          securityContext: {runAsNonRot: true}\n"
		"          tolerations: [{kye: a}, {key: '{{ request.name }}'}]\n"
		"          hostname: null\n"
		"          zzzzzzzzzz: 1\n");

	ck_assert_str_eq(found_in(set, true),
		"a: test.yaml:11:44: ObjectMeta has no field \"lables\"; did you mean \"labels\"? "
		"| "
		"a: test.yaml:14:29: PodSecurityContext has no field \"runAsNonRot\"; did you mean "
		"\"runAsNonRoot\"? | "
		"a: test.yaml:15:26: Toleration has no field \"kye\"; did you mean \"key\"? | "
		"a: test.yaml:17:11: PodSpec has no field \"zzzzzzzzzz\"");
}
END_TEST

/* What is shipped asks for what there is. */
START_TEST(misspelt__nothing_in_what_is_shipped)
{
	static const char *const files[] = {HOLDPOINT_SOURCE_DIR "/policy/library",
		HOLDPOINT_SOURCE_DIR "/policy/library/agents",
		HOLDPOINT_SOURCE_DIR "/policy/library/general",
		HOLDPOINT_SOURCE_DIR "/docs/examples"};
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	struct yaml_errors errors;

	if (policy_set_load(&files[_i], 1, &set, &errors) < 0)
		ck_abort_msg("%s", buf_str(&errors.text));
	ck_assert_uint_gt(policy_set_rule_count(set), 5);
	ck_assert_str_eq(found_in(set, true), "");
	buf_free(&errors.text);
}
END_TEST

START_TEST(misspelt__no_memory)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set =
		load_or_fail(ASK(POD, "object.a || object.b"));
	const struct misspelt *m;
	size_t count;
	int done = -1;

	for (size_t max = 1024; done < 0; max += 1024) {
		_cleanup_(arena_freep) struct arena *small = arena_new(1024, max);

		ck_assert_uint_lt(max, 4 << 20);
		done = small ? misspelt_find(set, small, &m, &count) : -1;
		if (done == 0)
			ck_assert_uint_eq(count, 2);
	}
}
END_TEST

START_TEST(kinds__by_resource)
{
	static const struct {
		const char *group, *resource, *subresource, *type;
	} rows[] = {
		{"", "pods", "", "Pod"},
		{"", "pods", "status", "Pod"},
		{"", "pods", "exec", "PodExecOptions"},
		{"", "endpoints", "", "Endpoints"},
		{"networking.k8s.io", "networkpolicies", "", "NetworkPolicy"},
		{"certificates.k8s.io", "certificatesigningrequests", "approval",
			"CertificateSigningRequest"},
		{"", "serviceaccounts", "token", "TokenRequest"},
		{"", "pods", "log", NULL},
		{"", "deployments", "", NULL},
		{"apps", "deployment", "", NULL},
		{"x", "pods", "", NULL},
		{"", "", "", NULL},
		{"", "pods/exec", "", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint16_t type = kinds_of_resource(span_of(rows[i].group), span_of(rows[i].resource),
			span_of(rows[i].subresource));

		if (rows[i].type)
			ck_assert_str_eq(kinds_type_name(type), rows[i].type);
		else
			ck_assert_msg(type == KINDS_UNKNOWN, "row %zu", i);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("policy_misspelt");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, misspelt__of_one_policy, 0, ARRAY_LEN(cases));
	tcase_add_test(t, misspelt__in_every_place);
	tcase_add_test(t, misspelt__in_merge_patches);
	tcase_add_loop_test(t, misspelt__nothing_in_what_is_shipped, 0, 4);
	tcase_add_test(t, misspelt__no_memory);
	tcase_add_test(t, kinds__by_resource);
	return run_tests(t);
}
