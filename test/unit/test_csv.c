/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>

#include "cli/csv.h"
#include "support/run_tests.h"

static const struct {
	const char *cell, *text;
} rows[] = {
	{"", ""},
	{"web-1.example.com/x_y:8443", "web-1.example.com/x_y:8443"},
	{"\"system:masters system:authenticated\"", "system:masters system:authenticated"},
	{"\"a,b\"", "a,b"},
	{"\"a;b\"", "a;b"},
	{"\"say \"\"no\"\"\"", "say \"no\""},
	{"\"two lines\"", "two\nlines"},
	{"\"a?b\"", "a\033b"},
	{"\"'=HYPERLINK(\"\"http://x\"\")\"", "=HYPERLINK(\"http://x\")"},
	{"\"'+1\"", "+1"},
	{"\"'-1\"", "-1"},
	{"\"'@SUM(A1)\"", "@SUM(A1)"},
	{"\"'＝1\"", "＝1"},
	{"\" =1\"", "\t=1"},
	{"\"Zoë\"", "Zoë"},
	{"a-1", "a-1"},
	{"me@example.com", "me@example.com"},
};

START_TEST(csv__cells)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1024);

	csv_put_cell(&b, span_of(rows[_i].text));
	ck_assert_str_eq(buf_str(&b), rows[_i].cell);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("csv");

	tcase_add_loop_test(t, csv__cells, 0, (int)ARRAY_LEN(rows));
	return run_tests(t);
}
