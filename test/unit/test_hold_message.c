/* SPDX-License-Identifier: Apache-2.0 */
/* What a requester is told about a hold, for each verdict. */
#include "webhook/hold/hold_message.h"

#include "support/run_tests.h"
#include "unit/hold_support.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(4096, 1 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	arena_free(arena);
}

#define EXPIRES	     "2026-01-02T03:04:05Z"
#define TEXT_EXPIRES "2026-01-02 03:04:05 UTC"
#define COMMANDS(why)                                                                              \
	"To approve:  holdpoint approve 42" why "\n"                                               \
	"        or:  kubectl holdpoint approve 42" why "\n"                                       \
	"        or:  psql -c \"SELECT holdpoint.approve(42, 'reason')\"\n"                        \
	"What you asked for:  kubectl holdpoint list --mine"
#define REASON "deletions need a person\n"
#define NEXT(who)                                                                                  \
	"You cannot approve it. Tell the person you work for that it needs " who                   \
	", and do not try another way. When it is approved, repeat exactly this request; to wait " \
	"for it: kubectl holdpoint wait 42\n"
#define DENIED                                                                                     \
	"Held by rule agents/deletes. Do not repeat this request, and do not try another way: "    \
	"tell the person you work for, who can ask the people named here."

static const struct {
	unsigned code;
	const char *reason, *cause;
	bool retry;
	const char *text;
	const char *facts; /* field=text, one after the other */
	unsigned rules;
	bool dry_run;
	struct hold_verdict verdict;
} cases[] = {
	{403, "Forbidden", "HoldPending", false,
		"hold 42 waits for approval\n" NEXT("sre") REASON
		"Held by rule agents/deletes; may be "
		"approved by sre (0 of 1 approvals); expires " TEXT_EXPIRES
		".\nAn approval opens: this one change.\n" COMMANDS(""),
		"hold=42 approvers=sre expires=" EXPIRES " approvals=0/1 rule=agents/deletes ",
		RULE_DELETES, false,
		{.kind = HOLD_HELD,
			.id = 42,
			.expires = EXPIRES,
			.min_approvals = 1,
			.opens = {"this one change", 15}}},
	{403, "Forbidden", "HoldPending", false,
		"hold 42 waits for approval: nobody has decided yet\n" NEXT(
			"sre and security, on \"call\"") REASON
		"Held by rules agents/deletes, prod/freeze; must be approved by sre and security, "
		"on \"call\"; expires " TEXT_EXPIRES ".\n" COMMANDS(""),
		"hold=42 approvers=sre and security, on \"call\" expires=" EXPIRES
		" approvals=1/2 rule=agents/deletes rule=prod/freeze ",
		RULE_DELETES | RULE_FREEZE | RULE_NOTED, false,
		{.kind = HOLD_HELD,
			.id = 42,
			.gave_up_waiting = true,
			.expires = EXPIRES,
			.approvals = 1,
			.min_approvals = 2}},
	/* what the database says is missing goes before what the rules say */
	{429, "TooManyRequests", "HoldPending", true,
		"hold 42 waits for approval\n" NEXT("one of ops") REASON
		"Held by rule agents/windows; may be "
		"approved by one of ops (1 of 2 approvals); expires " TEXT_EXPIRES
		".\n" COMMANDS(" --reason '…'"),
		"hold=42 approvers=one of ops expires=" EXPIRES
		" approvals=1/2 rule=agents/windows ",
		RULE_WINDOWS, false,
		{.kind = HOLD_HELD,
			.id = 42,
			.expires = EXPIRES,
			.approvals = 1,
			.min_approvals = 2,
			.approvers = {"one of ops", 10}}},
	{403, "Forbidden", "HoldPending", false,
		"dry run: this change would be held for approval\n" REASON
		"Held by rule agents/windows; may be approved by any approver. A dry run makes no "
		"hold: send the request itself to ask for approval.",
		"approvers=any approver rule=agents/windows ", RULE_WINDOWS, true,
		{.kind = HOLD_HELD}},
	{403, "Forbidden", "HoldPending", false,
		"dry run: hold 42 for this change waits for approval\n" REASON
		"Held by rule agents/deletes; may be approved by sre. A dry run makes no hold: "
		"send the request itself to ask for approval.",
		"hold=42 approvers=sre rule=agents/deletes ", RULE_DELETES, true,
		{.kind = HOLD_HELD, .id = 42}},
	{403, "Forbidden", "HoldDenied", false,
		"hold 42 was denied by alice\n" REASON "Reason given: not today\n" DENIED,
		"hold=42 approvers=sre rule=agents/deletes ", RULE_DELETES, false,
		{.kind = HOLD_DENIED,
			.id = 42,
			.state = {"denied", 6},
			.decided_by = {"alice", 5},
			.reason = {"not today", 9}}},
	{403, "Forbidden", "HoldDenied", false, "hold 42 was denied by alice\n" REASON DENIED,
		"hold=42 approvers=sre rule=agents/deletes ", RULE_DELETES, false,
		{.kind = HOLD_DENIED, .id = 42, .decided_by = {"alice", 5}}},
	{403, "Forbidden", "HoldDenied", false,
		"hold 42 was approved for less than this\n" REASON
		"The approver limited it to a namespace or name that this request is not in.\n"
		"It opens: pods prod/a.\n`holdpoint holds show 42` tells more.",
		"hold=42 approvers=sre rule=agents/deletes ", RULE_DELETES, false,
		{.kind = HOLD_DENIED,
			.id = 42,
			.state = {"approved", 8},
			.opens = {"pods prod/a", 11}}},
	{403, "Forbidden", "HoldPending", false,
		"hold 42 is approved for the request itself, not for dry runs of it, each of which "
		"gives out the same\n" REASON
		"Held by rule agents/deletes. Send the request without dry run.",
		"hold=42 approvers=sre rule=agents/deletes ", RULE_DELETES, true,
		{.kind = HOLD_HELD, .id = 42, .state = {"approved", 8}}},
	{403, "Forbidden", "HoldLimit", false,
		"too many holds: 50 holds of this identity wait already\n" REASON
		"Held by rule agents/deletes. Nothing was stored: have some of them approved, "
		"denied or withdrawn first (`kubectl holdpoint list`).",
		"approvers=sre rule=agents/deletes ", RULE_DELETES, false,
		{.kind = HOLD_LIMIT, .reason = {"50 holds of this identity wait already", 38}}},
	{403, "Forbidden", "HoldLimit", false,
		"not now: 5 holds were denied\n" REASON
		"Held by rule agents/deletes. Nothing was stored: new holds are made again "
		"from " TEXT_EXPIRES " on. Do not try other ways; ask the people who denied.",
		"approvers=sre expires=2026-01-02T03:04:05Z rule=agents/deletes ", RULE_DELETES,
		false,
		{.kind = HOLD_PAUSED,
			.reason = {"5 holds were denied", 19},
			.expires = "2026-01-02T03:04:05Z"}},
	{429, "TooManyRequests", "HoldBusy", true,
		"the hold of this request is being decided on, or used, at this moment\n" REASON
		"Held by rule agents/deletes. Nothing was changed; repeat the request later.",
		"approvers=sre rule=agents/deletes ", RULE_DELETES, false, {.kind = HOLD_IN_HAND}},
	{429, "TooManyRequests", "HoldBusy", true,
		"too many requests ask for approval at once: repeat it later\n" REASON
		"Held by rule agents/deletes. Nothing was changed; repeat the request later.",
		"approvers=sre rule=agents/deletes ", RULE_DELETES, false, {.kind = HOLD_RATE}},
	{429, "TooManyRequests", "HoldBusy", true,
		"too many requests ask for approval at once: repeat it later\n" REASON
		"Held by rule agents/deletes. Nothing was changed; repeat the request later.",
		"approvers=sre rule=agents/deletes ", RULE_DELETES, false, {.kind = HOLD_BUSY}},
	{503, "ServiceUnavailable", "HoldUnavailable", false,
		"needs an approval, and approvals cannot be looked up: the database of Holdpoint "
		"is unreachable\n" REASON
		"Held by rule agents/deletes. Nothing was changed; repeat the request later.",
		"approvers=sre rule=agents/deletes ", RULE_DELETES, false,
		{.kind = HOLD_UNAVAILABLE}},
	{503, "ServiceUnavailable", "HoldUnavailable", false,
		"needs an approval, and the hold gate failed: too large\n" REASON
		"Held by rule agents/deletes. Nothing was changed; repeat the request later.",
		"approvers=sre rule=agents/deletes ", RULE_DELETES, false,
		{.kind = HOLD_FAILED, .error = {"too large", 9}}},
	/* whoever was never asked has not said yes */
	{503, "ServiceUnavailable", "HoldUnavailable", false,
		"needs an approval, and the hold gate failed: \n" REASON
		"Held by rule agents/deletes. Nothing was changed; repeat the request later.",
		"approvers=sre rule=agents/deletes ", RULE_DELETES, false,
		{.kind = HOLD_NOT_ASKED}},
};

static const char *facts_of(const struct hold_message *m)
{
	static struct buf b = BUF_INIT(65536);

	buf_reset(&b);
	for (size_t i = 0; i < m->fact_count; i++)
		buf_printf(&b, "%s=%.*s ", m->facts[i].field, SPAN_FMT(m->facts[i].text));
	return buf_str(&b);
}

START_TEST(hold_message__of_each_verdict)
{
	struct policy_match matches[ARRAY_LEN(hold_rules)];
	const struct policy_decision d = hold_decision(cases[_i].rules, matches);
	const struct policy_request r = {.dry_run = cases[_i].dry_run};
	struct hold_query q;
	struct hold_message m;

	hold_query_init(&q, &r, &d, SPAN("uid"), "sha256:00");
	hold_message_of(&q, &cases[_i].verdict, arena, &m);
	ck_assert_uint_eq(m.code, cases[_i].code);
	ck_assert_str_eq(m.reason, cases[_i].reason);
	ck_assert_str_eq(m.cause, cases[_i].cause);
	ck_assert_int_eq(m.retry, cases[_i].retry);
	ck_assert_str_eq(arena_strndup(arena, m.text.ptr, m.text.len), cases[_i].text);
	ck_assert_str_eq(facts_of(&m), cases[_i].facts);
	ck_assert_int_eq(m.warning.ptr != NULL, cases[_i].dry_run);
}
END_TEST

/* The rules come last, because there may be more than have room. */
START_TEST(hold_message__facts_beyond_the_maximum_are_left_out)
{
	const struct hold_verdict v = {
		.kind = HOLD_HELD, .id = 42, .expires = EXPIRES, .min_approvals = 1};
	struct policy_match matches[20];
	struct policy_decision d = {
		.action = POLICY_HOLD, .matches = matches, .decisive = matches, .match_count = 20};
	const struct policy_request r = {0};
	struct hold_query q;
	struct hold_message m;

	for (size_t i = 0; i < ARRAY_LEN(matches); i++)
		matches[i] = (struct policy_match){
			.rule = &hold_rules[0], .effective = POLICY_HOLD, .message = SPAN("m")};
	hold_query_init(&q, &r, &d, SPAN("uid"), "sha256:00");
	hold_message_of(&q, &v, arena, &m);
	ck_assert_uint_eq(m.fact_count, HOLD_FACTS_MAX);
	ck_assert_str_eq(m.facts[0].field, "hold");
	ck_assert_str_eq(m.facts[3].field, "approvals");
	ck_assert_str_eq(m.facts[HOLD_FACTS_MAX - 1].field, "rule");
}
END_TEST

/* Without memory for its words a denial is still one. */
START_TEST(hold_message__without_memory)
{
	struct policy_match matches[ARRAY_LEN(hold_rules)];
	const struct policy_decision d = hold_decision(RULE_DELETES, matches);
	const struct hold_verdict v = {.kind = HOLD_DENIED, .id = 42};
	const struct policy_request r = {0};
	struct hold_query q;
	struct hold_message m;

	hold_query_init(&q, &r, &d, SPAN("uid"), "sha256:00");
	while (arena_alloc(arena, 1))
		;
	hold_message_of(&q, &v, arena, &m);
	ck_assert_uint_eq(m.code, 403);
	ck_assert(span_eq_str(m.text, "held for approval"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_message");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, hold_message__of_each_verdict, 0, ARRAY_LEN(cases));
	tcase_add_test(t, hold_message__facts_beyond_the_maximum_are_left_out);
	tcase_add_test(t, hold_message__without_memory);
	return run_tests(t);
}
