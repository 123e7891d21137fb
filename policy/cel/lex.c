/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer: finds the next token at an offset. It knows where literals end, not what they mean
 * (literal.c), and keeps no state, so the parser may look ahead as it likes.
 */
#include "common/base/hex.h"
#include "policy/cel/lex_internal.h"

struct cursor {
	const char *p, *end;
};

static bool is_ident_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_ident(char c)
{
	return is_ident_start(c) || is_digit(c) || c == ':';
}

static char at(const struct cursor *c, size_t i)
{
	return (size_t)(c->end - c->p) > i ? c->p[i] : '\0';
}

static void skip_space(struct cursor *c)
{
	for (;;) {
		char ch = at(c, 0);
		if (c->p < c->end &&
			(ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r' || ch == '\f')) {
			c->p++;
		} else if (ch == '/' && at(c, 1) == '/') {
			while (c->p < c->end && *c->p != '\n')
				c->p++;
		} else {
			return;
		}
	}
}

/* At a quote, after any prefix. Leaves c behind the closing quotes. */
static const char *skip_string(struct cursor *c, bool raw)
{
	char quote = *c->p;
	bool triple = at(c, 1) == quote && at(c, 2) == quote;

	c->p += triple ? 3 : 1;
	while (c->p < c->end) {
		if (*c->p == '\\' && !raw) {
			c->p += 2;
			continue;
		}
		if (*c->p == quote && (!triple || (at(c, 1) == quote && at(c, 2) == quote))) {
			c->p += triple ? 3 : 1;
			return NULL;
		}
		if (!triple && (*c->p == '\n' || *c->p == '\r'))
			return "a string must end on the line it began on; use ''' or \"\"\"";
		c->p++;
	}
	c->p = c->end;
	return "the string does not end";
}

/* b, r or br in either case, directly before a quote; rb is a name, to which no string belongs. */
static bool string_prefix(const struct cursor *c, size_t *ret_len, bool *ret_raw, bool *ret_bytes)
{
	size_t i = 0;

	*ret_bytes = (at(c, i) | 0x20) == 'b';
	i += *ret_bytes;
	*ret_raw = (at(c, i) | 0x20) == 'r';
	i += *ret_raw;
	*ret_len = i;
	return at(c, i) == '"' || at(c, i) == '\'';
}

static enum cel_token_kind skip_number(struct cursor *c)
{
	bool is_double = false;

	if (at(c, 0) == '0' && (at(c, 1) == 'x' || at(c, 1) == 'X') && is_hex_digit(at(c, 2))) {
		c->p += 2;
		while (is_hex_digit(at(c, 0)))
			c->p++;
	} else {
		while (is_digit(at(c, 0)))
			c->p++;
		if (at(c, 0) == '.' && is_digit(at(c, 1))) {
			is_double = true;
			c->p++;
			while (is_digit(at(c, 0)))
				c->p++;
		}
		if ((at(c, 0) | 0x20) == 'e' &&
			(is_digit(at(c, 1)) ||
				((at(c, 1) == '+' || at(c, 1) == '-') && is_digit(at(c, 2))))) {
			is_double = true;
			c->p += 2;
			while (is_digit(at(c, 0)))
				c->p++;
		}
	}
	if (is_double)
		return CEL_TOK_DOUBLE;
	if ((at(c, 0) | 0x20) == 'u') {
		c->p++;
		return CEL_TOK_UINT;
	}
	return CEL_TOK_INT;
}

static enum cel_token_kind keyword(struct span s)
{
	if (span_eq_str(s, "in"))
		return CEL_TOK_IN;
	if (span_eq_str(s, "true"))
		return CEL_TOK_TRUE;
	if (span_eq_str(s, "false"))
		return CEL_TOK_FALSE;
	if (span_eq_str(s, "null"))
		return CEL_TOK_NULL;
	return CEL_TOK_IDENT;
}

static bool operator_token(struct cursor *c, struct cel_token *t)
{
	static const struct {
		char text[3];
		enum cel_token_kind kind;
	} ops[] = {
		{"==", CEL_TOK_EQ},
		{"!=", CEL_TOK_NE},
		{"<=", CEL_TOK_LE},
		{">=", CEL_TOK_GE},
		{"&&", CEL_TOK_AND},
		{"||", CEL_TOK_OR},
	};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (at(c, 0) == ops[i].text[0] && at(c, 1) == ops[i].text[1]) {
			t->kind = ops[i].kind;
			c->p += 2;
			return true;
		}
	char ch = *c->p;
	if (ch == '<' || ch == '>')
		t->kind = ch == '<' ? CEL_TOK_LT : CEL_TOK_GT;
	else if (ch != '\0' && strchr("+-*/%!?:.,()[]{}", ch))
		t->kind = CEL_TOK_PUNCT;
	else
		return false;
	t->punct = ch;
	c->p++;
	return true;
}

static const char *skip_quoted_ident(struct cursor *c)
{
	const char *from = ++c->p;

	while (c->p < c->end && *c->p != '`') {
		char ch = *c->p;
		if (!is_digit(ch) && !is_ident_start(ch) && (ch == '\0' || !strchr("-./ ", ch)))
			return "a name in backquotes has letters, digits and _ - . / only";
		c->p++;
	}
	if (c->p == c->end || c->p == from)
		return "the name in backquotes is empty or does not end";
	c->p++;
	return NULL;
}

struct cel_token cel_lex(struct span source, uint32_t off)
{
	struct cursor c = {source.ptr + off, source.ptr + source.len};
	struct cel_token t = {.kind = CEL_TOK_BAD};
	size_t prefix;
	bool raw, bytes;

	skip_space(&c);
	const char *from = c.p;
	t.off = (uint32_t)(from - source.ptr);
	if (c.p == c.end) {
		t.kind = CEL_TOK_END;
	} else if (string_prefix(&c, &prefix, &raw, &bytes)) {
		c.p += prefix;
		t.what = skip_string(&c, raw);
		t.kind = t.what ? CEL_TOK_BAD : bytes ? CEL_TOK_BYTES : CEL_TOK_STRING;
	} else if (is_ident_start(*c.p)) {
		/* a colon is part of the names that macros make up: @it:0:0 */
		bool made_up = *c.p == '@';
		while (is_ident(at(&c, 0)) && (made_up || *c.p != ':'))
			c.p++;
		t.kind = keyword((struct span){from, (size_t)(c.p - from)});
	} else if (is_digit(*c.p) || (*c.p == '.' && is_digit(at(&c, 1)))) {
		t.kind = skip_number(&c);
	} else if (*c.p == '`') {
		t.what = skip_quoted_ident(&c);
		t.kind = t.what ? CEL_TOK_BAD : CEL_TOK_QUOTED_IDENT;
	} else if (!operator_token(&c, &t)) {
		t.what = *c.p == '='   ? "'=' is no operator: equality is '=='"
			 : *c.p == '&' ? "'&' is no operator: and is '&&'"
			 : *c.p == '|' ? "'|' is no operator: or is '||'"
				       : "a character that CEL has no use for";
		c.p++;
	}
	t.end = (uint32_t)((c.p > c.end ? c.end : c.p) - source.ptr);
	return t;
}
