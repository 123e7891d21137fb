/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in letters that only look like ours: with accents, in full width, of other alphabets, or
 * with invisible characters between them. Who reads "p\u0430ssword" takes its value for a password.
 */
#include "common/base/utf8.h"
#include "common/mask/mask_names_internal.h"

struct alike {
	uint16_t from;
	char to;
};

/* Cyrillic and Greek letters that are drawn like Latin ones. */
static const struct alike alike[] = {{0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'},
	{0x0397, 'H'}, {0x0399, 'I'}, {0x039a, 'K'}, {0x039c, 'M'}, {0x039d, 'N'}, {0x039f, 'O'},
	{0x03a1, 'P'}, {0x03a4, 'T'}, {0x03a5, 'Y'}, {0x03a7, 'X'}, {0x03b1, 'a'}, {0x03b5, 'e'},
	{0x03b9, 'i'}, {0x03ba, 'k'}, {0x03bd, 'v'}, {0x03bf, 'o'}, {0x03c1, 'p'}, {0x03c4, 't'},
	{0x03c5, 'u'}, {0x03c9, 'w'}, {0x0405, 'S'}, {0x0406, 'I'}, {0x0408, 'J'}, {0x0410, 'A'},
	{0x0412, 'B'}, {0x0415, 'E'}, {0x041a, 'K'}, {0x041c, 'M'}, {0x041d, 'H'}, {0x041e, 'O'},
	{0x0420, 'P'}, {0x0421, 'C'}, {0x0422, 'T'}, {0x0423, 'Y'}, {0x0425, 'X'}, {0x0430, 'a'},
	{0x0435, 'e'}, {0x043a, 'k'}, {0x043e, 'o'}, {0x0440, 'p'}, {0x0441, 'c'}, {0x0442, 't'},
	{0x0443, 'y'}, {0x0445, 'x'}, {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'}, {0x04bb, 'h'},
	{0x0501, 'd'}, {0x051b, 'q'}, {0x051d, 'w'}, {0x1d0b, 'k'}, {0x212a, 'K'}};

/* U+00C0 to U+00FF without their accents. */
static const char accented[] = "AAAAAAACEEEEIIIIDNOOOOO.OUUUUYTsaaaaaaaceeeeiiiidnooooo.ouuuuyty";

/* 0: nothing that is seen; the character itself: no letter of ours. */
static uint32_t fold(uint32_t c)
{
	if (c < 0x80)
		return c;
	if (c >= 0xc0 && c <= 0xff)
		return (uint8_t)accented[c - 0xc0];
	if (c >= 0xff01 && c <= 0xff5e)
		return c - 0xff01 + '!';
	if (c == 0xad || (c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) ||
		(c >= 0x2060 && c <= 0x2064) || c == 0xfeff)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(alike); i++) {
		if (alike[i].from == c)
			return (uint8_t)alike[i].to;
	}
	return c;
}

static uint32_t code_of(const char *p, size_t n)
{
	uint32_t c = n == 1 ? (uint8_t)*p : (uint8_t)*p & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((uint8_t)p[i] & 0x3f);
	return c;
}

struct span mask_fold_name(struct span name, char *buf)
{
	const char *p = name.ptr, *end = name.ptr + name.len;
	char *out = buf;

	while (p < end) {
		size_t n = utf8_sequence(p, end);
		uint32_t c = n > 0 ? code_of(p, n) : 0, folded = fold(c);

		n = n > 0 ? n : 1;
		if (folded == c)
			out = mempcpy(out, p, n);
		else if (folded > 0)
			*out++ = (char)folded;
		p += n;
	}
	return (struct span){buf, (size_t)(out - buf)};
}
