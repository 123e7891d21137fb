/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>

#include "common/base/suggest.h"
#include "support/run_tests.h"

static const struct {
	unsigned expected;
	const char *a, *b;
} distances[] = {
	{0, "", ""},
	{0, "name", "NAME"},
	{3, "", "abc"},
	{3, "abc", ""},
	{1, "spec", "spce"},
	{1, "a", "b"},
	{1, "replica", "replicas"},
	{3, "kitten", "sitting"},
	{3, "ca", "abc"}, /* not two: nothing is edited twice */
	{2, "abcd", "badc"},
};

START_TEST(suggest__edit_distance)
{
	struct span a = span_of(distances[_i].a), b = span_of(distances[_i].b);

	ck_assert_uint_eq(edit_distance(a, b), distances[_i].expected);
	ck_assert_uint_eq(edit_distance(b, a), distances[_i].expected);
}
END_TEST

START_TEST(suggest__long_words_are_not_compared)
{
	char word[66];

	memset(word, 'a', 65);
	word[65] = 0;
	ck_assert_uint_eq(edit_distance(span_of(word), SPAN("a")), UINT32_MAX);
	ck_assert_uint_eq(edit_distance(SPAN("a"), span_of(word)), UINT32_MAX);
	ck_assert_uint_eq(edit_distance(span_of(word + 1), span_of(word + 1)), 0);
}
END_TEST

static const char *const names[] = {"namespace", "name", "resource", "limit"};
static const struct {
	const char *expected, *word;
} slips[] = {
	{"namespace", "namepsace"},
	{"name", "nmae"},
	{"limit", "Limits"},
	{NULL, "xy"},
	{NULL, ""},
	{NULL, "ressurection"},
};

START_TEST(suggest__nearest_name)
{
	const char *got = suggest(span_of(slips[_i].word), names, ARRAY_LEN(names));

	ck_assert_pstr_eq(got, slips[_i].expected);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("suggest");

	tcase_add_loop_test(t, suggest__edit_distance, 0, ARRAY_LEN(distances));
	tcase_add_test(t, suggest__long_words_are_not_compared);
	tcase_add_loop_test(t, suggest__nearest_name, 0, ARRAY_LEN(slips));
	return run_tests(t);
}
