/* SPDX-License-Identifier: Apache-2.0 */
/* What expressions may cost, and whom it concerns when one costs more. */
#include "common/base/clock.h"
#include "policy/spending_internal.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"

#define POLICY(name)                                                                               \
	"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: " name   \
	"}\nspec:\n"
#define MATCH "match: [{apiGroups: ['*'], resources: ['*'], operations: ['*']}]"

#define CHANGES "match: [{apiGroups: ['*'], resources: ['*'], operations: [CREATE, UPDATE]}]"

#define COSTLY	  "object.l.all(a, object.l.all(b, a + b >= 0))"   /* 1,000 times 1,000 */
#define AFFORDED  "object.l.all(a, object.few.all(b, a + b >= 0))" /* 1,000 times 150 */
#define THOROUGH  "{name: r, action: Deny, " MATCH ", when: [\"" AFFORDED "\"]}"
#define AFTER_ALL "{name: last, action: Deny, " MATCH ", when: [object.a == 1]}"

/* Of the longest message. */
#define EXPRESSION_SPENT "the expression costs more than 1,000,000"
#define POLICY_SPENT	 "the policy costs more than 10,000,000"

static struct span review_of_lists(struct arena *arena)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1u << 20);

	buf_add_str(&out, "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
			  "\"request\":{\"uid\":\"u\",\"operation\":\"CREATE\",\"kind\":{\"group\":"
			  "\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\"},\"resource\":{\"group\":"
			  "\"\",\"version\":\"v1\",\"resource\":\"configmaps\"},\"name\":\"x\","
			  "\"namespace\":\"shop\",\"userInfo\":{\"username\":\"alice\"},\"object\":"
			  "{\"a\":1,\"l\":[0");
	for (int i = 1; i < 1000; i++)
		buf_printf(&out, ",%d", i);
	buf_add_str(&out, "],\"few\":[0");
	for (int i = 1; i < 150; i++)
		buf_printf(&out, ",%d", i);
	buf_add_str(&out, "]}}}");
	return (struct span){arena_strndup(arena, out.ptr, out.len), out.len};
}

struct expected_match {
	const char *rule; /* POLICY/RULE; NULL: no further one */
	const char *says; /* in its message */
	enum policy_limit limit;
	enum policy_action effective;
};

static const struct {
	const char *what;
	struct expected_match matches[4];
	const char *yaml;
} budgets[] = {
	{"a costly rule of a policy that does not enforce costs the others nothing",
		{{"a-team/r", EXPRESSION_SPENT, POLICY_LIMIT_EXPRESSION, POLICY_AUDIT},
			{"b-guard/r", "forbids", POLICY_LIMIT_NONE, POLICY_DENY}},
		POLICY("a-team") "  enforcement: DryRun\n  rules: [{name: r, action: Audit, " MATCH
				 ", when: [\"" COSTLY
				 "\"]}]\n" POLICY("b-guard") "  failurePolicy: Ignore\n  rules: "
							     "[{name: r, action: "
							     "Deny, " MATCH ", when: [\"" AFFORDED
							     "\"]}]\n"},
	{"the policy that costs too much is the one that denies",
		{{"a/r", EXPRESSION_SPENT, POLICY_LIMIT_EXPRESSION, POLICY_DENY},
			{"b/last", "forbids", POLICY_LIMIT_NONE, POLICY_DENY}},
		POLICY("a") "  rules: [{name: r, action: Deny, " MATCH ", when: [\"" COSTLY
			    "\"]}]\n" POLICY("b") "  rules: [" AFTER_ALL "]\n"},
	{"in one policy, the next expression has its own budget",
		{{"a/r", EXPRESSION_SPENT, POLICY_LIMIT_EXPRESSION, POLICY_DENY},
			{"a/last", "forbids", POLICY_LIMIT_NONE, POLICY_DENY}},
		POLICY("a") "  rules: [{name: r, action: Deny, " MATCH ", when: [\"" COSTLY
			    "\"]}, " AFTER_ALL "]\n"},
	{"a variable is an expression of its own",
		{{"a/r", "forbids", POLICY_LIMIT_NONE, POLICY_DENY}},
		POLICY("a") "  variables: [{name: v, expression: \"" AFFORDED
			    "\"}]\n  rules: [{name: r, action: Deny, " MATCH
			    ", when: [\"variables.v && " AFFORDED "\"]}]\n"},
	{"one that costs too much spends what needs it",
		{{"a/r", EXPRESSION_SPENT, POLICY_LIMIT_EXPRESSION, POLICY_DENY},
			{"a/last", "forbids", POLICY_LIMIT_NONE, POLICY_DENY}},
		POLICY("a") "  variables: [{name: v, expression: \"" COSTLY
			    "\"}]\n  rules: [{name: r, action: Deny, " MATCH
			    ", when: [\"true || variables.v\", \"variables.v || "
			    "true\"]}, " AFTER_ALL "]\n"},
};

static struct policy_decision decide(const struct policy_set *set,
	const struct policy_limits *limits, struct arena *arena, int expected)
{
	struct policy_request r = request_or_fail(review_of_lists(arena), arena);
	struct policy_decision d = {0};

	ck_assert_int_eq(policy_decide_within(set, &r, limits, arena, &d), expected);
	return d;
}

static void check_match(const struct policy_match *m, const struct expected_match *x)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(10000);
	char rule[100];

	snprintf(rule, sizeof(rule), "%s/%s", m->rule->policy, m->rule->rule);
	ck_assert_str_eq(rule, x->rule);
	buf_add_span(&text, m->message);
	ck_assert_msg(strstr(buf_str(&text), x->says) != NULL, "%s: %s", rule, buf_str(&text));
	ck_assert_int_eq(m->limit, x->limit);
	ck_assert_int_eq(m->effective, x->effective);
}

START_TEST(policy_budgets__whom_it_concerns)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(budgets[_i].yaml);
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 64u << 20);
	const struct policy_decision d = decide(set, NULL, arena, 0);
	size_t count = 0;

	while (budgets[_i].matches[count].rule)
		count++;
	ck_assert_msg(d.match_count == count, "%s: %zu", budgets[_i].what, d.match_count);
	for (size_t i = 0; i < count; i++)
		check_match(&d.matches[i], &budgets[_i].matches[i]);
}
END_TEST

/* Ten million are spent by and by; then its rules fail, and only its. */
START_TEST(policy_budgets__of_a_policy)
{
	_cleanup_(buf_free) struct buf yaml = BUF_INIT(1u << 20);
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 64u << 20);
	size_t failed = 0;

	buf_add_str(&yaml, POLICY("many") "  failurePolicy: Ignore\n  rules:\n");
	for (int i = 0; i < 40; i++)
		buf_printf(&yaml,
			"  - {name: r%d, action: Deny, " MATCH ", when: [\"" AFFORDED
			" && object.a < 1%02d\"]}\n",
			i, i);
	buf_add_str(&yaml, POLICY("b") "  rules: [" THOROUGH "]\n");
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(buf_str(&yaml));
	const struct policy_decision d = decide(set, NULL, arena, 0);

	ck_assert_uint_eq(d.match_count, 41);
	for (size_t i = 0; i < 40; i++) {
		failed += d.matches[i].limit == POLICY_LIMIT_POLICY;
		ck_assert_int_eq(d.matches[i].error, failed > 0);
	}
	ck_assert_msg(failed > 1 && failed < 35, "%zu of 40", failed);
	check_match(&d.matches[39], &(struct expected_match){"many/r39", POLICY_SPENT,
					    POLICY_LIMIT_POLICY, POLICY_WARN});
	check_match(&d.matches[40],
		&(struct expected_match){"b/r", "forbids", POLICY_LIMIT_NONE, POLICY_DENY});
}
END_TEST

/* Of memory, too; and what was said before it was short is still there. */
START_TEST(policy_budgets__memory)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(POLICY(
		"a") "  enforcement: Warn\n  rules:\n"
		     "  - {name: early, action: Deny, " MATCH
		     ", message: 'early {{ request.name }}'}\n"
		     "  - {name: r, action: Deny, " MATCH
		     ", when: [\"object.l.all(a, object.l.map(b, a + b).size() > 0)\"]}\n"
		     "  - {name: late, action: Deny, " MATCH
		     ", message: 'late {{ request.name }}'}\n" POLICY(
			     "b") "  rules: [{name: r, action: Deny, " MATCH
				  ", when: [\"object.l.map(a, a).size() == 1000\"], message: 'then "
				  "{{ request.name }}'}]\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);
	static const struct expected_match expected[] = {
		{"a/early", "early x", POLICY_LIMIT_NONE, POLICY_WARN},
		{"a/r", "needs more memory", POLICY_LIMIT_MEMORY, POLICY_WARN},
		{"a/late", "late x", POLICY_LIMIT_NONE, POLICY_WARN},
		{"b/r", "then x", POLICY_LIMIT_NONE, POLICY_DENY}};
	const struct policy_decision d = decide(set, NULL, arena, 0);

	ck_assert_uint_eq(d.match_count, ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		check_match(&d.matches[i], &expected[i]);
	ck_assert_str_eq(d.decisive->rule->policy, "b");
}
END_TEST

/* What a thread that others wait for may spend: beyond it there is no decision yet. */
START_TEST(policy_budgets__of_a_step)
{
	static const struct policy_limits step = {.cost = 5000};
	_cleanup_(policy_set_unrefp) struct policy_set *cheap =
		load_or_fail(POLICY("a") "  rules: [" AFTER_ALL "]\n");
	_cleanup_(policy_set_unrefp) struct policy_set *costly = load_or_fail(
		POLICY("a") "  rules: [" THOROUGH "]\n" POLICY("b") "  rules: [" AFTER_ALL "]\n");
	_cleanup_(policy_set_unrefp) struct policy_set *mutating =
		load_or_fail(POLICY("a") "  rules: [{name: m, action: Mutate, " CHANGES
					 ", mutate: {mergePatch: {x: '{{ object.l.filter(a, "
					 "object.l.all(b, a <= b)) }}'}}}]\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 64u << 20);
	struct policy_request r = request_or_fail(review_of_lists(arena), arena);
	struct policy_mutation m;

	ck_assert_uint_eq(decide(cheap, &step, arena, 0).match_count, 1);
	decide(costly, &step, arena, POLICY_UNFINISHED);
	r.endpoint = ENDPOINT_MUTATE;
	ck_assert_int_eq(policy_mutate_within(mutating, &r, &step, arena, &m), POLICY_UNFINISHED);
	ck_assert_int_eq(policy_mutate_within(cheap, &r, &step, arena, &m), 0);
}
END_TEST

/* What is not evaluated in time cannot be: each rule fails as its policy says. */
START_TEST(policy_budgets__of_time)
{
	const struct policy_limits over = {.until_us = 1};
	const struct policy_limits enough = {.until_us = (uint64_t)monotonic_us() + 3600000000u};
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(POLICY(
		"a") "  rules: [" THOROUGH
		     "]\n" POLICY("b") "  failurePolicy: Ignore\n  rules: [" AFTER_ALL "]\n" POLICY(
			     "c") "  rules: [{name: plain, action: Warn, " MATCH "}]\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 64u << 20);
	struct policy_decision d = decide(set, &over, arena, 0);

	ck_assert_uint_eq(d.match_count, 3);
	check_match(&d.matches[0], &(struct expected_match){"a/r", "--decision-timeout",
					   POLICY_LIMIT_TIME, POLICY_DENY});
	check_match(&d.matches[1], &(struct expected_match){"b/last", "--decision-timeout",
					   POLICY_LIMIT_TIME, POLICY_WARN});
	check_match(&d.matches[2],
		&(struct expected_match){"c/plain", "", POLICY_LIMIT_NONE, POLICY_WARN});
	d = decide(set, &enough, arena, 0);
	ck_assert_uint_eq(d.match_count, 3);
	ck_assert(!d.matches[0].error && !d.matches[1].error);
}
END_TEST

/* A policy that does not enforce leaves half of the time, and is blamed when it took more. */
START_TEST(policy_budgets__of_time_are_shared)
{
	const uint64_t now = (uint64_t)monotonic_us();
	const struct policy_limits limits = {.until_us = now + 3600000000u};
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 65536);
	struct cel_run run = cel_run(arena, 0);
	struct spending s;
	struct span said;

	spending_begin(&s, &run, &limits);
	spending_enter(&s, &run, &(struct evaluation_policy){.name = "trial"});
	ck_assert_uint_ge(run.until_us, now + 1800000000u);
	ck_assert_uint_lt(run.until_us, limits.until_us);
	s.policy_left -= 1000;
	spending_enter(&s, &run, &(struct evaluation_policy){.name = "guard", .enforces = true});
	ck_assert_uint_eq(run.until_us, limits.until_us);
	ck_assert_uint_eq(s.policy_left, POLICY_BUDGET);
	s.limit = POLICY_LIMIT_TIME;
	said = spending_message(&s, "guard", arena);
	ck_assert_msg(strstr(said.ptr, "policy trial took most"), "%s", said.ptr);
	s.policy_left -= 1001;
	said = spending_message(&s, "guard", arena);
	ck_assert_msg(strstr(said.ptr, "policy guard took most"), "%s", said.ptr);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, policy_budgets__whom_it_concerns, 0, ARRAY_LEN(budgets));
	tcase_add_test(t, policy_budgets__of_a_policy);
	tcase_add_test(t, policy_budgets__memory);
	tcase_add_test(t, policy_budgets__of_a_step);
	tcase_add_test(t, policy_budgets__of_time);
	tcase_add_test(t, policy_budgets__of_time_are_shared);
	return run_tests(t);
}
