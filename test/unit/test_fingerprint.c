/* SPDX-License-Identifier: Apache-2.0 */
#include "support/run_tests.h"
#include "unit/review_support.h"

/*
 * The recordings hold the same commands run twice, against two API servers of different age, with
 * new uids, versions, times and generated names each time; where a webhook of either kind was
 * called for one command, that is a repetition too. One line is one change by one identity, but for
 * the creation of a Pod: its status is the client's at /mutate and the API server's at /validate,
 * which is where holds are asked for. An update is of one object, which the two have with two uids.
 */
static const char *const same_change[] = {
	"v1.20/001 v1.20/002",
	"v1.20/003",
	"v1.36/003",
	"v1.20/004 v1.20/005",
	"v1.36/004 v1.36/005",
	"v1.20/006 v1.20/007",
	"v1.36/006 v1.36/007",
	"v1.20/008 v1.20/009",
	"v1.36/008 v1.36/009",
	"v1.20/010 v1.20/011",
	"v1.36/010 v1.36/011",
	"v1.20/012 v1.20/013",
	"v1.36/012 v1.36/013",
	"v1.20/014 v1.20/015",
	"v1.36/014 v1.36/015",
	"v1.20/016 v1.20/017",
	"v1.36/016 v1.36/017",
	"v1.20/018 v1.20/019",
	"v1.36/018 v1.36/019",
	"v1.20/020 v1.36/020",
	"v1.20/021 v1.36/021",
	"v1.20/022 v1.20/024 v1.36/022 v1.36/024",
	"v1.20/023 v1.20/025 v1.36/023 v1.36/025",
	"v1.20/026 v1.36/026",
	"v1.20/027 v1.36/027",
	"v1.20/028 v1.36/028",
	"v1.20/029 v1.36/029",
	"v1.20/030",
	"v1.36/030",
	"v1.20/031",
	"v1.36/031",
	"v1.20/032 v1.36/032",
	"v1.20/033 v1.36/033",
	"v1.20/034",
	"v1.20/035 v1.36/035",
	"v1.20/036 v1.20/037 v1.36/036 v1.36/037",
	"v1.20/038 v1.20/039 v1.36/038 v1.36/039",
	"v1.20/040 v1.20/041 v1.36/040 v1.36/041",
	"v1.20/042 v1.36/042",
	"v1.20/043 v1.20/044 v1.36/043 v1.36/044",
	"v1.20/045 v1.20/046 v1.36/045 v1.36/046",
	"v1.20/047 v1.20/048",
	"v1.36/047 v1.36/048",
	"v1.20/049 v1.20/050",
	"v1.36/049 v1.36/050",
	"v1.20/051 v1.36/051",
	"v1.20/052 v1.36/052",
	"v1.20/053 v1.36/053",
	"v1.20/054",
	"v1.20/055",
	"v1.20/056 v1.36/057",
	"v1.20/057 v1.36/058",
	"v1.20/058 v1.36/059",
	"v1.20/059",
	"v1.20/060 v1.20/062 v1.36/061",
	"v1.20/061",
	"v1.36/062",
	"v1.20/063 v1.36/063",
	"v1.20/064",
	"v1.20/065 v1.20/066",
	"v1.20/067 v1.20/068",
	"v1.36/068 v1.36/069",
	"v1.20/069",
	"v1.20/070",
	"v1.20/071",
	"v1.20/072",
	"v1.20/073",
	"v1.36/001 v1.36/002",
	"v1.36/034",
	"v1.36/054",
	"v1.36/055",
	"v1.36/056",
	"v1.36/060",
	"v1.36/064",
	"v1.36/065 v1.36/066 v1.36/067",
	"v1.36/070",
	"v1.36/071",
	"v1.36/072",
	"v1.36/073",
	"v1.36/074",
};

static bool row_has(const char *row, const char *name)
{
	char prefix[16];

	snprintf(prefix, sizeof(prefix), "%.*s", (int)strcspn(name, "-"), name);
	return strstr(row, prefix) != NULL;
}

struct seen {
	char *canonical[ARRAY_LEN(same_change)];
	unsigned compared;
};

static void compare_with_row(const char *name, const char *text, size_t len, void *userdata)
{
	struct seen *s = userdata;
	char *canonical = canonical_of(text);

	(void)len;
	for (size_t i = 0; i < ARRAY_LEN(same_change); i++) {
		if (!row_has(same_change[i], name))
			continue;
		s->compared++;
		if (!s->canonical[i])
			s->canonical[i] = strdup(canonical);
		ck_assert_msg(strcmp(s->canonical[i], canonical) == 0, "%s is not the change of %s",
			name, same_change[i]);
	}
	free(canonical);
}

START_TEST(fingerprint__recorded_attempts_match_and_others_do_not)
{
	struct seen s = {0};

	ck_assert_uint_eq(each_fixture(compare_with_row, &s), 147);
	ck_assert_uint_eq(s.compared, 147);
	for (size_t i = 0; i < ARRAY_LEN(same_change); i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(strcmp(s.canonical[i], s.canonical[k]) != 0, "%s is also %s",
				same_change[i], same_change[k]);
	for (size_t i = 0; i < ARRAY_LEN(same_change); i++)
		free(s.canonical[i]);
}
END_TEST

/* ---- one thing replaced in a recorded review: the same change or another one? ---- */

enum verdict { SAME, OTHER };

static const struct {
	enum verdict expected;
	const char *fixture;
	const char *from, *to;
} replacements[] = {
	/* made anew by the API server, or not part of what was asked */
	{SAME, "v1.36/020", "6db6d407-aa6d-488a-b080-b65b7769284e", "another-review"},
	{SAME, "v1.36/020", "2026-11-23T00:17:34Z", "2027-01-01T00:00:00Z"},
	{SAME, "v1.36/020", "\"manager\":\"kubectl-create\"", "\"manager\":\"agent\""},
	/* of a local APIService the API server says since when it has been there */
	{SAME, "v1.36/061", "2026-11-23T00:17:40Z", "2026-11-23T09:08:07Z"},
	{SAME, "v1.36/020", "\"fieldValidation\":\"Strict\"", "\"fieldValidation\":\"Warn\""},
	{SAME, "v1.36/020", "\"ai-agents\",\"system", "\"others\",\"system"},
	{SAME, "v1.36/020", "\"namespace\":\"prod\",\"managedFields\"",
		"\"namespace\":\"prod\",\"selfLink\":\"/x\",\"managedFields\""},
	{SAME, "v1.36/020", "\"priority\":0", "\"priority\":0.0"},
	{SAME, "v1.36/020", "\"priority\":0", "\"priority\":-0e7"},
	{SAME, "v1.36/020", "\"tolerationSeconds\":300", "\"tolerationSeconds\":3.00e2"},
	{SAME, "v1.36/020", "\"alpine:3.19\"", "\"alpine\\u003a3.1\\u0039\""},
	{SAME, "v1.36/054", "9db9fa94-db8d-4485-a3b8-d699d5df60f3",
		"00000000-db8d-4485-a3b8-d699d5df60f3"},
	{SAME, "v1.36/027", "job-pcj9j", "job-xk2vw"},
	{SAME, "v1.36/065", "\"resourceVersion\":\"223\"", "\"resourceVersion\":\"999\""},
	{SAME, "v1.36/065", "alpine:3.19", "alpine:3.20"}, /* the uid says which object */

	/* another change, another object, another identity */
	{OTHER, "v1.36/020", "\"status\":{}", "\"status\":{\"phase\":\"Running\"}"},
	{OTHER, "v1.36/061", "\"status\":\"True\"", "\"status\":\"False\""},
	{OTHER, "v1.36/020", "\"alpine:3.19\"", "\"alpine:3.20\""},
	{OTHER, "v1.36/020", "\"priority\":0", "\"priority\":\"0\""},
	{OTHER, "v1.36/020", "\"priority\":0", "\"priority\":null"},
	{OTHER, "v1.36/020", "\"priority\":0,", ""},
	{OTHER, "v1.36/020", "\"tolerationSeconds\":300", "\"tolerationSeconds\":30"},
	{OTHER, "v1.36/020", "\"debug-root\"", "\"debug-roof\""},
	{OTHER, "v1.36/020", "\"namespace\":\"prod\"", "\"namespace\":\"test\""},
	{OTHER, "v1.36/020", "claude-code@", "claude-kode@"},
	{OTHER, "v1.36/020", "\"operation\":\"CREATE\"", "\"operation\":\"CONNECT\""},
	{OTHER, "v1.36/020", "\"resource\":\"pods\"", "\"resource\":\"podz\""},
	{OTHER, "v1.36/020", "[\"nsenter\",\"--target\"", "[\"nsenter\",\"nsenter\",\"--target\""},
	{OTHER, "v1.36/020", "\"--mount\",\"--\"", "\"--\",\"--mount\""},
	{OTHER, "v1.36/020", "\"metadata\":{\"name\":\"debug-root\",",
		"\"metadata\":{\"name\":\"debug-root\",\"labels\":{\"a\":\"b\"},"},
	{OTHER, "v1.36/036", "drop table orders", "drop table users"},
	{OTHER, "v1.36/036", "\"container\":\"web\"", "\"container\":\"db\""},
	{OTHER, "v1.36/036", "\"stdout\":true", "\"stdout\":true,\"stdin\":true"},
	{OTHER, "v1.36/036", "\"stdout\":true", "\"stdout\":true,\"status\":true"},
	{OTHER, "v1.36/027", "job-pcj9j", "job-chosen"},
	{OTHER, "v1.36/027", "\"generateName\":\"job-\"", "\"generateName\":\"jo\""},
	{OTHER, "v1.36/065", "901b06fa-de0b-4a6f-a88a-8683697c9aae",
		"00000000-de0b-4a6f-a88a-8683697c9aae"},
};

START_TEST(fingerprint__one_replacement)
{
	char *text = read_fixture(replacements[_i].fixture), *changed, *a, *b;

	changed = replaced(text, replacements[_i].from, replacements[_i].to);
	a = canonical_of(text);
	b = canonical_of(changed);
	ck_assert_msg((strcmp(a, b) == 0) == (replacements[_i].expected == SAME), "%s: %s -> %s",
		replacements[_i].fixture, replacements[_i].from, replacements[_i].to);
	free(a);
	free(b);
	free(changed);
	free(text);
}
END_TEST

/* ---- updates: only what the requester changes counts ---- */

#define HEAD                                                                                       \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"resource\":{\"group\":\"apps\",\"version\":\"v1\",\"resource\":"          \
	"\"deployments\"},\"name\":\"web\",\"namespace\":\"prod\",\"operation\":\"UPDATE\","       \
	"\"userInfo\":{\"username\":\"agent\"},"

static char *update_of(const char *before, const char *after)
{
	char *text = NULL;

	ck_assert_int_gt(
		asprintf(&text, HEAD "\"oldObject\":%s,\"object\":%s}}", before, after), 0);
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

/* ---- what is posted to a subresource is the client's, to the last member ---- */

#define POSTED(resource, sub, name, metadata, rest)                                                \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"" resource   \
	"\"},\"subResource\":\"" sub "\",\"name\":\"" name "\",\"namespace\":\"n\","               \
	"\"operation\":\"CREATE\",\"userInfo\":{\"username\":\"agent\"},"                          \
	"\"object\":{\"metadata\":{" metadata "}," rest "}}}"
#define GENERATE(prefix) "\"generateName\":\"" prefix "\""
#define NAMED(uid)	 "\"uid\":\"" uid "\""
#define NODE_A		 "node-a.eu-central-1.compute.internal"
#define NODE_B		 "node-b.eu-central-1.compute.internal"
#define TARGET(node)	 "\"target\":{\"name\":\"" node "\"}"

static const struct {
	const char *one, *two;
} posted[] = {
	{POSTED("pods", "eviction", "web-bcdfg", GENERATE("web-"), "\"a\":1"),
		POSTED("pods", "eviction", "web-xz249", GENERATE("web-"), "\"a\":1")},
	{POSTED("serviceaccounts", "token", "ci-bcdfg", GENERATE("ci-"), "\"a\":1"),
		POSTED("serviceaccounts", "token", "ci-xz249", GENERATE("ci-"), "\"a\":1")},
	{POSTED("pods", "binding", "p", NAMED(NODE_A), TARGET(NODE_A)),
		POSTED("pods", "binding", "p", NAMED(NODE_B), TARGET(NODE_B))},
};

START_TEST(fingerprint__nothing_posted_to_a_subresource_is_generated)
{
	char *a = canonical_of(posted[_i].one), *b = canonical_of(posted[_i].two);

	ck_assert_uint_eq(strlen(NODE_A), 36); /* as long as a uid */
	ck_assert_str_ne(a, b);
	free(a), free(b);
}
END_TEST

/* ---- generated volumes and containers ---- */

#define POD(volumes, mounts)                                                                       \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"    \
	"\"name\":\"p\",\"namespace\":\"n\",\"operation\":\"CREATE\",\"userInfo\":{"               \
	"\"username\":\"agent\"},\"object\":{\"metadata\":{\"name\":\"p\"},\"spec\":{"             \
	"\"volumes\":[" volumes "],\"containers\":[{\"name\":\"c\",\"volumeMounts\":[" mounts      \
	"]}]}}}}"
#define VOLUME(suffix, source) "{\"name\":\"kube-api-access-" suffix "\"," source "}"
#define MOUNT(suffix)	       "{\"name\":\"kube-api-access-" suffix "\",\"mountPath\":\"/t\"}"
#define TOKEN		       "\"projected\":{}"

static const struct {
	enum verdict expected;
	const char *one, *two;
} pods[] = {
	{SAME, POD(VOLUME("bcdfg", TOKEN), MOUNT("bcdfg")),
		POD(VOLUME("xz249", TOKEN), MOUNT("xz249"))},
	/* what stands in it is not left out */
	{OTHER, POD(VOLUME("bcdfg", TOKEN), MOUNT("bcdfg")),
		POD(VOLUME("bcdfg", "\"hostPath\":{\"path\":\"/\"}"), MOUNT("bcdfg"))},
	{OTHER, POD(VOLUME("bcdfg", TOKEN), MOUNT("bcdfg")), POD(VOLUME("bcdfg", TOKEN), "")},
	/* a mount of something else */
	{OTHER, POD(VOLUME("bcdfg", TOKEN), MOUNT("bcdfg")),
		POD(VOLUME("bcdfg", TOKEN), MOUNT("xz249"))},
	/* two of them: which one is mounted matters */
	{OTHER, POD(VOLUME("bcdfg", TOKEN) "," VOLUME("xz249", "\"hostPath\":{}"), MOUNT("bcdfg")),
		POD(VOLUME("bcdfg", TOKEN) "," VOLUME("xz249", "\"hostPath\":{}"), MOUNT("xz249"))},
	/* not of the generator's making */
	{OTHER, POD(VOLUME("aeiou", TOKEN), MOUNT("aeiou")),
		POD(VOLUME("aeioy", TOKEN), MOUNT("aeioy"))},
	{OTHER, POD(VOLUME("bcdfgh", TOKEN), MOUNT("bcdfgh")),
		POD(VOLUME("bcdfgj", TOKEN), MOUNT("bcdfgj"))},
};

START_TEST(fingerprint__generated_volume)
{
	char *a = canonical_of(pods[_i].one), *b = canonical_of(pods[_i].two);

	ck_assert_msg(
		(strcmp(a, b) == 0) == (pods[_i].expected == SAME), "row %d:\n%s\n%s", _i, a, b);
	free(a);
	free(b);
}
END_TEST

#define DEBUG(name, image)                                                                         \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"    \
	"\"subResource\":\"ephemeralcontainers\",\"name\":\"p\",\"namespace\":\"n\","              \
	"\"operation\":\"UPDATE\",\"userInfo\":{\"username\":\"agent\"},"                          \
	"\"oldObject\":{\"spec\":{\"ephemeralContainers\":[{\"name\":\"debugger-bbbbb\"}]}},"      \
	"\"object\":{\"spec\":{\"ephemeralContainers\":[{\"name\":\"debugger-bbbbb\"},"            \
	"{\"name\":\"" name "\",\"image\":\"" image "\"}]}}}}"

#define DEBUG_POD(name, spec)                                                                      \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"    \
	"\"name\":\"" name "\",\"namespace\":\"n\",\"operation\":\"CREATE\",\"userInfo\":{"        \
	"\"username\":\"agent\"},\"object\":{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec \
	"}}}}"
#define COPY(debugger, image)                                                                      \
	DEBUG_POD("p1-debug", "\"containers\":[{\"name\":\"app\"},{\"name\":\"" debugger           \
			      "\",\"image\":\"" image "\"}]")
#define ON_NODE(name, node)                                                                        \
	DEBUG_POD(name, "\"nodeName\":\"" node "\",\"containers\":[{\"name\":\"debugger\"}]")

#define RESTART(before)                                                                            \
	HEAD "\"oldObject\":{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" before       \
	     "}}}}},"                                                                              \
	     "\"object\":{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" MOMENT(         \
		     "2026-11-23T00:00:00Z") "}}}}}}}"
#define MOMENT(t) "\"kubectl.kubernetes.io/restartedAt\":\"" t "\""

static const struct {
	enum fingerprint_breadth expected;
	const char *fixture, *text;
} breadths[] = {
	{FINGERPRINT_ANY_NAME, "v1.36/027", NULL}, /* a pod of a Job */
	{FINGERPRINT_EXACT, "v1.36/021", NULL},	   /* a pod by its name */
	{FINGERPRINT_EXACT, "v1.36/036", NULL},	   /* exec */
	{FINGERPRINT_EXACT, "v1.36/003", NULL},	   /* scale */
	{FINGERPRINT_ANY_TRY, NULL, DEBUG("debugger-xz249", "busybox")},
	{FINGERPRINT_EXACT, NULL, DEBUG("mine", "busybox")},
	{FINGERPRINT_ANY_TRY, NULL, COPY("debugger-xz249", "busybox")},
	{FINGERPRINT_EXACT, NULL, COPY("debugger", "busybox")},
	{FINGERPRINT_ANY_NAME, NULL, ON_NODE("node-debugger-n1-xz249", "n1")},
	{FINGERPRINT_EXACT, NULL, ON_NODE("node-debugger-n1-xz249", "n2")},
	{FINGERPRINT_ANY_TRY, NULL, RESTART("")},
	{FINGERPRINT_ANY_TRY, NULL, RESTART(MOMENT("2026-01-01T00:00:00Z"))},
	{FINGERPRINT_EXACT, NULL, RESTART(MOMENT("2026-11-23T00:00:00Z"))},
};

START_TEST(fingerprint__knows_for_how_many_requests_it_stands)
{
	struct arena *arena = arena_new(65536, 64 << 20);
	char *text =
		breadths[_i].text ? strdup(breadths[_i].text) : read_fixture(breadths[_i].fixture);
	struct review r;

	review_ok(text, strlen(text), arena, &r);
	ck_assert_int_eq(fingerprint_breadth(&r.request, arena), breadths[_i].expected);
	arena_free(arena);
	free(text);
}
END_TEST

START_TEST(fingerprint__generated_debug_container)
{
	char *a = canonical_of(DEBUG("debugger-xz249", "busybox"));
	char *b = canonical_of(DEBUG("debugger-ccccc", "busybox"));
	char *c = canonical_of(DEBUG("debugger-ccccc", "evil"));
	char *d = canonical_of(DEBUG("debugger", "busybox"));

	ck_assert_str_eq(a, b);
	ck_assert_str_ne(b, c);
	ck_assert_str_ne(b, d);
	free(a);
	free(b);
	free(c);
	free(d);
}
END_TEST

static const struct {
	bool same;
	const char *one, *two;
} debugging[] = {
	{true, COPY("debugger-xz249", "busybox"), COPY("debugger-ccccc", "busybox")},
	{false, COPY("debugger-xz249", "busybox"), COPY("debugger-ccccc", "evil")},
	{false, COPY("debugger-xz249", "busybox"), COPY("debugger", "busybox")},
	{false, COPY("debugger-xz249", "busybox"), COPY("debugger-aaaaa", "busybox")},
	{false,
		DEBUG_POD("p", "\"containers\":[{\"name\":\"debugger-xz249\"},{\"name\":\"debugger-"
			       "ccccc\"}]"),
		DEBUG_POD("p", "\"containers\":[{\"name\":\"debugger-xz249\"},{\"name\":\"debugger-"
			       "bbbbb\"}]")},
	{false, DEBUG_POD("p", "\"initContainers\":[{\"name\":\"debugger-xz249\"}]"),
		DEBUG_POD("p", "\"initContainers\":[{\"name\":\"debugger-ccccc\"}]")},
	{true, ON_NODE("node-debugger-n1-xz249", "n1"), ON_NODE("node-debugger-n1-ccccc", "n1")},
	{false, ON_NODE("node-debugger-n1-xz249", "n1"), ON_NODE("node-debugger-n2-xz249", "n2")},
	{false, ON_NODE("node-debugger-n1-xz249", "n2"), ON_NODE("node-debugger-n1-ccccc", "n2")},
	{false, ON_NODE("node-debugger--xz249", ""), ON_NODE("node-debugger--ccccc", "")},
	{false, ON_NODE("other-debugger-n1-xz249", "n1"), ON_NODE("other-debugger-n1-ccccc", "n1")},
};

START_TEST(fingerprint__pods_that_kubectl_debug_makes)
{
	char *one = canonical_of(debugging[_i].one), *two = canonical_of(debugging[_i].two);

	ck_assert_msg((strcmp(one, two) == 0) == debugging[_i].same, "%s\n%s", one, two);
	free(one);
	free(two);
}
END_TEST

/* ---- authorization ---- */

#define ASKED(attributes)                                                                          \
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":"   \
	"{\"user\":\"u\",\"resourceAttributes\":{" attributes "}}}"
#define LIST "\"verb\":\"list\",\"version\":\"v1\",\"resource\":\"secrets\""
#define WITH(name, selector)                                                                       \
	ASKED(LIST ",\"" name                                                                      \
		   "\":{\"requirements\":[{\"key\":\"k\",\"operator\":\"In\",\"values\":["         \
		   "\"" selector "\"]}]}")
#define WHOM "\"name\":\"n\",\"group\":\"authentication.k8s.io\",\"resource\":"

static const struct {
	enum verdict expected;
	const char *one, *two;
} asked[] = {
	{SAME, WITH("labelSelector", "a"), WITH("labelSelector", "a")},
	{OTHER, WITH("labelSelector", "a"), WITH("labelSelector", "b")},
	{OTHER, WITH("labelSelector", "a"), WITH("fieldSelector", "a")},
	{OTHER, WITH("fieldSelector", "a"), ASKED(LIST)},
	/* One --as asks for the constrained right, then for the old one: a person is asked once. */
	{SAME, ASKED("\"verb\":\"impersonate:user-info\"," WHOM "\"users\""),
		ASKED("\"verb\":\"impersonate\",\"resource\":\"users\",\"name\":\"n\"")},
	{SAME, ASKED("\"verb\":\"impersonate:arbitrary-node\"," WHOM "\"nodes\""),
		ASKED("\"verb\":\"impersonate\",\"resource\":\"users\",\"name\":\"system:node:"
		      "n\"")},
	{OTHER, ASKED("\"verb\":\"impersonate:user-info\"," WHOM "\"users\""),
		ASKED("\"verb\":\"impersonate:user-info\"," WHOM "\"groups\"")},
	{OTHER, ASKED("\"verb\":\"impersonate-on:user-info:get\",\"resource\":\"pods\""),
		ASKED("\"verb\":\"get\",\"resource\":\"pods\"")},
};

START_TEST(fingerprint__questions_at_authorization)
{
	char *a = canonical_of(asked[_i].one), *b = canonical_of(asked[_i].two);

	ck_assert_msg((strcmp(a, b) == 0) == (asked[_i].expected == SAME), "%s\n%s", a, b);
	free(a);
	free(b);
}
END_TEST

/* ---- fields cannot run into one another ---- */

START_TEST(fingerprint__fields_are_delimited)
{
	char *text = read_fixture("v1.36/020");
	char *one = replaced(text, "\"namespace\":\"prod\",\"operation\"",
		"\"namespace\":\"a;name=s1:b\",\"operation\"");
	char *two = replaced(text, "\"name\":\"debug-root\",\"namespace\":\"prod\",\"operation\"",
		"\"name\":\"b\",\"namespace\":\"a\",\"operation\"");
	char *a = canonical_of(one), *b = canonical_of(two);

	ck_assert_str_ne(a, b);
	free(a);
	free(b);
	free(one);
	free(two);
	free(text);
}
END_TEST

/* ---- limits ---- */

START_TEST(fingerprint__full_arena_is_an_error)
{
	char *text = read_fixture("v1.36/020");
	struct arena *arena = arena_new(65536, 256 << 20), *small = arena_new(64, 512);
	struct review r;
	uint8_t hash[SHA256_LEN];
	struct err e = {0};

	review_ok(text, strlen(text), arena, &r);
	ck_assert_int_eq(fingerprint_of(&r.request, SPAN("c"), small, hash, &e), -1);
	ck_assert_str_ne(e.msg, "");
	ck_assert_int_eq(fingerprint_of(&r.request, SPAN("c"), arena, hash, &e), 0);
	arena_free(small);
	arena_free(arena);
	free(text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("fingerprint");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, fingerprint__recorded_attempts_match_and_others_do_not);
	tcase_add_loop_test(t, fingerprint__one_replacement, 0, ARRAY_LEN(replacements));
	tcase_add_loop_test(
		t, fingerprint__node_that_shows_no_difference, 0, ARRAY_LEN(same_on_both_sides));
	tcase_add_loop_test(t, fingerprint__update_is_its_differences, 0, ARRAY_LEN(updates));
	tcase_add_loop_test(
		t, fingerprint__a_status_counts_unless_it_is_computed, 0, ARRAY_LEN(statuses));
	tcase_add_test(t, fingerprint__verdict_on_a_certificate_request_counts);
	tcase_add_loop_test(
		t, fingerprint__nothing_posted_to_a_subresource_is_generated, 0, ARRAY_LEN(posted));
	tcase_add_loop_test(t, fingerprint__generated_volume, 0, ARRAY_LEN(pods));
	tcase_add_loop_test(
		t, fingerprint__knows_for_how_many_requests_it_stands, 0, ARRAY_LEN(breadths));
	tcase_add_test(t, fingerprint__generated_debug_container);
	tcase_add_loop_test(t, fingerprint__pods_that_kubectl_debug_makes, 0, ARRAY_LEN(debugging));
	tcase_add_loop_test(t, fingerprint__questions_at_authorization, 0, ARRAY_LEN(asked));
	tcase_add_test(t, fingerprint__fields_are_delimited);
	tcase_add_test(t, fingerprint__full_arena_is_an_error);
	return run_tests(t);
}
