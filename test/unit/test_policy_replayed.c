/* SPDX-License-Identifier: Apache-2.0 */
/* What is certain of a request of which not everything was recorded. */
#include <check.h>
#include <stdio.h>

#include "policy/replayed.h"
#include "policy/review/review.h"
#include "policy/set_internal.h"
#include "support/run_tests.h"

#define POLICY(more)                                                                               \
	"apiVersion: holdpoint.dev/v1alpha1\n"                                                     \
	"kind: GuardrailPolicy\n"                                                                  \
	"metadata: {name: p}\n"                                                                    \
	"spec:\n"                                                                                  \
	"  match: [{apiGroups: [''], resources: [pods], operations: ['*']}]\n"                     \
	"  variables:\n"                                                                           \
	"  - {name: was, expression: 'oldObject.spec'}\n"                                          \
	"  rules:\n" more

static const struct {
	const char *expected; /* certain action, " or " what may be, ": " why */
	const char *rules;
	bool object, old_object;
} cases[] = {
	{"Deny", "  - {name: r, action: Deny, message: m}\n", false, false},
	{"None", "  - {name: r, action: Deny, message: m, when: [\"object.spec.x == 2\"]}\n", true,
		false},
	{"Deny", "  - {name: r, action: Deny, message: m, when: [\"object.spec.x == 1\"]}\n", true,
		false},
	{"None or Deny: it looks at the object, which is not recorded",
		"  - {name: r, action: Deny, message: m, when: [\"object.spec.x == 1\"]}\n", false,
		false},
	{"None or Hold: it looks at the object as it was, which is not recorded",
		"  - {name: r, action: Hold, message: m, when: [\"variables.was.x == 1\"]}\n", true,
		false},
	/* one condition that is known and false settles it */
	{"None",
		"  - {name: r, action: Deny, message: m, when: [\"oldObject.spec.x == 1\", "
		"\"request.name == 'other'\"]}\n",
		true, false},
	/* what may be is no more than what is certain */
	{"Deny",
		"  - {name: a, action: Hold, message: m, when: [\"oldObject.spec.x == 1\"]}\n"
		"  - {name: b, action: Deny, message: m}\n",
		true, false},
	{"Hold or Deny: it looks at the object as it was, which is not recorded",
		"  - {name: a, action: Hold, message: m}\n"
		"  - {name: b, action: Deny, message: m, when: [\"oldObject.spec.x == 1\"]}\n",
		true, false},
	/* an exemption that is not known makes what follows so */
	{"None or Deny: it looks at the object as it was, which is not recorded",
		"  - {name: a, action: Allow, when: [\"oldObject.spec.x == 1\"]}\n"
		"  - {name: b, action: Deny, message: m}\n",
		true, false},
	{"Allow",
		"  - {name: a, action: Allow, when: [\"request.name == 'web'\"]}\n"
		"  - {name: b, action: Deny, message: m, when: [\"oldObject.spec.x == 1\"]}\n",
		true, false},
	{"None or Deny: it counts requests",
		"  - {name: a, action: Deny, message: m, limit: {count: 5, window: 1h, per: "
		"User}}\n",
		true, true},
	{"None or Deny: no such key",
		"  - {name: r, action: Deny, message: m, when: [\"object.spec.y == 1\"]}\n", true,
		true},
};

START_TEST(policy_replayed__certain_or_not)
{
	static const char review_text[] =
		"{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":"
		"{\"uid\":\"u\",\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"},"
		"\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},\"name\":"
		"\"web\",\"namespace\":\"prod\",\"operation\":\"UPDATE\",\"userInfo\":{"
		"\"username\":\"a\",\"groups\":[]},\"object\":{\"spec\":{\"x\":1}},"
		"\"oldObject\":null}}";
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 1 << 24);
	_cleanup_(buf_free) struct buf text = BUF_INIT(65536), got = BUF_INIT(4096);
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	const struct policy_recorded recorded = {cases[_i].object, cases[_i].old_object};
	struct yaml_errors errors;
	struct policy_replayed r;
	struct review review;
	struct err e;

	buf_add_str(&text, POLICY(""));
	buf_add_str(&text, cases[_i].rules);
	ck_assert_msg(policy_set_load_text("t", buf_span(&text), &set, &errors) == 0, "%s",
		errors.count ? buf_str(&errors.text) : "");
	buf_free(&errors.text);
	ck_assert_int_eq(review_read(span_of(review_text), 10000, arena, &review, &e), REVIEW_OK);
	ck_assert_int_eq(policy_replay(set, &review.request, &recorded, arena, &r), 0);
	buf_add_str(&got, policy_action_name(r.action));
	if (!policy_replayed_is_certain(&r))
		buf_printf(&got, " or %s: %s", policy_action_name(r.possible), r.why);
	ck_assert_msg(strncmp(buf_str(&got), cases[_i].expected, strlen(cases[_i].expected)) == 0,
		"case %d: expected %s, got %s", _i, cases[_i].expected, buf_str(&got));
	ck_assert(strstr(cases[_i].expected, " or ") || !strstr(buf_str(&got), " or "));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, policy_replayed__certain_or_not, 0, ARRAY_LEN(cases));
	return run_tests(t);
}
