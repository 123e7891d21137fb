/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "common/base/util.h"
#include "common/pg/pg_fault.h"

static const struct {
	enum pg_fault expected;
	const char *sqlstate;
} cases[] = {
	/* a value that a column does not take */
	{PG_FAULT_CONTENT, "22001"},
	{PG_FAULT_CONTENT, "22003"},
	{PG_FAULT_CONTENT, "22008"},
	{PG_FAULT_CONTENT, "22021"},
	{PG_FAULT_CONTENT, "22P03"},
	{PG_FAULT_CONTENT, "22P05"},
	/* a row that a constraint, an index or a trigger does not take */
	{PG_FAULT_CONTENT, "23502"},
	{PG_FAULT_CONTENT, "23505"},
	{PG_FAULT_CONTENT, "23514"},
	{PG_FAULT_CONTENT, "44000"},
	{PG_FAULT_CONTENT, "54000"},
	{PG_FAULT_CONTENT, "P0001"},
	{PG_FAULT_CONTENT, "HP010"},
	/* disk full, out of memory, too many connections, an I/O error, a damaged page */
	{PG_FAULT_ENVIRONMENT, "53100"},
	{PG_FAULT_ENVIRONMENT, "53200"},
	{PG_FAULT_ENVIRONMENT, "53300"},
	{PG_FAULT_ENVIRONMENT, "58030"},
	{PG_FAULT_ENVIRONMENT, "XX000"},
	{PG_FAULT_ENVIRONMENT, "XX001"},
	/* a grant, a table or a column that is missing, a wrong password, a state */
	{PG_FAULT_ENVIRONMENT, "42501"},
	{PG_FAULT_ENVIRONMENT, "42P01"},
	{PG_FAULT_ENVIRONMENT, "42703"},
	{PG_FAULT_ENVIRONMENT, "28P01"},
	{PG_FAULT_ENVIRONMENT, "55000"},
	{PG_FAULT_ENVIRONMENT, "0A000"},
	{PG_FAULT_ENVIRONMENT, "25P02"},
	{PG_FAULT_ENVIRONMENT, "ZZ999"},
	{PG_FAULT_ENVIRONMENT, ""},
	/* others were in the way */
	{PG_FAULT_PASSING, "40001"},
	{PG_FAULT_PASSING, "40P01"},
	{PG_FAULT_PASSING, "55P03"},
	{PG_FAULT_PASSING, "57014"},
	/* nobody there, or nobody to write with */
	{PG_FAULT_CONNECTION, "08006"},
	{PG_FAULT_CONNECTION, "57P01"},
	{PG_FAULT_CONNECTION, "57P03"},
	{PG_FAULT_CONNECTION, "25P03"},
	{PG_FAULT_CONNECTION, "25006"},
};

START_TEST(pg_fault__table)
{
	ck_assert_msg(pg_fault_of(cases[_i].sqlstate) == cases[_i].expected, "SQLSTATE %s: %d",
		cases[_i].sqlstate, pg_fault_of(cases[_i].sqlstate));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pg_fault");
	TCase *t = tcase_create("pg_fault");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, pg_fault__table, 0, ARRAY_LEN(cases));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
