/* Code points in strings that are known to be UTF-8. Inside the CEL engine only. */
#pragma once

#include "policy/cel/cel_internal.h"

static inline bool cel_utf8_is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of the character that begins with c. */
static inline unsigned cel_utf8_len(char c)
{
	unsigned char u = (unsigned char)c;

	return u < 0x80 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
}

static inline uint32_t cel_utf8_decode(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	switch (cel_utf8_len(*p)) {
	case 1:
		return u[0];
	case 2:
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	case 3:
		return (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	default:
		return (u[0] & 0x7u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 |
		       (u[3] & 0x3fu);
	}
}

static inline size_t cel_utf8_count(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += !cel_utf8_is_tail(s.ptr[i]);
	return n;
}

/* Byte offset of code point number i, which may be the end. False if it is past that. */
static inline bool cel_utf8_offset(struct span s, int64_t i, size_t *ret)
{
	size_t off = 0;

	if (i < 0)
		return false;
	for (; i > 0 && off < s.len; i--)
		off += cel_utf8_len(s.ptr[off]);
	*ret = off;
	return i == 0;
}
