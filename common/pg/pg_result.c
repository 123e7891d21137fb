/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that a statement gave, by number or name of their columns. */
#include <libpq-fe.h>
#include <stdlib.h>

#include "common/pg/pg_result.h"

static const PGresult *rows_of(const struct pg_result *r)
{
	return (const PGresult *)r;
}

int pg_result_rows(const struct pg_result *r)
{
	return PQntuples(rows_of(r));
}

bool pg_result_is_null(const struct pg_result *r, int row, int col)
{
	return PQgetisnull(rows_of(r), row, col) != 0;
}

const char *pg_result_str(const struct pg_result *r, int row, int col)
{
	return PQgetvalue(rows_of(r), row, col);
}

struct span pg_result_span(const struct pg_result *r, int row, int col)
{
	return (struct span){
		PQgetvalue(rows_of(r), row, col), (size_t)PQgetlength(rows_of(r), row, col)};
}

int64_t pg_result_int(const struct pg_result *r, int row, int col)
{
	return strtoll(PQgetvalue(rows_of(r), row, col), NULL, 10);
}

int pg_result_columns(const struct pg_result *r)
{
	return PQnfields(rows_of(r));
}

const char *pg_result_column(const struct pg_result *r, int col)
{
	return PQfname(rows_of(r), col);
}

bool pg_result_is_null_of(const struct pg_result *r, int row, const char *name)
{
	int col = PQfnumber(rows_of(r), name);

	return col < 0 || pg_result_is_null(r, row, col);
}

struct span pg_result_span_of(const struct pg_result *r, int row, const char *name)
{
	int col = PQfnumber(rows_of(r), name);

	return col >= 0 ? pg_result_span(r, row, col) : (struct span){0};
}

const char *pg_result_str_of(const struct pg_result *r, int row, const char *name)
{
	struct span s = pg_result_span_of(r, row, name);

	return s.ptr ? s.ptr : "";
}

int64_t pg_result_int_of(const struct pg_result *r, int row, const char *name)
{
	return strtoll(pg_result_str_of(r, row, name), NULL, 10);
}

bool pg_result_bool_of(const struct pg_result *r, int row, const char *name)
{
	return pg_result_str_of(r, row, name)[0] == 't';
}

void pg_result_free(struct pg_result *r)
{
	PQclear((PGresult *)r);
}
