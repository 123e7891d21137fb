/* UTF-8 as Unicode 15 has it (table 3-7): what is a sequence, and where a text can be cut. */
#pragma once

#include "common/util.h"

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
	if (s.len <= max)
		return s;
	s.len = max;
	for (int i = 0; i < 3 && s.len > 0 && utf8_is_tail(s.ptr[s.len]); i++)
		s.len--;
	return s;
}
