/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as Unicode 15 has it (table 3-7): what is a sequence, and where a text can be cut. */
#pragma once

#include "common/base/buf.h"

/* Not the first byte of a sequence. */
static inline bool utf8_is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Length of the sequence at p, before end; 1 for ASCII, 0 if there is none. */
static inline size_t utf8_sequence(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4 || n > (size_t)(end - p))
		return 0;
	for (size_t i = 1; i < n; i++)
		if (!utf8_is_tail(p[i]))
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* At most the first max bytes, and no torn sequence at the end; of what is not UTF-8, any end. */
static inline struct span utf8_cut(struct span s, size_t max)
{
	if (!s.ptr || s.len <= max)
		return s;
	s.len = max;
	for (int i = 0; i < 3 && s.len > 0 && utf8_is_tail(s.ptr[s.len]); i++)
		s.len--;
	return s;
}

/* One code point at p, before end: its length, or 0 if there is none. */
static inline size_t utf8_decode(const char *p, const char *end, uint32_t *ret)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t n = utf8_sequence(p, end);

	if (n == 0)
		return 0;
	*ret = n == 1 ? u[0] : u[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		*ret = *ret << 6 | (u[i] & 0x3f);
	return n;
}

struct utf8_range {
	uint32_t first, last;
};
/* Is the code point in one of the ranges, which stand in order and apart? */
bool utf8_is_within(uint32_t cp, const struct utf8_range *ranges, size_t count);

/* Is all of it UTF-8? */
bool utf8_valid(struct span s);

/* Writes a code point below U+110000 to dst; its length. A surrogate becomes three bytes that are
 * not UTF-8. */
static inline size_t utf8_encode(uint32_t cp, char dst[4])
{
	if (cp < 0x80) {
		dst[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		dst[0] = (char)(0xc0 | cp >> 6);
		dst[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		dst[0] = (char)(0xe0 | cp >> 12);
		dst[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | cp >> 18);
	dst[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

/*
 * What a terminal may take for a command, or what makes text look like another: controls, C1 ones
 * too; marks and overrides of direction; line separators; whatever has no look of its own (zero
 * widths, fillers, tags, noncharacters). Not so the two selectors of an emoji's look.
 */
bool utf8_is_harmful(uint32_t cp);

/* Appends text as one harmless line: a space for a line break or tab, "?" for anything else that is
 * harmful or not UTF-8. */
void utf8_put_printable(struct buf *out, struct span text);

/* The same in place. */
void utf8_make_printable(char *s);

/* Puts spaces in place of it; lines stay. */
static inline void utf8_blank_harmful(char *s, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n ? n : 1) {
		n = utf8_decode(s + i, s + len, &cp);
		if (n && utf8_is_harmful(cp) && cp != '\n')
			memset(s + i, ' ', n);
	}
}

/* ---- of text that is known to be UTF-8 ---- */

/* Bytes of the character that begins with c. */
static inline unsigned utf8_len(char c)
{
	unsigned char u = (unsigned char)c;

	return u < 0x80 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
}

static inline uint32_t utf8_at(const char *p)
{
	uint32_t cp = 0;

	utf8_decode(p, p + utf8_len(*p), &cp);
	return cp;
}

/* Code points. */
static inline size_t utf8_count(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += !utf8_is_tail(s.ptr[i]);
	return n;
}

/* Byte offset of code point number i, which may be the end. False if it is past that. */
static inline bool utf8_offset(struct span s, int64_t i, size_t *ret)
{
	size_t off = 0;

	if (i < 0)
		return false;
	for (; i > 0 && off < s.len; i--)
		off += utf8_len(s.ptr[off]);
	*ret = off;
	return i == 0;
}
