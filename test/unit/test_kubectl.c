/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl holdpoint, as a program, against an API server that says what each test wants; `kubectl
 * config view` is a script here. What requesters wrote must be shown as it is, and a kubeconfig be
 * used whole or not at all.
 */
#include "unit/kube_api_support.h"

static int run(const char *arguments)
{
	return run_program("kubectl-holdpoint", arguments);
}

/* A HoldReview with one hold of this change. */
static void answer_with(const char *change, const char *unseen)
{
	struct buf b = BUF_IN_ARENA(arena, 1 << 20);

	buf_add_str(&b, "{\"status\":{\"holds\":[{\"hold\":42,\"requester\":\"ag\u202eent\","
			"\"operation\":\"DELETE\",\"resource\":\"pods\",\"namespace\":\"prod\","
			"\"name\":\"web\\u0000hidden\",\"rules\":\"p/r\",\"message\":\"m\u200b\","
			"\"approverNames\":\"sre\",\"grant\":\"Once\",\"cluster\":\"c\","
			"\"approvals\":0,\"minApprovals\":1,\"attempts\":1,\"ageSeconds\":5,"
			"\"expiresInSeconds\":60,\"requireReason\":false");
	if (change) {
		json_put_key(&b, "change");
		json_put_string(&b, span_of(change));
		buf_printf(&b, ",\"changeUnseen\":%s", unseen);
	}
	buf_add_str(&b, "}]}}");
	reply = buf_str(&b);
}

START_TEST(kubectl__show_is_what_is_stored)
{
	answer_with("{\"operation\":\"CREATE\",\"object\":{\"image\":\"evil.example/miner:1\","
		    "\"image\\u0000\":\"registry.corp/shop:1.4\",\"n\":18446744073709551616,"
		    "\"\u202e\":1e999999}}",
		"null");
	ck_assert_int_eq(run("show 42"), 0);
	has("\nChange (secrets masked, what can do most comes first):\n"
	    "+ {\n"
	    "+   \"image\": \"evil.example/miner:1\",\n"
	    "+   \"image\\u0000\": \"registry.corp/shop:1.4\",\n"
	    "+   \"n\": 18446744073709551616,\n"
	    "+   \"\\u202e\": 1e999999\n"
	    "+ }\n");
	has("ag?ent");
	has("prod/web?hidden");
	has_not("\u202e");
	has_not("\u200b");
	ck_assert_str_eq(seen_authorization, "Bearer of-alice");
}
END_TEST

START_TEST(kubectl__show_says_that_no_change_is_shown)
{
	answer_with("{\"operation\":\"get\"}", "null");
	ck_assert_int_eq(run("show 42"), 0);
	has("what can do most comes first):\nNone that is shown to Holdpoint.\n");
}
END_TEST

START_TEST(kubectl__show_says_that_a_change_is_cut)
{
	answer_with("{\"operation\":\"CREATE\",\"object\":{}}", "\"data.a\\nx\"");
	ck_assert_int_eq(run("show 42"), 0);
	has("\nNOT ALL IS SHOWN, and the approval covers all of it: data.a x\nTo approve it all "
	    "the "
	    "same: --unseen\n");
	answer_with(NULL, NULL);
	ck_assert_int_eq(run("show 42"), 0);
	has_not("Change");
}
END_TEST

static const struct {
	const char *reason, *change;
} unshown[] = {
	{"duplicate key \"image\"", "{\"object\":{\"image\":\"evil\",\"image\":\"good\"}}"},
	{"duplicate key", "{\"object\":{\"image\":\"evil\",\"im\\u0061ge\":\"good\"}}"},
	{"lone surrogate", "{\"object\":{\"a\":\"\\ud800\"}}"},
	{"it is no JSON object", "42"},
	{"line 1", "{\"object\":{\"image\":\"ev"},
	{"line 1", ""},
};

START_TEST(kubectl__show_never_guesses)
{
	answer_with(unshown[_i].change, "null");
	ck_assert_int_eq(run("show 42"), 1);
	has("CANNOT BE SHOWN: ");
	has("Do not approve what you cannot see");
	has("kubectl holdpoint show: the change of hold 42 cannot be shown: ");
	has(unshown[_i].reason);
	has_not("good");
	/* for programs the text as it is */
	ck_assert_int_eq(run("show 42 -o json"), 0);
	has("\"change\": \"");
}
END_TEST

START_TEST(kubectl__json_is_json_and_harmless)
{
	static const char *const commands[] = {"show 42 -o json", "list -o json"};
	static const struct json_limits limits = {1 << 20, 10, 1000, false, false};

	answer_with("{\"object\":{\"a\u202e\":\"\\u0000\"}}", "null");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct json_doc d;
		json_ref hold, change;

		ck_assert_int_eq(run(commands[i]), 0);
		has_not("\u202e");
		ck_assert_int_eq(json_read(out, strlen(out), &limits, arena, &d, NULL), 0);
		hold = i == 0 ? JSON_ROOT : json_at(&d, JSON_ROOT, 0);
		change = json_get_str(&d, hold, "change");
		ck_assert(
			json_string_is(&d, change, SPAN("{\"object\":{\"a\u202e\":\"\\u0000\"}}")));
		ck_assert(json_string_is(&d, json_get_str(&d, hold, "name"), SPAN("web\0hidden")));
	}
}
END_TEST

START_TEST(kubectl__list_and_reviews)
{
	answer_with(NULL, NULL);
	ck_assert_int_eq(run("list -o wide"), 0);
	has("ag?ent");
	has("web?hidden");
	reply_status = 200;
	reply = "{\"items\":[{\"metadata\":{\"name\":\"n\"},\"spec\":{\"hold\":42,\"decision\":"
		"\"Deny\",\"reason\":\"no\\u0000 not \u2066that\"}}]}";
	ck_assert_int_eq(run("reviews"), 0);
	has("no? not ?that");
	has_not("There are more");
	reply = "{\"metadata\":{\"continue\":\"x\"},\"items\":[{\"spec\":{\"hold\":42}}]}";
	ck_assert_int_eq(run("reviews"), 0);
	has("There are more");
}
END_TEST

static const struct {
	int expected;
	const char *says;
	unsigned status;
	const char *body;
} refusals[] = {
	{3, "not you (HTTP 403)", 403, "{\"message\":\"not you\"}"},
	{3, "no?pe (HTTP 403)", 403, "{\"message\":\"no\\u0000pe\"}"},
	{3, "twice (HTTP 409)", 409, "{\"message\":\"twice\"}"},
	{3, "no reason given (HTTP 422)", 422, "not JSON"},
	{1, "knows no HoldReviews", 404, "{}"},
	{1, "broken?[2J (HTTP 500)", 500, "{\"message\":\"broken\\u001b[2J\"}"},
	{1, "not JSON", 201, "{\"a\":1,\"a\":2}"},
	{1, "holds no list", 201, "{}"},
	{3, "does not wait for you", 201, "{\"status\":{\"holds\":[]}}"},
};

START_TEST(kubectl__refusals)
{
	reply_status = refusals[_i].status;
	reply = refusals[_i].body;
	ck_assert_int_eq(run("show 42"), refusals[_i].expected);
	has(refusals[_i].says);
}
END_TEST

START_TEST(kubectl__approve_and_deny)
{
	reply = "{\"metadata\":{\"name\":\"hold-42-x\"}}";
	ck_assert_int_eq(run("approve 42 --reason 'CHG-1 \"now\"' --for 5m --uses 2 -n prod "
			     "--name web"),
		0);
	has("hold 42: approved");
	sent("\"generateName\":\"hold-42-\"");
	sent("\"hold\":42,\"decision\":\"Approve\"");
	sent("\"reason\":\"CHG-1 \\\"now\\\"\"");
	sent("\"until\":\"20");
	sent("\"namespace\":\"prod\"");
	sent("\"name\":\"web\"");
	sent("\"uses\":2}}");
	ck_assert_int_eq(run("approve 42 --like --for 20m"), 0);
	sent("\"like\":true}}");
	ck_assert_int_eq(run("deny 42 43"), 0);
	has("hold 42: denied");
	has("hold 43: denied");
	sent("\"hold\":43,\"decision\":\"Deny\"}}");
	ck_assert_int_eq(run("approve 42 -o json"), 0);
	has("\"name\": \"hold-42-x\"");
}
END_TEST

/* The exit code is that of the worst; wrong words ask nobody. */
START_TEST(kubectl__decisions_that_fail)
{
	reply_status = 403;
	reply = "{\"message\":\"not you\"}";
	ck_assert_int_eq(run("approve 42 43"), 3);
	has("not you (HTTP 403)");
	reply_status = 500;
	ck_assert_int_eq(run("deny 42"), 1);
	seen_body[0] = 0;
	ck_assert_int_eq(run("approve forty-two"), 2);
	ck_assert_int_eq(run("approve"), 2);
	ck_assert_int_eq(run("deny 42 --uses 2"), 2);
	has("--uses");
	ck_assert_int_eq(run("no-such-command"), 2);
	ck_assert_str_eq(seen_body, "");
}
END_TEST

START_TEST(kubectl__reviews_for_programs_and_none)
{
	reply_status = 200;
	reply = "{\"items\":[]}";
	ck_assert_int_eq(run("reviews"), 0);
	has("No HoldReviews found");
	ck_assert_int_eq(run("reviews -o json"), 0);
	has("\"items\": []");
	reply = "{\"items\":";
	ck_assert_int_eq(run("reviews"), 1);
	has("is not JSON");
	reply_status = 404;
	ck_assert_int_eq(run("reviews"), 1);
	has("holdreview.yaml");
}
END_TEST

static const struct {
	const char *authorization; /* NULL: refused */
	const char *says;
	const char *user;
} users[] = {
	{"Bearer t", "", "{\"token\":\"t\"}"},
	{"Basic YTpi", "", "{\"username\":\"a\",\"password\":\"b\"}"},
	{NULL, "no credential", "{}"},
	{NULL, "client-certificate-data is not base64", "{\"client-certificate-data\":\"*\"}"},
	{NULL, "tokenFile", "{\"tokenFile\":\"/nowhere/token\"}"},
	{NULL, "exec without a command", "{\"exec\":{}}"},
	{NULL, "/nowhere/plugin", "{\"exec\":{\"command\":\"/nowhere/plugin\"}}"},
	{NULL, "gave no credential", "{\"exec\":{\"command\":\"echo\",\"args\":[\"{}\"]}}"},
	{NULL, "credential plugin", "{\"exec\":{\"command\":\"echo\",\"args\":[\"{\"]}}"},
	{NULL, "false", "{\"exec\":{\"command\":\"false\"}}"},
};

START_TEST(kubectl__credentials)
{
	put_kubeconfig("", users[_i].user);
	answer_with(NULL, NULL);
	seen_authorization[0] = 0;
	ck_assert_int_eq(run("show 42"), users[_i].authorization ? 0 : 1);
	has(users[_i].says);
	ck_assert_str_eq(
		seen_authorization, users[_i].authorization ? users[_i].authorization : "");
}
END_TEST

START_TEST(kubectl__long_url_of_the_server_is_not_cut)
{
	char path[6001];

	memset(path, 'x', sizeof(path) - 1);
	memcpy(path, "/long/", 6);
	path[sizeof(path) - 1] = 0;
	put_kubeconfig(path, "{\"token\":\"t\"}");
	answer_with(NULL, NULL);
	ck_assert_int_eq(run("show 42"), 0);
}
END_TEST

START_TEST(kubectl__server_that_is_not_there)
{
	http_server_stop(server, 0);
	server = NULL;
	ck_assert_int_eq(run("show 42"), 1);
	has("https://127.0.0.1:");
	has("onnect");
	start_server(); /* another certificate authority than the kubeconfig's */
	put_file("ca.crt", "none", 0600);
	put_kubeconfig("", "{\"token\":\"t\"}");
	ck_assert_int_eq(run("show 42"), 1);
}
END_TEST

/* What an exec plugin prints: its arguments and what it finds in its environment. */
static const char plugin[] =
	"#!/bin/sh\n"
	"case $KUBERNETES_EXEC_INFO in *ExecCredential*) ;; *) exit 9 ;; esac\n"
	"printf '{\"status\":{\"token\":\"%s-%s-%s\"}}' \"$#\" \"$2\" \"$WHO\"\n";

static const struct {
	const char *token; /* NULL: refused */
	const char *says;
	const char *exec;
} execs[] = {
	{"2-b c-alice", "",
		"\"args\":[\"a\",\"b c\"],\"env\":[{\"name\":\"WHO\",\"value\":\"alice\"}]"},
	{"0--", "", "\"args\":[]"},
	{NULL, "exec.args", "\"args\":[\"a\",\"b\\u0000c\"]"},
	{NULL, "exec.args", "\"args\":[\"a\",7]"},
	{NULL, "exec.env", "\"env\":[{\"name\":\"WHO\",\"value\":\"a\\u0000b\"}]"},
	{NULL, "exec.env", "\"env\":[{\"value\":\"a\"}]"},
};

START_TEST(kubectl__exec_plugin)
{
	char user[512], expected[128];

	put_file("plugin", plugin, 0700);
	snprintf(user, sizeof(user),
		"{\"exec\":{\"command\":\"%s/plugin\",\"apiVersion\":\"v1\",%s}}", dir,
		execs[_i].exec);
	put_kubeconfig("", user);
	answer_with(NULL, NULL);
	seen_authorization[0] = 0;
	ck_assert_int_eq(run("show 42"), execs[_i].token ? 0 : 1);
	has(execs[_i].says);
	snprintf(expected, sizeof(expected), "Bearer %s", execs[_i].token);
	ck_assert_str_eq(seen_authorization, execs[_i].token ? expected : "");
}
END_TEST

START_TEST(kubectl__exec_plugin_with_too_many_arguments)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 16);

	put_file("plugin", plugin, 0700);
	buf_printf(&b, "{\"exec\":{\"command\":\"%s/plugin\",\"args\":[\"1\"", dir);
	for (unsigned i = 2; i <= 64; i++)
		buf_printf(&b, ",\"%u\"", i);
	buf_add_str(&b, "]}}");
	put_kubeconfig("", buf_str(&b));
	answer_with(NULL, NULL);
	ck_assert_int_eq(run("show 42"), 0);
	ck_assert_str_eq(seen_authorization, "Bearer 64-2-");
	b.len -= 3;
	buf_add_str(&b, ",\"65\"]}}");
	put_kubeconfig("", buf_str(&b));
	ck_assert_int_eq(run("show 42"), 1);
	has("exec.args: too many");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("kubectl");

	tcase_add_checked_fixture(t, kube_api_setup, kube_api_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, kubectl__show_is_what_is_stored);
	tcase_add_test(t, kubectl__show_says_that_no_change_is_shown);
	tcase_add_test(t, kubectl__show_says_that_a_change_is_cut);
	tcase_add_loop_test(t, kubectl__show_never_guesses, 0, ARRAY_LEN(unshown));
	tcase_add_test(t, kubectl__json_is_json_and_harmless);
	tcase_add_test(t, kubectl__list_and_reviews);
	tcase_add_loop_test(t, kubectl__refusals, 0, ARRAY_LEN(refusals));
	tcase_add_test(t, kubectl__approve_and_deny);
	tcase_add_test(t, kubectl__decisions_that_fail);
	tcase_add_test(t, kubectl__reviews_for_programs_and_none);
	tcase_add_loop_test(t, kubectl__credentials, 0, ARRAY_LEN(users));
	tcase_add_test(t, kubectl__long_url_of_the_server_is_not_cut);
	tcase_add_test(t, kubectl__server_that_is_not_there);
	tcase_add_loop_test(t, kubectl__exec_plugin, 0, ARRAY_LEN(execs));
	tcase_add_test(t, kubectl__exec_plugin_with_too_many_arguments);
	return run_tests(t);
}
