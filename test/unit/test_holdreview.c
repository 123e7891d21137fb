/* SPDX-License-Identifier: Apache-2.0 */
/* HoldReviews before and without the database: what is asked for, and what is refused. */
#include "webhook/hold/holdreview.h"

#include <check.h>

#include "policy/review/review.h"
#include "support/run_tests.h"
#include "webhook/hold/holdreview_list.h"
#include "webhook/hold/holdstop.h"

static struct arena *arena;
static struct review review;

static void setup(void)
{
	arena = arena_new(65536, 8 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	arena_free(arena);
}

static struct holdreview holdreview_named(
	const char *metadata, const char *spec, bool dry_run, bool verified)
{
	struct span text = arena_printf(arena,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"u\",\"operation\":\"CREATE\",\"resource\":{\"group\":\"holdpoint.dev\","
		"\"version\":\"v1alpha1\",\"resource\":\"holdreviews\"},\"kind\":{\"group\":"
		"\"holdpoint.dev\",\"version\":\"v1alpha1\",\"kind\":\"HoldReview\"},\"name\":"
		"\"x\","
		"\"dryRun\":%s,\"userInfo\":{\"username\":\"alice\",\"groups\":[\"sre\"]},"
		"\"object\":{\"metadata\":%s,\"spec\":%s}}}",
		dry_run ? "true" : "false", metadata, spec);
	struct err e;

	ck_assert_msg(
		review_read_admission(text, 10000, arena, &review, &e) == REVIEW_OK, "%s", e.msg);
	return (struct holdreview){.request = &review.request,
		.uid = review.uid,
		.cluster = "c1",
		.arena = arena,
		.caller_is_verified = verified};
}

static struct holdreview holdreview_with(const char *spec, bool dry_run, bool verified)
{
	return holdreview_named("{}", spec, dry_run, verified);
}

#define NOBODY_SAYS_WHO                                                                            \
	"holds can be decided by HoldReview only where holdpoint-webhook runs with "               \
	"--client-ca-file: without it, it cannot know that it is the API server who says who you " \
	"are"

static const struct {
	bool ask;
	unsigned code;
	const char *message; /* a refusal's, or what is told */
	const char *spec;
	bool dry_run, unverified;
} checks[] = {
	{true, 0, NULL, "{\"decision\":\"Approve\",\"hold\":42}", false, false},
	{true, 0, NULL, "{\"decision\":\"Deny\",\"hold\":42,\"reason\":\"no\",\"until\":null}",
		false, false},
	{true, 0, NULL,
		"{\"decision\":\"Approve\",\"hold\":42,\"uses\":2,\"namespace\":\"a\",\"name\":"
		"\"b\"}",
		false, false},
	{false, 0, "dry run: nothing is decided", "{\"decision\":\"Approve\",\"hold\":42}", true,
		false},
	{false, 0, NULL, "{\"decision\":\"List\"}", true, false},
	{false, 422, "spec.decision List and Status only ask: create it with --dry-run=server",
		"{\"decision\":\"List\"}", false, false},
	{false, 403, NOBODY_SAYS_WHO, "{\"decision\":\"Approve\",\"hold\":42}", false, true},
	{false, 403, NOBODY_SAYS_WHO, "{}", false, true},
	{true, 0, NULL, "{\"decision\":\"Withdraw\",\"hold\":42}", false, false},
	{true, 0, NULL, "{\"decision\":\"Deny\",\"requester\":\"agent\",\"rule\":\"r\"}", false,
		false},
	{false, 0, "dry run: nothing is decided", "{\"decision\":\"Deny\",\"requester\":\"agent\"}",
		true, false},
	{false, 403, NOBODY_SAYS_WHO, "{\"decision\":\"Withdraw\",\"hold\":42}", false, true},
	{false, 422, "spec.hold must be the number of a hold", "{\"decision\":\"Withdraw\"}", false,
		false},
	{true, 0, NULL, "{\"decision\":\"Comment\",\"hold\":42,\"reason\":\"why\"}", false, false},
	{false, 422, "spec.reason must be what you want to say, at most 500 characters",
		"{\"decision\":\"Comment\",\"hold\":42}", false, false},
	{false, 422, "spec.hold must be the number of a hold",
		"{\"decision\":\"Comment\",\"reason\":\"why\"}", false, false},
	{false, 0, NULL, "{\"decision\":\"Status\",\"hold\":42}", true, false},
	{false, 422, "spec.decision List and Status only ask: create it with --dry-run=server",
		"{\"decision\":\"Status\",\"hold\":42}", false, false},
	{false, 422, "spec has either hold or requester",
		"{\"decision\":\"Deny\",\"requester\":\"agent\",\"hold\":42}", false, false},
	{false, 422, "spec.requester must be the name of a user",
		"{\"decision\":\"Deny\",\"requester\":\"\"}", false, false},
	{false, 422, "spec.requester must be the name of a user",
		"{\"decision\":\"Deny\",\"requester\":null}", false, false},
	{false, 422, "spec.reason must be a text of at most 4096 bytes",
		"{\"decision\":\"Withdraw\",\"hold\":1,\"reason\":7}", false, false},
	{false, 422, "spec.decision must be Approve, Deny, Withdraw, Comment, List or Status", "{}",
		false, false},
	{false, 422, "spec.decision must be Approve, Deny, Withdraw, Comment, List or Status",
		"{\"decision\":\"approve\",\"hold\":42}", false, false},
	{false, 422, "spec.hold must be the number of a hold", "{\"decision\":\"Approve\"}", false,
		false},
	{false, 422, "spec.hold must be the number of a hold",
		"{\"decision\":\"Approve\",\"hold\":\"42\"}", false, false},
	{false, 422, "spec.hold must be the number of a hold",
		"{\"decision\":\"Approve\",\"hold\":0}", false, false},
	{false, 422, "spec.reason must be a text of at most 4096 bytes",
		"{\"decision\":\"Approve\",\"hold\":1,\"reason\":7}", false, false},
	{false, 422, "spec.reason must be a text of at most 4096 bytes",
		"{\"decision\":\"Approve\",\"hold\":1,\"reason\":\"a\\u0000b\"}", false, false},
	{false, 422, "spec.uses must be a number greater than 0",
		"{\"decision\":\"Approve\",\"hold\":1,\"uses\":0}", false, false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":5}", false, false},
	{true, 0, NULL,
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"2026-01-02T15:04:05.5+02:00\"}",
		false, false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"tomorrow\"}", false, false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"infinity\"}", false, false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"\"}", false, false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"2026-01-02\"}", false, false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"2026-01-02T15:04:05\"}", false,
		false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"2026-01-02 15:04:05Z\"}", false,
		false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"2026-01-02T24:00:00Z\"}", false,
		false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"2026-01-02T15:04:60Z\"}", false,
		false},
	{false, 422, "spec.until must be a time, for example 2026-01-02T15:04:05Z",
		"{\"decision\":\"Approve\",\"hold\":1,\"until\":\"2026-01-02T15:04:05Z BC\"}",
		false, false},
	{false, 422, "spec.namespace and spec.name must be texts",
		"{\"decision\":\"Approve\",\"hold\":1,\"namespace\":[]}", false, false},
	{false, 422, "spec.namespace and spec.name must be texts",
		"{\"decision\":\"Approve\",\"hold\":1,\"name\":{}}", false, false},
};

START_TEST(holdreview__checked_before_the_database_is_asked)
{
	const struct holdreview h =
		holdreview_with(checks[_i].spec, checks[_i].dry_run, !checks[_i].unverified);
	struct holdreview_reply r;
	struct span said;

	ck_assert(holdreview_is(h.request));
	ck_assert_int_eq(holdreview_check(&h, &r), checks[_i].ask);
	ck_assert_uint_eq(r.code, checks[_i].code);
	said = r.code != 0 ? r.message : r.told;
	if (checks[_i].message)
		ck_assert_str_eq(arena_strndup(arena, said.ptr, said.len), checks[_i].message);
	else
		ck_assert_ptr_null(said.ptr);
}
END_TEST

static const struct {
	bool ask;
	unsigned code;
	const char *spec;
	bool unverified;
} lists[] = {
	{true, 0, "{\"decision\":\"List\"}", false},
	{true, 0, "{\"decision\":\"List\",\"hold\":null}", false},
	{true, 0, "{\"decision\":\"List\",\"hold\":42}", false},
	{false, 403, "{\"decision\":\"List\"}", true},
	{false, 422, "{\"decision\":\"List\",\"hold\":\"x\"}", false},
	{false, 422, "{\"decision\":\"List\",\"hold\":-1}", false},
};

START_TEST(holdreview__lists_checked_before_the_database_is_asked)
{
	const struct holdreview h = holdreview_with(lists[_i].spec, true, !lists[_i].unverified);
	struct holdreview_reply r;

	ck_assert(holdreview_is_list(h.request));
	ck_assert_int_eq(holdreview_list_check(&h, &r), lists[_i].ask);
	ck_assert_uint_eq(r.code, lists[_i].code);
}
END_TEST

START_TEST(holdreview__without_a_database_nothing_is_decided)
{
	const struct holdreview h =
		holdreview_with("{\"decision\":\"Approve\",\"hold\":42}", false, true);
	struct holdreview_reply r;

	holdreview_decide(&h, NULL, &r);
	ck_assert_uint_eq(r.code, 503);
	ck_assert_ptr_null(r.noted.ptr);
	holdreview_list(&h, NULL, &r);
	ck_assert_uint_eq(r.code, 503);
	ck_assert_ptr_null(r.patch.ptr);
	holdreview_busy(&r);
	ck_assert_uint_eq(r.code, 429);
}
END_TEST

#define BASE_58 "a234567890123456789012345678901234567890123456789012345678"

/* Whose name the API server made up is created in any case. */
static const struct {
	bool may_fail;
	const char *metadata;
} names[] = {
	{false, "{\"generateName\":\"hold-4-\",\"name\":\"hold-4-x7k2p\"}"},
	{false, "{\"generateName\":\"" BASE_58 "\",\"name\":\"" BASE_58 "x7k2p\"}"},
	{false, "{\"generateName\":\"" BASE_58 "9999\",\"name\":\"" BASE_58 "x7k2p\"}"},
	{true, "{}"},
	{true, "{\"name\":\"x\"}"},
	{true, "{\"name\":\"hold-4-x7k2p\"}"},
	{true, "{\"generateName\":\"hold-4-\"}"},
	{true, "{\"generateName\":\"\",\"name\":\"x7k2p\"}"},
	{true, "{\"generateName\":\"hold-4-\",\"name\":\"mine\"}"},
	{true, "{\"generateName\":\"hold-4-\",\"name\":\"hold-4-x7k2pq\"}"},
	{true, "{\"generateName\":\"hold-4-\",\"name\":\"hold-5-x7k2p\"}"},
	{true, "{\"generateName\":4,\"name\":\"x\"}"},
};

START_TEST(holdreview__one_with_a_name_of_its_own_may_fail)
{
	const struct holdreview h = holdreview_named(
		names[_i].metadata, "{\"decision\":\"Approve\",\"hold\":42}", false, true);

	ck_assert_int_eq(holdreview_may_fail(&h), names[_i].may_fail);
}
END_TEST

/* Only the creation of one, and not what /authorize asks. */
static const struct {
	bool is;
	const char *group, *resource;
	enum operation operation;
	enum endpoint endpoint;
	const char *subresource;
} kinds[] = {
	{true, "holdpoint.dev", "holdreviews", OPERATION_CREATE, ENDPOINT_VALIDATE, ""},
	{true, "holdpoint.dev", "holdreviews", OPERATION_CREATE, ENDPOINT_MUTATE, ""},
	{false, "holdpoint.dev", "holdreviews", OPERATION_UPDATE, ENDPOINT_VALIDATE, ""},
	{false, "holdpoint.dev", "holdreviews", OPERATION_CREATE, ENDPOINT_VALIDATE, "status"},
	{false, "holdpoint.de", "holdreviews", OPERATION_CREATE, ENDPOINT_VALIDATE, ""},
	{false, "holdpoint.dev", "holds", OPERATION_CREATE, ENDPOINT_VALIDATE, ""},
	{false, "holdpoint.dev", "holdreviews", OPERATION_CREATE, ENDPOINT_AUTHORIZE, ""},
};

START_TEST(holdreview__is_one)
{
	const struct policy_request q = {.endpoint = kinds[_i].endpoint,
		.operation = kinds[_i].operation,
		.api_group = span_of(kinds[_i].group),
		.resource = span_of(kinds[_i].resource),
		.subresource = span_of(kinds[_i].subresource)};

	ck_assert_int_eq(holdreview_is(&q), kinds[_i].is);
}
END_TEST

/* What a HoldStop may say. */
static const struct {
	const char *wrong, *spec;
} stops[] = {
	{NULL, "{\"action\":\"Stop\",\"user\":\"bot\",\"reason\":\"r\"}"},
	{NULL, "{\"action\":\"Resume\",\"group\":\"ai\",\"reason\":\"r\"}"},
	{NULL, "{\"action\":\"Stop\",\"user\":\"bot\",\"reason\":\"r\",\"until\":"
	       "\"2026-01-02T15:04:05Z\"}"},
	{"spec.action must be", "{\"action\":\"stop\",\"user\":\"bot\",\"reason\":\"r\"}"},
	{"spec.action must be", "{\"user\":\"bot\",\"reason\":\"r\"}"},
	{"either user or group", "{\"action\":\"Stop\",\"reason\":\"r\"}"},
	{"either user or group",
		"{\"action\":\"Stop\",\"user\":\"a\",\"group\":\"b\",\"reason\":\"r\"}"},
	{"either user or group", "{\"action\":\"Stop\",\"user\":7,\"reason\":\"r\"}"},
	{"spec.reason must be", "{\"action\":\"Stop\",\"user\":\"bot\"}"},
	{"spec.reason must be", "{\"action\":\"Stop\",\"user\":\"bot\",\"reason\":[]}"},
	{"spec.until must be",
		"{\"action\":\"Stop\",\"user\":\"bot\",\"reason\":\"r\",\"until\":\"soon\"}"},
	{"spec.until is for Stop", "{\"action\":\"Resume\",\"user\":\"bot\",\"reason\":\"r\","
				   "\"until\":\"2026-01-02T15:04:05Z\"}"},
};

START_TEST(holdstop__says_what_is_wrong)
{
	const struct holdreview h = holdreview_with(stops[_i].spec, false, true);
	const char *wrong = holdstop_wrong(&h);

	ck_assert_msg(stops[_i].wrong ? wrong && strstr(wrong, stops[_i].wrong) : !wrong, "%s: %s",
		stops[_i].spec, wrong ? wrong : "nothing");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("holdreview");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
		t, holdreview__checked_before_the_database_is_asked, 0, ARRAY_LEN(checks));
	tcase_add_loop_test(
		t, holdreview__lists_checked_before_the_database_is_asked, 0, ARRAY_LEN(lists));
	tcase_add_loop_test(
		t, holdreview__one_with_a_name_of_its_own_may_fail, 0, ARRAY_LEN(names));
	tcase_add_test(t, holdreview__without_a_database_nothing_is_decided);
	tcase_add_loop_test(t, holdreview__is_one, 0, ARRAY_LEN(kinds));
	tcase_add_loop_test(t, holdstop__says_what_is_wrong, 0, ARRAY_LEN(stops));
	return run_tests(t);
}
