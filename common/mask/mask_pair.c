/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a value that stands beside its name ends. That depends on what it stands in: quotes, a
 * shell word, a line, a block of YAML, a parameter, an XML element. In doubt it ends later.
 */
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_pair_internal.h"
#include "common/mask/mask_text_internal.h"

bool pair_begins_line(const struct pair *p)
{
	size_t at = p->name;

	while (at > p->begin && !is_end_of_line(p->text[at - 1])) {
		char c = p->text[at - 1];

		if (at >= p->begin + 7 && memcmp(p->text + at - 7, "export ", 7) == 0)
			at -= 7;
		else if (is_blank(c) || c == '-' || c == '#' || is_quote(c))
			at--;
		else
			return false;
	}
	return true;
}

static size_t end_of_line(const struct pair *p, size_t at)
{
	while (at < p->end && !is_end_of_line(p->text[at]))
		at++;
	while (at > p->value && is_blank(p->text[at - 1]))
		at--;
	return at;
}

static size_t backslashes_before(const struct pair *p, size_t at, size_t from)
{
	size_t n = 0;

	while (at - n > from && p->text[at - n - 1] == '\\')
		n++;
	return n;
}

/* The closing quote that belongs to one with `slashes` backslashes before it; p->end if none. */
static size_t closing_quote(const struct pair *p, size_t at, char quote, size_t slashes)
{
	size_t from = at;

	for (; at < p->end; at++) {
		if (p->text[at] != quote || backslashes_before(p, at, from) != slashes)
			continue;
		if (quote == '\'' && slashes == 0 && at + 1 < p->end && p->text[at + 1] == '\'') {
			at++; /* '' is a quote inside */
			continue;
		}
		return at - slashes;
	}
	return p->end;
}

/* {…} or […] to its end; what is in strings is not looked at: a bracket too many masks more. */
static size_t closing_bracket(const struct pair *p, size_t at)
{
	char open = p->text[at], close = open == '{' ? '}' : ']';
	size_t depth = 0;

	for (; at < p->end; at++) {
		if (p->text[at] == open)
			depth++;
		else if (p->text[at] == close && --depth == 0)
			return at + 1;
	}
	return p->end;
}

static size_t indent_at(const struct pair *p, size_t line)
{
	size_t n = 0;

	while (line + n < p->end && p->text[line + n] == ' ')
		n++;
	return n;
}

/* The lines after this one that are indented deeper: a YAML block. Returns where they end. */
static size_t end_of_block(const struct pair *p, size_t line)
{
	size_t at = p->name, indent, end = line;

	while (at > p->begin && !is_end_of_line(p->text[at - 1]))
		at--;
	indent = indent_at(p, at);
	while (line < p->end) {
		size_t n = indent_at(p, line);
		size_t stop = line + n;
		bool item = stop < p->end && p->text[stop] == '-' && n == indent;

		while (stop < p->end && p->text[stop] != '\n')
			stop++;
		if (stop > line + n && n <= indent && !item)
			break;
		end = stop;
		line = stop < p->end ? stop + 1 : p->end;
	}
	return end;
}

/* "|", ">-", "|2" at the end of a line. */
static bool is_block_sign(const struct pair *p, size_t at)
{
	if (at >= p->end || (p->text[at] != '|' && p->text[at] != '>'))
		return false;
	for (at++; at < p->end && !is_end_of_line(p->text[at]); at++) {
		if (!is_blank(p->text[at]) && !strchr("+-0123456789", p->text[at]))
			return false;
	}
	return at < p->end;
}

static bool breaks_word(char c)
{
	return is_white(c) || is_quote(c) || c == '\\' || c == ';' || c == '&' || c == '|';
}

/* Past what is no blank, quote or sign. A text may be one word with a thousand names in it: what
 * was walked for one of them is not walked again for the next. */
static size_t skip_unbroken(const struct pair *p, size_t at)
{
	struct span *word = &p->f->word;
	const char *from = p->text + at, *end = p->text + p->end;

	if (!word->ptr || from < word->ptr || from >= word->ptr + word->len) {
		size_t n = 0;

		while (from + n < end && !breaks_word(from[n]))
			n++;
		*word = (struct span){from, n};
	}
	return word->ptr + word->len < end ? (size_t)(word->ptr + word->len - p->text) : p->end;
}

/* Behind the white space that a backslash takes into a word: a blank, or the end of a line with the
 * indentation of the next one. */
static size_t escaped_white(const struct pair *p, size_t at)
{
	bool line = false;

	while (at < p->end && is_end_of_line(p->text[at])) {
		line = true;
		at++;
	}
	while (line && at < p->end && is_blank(p->text[at]))
		at++;
	return line || at == p->end ? at : at + 1;
}

size_t pair_end_of_word(const struct pair *p, size_t at, const char *stops)
{
	while ((at = skip_unbroken(p, at)) < p->end && !is_white(p->text[at])) {
		char c = p->text[at];

		if (is_in(c, stops))
			break;
		if (c == '\\' && at + 1 < p->end && !is_white(p->text[at + 1]))
			at++;
		else if (c == '\\')
			at = escaped_white(p, at + 1) - 1;
		else if (is_quote(c)) {
			size_t close = closing_quote(p, at + 1, c, 0);

			at = close < p->end ? close : at;
		}
		at++;
	}
	return at < p->end ? at : p->end;
}

/* The quote that the whole of name and value stand in: -H "Authorization: Bearer x". One that was
 * closed again before the name is none. */
static char outer_quote(const struct pair *p)
{
	unsigned seen[128] = {0};
	size_t at = p->name;
	char nearest = 0;

	if (p->closed_quote)
		return 0;
	while (at > p->begin && !is_end_of_line(p->text[at - 1]) && p->name - at < 256) {
		char c = p->text[--at];

		if (!is_quote(c))
			continue;
		seen[(uint8_t)c]++;
		nearest = nearest ? nearest : c;
	}
	if (nearest && seen[(uint8_t)nearest] % 2 == 1)
		return nearest;
	for (const char *q = "\"'`"; *q; q++) {
		if (seen[(uint8_t)*q] % 2 == 1)
			return *q;
	}
	return 0;
}

/* The text of an XML element: to the next tag, or the end of its CDATA. */
static void find_element_text(struct pair *p)
{
	const char *close, *at = p->text + p->value, *end = p->text + p->end;

	while (at < end && is_white(*at))
		at++;
	if (begins(at, end, SPAN("<![CDATA["))) {
		p->value = (size_t)(at + 9 - p->text);
		close = memmem(at + 9, (size_t)(end - at - 9), "]]>", 3);
	} else {
		close = memchr(p->text + p->value, '<', p->end - p->value);
	}
	p->value_end = close ? (size_t)(close - p->text) : p->end;
}

static void find_unquoted_value(struct pair *p, bool spaced)
{
	char outer = outer_quote(p), sep = p->text[p->sep];
	/* Without a quote around, the first NUL ends them. */
	const char word[] = {outer, 0}, parameter[] = {'&', ';', outer, 0};

	if (sep == '>') {
		find_element_text(p);
		return;
	}
	if ((sep == ':' && spaced) || (spaced && pair_begins_line(p))) {
		p->value_end = end_of_line(p, p->value);
		if (outer) {
			const char *close =
				memchr(p->text + p->value, outer, p->value_end - p->value);

			p->value_end = close ? (size_t)(close - p->text) : p->value_end;
		}
		return;
	}
	p->value_end = pair_end_of_word(p, p->value, sep == '=' ? parameter : word);
}

bool pair_find_quoted_value(struct pair *p)
{
	size_t slashes = 0, at = p->value;

	while (at < p->end && p->text[at] == '\\') {
		slashes++;
		at++;
	}
	if (at >= p->end || !is_quote(p->text[at]))
		return false;
	if (slashes == 0 && p->end - at >= 3 && p->text[at + 1] == p->text[at] &&
		p->text[at + 2] == p->text[at]) {
		/* three of them, as TOML and Python write long texts */
		const char *close;

		p->value = at + 3;
		close = memmem(p->text + p->value, p->end - p->value, p->text + at, 3);
		p->value_end = close ? (size_t)(close - p->text) : p->end;
		return true;
	}
	p->value = at + 1;
	p->value_end = closing_quote(p, at + 1, p->text[at], slashes);
	return true;
}

/* "name": in JSON, with the value in a line below. */
static void skip_to_quote(struct pair *p)
{
	size_t at = p->value;

	while (at < p->end && is_white(p->text[at]))
		at++;
	if (at < p->end && is_quote(p->text[at]))
		p->value = at;
}

bool pair_find_value(struct pair *p)
{
	char sep = p->text[p->sep];
	bool spaced = p->name_end < p->sep && is_blank(p->text[p->sep - 1]);

	p->value = p->sep + 1;
	if (sep == '=' && p->value < p->end &&
		(p->text[p->value] == '>' || p->text[p->value] == '='))
		p->value++;
	while (sep != '>' && p->value < p->end && is_blank(p->text[p->value])) {
		spaced = true;
		p->value++;
	}
	/* What a message quotes behind these words is found there. */
	if (p->value >= p->end || mask_quoting_words(p->text + p->value, p->text + p->end) > 0)
		return false;
	if (p->closed_quote && sep == ':')
		skip_to_quote(p);
	if (sep != '>' && (is_end_of_line(p->text[p->value]) || is_block_sign(p, p->value))) {
		while (p->value < p->end && p->text[p->value] != '\n')
			p->value++;
		if (p->value >= p->end || sep != ':')
			return false;
		p->value_end = end_of_block(p, ++p->value);
		return p->value_end > p->value;
	}
	if (sep != '>' && pair_find_quoted_value(p))
		return p->value_end > p->value;
	if (p->text[p->value] == '{' || p->text[p->value] == '[') {
		size_t pseudonym =
			mask_pseudonym_len((struct span){p->text + p->value, p->end - p->value});

		p->value_end = pseudonym ? p->value + pseudonym : closing_bracket(p, p->value);
		return true;
	}
	/* "name": word is prose, not JSON; at the beginning of a line it may be YAML. */
	if (p->closed_quote && !pair_begins_line(p) && sep == ':' &&
		!(p->text[p->value] >= '0' && p->text[p->value] <= '9') && p->text[p->value] != '-')
		return false;
	find_unquoted_value(p, spaced);
	return p->value_end > p->value;
}

/* $NAME, ${NAME}: another variable's name. */
static bool is_variable(struct span v)
{
	size_t i = 1;
	bool brace = v.len > 2 && v.ptr[1] == '{' && v.ptr[v.len - 1] == '}';

	if (v.len < 2 || v.ptr[0] != '$')
		return false;
	v.len -= brace;
	for (i += brace; i < v.len; i++) {
		char c = v.ptr[i];

		if (!((c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9')))
			return false;
	}
	return true;
}

/* "password: must be set", of a policy's message: what follows is about the value. */
static bool is_said_of_it(struct span v)
{
	static const struct span begins[] = {SPAN("must "), SPAN("should "), SPAN("shall "),
		SPAN("cannot "), SPAN("is required"), SPAN("is missing"), SPAN("is not "),
		SPAN("not found"), SPAN("has to "), SPAN("needs to "), SPAN("may not "),
		SPAN("Required value"), SPAN("Forbidden"), SPAN("too short"), SPAN("too long")};
	bool said = false;

	for (size_t i = 0; i < ARRAY_LEN(begins); i++)
		said |= begins_case(v.ptr, v.ptr + v.len, begins[i]);
	for (size_t i = 0; said && i < v.len; i++) {
		if (is_digit(v.ptr[i]) || v.ptr[i] == '=')
			return false;
	}
	return said;
}

static bool is_nothing(const struct mask_frame *f, struct span v)
{
	return mask_stays_pseudonym(f, v) || mask_is_setting(v) || is_variable(v) ||
	       is_said_of_it(v);
}

int pair_mask(
	struct mask_frame *f, const struct pair *p, enum name_class class, enum mask_rule rule)
{
	struct span v = {p->text + p->value, p->value_end - p->value};

	if (v.len == 0 || is_nothing(f, v) ||
		(class == NAME_WEAK && !mask_looks_like_key(v) && !mask_looks_like_password(v)))
		return 0;
	if (mask_is_code(v))
		return mask_code(f, p->value, v.len);
	return mask_range(f, p->value, v.len, rule);
}
