/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing JSON to people. What is printed is a function of the value alone: an escape that stands
 * for a harmless character is resolved, and whatever cannot be seen, or would direct a terminal, is
 * an escape. So different values look different, and equal ones alike; numbers keep their digits.
 */
#include "common/base/utf8.h"
#include "common/json/json_internal.h"

#define INDENT	   2
#define INDENT_MAX 80 /* deeper levels stand below one another */

enum look {
	LOOK_STRING,
	LOOK_KEY,  /* only ASCII: é may be one character or two, а may be Cyrillic */
	LOOK_TEXT, /* a string without its quotes, whose quotes and backslashes speak for themselves
		    */
};

static void put_u(struct buf *out, unsigned unit)
{
	buf_printf(out, "\\u%04x", unit);
}

static void put_code_point(struct buf *out, uint32_t cp)
{
	if (cp < 0x10000) {
		put_u(out, cp);
		return;
	}
	put_u(out, 0xd800 + ((cp - 0x10000) >> 10));
	put_u(out, 0xdc00 + (cp & 0x3ff));
}

/* What looks like another text wherever it stands: spaces, marks that join a letter or strike it
 * out, signs like those between names, ASCII's letters in other shapes. */
static bool is_double(uint32_t cp)
{
	static const struct utf8_range doubles[] = {{0xa0, 0xa0}, {0x300, 0x36f}, {0x1680, 0x1680},
		{0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x2000, 0x200a}, {0x2024, 0x2024},
		{0x202f, 0x202f}, {0x2044, 0x2044}, {0x205f, 0x205f}, {0x20d0, 0x20ff},
		{0x2215, 0x2215}, {0x2236, 0x2236}, {0x29f8, 0x29f8}, {0x3000, 0x3000},
		{0xa789, 0xa789}, {0xfe20, 0xfe2f}, {0xff01, 0xff5e}, {0x1d400, 0x1d7ff}};

	return cp >= 0xa0 && utf8_is_within(cp, doubles, ARRAY_LEN(doubles));
}

/* Letters of scripts in which some look as ASCII's do. */
static bool is_lookalike(uint32_t cp)
{
	static const struct utf8_range alike[] = {{0x131, 0x131}, {0x17f, 0x17f}, {0x250, 0x2af},
		{0x370, 0x58f}, {0x13a0, 0x13ff}, {0x2c80, 0x2cff}, {0xa4d0, 0xa4ff},
		{0xa640, 0xa69f}, {0xab70, 0xabbf}};

	return cp > 0x7f && utf8_is_within(cp, alike, ARRAY_LEN(alike));
}

static bool is_hidden(uint32_t cp, enum look look)
{
	if (look != LOOK_STRING && cp > 0x7e)
		return true;
	return utf8_is_harmful(cp) || cp == 0xfe0e || cp == 0xfe0f ||
	       (cp >= 0xd800 && cp <= 0xdfff) || is_double(cp);
}

static const char *next_char(const char *p, const char *end, uint32_t *ret)
{
	*ret = '?';
	return *p == '\\' ? json_escape(p, end, ret) : p + utf8_decode(p, end, ret);
}

/* Has the word that begins at p, up to the next blank, a letter or digit of ASCII's? */
static bool has_ascii(const char *p, const char *end)
{
	uint32_t cp = 0;

	while (p < end && cp != ' ') {
		p = next_char(p, end, &cp);
		if ((cp >= '0' && cp <= '9') || ((cp | 0x20) >= 'a' && (cp | 0x20) <= 'z'))
			return true;
	}
	return false;
}

static void put_char(struct buf *out, uint32_t cp, enum look look, bool hide)
{
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char bytes[4];

	for (const char *p = named; *p && look != LOOK_TEXT; p += 2) {
		if ((unsigned char)*p == cp) {
			buf_add_char(out, '\\');
			buf_add_char(out, p[1]);
			return;
		}
	}
	if (hide || is_hidden(cp, look))
		put_code_point(out, cp);
	else
		buf_add(out, bytes, utf8_encode(cp, bytes));
}

static void put_chars(struct buf *out, struct span raw, enum look look)
{
	const char *p = raw.ptr, *end = raw.ptr + raw.len, *from = p;
	const char *word = p, *judged = NULL; /* where words begin */
	bool mixed = false;

	while (p < end) {
		uint32_t cp;
		const char *next;

		if ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f && *p != '\\') {
			if (*p++ == ' ')
				word = p;
			continue;
		}
		buf_add(out, from, (size_t)(p - from));
		next = next_char(p, end, &cp);
		if (is_lookalike(cp) && judged != word) {
			mixed = has_ascii(word, end);
			judged = word;
		}
		put_char(out, cp, look, is_lookalike(cp) && mixed);
		from = p = next;
		if (cp == ' ')
			word = p;
	}
	buf_add(out, from, (size_t)(p - from));
}

void json_put_shown_string(struct buf *out, const struct json_doc *d, json_ref r)
{
	if (json_type(d, r) == JSON_STRING)
		put_chars(out, json_raw_string(d, r), LOOK_TEXT);
}

static void put_quoted(struct buf *out, const struct json_doc *d, json_ref r, enum look look)
{
	buf_add_char(out, '"');
	put_chars(out, json_raw_string(d, r), look);
	buf_add_char(out, '"');
}

static void put_line_break(struct buf *out, size_t depth)
{
	size_t indent = depth * INDENT < INDENT_MAX ? depth * INDENT : INDENT_MAX;
	char *p = buf_extend(out, indent + 1);

	if (!p)
		return;
	*p = '\n';
	memset(p + 1, ' ', indent);
}

static void put_scalar(struct buf *out, const struct json_doc *d, json_ref r)
{
	int type = json_type(d, r);

	if (type == JSON_STRING)
		put_quoted(out, d, r, LOOK_STRING);
	else if (type == JSON_OBJECT || type == JSON_ARRAY)
		buf_add_str(out, type == JSON_OBJECT ? "{}" : "[]");
	else
		buf_add_span(out, json_text(d, r));
}

/* As deep as the reader's limit let the document be. one_line: depth says nothing. */
static void put_value(
	struct buf *out, const struct json_doc *d, json_ref r, size_t depth, bool one_line)
{
	bool is_object = json_type(d, r) == JSON_OBJECT, first = true;

	if (json_node(d, r)->count == 0 || out->failed) {
		put_scalar(out, d, r);
		return;
	}
	buf_add_char(out, is_object ? '{' : '[');
	for (json_ref v = r + 1; v < json_next(d, r); v = json_next(d, v), first = false) {
		if (!first)
			buf_add_str(out, one_line ? ", " : ",");
		if (!one_line)
			put_line_break(out, depth + 1);
		if (is_object) {
			put_quoted(out, d, v++, LOOK_KEY);
			buf_add_str(out, ": ");
		}
		put_value(out, d, v, depth + 1, one_line);
	}
	if (!one_line)
		put_line_break(out, depth);
	buf_add_char(out, is_object ? '}' : ']');
}

void json_put_shown(struct buf *out, const struct json_doc *d, json_ref r)
{
	put_value(out, d, r, 0, false);
}

void json_put_shown_on_one_line(struct buf *out, const struct json_doc *d, json_ref r)
{
	put_value(out, d, r, 0, true);
}

void json_put_shown_line(struct buf *out, struct span text)
{
	const char *end, *from = text.ptr;

	if (text.len == 0)
		return;
	end = text.ptr + text.len;
	for (const char *p = from; p < end;) {
		uint32_t cp = 0;
		size_t n = 1;

		if ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f) {
			p++;
			continue;
		}
		n = utf8_decode(p, end, &cp);
		if (n > 0 && !is_hidden(cp, LOOK_STRING)) {
			p += n;
			continue;
		}
		buf_add(out, from, (size_t)(p - from));
		if (cp == '\n' || cp == '\r' ||
			cp == '\t') /* between values: none is in a string */
			buf_add_char(out, ' ');
		else
			put_code_point(out, n > 0 ? cp : 0xfffd);
		from = p += n ? n : 1;
	}
	buf_add(out, from, (size_t)(end - from));
}
