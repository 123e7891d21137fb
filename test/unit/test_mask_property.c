/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of generated events, a random secret in each: after masking it is nowhere to be found,
 * and its neighbours are. HOLDPOINT_MASK_EVENTS and HOLDPOINT_MASK_SEED ask for more or others.
 */
#include <stdio.h>

#include "support/mask_both_ways.h"
#include "support/mask_plant.h"
#include "support/mask_support.h"
#include "support/run_tests.h"
#include "support/secret_search.h"

static uint64_t number_from(const char *name, uint64_t usual)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : usual;
}

static void expect_masked(struct masker *m, struct arena *arena, uint64_t seed)
{
	_cleanup_(buf_free) struct buf in = BUF_INIT(16 << 20), out = BUF_INIT(16 << 20);
	struct plant_source src = {.state = seed};
	struct mask_result r;
	struct json_doc d;
	const char *form;
	struct plant p;

	plant_event(&p, &src, &in);
	ck_assert_ptr_nonnull(buf_str(&in));
	read_doc(buf_span(&in), arena, &d);
	mask_audit_event(m, &d, JSON_ROOT, arena, &out, &r);
	ck_assert_ptr_nonnull(buf_str(&out));
	form = secret_found(buf_span(&out), span_of(p.secret));
	ck_assert_msg(!form, "seed %lu (%s): %s is left, %s\nof %.4000s\nin %.4000s", seed, p.story,
		p.secret, form, in.ptr, out.ptr);
	for (size_t i = 0; i < p.gone_count; i++)
		ck_assert_msg(!strstr(out.ptr, p.gone[i]), "seed %lu (%s): %s is left of %.4000s",
			seed, p.story, p.gone[i], in.ptr);
	ck_assert_msg(r.masked > 0 && !r.whole, "seed %lu (%s): %u masked, %s: %.4000s", seed,
		p.story, r.masked, r.whole ? "whole" : "in part", in.ptr);
	ck_assert_msg(!strstr(in.ptr, "canary-7") || strstr(out.ptr, PLANT_CANARY),
		"seed %lu (%s): neighbours are gone: %.4000s", seed, p.story, out.ptr);
	ck_assert_ptr_nonnull(strstr(out.ptr, "\"stage\":\"ResponseComplete\"}"));
	read_doc(buf_span(&out), arena, &d);
}

START_TEST(mask_property__no_planted_secret_survives)
{
	uint64_t events = number_from("HOLDPOINT_MASK_EVENTS", 6000);
	uint64_t seed = number_from("HOLDPOINT_MASK_SEED", 1);
	struct masker *m = new_masker(MASK_TEST_KEY, NULL);
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 256 << 20);

	for (uint64_t i = 0; i < events; i++) {
		expect_masked(m, arena, seed + i * UINT64_C(0x100000001b3));
		arena_reset(arena);
	}
	masker_free(m);
}
END_TEST

static uint32_t next_of(void *source)
{
	return plant_next(source);
}

START_TEST(mask_property__quick_answers_are_right)
{
	uint64_t texts = number_from("HOLDPOINT_MASK_EVENTS", 6000) * 10;
	uint64_t seed = number_from("HOLDPOINT_MASK_SEED", 1);
	struct masker *m = new_masker(MASK_TEST_KEY, NULL);
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 256 << 20);
	unsigned masked = 0;

	for (uint64_t i = 0; i < texts; i++) {
		_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 16), out = BUF_INIT(1 << 20);
		struct plant_source src = {.state = seed + i * UINT64_C(0x100000001b3)};

		mask_random_text(next_of, &src, &text);
		ck_assert_msg(mask_same_both_ways(m, buf_span(&text), arena, &out),
			"%s\nas free text %s", buf_str(&text), buf_str(&out));
		masked += !span_eq(buf_span(&text), buf_span(&out));
		arena_reset(arena);
	}
	ck_assert_uint_gt(masked, texts / 20);
	ck_assert_uint_lt(masked, texts / 2);
	masker_free(m);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, mask_property__no_planted_secret_survives);
	tcase_add_test(tc, mask_property__quick_answers_are_right);
	return run_tests(tc);
}
