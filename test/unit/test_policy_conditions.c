/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "support/run_tests.h"
#include "unit/policy_support.h"

/* ---- what is refused when loading ---- */

#define HEAD                                                                                       \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\nspec:\n"
#define MATCH	   "    match: [{apiGroups: [''], resources: [pods], operations: [CREATE]}]\n"
#define AUTH_MATCH "    match: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n"
#define RULE	   "  rules:\n  - name: r\n    action: Deny\n" MATCH

static const struct {
	const char *expected; /* how a line of the errors begins */
	const char *yaml;
} refusals[] = {
	{"t.yaml:10:7: unknown variable 'objet'; did you mean 'object'?",
		HEAD RULE "    when:\n    - objet.spec == 1\n"},
	{"t.yaml:10:22: the expression ends where ')' should follow",
		HEAD RULE "    when:\n    - has(object.spec\n    - object.a\n"},
	{"t.yaml:10:16: '=' is no operator: equality is '=='",
		HEAD RULE "    when:\n    - object.a = 1\n"},
	{"t.yaml:10:16: '&' is no operator: and is '&&'",
		HEAD RULE "    when:\n    - object.a & true\n"},
	{"t.yaml:10:15: request has no field 'operaton'; did you mean 'operation'?",
		HEAD RULE "    when:\n    - request.operaton == 'CREATE'\n"},
	{"t.yaml:10:15: request has no field 'userinfo'; did you mean 'userInfo'?",
		HEAD RULE "    when:\n    - request.userinfo.groups == []\n"},
	{"t.yaml:10:25: request.userInfo has no field 'user'",
		HEAD RULE "    when:\n    - request.userInfo.?user.hasValue()\n"},
	{"t.yaml:10:28: request.resource has no field 'kind'",
		HEAD RULE "    when:\n    - has(request.resource.kind)\n"},
	{"t.yaml:11:22: unknown function 'siz'", HEAD RULE
		"    when:\n    - object.a == 1\n    - object.spec && siz(object.x) > 1\n"},
	{"t.yaml:12:9: unknown variable 'b'",
		HEAD RULE "    when:\n    - |\n      object.a &&\n        b\n"},
	{"t.yaml:12:7: unknown variable 'b'",
		HEAD RULE "    when:\n    - >-\n      object.a &&\n      b\n"},
	{"t.yaml:10:20: unknown variable 'b'", HEAD RULE "    when:\n    - \"object.a && b\"\n"},
	{"t.yaml:10:27: unknown variable 'b'",
		HEAD RULE "    when:\n    - 'object == ''x'' && b'\n"},
	{"t.yaml:10:7: ", HEAD RULE "    when:\n    - 1 + 1\n"},
	{"t.yaml:9:24: unknown variable 'b'", HEAD RULE "    messageExpression: b\n"},
	/* what is said otherwise elsewhere */
	{"t.yaml:10:32: namespaceObject.metadata has no field 'lables'; did you mean 'labels'?",
		HEAD RULE "    when:\n    - namespaceObject.metadata.lables.env == 'a'\n"},
	{"t.yaml:10:22: unknown variable 'params'; name the object under spec.paramKind and "
	 "spec.paramRef",
		HEAD RULE "    when:\n    - object.name == params.name\n"},
	{"t.yaml:10:7: unknown variable 'self'; what is asked for is called object here",
		HEAD RULE "    when:\n    - self.a == 1\n"},
	{"t.yaml:10:16: 'and' where an operator or the end should be; \"and\" is written &&",
		HEAD RULE "    when:\n    - object.a and object.b\n"},
	{"t.yaml:9:24: ", HEAD RULE "    messageExpression: 1 + 1\n"},
	{"t.yaml:9:24: unknown variable 'b'", HEAD RULE "    message: \"hello {{ b }}\"\n"},
	{"t.yaml:9:21: \"{{\" without \"}}\"", HEAD RULE "    message: \"hello {{ b\"\n"},
	{"t.yaml:6:27: unknown variable 'variables'",
		HEAD "  variables:\n  - {name: b, expression: variables.a}\n" RULE},
	{"t.yaml:6:12: a variable's name is made of letters, digits and \"_\"",
		HEAD "  variables:\n  - {name: b-c, expression: '1'}\n" RULE},
	{"t.yaml:7:12: variable \"b\" is defined above already",
		HEAD "  variables:\n  - {name: b, expression: '1'}\n  - {name: b, expression: "
		     "'2'}\n" RULE},
	/* what the request of the other endpoint has: it would fail for every request */
	{"t.yaml:10:15: request has no field 'verb'",
		HEAD RULE "    when:\n    - request.verb == 'get'\n"},
	{"t.yaml:9:15: request has no field 'operation'",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    when:\n    - request.operation "
		     "== 'CREATE'\n" AUTH_MATCH},
	{"t.yaml:9:15: request has no field 'object'",
		HEAD "  rules:\n  - name: r\n    action: Deny\n    when:\n    - request.object.x "
		     "== 1\n" AUTH_MATCH},
	{"t.yaml:9:7: object and oldObject do not exist in a rule with verbs", HEAD
		"  rules:\n  - name: r\n    action: Deny\n    when:\n    - object.a\n" AUTH_MATCH},
	{"t.yaml:11:7: object and oldObject do not exist in a rule with verbs",
		HEAD "  variables:\n  - {name: b, expression: object.a}\n"
		     "  rules:\n  - name: r\n    action: Deny\n    when:\n    - "
		     "variables.b\n" AUTH_MATCH},
	{"t.yaml:10:20: a mutation must not touch metadata.name",
		HEAD "  rules:\n  - name: r\n    action: Mutate\n    mutate:\n      mergePatch:\n"
		     "        metadata: {name: x}\n" MATCH},
	{"t.yaml:10:9: a mutation must not touch kind",
		HEAD "  rules:\n  - name: r\n    action: Mutate\n    mutate:\n      mergePatch:\n"
		     "        kind: x\n" MATCH},
	{"t.yaml:8:13: mutate needs either \"mergePatch\" or \"jsonPatch\"",
		HEAD "  rules:\n  - name: r\n    action: Mutate\n    mutate: {}\n" MATCH},
	{"t.yaml:7:13: Mutate works on CREATE and UPDATE only",
		HEAD "  rules:\n  - name: r\n    action: Mutate\n    mutate: {mergePatch: {a: b}}\n"
		     "    match: [{apiGroups: [''], resources: [pods], operations: ['*']}]\n"},
	{"t.yaml:7:13: Mutate needs operations",
		HEAD "  rules:\n  - name: r\n    action: Mutate\n    mutate: {mergePatch: {a: "
		     "b}}\n" AUTH_MATCH},
	{"t.yaml:9:37: unknown variable 'b'",
		HEAD "  rules:\n  - name: r\n    action: Mutate\n    mutate:\n      mergePatch: "
		     "{spec: {a: [\"x {{ b }}\"]}}\n" MATCH},
	{"t.yaml:9:26: YAML versions disagree about yes",
		HEAD "  rules:\n  - name: r\n    action: Mutate\n    mutate:\n      mergePatch: "
		     "{spec: yes}\n" MATCH},
};

START_TEST(policy_conditions__mistakes_in_expressions_have_their_place)
{
	struct policy_set *s = NULL;
	struct yaml_errors errors;
	ck_assert_int_eq(
		policy_set_load_text("t.yaml", span_of(refusals[_i].yaml), &s, &errors), -1);
	const char *text = buf_str(&errors.text), *at = strstr(text, refusals[_i].expected);
	if (!at || (at != text && at[-1] != '\n'))
		ck_abort_msg("\nexpected %s\n     got %s", refusals[_i].expected, text);
	buf_free(&errors.text);
}
END_TEST

/* ---- what comes out ---- */

static const char review[] =
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
	"\"uid\":\"u\",\"operation\":\"CREATE\",\"resource\":{\"group\":\"\",\"version\":\"v1\","
	"\"resource\":\"pods\"},\"namespace\":\"n\",\"userInfo\":{\"username\":\"alice\","
	"\"groups\":[\"dev\"],\"extra\":{\"k\":[\"v\"]}},\"object\":{\"a\":1,\"s\":"
	"\"x\\u0007y\\nz\",\"e\":\"A\\u009b2J\\u202eB\"}}}";
static const char access_review[] =
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{"
	"\"user\":\"alice\",\"uid\":\"7\",\"groups\":[\"dev\"],\"extra\":{\"k\":[\"v\"]},"
	"\"resourceAttributes\":{\"verb\":\"get\",\"version\":\"v1\",\"resource\":\"pods\","
	"\"subresource\":\"log\",\"namespace\":\"n\",\"name\":\"web\"}}}";
static const char url_review[] =
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/"
	"v1beta1\",\"spec\":{"
	"\"user\":\"alice\",\"group\":[\"dev\"],\"nonResourceAttributes\":{\"verb\":\"get\","
	"\"path\":\"/metrics\"}}}";

struct outcome {
	enum policy_action action;
	const char *message; /* of the decisive match; NULL: none */
	enum { FINE, FAILED, IGNORED } how;
};

/* Decides by a policy made of `body` (spec fields, rules at the end). */
static void decide(
	const char *body, const char *text, struct arena *arena, struct policy_decision *ret)
{
	_cleanup_(buf_free) struct buf yaml = BUF_INIT(100000);
	buf_add_str(&yaml, HEAD);
	buf_add_str(&yaml, body);
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(buf_str(&yaml));
	struct policy_request r = request_or_fail(span_of(text), arena);
	ck_assert_int_eq(policy_decide(set, &r, arena, ret), 0);
	if (!ret->decisive)
		return;
	/* The set goes: keep what is looked at. */
	struct policy_match *m = arena_alloc(arena, sizeof *m);
	*m = *ret->decisive;
	m->message.ptr = arena_strndup(arena, m->message.ptr, m->message.len);
	ret->decisive = m;
}

#define R(action) "  rules:\n  - name: r\n    action: " action "\n" MATCH

static const struct {
	struct outcome expected;
	const char *body;
} outcomes[] = {
	/* conditions */
	{{POLICY_DENY, "rule r of policy p forbids this", FINE},
		R("Deny") "    when: [object.a == 1]\n"},
	{{POLICY_NONE, NULL, FINE}, R("Deny") "    when: [object.a == 2]\n"},
	{{POLICY_NONE, NULL, FINE}, R("Deny") "    when: [object.a == 1, object.a == 2]\n"},
	{{POLICY_NONE, NULL, FINE}, R("Deny") "    when: [object.gone == 1, object.a == 2]\n"},
	/* errors are decisions */
	{{POLICY_DENY, "rule r of policy p could not be evaluated: no such key: 'gone' (line 9)",
		 FAILED},
		R("Deny") "    when: [object.gone == 1, object.a == 1]\n"},
	{{POLICY_DENY, "rule r of policy p could not be evaluated: no such key: 'gone' (line 9)",
		 FAILED},
		R("Hold") "    when: [object.gone == 1]\n"},
	{{POLICY_WARN, "rule r of policy p could not be evaluated: no such key: 'gone' (line 9)",
		 FAILED},
		R("Warn") "    when: [object.gone == 1]\n"},
	{{POLICY_AUDIT, "rule r of policy p could not be evaluated: no such key: 'gone' (line 9)",
		 FAILED},
		R("Allow") "    when: [object.gone == 1]\n"},
	{{POLICY_WARN, "rule r of policy p could not be evaluated: no such key: 'gone' (line 10)",
		 IGNORED},
		"  failurePolicy: Ignore\n" R("Deny") "    when: [object.gone == 1]\n"},
	{{POLICY_AUDIT, "rule r of policy p could not be evaluated: no such key: 'gone' (line 10)",
		 FAILED},
		"  enforcement: DryRun\n" R("Deny") "    when: [object.gone == 1]\n"},
	{{POLICY_DENY, "rule r of policy p could not be evaluated: no such key: 'x' (line 11)",
		 FAILED},
		R("Deny") "    when:\n    - |\n      object.a == 1 && object.x\n"},
	/* variables are for rules of both endpoints */
	{{POLICY_DENY, "CREATE", FINE},
		"  variables:\n  - {name: what, expression: \"has(request.verb) ? request.verb : "
		"request.operation\"}\n" R("Deny") "    message: '{{ variables.what }}'\n"},
	/* variables: only what is used is evaluated, with what stands above it */
	{{POLICY_DENY, "2", FINE},
		"  variables:\n  - {name: one, expression: object.a}\n"
		"  - {name: broken, expression: object.gone}\n"
		"  - {name: two, expression: variables.one + 1}\n" R(
			"Deny") "    when: [variables.two == 2]\n    message: '{{ "
				"variables.two }}'\n"},
	{{POLICY_DENY, "rule r of policy p could not be evaluated: no such key: 'gone' (line 11)",
		 FAILED},
		"  variables:\n  - {name: broken, expression: object.gone}\n" R(
			"Deny") "    when: [variables.broken]\n"},
	/* messages */
	{{POLICY_DENY, "alice in n: 1", FINE},
		R("Deny") "    message: '{{ request.userInfo.username }} "
			  "in {{request.namespace}}: {{ object.a }}'\n"},
	{{POLICY_DENY, "braces } {{'}}'}} x", FINE},
		R("Deny") "    message: \"braces } {{ '{{' }}{{ "
			  "\\\"'}}'\\\" }}{{ '}}' + ' x' }}\"\n"},
	{{POLICY_DENY, "a of 1", FINE},
		R("Deny") "    messageExpression: \"'a of ' + string(object.a)\"\n"},
	{{POLICY_DENY, "plain", FINE},
		R("Deny") "    messageExpression: object.gone\n    message: plain\n"},
	{{POLICY_DENY, "plain", FINE},
		R("Deny") "    messageExpression: \"' \\\\n\\\\t '\"\n    message: plain\n"},
	{{POLICY_DENY, "rule r of policy p forbids this", FINE},
		R("Deny") "    message: \"{{ '  ' }}\"\n"},
	{{POLICY_DENY, "rule r of policy p forbids this", FINE},
		R("Deny") "    messageExpression: object.gone\n"},
	{{POLICY_DENY, "rule r of policy p forbids this", FINE},
		R("Deny") "    message: '{{ object.gone }}'\n"},
	{{POLICY_DENY, "x y\nz", FINE}, R("Deny") "    message: '{{ object.s }}'\n"},
	{{POLICY_DENY, "A  2J   B", FINE}, R("Deny") "    message: '{{ object.e }}'\n"},
	{{POLICY_DENY,
		 "rule r of policy p could not be evaluated: no such key: 'A  2J   B' (line 9)",
		 FAILED},
		R("Deny") "    when: ['object[object.e] == 1']\n"},
	/* the rest of the environment */
	{{POLICY_DENY, "2026", FINE}, R("Deny") "    message: '{{ now.getFullYear() }}'\n"},
	{{POLICY_DENY, "v", FINE}, R("Deny") "    message: '{{ request.userInfo.extra.k[0] }}'\n"},
	{{POLICY_DENY, "true", FINE}, R("Deny") "    message: '{{ oldObject == null }}'\n"},
};

START_TEST(policy_conditions__outcomes)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 8 << 20);
	const struct outcome *x = &outcomes[_i].expected;
	struct policy_decision d;
	decide(outcomes[_i].body, review, arena, &d);
	ck_assert_str_eq(policy_action_name(d.action), policy_action_name(x->action));
	if (!x->message) {
		ck_assert_ptr_null(d.decisive);
		return;
	}
	ck_assert_str_eq(d.decisive->message.ptr, x->message);
	ck_assert_int_eq(d.decisive->error, x->how != FINE);
	ck_assert_int_eq(d.decisive->ignored, x->how == IGNORED);
}
END_TEST

#define A                                                                                          \
	"  rules:\n  - name: r\n    action: Deny\n    match:\n    - {apiGroups: [''], resources: " \
	"['*/*'], verbs: ['*']}\n    - {nonResourceURLs: ['*'], verbs: ['*']}\n"

static const struct {
	const char *message, *review, *body;
} accesses[] = {
	{"alice dev 7 v", access_review,
		A "    message: '{{ request.userInfo.username }} {{ request.userInfo.groups[0] }} "
		  "{{ request.userInfo.uid }} {{ request.userInfo.extra.k[0] }}'\n"},
	{"get pods/log n/web", access_review,
		A "    message: '{{ request.verb }} {{ request.resource.resource }}/{{ "
		  "request.subresource }} "
		  "{{ request.namespace }}/{{ request.name }}'\n"},
	{"get /metrics by dev", url_review,
		A "    message: '{{ request.verb }} {{ request.path }} by {{ "
		  "request.userInfo.groups[0] }}'\n"},
	{"false true", url_review,
		A
		"    message: '{{ has(request.resource) }} {{ request.userInfo.extra == {} }}'\n"},
};

START_TEST(policy_conditions__a_subject_access_review_speaks_like_an_admission_request)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 8 << 20);
	struct policy_decision d;
	decide(accesses[_i].body, accesses[_i].review, arena, &d);
	ck_assert_int_eq(d.action, POLICY_DENY);
	ck_assert_str_eq(d.decisive->message.ptr, accesses[_i].message);
}
END_TEST

START_TEST(policy_conditions__a_request_that_costs_too_much_is_denied)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 64 << 20);
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 20);
	struct policy_decision d;
	buf_add_str(&text,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"u\",\"operation\":\"CREATE\",\"resource\":{\"resource\":\"pods\"},"
		"\"userInfo\":{\"username\":\"u\"},\"object\":{\"l\":[0");
	for (int i = 1; i < 3000; i++)
		buf_printf(&text, ",%d", i);
	buf_add_str(&text, "]}}}");
	decide(R("Deny") "    when: ['object.l.all(x, object.l.all(y, object.l.all(z, z >= "
			 "0)))']\n",
		buf_str(&text), arena, &d);
	ck_assert_int_eq(d.action, POLICY_DENY);
	ck_assert(d.decisive->error);
}
END_TEST

START_TEST(policy_conditions__messages_are_cut_between_characters)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 64 << 20);
	struct policy_decision d;
	decide(R("Deny") "    messageExpression: \"lists.range(3000).map(i, 'é').join('')\"\n",
		review, arena, &d);
	ck_assert_uint_eq(d.decisive->message.len, 2048);
	decide(R("Deny") "    messageExpression: \"'x' + lists.range(3000).map(i, "
			 "'é').join('')\"\n",
		review, arena, &d);
	ck_assert_uint_eq(d.decisive->message.len, 2047);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, policy_conditions__mistakes_in_expressions_have_their_place, 0,
		(int)ARRAY_LEN(refusals));
	tcase_add_loop_test(t, policy_conditions__outcomes, 0, (int)ARRAY_LEN(outcomes));
	tcase_add_loop_test(t,
		policy_conditions__a_subject_access_review_speaks_like_an_admission_request, 0,
		(int)ARRAY_LEN(accesses));
	tcase_add_test(t, policy_conditions__a_request_that_costs_too_much_is_denied);
	tcase_add_test(t, policy_conditions__messages_are_cut_between_characters);
	return run_tests(t);
}
