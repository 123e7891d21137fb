/* SPDX-License-Identifier: Apache-2.0 */
/* cli/table.h: what is cut of a table that is too wide, and what is not. */
#include "cli/table.h"

#include <check.h>
#include <stdio.h>

#include "common/base/utf8.h"
#include "support/run_tests.h"

static const struct table_column columns[] = {
	{.title = "HOLD", .right = true},
	{.title = "TIME (UTC)", .rank = TABLE_TIME},
	{.title = "REQUESTER", .rank = TABLE_NAME},
	{.title = "OBJECT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_START},
	{.title = "RULE", .rank = TABLE_RULE, .cut = TABLE_CUT_MIDDLE, .distinct = true},
	{.title = "REASON", .rank = TABLE_FILLER},
};

/* A cell for each column, up to a NULL. */
static void print(const char *const *cells, size_t count, bool wide, char *ret, size_t size)
{
	_cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_LEN(columns), wide);
	FILE *out = fmemopen(ret, size, "w");

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < count; i++)
		table_add(t, cells[i], NULL);
	table_print(t, out);
	ck_assert_int_eq(fclose(out), 0);
}

static size_t widest_line(const char *text)
{
	size_t widest = 0;

	while (*text) {
		size_t width = 0;

		for (; *text && *text != '\n'; text++)
			width += !utf8_is_tail(*text);
		widest = width > widest ? width : widest;
		text += *text == '\n';
	}
	return widest;
}

#define LONG_REASON "because the change of tonight needs it, as was said in the meeting"

START_TEST(table__fillers_go_before_names)
{
	static const char *const cells[] = {"42", "2026-01-02 16:04:09",
		"claude-code@agents.example.com", "prod/web", "deletes", LONG_REASON};
	char text[4096];

	print(cells, ARRAY_LEN(cells), false, text, sizeof(text));
	ck_assert_uint_le(widest_line(text), 100);
	ck_assert_ptr_nonnull(strstr(text, "claude-code@agents.example.com  prod/web  deletes  "));
	ck_assert_ptr_nonnull(strstr(text, "2026-01-02 16:04:09"));
	ck_assert_ptr_nonnull(strstr(text, "because the"));
	ck_assert_ptr_null(strstr(text, "meeting"));
}
END_TEST

START_TEST(table__what_fits_and_what_is_wide_is_not_cut)
{
	static const char *const fits[] = {"1", "2026-01-02 16:04:09", "ann", "prod/web", "deletes",
		"CHG-1"},
				 *const large[] = {"1", "2026-01-02 16:04:09",
					 "claude-code@agents.example.com",
					 "deployments.apps prod/checkout", "deletes", LONG_REASON};
	char text[4096];

	print(fits, ARRAY_LEN(fits), false, text, sizeof(text));
	ck_assert_str_eq(text, "HOLD  TIME (UTC)           REQUESTER  OBJECT    RULE     REASON\n"
			       "   1  2026-01-02 16:04:09  ann        prod/web  deletes  CHG-1\n");
	print(large, ARRAY_LEN(large), true, text, sizeof(text));
	ck_assert_ptr_nonnull(
		strstr(text, "deployments.apps prod/checkout  deletes  " LONG_REASON));
}
END_TEST

START_TEST(table__times_lose_seconds_objects_keep_their_end)
{
	static const char *const cells[] = {"42", "2026-01-02 16:04:09",
		"system:serviceaccount:agents-of-the-platform:claude-code",
		"customresourcedefinitions.apiextensions.k8s.io namespace/with-a-name-at-its-end",
		"deletes-in-production", LONG_REASON};
	char text[4096];

	print(cells, ARRAY_LEN(cells), false, text, sizeof(text));
	ck_assert_uint_le(widest_line(text), 100);
	ck_assert_ptr_nonnull(strstr(text, "2026-01-02 16:04  "));
	ck_assert_ptr_null(strstr(text, "16:04:09"));
	ck_assert_ptr_nonnull(strstr(text, "at-its-end  "));
	ck_assert_ptr_nonnull(strstr(text, "system:serv"));
}
END_TEST

/* Both begin alike and end alike: cut to 12 columns they would be one. */
START_TEST(table__rules_that_differ_look_different)
{
	static const char *const rules[] = {
		"deletes-of-pods-in-production", "deletes-of-jobs-in-production"};
	char text[2][4096];

	for (size_t i = 0; i < 2; i++) {
		const char *cells[12];

		for (size_t k = 0; k < ARRAY_LEN(cells); k += 6) {
			cells[k] = "42";
			cells[k + 1] = "2026-01-02 16:04:09";
			cells[k + 2] = "system:serviceaccount:agents-of-the-platform:claude-code";
			cells[k + 3] = "deployments.apps production-of-the-shop/checkout";
			cells[k + 4] = rules[k == 0 ? i : 1 - i];
			cells[k + 5] = LONG_REASON;
		}
		print(cells, ARRAY_LEN(cells), false, text[i], sizeof(text[i]));
		ck_assert_uint_le(widest_line(text[i]), 100);
		ck_assert_ptr_null(strstr(text[i], rules[0]));
	}
	ck_assert_str_ne(text[0], text[1]);
}
END_TEST

START_TEST(table__names_give_way_when_nothing_else_can)
{
	static const struct table_column names[] = {{.title = "A", .rank = TABLE_NAME},
		{.title = "B", .rank = TABLE_NAME}, {.title = "C", .rank = TABLE_NAME},
		{.title = "D", .rank = TABLE_NAME}, {.title = "E", .rank = TABLE_NAME},
		{.title = "F", .rank = TABLE_NAME}, {.title = "G", .rank = TABLE_NAME},
		{.title = "H", .rank = TABLE_NAME}};
	_cleanup_(table_freep) struct table *t = table_new(names, ARRAY_LEN(names), false);
	char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		table_add(t, "ünlike any other name here", NULL);
	table_print(t, out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_uint_le(widest_line(text), 100);
	ck_assert_ptr_nonnull(strstr(text, "ünlike an"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("table");

	tcase_add_test(t, table__fillers_go_before_names);
	tcase_add_test(t, table__what_fits_and_what_is_wide_is_not_cut);
	tcase_add_test(t, table__times_lose_seconds_objects_keep_their_end);
	tcase_add_test(t, table__rules_that_differ_look_different);
	tcase_add_test(t, table__names_give_way_when_nothing_else_can);
	return run_tests(t);
}
