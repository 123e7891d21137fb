/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of bytes and beginnings of texts, as masking tells them apart: ASCII, whatever the locale.
 */
#pragma once

#include <strings.h>

#include "common/base/hex.h"

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool is_letter(char c)
{
	return is_lower((char)(c | 0x20));
}

static inline bool is_alnum(char c)
{
	return is_digit(c) || is_letter(c);
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_end_of_line(char c)
{
	return c == '\n' || c == '\r';
}

static inline bool is_white(char c)
{
	return is_blank(c) || is_end_of_line(c);
}

static inline bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

/* Is c one of the bytes of set? A NUL byte never is. */
static inline bool is_in(char c, const char *set)
{
	return c && strchr(set, c);
}

static inline bool begins(const char *p, const char *end, struct span literal)
{
	return (size_t)(end - p) >= literal.len && memcmp(p, literal.ptr, literal.len) == 0;
}

static inline bool begins_case(const char *p, const char *end, struct span literal)
{
	return (size_t)(end - p) >= literal.len && strncasecmp(p, literal.ptr, literal.len) == 0;
}

static inline struct span trim_white(struct span s)
{
	while (s.len > 0 && is_white(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_white(s.ptr[s.len - 1]))
		s.len--;
	return s;
}
