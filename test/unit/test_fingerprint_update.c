/* SPDX-License-Identifier: Apache-2.0 */
/* Of an update only what the requester changes counts. */
#include "support/run_tests.h"
#include "unit/review_support.h"

enum verdict { SAME, OTHER };

static char *update_of(const char *before, const char *after)
{
	char *text = NULL;

	ck_assert_int_gt(
		asprintf(&text, REVIEW_UPDATE "\"oldObject\":%s,\"object\":%s}}", before, after),
		0);
	return text;
}

static const struct {
	enum verdict expected;
	const char *before1, *after1, *before2, *after2;
} updates[] = {
	/* somebody else's edit in between */
	{SAME, "{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}", "{\"a\":1,\"b\":9}", "{\"a\":2,\"b\":9}"},
	{SAME, "{\"a\":1}", "{\"a\":2}", "{\"a\":1,\"c\":{}}", "{\"a\":2,\"c\":{}}"},
	{SAME, "{\"a\":1,\"x\":0}", "{\"x\":0}", "{\"a\":1.0,\"x\":3}", "{\"x\":3}"},
	{SAME, "{\"metadata\":{\"generation\":1,\"resourceVersion\":\"1\"},\"a\":1}",
		"{\"metadata\":{\"generation\":2,\"resourceVersion\":\"1\"},\"a\":2}",
		"{\"metadata\":{\"generation\":5,\"resourceVersion\":\"7\"},\"a\":1}",
		"{\"metadata\":{\"generation\":6,\"resourceVersion\":\"7\"},\"a\":2}"},
	{SAME, "{\"a\":1,\"status\":{\"n\":1}}", "{\"a\":2,\"status\":{\"n\":1}}",
		"{\"a\":1,\"status\":{\"n\":2}}", "{\"a\":2,\"status\":{\"n\":2}}"},
	/* somebody else makes the object that is to get the member */
	{SAME, "{\"x\":1}", "{\"x\":1,\"d\":{\"e\":{\"m\":1}}}", "{\"x\":1,\"d\":{\"t\":2}}",
		"{\"x\":1,\"d\":{\"t\":2,\"e\":{\"m\":1}}}"},
	{SAME, "{\"d\":{}}", "{\"d\":{\"m\":1}}", "{}", "{\"d\":{\"m\":1}}"},
	/* the element is found by its name wherever it stands */
	{SAME, "{\"l\":[{\"name\":\"x\",\"v\":1}]}", "{\"l\":[{\"name\":\"x\",\"v\":2}]}",
		"{\"l\":[{\"name\":\"w\"},{\"name\":\"x\",\"v\":1}]}",
		"{\"l\":[{\"name\":\"w\"},{\"name\":\"x\",\"v\":2}]}"},
	{SAME, "{\"l\":[{\"name\":\"x\"}]}", "{\"l\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
		"{\"l\":[{\"name\":\"x\"},{\"name\":\"w\"}]}",
		"{\"l\":[{\"name\":\"x\"},{\"name\":\"w\"},{\"name\":\"y\"}]}"},
	{SAME, "{\"l\":[{\"name\":\"x\"}]}", "{\"l\":[{\"name\":\"y\"},{\"name\":\"x\"}]}",
		"{\"l\":[{\"name\":\"w\"}]}", "{\"l\":[{\"name\":\"y\"},{\"name\":\"w\"}]}"},
	{SAME, "{\"l\":[{\"name\":\"x\"},{\"name\":\"y\"}]}", "{\"l\":[{\"name\":\"y\"}]}",
		"{\"l\":[{\"name\":\"y\",\"v\":3},{\"name\":\"x\"}]}",
		"{\"l\":[{\"name\":\"y\",\"v\":3}]}"},
	{SAME, "{\"l\":[{\"containerPort\":80,\"v\":1}]}",
		"{\"l\":[{\"containerPort\":80,\"v\":2}]}",
		"{\"l\":[{\"containerPort\":8e1,\"v\":1},{\"containerPort\":81}]}",
		"{\"l\":[{\"containerPort\":80,\"v\":2},{\"containerPort\":81}]}"},
	{SAME,
		"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"
		"\"kubectl.kubernetes.io/restartedAt\":\"2026-01-01T00:00:00Z\"}}}}}",
		"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"
		"\"kubectl.kubernetes.io/restartedAt\":\"2026-11-23T01:00:00+01:00\"}}}}}",
		"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"
		"\"kubectl.kubernetes.io/restartedAt\":\"2026-11-23T00:00:00Z\"}}}}}",
		"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"
		"\"kubectl.kubernetes.io/restartedAt\":\"2026-11-23T05:06:07Z\"}}}}}"},

	/* shown 3 to 4, sent when it is 50 */
	{OTHER, "{\"a\":3}", "{\"a\":4}", "{\"a\":50}", "{\"a\":4}"},
	{OTHER, "{\"a\":1}", "{\"a\":2}", "{}", "{\"a\":2}"},
	{OTHER, "{\"a\":null}", "{\"a\":2}", "{}", "{\"a\":2}"},
	{OTHER, "{\"a\":1,\"x\":0}", "{\"x\":0}", "{\"a\":5,\"x\":0}", "{\"x\":0}"},
	{OTHER, "{\"l\":[1,2]}", "{\"l\":[3]}", "{\"l\":[1,2,4]}", "{\"l\":[3]}"},
	{OTHER, "{\"l\":[{\"name\":\"x\",\"image\":\"a\"}]}",
		"{\"l\":[{\"name\":\"x\",\"image\":\"c\"}]}",
		"{\"l\":[{\"name\":\"x\",\"image\":\"b\"}]}",
		"{\"l\":[{\"name\":\"x\",\"image\":\"c\"}]}"},
	{OTHER, "{\"l\":[{\"name\":\"x\",\"v\":1},{\"name\":\"y\"}]}", "{\"l\":[{\"name\":\"y\"}]}",
		"{\"l\":[{\"name\":\"x\",\"v\":2},{\"name\":\"y\"}]}",
		"{\"l\":[{\"name\":\"y\"}]}"},
	{OTHER, "{\"metadata\":{\"uid\":\"u1\"},\"a\":1}",
		"{\"metadata\":{\"uid\":\"u1\"},\"a\":2}",
		"{\"metadata\":{\"uid\":\"u2\"},\"a\":1}",
		"{\"metadata\":{\"uid\":\"u2\"},\"a\":2}"},

	/* another change */
	{OTHER, "{}", "{\"d\":{}}", "{}", "{\"d\":{\"m\":1}}"},
	{OTHER, "{}", "{\"d\":{}}", "{\"d\":{\"m\":1}}", "{\"d\":{}}"},
	{OTHER, "{\"d\":{\"m\":1}}", "{\"d\":{}}", "{\"d\":{\"m\":1}}", "{}"},
	{OTHER, "{}", "{\"d\":{\"m\":1}}", "{\"d\":{\"t\":1}}", "{\"d\":{\"m\":1}}"},
	{OTHER, "{}", "{\"d\":{\"m\":1,\"n\":1}}", "{}", "{\"d\":{\"m\":1}}"},
	{OTHER, "{\"a\":1}", "{\"a\":2}", "{\"a\":1}", "{\"a\":3}"},
	{OTHER, "{\"a\":1}", "{\"a\":2}", "{\"a\":1}", "{\"a\":2,\"b\":1}"},
	{OTHER, "{\"a\":1}", "{\"a\":2}", "{\"a\":1}", "{\"a\":null}"},
	{OTHER, "{\"a\":1}", "{}", "{\"a\":1}", "{\"a\":null}"},
	{OTHER, "{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}", "{\"a\":1,\"b\":1}", "{\"a\":1,\"b\":2}"},
	{OTHER, "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}", "{\"a.b\":1}", "{\"a.b\":2}"},
	{OTHER, "{\"l\":[1,2]}", "{\"l\":[1,2,3]}", "{\"l\":[1,2]}", "{\"l\":[3,1,2]}"},
	{OTHER, "{\"l\":[{\"name\":\"x\"}]}", "{\"l\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
		"{\"l\":[{\"name\":\"x\"}]}", "{\"l\":[{\"name\":\"y\"},{\"name\":\"x\"}]}"},
	{OTHER, "{\"l\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
		"{\"l\":[{\"name\":\"y\"},{\"name\":\"x\"}]}",
		"{\"l\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
		"{\"l\":[{\"name\":\"x\"},{\"name\":\"y\"}]}"},
	{OTHER, "{\"l\":[{\"name\":\"x\",\"v\":1},{\"name\":\"y\",\"v\":1}]}",
		"{\"l\":[{\"name\":\"x\",\"v\":2},{\"name\":\"y\",\"v\":1}]}",
		"{\"l\":[{\"name\":\"x\",\"v\":1},{\"name\":\"y\",\"v\":1}]}",
		"{\"l\":[{\"name\":\"x\",\"v\":1},{\"name\":\"y\",\"v\":2}]}"},
	{OTHER, "{\"metadata\":{\"labels\":{}}}", "{\"metadata\":{\"labels\":{\"uid\":\"1\"}}}",
		"{\"metadata\":{\"labels\":{}}}", "{\"metadata\":{\"labels\":{\"uid\":\"2\"}}}"},
	{OTHER, "{\"spec\":{\"status\":1}}", "{\"spec\":{\"status\":2}}",
		"{\"spec\":{\"status\":1}}", "{\"spec\":{\"status\":3}}"},
	{OTHER, "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{}}}}}",
		"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"
		"\"kubectl.kubernetes.io/restartedAt\":\"2026-11-23T01:00:00Z\"}}}}}",
		"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{}}}}}",
		"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"
		"\"kubectl.kubernetes.io/restartedAt\":\"rm -rf\"}}}}}"},
};

START_TEST(fingerprint__update_is_its_differences)
{
	char *one = update_of(updates[_i].before1, updates[_i].after1);
	char *two = update_of(updates[_i].before2, updates[_i].after2);
	char *a = canonical_of(one), *b = canonical_of(two);

	ck_assert_msg(
		(strcmp(a, b) == 0) == (updates[_i].expected == SAME), "row %d:\n%s\n%s", _i, a, b);
	free(a);
	free(b);
	free(one);
	free(two);
}
END_TEST

/* API servers before 1.20.6 show the new Node twice. */
#define NODE(resource, sub, labels, status)                                                        \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"" resource   \
	"\"},\"subResource\":\"" sub "\",\"name\":\"n1\",\"operation\":\"UPDATE\",\"userInfo\":{"  \
	"\"username\":\"agent\"},\"oldObject\":" NODE_OBJECT(                                      \
		labels, status) ",\"object\":" NODE_OBJECT(labels, status) "}}"
#define NODE_OBJECT(labels, status)                                                                \
	"{\"metadata\":{\"uid\":\"n\",\"labels\":{" labels "}},\"status\":{\"beat\":" status "}}"

static const struct {
	enum verdict expected;
	const char *one, *two;
} same_on_both_sides[] = {
	{OTHER, NODE("nodes", "", "\"a\":\"1\"", "1"), NODE("nodes", "", "\"a\":\"2\"", "1")},
	{SAME, NODE("nodes", "", "\"a\":\"1\"", "1"), NODE("nodes", "", "\"a\":\"1\"", "2")},
	{OTHER, NODE("nodes", "status", "", "1"), NODE("nodes", "status", "", "2")},
	{SAME, NODE("pods", "", "\"a\":\"1\"", "1"), NODE("pods", "", "\"a\":\"2\"", "1")},
};

START_TEST(fingerprint__node_that_shows_no_difference)
{
	char *a = canonical_of(same_on_both_sides[_i].one);
	char *b = canonical_of(same_on_both_sides[_i].two);

	ck_assert_msg((strcmp(a, b) == 0) == (same_on_both_sides[_i].expected == SAME),
		"row %d:\n%s\n%s", _i, a, b);
	free(a), free(b);
}
END_TEST

/*
 * A custom resource without a status subresource has its status changed by any write; elsewhere the
 * API server shows the same status on both sides. Of a Scale it is computed.
 */
static const struct {
	enum verdict expected; /* of two other statuses */
	const char *group, *resource, *subresource;
} statuses[] = {
	{OTHER, "example.com", "gates", ""},
	{OTHER, "example.com", "gates", "status"},
	{OTHER, "example.com", "gates", "resize"},
	{OTHER, "", "pods", ""},
	{OTHER, "", "pods", "status"},
	{OTHER, "", "namespaces", "finalize"},
	{OTHER, "certificates.k8s.io", "certificatesigningrequests", "approval"},
	{SAME, "", "pods", "resize"},
	{SAME, "apps", "deployments", "scale"},
	{SAME, "example.com", "gates", "scale"},
};

static char *status_update(size_t i, const char *after)
{
	char *text = NULL;

	ck_assert_int_gt(
		asprintf(&text,
			"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\","
			"\"request\":{\"uid\":\"u\",\"resource\":{\"group\":\"%s\",\"version\":"
			"\"v1\",\"resource\":\"%s\"},\"subResource\":\"%s\",\"name\":\"x\","
			"\"namespace\":\"prod\",\"operation\":\"UPDATE\",\"userInfo\":{"
			"\"username\":\"agent\"},\"oldObject\":{\"status\":{\"open\":1}},"
			"\"object\":{\"status\":{\"open\":%s}}}}",
			statuses[i].group, statuses[i].resource, statuses[i].subresource, after),
		0);
	return text;
}

START_TEST(fingerprint__a_status_counts_unless_it_is_computed)
{
	char *one = status_update((size_t)_i, "2"), *two = status_update((size_t)_i, "3");
	char *a = canonical_of(one), *b = canonical_of(two);

	ck_assert_msg((strcmp(a, b) == 0) == (statuses[_i].expected == SAME), "%s/%s",
		statuses[_i].resource, statuses[_i].subresource);
	free(a), free(b);
	free(one), free(two);
}
END_TEST

#define APPROVAL(condition)                                                                        \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"resource\":{\"group\":\"certificates.k8s.io\",\"version\":\"v1\","        \
	"\"resource\":\"certificatesigningrequests\"},\"subResource\":\"approval\",\"name\":"      \
	"\"c\","                                                                                   \
	"\"operation\":\"UPDATE\",\"userInfo\":{\"username\":\"agent\"},"                          \
	"\"oldObject\":{\"status\":{}},"                                                           \
	"\"object\":{\"status\":{\"conditions\":[{\"type\":\"" condition "\"}]}}}}"

/* A certificate request is approved and denied in its status: one must not pass for the other. */
START_TEST(fingerprint__verdict_on_a_certificate_request_counts)
{
	char *a = canonical_of(APPROVAL("Denied")), *b = canonical_of(APPROVAL("Approved"));

	ck_assert_str_ne(a, b);
	free(a), free(b);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("fingerprint_update");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, fingerprint__update_is_its_differences, 0, ARRAY_LEN(updates));
	tcase_add_loop_test(
		t, fingerprint__node_that_shows_no_difference, 0, ARRAY_LEN(same_on_both_sides));
	tcase_add_loop_test(
		t, fingerprint__a_status_counts_unless_it_is_computed, 0, ARRAY_LEN(statuses));
	tcase_add_test(t, fingerprint__verdict_on_a_certificate_request_counts);
	return run_tests(t);
}
