/* SPDX-License-Identifier: Apache-2.0 */
/* An approval that waits for the API server's audit event: how it is asked after, and ends. */
#include "cli/kubectl/kubectl_review.h"

#include "unit/kube_api_support.h"

static const struct command self = {.name = "approve"};

/* Waits so long for hold 42; the exit code, and in out what was said. */
static int wait_for(int64_t wait_ms, bool quiet)
{
	struct kube_config config = {0};
	struct err e;
	FILE *file_of_both = tmpfile();
	int saved[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)}, rc;
	char path[256];
	ssize_t len;

	ck_assert_ptr_nonnull(file_of_both);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", dir);
	setenv("PATH", path, 1);
	setenv("no_proxy", "*", 1);
	fflush(stdout);
	dup2(fileno(file_of_both), STDOUT_FILENO);
	dup2(fileno(file_of_both), STDERR_FILENO);
	rc = kube_config_load(&(struct kube_options){0}, arena, &config, &e);
	hand_over();
	if (rc == 0)
		rc = kubectl_await_confirmation(&self, &config, "42", wait_ms, quiet);
	hand_over();
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		dup2(saved[i], i == 0 ? STDOUT_FILENO : STDERR_FILENO);
		close(saved[i]);
	}
	len = pread(fileno(file_of_both), out, sizeof(out) - 1, 0);
	out[len > 0 ? len : 0] = 0;
	fclose(file_of_both);
	return rc;
}

#define REVIEW(members) "{\"status\":{\"holds\":[],\"review\":{" members "}}}"

static const struct {
	int expected;
	const char *says;
	const char *body;
} ends[] = {
	{CLI_OK, "hold 42 approved\n",
		REVIEW("\"state\":\"confirmed\",\"holdState\":\"approved\",\"counted\":true")},
	{CLI_OK, "hold 42 approved. Opens: this one ?change\n",
		REVIEW("\"state\":\"confirmed\",\"holdState\":\"approved\",\"counted\":true,"
		       "\"opens\":\"this one \\u001bchange\"")},
	{CLI_OK, "hold 42: your approval counts: 1 of 2 approvals\n",
		REVIEW("\"state\":\"confirmed\",\"holdState\":\"pending\",\"counted\":true,"
		       "\"approvals\":1,\"minApprovals\":2")},
	/* counted, though the last word is not in yet */
	{CLI_OK, "hold 42 used\n",
		REVIEW("\"state\":\"waiting\",\"holdState\":\"used\",\"counted\":true")},
	{CLI_NO, "your approval does not count: made in her name by ?mallory",
		REVIEW("\"state\":\"refused\",\"holdState\":\"pending\",\"counted\":false,"
		       "\"why\":\"made in her name by \\u001bmallory\"")},
	/* no word of it is no confirmation */
	{CLI_NO, "does not count", "{\"status\":{\"holds\":[]}}"},
	{CLI_NO, "does not count", REVIEW("\"state\":\"confirmed\",\"counted\":\"true\"")},
	{CLI_NOT_YET, "does not count yet: the API server's audit event",
		REVIEW("\"state\":\"waiting\",\"holdState\":\"pending\",\"counted\":false")},
	{CLI_FAILED, "holds no list", "{}"},
	{CLI_FAILED, "is not JSON", "{"},
};

START_TEST(kubectl_confirm__ends)
{
	reply = ends[_i].body;
	ck_assert_int_eq(wait_for(0, false), ends[_i].expected);
	has(ends[_i].says);
	sent("\"decision\":\"List\",\"hold\":42");
}
END_TEST

START_TEST(kubectl_confirm__asks_again_until_it_is_known)
{
	static const char waiting[] =
		REVIEW("\"state\":\"waiting\",\"holdState\":\"pending\",\"counted\":false");

	replies[0] = (struct kube_reply){REVIEWS, 201, waiting};
	replies[1] = (struct kube_reply){REVIEWS, 201,
		REVIEW("\"state\":\"confirmed\",\"holdState\":\"approved\",\"counted\":true")};
	ck_assert_int_eq(wait_for(60000, false), CLI_OK);
	ck_assert_str_eq(out, "hold 42 approved\n");
}
END_TEST

START_TEST(kubectl_confirm__for_programs_says_nothing)
{
	reply = REVIEW("\"state\":\"confirmed\",\"holdState\":\"approved\",\"counted\":true");
	ck_assert_int_eq(wait_for(0, true), CLI_OK);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(kubectl_confirm__api_server_that_fails_meanwhile)
{
	reply_status = 503;
	reply = "{\"message\":\"etcd is away\"}";
	ck_assert_int_eq(wait_for(60000, false), CLI_FAILED);
	has("etcd is away (HTTP 503)");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("kubectl_confirm");

	tcase_add_checked_fixture(t, kube_api_setup, kube_api_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, kubectl_confirm__ends, 0, ARRAY_LEN(ends));
	tcase_add_test(t, kubectl_confirm__asks_again_until_it_is_known);
	tcase_add_test(t, kubectl_confirm__for_programs_says_nothing);
	tcase_add_test(t, kubectl_confirm__api_server_that_fails_meanwhile);
	return run_tests(t);
}
