/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shown is what happens: random objects and random changes of them, of which the new object is made
 * again from the old one and what is shown, by a reader that shares no code with what compares.
 * Whatever is missing from the display, or stands there wrong, makes another object. Where
 * something was cut, the two may differ in what is said to be cut, and nowhere else.
 */
#include "webhook/hold/hold_change.h"

#include <check.h>
#include <stdio.h>

#include "common/display/display.h"
#include "policy/review/review.h"
#include "support/run_tests.h"
#include "unit/shown_change.h"

#define ROUNDS 1500

static struct masker *masker;
static struct buf text = BUF_INIT(32 << 20);

static struct hold_change change_between(const struct val *old, const struct val *new)
{
	struct hold_change c;
	struct review r;
	struct err e;

	buf_reset(&text);
	buf_printf(&text,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"u\",\"operation\":\"%s\",\"resource\":{\"group\":\"g\",\"version\":"
		"\"v1\",\"resource\":\"widgets\"},\"kind\":{\"group\":\"g\",\"version\":\"v1\","
		"\"kind\":\"X\"},\"name\":\"x\",\"userInfo\":{\"username\":\"agent\"},\"object\":",
		old ? "UPDATE" : "CREATE");
	put(&text, new);
	if (old) {
		buf_add_str(&text, ",\"oldObject\":");
		put(&text, old);
	}
	buf_add_str(&text, "}}");
	ck_assert_msg(review_read_admission((struct span){buf_str(&text), text.len}, 4000000, arena,
			      &r, &e) == REVIEW_OK,
		"%s", e.msg);
	ck_assert_int_eq(hold_change_of(masker, &r.request, arena, &c), 0);
	return c;
}

static struct val *shown_between(struct val *old, struct val *new, struct hold_change *ret)
{
	struct json_doc d;
	struct err e;

	*ret = change_between(old, new);
	ck_assert_msg(display_read(ret->text, arena, &d, &e) == 0, "%s", e.msg);
	read_lines(&d);
	if (old)
		check_old(val_copy(old));
	return made_again(old ? old : val_new(JSON_OBJECT));
}

static void check_round(unsigned round)
{
	_cleanup_(buf_free) struct buf was = BUF_INIT(1 << 20), is = BUF_INIT(1 << 20);
	struct buf where = BUF_INIT(1 << 20);
	struct val *old, *new, *again;
	struct hold_change c;

	seed = round * 7919 + 17;
	old = random_object(0);
	new = changed(val_copy(old), 0);
	if (new->type != JSON_OBJECT)
		new = random_object(0);
	if (round % 4 == 0)
		old = NULL;
	again = shown_between(old, new, &c);
	ck_assert_ptr_null(c.unseen.ptr);
	if (old)
		put(&was, old);
	put(&is, new);
	ck_assert_msg(!differs(new, again, &where) && !differs(again, new, &where),
		"round %u, at %s:\n%.1200s\n%.1200s\nshown: %.2000s", round, buf_str(&where),
		was.ptr ? was.ptr : "", buf_str(&is), c.text.ptr);
	buf_free(&where);
}

static void setup(void)
{
	struct err e;

	arena = arena_new(1 << 20, (size_t)1 << 30);
	ck_assert_ptr_nonnull(arena);
	ck_assert_msg(masker_new(NULL, NULL, &masker, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	masker_free(masker);
	arena_free(arena);
	buf_free(&text);
}

START_TEST(hold_change__what_is_shown_makes_the_new_object)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		check_round(i);
		arena_reset(arena);
	}
}
END_TEST

/* A text of n bytes that masking has nothing against. */
static struct val *long_text(size_t n, char c)
{
	struct val *v = val_new(JSON_STRING);
	char *p = alloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = i % 7 ? c : ' ';
	v->str = p;
	v->len = n;
	return v;
}

/* More than there is room for, in random sizes: what differs is what is said not to be shown. */
START_TEST(hold_change__what_is_cut_is_named)
{
	struct val *old = val_new(JSON_OBJECT), *new, *data = val_new(JSON_OBJECT), *again;
	struct hold_change c;
	size_t cut = 0;

	seed = (uint64_t)_i + 3;
	for (unsigned i = 0; i < 40; i++) {
		const char *key = arena_printf(arena, "k%u", i).ptr;

		push(data, key, strlen(key), long_text(dice(4) ? dice(300) : dice(900000), 'a'));
	}
	push(old, "data", 4, data);
	new = val_copy(old);
	for (unsigned i = 0; i < 40; i++)
		new->kid[0]->kid[i] = long_text(dice(4) ? dice(300) : dice(900000), 'b');
	again = shown_between(old, new, &c);
	ck_assert_ptr_nonnull(c.unseen.ptr);
	ck_assert_uint_gt(c.unseen.len, 0);
	ck_assert_uint_le(c.text.len, DISPLAY_CHANGE_MAX);
	ck_assert_uint_eq(line_count, 40);
	for (size_t i = 0; i < line_count; i++) {
		long at = find_key(new->kid[0], lines[i].steps[1].key, lines[i].steps[1].key_len);

		ck_assert_int_ge(at, 0);
		cut += lines[i].cut;
		if (!lines[i].cut)
			ck_assert(same(new->kid[0]->kid[at], again->kid[0]->kid[at]));
	}
	ck_assert_uint_gt(cut, 0);
	ck_assert_uint_lt(cut, 30);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_change_property");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, hold_change__what_is_shown_makes_the_new_object);
	tcase_add_loop_test(t, hold_change__what_is_cut_is_named, 0, 4);
	return run_tests(t);
}
