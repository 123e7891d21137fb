/* SPDX-License-Identifier: Apache-2.0 */
/* See table.h. Widths count code points: Kubernetes' names are ASCII, messages hardly wider. */
#include "cli/table_internal.h"

#include "cli/command.h"

#include <inttypes.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/utf8.h"

#define CELL_MAX (1 << 20)

/* ---- harmless text ---- */

void print_printable(FILE *out, const char *text)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(CELL_MAX);

	utf8_put_printable(&b, span_of(text));
	if (buf_str(&b))
		fputs(b.ptr, out);
}

/* ---- the terminal ---- */

/* Columns of the terminal behind out, or 100. */
static unsigned terminal_width(FILE *out)
{
	struct winsize ws;

	if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 40)
		return ws.ws_col;
	return 100;
}

static bool has_colours(FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no_color && *no_color) &&
	       !(term && strcmp(term, "dumb") == 0);
}

const char *colour_on(enum colour c, FILE *out)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "",
		[COLOUR_RED] = "\033[31m",
		[COLOUR_GREEN] = "\033[32m",
		[COLOUR_YELLOW] = "\033[33m",
		[COLOUR_BOLD] = "\033[1m",
		[COLOUR_DIM] = "\033[2m",
	};

	return has_colours(out) ? codes[c] : "";
}

const char *colour_off(FILE *out)
{
	return has_colours(out) ? "\033[0m" : "";
}

const char *age_text(int64_t s, char ret[24])
{
	if (s < 0)
		s = 0;
	if (s < 120)
		snprintf(ret, 24, "%" PRId64 "s", s);
	else if (s < 3 * 3600)
		snprintf(ret, 24, "%" PRId64 "m", s / 60);
	else if (s < 48 * 3600)
		snprintf(ret, 24, "%" PRId64 "h", s / 3600);
	else
		snprintf(ret, 24, "%" PRId64 "d", s / 86400);
	return ret;
}

/* ---- tables ---- */

struct table *table_new(const struct table_column *columns, size_t count, bool wide)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t || count > TABLE_COLUMNS_MAX)
		cli_no_memory();
	t->columns = columns;
	t->column_count = count;
	t->wide = wide;
	for (size_t i = 0; i < count; i++)
		table_add(t, columns[i].title, NULL);
	return t;
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}

void table_add(struct table *t, const char *text, const char *colour)
{
	struct buf b = BUF_INIT(CELL_MAX);

	if (t->count == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = reallocarray(t->cells, t->cap, sizeof(*t->cells));
		if (!t->cells)
			cli_no_memory();
	}
	utf8_put_printable(&b, span_of(text));
	if (!buf_str(&b)) {
		if (strlen(text) < CELL_MAX / 4)
			cli_no_memory();
		buf_free(&b);
		b = BUF_INIT(8);
		buf_add_str(&b, "?");
		buf_str(&b);
	}
	t->cells[t->count++] =
		(struct table_cell){.text = b.ptr, .width = table_width(b.ptr), .colour = colour};
}

static void print_cell(const struct table_cell *c, const struct table_column *column,
	unsigned width, bool last, FILE *out)
{
	unsigned pad = c->width < width ? width - c->width : 0;
	struct table_parts p = table_cut(c, column, width);

	if (column->right)
		fprintf(out, "%*s", (int)pad, "");
	fprintf(out, "%s%.*s%s%.*s%s", c->colour ? c->colour : "", SPAN_FMT(p.head), p.between,
		SPAN_FMT(p.tail), c->colour && *c->colour ? colour_off(out) : "");
	if (!column->right && !last)
		fprintf(out, "%*s", (int)pad, "");
}

void table_print(const struct table *t, FILE *out)
{
	unsigned widths[TABLE_COLUMNS_MAX];

	table_fit(t, t->wide ? UINT_MAX : terminal_width(out), widths);
	for (size_t i = 0; i < t->count; i++) {
		size_t col = i % t->column_count;
		bool last = col + 1 == t->column_count;

		print_cell(&t->cells[i], &t->columns[col], widths[col], last, out);
		fputs(last ? "\n" : "  ", out);
	}
}
