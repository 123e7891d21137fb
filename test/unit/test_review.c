/* SPDX-License-Identifier: Apache-2.0 */
#include "support/run_tests.h"
#include "unit/review_support.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(65536, 64 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	arena_free(arena);
}

#define REVIEW(request)                                                                            \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/"                         \
	"v1\",\"request\":" request "}"
#define RESOURCE "\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"}"
#define USER	 "\"userInfo\":{\"username\":\"u\"}"
#define UID	 "\"uid\":\"u-1\""

static const struct {
	enum review_status expected;
	const char *says; /* part of the error */
	const char *text;
} bodies[] = {
	{REVIEW_OK, "", REVIEW("{" UID "," RESOURCE ",\"operation\":\"CREATE\"," USER "}")},
	{REVIEW_OK, "",
		REVIEW("{" UID "," RESOURCE ",\"operation\":\"CREATE\"," USER
		       ",\"object\":null,\"oldObject\":null,\"dryRun\":null,\"name\":null}")},
	{REVIEW_OK, "", /* a member in other spelling is the same member */
		REVIEW("{\"\\u0075id\":\"u-1\"," RESOURCE ",\"oper\\u0061tion\":\"CREATE\"," USER
		       "}")},
	/* nothing can be answered but 400 */
	{REVIEW_MALFORMED, "line 1, column 1", ""},
	{REVIEW_MALFORMED, "line 1, column 2", "{]"},
	{REVIEW_MALFORMED, "line 2, column", "{\n\"kind\":tru}"},
	{REVIEW_MALFORMED, "duplicate", "{\"kind\":1,\"kind\":2}"},
	{REVIEW_MALFORMED, "not a JSON object", "[]"},
	{REVIEW_MALFORMED, "/kind", "{}"},
	{REVIEW_MALFORMED, "/kind", "{\"kind\":\"admissionreview\"}"},
	{REVIEW_MALFORMED, "/apiVersion", "{\"kind\":\"AdmissionReview\"}"},
	{REVIEW_MALFORMED, "/apiVersion",
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\"}"},
	{REVIEW_MALFORMED, "/request",
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\"}"},
	{REVIEW_MALFORMED, "/request", REVIEW("null")},
	{REVIEW_MALFORMED, "/request/uid is missing", REVIEW("{}")},
	{REVIEW_MALFORMED, "/request/uid", REVIEW("{\"uid\":7}")},
	{REVIEW_MALFORMED, "/request/uid", REVIEW("{\"uid\":\"\"}")},
	{REVIEW_MALFORMED, "/request/uid",
		REVIEW("{\"uid\":\"0123456789012345678901234567890123456789012345678901234567890123"
		       "456789012345678901234567890123456789012345678901234567890123456789\"}")},
	/* the uid is known: to be denied */
	{REVIEW_UNDECIDABLE, "/request/operation is missing",
		REVIEW("{" UID "," RESOURCE "," USER "}")},
	{REVIEW_UNDECIDABLE, "duplicate key \"a\"",
		REVIEW("{" UID ",\"object\":{\"a\":1,\"a\":2}}")},
	{REVIEW_UNDECIDABLE, "not UTF-8", REVIEW("{" UID ",\"object\":{\"a\":\"\377\"}}")},
	{REVIEW_UNDECIDABLE, "lone surrogate", REVIEW("{" UID ",\"object\":{\"a\":\"\\ud800\"}}")},
	{REVIEW_UNDECIDABLE, "leading zero", REVIEW("{" UID ",\"object\":{\"a\":01}}")},
	{REVIEW_UNDECIDABLE, "after the end", REVIEW("{" UID "}") " x"},
	{REVIEW_UNDECIDABLE, "expected a value",
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
		"\"request\":{" UID ",\"object\":"},
	/* what is wrong comes before the uid, or the uid after it */
	{REVIEW_MALFORMED, "duplicate key \"a\"", REVIEW("{\"object\":{\"a\":1,\"a\":2}," UID "}")},
	{REVIEW_MALFORMED, "duplicate key \"kind\"",
		"{\"kind\":\"AdmissionReview\",\"kind\":\"AdmissionReview\",\"apiVersion\":"
		"\"admission.k8s.io/v1\",\"request\":{" UID "}}"},
	{REVIEW_UNDECIDABLE, "/request/operation: expected CREATE",
		REVIEW("{" UID "," RESOURCE ",\"operation\":\"PATCH\"," USER "}")},
	{REVIEW_UNDECIDABLE, "/request/operation", REVIEW("{" UID ",\"operation\":null}")},
	{REVIEW_UNDECIDABLE, "/request/resource is missing",
		REVIEW("{" UID ",\"operation\":\"CREATE\"," USER "}")},
	{REVIEW_UNDECIDABLE, "/request/resource",
		REVIEW("{" UID ",\"resource\":{\"group\":\"\"},\"operation\":\"CREATE\"}")},
	{REVIEW_UNDECIDABLE, "/request/resource/group",
		REVIEW("{" UID ",\"resource\":{\"group\":1,\"resource\":\"pods\"}}")},
	{REVIEW_UNDECIDABLE, "/request/userInfo is missing",
		REVIEW("{" UID "," RESOURCE ",\"operation\":\"CREATE\"}")},
	{REVIEW_UNDECIDABLE, "/request/userInfo",
		REVIEW("{" UID "," RESOURCE ",\"operation\":\"CREATE\",\"userInfo\":{}}")},
	{REVIEW_UNDECIDABLE, "/request/userInfo/groups",
		REVIEW("{" UID ",\"userInfo\":{\"username\":\"u\",\"groups\":\"a\"}}")},
	{REVIEW_UNDECIDABLE, "/request/userInfo/groups/1",
		REVIEW("{" UID ",\"userInfo\":{\"username\":\"u\",\"groups\":[\"a\",null]}}")},
	{REVIEW_UNDECIDABLE, "/request/name", REVIEW("{" UID ",\"name\":[]}")},
	{REVIEW_UNDECIDABLE, "without NUL", REVIEW("{" UID ",\"name\":\"a\\u0000b\"}")},
	{REVIEW_UNDECIDABLE, "/request/object", REVIEW("{" UID ",\"object\":[]}")},
	{REVIEW_UNDECIDABLE, "/request/oldObject", REVIEW("{" UID ",\"oldObject\":\"x\"}")},
	{REVIEW_UNDECIDABLE, "/request/dryRun", REVIEW("{" UID ",\"dryRun\":\"true\"}")},
	{REVIEW_UNDECIDABLE, "/request/resource: expected an object",
		REVIEW("{" UID ",\"resource\":\"pods\"}")},
	{REVIEW_UNDECIDABLE, "/request/userInfo: expected an object",
		REVIEW("{" UID ",\"userInfo\":null}")},
	{REVIEW_UNDECIDABLE, "/request/subResource", REVIEW("{" UID ",\"subResource\":{}}")},
	{REVIEW_UNDECIDABLE, "/request/namespace", REVIEW("{" UID ",\"namespace\":false}")},
	{REVIEW_UNDECIDABLE, "/request/oldObject/metadata: expected an object",
		REVIEW("{" UID "," RESOURCE ",\"operation\":\"DELETE\"," USER
		       ",\"oldObject\":{\"metadata\":[]}}")},
	{REVIEW_UNDECIDABLE, "/request/oldObject/metadata/name",
		REVIEW("{" UID "," RESOURCE ",\"operation\":\"DELETE\"," USER
		       ",\"oldObject\":{\"metadata\":{\"name\":1}}}")},
	{REVIEW_OK, "", /* nothing is asked of an object that is not needed for a name */
		REVIEW("{" UID "," RESOURCE ",\"operation\":\"DELETE\"," USER
		       ",\"name\":\"n\",\"oldObject\":{\"metadata\":[]}}")},
};

START_TEST(review__bodies)
{
	struct review r;
	struct err e = {0};
	struct span body = span_of(bodies[_i].text);
	enum review_status got = review_read_admission(body, 1000, arena, &r, &e);

	ck_assert_msg(got == bodies[_i].expected, "%s: %d %s", bodies[_i].text, got, e.msg);
	ck_assert_msg(strstr(e.msg, bodies[_i].says) != NULL, "%s: %s", bodies[_i].text, e.msg);
	if (got != REVIEW_MALFORMED) {
		ck_assert(span_eq_str(r.uid, "u-1"));
		ck_assert_str_eq(r.api_version, "admission.k8s.io/v1");
	}
}
END_TEST

START_TEST(review__members_of_a_recorded_request)
{
	char *text = read_fixture("v1.36/036");
	struct review r;

	review_ok(text, strlen(text), arena, &r);
	ck_assert(span_eq_str(r.uid, "4c3a2305-12ef-4c3e-808d-7283d46311fa"));
	ck_assert_int_eq(r.request.operation, OPERATION_CONNECT);
	ck_assert(span_eq_str(request_operation_name(&r.request), "CONNECT"));
	ck_assert_ptr_null(r.request.verb.ptr);
	ck_assert(span_eq_str(r.request.api_group, ""));
	ck_assert(span_eq_str(r.request.version, "v1"));
	ck_assert(span_eq_str(r.request.resource, "pods"));
	ck_assert(span_eq_str(r.request.subresource, "exec"));
	ck_assert(span_eq_str(r.request.namespace_, "prod"));
	ck_assert(span_eq_str(r.request.name, "web"));
	ck_assert(span_eq_str(r.request.username, "claude-code@agents.example.com"));
	ck_assert_uint_eq(r.request.group_count, 2);
	ck_assert(span_eq_str(r.request.groups[0], "ai-agents"));
	ck_assert(!r.request.dry_run && !request_is_access(&r.request));
	ck_assert_int_eq(json_type(r.request.doc, r.request.object), JSON_OBJECT);
	ck_assert_uint_eq(r.request.old_object, JSON_NONE);
	free(text);
}
END_TEST

static void read_one(const char *name, const char *text, size_t len, void *userdata)
{
	struct review r;

	(void)name;
	(void)userdata;
	review_ok(text, len, arena, &r);
	arena_reset(arena);
}

START_TEST(review__every_recorded_request_is_read)
{
	ck_assert_uint_eq(each_fixture(read_one, NULL), 147);
}
END_TEST

START_TEST(review__deletecollection_takes_the_old_objects_name)
{
	struct review r;
	const char *text =
		REVIEW("{" UID "," RESOURCE ",\"operation\":\"DELETE\",\"name\":\"\"," USER
		       ",\"oldObject\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"}}}");

	review_ok(text, strlen(text), arena, &r);
	ck_assert(span_eq_str(r.request.name, "a"));
	ck_assert(span_eq_str(r.request.namespace_, "n"));
}
END_TEST

/* ---- beyond the limits: the uid stands before what is too much, so a denial is possible ---- */

START_TEST(review__too_many_values_can_still_be_denied)
{
	char *text = read_fixture("v1.36/020");
	struct review r;
	struct err e = {0};

	ck_assert_int_eq(
		review_read_admission(span_of(text), 50, arena, &r, &e), REVIEW_UNDECIDABLE);
	ck_assert(span_eq_str(r.uid, "6db6d407-aa6d-488a-b080-b65b7769284e"));
	ck_assert_str_ne(e.msg, "");
	free(text);
}
END_TEST

START_TEST(review__too_deep_can_still_be_denied)
{
	struct buf b = BUF_INIT(1 << 20);
	struct review r;
	struct err e = {0};

	buf_add_str(&b, "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
			"\"request\":{\"uid\":\"u-1\",\"object\":");
	for (int i = 0; i < 5000; i++)
		buf_add_str(&b, "{\"a\":");
	ck_assert_int_eq(
		review_read_admission(buf_span(&b), 100000, arena, &r, &e), REVIEW_UNDECIDABLE);
	ck_assert(span_eq_str(r.uid, "u-1"));
	buf_free(&b);
}
END_TEST

START_TEST(review__a_planted_uid_is_not_salvaged)
{
	/* "uid" that is not the request's: deeper, or in a text that is no review */
	static const char *const texts[] = {
		("{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
		 "\"request\":{\"object\":{\"uid\":\"planted\",\"a\":[[[[[["),
		"{\"kind\":\"Pod\",\"request\":{\"uid\":\"planted\",\"a\":[[[[[[",
		"[{\"uid\":\"planted\",\"a\":[[[[[["};
	struct review r;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf b = BUF_INIT(1 << 20);

		buf_add_str(&b, texts[i]);
		for (int k = 0; k < 1000; k++)
			buf_add_char(&b, '[');
		ck_assert_int_eq(review_read_admission(buf_span(&b), 100000, arena, &r, &e),
			REVIEW_MALFORMED);
		buf_free(&b);
	}
}
END_TEST

START_TEST(review__full_arena_is_no_review)
{
	char *text = read_fixture("v1.36/020");
	struct arena *small = arena_new(64, 256);
	struct review r;
	struct err e;

	ck_assert_int_ne(review_read_admission(span_of(text), 100000, small, &r, &e), REVIEW_OK);
	arena_free(small);
	free(text);
}
END_TEST

START_TEST(review__limits_of_groups)
{
	static const char admission[] =
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/"
		"v1\",\"request\":{" UID "," RESOURCE
		",\"operation\":\"CREATE\",\"userInfo\":{\"username\":\"u\",\"groups\":[";
	static const char access[] = ACCESS_HEAD
		"\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/\"},\"groups\":[";
	const unsigned most = REVIEW_GROUPS_MAX;
	struct buf b = BUF_INIT(1 << 20);
	struct review r;
	struct err e;

	put_groups(&b, admission, most, "]}}}");
	review_ok(b.ptr, b.len, arena, &r);
	ck_assert_uint_eq(r.request.group_count, most);
	put_groups(&b, admission, most + 1, "]}}}");
	ck_assert_int_eq(
		review_read_admission(buf_span(&b), 100000, arena, &r, &e), REVIEW_UNDECIDABLE);
	ck_assert_str_eq(e.msg, "/request/userInfo/groups: expected fewer strings");
	put_groups(&b, access, most, "]}}");
	ck_assert_int_eq(review_read_access(buf_span(&b), 100000, arena, &r, &e), REVIEW_OK);
	put_groups(&b, access, most + 1, "]}}");
	ck_assert_int_eq(review_read_access(buf_span(&b), 100000, arena, &r, &e), REVIEW_MALFORMED);
	ck_assert_str_eq(e.msg, "/spec/groups: expected fewer strings");
	buf_free(&b);
}
END_TEST

/* ---- by kind ---- */

static const struct {
	enum review_status expected;
	bool authorize;
	const char *says;
	const char *text;
} either[] = {
	{REVIEW_OK, false, "", REVIEW("{" UID "," RESOURCE ",\"operation\":\"CREATE\"," USER "}")},
	{REVIEW_OK, true, "",
		ACCESS("v1",
			"{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"secrets\"}}")},
	{REVIEW_UNDECIDABLE, false, "/request/name", REVIEW("{" UID ",\"name\":[]}")},
	{REVIEW_MALFORMED, true, "/spec", ACCESS("v1", "[]")},
	{REVIEW_MALFORMED, false, "/apiVersion",
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\"}"},
	{REVIEW_MALFORMED, false, "/kind: expected \"AdmissionReview\" or \"SubjectAccessReview\"",
		"{\"kind\":\"Pod\"}"},
	{REVIEW_MALFORMED, false, "/kind", "[]"},
	{REVIEW_MALFORMED, false, "line 1, column 2", "{]"},
};

START_TEST(review__by_kind)
{
	struct review r;
	struct err e = {0};
	enum review_status got = review_read(span_of(either[_i].text), 1000, arena, &r, &e);

	ck_assert_msg(got == either[_i].expected, "%s: %d %s", either[_i].text, got, e.msg);
	ck_assert_msg(strstr(e.msg, either[_i].says) != NULL, "%s: %s", either[_i].text, e.msg);
	ck_assert_int_eq(request_is_access(&r.request), either[_i].authorize);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("review");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, review__bodies, 0, ARRAY_LEN(bodies));
	tcase_add_test(t, review__members_of_a_recorded_request);
	tcase_add_test(t, review__every_recorded_request_is_read);
	tcase_add_test(t, review__deletecollection_takes_the_old_objects_name);
	tcase_add_test(t, review__too_many_values_can_still_be_denied);
	tcase_add_test(t, review__too_deep_can_still_be_denied);
	tcase_add_test(t, review__a_planted_uid_is_not_salvaged);
	tcase_add_test(t, review__full_arena_is_no_review);
	tcase_add_test(t, review__limits_of_groups);
	tcase_add_loop_test(t, review__by_kind, 0, ARRAY_LEN(either));
	return run_tests(t);
}
