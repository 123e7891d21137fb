/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SubjectAccessReviews: those that a kube-apiserver 1.20 sent, in both versions of the API (what is
 * read of them, and what the library's policies say), and those that are refused.
 */
#include "support/run_tests.h"
#include "unit/policy_support.h"
#include "unit/review_support.h"

#define FOLDER HOLDPOINT_FIXTURES "/authorize/v1.20/"

struct expected {
	enum policy_action agents, laundering; /* by ai-agents.yaml, identity-laundering.yaml */
	unsigned number;
	const char *name; /* of the files: NUMBER-VERSION-NAME.json */
	const char *user, *verb;
	const char *group, *resource, *subresource, *namespace_, *object, *path;
	size_t groups;
};

#define AGENT "claude-code@agents.example.com"
#define ALICE "alice@example.com"
#define ROBOT "system:serviceaccount:prod:robot"
#define ANON  "system:anonymous"

#define NONE POLICY_NONE
#define HOLD POLICY_HOLD
#define DENY POLICY_DENY

/* clang-format off */
static const struct expected table[] = {
	{HOLD, HOLD, 2, "get-secrets", AGENT, "get", "", "secrets", "", "prod", "db", "", 2},
	{HOLD, HOLD, 4, "list-secrets", AGENT, "list", "", "secrets", "", "prod", "", "", 2},
	{HOLD, HOLD, 6, "list-secrets-all", AGENT, "list", "", "secrets", "", "", "", "", 2},
	{NONE, NONE, 8, "list-pods", AGENT, "list", "", "pods", "", "prod", "", "", 2},
	{NONE, NONE, 10, "list-pods-by-name", AGENT, "list", "", "pods", "", "prod", "x", "", 2},
	{NONE, NONE, 12, "create-configmaps", AGENT, "create", "", "configmaps", "", "prod", "", "", 2},
	{NONE, NONE, 15, "patch-configmaps", AGENT, "patch", "", "configmaps", "", "prod", "x", "", 2},
	{NONE, NONE, 17, "delete-configmaps", AGENT, "delete", "", "configmaps", "", "prod", "x", "", 2},
	{NONE, NONE, 22, "url-healthz", AGENT, "get", "", "", "", "", "", "/healthz", 2},
	{HOLD, DENY, 26, "get-nodes-proxy", AGENT, "get", "", "nodes", "proxy", "", "n1", "", 2},
	{DENY, DENY, 27, "impersonate-users", AGENT, "impersonate", "", "users", "", "", ALICE, "", 2},
	{DENY, DENY, 28, "impersonate-groups", AGENT, "impersonate", "", "groups", "", "", "sre", "", 2},
	{NONE, NONE, 34, "list-pods-impersonated", ALICE, "list", "", "pods", "", "prod", "", "", 3},
	{HOLD, HOLD, 42, "can-i-get-secrets", AGENT, "get", "", "secrets", "", "prod", "", "", 2},
	{NONE, NONE, 45, "get-namespaces", AGENT, "get", "", "namespaces", "", "prod", "prod", "", 2},
	{NONE, NONE, 47, "get-deployments", AGENT, "get", "apps", "deployments", "", "prod", "checkout", "", 2},
	{NONE, DENY, 50, "create-serviceaccounts-token", AGENT, "create", "", "serviceaccounts", "token", "prod", "robot", "", 2},
	{NONE, NONE, 51, "watch-secrets-by-account", ROBOT, "watch", "", "secrets", "", "prod", "", "", 3},
	{DENY, DENY, 54, "impersonate-userextras", AGENT, "impersonate", "authentication.k8s.io", "userextras", "reason", "", "on%20call", "", 2},
	{NONE, NONE, 55, "get-deployments-status-extra", "bob@example.com", "get", "apps", "deployments", "status", "prod", "x", "", 2},
	{NONE, NONE, 56, "url-api-anonymous", ANON, "get", "", "", "", "", "", "/api", 1},
};
/* clang-format on */

static const char *const versions[] = {"v1", "v1beta1"};
#define CASES ((int)(ARRAY_LEN(table) * ARRAY_LEN(versions)))

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(1 << 20, 64 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	arena_free(arena);
}

static const struct expected *case_of(int i)
{
	return &table[(size_t)i / ARRAY_LEN(versions)];
}

static struct span body_of(int i, char name[static 200])
{
	char path[600];

	snprintf(name, 200, "%02u-%s-%s", case_of(i)->number,
		versions[(size_t)i % ARRAY_LEN(versions)], case_of(i)->name);
	snprintf(path, sizeof path, FOLDER "%s.json", name);
	return file_or_fail(path, arena);
}

static void is(struct span got, const char *expected, const char *what, const char *name)
{
	ck_assert_msg(span_eq_str(got, expected), "%s: %s is \"%.*s\", not \"%s\"", name, what,
		SPAN_FMT(got), expected);
}

static void check(const struct policy_request *r, const struct expected *e, const char *name)
{
	ck_assert_msg(request_is_access(r) && r->operation == OPERATION_NONE, "%s", name);
	is(r->username, e->user, "user", name);
	is(r->verb, e->verb, "verb", name);
	is(r->api_group, e->group, "group", name);
	is(r->resource, e->resource, "resource", name);
	is(r->subresource, e->subresource, "subresource", name);
	is(r->namespace_, e->namespace_, "namespace", name);
	is(r->name, e->object, "name", name);
	is(r->path, e->path, "path", name);
	ck_assert_msg(r->group_count == e->groups, "%s: %zu groups", name, r->group_count);
	ck_assert_msg(r->object == JSON_NONE && r->old_object == JSON_NONE, "%s", name);
}

START_TEST(review_access__recorded_requests)
{
	char name[200];
	struct span body = body_of(_i, name);
	struct review r;
	struct err e = {0};

	ck_assert_msg(
		review_read_access(body, 1000, arena, &r, &e) == REVIEW_OK, "%s: %s", name, e.msg);
	check(&r.request, case_of(_i), name);
	ck_assert_str_eq(
		strrchr(r.api_version, '/') + 1, versions[(size_t)_i % ARRAY_LEN(versions)]);
}
END_TEST

static enum policy_action decided_by(const char *policy, struct span body)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	struct policy_request r = request_or_fail(body, arena);
	struct yaml_errors errors;
	struct policy_decision d;

	if (policy_set_load(&policy, 1, &set, &errors) < 0)
		ck_abort_msg("%s", buf_str(&errors.text));
	buf_free(&errors.text);
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	return d.action;
}

START_TEST(review_access__library_decides_recorded_requests)
{
	char name[200];
	struct span body = body_of(_i, name);
	const struct expected *e = case_of(_i);
	enum policy_action agents =
		decided_by(HOLDPOINT_SOURCE_DIR "/policy/library/ai-agents.yaml", body);
	enum policy_action laundering =
		decided_by(HOLDPOINT_SOURCE_DIR "/policy/library/identity-laundering.yaml", body);

	ck_assert_msg(
		agents == e->agents, "%s: ai-agents says %s", name, policy_action_name(agents));
	ck_assert_msg(laundering == e->laundering, "%s: identity-laundering says %s", name,
		policy_action_name(laundering));
}
END_TEST

/* ---- written by hand ---- */

static const struct {
	enum review_status expected;
	const char *says;
	const char *text;
} access_reviews[] = {
	{REVIEW_OK, "",
		ACCESS("v1", "{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"secrets\"},"
			     "\"user\":\"u\",\"groups\":[\"g\"]}")},
	{REVIEW_OK, "",
		ACCESS("v1beta1",
			"{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"secrets\"}"
			",\"user\":\"u\",\"group\":[\"g\"]}")},
	{REVIEW_OK, "",
		ACCESS("v1", "{\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/logs\"},"
			     "\"user\":\"u\",\"groups\":[\"g\"]}")},
	{REVIEW_MALFORMED, "/kind", "{\"kind\":\"AdmissionReview\"}"},
	{REVIEW_MALFORMED, "/apiVersion", ACCESS("v2", "{}")},
	{REVIEW_MALFORMED, "/spec: expected either", ACCESS("v1", "{\"user\":\"u\"}")},
	{REVIEW_MALFORMED, "/spec: expected either",
		ACCESS("v1", "{\"resourceAttributes\":{\"verb\":\"get\"},"
			     "\"nonResourceAttributes\":{\"verb\":\"get\"}}")},
	{REVIEW_UNDECIDABLE, "no verb", ACCESS("v1", "{\"resourceAttributes\":{}}")},
	{REVIEW_UNDECIDABLE, "no verb",
		ACCESS("v1", "{\"resourceAttributes\":{\"verb\":\"\",\"resource\":\"pods\","
			     "\"subresource\":\"proxy\"},\"user\":\"u\"}")},
	{REVIEW_UNDECIDABLE, "no verb",
		ACCESS("v1", "{\"nonResourceAttributes\":{\"path\":\"/logs\"}}")},
	{REVIEW_MALFORMED, "/spec/resourceAttributes/namespace",
		ACCESS("v1", "{\"resourceAttributes\":{\"verb\":\"get\",\"namespace\":3}}")},
	{REVIEW_MALFORMED, "/spec/groups", ACCESS("v1", "{\"groups\":{}}")},
	{REVIEW_MALFORMED, "/spec/user", ACCESS("v1", "{\"user\":1}")},
	{REVIEW_MALFORMED, "/spec: expected an object", ACCESS("v1", "null")},
	{REVIEW_MALFORMED, "/spec/group: expected a list", ACCESS("v1beta1", "{\"group\":\"g\"}")},
	{REVIEW_MALFORMED, "/spec/groups/0", ACCESS("v1", "{\"groups\":[{}]}")},
	{REVIEW_MALFORMED, "/spec/resourceAttributes: expected an object",
		ACCESS("v1", "{\"resourceAttributes\":[]}")},
	{REVIEW_MALFORMED, "/spec/nonResourceAttributes: expected an object",
		ACCESS("v1", "{\"nonResourceAttributes\":\"/logs\"}")},
	{REVIEW_MALFORMED, "/spec/nonResourceAttributes/path",
		ACCESS("v1", "{\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":1}}")},
};

START_TEST(review_access__bodies)
{
	struct review r;
	struct err e = {0};
	struct span body = span_of(access_reviews[_i].text);
	enum review_status got = review_read_access(body, 1000, arena, &r, &e);

	ck_assert_msg(got == access_reviews[_i].expected, "%s: %s", access_reviews[_i].text, e.msg);
	ck_assert_msg(strstr(e.msg, access_reviews[_i].says) != NULL, "%s: %s",
		access_reviews[_i].text, e.msg);
	if (got != REVIEW_OK)
		return;
	ck_assert(span_eq_str(r.request.username, "u"));
	ck_assert_uint_eq(r.request.group_count, 1);
	ck_assert(span_eq_str(r.request.verb, "get"));
	ck_assert_int_eq(r.request.operation, OPERATION_NONE);
	ck_assert(request_is_access(&r.request));
	ck_assert(strstr(access_reviews[_i].text, r.api_version) != NULL);
}
END_TEST

START_TEST(review_access__limits)
{
	struct buf b = BUF_INIT(8 << 20);
	struct review r;
	struct err e;

	put_groups(&b, ACCESS_HEAD "\"groups\":[", 100, "]}}");
	ck_assert_int_eq(review_read_access(buf_span(&b), 100, arena, &r, &e), REVIEW_MALFORMED);
	put_groups(&b, ACCESS_HEAD "\"a\":[", 1 << 20, "]}}");
	ck_assert_int_eq(
		review_read_access(buf_span(&b), UINT32_MAX, arena, &r, &e), REVIEW_MALFORMED);
	ck_assert_str_eq(e.msg, "a SubjectAccessReview has at most 1048576 bytes");
	buf_reset(&b);
	buf_add_str(&b, ACCESS_HEAD "\"a\":");
	for (int i = 0; i < REVIEW_DEPTH_MAX; i++)
		buf_add_char(&b, '[');
	for (int i = 0; i < REVIEW_DEPTH_MAX; i++)
		buf_add_char(&b, ']');
	buf_add_str(&b, "}}");
	ck_assert_int_eq(review_read_access(buf_span(&b), 100000, arena, &r, &e), REVIEW_MALFORMED);
	ck_assert_msg(strstr(e.msg, "deep") != NULL, "%s", e.msg);
	buf_free(&b);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("review_access");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, review_access__recorded_requests, 0, CASES);
	tcase_add_loop_test(t, review_access__library_decides_recorded_requests, 0, CASES);
	tcase_add_loop_test(t, review_access__bodies, 0, ARRAY_LEN(access_reviews));
	tcase_add_test(t, review_access__limits);
	return run_tests(t);
}
