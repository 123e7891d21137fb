/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "support/run_tests.h"

START_TEST(buf__collects_what_was_added)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(10000);

	buf_add_str(&b, "hold");
	buf_add_char(&b, ' ');
	buf_add_span(&b, SPAN("point"));
	buf_add(&b, NULL, 0);
	buf_printf(&b, " %d/%s", 42, "x");
	ck_assert_str_eq(buf_str(&b), "hold point 42/x");
	ck_assert_uint_eq(b.len, 15);
	ck_assert(span_eq_str(buf_span(&b), "hold point 42/x"));
}
END_TEST

START_TEST(buf__empty_is_an_empty_string)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(0);

	ck_assert_uint_eq(buf_span(&b).len, 0);
	ck_assert_ptr_nonnull(buf_span(&b).ptr);
	ck_assert_str_eq(buf_str(&b), "");
}
END_TEST

START_TEST(buf__grows_in_an_arena_and_outlives_its_free)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(64, 4096);
	struct buf b = BUF_IN_ARENA(a, 100000);

	for (int i = 0; i < 300; i++)
		buf_add_char(&b, (char)('a' + i % 26));
	ck_assert(!b.failed);
	struct span kept = buf_span(&b);
	buf_free(&b);
	ck_assert_uint_eq(kept.len, 300);
	ck_assert_int_eq(kept.ptr[299], 'a' + 299 % 26);
	for (int i = 0; i < 5000; i++) /* more than the arena holds */
		buf_add_char(&b, 'x');
	ck_assert(b.failed);
}
END_TEST

START_TEST(buf__the_maximum_is_exact_and_failure_sticks)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4);

	buf_add_str(&b, "1234");
	ck_assert(!b.failed);
	ck_assert_str_eq(buf_str(&b), "1234");
	buf_add_char(&b, '5');
	ck_assert(b.failed);
	ck_assert_uint_eq(b.len, 4);
	buf_add(&b, NULL, 0);
	ck_assert_ptr_null(buf_str(&b));
	ck_assert_ptr_null(buf_extend(&b, 0));
	buf_reset(&b);
	ck_assert(!b.failed);
	buf_printf(&b, "%s", "abcd");
	ck_assert_str_eq(buf_str(&b), "abcd");
	buf_printf(&b, "%s", "e");
	ck_assert(b.failed);
}
END_TEST

START_TEST(buf__printf_longer_than_the_room_is_whole)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(100000);

	for (int width = 1; width < 3000; width += 97) {
		size_t before = b.len;

		buf_printf(&b, "%*d", width, 7);
		ck_assert_uint_eq(b.len, before + (size_t)width);
		ck_assert_int_eq(b.ptr[b.len - 1], '7');
	}
}
END_TEST

START_TEST(buf__extend_gives_room_in_place)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(SIZE_MAX);
	char *p;

	buf_add_str(&b, "a");
	p = buf_extend(&b, 1000);
	ck_assert_ptr_nonnull(p);
	memset(p, 'b', 1000);
	ck_assert_uint_eq(b.len, 1001);
	ck_assert_uint_eq(strlen(buf_str(&b)), 1001);
	buf_extend(&b, PTRDIFF_MAX);
	ck_assert(b.failed);
}
END_TEST

START_TEST(buf__free_leaves_a_usable_buffer)
{
	struct buf b = BUF_INIT(10);

	buf_add_str(&b, "x");
	buf_free(&b);
	buf_add_str(&b, "0123456789");
	ck_assert(!b.failed);
	buf_free(&b);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("buf");

	tcase_add_test(t, buf__collects_what_was_added);
	tcase_add_test(t, buf__empty_is_an_empty_string);
	tcase_add_test(t, buf__grows_in_an_arena_and_outlives_its_free);
	tcase_add_test(t, buf__the_maximum_is_exact_and_failure_sticks);
	tcase_add_test(t, buf__printf_longer_than_the_room_is_whole);
	tcase_add_test(t, buf__extend_gives_room_in_place);
	tcase_add_test(t, buf__free_leaves_a_usable_buffer);
	return run_tests(t);
}
