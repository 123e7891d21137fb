/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/csv.h"

#include "common/base/utf8.h"

#define CELL_MAX (1 << 20)

/* Spreadsheets take the wide forms of East Asia for the same. */
static bool begins_formula(struct span s)
{
	static const char *const signs[] = {"=", "+", "-", "@", "＝", "＋", "－", "＠"};

	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (s.len >= strlen(signs[i]) && memcmp(s.ptr, signs[i], strlen(signs[i])) == 0)
			return true;
	return false;
}

static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "-_./:@",
			    s.ptr[i]))
			return false;
	return true;
}

void csv_put_cell(struct buf *out, struct span text)
{
	_cleanup_(buf_free) struct buf shown = BUF_INIT(CELL_MAX);
	struct span s;

	utf8_put_printable(&shown, text);
	out->failed |= shown.failed;
	s = buf_span(&shown);
	if (is_plain(s) && !begins_formula(s)) {
		buf_add_span(out, s);
		return;
	}
	buf_add_str(out, begins_formula(s) ? "\"'" : "\"");
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, s.ptr[i]);
	}
	buf_add_char(out, '"');
}

void csv_put_header(struct buf *out, const struct pg_result *r)
{
	for (int col = 0; col < pg_result_columns(r); col++)
		buf_printf(out, "%s%s", col ? "," : "", pg_result_column(r, col));
	buf_add_str(out, "\r\n");
}

void csv_put_row(struct buf *out, const struct pg_result *r, int row)
{
	for (int col = 0; col < pg_result_columns(r); col++) {
		buf_add_str(out, col ? "," : "");
		csv_put_cell(out, pg_result_span(r, row, col));
	}
	buf_add_str(out, "\r\n");
}
