/* SPDX-License-Identifier: Apache-2.0 */
/* Of large changes people are shown all that a cluster can store; of larger ones, that and what is
 * not there. */
#include "common/base/clock.h"
#include "support/run_tests.h"
#include "unit/hold_change_support.h"

/* Nine notes of 7.5 KB in front of new rules: the rules come first, and nothing is cut. */
START_TEST(hold_size__padding_hides_nothing)
{
	static struct buf b = BUF_INIT(4 << 20);
	const char *first = "With which rights:\n~ rules: [{\"resources\": [\"pods\"]}] → "
			    "[{\"resources\": [\"secrets\", \"pods/exec\"]}]\nMetadata:\n";

	buf_reset(&b);
	buf_add_str(&b, ",\"oldObject\":{\"rules\":[{\"resources\":[\"pods\"]}]},\"object\":{"
			"\"metadata\":{\"annotations\":{");
	for (int i = 0; i < 9; i++) {
		buf_printf(&b, "%s\"docs.example.com/readme-%d\":\"", i > 0 ? "," : "", i);
		for (int n = 0; n < 250; n++)
			buf_add_str(&b, "This role is read only and harm");
		buf_add_char(&b, '"');
	}
	buf_add_str(&b, "}},\"rules\":[{\"resources\":[\"secrets\",\"pods/exec\"]}]}");
	ck_assert_str_eq(
		arena_strndup(arena, shown("UPDATE", "roles", buf_str(&b)), strlen(first)), first);
	ck_assert_ptr_null(change.unseen.ptr);
	ck_assert_uint_gt(change.text.len, 60000);
	ck_assert_int_eq(
		strncmp(change.brief.ptr, "~ rules: [{\"resources\": [\"pods\"]}] ", 34), 0);
	ck_assert_msg(strstr(change.brief.ptr, "… and 2 more\n") != NULL, "%s", change.brief.ptr);
	buf_free(&b);
}
END_TEST

/* Two sides of a config map, of so many keys with values of so many bytes. */
static const char *large_members(unsigned keys, size_t bytes)
{
	static struct buf b = BUF_INIT(16 << 20);

	buf_reset(&b);
	for (int side = 0; side < 2; side++) {
		buf_add_str(&b, side ? ",\"object\":{\"data\":{" : ",\"oldObject\":{\"data\":{");
		for (unsigned i = 0; i < keys; i++) {
			buf_printf(&b, "%s\"key-%u\":\"", i > 0 ? "," : "", i);
			for (size_t n = 0; n < bytes; n++)
				buf_add_char(&b, (char)('a' + (n + (size_t)side) % 23));
			buf_add_char(&b, '"');
		}
		buf_add_str(&b, "}}");
	}
	return buf_str(&b);
}

/* What a cluster can store fits, before and after: it is all there. */
START_TEST(hold_size__any_object_of_a_cluster_is_shown_whole)
{
	static const struct {
		unsigned keys;
		size_t bytes;
	} sizes[] = {{1, 1500000}, {40, 36000}, {20000, 40}};
	const char *members = large_members(sizes[_i].keys, sizes[_i].bytes);
	int64_t began = monotonic_us();

	change_of("UPDATE", "configmaps", members);
	fprintf(stderr, "%u keys of %zu bytes: %lld ms, %zu bytes\n", sizes[_i].keys,
		sizes[_i].bytes, (long long)(monotonic_us() - began) / 1000, change.text.len);
	ck_assert_ptr_null(change.unseen.ptr);
	ck_assert_uint_gt(change.text.len, 2 * sizes[_i].keys * sizes[_i].bytes);
}
END_TEST

/* Larger than that, long values shorten to one length, short ones and all paths stay. */
START_TEST(hold_size__too_large_values_shorten_evenly_and_say_so)
{
	static struct buf b = BUF_INIT(16 << 20);
	const char *stored, *seen;

	buf_reset(&b);
	buf_add_str(&b, large_members(3, 1000000));
	b.len -= 2;
	buf_add_str(&b, "},\"metadata\":{\"annotations\":{\"z\":\"short\"}}}");
	stored = change_of("UPDATE", "configmaps", buf_str(&b));
	ck_assert_uint_le(change.text.len, DISPLAY_CHANGE_MAX);
	ck_assert_uint_gt(change.text.len, DISPLAY_CHANGE_MAX / 3);
	for (int i = 0; i < 3; i++) {
		char path[40];

		snprintf(path, sizeof(path), "\"path\":\"data.key-%d\"", i);
		ck_assert_ptr_nonnull(strstr(stored, path));
	}
	ck_assert_ptr_nonnull(strstr(stored, "\"oldCut\":{\"begin\":\"\\\"abcdefg"));
	ck_assert_ptr_nonnull(strstr(stored, "\"bytes\":1000002}"));
	ck_assert_ptr_nonnull(strstr(stored, "\"new\":\"short\"}],\"cut\":true}"));
	ck_assert_str_eq(change.unseen.ptr, "data.key-0, data.key-1, data.key-2 (all shortened)");
	seen = shown("UPDATE", "configmaps", buf_str(&b));
	ck_assert_ptr_nonnull(strstr(seen, " … NOT SHOWN: "));
	ck_assert_ptr_nonnull(strstr(seen, " of 1000002 bytes … "));
	buf_free(&b);
}
END_TEST

/* More lines than there is room for: named, from the harmless end. */
START_TEST(hold_size__lines_without_room_are_named)
{
	static struct buf b = BUF_INIT(16 << 20);
	const char *stored;

	buf_reset(&b);
	buf_add_str(&b, ",\"oldObject\":{\"spec\":{\"replicas\":1}},\"object\":{\"metadata\":{"
			"\"annotations\":{");
	for (int i = 0; i < 60000; i++)
		buf_printf(&b, "%s\"pad-%060d\":\"%d\"", i > 0 ? "," : "", i, i);
	buf_add_str(&b, "}},\"spec\":{\"replicas\":0}}");
	stored = change_of("UPDATE", "deployments", buf_str(&b));
	ck_assert_uint_le(change.text.len, DISPLAY_CHANGE_MAX);
	ck_assert_ptr_nonnull(
		strstr(stored, "\"changes\":[{\"part\":\"scale\",\"path\":\"spec.replicas\","
			       "\"old\":1,\"new\":0},"));
	ck_assert_ptr_nonnull(
		strstr(stored, "\"notShown\":[{\"path\":\"metadata.annotations\",\"lines\":"));
	ck_assert_int_eq(strncmp(change.unseen.ptr, "metadata.annotations (", 22), 0);
	ck_assert_ptr_nonnull(strstr(shown("UPDATE", "deployments", buf_str(&b)),
		"\n! NOT SHOWN: metadata.annotations: "));
	buf_free(&b);
}
END_TEST

/* A path has no end that hides in it. */
START_TEST(hold_size__a_long_path_is_cut_and_said_to_be)
{
	static char key[6000], members[16000];

	memset(key, 'k', sizeof(key) - 1);
	snprintf(members, sizeof(members), ",\"oldObject\":{\"%s\":1},\"object\":{\"%s\":2}", key,
		key);
	ck_assert_ptr_nonnull(
		strstr(change_of("UPDATE", "widgets", members), ",\"pathBytes\":6001,"));
	ck_assert_ptr_nonnull(change.unseen.ptr);
	ck_assert_ptr_nonnull(
		strstr(shown("UPDATE", "widgets", members), "NOT SHOWN: the rest of"));
}
END_TEST

/* Many fields below a long way: time and memory stay in proportion to the object. */
START_TEST(hold_size__long_ways_cost_no_square)
{
	static struct buf b = BUF_INIT(16 << 20);
	int64_t began;

	buf_reset(&b);
	buf_add_str(&b, ",\"object\":{\"spec\":{\"");
	for (int i = 0; i < 500000; i++)
		buf_add_char(&b, 'k');
	buf_add_str(&b, "\":[");
	for (int i = 0; i < 40000; i++)
		buf_printf(&b, "%s{\"image\":\"%d\",\"x\":1}", i > 0 ? "," : "", i);
	buf_add_str(&b, "]}}");
	began = monotonic_us();
	change_of("CREATE", "widgets", buf_str(&b));
	ck_assert_ptr_nonnull(change.unseen.ptr);
	ck_assert_uint_le(change.text.len, DISPLAY_CHANGE_MAX);
	ck_assert_int_lt(monotonic_us() - began, 60000000);
	buf_free(&b);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_size");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, hold_size__padding_hides_nothing);
	tcase_add_loop_test(t, hold_size__any_object_of_a_cluster_is_shown_whole, 0, 3);
	tcase_add_test(t, hold_size__too_large_values_shorten_evenly_and_say_so);
	tcase_add_test(t, hold_size__lines_without_room_are_named);
	tcase_add_test(t, hold_size__a_long_path_is_cut_and_said_to_be);
	tcase_add_test(t, hold_size__long_ways_cost_no_square);
	return run_tests(t);
}
