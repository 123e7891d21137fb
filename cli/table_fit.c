/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a table is made to fit: the widths of its columns, and what of a cell is left out. All tables
 * of the program are fitted here and nowhere else.
 */
#include <limits.h>

#include "cli/table_internal.h"
#include "common/base/utf8.h"

#define MIN_WIDTH      12 /* of what is cut, at first */
#define LEAST_WIDTH    6  /* where that is not enough, and of fillers */
#define TIME_WIDTH     16 /* "2026-01-02 16:04" */
#define DISTINCT_MORE  12 /* columns that a column may be wider for its cells to differ */
#define DISTINCT_CELLS 200

unsigned table_width(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += !utf8_is_tail(*text);
	return n;
}

/* ---- cells ---- */

/* The first characters of a text, as many as said. */
static struct span first(const char *text, unsigned characters)
{
	const char *end = text;

	while (characters-- > 0 && *end)
		do
			end++;
		while (utf8_is_tail(*end));
	return (struct span){text, (size_t)(end - text)};
}

static struct span last(const struct table_cell *c, unsigned characters)
{
	struct span before = first(c->text, c->width - characters);

	return span_of(before.ptr + before.len);
}

struct table_parts table_cut(
	const struct table_cell *c, const struct table_column *column, unsigned width)
{
	unsigned shown = width > 0 ? width - 1 : 0, tail = 0;

	if (c->width <= width)
		return (struct table_parts){span_of(c->text), {"", 0}, ""};
	if (column->rank == TABLE_TIME && width >= TIME_WIDTH)
		return (struct table_parts){first(c->text, width), {"", 0}, ""};
	if (column->cut == TABLE_CUT_START)
		tail = shown;
	else if (column->cut == TABLE_CUT_MIDDLE)
		tail = column->rank == TABLE_RULE ? shown / 3 : shown * 3 / 5;
	return (struct table_parts){first(c->text, shown - tail), last(c, tail), "…"};
}

/* ---- columns ---- */

static const struct table_cell *cell(const struct table *t, size_t row, size_t column)
{
	return &t->cells[row * t->column_count + column];
}

static void natural_widths(const struct table *t, unsigned *widths)
{
	memset(widths, 0, TABLE_COLUMNS_MAX * sizeof(*widths));
	for (size_t i = 0; i < t->count; i++)
		if (t->cells[i].width > widths[i % t->column_count])
			widths[i % t->column_count] = t->cells[i].width;
}

static unsigned total_width(const struct table *t, const unsigned *widths)
{
	unsigned sum = 0;

	for (size_t i = 0; i < t->column_count; i++)
		sum += widths[i] + (i ? TABLE_GAP : 0);
	return sum;
}

static bool looks_alike(const struct table *t, size_t column, size_t a, size_t b, unsigned width)
{
	const struct table_cell *x = cell(t, a, column), *y = cell(t, b, column);
	struct table_parts p = table_cut(x, &t->columns[column], width),
			   q = table_cut(y, &t->columns[column], width);

	return strcmp(x->text, y->text) != 0 && *p.between == *q.between &&
	       span_eq(p.head, q.head) && span_eq(p.tail, q.tail);
}

/* Do two different cells of a column look the same? Of a long table its first rows are asked. */
static bool any_alike(const struct table *t, size_t column, unsigned width)
{
	size_t rows = t->count / t->column_count;

	if (rows > DISTINCT_CELLS)
		rows = DISTINCT_CELLS;
	for (size_t a = 1; a < rows; a++)
		for (size_t b = a + 1; b < rows; b++)
			if (looks_alike(t, column, a, b, width))
				return true;
	return false;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* How narrow a column may become at first. */
static unsigned least(const struct table *t, size_t column, unsigned natural)
{
	const struct table_column *c = &t->columns[column];
	unsigned min = c->rank == TABLE_TIME	 ? TIME_WIDTH
		       : c->rank == TABLE_FILLER ? LEAST_WIDTH
						 : MIN_WIDTH;

	min = larger(min, cell(t, 0, column)->width);
	if (c->distinct)
		for (unsigned width = min; width <= min + DISTINCT_MORE; width++)
			if (!any_alike(t, column, width)) {
				min = width;
				break;
			}
	return min < natural ? min : natural;
}

/* Narrows the widest columns of some ranks until the table fits or they are as narrow as may be. */
static unsigned fit_ranks(const struct table *t, unsigned *widths, const unsigned *mins,
	unsigned max, enum table_rank from, enum table_rank to)
{
	unsigned total = total_width(t, widths);

	while (total > max) {
		size_t widest = SIZE_MAX;

		for (size_t i = 0; i < t->column_count; i++)
			if (t->columns[i].rank >= from && t->columns[i].rank <= to &&
				widths[i] > mins[i] &&
				(widest == SIZE_MAX || widths[i] > widths[widest]))
				widest = i;
		if (widest == SIZE_MAX)
			break;
		widths[widest]--;
		total--;
	}
	return total;
}

void table_fit(const struct table *t, unsigned max, unsigned widths[TABLE_COLUMNS_MAX])
{
	unsigned mins[TABLE_COLUMNS_MAX];

	natural_widths(t, widths);
	if (total_width(t, widths) <= max)
		return;
	for (size_t i = 0; i < t->column_count; i++)
		mins[i] = least(t, i, widths[i]);
	for (enum table_rank rank = TABLE_FILLER; rank <= TABLE_OBJECT; rank++)
		if (fit_ranks(t, widths, mins, max, rank, rank) <= max)
			return;
	/* Still too wide: all give way, titles last. */
	for (int titles = 1; titles >= 0; titles--) {
		for (size_t i = 0; i < t->column_count; i++)
			if (t->columns[i].rank != TABLE_TIME)
				mins[i] = larger(LEAST_WIDTH, titles ? cell(t, 0, i)->width : 0);
		if (fit_ranks(t, widths, mins, max, TABLE_FILLER, TABLE_OBJECT) <= max)
			return;
	}
}
