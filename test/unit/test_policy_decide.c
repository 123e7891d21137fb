/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided when rules apply: which one wins, how far, and what a hold asks for. */
#include <check.h>

#include "support/run_tests.h"
#include "unit/decide_support.h"

#define ALL "match: [{apiGroups: ['*'], resources: ['*/*'], operations: ['*']}]"

START_TEST(policy_decide__strongest_wins_and_allow_exempts_below_in_its_policy)
{
	static const char yaml[] =
		POLICY("a") "  rules:\n"
			    "  - {name: warn, action: Warn, " ALL "}\n"
			    "  - {name: allow, action: Allow, match: [{apiGroups: [''], resources: "
			    "[pods], operations: ['*']}]}\n"
			    "  - {name: deny, action: Deny, " ALL
			    "}\n" POLICY("b") "  rules:\n"
					      "  - {name: hold, action: Hold, " ALL "}\n" POLICY(
						      "c") "  rules:\n"
							   "  - {name: audit, action: Audit, "
							   "match: [{apiGroups: ['*'], resources: "
							   "['*'], operations: ['*']}]}\n";
	static const struct verdict_case cases[] = {
		{"Hold warn allow hold audit", "CREATE /pods ns n u"},
		{"Deny warn deny hold audit", "CREATE /secrets ns n u"},
		{"Deny warn deny hold", "CREATE /pods/exec ns n u"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

/* Each row: two holds and which of them must be satisfied, whatever their order. */
static const struct {
	const char *weaker, *stricter;
} two_holds[] = {
	{"minApprovals: 1, approvers: [sre]", "minApprovals: 2, approvers: [dev]"},
	{"minApprovals: 1", "minApprovals: 2, grant: Window"},
	{"requireReason: true", "approvers: [sre]"},
	{"grant: Window, approvers: [dev]", "grant: Once, approvers: [sre]"},
	{"grant: Once", "grant: Once, requireReason: true"},
};

START_TEST(policy_decide__of_two_holds_the_stricter_decides)
{
	for (int order = 0; order < 2; order++) {
		_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
		const char *weaker = two_holds[_i].weaker, *stricter = two_holds[_i].stricter;
		struct span yaml = arena_printf(arena,
			POLICY("a") "  rules:\n  - {name: %s, action: Hold, hold: {%s}, " ALL
				    "}\n" POLICY("b") "  rules:\n  - {name: %s, action: Hold, "
						      "hold: {%s}, " ALL "}\n",
			order ? "stricter" : "weaker", order ? stricter : weaker,
			order ? "weaker" : "stricter", order ? weaker : stricter);
		_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml.ptr);
		struct policy_request r = request_of("CREATE /pods ns n u", arena);
		struct policy_decision d;

		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		ck_assert_int_eq(d.action, POLICY_HOLD);
		ck_assert_uint_eq(d.match_count, 2);
		ck_assert_str_eq(d.decisive->rule->rule, "stricter");
	}
}
END_TEST

START_TEST(policy_decide__enforcement_turns_down)
{
	static const char yaml[] =
		POLICY("warn") "  enforcement: Warn\n"
			       "  rules:\n"
			       "  - {name: a, action: Deny, match: [{apiGroups: ['*'], resources: "
			       "[a, all], operations: ['*']}]}\n"
			       "  - {name: b, action: Audit, match: [{apiGroups: ['*'], resources: "
			       "[b], operations: ['*']}]}\n" POLICY(
				       "dry") "  enforcement: DryRun\n"
					      "  rules:\n"
					      "  - {name: c, action: Hold, match: [{apiGroups: "
					      "['*'], resources: [c, all], operations: ['*']}]}\n";
	static const struct verdict_case cases[] = {
		{"Warn a", "CREATE /a ns n u"},
		{"Audit b", "CREATE /b ns n u"},
		{"Audit c", "CREATE /c ns n u"},
		{"Warn a c", "CREATE /all ns n u"},
	};
	check_cases(yaml, cases, ARRAY_LEN(cases));
}
END_TEST

START_TEST(policy_decide__record_all_concerns_subjects_only)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(POLICY(
		"p") "  subjects: [{kind: Group, name: agents}]\n  record: All\n  rules: []\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	static const struct {
		bool expected;
		const char *request;
	} cases[] = {
		{true, "CREATE /pods ns n u agents"},
		{true, "get /pods ns n u agents"},
		{true, "get url:/metrics - - u agents"},
		{false, "CREATE /pods ns n u people"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_request r = request_of(cases[i].request, arena);
		struct policy_decision d;
		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		ck_assert_int_eq(d.record_all, cases[i].expected);
		ck_assert_int_eq(d.action, POLICY_NONE);
		ck_assert_ptr_null(d.decisive);
	}
	ck_assert_uint_eq(policy_set_rule_count(set), 0);
}
END_TEST

START_TEST(policy_decide__messages_and_hold_settings)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(
		POLICY("p") "  rules:\n"
			    "  - {name: a, action: Deny, message: a longer reason, " ALL "}\n"
			    "  - {name: b, action: Deny, message: short, " ALL "}\n"
			    "  - {name: c, action: Deny, message: short, match: [{apiGroups: "
			    "['*'], resources: ['*'], operations: ['*']}]}\n"
			    "  - {name: d, action: Warn, message: no reason, " ALL "}\n"
			    "  - name: e\n"
			    "    action: Hold\n"
			    "    hold: {approvers: [sre, dba], minApprovals: 2, expires: 30m, "
			    "grant: Window, window: 10m, maxUses: 5, scope: Namespace, wait: 20s, "
			    "retry: true, "
			    "requireReason: true}\n"
			    "    " ALL "\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	struct policy_request r = request_of("DELETE /pods ns n u", arena);
	struct policy_decision d;
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_int_eq(d.action, POLICY_DENY);
	ck_assert_str_eq(d.decisive->rule->rule, "a");
	ck_assert(span_eq_str(
		policy_decision_reasons(&d, POLICY_DENY, arena), "short\na longer reason"));
	ck_assert(span_eq_str(policy_decision_reasons(&d, POLICY_WARN, arena), "no reason"));
	ck_assert_uint_eq(policy_decision_reasons(&d, POLICY_AUDIT, arena).len, 0);
	ck_assert(span_eq_str(
		d.matches[4].message, "rule e of policy p asks for a human's approval"));

	const struct policy_hold *h = d.matches[4].rule->hold;
	ck_assert_ptr_nonnull(h);
	ck_assert_ptr_null(d.matches[0].rule->hold);
	ck_assert_uint_eq(h->approver_count, 2);
	ck_assert(span_eq_str(h->approvers[1], "dba"));
	ck_assert_uint_eq(h->min_approvals, 2);
	ck_assert_int_eq(h->expires_ms, 1800000);
	ck_assert_int_eq(h->window_ms, 600000);
	ck_assert_uint_eq(h->max_uses, 5);
	ck_assert_int_eq(h->grant, POLICY_GRANT_WINDOW);
	ck_assert_int_eq(h->scope, POLICY_SCOPE_NAMESPACE);
	ck_assert_int_eq(h->like_ms, 0);
	ck_assert_int_eq(h->wait_ms, 20000);
	ck_assert(h->retry && h->require_reason);
}
END_TEST

START_TEST(policy_decide__several_holds_ask_for_the_strictest_of_each)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(
		POLICY("p") "  rules:\n"
			    "  - {name: a, action: Hold, " ALL ", hold: {approvers: [sre], "
			    "minApprovals: 2, expires: 1h, grant: Window, window: 20m, wait: 5s}}\n"
			    "  - {name: b, action: Hold, " ALL ", hold: {approvers: [dba], "
			    "expires: 30m, grant: Window, window: 10m, maxUses: 7, retry: true}}\n"
			    "  - {name: c, action: Hold, " ALL ", hold: {expires: 2h, "
			    "grant: Window, maxUses: 9, wait: 20s, requireReason: true}}\n"
			    "---\n" POLICY("q") "  enforcement: DryRun\n"
						"  rules:\n"
						"  - {name: d, action: Hold, " ALL
						", hold: {expires: 1m, minApprovals: 9}}\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	struct policy_request r = request_of("DELETE /pods ns n u", arena);
	struct policy_decision d;
	struct policy_hold h;
	size_t count;

	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_str_eq(d.decisive->rule->rule, "a");
	h = policy_decision_hold(&d, &count);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(h.min_approvals, 2);
	ck_assert_int_eq(h.expires_ms, 1800000);
	ck_assert_int_eq(h.grant, POLICY_GRANT_WINDOW);
	ck_assert_int_eq(h.window_ms, 600000);
	ck_assert_uint_eq(h.max_uses, 7);
	ck_assert_int_eq(h.wait_ms, 20000);
	ck_assert(h.retry && h.require_reason);
}
END_TEST

#define WINDOW(more) ", hold: {grant: Window, expires: 1h" more "}}\n"
#define ONCE(more)   ", hold: {expires: 1h" more "}}\n"

/* What an approval opens where two rules hold one request: no more than either alone. */
static const struct {
	enum policy_grant grant;
	enum policy_scope scope;
	int64_t like_ms;
	unsigned like_uses;
	const char *one, *two;
} combined[] = {
	{POLICY_GRANT_WINDOW, POLICY_SCOPE_OBJECT, 0, 0, WINDOW(", scope: Cluster"), WINDOW("")},
	{POLICY_GRANT_WINDOW, POLICY_SCOPE_NAMESPACE, 0, 0, WINDOW(", scope: Namespace"),
		WINDOW(", scope: Cluster")},
	{POLICY_GRANT_WINDOW, POLICY_SCOPE_CLUSTER, 0, 0, WINDOW(", maxUses: 3, scope: Cluster"),
		WINDOW(", scope: Cluster")},
	{POLICY_GRANT_ONCE, POLICY_SCOPE_OBJECT, 0, 0, WINDOW(", scope: Cluster"), ONCE("")},
	{POLICY_GRANT_ONCE, POLICY_SCOPE_OBJECT, 0, 20, ONCE(", allowWindow: {upTo: 5m}"),
		ONCE("")},
	{POLICY_GRANT_ONCE, POLICY_SCOPE_OBJECT, 300000, 7,
		ONCE(", allowWindow: {upTo: 5m}, scope: Cluster"),
		ONCE(", allowWindow: {upTo: 9m, maxUses: 7}")},
	{POLICY_GRANT_ONCE, POLICY_SCOPE_NAMESPACE, 240000, 3,
		ONCE(", allowWindow: {upTo: 5m}, scope: Namespace"),
		WINDOW(", window: 4m, maxUses: 3, scope: Cluster")},
};

START_TEST(policy_decide__an_approval_opens_what_each_rule_lets_it)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	struct policy_request r = request_of("DELETE /pods ns n u", arena);

	for (int swapped = 0; swapped < 2; swapped++) {
		const char *one = swapped ? combined[_i].two : combined[_i].one;
		const char *two = swapped ? combined[_i].one : combined[_i].two;
		struct policy_decision d;
		struct policy_hold h;
		size_t count;
		char text[2048];

		snprintf(text, sizeof(text),
			POLICY("p") "  rules:\n  - {name: a, action: Hold, " ALL
				    "%s  - {name: b, action: Hold, " ALL "%s",
			one, two);
		_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(text);

		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		h = policy_decision_hold(&d, &count);
		ck_assert_int_eq(h.grant, combined[_i].grant);
		ck_assert_int_eq(h.scope, combined[_i].scope);
		ck_assert_int_eq(h.like_ms, combined[_i].like_ms);
		if (h.like_ms > 0)
			ck_assert_uint_eq(h.like_uses, combined[_i].like_uses);
	}
}
END_TEST

START_TEST(policy_decide__full_arena_is_an_error_not_a_verdict)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set =
		load_or_fail(POLICY("p") "  rules:\n  - {name: a, action: Deny, " ALL "}\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(2048, 2048);
	struct policy_request r = request_of("DELETE /pods ns n u", arena);
	struct policy_decision d;
	while (arena_alloc(arena, 16))
		;
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), -1);
}
END_TEST

/* Whether a message may have in it what stands in the request's objects. */
static const struct {
	bool quotes, quotes_object;
	const char *message;
} messages[] = {
	{false, false, "message: plain"},
	{false, false, "action: Deny"}, /* the rule's own words */
	{true, false, "message: '{{ request.operation }} {{ request.resource.resource }}'"},
	{true, false,
		"message: '{{ request.userInfo.username }} of {{ request.?name.orValue(\"\") }}'"},
	{true, false, "messageExpression: request.namespace + '/' + request.name"},
	{true, true, "message: '{{ request.name }} {{ object.metadata.name }}'"},
	{true, true, "message: '{{ request.userInfo.uid }}'"},
	{true, true, "message: '{{ variables.kind }}'"},
	{true, true, "messageExpression: request.object.kind"},
	{true, true, "messageExpression: oldObject.kind + request.name"},
	{true, false, "messageExpression: \"object.kind == 'Pod' ? 'a pod' : request.name\""},
	{true, true, "messageExpression: \"object.kind == 'Pod' ? object.kind : request.name\""},
	/* names of what is listed, and what only looks like them */
	{true, false, "messageExpression: \"'c ' + object.l.map(c, c.name).join(', ')\""},
	{true, false,
		"messageExpression: \"object.l.filter(c, c.x == 1).map(c, c.name).join(', ')\""},
	{true, false,
		"messageExpression: \"(object.l + object.?m.orValue([])).map(c, "
		"c.name).join(', ')\""},
	{true, false, "messageExpression: \"variables.list.map(c, c.name).join(',')\""},
	{true, true, "messageExpression: \"object.l.map(c, c.x).join(',')\""},
	{true, true, "messageExpression: \"object.l.map(c, c.name + c.x).join(',')\""},
	{true, true, "messageExpression: \"object.l.map(c, c.y.name).join(',')\""},
	{true, true, "messageExpression: '[object.data].map(c, c.name).join(\",\")'"},
	{true, true, "messageExpression: '(object.l + [object.data]).map(c, c.name).join(\",\")'"},
	{true, true, "messageExpression: 'object.l.map(c, object.data.name).join(\",\")'"},
	{true, true, "messageExpression: 'object.l.map(c, object.l.map(d, c.name).join()).join()'"},
	{true, true, "messageExpression: 'object.data.map(k, k).join(\",\")'"},
	{true, true, "messageExpression: 'object.data.transformList(k, v, v).join(\",\")'"},
	{true, true, "messageExpression: object.data.name"},
	{true, true, "messageExpression: \"object.l[0].name\""},
	{true, true, "messageExpression: 'object.l.map(c, c.name).join(object.data.name)'"},
	{true, true, "messageExpression: 'object.l.map(c, c.name).join(\",\").upperAscii()'"},
	/* one that fails, with what is said instead; and one that quotes in its error */
	{true, false, "message: 'm {{ request.name }}', messageExpression: object.x.y"},
	{true, true, "when: ['object.x.y == 1']"},
};

START_TEST(policy_decide__messages_that_quote_objects)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	const struct policy_request r = request_or_fail(
		SPAN("{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
		     "\"request\":{\"uid\":\"1\",\"operation\":\"UPDATE\",\"name\":\"n\","
		     "\"namespace\":\"s\",\"userInfo\":{\"username\":\"u\",\"uid\":\"7\"},"
		     "\"resource\":"
		     "{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},\"kind\":"
		     "{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"},\"object\":"
		     "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"n\"},\"data\":{\"name\":"
		     "\"n\"},\"l\":[{\"name\":\"a\",\"x\":\"1\",\"y\":{\"name\":\"b\"}}]},"
		     "\"oldObject\":"
		     "{\"kind\":\"Pod\"}}}"),
		arena);
	struct span yaml = arena_printf(arena,
		POLICY("a") "  variables: [{name: kind, expression: object.kind}, "
			    "{name: list, expression: object.l}]\n"
			    "  rules:\n  - {name: r, action: Warn, " ALL ", %s}\n",
		messages[_i].message);
	char *action = strstr((char *)yaml.ptr, ", action: Deny}");
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	struct policy_decision d;

	if (action)
		memcpy(action, "}\n", 3);
	set = load_or_fail(yaml.ptr);
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_uint_eq(d.match_count, 1);
	ck_assert_msg(d.matches[0].quotes == messages[_i].quotes &&
			      d.matches[0].quotes_object == messages[_i].quotes_object,
		"%s", messages[_i].message);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, policy_decide__strongest_wins_and_allow_exempts_below_in_its_policy);
	tcase_add_loop_test(
		t, policy_decide__of_two_holds_the_stricter_decides, 0, ARRAY_LEN(two_holds));
	tcase_add_test(t, policy_decide__enforcement_turns_down);
	tcase_add_test(t, policy_decide__record_all_concerns_subjects_only);
	tcase_add_test(t, policy_decide__messages_and_hold_settings);
	tcase_add_test(t, policy_decide__several_holds_ask_for_the_strictest_of_each);
	tcase_add_loop_test(
		t, policy_decide__an_approval_opens_what_each_rule_lets_it, 0, ARRAY_LEN(combined));
	tcase_add_loop_test(t, policy_decide__messages_that_quote_objects, 0, ARRAY_LEN(messages));
	tcase_add_test(t, policy_decide__full_arena_is_an_error_not_a_verdict);
	return run_tests(t);
}
