/* SPDX-License-Identifier: Apache-2.0 */
/* What requests reach of the rules of a set, and the ledger of many sets. */
#include <check.h>

#include "policy/reach.h"
#include "support/run_tests.h"

static struct condition_reach never = {.source = {"a", 1}}, yes = {{"b", 1}, true, false},
			      no = {{"c", 1}, false, true}, both = {{"d\ne", 3}, true, true};

static void check_gaps(const char *expected, bool asked, bool applied, struct condition_reach first,
	struct condition_reach second, size_t count)
{
	struct condition_reach conditions[] = {first, second};
	const struct rule_reach r = {.asked = asked,
		.applied = applied,
		.conditions = conditions,
		.condition_count = count};
	_cleanup_(buf_free) struct buf all = BUF_INIT(4096), one = BUF_INIT(4096);

	for (size_t at = 0; reach_next_gap(&r, &at, &one);) {
		buf_add_span(&all, buf_span(&one));
		buf_add_char(&all, '|');
	}
	ck_assert_str_eq(all.len ? buf_str(&all) : "", expected);
}

START_TEST(policy_reach__gaps_in_words)
{
	check_gaps("no case is about it|", false, false, never, never, 2);
	check_gaps("no case is about it|", false, false, never, never, 0);
	check_gaps("it never applies|", true, false, never, never, 0);
	check_gaps("", true, true, never, never, 0);
	check_gaps("condition 1 is never true: c|condition 2 is never evaluated: a|", true, false,
		no, never, 2);
	check_gaps("condition 1 is never false: b|", true, true, yes, both, 2);
	check_gaps("its conditions are never true together|", true, false, both, both, 2);
	check_gaps("condition 2 is never true: c|", true, false, both, no, 2);
	check_gaps("", true, true, both, both, 2);
}
END_TEST

START_TEST(policy_reach__long_and_many_lined_conditions_are_cut)
{
	struct condition_reach c = {.source = SPAN("first\nsecond")};
	char text[400];

	check_gaps("condition 1 is never evaluated: first …|", true, true, c, never, 1);
	memset(text, 'x', sizeof(text));
	c.source = (struct span){text, sizeof(text)};
	struct condition_reach conditions[] = {c};
	const struct rule_reach r = {
		.asked = true, .applied = true, .conditions = conditions, .condition_count = 1};
	_cleanup_(buf_free) struct buf one = BUF_INIT(4096);
	size_t at = 0;

	ck_assert(reach_next_gap(&r, &at, &one));
	ck_assert_uint_lt(one.len, 220);
	ck_assert(!reach_next_gap(&r, &at, &one));
}
END_TEST

START_TEST(policy_reach__same_place_is_the_same_rule)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);
	struct reach_ledger l = {.arena = arena};
	struct condition_reach first[] = {yes}, second[] = {no};
	struct rule_reach r = {.policy = "p",
		.rule = "r",
		.file = HOLDPOINT_SOURCE_DIR "/policy/../VERSION",
		.line = 3,
		.column = 5,
		.asked = true,
		.applied = true,
		.conditions = first,
		.condition_count = 1};
	const struct policy_reach one = {&r, 1};
	struct reach_total t;

	ck_assert_int_eq(reach_ledger_add(&l, &one), 0);
	r.file = HOLDPOINT_SOURCE_DIR "/VERSION";
	r.conditions = second;
	ck_assert_int_eq(reach_ledger_add(&l, &one), 0);
	t = reach_ledger_total(&l);
	ck_assert_uint_eq(t.rules, 1);
	ck_assert_uint_eq(t.branches, 2);
	ck_assert_uint_eq(t.branches_reached, 2);
	r.line = 4;
	for (unsigned i = 0; i < 200; i++, r.line++)
		ck_assert_int_eq(reach_ledger_add(&l, &one), 0);
	t = reach_ledger_total(&l);
	ck_assert_uint_eq(t.rules, 201);
	ck_assert_uint_eq(t.rules_applied, 201);
	ck_assert_uint_eq(t.branches_reached, 202);
}
END_TEST

START_TEST(policy_reach__a_full_arena_is_an_error)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 16);
	struct reach_ledger l = {.arena = arena};
	struct condition_reach c[] = {yes};
	struct rule_reach r = {.policy = "p", .rule = "r", .conditions = c, .condition_count = 1};
	const struct policy_reach one = {&r, 1};
	int rc = 0;

	for (unsigned i = 0; i < 5000 && rc == 0; i++)
		rc = reach_ledger_add(&l, &one);
	ck_assert_int_eq(rc, -1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_test(t, policy_reach__gaps_in_words);
	tcase_add_test(t, policy_reach__long_and_many_lined_conditions_are_cut);
	tcase_add_test(t, policy_reach__same_place_is_the_same_rule);
	tcase_add_test(t, policy_reach__a_full_arena_is_an_error);
	return run_tests(t);
}
