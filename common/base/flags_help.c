/* SPDX-License-Identifier: Apache-2.0 */
/* What a flag table looks like to people: --help at 80 columns. */
#include <stdio.h>

#include "common/base/flags_value.h"
#include "common/base/utf8.h"

#define HELP_WIDTH  80
#define HELP_INDENT 30 /* where the sentence begins */

/* Characters, not bytes: help texts hold "…" and the like. */
static size_t text_width(struct span s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += !utf8_is_tail(s.ptr[i]);
	return n;
}

/* A number that the flag itself could not have given stands for "not given". */
static bool is_unset(const struct flag *f)
{
	return (f->min || f->max) && *(int64_t *)f->value < f->min;
}

static void put_default(struct buf *out, const struct flag *f)
{
	const char *text;

	switch (f->type) {
	case FLAG_STRING:
		text = *(const char **)f->value;
		buf_add_str(out, text ? text : "");
		break;
	case FLAG_STRING_LIST: {
		const struct flag_list *list = f->value;
		for (size_t i = 0; i < list->count; i++)
			buf_printf(out, "%s%s", i ? "," : "", list->items[i]);
		break;
	}
	case FLAG_BOOL:
		buf_add_str(out, *(bool *)f->value ? "true" : "");
		break;
	case FLAG_INT:
		if (is_unset(f))
			break;
		buf_printf(out, "%lld", (long long)*(int64_t *)f->value);
		break;
	case FLAG_BYTES:
		if (is_unset(f))
			break;
		bytes_put(out, *(int64_t *)f->value);
		break;
	case FLAG_DURATION_MS:
		if (is_unset(f))
			break;
		duration_put(out, *(int64_t *)f->value);
		break;
	}
}

/* ": a, b or c", unless the sentence names them already. */
static void put_choices(struct buf *out, const struct flag *f)
{
	if (!f->one_of || strstr(f->help, f->one_of[0]))
		return;
	for (const char *const *v = f->one_of; *v; v++)
		buf_printf(out, "%s%s", v == f->one_of ? ": " : v[1] ? ", " : " or ", *v);
}

/* The sentence with what the table knows besides: choices, default, repeatable. */
static void put_sentence(struct buf *out, const struct flag *f)
{
	struct buf value _cleanup_(buf_free) = BUF_INIT(4096);
	struct span help = span_of(f->help);

	if (help.len > 0 && help.ptr[help.len - 1] == '.')
		help.len--;
	buf_add_span(out, help);
	put_choices(out, f);
	put_default(&value, f);
	if (!f->required && value.len > 0)
		buf_printf(out, " (default %.*s)", SPAN_FMT(buf_span(&value)));
	buf_add_char(out, '.');
	if (f->type == FLAG_STRING_LIST)
		buf_add_str(out, " May be repeated.");
	if (f->required)
		buf_add_str(out, " Required.");
}

static void put_spaces(struct buf *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_add_char(out, ' ');
}

/* Words of text from column HELP_INDENT on, new lines indented as far. */
static void put_wrapped(struct buf *out, struct span text)
{
	size_t column = HELP_INDENT;

	for (size_t i = 0; i < text.len;) {
		size_t end = i;
		while (end < text.len && text.ptr[end] != ' ')
			end++;
		struct span word = {text.ptr + i, end - i};
		size_t width = text_width(word);
		if (column > HELP_INDENT && column + 1 + width > HELP_WIDTH) {
			buf_add_char(out, '\n');
			put_spaces(out, HELP_INDENT);
			column = HELP_INDENT;
		} else if (column > HELP_INDENT) {
			buf_add_char(out, ' ');
			column++;
		}
		buf_add_span(out, word);
		column += width;
		i = end + 1;
	}
	buf_add_char(out, '\n');
}

/* "-o, --output FORMAT" */
static void put_usage(struct buf *out, const struct flag *f)
{
	if (f->short_name)
		buf_printf(out, "-%c, ", f->short_name);
	buf_printf(out, "--%s", f->name);
	if (f->type != FLAG_BOOL)
		buf_printf(out, " %s", f->arg ? f->arg : "VALUE");
}

void flags_put_help(struct buf *out, const struct flag *table)
{
	for (const struct flag *f = table; f->name; f++) {
		struct buf usage _cleanup_(buf_free) = BUF_INIT(256);
		struct buf text _cleanup_(buf_free) = BUF_INIT(8192);

		put_usage(&usage, f);
		put_sentence(&text, f);
		buf_add_str(out, f->short_name ? "  " : "      ");
		buf_add_span(out, buf_span(&usage));
		size_t column = (f->short_name ? 2 : 6) + text_width(buf_span(&usage));
		if (column + 2 > HELP_INDENT) {
			buf_add_char(out, '\n');
			column = 0;
		}
		put_spaces(out, HELP_INDENT - column);
		put_wrapped(out, buf_span(&text));
	}
	buf_add_str(out, "  -h, --help                  Shows this text.\n");
}
