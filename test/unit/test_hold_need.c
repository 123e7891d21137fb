/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests that a Hold rule is about need an approval. */
#include "webhook/hold/hold_need.h"

#include "support/run_tests.h"
#include "unit/policy_support.h"

#define REVIEW(operation, group, resource, rest)                                                   \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"operation\":\"" operation "\",\"resource\":{\"group\":\"" group           \
	"\",\"version\":\"v1\",\"resource\":\"" resource "\"},\"kind\":{\"group\":\"" group        \
	"\",\"version\":\"v1\",\"kind\":\"X\"},\"name\":\"x\",\"namespace\":\"n\","                \
	"\"userInfo\":{\"username\":\"agent\"}" rest "}}"
#define DRY	  ",\"dryRun\":true"
#define SUB(name) ",\"subResource\":\"" name "\""
#define OBJECT(metadata, spec)                                                                     \
	",\"object\":{\"metadata\":{\"name\":\"x\"" metadata "},\"spec\":{" spec "}}"
#define OLD(metadata, spec)                                                                        \
	",\"oldObject\":{\"metadata\":{\"name\":\"x\"" metadata "},\"spec\":{" spec "}}"
#define OWNS(rest) ",\"managedFields\":[" rest "]"
#define OWNER(name, fields, rest)                                                                  \
	"{\"manager\":\"" name "\",\"operation\":\"Update\",\"fieldsV1\":{" fields "}" rest "}"
#define OWNER_A OWNER("a", "\"f:spec\":{}", ",\"time\":\"2026-01-01T00:00:00Z\"")
#define OWNER_B OWNER("b", "\"f:spec\":{}", "")
#define KEPT	OWNS(OWNER_A "," OWNER_B) ",\"resourceVersion\":\"1\""
#define KEPT_ANEW                                                                                  \
	",\"resourceVersion\":\"1\"" OWNS(                                                         \
		OWNER_B "," OWNER("a", "\"f:spec\":{}", ",\"time\":\"2026-01-02T00:00:00Z\""))
#define OWNED(before, after)                                                                       \
	REVIEW("UPDATE", "apps", "deployments", OBJECT(after, "\"a\":1") OLD(before, "\"a\":1"))
#define WALL(member, version, fields)                                                              \
	",\"" member "\":{\"apiVersion\":\"x.example.com/" version                                 \
	"\",\"metadata\":{\"managedFields\":[" fields "]}}"
#define IN(version) WALL("object", version, IN_V1)
#define WAS(fields) WALL("oldObject", "v1", fields)
#define IN_V1	    "{\"apiVersion\":\"x.example.com/v1\"}"
#define IN_V1ALPHA1 "{\"apiVersion\":\"x.example.com/v1alpha1\"}"

static const struct {
	enum hold_verdict_kind expected;
	const char *review;
} needs[] = {
	/* what changes nothing */
	{HOLD_NO_CHANGE,
		REVIEW("UPDATE", "apps", "deployments", OBJECT("", "\"a\":1") OLD("", "\"a\":1"))},
	{HOLD_NO_CHANGE, REVIEW("UPDATE", "apps", "deployments",
				 OBJECT(KEPT, "\"a\":1,\"b\":[1,2]")
					 OLD(KEPT_ANEW, "\"b\":[1,2],\"a\":1.0"))},
	{HOLD_NO_CHANGE, REVIEW("UPDATE", "apps", "deployments", OBJECT("", "") OLD("", "") DRY)},
	/* what changes a little */
	{HOLD_NOT_ASKED,
		REVIEW("UPDATE", "apps", "deployments", OBJECT("", "\"a\":1") OLD("", "\"a\":2"))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "apps", "deployments",
				 OBJECT("", "\"a\":1") OLD("", "\"a\":\"1\""))},
	{HOLD_NOT_ASKED,
		REVIEW("UPDATE", "apps", "deployments", OBJECT("", "\"a\":null") OLD("", ""))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "apps", "deployments",
				 OBJECT("", "\"a\":[1,2]") OLD("", "\"a\":[2,1]"))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "apps", "deployments",
				 OBJECT("", "\"a\":[]") OLD("", "\"a\":[1]"))},
	{HOLD_NOT_ASKED,
		REVIEW("UPDATE", "apps", "deployments",
			OBJECT(",\"finalizers\":[]", "") OLD(",\"finalizers\":[\"a/b\"]", ""))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "apps", "deployments",
				 OBJECT(",\"labels\":{\"a\":\"\"}", "") OLD("", ""))},
	{HOLD_NOT_ASKED,
		REVIEW("UPDATE", "apps", "deployments",
			OBJECT(",\"ownerReferences\":[]", "") OLD(",\"ownerReferences\":[{\"name\":"
								  "\"a\"}]",
				""))},
	{HOLD_NOT_ASKED,
		REVIEW("UPDATE", "example.org", "things",
			",\"object\":{\"status\":{\"a\":1}},\"oldObject\":{\"status\":{\"a\":2}}")},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "", "pods",
				 SUB("status") ",\"object\":{\"status\":{\"a\":1}},"
					       "\"oldObject\":{\"status\":{\"a\":2}}")},
	/* who owns which field, and nothing else */
	{HOLD_NO_CHANGE, OWNED(KEPT, KEPT_ANEW)},
	{HOLD_NO_CHANGE, OWNED(OWNS(""), "")},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_A), OWNS(OWNER_A "," OWNER_B))},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_A "," OWNER_B), OWNS(OWNER_B))},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_A "," OWNER_B), OWNS(OWNER_B "," OWNER_B))},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_B "," OWNER_B), OWNS(OWNER_A "," OWNER_B))},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_A), OWNS(OWNER_B))},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_A), OWNS(""))},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_A), "")},
	{HOLD_NO_CHANGE, OWNED("", OWNS(OWNER_A))}, /* as API servers of 1.20 show it */
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_B), OWNS(OWNER("b", "\"f:spec\":{\"f:a\":{}}", "")))},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_B),
				 OWNS(OWNER("b", "\"f:spec\":{}", ",\"subresource\":\"scale\"")))},
	{HOLD_NOT_ASKED, OWNED(OWNS(OWNER_B), OWNS("{\"manager\":\"b\",\"operation\":\"Apply\","
						   "\"fieldsV1\":{\"f:spec\":{}}}"))},
	/* what cannot be compared */
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "apps", "deployments", OBJECT("", ""))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "apps", "deployments", OLD("", ""))},
	{HOLD_NOT_ASKED,
		REVIEW("UPDATE", "apps", "deployments", ",\"object\":null,\"oldObject\":null")},
	{HOLD_NOT_ASKED, REVIEW("CREATE", "apps", "deployments", OBJECT("", "") OLD("", ""))},
	{HOLD_NOT_ASKED, REVIEW("DELETE", "apps", "deployments", OBJECT("", "") OLD("", ""))},
	/* a Node: old API servers show the new one twice */
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "", "nodes", OBJECT("", "\"a\":1") OLD("", "\"a\":1"))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "", "nodes",
				 SUB("status") OBJECT("", "\"a\":1") OLD("", "\"a\":1"))},
	{HOLD_NO_CHANGE,
		REVIEW("UPDATE", "extensions", "nodes", OBJECT("", "\"a\":1") OLD("", "\"a\":1"))},
	/* a custom resource: what another version of it knows is shown in none of the two */
	{HOLD_NO_CHANGE, REVIEW("UPDATE", "x.example.com", "walls", IN("v1") WAS(IN_V1))},
	{HOLD_NO_CHANGE, REVIEW("UPDATE", "x.example.com", "walls",
				 WALL("object", "v1", IN_V1 "," IN_V1) WAS(IN_V1 "," IN_V1))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "x.example.com", "walls", IN("v1alpha1") WAS(IN_V1))},
	{HOLD_NOT_ASKED,
		REVIEW("UPDATE", "x.example.com", "walls", IN("v1") WAS(IN_V1 "," IN_V1ALPHA1))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "x.example.com", "walls", IN("v1") WAS(""))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "x.example.com", "walls", IN("v1") WAS("{}"))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "x.example.com", "walls", OBJECT("", "") WAS(IN_V1))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "x.example.com", "walls", OBJECT("", "") OLD("", ""))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "x.example.com", "walls",
				 WALL("object", "v1", IN_V1 "," IN_V1ALPHA1) WAS(IN_V1))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "x.example.com", "walls",
				 WALL("object", "v1", IN_V1) WAS(IN_V1 "," IN_V1))},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "x.example.com", "walls",
				 SUB("status") IN("v1alpha1") WAS(IN_V1))},
	/* dry runs */
	{HOLD_DRY_RUN, REVIEW("UPDATE", "apps", "deployments",
			       OBJECT("", "\"a\":1") OLD("", "\"a\":2") DRY)},
	{HOLD_DRY_RUN, REVIEW("CREATE", "", "pods", OBJECT("", "") DRY)},
	{HOLD_DRY_RUN, REVIEW("CREATE", "", "secrets", OBJECT("", "") DRY)},
	{HOLD_DRY_RUN, REVIEW("DELETE", "", "pods", OLD("", "") DRY)},
	{HOLD_DRY_RUN, REVIEW("CREATE", "", "pods", SUB("eviction") OBJECT("", "") DRY)},
	{HOLD_NOT_ASKED, REVIEW("CREATE", "", "pods", OBJECT("", ""))},
	/* whose answer is what is held */
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "", "secrets", OBJECT("", "") OLD("", "") DRY)},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "", "secrets", OBJECT("", "") OLD("", ""))},
	{HOLD_NOT_ASKED, REVIEW("DELETE", "", "secrets", OLD("", "") DRY)},
	{HOLD_NOT_ASKED, REVIEW("CREATE", "", "serviceaccounts", SUB("token") OBJECT("", "") DRY)},
	{HOLD_NOT_ASKED, REVIEW("UPDATE", "certificates.k8s.io", "certificatesigningrequests",
				 SUB("approval") OBJECT("", "") OLD("", "") DRY)},
	{HOLD_NOT_ASKED, REVIEW("CONNECT", "", "pods", SUB("exec") DRY)},
	{HOLD_NOT_ASKED,
		REVIEW("CREATE", "authentication.k8s.io", "tokenreviews", OBJECT("", "") DRY)},
	{HOLD_NOT_ASKED, REVIEW("CREATE", "authentication.k8s.io", "selfsubjectreviews",
				 OBJECT("", "") DRY)},
	{HOLD_NOT_ASKED, REVIEW("CREATE", "authorization.k8s.io", "localsubjectaccessreviews",
				 OBJECT("", "") DRY)},
	{HOLD_NOT_ASKED, REVIEW("CREATE", "authorization.k8s.io", "selfsubjectrulesreviews",
				 OBJECT("", "") DRY)},
};

START_TEST(hold_need__of_one_rule)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);
	const struct policy_request r = request_or_fail(span_of(needs[_i].review), arena);
	const struct policy_hold hold = {.min_approvals = 1};
	const struct policy_rule_info rule = {"p", "r", POLICY_HOLD, POLICY_ENFORCE, &hold, NULL};
	const struct policy_match m = {.rule = &rule, .effective = POLICY_HOLD};
	const struct policy_decision d = {
		.action = POLICY_HOLD, .decisive = &m, .matches = &m, .match_count = 1};
	const enum hold_verdict_kind got = hold_need(&r, &d, arena);

	ck_assert_msg(got == needs[_i].expected, "%d: %s", got, needs[_i].review);
	ck_assert_int_eq(
		hold_need_text(got).ptr != NULL, got == HOLD_NO_CHANGE || got == HOLD_DRY_RUN);
}
END_TEST

/* One that says Deny is enough. */
START_TEST(hold_need__of_several_rules)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);
	const struct policy_request r =
		request_or_fail(SPAN(REVIEW("CREATE", "", "pods", OBJECT("", "") DRY)), arena);
	const struct policy_request same = request_or_fail(
		SPAN(REVIEW("UPDATE", "apps", "deployments", OBJECT("", "") OLD("", "") DRY)),
		arena);
	const struct policy_hold lenient = {.min_approvals = 1},
				 strict = {.min_approvals = 1, .dry_run = POLICY_DRY_RUN_DENY};
	const struct policy_rule_info a = {"p", "a", POLICY_HOLD, POLICY_ENFORCE, &lenient, NULL},
				      b = {"p", "b", POLICY_HOLD, POLICY_ENFORCE, &strict, NULL};
	const struct policy_match m[] = {
		{.rule = &a, .effective = POLICY_HOLD}, {.rule = &b, .effective = POLICY_HOLD}};
	struct policy_decision d = {
		.action = POLICY_HOLD, .decisive = &m[0], .matches = m, .match_count = 2};

	ck_assert_int_eq(hold_need(&r, &d, arena), HOLD_NOT_ASKED);
	d.match_count = 1;
	ck_assert_int_eq(hold_need(&r, &d, arena), HOLD_DRY_RUN);
	d.matches = d.decisive = &m[1];
	ck_assert_int_eq(hold_need(&r, &d, arena), HOLD_NOT_ASKED);
	ck_assert_int_eq(hold_need(&same, &d, arena), HOLD_NO_CHANGE);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_need");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, hold_need__of_one_rule, 0, ARRAY_LEN(needs));
	tcase_add_test(t, hold_need__of_several_rules);
	return run_tests(t);
}
