/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 as people write it: either alphabet, line breaks, padding or none. Lax on purpose: whoever
 * reads it later may be lax too. The strict reader is in common/base.
 */
#include "common/mask/mask_base64_internal.h"
#include "common/mask/mask_bytes_internal.h"

#define BASE64_LEN_MIN 16

/* Both alphabets; -1: none of them, -2: white space. */
static const int8_t values[256] = {
	[0 ... 8] = -1,
	['\t'] = -2,
	['\n'] = -2,
	[11 ... 12] = -1,
	['\r'] = -2,
	[14 ... 31] = -1,
	[' '] = -1,
	[33 ... 42] = -1,
	['+'] = 62,
	[','] = -1,
	['-'] = 62,
	['.'] = -1,
	['/'] = 63,
	['0'] = 52,
	['1'] = 53,
	['2'] = 54,
	['3'] = 55,
	['4'] = 56,
	['5'] = 57,
	['6'] = 58,
	['7'] = 59,
	['8'] = 60,
	['9'] = 61,
	[':' ... '@'] = -1,
	['A'] = 0,
	['B'] = 1,
	['C'] = 2,
	['D'] = 3,
	['E'] = 4,
	['F'] = 5,
	['G'] = 6,
	['H'] = 7,
	['I'] = 8,
	['J'] = 9,
	['K'] = 10,
	['L'] = 11,
	['M'] = 12,
	['N'] = 13,
	['O'] = 14,
	['P'] = 15,
	['Q'] = 16,
	['R'] = 17,
	['S'] = 18,
	['T'] = 19,
	['U'] = 20,
	['V'] = 21,
	['W'] = 22,
	['X'] = 23,
	['Y'] = 24,
	['Z'] = 25,
	['[' ... '^'] = -1,
	['_'] = 63,
	['`'] = -1,
	['a'] = 26,
	['b'] = 27,
	['c'] = 28,
	['d'] = 29,
	['e'] = 30,
	['f'] = 31,
	['g'] = 32,
	['h'] = 33,
	['i'] = 34,
	['j'] = 35,
	['k'] = 36,
	['l'] = 37,
	['m'] = 38,
	['n'] = 39,
	['o'] = 40,
	['p'] = 41,
	['q'] = 42,
	['r'] = 43,
	['s'] = 44,
	['t'] = 45,
	['u'] = 46,
	['v'] = 47,
	['w'] = 48,
	['x'] = 49,
	['y'] = 50,
	['z'] = 51,
	['{' ... 255] = -1,
};

enum { CLASS_UPPER = 1, CLASS_LOWER = 2, CLASS_OTHER = 4 };

/* Of the bytes that base64 is made of; 0: none of them. */
static uint8_t class_of(char c)
{
	static const uint8_t classes[256] = {
		['A' ... 'Z'] = CLASS_UPPER,
		['a' ... 'z'] = CLASS_LOWER,
		['0' ... '9'] = CLASS_OTHER,
		['+'] = CLASS_OTHER,
		['-'] = CLASS_OTHER,
		['/'] = CLASS_OTHER,
		['_'] = CLASS_OTHER,
		['\t'] = CLASS_OTHER,
		['\n'] = CLASS_OTHER,
		['\r'] = CLASS_OTHER,
	};

	return classes[(uint8_t)c];
}

/* Base64 of anything but a few odd texts has letters of both cases; names and digests have not. */
bool mask_may_be_base64(struct span s)
{
	unsigned seen = 0;

	if (s.len < BASE64_LEN_MIN)
		return false;
	while (s.len > 0 && s.ptr[s.len - 1] == '=')
		s.len--;
	for (size_t i = 0; i < s.len; i++) {
		unsigned found = class_of(s.ptr[i]);

		if (found == 0)
			return false;
		seen |= found;
	}
	return (seen & (CLASS_UPPER | CLASS_LOWER)) == (CLASS_UPPER | CLASS_LOWER);
}

/* Whole groups of four, as far as nothing stands between them. Returns how many bytes it took. */
static size_t decode_groups(struct span s, size_t at, char **out)
{
	size_t i = at;

	for (; i + 4 <= s.len; i += 4) {
		const char *p = s.ptr + i;
		unsigned a = (uint8_t)values[(uint8_t)p[0]], b = (uint8_t)values[(uint8_t)p[1]];
		unsigned c = (uint8_t)values[(uint8_t)p[2]], d = (uint8_t)values[(uint8_t)p[3]];
		unsigned group = a << 18 | b << 12 | c << 6 | d;

		if ((a | b | c | d) & 0x80) /* one of them is negative */
			break;
		*(*out)++ = (char)(group >> 16);
		*(*out)++ = (char)(group >> 8);
		*(*out)++ = (char)group;
	}
	return i - at;
}

/* Takes what people take for base64: either alphabet, line breaks, padding or none. */
struct span mask_decode_base64(struct span s, char *begin)
{
	char *out = begin;
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < s.len && s.ptr[i] != '='; i++) {
		int v;

		if (have % 4 == 0)
			i += decode_groups(s, i, &out);
		v = i < s.len ? values[(uint8_t)s.ptr[i]] : -1;
		if (v < 0 && i < s.len && s.ptr[i] == '=')
			break;
		if (v < 0)
			continue;
		bits = bits << 6 | (uint32_t)v;
		if (++have % 4 == 0) {
			*out++ = (char)(bits >> 16);
			*out++ = (char)(bits >> 8);
			*out++ = (char)bits;
		}
	}
	if (have % 4 == 2) {
		*out++ = (char)(bits >> 4);
	} else if (have % 4 == 3) {
		*out++ = (char)(bits >> 10);
		*out++ = (char)(bits >> 2);
	}
	return (struct span){begin, (size_t)(out - begin)};
}

/* Text, to judge by its beginning? s: at least eight bytes of base64. */
bool mask_base64_is_text(struct span s)
{
	char bytes[MASK_BASE64_DECODED_MAX(8)];
	struct span begin = mask_decode_base64((struct span){s.ptr, 8}, bytes);

	for (size_t i = 0; i < begin.len; i++) {
		if ((bytes[i] < 0x20 || bytes[i] > 0x7e) && !is_white(bytes[i]))
			return false;
	}
	return begin.len == 6;
}
