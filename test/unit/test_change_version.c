/* SPDX-License-Identifier: Apache-2.0 */
/* What a version of a custom resource takes away: found, and part of what is approved. */
#include "policy/review/change.h"
#include "policy/review/fingerprint.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"

#define REVIEW(group, version, old, new)                                                           \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"operation\":\"UPDATE\",\"resource\":{\"group\":\"" group                  \
	"\",\"version\":\"" version "\",\"resource\":\"walls\"},\"kind\":{\"group\":\"" group      \
	"\",\"version\":\"" version "\",\"kind\":\"X\"},\"name\":\"x\",\"namespace\":\"n\","       \
	"\"userInfo\":{\"username\":\"agent\"},\"oldObject\":" old ",\"object\":" new "}}"
#define OBJECT(api, fields, a)                                                                     \
	"{\"apiVersion\":\"" api "\",\"metadata\":{\"uid\":\"1\",\"managedFields\":[" fields       \
	"]},\"spec\":{\"a\":" a "}}"
#define V1	    "{\"apiVersion\":\"x.example.com/v1\"}"
#define V1ALPHA1    "{\"apiVersion\":\"x.example.com/v1alpha1\"}"
#define OWNER(name) "{\"apiVersion\":\"x.example.com/v1\",\"manager\":\"" name "\"}"
/* The object becomes 2 through a version; fields: who set its fields before. */
#define WRITE(version, fields)                                                                     \
	REVIEW("x.example.com", version, OBJECT("x.example.com/" version, fields, "1"),            \
		OBJECT("x.example.com/" version, fields, "2"))

static const struct {
	enum change_loss expected;
	const char *review;
} losses[] = {
	{CHANGE_LOSES_NOTHING, WRITE("v1", V1)},
	{CHANGE_LOSES_NOTHING, WRITE("v1", V1 "," V1)},
	{CHANGE_LOSES_NOTHING, WRITE("v1alpha1", V1ALPHA1)},
	{CHANGE_LOSES, WRITE("v1alpha1", V1)},
	{CHANGE_LOSES, WRITE("v1alpha1", V1ALPHA1 "," V1)},
	{CHANGE_LOSES, WRITE("v1", V1ALPHA1)},
	{CHANGE_LOSS_UNKNOWN, WRITE("v1", "")},
	{CHANGE_LOSS_UNKNOWN, WRITE("v1", "{}")},
	{CHANGE_LOSS_UNKNOWN, WRITE("v1", "7")},
	/* who takes the names away could write the other version next */
	{CHANGE_LOSS_UNKNOWN, REVIEW("x.example.com", "v1", OBJECT("x.example.com/v1", V1, "1"),
				      OBJECT("x.example.com/v1", "", "1"))},
	{CHANGE_LOSS_UNKNOWN, REVIEW("x.example.com", "v1", OBJECT("x.example.com/v1", V1, "1"),
				      OBJECT("x.example.com/v1", V1ALPHA1, "1"))},
	{CHANGE_LOSS_UNKNOWN,
		REVIEW("x.example.com", "v1", OBJECT("x.example.com/v1", OWNER("a"), "1"),
			OBJECT("x.example.com/v1", OWNER("b"), "2"))},
	/* Kubernetes' own kinds keep everything */
	{CHANGE_LOSES_NOTHING, REVIEW("", "v1", OBJECT("v1", "", "1"), OBJECT("v1", "", "2"))},
	{CHANGE_LOSES_NOTHING, REVIEW("autoscaling", "v1", OBJECT("autoscaling/v1", V1, "1"),
				       OBJECT("autoscaling/v1", V1, "2"))},
	{CHANGE_LOSES_NOTHING, REVIEW("storagemigration.k8s.io", "v1", OBJECT("x/v1", V1, "1"),
				       OBJECT("x/v1", V1, "2"))},
	/* and others that look alike do not */
	{CHANGE_LOSES, REVIEW("gateway.networking.k8s.io", "v1", OBJECT("x/v1", V1, "1"),
			       OBJECT("x/v1", V1, "2"))},
	{CHANGE_LOSES, REVIEW("app", "v1", OBJECT("app/v1", V1, "1"), OBJECT("app/v1", V1, "2"))},
};

START_TEST(change_version__what_is_lost)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);
	const struct policy_request r = request_or_fail(span_of(losses[_i].review), arena);

	ck_assert_msg(change_loss(&r) == losses[_i].expected, "%d: %s", change_loss(&r),
		losses[_i].review);
}
END_TEST

static void fingerprint_or_fail(const char *review, struct arena *arena, uint8_t ret[SHA256_LEN])
{
	const struct policy_request r = request_or_fail(span_of(review), arena);
	struct err e;

	ck_assert_msg(fingerprint_of(&r, SPAN("c"), arena, ret, &e) == 0, "%s", e.msg);
}

/* Approved in one version is not approved in another that loses more. */
START_TEST(change_version__is_part_of_what_is_approved)
{
	static const struct {
		bool same;
		const char *a, *b;
	} pairs[] = {
		{false, WRITE("v1", V1), WRITE("v1alpha1", V1)},
		{false, WRITE("v1beta1", V1), WRITE("v1alpha1", V1)},
		{true, WRITE("v1alpha1", V1), WRITE("v1alpha1", V1 "," V1ALPHA1)},
		{true, WRITE("v1", V1), WRITE("v1", V1 "," V1)},
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);
	uint8_t a[SHA256_LEN], b[SHA256_LEN];

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		fingerprint_or_fail(pairs[i].a, arena, a);
		fingerprint_or_fail(pairs[i].b, arena, b);
		ck_assert_msg((memcmp(a, b, sizeof(a)) == 0) == pairs[i].same, "pair %zu", i);
	}
}
END_TEST

/* Nothing changes but who owns which field. */
#define OWNED(time, fields)                                                                        \
	"{\"metadata\":{\"uid\":\"1\",\"managedFields\":[{\"manager\":\"a\"," time                 \
	"\"fieldsV1\":{" fields "}}]}}"
#define NONE OWNED("", "\"f:data\":{}")
#define BESIDE(a, fields)                                                                          \
	"{\"metadata\":{\"uid\":\"1\",\"managedFields\":[{\"manager\":\"a\",\"fieldsV1\":{" fields \
	"}}]},\"data\":5,\"spec\":" a "}"
#define SAID(old, new) REVIEW("apps", "v1", old, new)

START_TEST(change_version__owners_alone_are_what_is_approved)
{
	static const struct {
		bool same;
		const char *a, *b;
	} pairs[] = {
		{true, SAID(NONE, OWNED("\"time\":\"1\",", "\"f:status\":{}")),
			SAID(OWNED("", "\"f:b\":{}"), OWNED("\"time\":\"2\",", "\"f:status\":{}"))},
		{false, SAID(NONE, OWNED("", "\"f:status\":{}")),
			SAID(NONE, OWNED("", "\"f:spec\":{}"))},
		{false, SAID(NONE, OWNED("", "\"time\":{}")),
			SAID(NONE, OWNED("", "\"status\":{}"))},
		{false, SAID(NONE, OWNED("", "\"f:spec\":{}")), SAID(NONE, OWNED("", ""))},
		/* beside another change, that does not explain it */
		{false, SAID(BESIDE("1", "\"f:data\":{}"), BESIDE("2", "\"f:data\":{}")),
			SAID(BESIDE("1", "\"f:data\":{}"), BESIDE("2", ""))},
		{true, SAID(BESIDE("1", "\"f:spec\":{}"), BESIDE("2", "\"f:spec\":{}")),
			SAID(BESIDE("1", "\"f:spec\":{}"), BESIDE("2", ""))},
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1u << 20);
	uint8_t a[SHA256_LEN], b[SHA256_LEN];

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		fingerprint_or_fail(pairs[i].a, arena, a);
		fingerprint_or_fail(pairs[i].b, arena, b);
		ck_assert_msg((memcmp(a, b, sizeof(a)) == 0) == pairs[i].same, "pair %zu", i);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("change_version");

	tcase_add_loop_test(t, change_version__what_is_lost, 0, ARRAY_LEN(losses));
	tcase_add_test(t, change_version__is_part_of_what_is_approved);
	tcase_add_test(t, change_version__owners_alone_are_what_is_approved);
	return run_tests(t);
}
