/* SPDX-License-Identifier: Apache-2.0 */
/* How answers for programs and spreadsheets are printed (command.h). */
#include <stdio.h>

#include "cli/command.h"
#include "cli/csv.h"
#include "common/json/json.h"

void cli_print_csv(const struct pg_result *r, bool with_header)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT((size_t)64 << 20);

	if (with_header) {
		csv_put_header(&line, r);
		fputs(cli_text(&line), stdout);
	}
	for (int row = 0; row < pg_result_rows(r); row++) {
		buf_reset(&line);
		csv_put_row(&line, r, row);
		fputs(cli_text(&line), stdout);
	}
}

int cli_print_json(const struct command *c, struct span text)
{
	/* Audit events may hold a name twice, or half a surrogate: all is printed as it stands. */
	static const struct json_limits limits = {.max_bytes = 1u << 30,
		.max_depth = 2000,
		.max_nodes = UINT32_MAX,
		.allow_lone_surrogates = true,
		.allow_duplicate_keys = true};
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, SIZE_MAX);
	_cleanup_(buf_free) struct buf b = BUF_INIT(SIZE_MAX / 2);
	struct json_error je;
	struct json_doc doc;
	struct err e;

	if (!arena)
		return cli_error(c, CLI_FAILED, "out of memory");
	if (json_read(text.ptr, text.len, &limits, arena, &doc, &je) < 0) {
		json_error_to_err(&je, &e);
		return cli_error(c, CLI_FAILED, "the answer cannot be shown as JSON: %s", e.msg);
	}
	json_put_shown(&b, &doc, JSON_ROOT);
	buf_add_char(&b, '\n');
	if (b.failed)
		return cli_error(c, CLI_FAILED, "out of memory");
	fwrite(b.ptr, 1, b.len, stdout);
	return CLI_OK;
}

void cli_print_json_line(struct span text)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(SIZE_MAX / 2);

	json_put_shown_line(&b, text);
	cli_text(&b); /* a line left out would be an event lost */
	fwrite(b.ptr, 1, b.len, stdout);
}
