/* SPDX-License-Identifier: Apache-2.0 */
/* Rules with a limit where nothing can be counted: they apply, and say why. */
#include "webhook/hold/limits.h"

#include "support/run_tests.h"
#include "unit/decide_support.h"

#define RULE(name, action, rest)                                                                   \
	"  - {name: " name ", action: " action ", message: said, " rest                            \
	"match: [{apiGroups: ['*'], resources: ['*/*'], operations: ['*']}]}\n"
#define LIMIT	  "limit: {count: 3, window: 1h}, "
#define LIMIT_ALL "limit: {count: 3, window: 10m, per: Rule}, "

static const struct {
	bool wanted;
	enum policy_action action;
	size_t matches;
	const char *message, *rules;
} cases[] = {
	{false, POLICY_HOLD, 1, "said", RULE("a", "Hold", "")},
	{true, POLICY_HOLD, 1,
		"said (more than 3 in 1h? It cannot be counted: the database does not answer)",
		RULE("a", "Hold", LIMIT)},
	{true, POLICY_DENY, 1,
		"said (more than 3 in 10m? It cannot be counted: the database does not answer)",
		RULE("a", "Deny", LIMIT_ALL)},
	{true, POLICY_HOLD, 2,
		"said (more than 3 in 1h? It cannot be counted: the database does not answer)",
		RULE("a", "Hold", LIMIT) RULE("b", "Warn", "")},
	/* denied anyway: nothing is counted, and nothing is said of it */
	{false, POLICY_DENY, 1, "said", RULE("a", "Hold", LIMIT) RULE("b", "Deny", "")},
	/* what failed is not counted either */
	{false, POLICY_DENY, 1, NULL, RULE("a", "Hold", LIMIT "when: ['object.x.y'], ")},
};

START_TEST(limits__that_cannot_be_counted)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	struct span yaml = arena_printf(arena, POLICY("p") "  rules:\n%s", cases[_i].rules);
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml.ptr);
	const struct policy_request r = request_of("DELETE /pods ns n u", arena);
	struct policy_decision d;

	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_msg(limits_wanted(&d) == cases[_i].wanted, "%s", cases[_i].rules);
	if (cases[_i].wanted)
		limits_apply(&d, &r, "c", NULL, arena);
	ck_assert_int_eq(d.action, cases[_i].action);
	ck_assert_uint_eq(d.match_count, cases[_i].matches);
	if (cases[_i].message)
		ck_assert_msg(span_eq_str(d.decisive->message, cases[_i].message), "%.*s",
			SPAN_FMT(d.decisive->message));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("limits");

	tcase_add_loop_test(t, limits__that_cannot_be_counted, 0, ARRAY_LEN(cases));
	return run_tests(t);
}
