/* SPDX-License-Identifier: Apache-2.0 */
/* See utf8.h. */
#include "common/base/utf8.h"

/*
 * Unicode 15: the categories Cc, Cf, Zl, Zp, and the property Default_Ignorable_Code_Point, but for
 * U+FE0E and U+FE0F. In order, and neighbours joined.
 */
static const struct utf8_range harmful[] = {
	{0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x0600, 0x0605},
	{0x061c, 0x061c}, {0x06dd, 0x06dd}, {0x070f, 0x070f}, {0x0890, 0x0891}, {0x08e2, 0x08e2},
	{0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
	{0x200b, 0x200f}, /* zero widths, U+200E and U+200F direct */
	{0x2028, 0x202e}, /* separators, embeddings and overrides */
	{0x2060, 0x206f}, /* among them isolates */
	{0x3164, 0x3164}, {0xfe00, 0xfe0d}, {0xfeff, 0xfeff}, /* byte order mark */
	{0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x110bd, 0x110bd},
	{0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
	{0xe0000, 0xe0fff}, /* tags */
};

bool utf8_is_within(uint32_t cp, const struct utf8_range *ranges, size_t count)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (cp > ranges[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && cp >= ranges[low].first;
}

bool utf8_is_harmful(uint32_t cp)
{
	return utf8_is_within(cp, harmful, ARRAY_LEN(harmful));
}

/* What stands for the character at p, of *ret_len bytes; NUL: it stands for itself. */
static char stand_in(const char *p, const char *end, size_t *ret_len)
{
	uint32_t cp = 0;
	size_t n = utf8_decode(p, end, &cp);

	*ret_len = n ? n : 1;
	if (n > 0 && !utf8_is_harmful(cp))
		return 0;
	return cp == '\n' || cp == '\t' ? ' ' : '?';
}

void utf8_put_printable(struct buf *out, struct span text)
{
	for (size_t i = 0, n; i < text.len; i += n) {
		char c = stand_in(text.ptr + i, text.ptr + text.len, &n);

		if (c)
			buf_add_char(out, c);
		else
			buf_add(out, text.ptr + i, n);
	}
}

void utf8_make_printable(char *s)
{
	char *out = s, *end = s + strlen(s);

	for (size_t n; s < end; s += n) {
		char c = stand_in(s, end, &n);

		if (c)
			*out++ = c;
		else
			out = (char *)memmove(out, s, n) + n;
	}
	*out = 0;
}

bool utf8_valid(struct span s)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		n = utf8_sequence(s.ptr + i, s.ptr + s.len);
		if (n == 0)
			return false;
	}
	return true;
}
