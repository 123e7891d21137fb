/* SPDX-License-Identifier: Apache-2.0 */
/* What exists in the cluster, kept: lists in pages, watches, and all that goes wrong with them. */
#include "webhook/cache/kube_cache_internal.h"

#include "support/run_tests.h"
#include "unit/fake_kube_api.h"

#define NS_LIST(version, more, items)                                                              \
	"{\"kind\":\"NamespaceList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"     \
	"\"" version "\"" more "},\"items\":[" items "]}"
#define MORE(token) ",\"continue\":\"" token "\""
#define NS(name, version, env)                                                                     \
	"{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version                      \
	"\",\"labels\":{\"env\":\"" env "\"},\"managedFields\":[{\"manager\":\"kubectl\"}]}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define GONE                                                                                       \
	EVENT("ERROR",                                                                             \
		"{\"kind\":\"Status\",\"code\":410,\"message\":\"too old resource version\"}")

#define namespaces cluster_namespaces

static struct kube_cache *cache;
static struct arena *arena;
static char url[64];
static struct span why;

static void open_cache(unsigned max_age_ms, size_t max_bytes)
{
	struct kube_cache_config config = {.max_bytes = max_bytes, .max_age_ms = max_age_ms};
	struct err e;

	snprintf(url, sizeof(url), "https://127.0.0.1:%u", fake.port);
	config.api.server = url;
	config.api.ca_file = strdup(fake_file("ca.crt"));
	config.api.token_file = strdup(fake_file("token"));
	cache = kube_cache_new(&config);
	ck_assert_ptr_nonnull(cache);
	ck_assert_msg(kube_cache_want(cache, &namespaces, 1, &e) == 0, "%s", e.msg);
}

static void put_token(const char *token)
{
	const gnutls_datum_t text = {(unsigned char *)token, (unsigned)strlen(token)};

	test_write_file(fake_file("token"), &text);
}

static void setup(void)
{
	fake_setup();
	put_token("of-the-pod\n");
	arena = arena_new(1 << 16, 16 << 20);
}

static void teardown(void)
{
	char *ca = cache ? (char *)cache->config.api.ca_file : NULL;
	char *token = cache ? (char *)cache->config.api.token_file : NULL;

	kube_cache_free(cache);
	cache = NULL;
	free(ca);
	free(token);
	arena_free(arena);
	fake_teardown();
}

/* The label env of a namespace; "-": there is none, "?": it is not known, and why says why not. */
static const char *env_of(const char *name)
{
	static char env[64];
	struct json_doc d;
	struct span value;

	arena_reset(arena);
	why = (struct span){0};
	switch (kube_cache_get(cache, &namespaces, SPAN(""), span_of(name), arena, &d, &why)) {
	case CLUSTER_ABSENT:
		return "-";
	case CLUSTER_UNKNOWN:
		ck_assert_ptr_nonnull(why.ptr);
		return "?";
	case CLUSTER_FOUND:
		break;
	}
	value = json_string(&d, json_pointer_str(&d, JSON_ROOT, "/metadata/labels/env"), arena);
	snprintf(env, sizeof(env), "%.*s", SPAN_FMT(value));
	return env;
}

/* Within ms it is so. */
static void soon(const char *name, const char *env, int64_t ms)
{
	const int64_t until_ms = monotonic_ms() + ms;

	while (strcmp(env_of(name), env) != 0 && monotonic_ms() < until_ms)
		usleep(1000);
	ck_assert_str_eq(env_of(name), env);
}

static void says_why(const char *part)
{
	ck_assert_msg(why.ptr && memmem(why.ptr, why.len, part, strlen(part)), "no \"%s\" in: %.*s",
		part, SPAN_FMT(why));
}

START_TEST(kube_cache__pages_and_changes)
{
	static const struct fake_step steps[] = {
		{.expect = "/api/v1/namespaces?limit=500 of-the-pod",
			.body = NS_LIST("10", MORE("a+b/c=="), NS("one", "1", "prod"))},
		{.expect = "limit=500&continue=a%2Bb%2Fc%3D%3D",
			.body = NS_LIST("10", "", NS("two", "2", "dev"))},
		{.expect = "watch=1&allowWatchBookmarks=true resourceVersion=10 timeoutSeconds=10",
			.lines = "",
			.end = FAKE_STAY},
		{.expect = "resourceVersion=14", .lines = "", .end = FAKE_STAY}, {0}};
	int64_t began_ms;

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	ck_assert(kube_cache_wait(cache, 5000));
	ck_assert_str_eq(env_of("two"), "dev");
	ck_assert_str_eq(env_of("one"), "prod");
	ck_assert_str_eq(env_of("three"), "-");
	fake_was_asked(3);
	began_ms = monotonic_ms();
	fake_say(EVENT("ADDED", NS("three", "11", "test")) EVENT("MODIFIED", NS("one", "12", "dev"))
			EVENT("DELETED", NS("two", "13", "dev")));
	soon("three", "test", 1000);
	soon("one", "dev", 1000);
	soon("two", "-", 1000);
	ck_assert_int_lt(monotonic_ms() - began_ms, 1000);
	fake_say(EVENT("BOOKMARK", "{\"kind\":\"Namespace\",\"metadata\":{\"resourceVersion\":"
				   "\"14\"}}"));
	usleep(100000);
	fake_end();
	fake_was_asked(4); /* from where the bookmark was, without a list */
	ck_assert_str_eq(env_of("one"), "dev");
}
END_TEST

START_TEST(kube_cache__what_is_kept_of_an_object)
{
	static const struct fake_step steps[] = {
		{.expect = "limit", .body = NS_LIST("1", "", NS("one", "1", "prod"))},
		{.expect = "watch", .lines = "", .end = FAKE_STAY}, {0}};
	struct json_doc d;

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	soon("one", "prod", 5000);
	ck_assert_int_eq(kube_cache_get(cache, &namespaces, SPAN(""), SPAN("one"), arena, &d, &why),
		CLUSTER_FOUND);
	ck_assert_str_eq(arena_strndup(arena, d.text, d.len),
		"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"one\","
		"\"resourceVersion\":\"1\",\"labels\":{\"env\":\"prod\"}}}");
}
END_TEST

START_TEST(kube_cache__half_a_line_changes_nothing)
{
	static const struct fake_step steps[] = {
		{.expect = "limit", .body = NS_LIST("5", "", NS("one", "1", "prod"))},
		{.expect = "resourceVersion=5",
			.lines = EVENT("MODIFIED", NS("one", "6", "dev")) "{\"type\":\"DELETED\","
									  "\"object\":{\"metad",
			.end = FAKE_CUT},
		{.expect = "resourceVersion=6",
			.lines = EVENT("MODIFIED", NS("one", "7", "test")) "{\"type\":",
			.end = FAKE_WHOLE},
		{.expect = "resourceVersion=7", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(4);
	ck_assert_str_eq(env_of("one"), "test");
}
END_TEST

START_TEST(kube_cache__forgotten_version_lists_anew)
{
	static const struct fake_step steps[] = {
		{.expect = "limit",
			.body = NS_LIST("5", "", NS("one", "1", "prod") "," NS("two", "2", "dev"))},
		{.expect = "resourceVersion=5", .lines = GONE},
		{.expect = "limit", .body = NS_LIST("90", "", NS("one", "80", "dev"))},
		{.expect = "resourceVersion=90", .status = 410, .body = "{}"},
		{.expect = "limit", .body = NS_LIST("99", "", NS("one", "95", "test"))},
		{.expect = "resourceVersion=99", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(6);
	ck_assert_str_eq(env_of("one"), "test");
	ck_assert_str_eq(env_of("two"), "-");
}
END_TEST

static const struct fake_step confusing[] = {
	{.lines = "no JSON\n"},
	{.lines = "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}\n"},
	{.lines = "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"}}}\n"},
	{.lines = "{\"type\":\"ADDED\"}\n"},
	{.lines = "{\"type\":\"CHANGED\",\"object\":{}}\n"},
	{.lines = EVENT("ERROR", "{\"code\":500,\"message\":\"etcd\"}")},
	{.lines = "{\"type\":\"ADDED\",\"object\":{\"metadata\":", .end = FAKE_ENDLESS},
};

START_TEST(kube_cache__confusing_watch_lists_anew)
{
	struct fake_step steps[] = {
		{.expect = "limit", .body = NS_LIST("5", "", NS("one", "1", "prod"))},
		confusing[_i], {.expect = "limit", .body = NS_LIST("6", "", NS("one", "6", "dev"))},
		{.expect = "resourceVersion=6", .lines = "", .end = FAKE_STAY}, {0}};

	steps[1].expect = "resourceVersion=5";
	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(4);
	soon("one", "dev", 1000);
	ck_assert_str_eq(env_of("x"), "-");
	fake_expect(NULL);
}
END_TEST

static const struct fake_step broken_lists[] = {
	{.body = NS_LIST("6", "", NS("one", "6", "dev")), .end = FAKE_CUT},
	{.body = "{\"kind\":\"NamespaceList\",\"metadata\":{\"resourceVersion\":\"6\"},\"items\":"
		 "["},
	{.body = "{\"metadata\":{\"resourceVersion\":\"6\"}}"},
	{.body = "{\"metadata\":{},\"items\":[]}"},
	{.body = NS_LIST("6", "", "{\"metadata\":{}}")},
	{.body = ""},
	{.body = "[]"},
	{.status = 500, .body = "no JSON"},
	{.status = 403, .body = "{\"message\":\"namespaces is forbidden\"}"},
	{.status = 429, .body = "{}", .headers = "Retry-After: 1\r\n"},
};

START_TEST(kube_cache__broken_list_keeps_the_old_one)
{
	struct fake_step steps[] = {
		{.expect = "limit", .body = NS_LIST("5", "", NS("one", "1", "prod"))},
		{.expect = "resourceVersion=5", .lines = GONE}, broken_lists[_i],
		{.expect = "limit", .body = NS_LIST("7", "", NS("two", "7", "dev"))},
		{.expect = "resourceVersion=7", .lines = "", .end = FAKE_STAY}, {0}};

	steps[2].expect = "limit";
	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(3);
	ck_assert_str_eq(env_of("one"), "prod");
	fake_was_asked(5);
	ck_assert_str_eq(env_of("one"), "-");
	ck_assert_str_eq(env_of("two"), "dev");
	fake_expect(NULL);
}
END_TEST

START_TEST(kube_cache__server_restarts)
{
	static const struct fake_step steps[] = {
		{.expect = "limit", .body = NS_LIST("5", "", NS("one", "1", "prod"))},
		{.expect = "resourceVersion=5", .lines = "", .end = FAKE_STAY},
		{.expect = "=", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(2);
	fake_stop();
	usleep(50000);
	ck_assert_str_eq(env_of("one"), "prod"); /* not old enough to be doubted */
	fake_start();
	fake_was_asked(3);
	fake_say(EVENT("MODIFIED", NS("one", "6", "dev")));
	soon("one", "dev", 1000);
}
END_TEST

START_TEST(kube_cache__version_of_a_lost_database)
{
	static const struct fake_step steps[] = {
		{.expect = "limit",
			.body = NS_LIST(
				"5", "", NS("one", "1", "prod") "," NS("two", "1", "prod"))},
		{.expect = "resourceVersion=5", .status = 504, .body = "{}"},
		{.expect = "resourceVersion=5", .status = 504, .body = "{}"},
		{.expect = "resourceVersion=5", .status = 504, .body = "{}"},
		{.expect = "limit",
			.body = NS_LIST("2", "", NS("one", "2", "dev") "," NS("two", "1", "dev"))},
		{.expect = "resourceVersion=2", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(6);
	ck_assert_str_eq(env_of("one"), "dev");
	ck_assert_str_eq(env_of("two"), "dev"); /* of the same version, counted anew */
}
END_TEST

START_TEST(kube_cache__slow_list_is_not_there_until_it_is_whole)
{
	static const struct fake_step steps[] = {
		{.expect = "limit",
			.body = NS_LIST("5", "", NS("one", "1", "prod")),
			.end = FAKE_SLOW},
		{.expect = "resourceVersion=5", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(1);
	ck_assert_str_eq(env_of("one"), "?");
	says_why("have not been read from the API server yet");
	soon("one", "prod", 5000);
}
END_TEST

START_TEST(kube_cache__silence_is_staleness)
{
	static const struct fake_step steps[] = {
		{.expect = "limit", .body = NS_LIST("5", "", NS("one", "1", "prod"))},
		{.expect = "resourceVersion=5 timeoutSeconds=1", .lines = "", .end = FAKE_STAY},
		{.expect = "resourceVersion=6", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(600, 1 << 20);
	soon("one", "prod", 500);
	fake_was_asked(2);
	fake_say("{\"type\":\"MODIFIED\",\"obj"); /* is not yet a word of the server's */
	soon("one", "?", 2000);
	says_why("stale");
	says_why("--kubernetes-max-age");
	fake_say("ect\":" NS("one", "6", "dev") "}\n");
	soon("one", "dev", 1000);
	soon("one", "?", 2000);
	fake_end(); /* the end of a watch says that nothing was left out */
	soon("one", "dev", 1000);
}
END_TEST

START_TEST(kube_cache__more_than_there_is_room_for)
{
	static char large[3000], body[8192];
	const struct fake_step steps[] = {{.expect = "limit", .body = body},
		{.expect = "resourceVersion=5", .lines = "", .end = FAKE_STAY}, {0}};

	memset(large, 'y', sizeof(large) - 1);
	snprintf(body, sizeof(body),
		NS_LIST("5", "",
			NS("one", "1", "prod") "," NS("two", "2", "%s") "," NS("zoo", "3", "dev")),
		large);
	fake_expect(steps);
	open_cache(30000, 2500);
	soon("zoo", "dev", 5000);
	ck_assert_str_eq(env_of("one"), "prod");
	ck_assert_str_eq(env_of("two"), "?");
	says_why("--kubernetes-max-bytes");
	ck_assert_uint_le(cache->budget.bytes, 2500);
	fake_was_asked(2);
	fake_say(EVENT("MODIFIED", NS("two", "6", "small")));
	soon("two", "small", 1000);
	fake_say(EVENT("DELETED", NS("two", "7", "small")) EVENT("DELETED", NS("one", "8", "prod"))
			EVENT("DELETED", NS("zoo", "9", "dev")));
	soon("zoo", "-", 1000);
	ck_assert_uint_eq(cache->budget.bytes, 0);
	fake_expect(NULL);
}
END_TEST

START_TEST(kube_cache__large_page_is_halved)
{
	const size_t len = REFLECTOR_PAGE_MAX + 100;
	char *huge = malloc(len);
	const struct fake_step steps[] = {{.expect = "limit=500", .body = huge},
		{.expect = "limit=250", .body = huge}, {.expect = "limit=125", .body = huge},
		{.expect = "limit=62", .body = NS_LIST("5", MORE("m"), NS("one", "1", "prod"))},
		{.expect = "limit=62&continue=m", .body = NS_LIST("5", "", NS("two", "2", "dev"))},
		{.expect = "resourceVersion=5", .lines = "", .end = FAKE_STAY}, {0}};

	ck_assert_ptr_nonnull(huge);
	memset(huge, ' ', len - 1);
	huge[len - 1] = 0;
	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(6);
	ck_assert_str_eq(env_of("one"), "prod");
	ck_assert_str_eq(env_of("two"), "dev");
	fake_expect(NULL);
	fake_stop();
	free(huge);
}
END_TEST

START_TEST(kube_cache__token_is_read_again)
{
	static const struct fake_step steps[] = {{.expect = "limit of-the-pod",
							 .status = 401,
							 .body = "{\"message\":\"Unauthorized\"}"},
		{.expect = "limit renewed", .body = NS_LIST("5", "", NS("one", "1", "prod"))},
		{.expect = "watch renewed", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(1);
	put_token("renewed");
	soon("one", "prod", 8000);
	fake_was_asked(3);
}
END_TEST

START_TEST(kube_cache__nobody_there)
{
	fake_stop();
	open_cache(30000, 1 << 20);
	ck_assert(!kube_cache_wait(cache, 300));
	ck_assert_str_eq(env_of("one"), "?");
	says_why("have not been read from the API server yet");
}
END_TEST

START_TEST(kube_cache__other_kinds_are_wanted)
{
	static const struct cluster_kind settings = {.group = {"example.dev", 11},
		.version = {"v1beta1", 7},
		.kind = {"Setting", 7},
		.namespace_ = {"team", 4},
		.name = {"limits", 6}};
	static const struct fake_step steps[] = {
		{.expect = "/api/v1/namespaces?", .body = NS_LIST("5", "", NS("one", "1", "prod"))},
		{.expect = "watch", .lines = "", .end = FAKE_STAY},
		{.expect = "/apis/example.dev/v1beta1", .status = 404, .body = "{}"},
		{.expect = "/apis/example.dev/v1beta1",
			.body = "{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":"
				"\"settings/status\",\"kind\":\"Setting\",\"namespaced\":true},"
				"{\"name\":\"others\",\"kind\":\"Other\"},{\"name\":"
				"\"settings\",\"kind\":\"Setting\",\"namespaced\":true}]}"},
		{.expect = "/apis/example.dev/v1beta1/namespaces/team/settings?fieldSelector="
			   "metadata.name%3Dlimits&limit=500",
			.body = "{\"kind\":\"SettingList\",\"apiVersion\":\"example.dev/v1beta1\","
				"\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[{\"metadata\":"
				"{\"name\":\"limits\",\"namespace\":\"team\",\"resourceVersion\":"
				"\"8\"}"
				",\"max\":3}]}"},
		{.expect = "fieldSelector=metadata.name%3Dlimits&watch=1",
			.lines = "",
			.end = FAKE_STAY},
		{0}};
	struct json_doc d;
	struct err e;
	int64_t began_ms;

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	soon("one", "prod", 5000);
	fake_was_asked(2);
	began_ms = monotonic_ms();
	ck_assert_int_eq(kube_cache_want(cache, &settings, 1, &e), 0);
	ck_assert_int_lt(monotonic_ms() - began_ms, 3000);
	ck_assert_str_eq(env_of("one"), "?");
	says_why("objects of kind Namespace are not kept");
	fake_was_asked(6);
	ck_assert_int_eq(
		kube_cache_get(cache, &settings, SPAN("team"), SPAN("limits"), arena, &d, &why),
		CLUSTER_FOUND);
	ck_assert_int_eq(json_node(&d, json_get_str(&d, JSON_ROOT, "max"))->type, JSON_NUMBER);
	ck_assert_int_eq(
		kube_cache_get(cache, &settings, SPAN("other"), SPAN("limits"), arena, &d, &why),
		CLUSTER_ABSENT);
}
END_TEST

/* Of a kind that is in no namespace, the request's does not count. */
START_TEST(kube_cache__kind_in_no_namespace)
{
	static const struct cluster_kind registries = {.group = {"example.dev", 11},
		.version = {"v1", 2},
		.kind = {"Registry", 8},
		.name = {"ours", 4}};
	static const struct fake_step steps[] = {
		{.expect = "/api/v1/namespaces?", .body = NS_LIST("5", "", NS("one", "1", "prod"))},
		{.expect = "watch", .lines = "", .end = FAKE_STAY},
		{.expect = "/apis/example.dev/v1",
			.body = "{\"resources\":[{\"name\":\"registries\",\"kind\":\"Registry\","
				"\"namespaced\":false}]}"},
		{.expect = "/apis/example.dev/v1/registries?fieldSelector=metadata.name%3Dours",
			.body = NS_LIST("7", "", NS("ours", "6", "x"))},
		{.expect = "watch", .lines = "", .end = FAKE_STAY}, {0}};
	struct json_doc d;
	struct err e;

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	fake_was_asked(2);
	ck_assert_int_eq(kube_cache_want(cache, &registries, 1, &e), 0);
	fake_was_asked(5);
	ck_assert_int_eq(
		kube_cache_get(cache, &registries, SPAN("shop"), SPAN("ours"), arena, &d, &why),
		CLUSTER_FOUND);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("kube_cache");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, kube_cache__pages_and_changes);
	tcase_add_test(t, kube_cache__what_is_kept_of_an_object);
	tcase_add_test(t, kube_cache__half_a_line_changes_nothing);
	tcase_add_test(t, kube_cache__forgotten_version_lists_anew);
	tcase_add_loop_test(t, kube_cache__confusing_watch_lists_anew, 0, ARRAY_LEN(confusing));
	tcase_add_loop_test(
		t, kube_cache__broken_list_keeps_the_old_one, 0, ARRAY_LEN(broken_lists));
	tcase_add_test(t, kube_cache__server_restarts);
	tcase_add_test(t, kube_cache__version_of_a_lost_database);
	tcase_add_test(t, kube_cache__slow_list_is_not_there_until_it_is_whole);
	tcase_add_test(t, kube_cache__silence_is_staleness);
	tcase_add_test(t, kube_cache__more_than_there_is_room_for);
	tcase_add_test(t, kube_cache__large_page_is_halved);
	tcase_add_test(t, kube_cache__token_is_read_again);
	tcase_add_test(t, kube_cache__nobody_there);
	tcase_add_test(t, kube_cache__other_kinds_are_wanted);
	tcase_add_test(t, kube_cache__kind_in_no_namespace);
	return run_tests(t);
}
