/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl holdpoint deny --user and withdraw: what is asked before, what is sent, and what is said
 * of the answer.
 */
#include "unit/kube_api_support.h"

static int run(const char *arguments)
{
	return run_program("kubectl-holdpoint", arguments);
}

START_TEST(kubectl_cancel__denies_all_of_a_user)
{
	reply = "{}";
	ck_assert_int_eq(
		run("deny --user agent --yes -n prod --rule no-exec --reason 'a \"test\"'"), 0);
	has("done\n");
	sent("\"generateName\":\"deny-\"},\"spec\":{\"decision\":\"Deny\"");
	sent("\"requester\":\"agent\"");
	sent("\"namespace\":\"prod\"");
	sent("\"rule\":\"no-exec\"");
	sent("\"reason\":\"a \\\"test\\\"\"}}");
	ck_assert_int_eq(run("deny --user agent --yes -o json"), 0);
	has("{}");
}
END_TEST

#define HOLD(id)                                                                                   \
	"{\"hold\":" id ",\"operation\":\"DELETE\",\"resource\":\"pods\",\"namespace\":\"prod\","  \
	"\"name\":\"web\\u001b" id "\",\"rules\":\"p/r\"}"

/* Without --yes somebody must have seen what it is about; nobody is at a terminal here. */
static const struct {
	int expected;
	const char *says;
	unsigned status;
	const char *body;
} asked[] = {
	{2, "1 hold of agent waits for approval.\n", 201,
		"{\"status\":{\"holds\":[" HOLD("7") "]}}"},
	{2, "2 holds of agent wait for approval.\n", 201,
		"{\"status\":{\"holds\":[" HOLD("7") "," HOLD("8") "]}}"},
	{2, "1 or more hold of agent wait for approval.\n", 201,
		"{\"status\":{\"more\":true,\"holds\":[" HOLD("7") "]}}"},
	{3, "nothing of agent waits for you", 201, "{\"status\":{\"holds\":[]}}"},
	{1, "the answer holds no list", 201, "{}"},
	{1, "the answer holds no list", 201, "{\"status\":{\"holds\":42}}"},
	{3, "not you (HTTP 403)", 403, "{\"message\":\"not you\"}"},
	{1, "the API server's answer is not JSON", 201, "<html>"},
};

START_TEST(kubectl_cancel__asks_before_it_denies_all)
{
	reply_status = asked[_i].status;
	reply = asked[_i].body;
	ck_assert_int_eq(run("deny --user agent"), asked[_i].expected);
	has(asked[_i].says);
	has_not("\033");
	sent("\"spec\":{\"decision\":\"List\",\"requester\":\"agent\"}}"); /* and no more */
	if (asked[_i].expected == 2)
		has("prod/web?7");
}
END_TEST

START_TEST(kubectl_cancel__deny_wants_numbers_or_a_user)
{
	seen_body[0] = 0;
	ck_assert_int_eq(run("deny 42 --user agent"), 2);
	ck_assert_int_eq(run("deny -n prod 42"), 2);
	ck_assert_int_eq(run("deny"), 2);
	ck_assert_str_eq(seen_body, "");
}
END_TEST

START_TEST(kubectl_cancel__withdraws)
{
	reply = "{\"metadata\":{\"name\":\"withdraw-42-x\"}}";
	ck_assert_int_eq(run("withdraw 42 --reason wrong"), 0);
	sent("\"generateName\":\"withdraw-42-\"},\"spec\":{\"decision\":\"Withdraw\",\"hold\":42");
	sent("\"reason\":\"wrong\"}}");
	has("done\n");
	ck_assert_int_eq(run("withdraw 42 -o json"), 0);
	has("\"name\": \"withdraw-42-x\"");
	reply_status = 403;
	reply = "{\"message\":\"hold 42: not yours\\u202e\"}";
	ck_assert_int_eq(run("withdraw 42 43"), 3);
	has("not yours? (HTTP 403)");
	sent("\"hold\":43"); /* the second was tried all the same */
	seen_body[0] = 0;
	ck_assert_int_eq(run("withdraw"), 2);
	ck_assert_int_eq(run("withdraw 0x2a"), 2);
	ck_assert_str_eq(seen_body, "");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("kubectl_cancel");

	tcase_add_checked_fixture(t, kube_api_setup, kube_api_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, kubectl_cancel__denies_all_of_a_user);
	tcase_add_loop_test(t, kubectl_cancel__asks_before_it_denies_all, 0, ARRAY_LEN(asked));
	tcase_add_test(t, kubectl_cancel__deny_wants_numbers_or_a_user);
	tcase_add_test(t, kubectl_cancel__withdraws);
	return run_tests(t);
}
