/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a JSON string: what the reader does with each of them. For json_*.c only. */
#pragma once

#include "common/base/util.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define hot	    static inline __attribute__((always_inline))

/* Why a text is refused, and at which byte. */
struct json_fault {
	const char *where;
	const char *what;
};

hot bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

hot bool is_plain(char c)
{
	return c != '"' && c != '\\' && (signed char)c >= 0x20;
}

/* The first byte from p on that a string cannot just contain: quote, backslash, control, not ASCII.
 */
hot const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	const __m128i space = _mm_set1_epi8(' ');

	while (likely(end - p >= 16)) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* A signed comparison: bytes from 0x80 on are negative, so less than a space. */
		__m128i stop = _mm_or_si128(_mm_cmplt_epi8(v, space),
			_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
		int mask = _mm_movemask_epi8(stop);

		if (likely(mask))
			return p + __builtin_ctz((unsigned)mask);
		p += 16;
	}
#else
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;

	while (likely(end - p >= 8)) {
		uint64_t v, quote, backslash;

		memcpy(&v, p, 8);
		quote = v ^ ones * '"';
		backslash = v ^ ones * '\\';
		/* Borrows may flag a byte too many, never one too few: the loop below decides. */
		if ((((v - ones * 0x20) | (quote - ones) | (backslash - ones) | v) & high) != 0)
			break;
		p += 8;
	}
#endif
	while (p < end && is_plain(*p))
		p++;
	return p;
}

/*
 * A string's text from p on, where skip_plain() stopped. Returns the closing quote; NULL and *fault
 * when it is none. *ret_escaped becomes 1 when there is a backslash in it.
 */
const char *json_scan_string(const char *p, const char *end, bool allow_lone_surrogates,
	uint32_t *ret_escaped, struct json_fault *fault);
