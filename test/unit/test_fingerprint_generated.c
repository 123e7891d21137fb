/* SPDX-License-Identifier: Apache-2.0 */
/* Names that the API server, a controller or kubectl makes up are not part of a change; names that
 * only look like it are. */
#include "support/run_tests.h"
#include "unit/review_support.h"

enum verdict { SAME, OTHER };

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
	REVIEW_UPDATE                                                                              \
	"\"oldObject\":{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" before "}}}}},"   \
	"\"object\":{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" MOMENT(              \
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

int main(void)
{
	TCase *t = tcase_create("fingerprint_generated");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(
		t, fingerprint__nothing_posted_to_a_subresource_is_generated, 0, ARRAY_LEN(posted));
	tcase_add_loop_test(t, fingerprint__generated_volume, 0, ARRAY_LEN(pods));
	tcase_add_loop_test(
		t, fingerprint__knows_for_how_many_requests_it_stands, 0, ARRAY_LEN(breadths));
	tcase_add_test(t, fingerprint__generated_debug_container);
	tcase_add_loop_test(t, fingerprint__pods_that_kubectl_debug_makes, 0, ARRAY_LEN(debugging));
	return run_tests(t);
}
