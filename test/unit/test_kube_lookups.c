/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of the cluster found by keys, while they come, change and go. */
#include "webhook/cache/kube_cache_internal.h"

#include "support/run_tests.h"
#include "unit/fake_kube_api.h"

#define LIST(version, items)                                                                       \
	"{\"kind\":\"IngressList\",\"apiVersion\":\"networking.k8s.io/"                            \
	"v1\",\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define ITEM(ns, name, version, hosts)                                                             \
	"{\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name                                 \
	"\",\"resourceVersion\":\"" version "\"},\"spec\":{\"hosts\":[" hosts                      \
	"],\"class\":\"c\"}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

static const struct span by_host = {"spec.hosts", 10}, by_class = {"spec.class", 10};
static const struct span both[] = {{"spec.hosts", 10}, {"spec.class", 10}};
static const struct cluster_kind ingresses = {.group = {"networking.k8s.io", 17},
	.version = {"v1", 2},
	.kind = {"Ingress", 7},
	.resource = {"ingresses", 9},
	.indexes = both,
	.index_count = 2};

static struct kube_cache *cache;
static struct arena *arena;
static char url[64], ca_file[256];
static struct span why;

static void open_cache(unsigned max_age_ms, size_t max_bytes)
{
	struct kube_cache_config config = {.max_bytes = max_bytes, .max_age_ms = max_age_ms};
	struct err e;

	snprintf(url, sizeof(url), "https://127.0.0.1:%u", fake.port);
	snprintf(ca_file, sizeof(ca_file), "%s", fake_file("ca.crt"));
	config.api.server = url;
	config.api.ca_file = ca_file;
	cache = kube_cache_new(&config);
	ck_assert_ptr_nonnull(cache);
	ck_assert_msg(kube_cache_want(cache, &ingresses, 1, &e) == 0, "%s", e.msg);
}

static void setup(void)
{
	fake_setup();
	arena = arena_new(1 << 16, 16 << 20);
}

static void teardown(void)
{
	kube_cache_free(cache);
	cache = NULL;
	arena_free(arena);
	fake_teardown();
}

/* "NAMESPACE/NAME " of all that are found; "?": it is not known, and why says why not. */
static const char *found(struct cluster_query q, const char *keys)
{
	static char text[4096];
	struct span split[8];
	struct cluster_objects objects;
	struct cluster_source source = kube_cache_source(cache);

	arena_reset(arena);
	q.kind = &ingresses;
	q.keys = split;
	q.max = q.max > 0 ? q.max : 10;
	q.max_bytes = q.max_bytes > 0 ? q.max_bytes : 1 << 20;
	for (; *keys; keys += strspn(keys, " ")) {
		split[q.key_count++] = (struct span){keys, strcspn(keys, " ")};
		keys += strcspn(keys, " ");
	}
	text[0] = 0;
	if (source.find(source.arg, &q, arena, &objects, &why) != CLUSTER_FOUND) {
		ck_assert_ptr_nonnull(why.ptr);
		return "?";
	}
	for (size_t i = 0; i < objects.count; i++) {
		const struct json_doc *d = &objects.docs[i];
		const json_ref m = json_get_str(d, JSON_ROOT, "metadata");

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s/%.*s ",
			SPAN_FMT(json_string(d, json_get_str(d, m, "namespace"), arena)),
			SPAN_FMT(json_string(d, json_get_str(d, m, "name"), arena)));
	}
	return text;
}

#define BY(...) ((struct cluster_query){.index = by_host, ##__VA_ARGS__})

static void soon(struct cluster_query q, const char *keys, const char *expected)
{
	const int64_t until_ms = monotonic_ms() + 5000;

	while (strcmp(found(q, keys), expected) != 0 && monotonic_ms() < until_ms)
		usleep(1000);
	ck_assert_str_eq(found(q, keys), expected);
}

static void says_why(const char *part)
{
	ck_assert_msg(why.ptr && memmem(why.ptr, why.len, part, strlen(part)), "no \"%s\" in: %.*s",
		part, SPAN_FMT(why));
}

static const struct fake_step three[] = {
	{.expect = "/apis/networking.k8s.io/v1/ingresses?limit=500",
		.body = LIST("10", ITEM("shop", "b", "3", "\"h1\",\"h2\"") "," ITEM("pay", "a", "1",
					   "\"h1\"") "," ITEM("pay", "c", "2", "\"h3\""))},
	{.expect = "watch", .lines = "", .end = FAKE_STAY}, {0}};

START_TEST(kube_lookups__by_keys_and_namespace)
{
	struct cluster_query all = {0}, class = {.index = by_class};

	fake_expect(three);
	open_cache(30000, 1 << 20);
	soon(BY(), "h1", "pay/a shop/b ");
	ck_assert_str_eq(found(BY(), "h2"), "shop/b ");
	ck_assert_str_eq(found(BY(), "h4"), "");
	ck_assert_str_eq(found(BY(), "h"), "");
	ck_assert_str_eq(found(BY(), ""), "");
	ck_assert_str_eq(found(BY(), "h3 h1 h2 h1"), "pay/c pay/a shop/b ");
	ck_assert_str_eq(found(BY(.namespace_ = SPAN("pay")), "h1"), "pay/a ");
	ck_assert_str_eq(found(BY(.namespace_ = SPAN("pa")), "h1"), "");
	ck_assert_str_eq(
		found(BY(.but_namespace = SPAN("pay"), .but_name = SPAN("a")), "h1"), "shop/b ");
	ck_assert_str_eq(
		found(BY(.but_namespace = SPAN("shop"), .but_name = SPAN("a")), "h2"), "shop/b ");
	ck_assert_str_eq(found(class, "c"), "pay/a pay/c shop/b ");
	ck_assert_str_eq(found(all, ""), "pay/a pay/c shop/b ");
	all.namespace_ = SPAN("pay");
	ck_assert_str_eq(found(all, ""), "pay/a pay/c ");
	all.namespace_ = SPAN("none");
	ck_assert_str_eq(found(all, ""), "");
}
END_TEST

START_TEST(kube_lookups__limits)
{
	struct cluster_query other = {.index = SPAN("spec.other")};

	fake_expect(three);
	open_cache(30000, 1 << 20);
	soon(BY(), "h1", "pay/a shop/b ");
	ck_assert_str_eq(found(BY(.max = 2), "h1"), "pay/a shop/b ");
	ck_assert_str_eq(found(BY(.max = 1), "h1"), "?");
	says_why("there are more than 1");
	ck_assert_str_eq(found(BY(.max_bytes = 64), "h1"), "?");
	says_why("they are too large");
	ck_assert_str_eq(found(other, "h1"), "?");
	says_why("objects of kind Ingress are not kept");
}
END_TEST

START_TEST(kube_lookups__changes)
{
	fake_expect(three);
	open_cache(30000, 1 << 20);
	soon(BY(), "h1", "pay/a shop/b ");
	fake_was_asked(2);
	fake_say(EVENT("ADDED", ITEM("new", "x", "11", "\"h1\"")));
	soon(BY(), "h1", "new/x pay/a shop/b ");
	fake_say(EVENT("MODIFIED", ITEM("pay", "a", "12", "\"h9\",\"h2\"")));
	soon(BY(), "h1", "new/x shop/b ");
	ck_assert_str_eq(found(BY(), "h2"), "pay/a shop/b ");
	ck_assert_str_eq(found(BY(), "h9"), "pay/a ");
	fake_say(EVENT("DELETED", ITEM("new", "x", "13", ""))
			EVENT("DELETED", ITEM("never", "there", "14", "")));
	soon(BY(), "h1", "shop/b ");
	fake_say(EVENT("MODIFIED", ITEM("shop", "b", "15", "")));
	soon(BY(), "h1", "");
	ck_assert_str_eq(found(BY(), "h2"), "pay/a ");
	ck_assert_str_eq(found(BY(), "h3"), "pay/c ");
}
END_TEST

START_TEST(kube_lookups__a_list_after_the_version_is_forgotten)
{
	static const struct fake_step steps[] = {
		{.expect = "limit=500", .body = LIST("10", ITEM("pay", "a", "1", "\"h1\""))},
		{.expect = "watch", .status = 410, .body = "{}"},
		{.expect = "limit=500",
			.body = LIST("20", ITEM("pay", "a", "1", "\"h1\"") "," ITEM(
						   "pay", "b", "9", "\"h1\""))},
		{.expect = "watch", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(30000, 1 << 20);
	soon(BY(), "h1", "pay/a pay/b ");
	fake_was_asked(4);
	fake_say(EVENT("DELETED", ITEM("pay", "a", "21", "")));
	soon(BY(), "h1", "pay/b ");
}
END_TEST

/* One object is too large: whoever looks for its key is told so, others find theirs. */
START_TEST(kube_lookups__more_than_there_is_room_for)
{
	static char huge[64 << 10];
	static struct fake_step steps[] = {
		{.expect = "limit=500"}, {.expect = "watch", .lines = "", .end = FAKE_STAY}, {0}};

	snprintf(huge, sizeof(huge),
		LIST("10", ITEM("pay", "a", "1", "\"h1\"") ",{\"metadata\":{\"namespace\":\"x\","
							   "\"name\":\"y\"},\"spec\":{\"hosts\":"
							   "[\"h2\"]},\"z\":\"%030000d\"}"),
		0);
	steps[0].body = huge;
	fake_expect(steps);
	open_cache(30000, 4000);
	soon(BY(), "h1", "pay/a ");
	ck_assert_str_eq(found(BY(), "h2"), "?");
	says_why("no room to keep one of them");
	ck_assert_str_eq(found(BY(.namespace_ = SPAN("pay")), "h2"), "");
}
END_TEST

/* Not even its keys: then nobody can say that there is none. */
START_TEST(kube_lookups__no_room_for_keys)
{
	static char huge[64 << 10];
	static struct fake_step steps[] = {
		{.expect = "limit=500"}, {.expect = "watch", .lines = "", .end = FAKE_STAY}, {0}};

	snprintf(huge, sizeof(huge),
		LIST("10", ITEM("pay", "a", "1", "\"h1\"") ",{\"metadata\":{\"namespace\":\"x\","
							   "\"name\":\"y\"},\"spec\":{\"hosts\":"
							   "[\"%030000d\"]}}"),
		0);
	steps[0].body = huge;
	fake_expect(steps);
	open_cache(30000, 4000);
	ck_assert(kube_cache_wait(cache, 5000));
	ck_assert_str_eq(found(BY(), "h1"), "?");
	says_why("no room to keep all of them");
	fake_was_asked(2);
	fake_say(EVENT("DELETED", ITEM("x", "y", "11", "")));
	soon(BY(), "h1", "pay/a ");
}
END_TEST

/* A set that needs another index has the kind listed once more; the old one answers until then. */
START_TEST(kube_lookups__another_index_is_wanted)
{
	static const struct span one[] = {{"spec.class", 10}};
	static const struct fake_step steps[] = {
		{.expect = "limit=500", .body = LIST("10", ITEM("pay", "a", "1", "\"h1\""))},
		{.expect = "watch", .lines = "", .end = FAKE_STAY},
		{.expect = "limit=500", .body = LIST("11", ITEM("pay", "a", "1", "\"h1\""))},
		{.expect = "watch", .lines = "", .end = FAKE_STAY}, {0}};
	struct cluster_kind fewer = ingresses;
	struct cluster_query class = {.index = by_class};
	struct err e;

	fewer.indexes = one;
	fewer.index_count = 1;
	fake_expect(steps);
	open_cache(30000, 1 << 20);
	soon(BY(), "h1", "pay/a ");
	fake_was_asked(2);
	ck_assert_int_eq(kube_cache_add(cache, &fewer, 1, &e), 0);
	ck_assert_str_eq(found(class, "c"), "pay/a ");
	fake_end();
	ck_assert(kube_cache_wait(cache, 5000));
	ck_assert_int_eq(kube_cache_want(cache, &fewer, 1, &e), 0);
	ck_assert_str_eq(found(class, "c"), "pay/a ");
	ck_assert_str_eq(found(BY(), "h1"), "?");
	says_why("objects of kind Ingress are not kept");
}
END_TEST

START_TEST(kube_lookups__nobody_there)
{
	struct cluster_query all = {0};

	fake_stop();
	open_cache(30000, 1 << 20);
	ck_assert_str_eq(found(BY(), "h1"), "?");
	says_why("have not been read from the API server yet");
	ck_assert_str_eq(found(all, ""), "?");
}
END_TEST

START_TEST(kube_lookups__silence_is_staleness)
{
	static const struct fake_step steps[] = {
		{.expect = "limit=500", .body = LIST("10", ITEM("pay", "a", "1", "\"h1\""))},
		{.expect = "watch", .lines = "", .end = FAKE_STAY}, {0}};

	fake_expect(steps);
	open_cache(300, 1 << 20);
	soon(BY(), "h1", "pay/a ");
	usleep(400000);
	ck_assert_str_eq(found(BY(), "h1"), "?");
	says_why("is stale");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("kube_lookups");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, kube_lookups__by_keys_and_namespace);
	tcase_add_test(t, kube_lookups__limits);
	tcase_add_test(t, kube_lookups__changes);
	tcase_add_test(t, kube_lookups__a_list_after_the_version_is_forgotten);
	tcase_add_test(t, kube_lookups__more_than_there_is_room_for);
	tcase_add_test(t, kube_lookups__no_room_for_keys);
	tcase_add_test(t, kube_lookups__another_index_is_wanted);
	tcase_add_test(t, kube_lookups__nobody_there);
	tcase_add_test(t, kube_lookups__silence_is_staleness);
	return run_tests(t);
}
