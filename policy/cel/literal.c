/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What literals mean: escapes of strings and bytes, integers with their ranges, doubles. The lexer
 * has found where they begin and end.
 */
#include <errno.h>
#include <math.h>

#include "common/base/hex.h"
#include "policy/cel/compiler_internal.h"

static bool read_digits(struct span *in, unsigned base, unsigned count, uint32_t *ret)
{
	uint32_t v = 0;

	if (in->len < count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		int d = hex_value(in->ptr[i]);
		if (d < 0 || (unsigned)d >= base)
			return false;
		v = v * base + (uint32_t)d;
	}
	in->ptr += count;
	in->len -= count;
	*ret = v;
	return true;
}

static char simple_escape(char c)
{
	static const char from[] = "abfnrtv\\?\"'`", to[] = "\a\b\f\n\r\t\v\\?\"'`";
	const char *p = c ? strchr(from, c) : NULL;

	return p ? to[p - from] : '\0';
}

/* in is behind the backslash. Octal and \x are a byte in bytes, a code point in strings. */
static const char *unescape(struct span *in, char **out, bool bytes)
{
	uint32_t v;
	char c = in->ptr[0], simple = simple_escape(c);
	bool code_point = !bytes;

	if (simple) {
		*(*out)++ = simple;
		in->ptr++;
		in->len--;
		return NULL;
	}
	if (c >= '0' && c <= '3') {
		if (!read_digits(in, 8, 3, &v))
			return "an octal escape is \\ and three digits up to \\377";
	} else {
		in->ptr++;
		in->len--;
		if (c == 'x' || c == 'X') {
			if (!read_digits(in, 16, 2, &v))
				return "\\x takes two hexadecimal digits";
		} else if ((c == 'u' || c == 'U') && !bytes) {
			if (!read_digits(in, 16, c == 'u' ? 4 : 8, &v))
				return c == 'u' ? "\\u takes four hexadecimal digits"
						: "\\U takes eight hexadecimal digits";
			if (v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
				return "the escape names no Unicode character";
		} else if (c == 'u' || c == 'U') {
			return "\\u and \\U have no meaning in bytes";
		} else {
			return "unknown escape; write \\\\ for a backslash, or a raw string r'…'";
		}
	}
	if (code_point)
		*out += utf8_encode(v, *out);
	else
		*(*out)++ = (char)v;
	return NULL;
}

bool cel_literal_string(struct cel_compiler *c, uint32_t off, uint32_t end, struct cel_value *ret)
{
	struct span in = {c->source.ptr + off, end - off};
	bool raw = false, bytes = false;

	for (; *in.ptr != '"' && *in.ptr != '\''; in.ptr++, in.len--) {
		raw = raw || (*in.ptr | 0x20) == 'r';
		bytes = bytes || (*in.ptr | 0x20) == 'b';
	}
	size_t quotes = in.len >= 6 && in.ptr[1] == in.ptr[0] && in.ptr[2] == in.ptr[0] ? 3 : 1;
	in.ptr += quotes;
	in.len -= 2 * quotes;

	/* an escape never grows: \xff is four bytes and becomes two */
	char *text = arena_alloc(c->arena, in.len + 1), *out = text;
	if (!text) {
		c->out_of_memory = true;
		return false;
	}
	while (in.len > 0) {
		char ch = *in.ptr++;
		in.len--;
		if (ch != '\\' || raw) {
			*out++ = ch;
			continue;
		}
		uint32_t at = (uint32_t)(in.ptr - 1 - c->source.ptr);
		const char *what =
			in.len == 0 ? "a backslash at the end" : unescape(&in, &out, bytes);
		if (what) {
			cel_issue_at(c, at, "%s", what);
			return false;
		}
	}
	struct span s = {text, (size_t)(out - text)};
	*ret = bytes ? cel_bytes(s) : cel_string(s);
	return true;
}

static bool parse_uint(struct span s, uint64_t *ret)
{
	unsigned base = 10;
	uint64_t v = 0;

	if (s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] | 0x20) == 'x') {
		base = 16;
		s.ptr += 2;
		s.len -= 2;
	}
	for (size_t i = 0; i < s.len; i++)
		if (__builtin_mul_overflow(v, base, &v) ||
			__builtin_add_overflow(v, (uint64_t)hex_value(s.ptr[i]), &v))
			return false;
	*ret = v;
	return true;
}

static bool literal_double(
	struct cel_compiler *c, uint32_t off, struct span s, bool negative, struct cel_value *ret)
{
	char *text = arena_strndup(c->arena, s.ptr, s.len);

	if (!text) {
		c->out_of_memory = true;
		return false;
	}
	double d = strtod(text, NULL); /* the programs never leave the "C" locale for numbers */
	if (isinf(d)) {
		cel_issue_at(c, off, "the number does not fit a double");
		return false;
	}
	*ret = cel_double(negative ? -d : d);
	return true;
}

bool cel_literal_number(
	struct cel_compiler *c, uint32_t off, uint32_t end, bool negative, struct cel_value *ret)
{
	struct span s = {c->source.ptr + off, end - off};
	bool hex = s.len > 2 && (s.ptr[1] | 0x20) == 'x';
	bool is_uint = (s.ptr[s.len - 1] | 0x20) == 'u';
	uint64_t u;

	if (!hex && (memchr(s.ptr, '.', s.len) || memchr(s.ptr, 'e', s.len) ||
			    memchr(s.ptr, 'E', s.len)))
		return literal_double(c, off, s, negative, ret);
	s.len -= is_uint;
	if (!parse_uint(s, &u)) {
		cel_issue_at(c, off, "the number is too large");
		return false;
	}
	if (is_uint) {
		*ret = cel_uint(u);
	} else if (u > (uint64_t)INT64_MAX + negative) {
		cel_issue_at(c, off, "the number does not fit an int; write %.*su for a uint",
			SPAN_FMT(s));
		return false;
	} else {
		*ret = cel_int(negative ? (int64_t)(0 - u) : (int64_t)u);
	}
	return true;
}
