/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists whose names stand in a line of their own, far from the values: CSV with a head, and
 * INSERT INTO t (name, password) VALUES ('a', 'x'), ('b', 'y'). Columns whose name says secret are
 * masked.
 */
#include "common/mask/mask_pair_internal.h"
#include "common/mask/mask_text_internal.h"

#define COLUMNS_MAX 64
#define HEAD_MAX    1024

/* The end of the item at `at`: the separator, the closing bracket or the line. */
static size_t end_of_item(const char *text, size_t at, size_t end, char sep, char close)
{
	char quote = 0;

	for (; at < end; at++) {
		char c = text[at];

		if (quote) {
			if (c == '\\' && at + 1 < end)
				at++;
			else if (c == quote)
				quote = 0;
		} else if (c == '\'' || c == '"' || c == '`') {
			quote = c;
		} else if (c == sep || (close ? c == close : is_end_of_line(c))) {
			break;
		}
	}
	return at;
}

static struct span trimmed(const char *text, size_t from, size_t to)
{
	struct span s = trim_white((struct span){text + from, to - from});

	if (s.len >= 2 && is_quote(s.ptr[0]) && s.ptr[s.len - 1] == s.ptr[0])
		s = (struct span){s.ptr + 1, s.len - 2};
	return s;
}

static bool is_column_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_name_byte(s.ptr[i]) && s.ptr[i] != ' ')
			return false;
	}
	return s.len > 0 && s.len <= 64;
}

/* A bit for each name in text[at..end) that says secret; 0 also when they are no names. */
static uint64_t secret_columns(
	const struct masker *m, const char *text, size_t at, size_t end, char sep)
{
	uint64_t ret = 0;
	unsigned n = 0;

	for (; at < end && n < COLUMNS_MAX; n++) {
		size_t stop = end_of_item(text, at, end, sep, 0);
		struct span name = trimmed(text, at, stop);

		if (!is_column_name(name))
			return 0;
		if (mask_name_class(m, name) == NAME_STRONG)
			ret |= UINT64_C(1) << n;
		at = stop + 1;
	}
	return n >= 2 ? ret : 0;
}

/* The items of a row; returns where it ends. */
static int mask_row(struct mask_frame *f, size_t at, size_t end, char sep, char close,
	uint64_t secret, size_t *ret_end)
{
	const char *text = f->text.ptr;

	for (unsigned n = 0;; n++) {
		size_t stop = end_of_item(text, at, end, sep, close);
		struct span item = trimmed(text, at, stop);

		if (n < COLUMNS_MAX && (secret >> n & 1) && item.len > 0 &&
			mask_range(f, (size_t)(item.ptr - text), item.len, RULE_TEXT_ASSIGNMENT) <
				0)
			return -1;
		*ret_end = stop;
		if (stop >= end || text[stop] != sep)
			return 0;
		at = stop + 1;
	}
}

/* ---- INSERT ---- */

/* Where the columns in brackets before VALUES at p begin and end; false: none stand there. */
static bool find_columns(
	const char *begin, const char *p, const char **ret_open, const char **ret_close)
{
	const char *close = p, *from = p - begin < HEAD_MAX ? begin : p - HEAD_MAX;

	while (close > from && is_white(close[-1]))
		close--;
	if (close == from || *--close != ')')
		return false;
	*ret_close = close;
	*ret_open = memrchr(from, '(', (size_t)(close - from));
	return *ret_open != NULL;
}

bool mask_is_insert(const struct masker *m, const char *begin, const char *p, const char *end)
{
	const char *open, *close;

	return end - p > 8 && begins_case(p, end, SPAN("values")) &&
	       find_columns(begin, p, &open, &close) &&
	       secret_columns(m, open + 1, 0, (size_t)(close - open) - 1, ',') != 0;
}

int mask_insert(struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end)
{
	const char *text = f->text.ptr, *open, *close;
	uint64_t secret;
	size_t at = off + 6;

	if (!mask_is_insert(f->ctx->m, text + begin, text + off, text + end) ||
		!find_columns(text + begin, text + off, &open, &close))
		return 0;
	secret = secret_columns(f->ctx->m, open + 1, 0, (size_t)(close - open) - 1, ',');
	for (;;) {
		while (at < end && (is_white(text[at]) || text[at] == ','))
			at++;
		if (at >= end || text[at] != '(')
			break;
		if (mask_row(f, at + 1, end, ',', ')', secret, &at) < 0)
			return -1;
		at += at < end;
	}
	*ret_end = at;
	return 0;
}

/* ---- CSV ---- */

static char separator_of(struct span head)
{
	for (const char *sep = ",;\t|"; *sep; sep++) {
		if (memchr(head.ptr, *sep, head.len))
			return *sep;
	}
	return 0;
}

static struct span head_of(struct span text)
{
	size_t max = text.len < HEAD_MAX ? text.len : HEAD_MAX;
	const char *stop = memchr(text.ptr, '\n', max);

	return (struct span){text.ptr, stop ? (size_t)(stop - text.ptr) : 0};
}

static size_t count_of(struct span s, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == c;
	return n;
}

/* The secret columns of a text that is CSV: its next line has as many as the head. */
static uint64_t csv_columns(
	const struct masker *m, struct span text, struct span *ret_head, char *ret_sep)
{
	struct span head = head_of(text), row;
	char sep = head.len > 0 ? separator_of(head) : 0;
	const char *stop;

	if (!sep)
		return 0;
	row = (struct span){head.ptr + head.len + 1, text.len - head.len - 1};
	row.len = row.len < HEAD_MAX ? row.len : HEAD_MAX;
	stop = memchr(row.ptr, '\n', row.len);
	row.len = stop ? (size_t)(stop - row.ptr) : row.len;
	if (count_of(row, sep) < count_of(head, sep))
		return 0;
	*ret_head = head;
	*ret_sep = sep;
	return secret_columns(m, head.ptr, 0, head.len, sep);
}

bool mask_has_secret_column(const struct masker *m, struct span text)
{
	struct span head;
	char sep;

	return csv_columns(m, text, &head, &sep) != 0;
}

int mask_csv(struct mask_frame *f, size_t off, size_t len)
{
	struct span head = {0};
	char sep = 0;
	uint64_t secret =
		csv_columns(f->ctx->m, (struct span){f->text.ptr + off, len}, &head, &sep);
	size_t at = off + head.len + 1, end = off + len;

	while (secret && at < end) {
		if (mask_row(f, at, end, sep, 0, secret, &at) < 0)
			return -1;
		while (at < end && is_end_of_line(f->text.ptr[at]))
			at++;
	}
	return 0;
}
