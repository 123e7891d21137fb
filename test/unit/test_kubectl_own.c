/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl holdpoint status, wait, comment: what is sent, what is said, and the exit codes. */
#include "unit/kube_api_support.h"

static int run(const char *arguments)
{
	return run_program("kubectl-holdpoint", arguments);
}

#define STATUS(state, more)                                                                        \
	"{\"status\":{\"holds\":[{\"hold\":42,\"state\":\"" state                                  \
	"\",\"operation\":\"DELETE\",\"resource\":\"pods\",\"namespace\":\"prod\",\"name\":"       \
	"\"web\\u001b\",\"rules\":\"p/r\",\"approverNames\":\"sre\",\"expiresInSeconds\":90,"      \
	"\"decidedBy\":null" more "}]}}"

static const struct {
	int expected;
	const char *says;
	unsigned status;
	const char *body;
} cases[] = {
	{4, "hold 42 pending: it waits; do not try another way\n", 201, STATUS("pending", "")},
	{0, "hold 42 approved: repeat exactly the request now\n", 201, STATUS("approved", "")},
	{0, "hold 42 used: the request has passed\n", 201, STATUS("used", "")},
	{3, "hold 42 denied: do not repeat the request, and do not try another way\n", 201,
		STATUS("denied", ",\"reason\":\"no\"")},
	{3, "hold 42 expired: nobody decided in time; repeat the request to ask again, once\n", 201,
		STATUS("expired", "")},
	{3, "hold 42 withdrawn: it was taken back\n", 201, STATUS("withdrawn", "")},
	{1, "the answer has no state of hold 42", 201, STATUS("else", "")},
	{1, "the answer has no state of hold 42", 201, "{\"status\":{\"holds\":[]}}"},
	{1, "the answer holds no list", 201, "{}"},
	{3, "no hold 42 of yours (HTTP 403)", 403, "{\"message\":\"no hold 42 of yours\"}"},
	{1, "the API server's answer is not JSON", 201, "<html>"},
};

START_TEST(kubectl_own__says_what_became_of_it)
{
	reply_status = cases[_i].status;
	reply = cases[_i].body;
	ck_assert_int_eq(run("status 42"), cases[_i].expected);
	has(cases[_i].says);
	has_not("\033");
	sent("\"spec\":{\"decision\":\"Status\",\"hold\":42}}");
	ck_assert_int_eq(run("wait 42 --timeout 0"), cases[_i].expected);
	has(cases[_i].says);
}
END_TEST

START_TEST(kubectl_own__tells_what_there_is)
{
	reply = STATUS("denied", ",\"reason\":\"not today\"");
	ck_assert_int_eq(run("status 42"), 3);
	has("  Request:   DELETE pods prod/web?\n");
	has("  Rule:      p/r\n");
	has("  Reason:    not today\n");
	has_not("By:");
	has_not("Approvers:");
	ck_assert_int_eq(run("status 42 -o json"), 3);
	has("\"state\": \"denied\"");
	ck_assert_int_eq(run("status"), 2);
	ck_assert_int_eq(run("status x"), 2);
	ck_assert_int_eq(run("wait"), 2);
}
END_TEST

START_TEST(kubectl_own__waits_until_it_is_decided)
{
	replies[0] = (struct kube_reply){REVIEWS, 201, STATUS("pending", "")};
	replies[1] = (struct kube_reply){REVIEWS, 201, STATUS("approved", "")};
	ck_assert_int_eq(run("wait 42 --timeout 60s"), 0);
	has("hold 42 approved");
	has_not("pending");
	memset(replies, 0, sizeof(replies));
	reply = STATUS("pending", "");
	ck_assert_int_eq(run("wait 42 --timeout 1500ms"), 4);
	has("hold 42 pending");
}
END_TEST

/* Of several holds the exit code tells of the one that asks for most. */
START_TEST(kubectl_own__several)
{
	replies[0] = (struct kube_reply){REVIEWS, 201, STATUS("denied", "")};
	replies[1] = (struct kube_reply){REVIEWS, 201, STATUS("pending", "")};
	replies[2] = (struct kube_reply){REVIEWS, 201, STATUS("approved", "")};
	ck_assert_int_eq(run("status 42 43 44"), 3);
	has("hold 42 denied");
	has("hold 43 pending");
	has("hold 44 approved");
}
END_TEST

START_TEST(kubectl_own__comments)
{
	reply = "{\"metadata\":{\"name\":\"comment-42-x\"}}";
	ck_assert_int_eq(run("comment 42 'it is \"late\"'"), 0);
	sent("\"generateName\":\"comment-42-\"},\"spec\":{\"decision\":\"Comment\",\"hold\":42");
	sent("\"reason\":\"it is \\\"late\\\"\"}}");
	has("done\n");
	seen_body[0] = 0;
	ck_assert_int_eq(run("comment 42"), 2);
	ck_assert_int_eq(run("comment text 42"), 2);
	ck_assert_str_eq(seen_body, "");
	reply_status = 403;
	reply = "{\"message\":\"no hold 42 of yours\"}";
	ck_assert_int_eq(run("comment 42 x"), 3);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("kubectl_own");

	tcase_add_checked_fixture(t, kube_api_setup, kube_api_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, kubectl_own__says_what_became_of_it, 0, ARRAY_LEN(cases));
	tcase_add_test(t, kubectl_own__tells_what_there_is);
	tcase_add_test(t, kubectl_own__waits_until_it_is_decided);
	tcase_add_test(t, kubectl_own__several);
	tcase_add_test(t, kubectl_own__comments);
	return run_tests(t);
}
