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
	tcase_add_loop_test(t, fingerprint__questions_at_authorization, 0, ARRAY_LEN(asked));
	tcase_add_test(t, fingerprint__fields_are_delimited);
	tcase_add_test(t, fingerprint__full_arena_is_an_error);
	return run_tests(t);
}
