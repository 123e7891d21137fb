/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/change.h"

#include "cli/table.h"
#include "common/display/display.h"

#define SHOWN_MAX ((size_t)64 << 20)

/* A line's first byte says what it is, and its colour. */
static enum colour colour_of(char sign)
{
	switch (sign) {
	case '+':
		return COLOUR_GREEN;
	case '-':
		return COLOUR_RED;
	case '~':
	case '!':
		return COLOUR_YELLOW;
	default:
		return COLOUR_NONE;
	}
}

static void print_lines(FILE *out, struct span text)
{
	while (text.len > 0) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;
		enum colour c =
			len > 1 && text.ptr[1] == ' ' ? colour_of(text.ptr[0]) : COLOUR_NONE;

		fputs(colour_on(c, out), out);
		fwrite(text.ptr, 1, len, out);
		fprintf(out, "%s\n", colour_off(out));
		len += end != NULL;
		text = (struct span){text.ptr + len, text.len - len};
	}
}

int change_print(FILE *out, struct span change, const char *unseen, struct err *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 256 << 20);
	_cleanup_(buf_free) struct buf text = BUF_INIT(SHOWN_MAX);
	struct json_doc doc;
	int rc;

	fputs("\nChange (secrets masked, what can do most comes first):\n", out);
	rc = arena ? display_read(change, arena, &doc, e) : err_set(e, "out of memory");
	if (rc == 0) {
		display_put(&text, &doc);
		rc = text.failed
			     ? err_set(e, "it is too large, or of a shape that this program does "
					  "not know")
			     : 0;
	}
	if (rc < 0) {
		fputs("CANNOT BE SHOWN: ", out);
		print_printable(out, e->msg);
		fputs("\nDo not approve what you cannot see. The stored text: -o json\n", out);
		return rc;
	}
	if (text.len == 0)
		fputs("None that is shown to Holdpoint.\n", out);
	print_lines(out, buf_span(&text));
	if (unseen && *unseen) {
		fputs("NOT ALL IS SHOWN, and the approval covers all of it: ", out);
		print_printable(out, unseen);
		fputs("\nTo approve it all the same: --unseen\n", out);
	}
	return 0;
}
