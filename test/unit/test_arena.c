/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdalign.h>
#include <stdlib.h>

#include "common/base/arena_internal.h"
#include "support/run_tests.h"

START_TEST(arena__allocations_are_aligned_and_apart)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1000, 100000);
	char *last = NULL;
	size_t last_size = 0;

	ck_assert_ptr_nonnull(a);
	for (size_t size = 0; size < 200; size++) {
		char *p = arena_alloc(a, size);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % alignof(max_align_t), 0);
		memset(p, (int)size, size);
		for (size_t i = 0; i < last_size; i++)
			ck_assert_int_eq((unsigned char)last[i], (int)last_size);
		last = p;
		last_size = size;
	}
}
END_TEST

START_TEST(arena__never_holds_more_than_its_maximum)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(64, 1024);
	volatile size_t far_too_much = SIZE_MAX; /* gcc refuses the constant */
	size_t got = 0;

	while (arena_alloc(a, 48))
		got++;
	ck_assert_uint_ge(got, 12);
	ck_assert_uint_le(arena_reserved(a), 1024);
	ck_assert_ptr_null(arena_alloc(a, 1024));
	ck_assert_ptr_null(arena_alloc(a, far_too_much));
	ck_assert_ptr_null(arena_strndup(a, "x", far_too_much));
}
END_TEST

START_TEST(arena__one_allocation_of_exactly_the_maximum_fits)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(100, 100);

	ck_assert_ptr_nonnull(arena_alloc(a, 100));
	ck_assert_ptr_null(arena_alloc(a, 1));
	arena_reset(a);
	ck_assert_ptr_nonnull(arena_alloc(a, 99));
	ck_assert_ptr_null(arena_alloc(a, 2));
}
END_TEST

START_TEST(arena__calloc_zeroes_and_refuses_overflow)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(256, 4096);
	unsigned char *p = arena_alloc(a, 64);

	memset(p, 0xff, 64);
	arena_reset(a);
	p = arena_calloc(a, 8, 8);
	ck_assert_ptr_nonnull(p);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(p[i], 0);
	ck_assert_ptr_null(arena_calloc(a, SIZE_MAX / 2, 3));
}
END_TEST

START_TEST(arena__reset_keeps_only_the_first_chunk)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(128, 1 << 20);

	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(arena_alloc(a, 100));
	ck_assert_uint_ge(arena_used(a), 10000);
	arena_reset(a);
	ck_assert_uint_eq(arena_used(a), 0);
	ck_assert_uint_eq(arena_reserved(a), 128);
}
END_TEST

START_TEST(arena__rewind_gives_up_what_came_after_the_mark)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(128, 1 << 20);
	char *kept = arena_strndup(a, "kept", 4);
	struct arena_mark mark = arena_mark(a);
	size_t used = arena_used(a), reserved = arena_reserved(a);

	for (int i = 0; i < 10; i++)
		ck_assert_ptr_nonnull(arena_alloc(a, 500));
	arena_rewind(a, mark);
	ck_assert_uint_eq(arena_used(a), used);
	ck_assert_uint_eq(arena_reserved(a), reserved);
	ck_assert_str_eq(kept, "kept");
	ck_assert_ptr_nonnull(arena_alloc(a, 32));
}
END_TEST

START_TEST(arena__resize_in_place_copies_only_when_it_must)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(256, 1 << 20);
	char *p = arena_resize(a, NULL, 0, 10), *q;

	memcpy(p, "0123456789", 10);
	ck_assert_ptr_eq(arena_resize(a, p, 10, 200), p);
	ck_assert_ptr_eq(arena_resize(a, p, 200, 20), p);
	ck_assert_uint_le(arena_used(a), 32);
	q = arena_resize(a, p, 20, 5000); /* does not fit the chunk */
	ck_assert_ptr_nonnull(q);
	ck_assert_ptr_ne(q, p);
	ck_assert_int_eq(memcmp(q, "0123456789", 10), 0);
	arena_alloc(a, 1);
	ck_assert_ptr_ne(arena_resize(a, q, 5000, 5001), q); /* no longer the newest */
	ck_assert_ptr_null(arena_resize(a, q, 5000, 2 << 20));
}
END_TEST

START_TEST(arena__printf_and_strndup_are_terminated)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(16, 4096);
	struct span s = arena_printf(a, "%s-%d", "hold", 42);

	ck_assert_uint_eq(s.len, 7);
	ck_assert_str_eq(s.ptr, "hold-42");
	ck_assert_str_eq(arena_strndup(a, "abcdef", 3), "abc");
	ck_assert_str_eq(arena_strndup(a, NULL, 0), "");
	ck_assert_ptr_null(arena_printf(a, "%5000d", 1).ptr);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("arena");

	tcase_add_test(t, arena__allocations_are_aligned_and_apart);
	tcase_add_test(t, arena__never_holds_more_than_its_maximum);
	tcase_add_test(t, arena__one_allocation_of_exactly_the_maximum_fits);
	tcase_add_test(t, arena__calloc_zeroes_and_refuses_overflow);
	tcase_add_test(t, arena__reset_keeps_only_the_first_chunk);
	tcase_add_test(t, arena__rewind_gives_up_what_came_after_the_mark);
	tcase_add_test(t, arena__resize_in_place_copies_only_when_it_must);
	tcase_add_test(t, arena__printf_and_strndup_are_terminated);
	return run_tests(t);
}
