/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal digits. Whole texts of them: hex_put(), hex_decode() of crypto.h. */
#pragma once

#include "common/base/util.h"

/* What the digit stands for, in either case; -1 if it is none. */
static inline int hex_value(char c)
{
	char lower = (char)(c | 0x20);

	if (c >= '0' && c <= '9')
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static inline bool is_hex_digit(char c)
{
	return hex_value(c) >= 0;
}

/* What four digits at p stand for; -1 if they are not there, before end. */
static inline int hex_value4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex_value(p[i]);

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* Writes 2 * len digits in lower case, no NUL; returns what follows them. */
static inline char *hex_write(char *out, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = (const uint8_t *)data;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	return out;
}
