/* SPDX-License-Identifier: Apache-2.0 */
/* What an approver is shown of a change: differences, whole objects, no secrets, bounded. */
#include "webhook/hold/hold_change.h"

#include <check.h>
#include <stdio.h>

#include "policy/review/review.h"
#include "support/run_tests.h"

static struct arena *arena;
static struct masker *masker;
static struct buf text = BUF_INIT(8 << 20), out = BUF_INIT(HOLD_CHANGE_MAX + 4096);
static bool cut;

static void setup(void)
{
	struct err e;

	arena = arena_new(65536, 64 << 20);
	ck_assert_ptr_nonnull(arena);
	ck_assert_msg(masker_new(NULL, NULL, &masker, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	masker_free(masker);
	arena_free(arena);
	buf_free(&text);
	buf_free(&out);
}

/* The change of a request about a config map, or another resource, made of `members`. */
static const char *change_of(const char *operation, const char *resource, const char *members)
{
	struct review r;
	struct err e;

	buf_reset(&text);
	buf_reset(&out);
	buf_printf(&text,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"u\",\"operation\":\"%s\",\"resource\":{\"group\":\"\",\"version\":"
		"\"v1\","
		"\"resource\":\"%s\"},\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"X\"},"
		"\"name\":\"x\",\"namespace\":\"n\",\"userInfo\":{\"username\":\"agent\"}%s}}",
		operation, resource, members);
	ck_assert_msg(review_read_admission((struct span){buf_str(&text), text.len}, 1000000, arena,
			      &r, &e) == REVIEW_OK,
		"%s", e.msg);
	ck_assert_int_eq(hold_change_put(masker, &r.request, arena, &out, &cut), 0);
	return buf_str(&out);
}

static const struct {
	const char *expected, *operation, *resource, *members;
} cases[] = {
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"data.a\",\"old\":\"1\",\"new\":\"2\"}"
	 "]}",
		"UPDATE", "configmaps",
		",\"oldObject\":{\"data\":{\"a\":\"1\"}},\"object\":{\"data\":{\"a\":\"2\"}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"data.a\",\"old\":\"1\"}]}", "UPDATE",
		"configmaps",
		",\"oldObject\":{\"data\":{\"a\":\"1\",\"b\":\"2\"}},\"object\":{\"data\":{\"b\":"
		"\"2\"}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"metadata.annotations[\\\"a.b/c\\\"]\","
	 "\"new\":\"x\"}]}",
		"UPDATE", "configmaps",
		",\"oldObject\":{\"metadata\":{\"annotations\":{\"k\":\"v\"}}},\"object\":{"
		"\"metadata\":{\"annotations\":{\"k\":\"v\",\"a.b/c\":\"x\"}}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"spec.containers[name=web].image\","
	 "\"old\":\"a\",\"new\":\"b\"}]}",
		"UPDATE", "pods",
		",\"oldObject\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"a\"}]}},"
		"\"object\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"b\"}]}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"spec.containers[name=two]\",\"new\":{"
	 "\"name\":\"two\"},\"place\":\"end\"}]}",
		"UPDATE", "pods",
		",\"oldObject\":{\"spec\":{\"containers\":[{\"name\":\"one\"}]}},\"object\":{"
		"\"spec\":{\"containers\":[{\"name\":\"one\"},{\"name\":\"two\"}]}}"},
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"spec.containers\",\"order\":[\"two\","
	 "\"one\"]}]}",
		"UPDATE", "pods",
		",\"oldObject\":{\"spec\":{\"containers\":[{\"name\":\"one\"},{\"name\":\"two\"}]}}"
		","
		"\"object\":{\"spec\":{\"containers\":[{\"name\":\"two\"},{\"name\":\"one\"}]}}"},
	/* an element that is called as a place is */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"spec.l[name=x]\",\"new\":{\"name\":"
	 "\"x\"},\"after\":\"start\"}]}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"name\":\"start\"},{\"name\":\"y\"}]}},"
		"\"object\":{\"spec\":{\"l\":[{\"name\":\"start\"},{\"name\":\"x\"},{\"name\":"
		"\"y\"}]}}"},
	/* elements without a name, in another order */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"spec.l\",\"order\":[\"b\",\"a\"]}]}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"key\":\"a\"},{\"key\":\"b\"}]}},\"object\":{"
		"\"spec\":{\"l\":[{\"key\":\"b\"},{\"key\":\"a\"}]}}"},
	/* of one name: it is not what they are told apart by */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"spec.l\",\"order\":[\"/b\",\"/a\"]}]"
	 "}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"name\":\"v\",\"mountPath\":\"/a\"},{\"name\":"
		"\"v\",\"mountPath\":\"/b\"}]}},\"object\":{\"spec\":{\"l\":[{\"name\":\"v\","
		"\"mountPath\":\"/b\"},{\"name\":\"v\",\"mountPath\":\"/a\"}]}}"},
	/* numbers as people write them, and a text that looks like one */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"spec.l[port=\\\"8080\\\"].i\",\"old\":"
	 "1,\"new\":2},{\"path\":\"spec.l[port=8080].i\",\"old\":1,\"new\":2},{\"path\":"
	 "\"spec.l[port=9]\",\"new\":{\"port\":9},\"after\":8080}]}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"port\":8080,\"i\":1},{\"port\":\"8080\",\"i\":"
		"1}]}},\"object\":{\"spec\":{\"l\":[{\"port\":8080,\"i\":2},{\"port\":9},{\"port\":"
		"\"8080\",\"i\":2}]}}"},
	/* what identifies an element must not look like more of the path */
	{"{\"operation\":\"UPDATE\",\"changes\":[{\"path\":\"spec.l[name=\\\"a].x[name=b\\\"].i\","
	 "\"old\":"
	 "1,\"new\":2},{\"path\":\"spec.l[name=\\\"c\\\\u0000\\\"].i\",\"old\":1,\"new\":2}]}",
		"UPDATE", "widgets",
		",\"oldObject\":{\"spec\":{\"l\":[{\"name\":\"a].x[name=b\",\"i\":1},{\"name\":"
		"\"c\\u0000\",\"i\":1}]}},\"object\":{\"spec\":{\"l\":[{\"name\":\"a].x[name=b\","
		"\"i\":2},{\"name\":\"c\\u0000\",\"i\":2}]}}"},
	{"{\"operation\":\"CREATE\",\"object\":{\"data\":{\"a\":\"1\"}}}", "CREATE", "configmaps",
		",\"object\":{\"data\":{\"a\":\"1\"}}"},
	/* who manages which field says nothing of the change */
	{"{\"operation\":\"CREATE\",\"object\":{\"metadata\":{\"managedFields\":[]}}}", "CREATE",
		"configmaps",
		",\"object\":{\"metadata\":{\"managedFields\":[{\"manager\":\"kubectl\"}]}}"},
	{"{\"operation\":\"DELETE\",\"object\":{\"data\":{\"a\":\"1\"}}}", "DELETE", "configmaps",
		",\"oldObject\":{\"data\":{\"a\":\"1\"}}"},
	{"{\"operation\":\"CONNECT\",\"options\":{\"command\":[\"sh\"]}}", "CONNECT", "pods",
		",\"object\":{\"command\":[\"sh\"]}"},
	{"{\"operation\":\"DELETE\"}", "DELETE", "configmaps", ""},
	{"{\"operation\":\"UPDATE\",\"object\":{\"a\":1}}", "UPDATE", "configmaps",
		",\"object\":{\"a\":1}"},
};

START_TEST(hold_change__of_each_operation)
{
	ck_assert_str_eq(change_of(cases[_i].operation, cases[_i].resource, cases[_i].members),
		cases[_i].expected);
	ck_assert(!cut);
}
END_TEST

START_TEST(hold_change__a_changed_secret_shows_without_its_value)
{
	const char *shown = change_of("UPDATE", "secrets",
		",\"oldObject\":{\"data\":{\"pw\":\"aHVudGVyMQ==\"}},\"object\":{\"data\":{\"pw\":"
		"\"aHVudGVyMg==\"}}");

	ck_assert_ptr_nonnull(strstr(shown, "{\"path\":\"data.pw\",\"old\":\"[masked "));
	ck_assert_ptr_null(strstr(shown, "aHVudGVy"));
}
END_TEST

/* A member "big" of so many bytes, and one after it. */
static const char *large_members(size_t bytes, bool both)
{
	static struct buf b = BUF_INIT(4 << 20);

	buf_reset(&b);
	for (int side = both ? 0 : 1; side < 2; side++) {
		buf_add_str(&b, side ? ",\"object\":{\"data\":{\"big\":\""
				     : ",\"oldObject\":{\"data\":{\"big\":\"");
		for (size_t i = 0; i < bytes; i++)
			buf_add_char(&b, side ? 'x' : 'y');
		buf_add_str(&b, side ? "\",\"z\":\"1\"}}" : "\",\"z\":\"2\"}}");
	}
	return buf_str(&b);
}

START_TEST(hold_change__a_large_value_is_cut_and_said_to_be)
{
	const char *shown = change_of("UPDATE", "configmaps", large_members(20000, true));

	ck_assert(cut);
	ck_assert_ptr_nonnull(strstr(shown, "{\"path\":\"data.big\",\"old\":{\"cut\":\"\\\"yyy"));
	ck_assert_ptr_nonnull(strstr(shown, "{\"path\":\"data.z\",\"old\":\"2\",\"new\":\"1\"}"));
	ck_assert_ptr_nonnull(strstr(shown, "],\"cut\":true}"));
}
END_TEST

START_TEST(hold_change__a_long_path_is_cut_and_said_to_be)
{
	char key[1200], members[4000];

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	snprintf(members, sizeof(members), ",\"oldObject\":{\"%s\":1},\"object\":{\"%s\":2}", key,
		key);
	ck_assert_ptr_nonnull(strstr(change_of("UPDATE", "widgets", members), ",\"cut\":true}"));
	ck_assert(cut);
}
END_TEST

START_TEST(hold_change__a_large_object_is_cut_and_said_to_be)
{
	const char *shown = change_of("CREATE", "configmaps", large_members(200000, false));

	ck_assert(cut);
	ck_assert_uint_le(out.len, HOLD_CHANGE_MAX + 4096);
	ck_assert_ptr_nonnull(strstr(shown, "\"object\":{\"cut\":\"{\\\"data\\\":{\\\"big\\\""));
}
END_TEST

START_TEST(hold_change__differences_beyond_the_limit_are_counted)
{
	static struct buf b = BUF_INIT(4 << 20);
	const char *shown;

	buf_reset(&b);
	for (int side = 0; side < 2; side++) {
		buf_add_str(&b, side ? ",\"object\":{\"data\":{" : ",\"oldObject\":{\"data\":{");
		for (int i = 0; i < 3000; i++)
			buf_printf(&b, "%s\"key-%d\":\"%d\"", i > 0 ? "," : "", i, side);
		buf_add_str(&b, "}}");
	}
	shown = change_of("UPDATE", "configmaps", buf_str(&b));
	buf_free(&b);
	ck_assert(cut);
	ck_assert_uint_le(out.len, HOLD_CHANGE_MAX);
	ck_assert_ptr_nonnull(strstr(shown, "],\"cut\":true,\"omitted\":"));
}
END_TEST

START_TEST(hold_change__without_memory_nothing_is_shown)
{
	struct review r;
	struct err e;

	change_of("CREATE", "configmaps", ",\"object\":{\"data\":{\"a\":\"1\"}}");
	ck_assert_int_eq(review_read_admission(
				 (struct span){buf_str(&text), text.len}, 1000000, arena, &r, &e),
		REVIEW_OK);
	while (arena_alloc(arena, 1))
		;
	buf_reset(&out);
	ck_assert_int_eq(hold_change_put(masker, &r.request, arena, &out, &cut), -1);
}
END_TEST

/* With the buffer full, or without memory for its first byte. */
START_TEST(hold_change__without_room_nothing_is_shown)
{
	struct buf none = BUF_INIT(0);
	struct review r;
	struct err e;

	change_of("UPDATE", "configmaps",
		",\"oldObject\":{\"data\":{\"a\":\"1\"}},\"object\":{\"data\":{\"a\":\"2\"}}");
	ck_assert_int_eq(review_read_admission(
				 (struct span){buf_str(&text), text.len}, 1000000, arena, &r, &e),
		REVIEW_OK);
	ck_assert_int_eq(hold_change_put(masker, &r.request, arena, &none, &cut), -1);
	buf_free(&none);
}
END_TEST

START_TEST(hold_change__selectors_of_a_list_are_shown)
{
	/* The selectors of a question, and what is shown. */
	static const char *const lists[][2] = {
		{"", "{\"operation\":\"list\"}"},
		{",\"labelSelector\":null", "{\"operation\":\"list\"}"},
		{",\"labelSelector\":{\"rawSelector\":\"a=b\"}",
			"{\"operation\":\"list\",\"options\":{\"labelSelector\":{\"rawSelector\":"
			"\"a=b\"}}}"},
		{",\"fieldSelector\":{\"requirements\":[]},\"labelSelector\":{\"rawSelector\":"
		 "\"a=b\"}",
			"{\"operation\":\"list\",\"options\":{\"fieldSelector\":{\"requirements\":["
			"]},\"labelSelector\":{\"rawSelector\":\"a=b\"}}}"},
	};
	char list[512];
	struct review r;
	struct err e;

	buf_reset(&out);
	snprintf(list, sizeof(list),
		"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\","
		"\"spec\":{\"user\":\"u\",\"resourceAttributes\":{\"verb\":\"list\","
		"\"resource\":\"secrets\"%s}}}",
		lists[_i][0]);
	ck_assert_msg(review_read(span_of(list), 1000, arena, &r, &e) == REVIEW_OK, "%s", e.msg);
	ck_assert_int_eq(hold_change_put(masker, &r.request, arena, &out, &cut), 0);
	ck_assert(!cut);
	ck_assert_str_eq(buf_str(&out), lists[_i][1]);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_change");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, hold_change__of_each_operation, 0, ARRAY_LEN(cases));
	tcase_add_test(t, hold_change__a_changed_secret_shows_without_its_value);
	tcase_add_test(t, hold_change__a_large_value_is_cut_and_said_to_be);
	tcase_add_test(t, hold_change__a_long_path_is_cut_and_said_to_be);
	tcase_add_test(t, hold_change__a_large_object_is_cut_and_said_to_be);
	tcase_add_test(t, hold_change__differences_beyond_the_limit_are_counted);
	tcase_add_test(t, hold_change__without_memory_nothing_is_shown);
	tcase_add_test(t, hold_change__without_room_nothing_is_shown);
	tcase_add_loop_test(t, hold_change__selectors_of_a_list_are_shown, 0, 4);
	return run_tests(t);
}
