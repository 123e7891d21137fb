/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From RE2's syntax (github.com/google/re2/wiki/Syntax) to PCRE2's.
 *
 * Every construct is read as RE2 reads it and written anew; nothing is passed on unread, so that
 * what PCRE2 has beyond RE2 (back references, look-around, \R, comments) has no way through, and
 * what the two read differently (\v, \s, a quantified \b) comes out as RE2 means it.
 */
#include "common/base/hex.h"
#include "common/base/utf8.h"
#include "policy/cel/functions/regex_syntax_internal.h"

#define MAX_DEPTH   100
#define MAX_NAMES   100
#define MAX_REPEATS 1000 /* also of repetitions within repetitions, multiplied */
#define MAX_RUNE    0x10ffff

enum before {
	NOTHING, /* that could be repeated */
	ATOM,
	REPETITION,
};

struct translation {
	struct span in;
	size_t i;
	struct buf *out;
	struct err *e;
	enum before before;
	unsigned weight;	    /* of the atom before: its repetitions, multiplied */
	unsigned depth;		    /* open groups */
	unsigned inside[MAX_DEPTH]; /* the greatest weight in each */
	struct span names[MAX_NAMES];
	unsigned name_count;
};

static char peek(const struct translation *t, size_t ahead)
{
	return t->i + ahead < t->in.len ? t->in.ptr[t->i + ahead] : '\0';
}

static bool at_end(const struct translation *t)
{
	return t->i >= t->in.len;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static uint32_t next_rune(struct translation *t)
{
	uint32_t c = utf8_at(t->in.ptr + t->i);

	t->i += utf8_len(t->in.ptr[t->i]);
	return c;
}

/* A character that stands for itself, in a class or out of one. */
static void put_rune(struct translation *t, uint32_t c)
{
	if (c < 0x80 && (is_letter((char)c) || is_digit((char)c)))
		buf_add_char(t->out, (char)c);
	else
		buf_printf(t->out, "\\x{%x}", c);
}

static void atom_done(struct translation *t, unsigned weight)
{
	t->before = ATOM;
	t->weight = weight;
}

/* ---- repetitions ---- */

/* n of {n}, at most one more than may be repeated. No leading zeros. */
static bool read_count(const struct translation *t, size_t *j, unsigned *ret)
{
	size_t start = *j;
	unsigned v = 0;

	for (; is_digit(peek(t, *j)); ++*j)
		if (v <= MAX_REPEATS)
			v = v * 10 + (unsigned)(peek(t, *j) - '0');
	*ret = v;
	return *j > start && (*j == start + 1 || peek(t, start) != '0');
}

/* The length of {n}, {n,} or {n,m}; 0: a brace is a brace. */
static size_t read_counts(const struct translation *t, unsigned *ret_min, unsigned *ret_max)
{
	size_t j = 1;

	if (peek(t, 0) != '{' || !read_count(t, &j, ret_min))
		return 0;
	*ret_max = *ret_min;
	if (peek(t, j) == ',') {
		j++;
		if (peek(t, j) == '}')
			*ret_max = 0; /* no end: not less than min is all that counts */
		else if (!read_count(t, &j, ret_max))
			return 0;
		else if (*ret_max < *ret_min)
			*ret_min = MAX_REPEATS + 1;
	}
	return peek(t, j) == '}' ? j + 1 : 0;
}

static size_t repetition_length(const struct translation *t, unsigned *ret_times)
{
	unsigned min, max;
	char c = peek(t, 0);

	*ret_times = 1;
	if (c == '*' || c == '+' || c == '?')
		return 1;
	size_t len = read_counts(t, &min, &max);
	if (len > 0)
		*ret_times = max > min ? max : min;
	return len;
}

static int translate_repetition(struct translation *t, size_t len, unsigned times)
{
	if (t->before == NOTHING)
		return err_set(t->e, "nothing to repeat before %c in the pattern", peek(t, 0));
	if (t->before == REPETITION)
		return err_set(t->e, "a repetition of a repetition in the pattern");
	if (times > 1)
		t->weight *= times;
	if (times > MAX_REPEATS || t->weight > MAX_REPEATS)
		return err_set(t->e, "a repetition in the pattern that is not from 0 to %d times",
			MAX_REPEATS);
	if (peek(t, len) == '?')
		len++;
	buf_add(t->out, t->in.ptr + t->i, len);
	t->i += len;
	t->before = REPETITION;
	if (t->weight > t->inside[t->depth])
		t->inside[t->depth] = t->weight;
	return 0;
}

/* PCRE2 repeats no assertion, but a group that holds one. */
static void put_assertion(struct translation *t, const char *text)
{
	unsigned times;
	bool repeated = repetition_length(t, &times) > 0;

	buf_printf(t->out, repeated ? "(?:%s)" : "%s", text);
	atom_done(t, 1);
}

/* ---- escapes ---- */

/* \x41 or \x{1F600}, behind the x. */
static bool read_hex(struct translation *t, uint32_t *ret)
{
	uint32_t v = 0;
	bool braces = peek(t, 0) == '{';
	size_t j = braces, digits = 0;

	for (; hex_value(peek(t, j)) >= 0 && (braces || digits < 2); j++, digits++)
		if (v <= MAX_RUNE)
			v = v << 4 | (uint32_t)hex_value(peek(t, j));
	if ((braces && (digits == 0 || peek(t, j) != '}')) || (!braces && digits != 2) ||
		v > MAX_RUNE || (v >= 0xd800 && v <= 0xdfff))
		return false;
	t->i += j + braces;
	*ret = v;
	return true;
}

static bool read_octal(struct translation *t, char first, uint32_t *ret)
{
	uint32_t v = (uint32_t)(first - '0');

	if (first != '0' && !is_octal(peek(t, 0)))
		return false; /* RE2 has no back references */
	for (int n = 0; n < 2 && is_octal(peek(t, 0)); n++)
		v = v << 3 | (uint32_t)(t->in.ptr[t->i++] - '0');
	*ret = v;
	return true;
}

static int refuse_escape(struct translation *t, size_t at)
{
	char text[5] = {0};

	t->i = at;
	if (at < t->in.len)
		memcpy(text, t->in.ptr + at, utf8_len(t->in.ptr[at]));
	return err_set(t->e, "RE2 patterns have no \\%s here", text);
}

/* At a backslash: the one character that it and what follows stand for. */
static int read_escaped(struct translation *t, uint32_t *ret)
{
	static const char controls[] = "a\a"
				       "f\f"
				       "n\n"
				       "r\r"
				       "t\t"
				       "v\v";
	size_t at = ++t->i;
	bool good = !at_end(t);

	if (!good)
		return err_set(t->e, "the pattern ends with a backslash");
	char c = t->in.ptr[t->i++];
	for (size_t j = 0; j < sizeof controls - 1; j += 2)
		if (controls[j] == c) {
			*ret = (uint32_t)controls[j + 1];
			return 0;
		}
	if (is_octal(c))
		good = read_octal(t, c, ret);
	else if (c == 'x')
		good = read_hex(t, ret);
	else if ((good = (unsigned char)c < 0x80 && !is_letter(c) && !is_digit(c)))
		*ret = (uint32_t)c;
	return good ? 0 : refuse_escape(t, at);
}

static bool is_category(struct span name)
{
	static const char *const categories[] = {"C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo",
		"Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe",
		"Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "Any"};

	for (size_t i = 0; i < ARRAY_LEN(categories); i++)
		if (span_eq_str(name, categories[i]))
			return true;
	return false;
}

static bool is_script(struct span name)
{
	if (name.len < 3 || name.ptr[0] < 'A' || name.ptr[0] > 'Z')
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!is_letter(name.ptr[i]) && name.ptr[i] != '_')
			return false;
	return name.ptr[1] >= 'a';
}

/* At \p or \P: \pN, \p{Greek}, \p{^Greek}. */
static int translate_property(struct translation *t)
{
	bool negated = peek(t, 1) == 'P';
	struct span name = {t->in.ptr + t->i + 2, 1};

	if (peek(t, 2) == '{') {
		name.ptr++;
		if (peek(t, 3) == '^') {
			negated = !negated;
			name.ptr++;
		}
		const char *end = memchr(name.ptr, '}', (size_t)(t->in.ptr + t->in.len - name.ptr));
		name.len = end ? (size_t)(end - name.ptr) : 0;
		t->i += end ? (size_t)(end - (t->in.ptr + t->i)) + 1 : 0;
	} else {
		name.len = t->i + 2 < t->in.len;
		t->i += 3;
	}
	if (is_category(name))
		buf_printf(t->out, "\\%c{%.*s}", negated ? 'P' : 'p', SPAN_FMT(name));
	else if (is_script(name)) /* the script itself, not also what several scripts share */
		buf_printf(t->out, "\\%c{sc:%.*s}", negated ? 'P' : 'p', SPAN_FMT(name));
	else
		return err_set(t->e, "an unknown property of characters in the pattern");
	return 0;
}

/* At a backslash: \d, \pN and their like, in a class or out of one. 1: it is another escape. */
static int translate_kind(struct translation *t, bool in_class)
{
	char c = peek(t, 1);

	if (c == 'p' || c == 'P')
		return translate_property(t);
	if (c == 'd' || c == 'D' || c == 'w' || c == 'W')
		buf_printf(t->out, "\\%c", c);
	else if (c == 's') /* PCRE2 counts the vertical tab as space, RE2 does not */
		buf_add_str(t->out, in_class ? "\\t\\n\\f\\r\\x20" : "[\\t\\n\\f\\r\\x20]");
	else if (c == 'S')
		buf_add_str(t->out, in_class ? "\\S\\x0b" : "[^\\t\\n\\f\\r\\x20]");
	else
		return 1;
	t->i += 2;
	return 0;
}

/* \Q…\E, or to the end of the pattern. */
static void translate_quoted(struct translation *t)
{
	t->i += 2;
	while (!at_end(t)) {
		if (peek(t, 0) == '\\' && peek(t, 1) == 'E') {
			t->i += 2;
			return;
		}
		put_rune(t, next_rune(t));
		atom_done(t, 1);
	}
}

static int translate_escape(struct translation *t)
{
	static const char *const assertions[] = {"\\A", "\\z", "\\b", "\\B"};
	uint32_t c;

	if (peek(t, 1) == 'Q') {
		translate_quoted(t);
		return 0;
	}
	for (size_t j = 0; j < ARRAY_LEN(assertions); j++)
		if (peek(t, 1) == assertions[j][1]) {
			t->i += 2;
			put_assertion(t, assertions[j]);
			return 0;
		}
	int result = translate_kind(t, false);
	if (result > 0 && (result = read_escaped(t, &c)) == 0)
		put_rune(t, c);
	if (result == 0)
		atom_done(t, 1);
	return result;
}

/* ---- classes ---- */

/* [:alpha:] and [:^alpha:]; 1: it is none. */
static int translate_posix(struct translation *t)
{
	static const char *const names[] = {"alnum", "alpha", "ascii", "blank", "cntrl", "digit",
		"graph", "lower", "print", "punct", "space", "upper", "word", "xdigit"};
	const char *start = t->in.ptr + t->i;
	const char *end = memmem(start, t->in.len - t->i, ":]", 2);

	if (peek(t, 0) != '[' || peek(t, 1) != ':' || !end || end < start + 2)
		return 1;
	bool negated = start[2] == '^';
	struct span name = {start + 2 + negated, 0};
	name.len = end > name.ptr ? (size_t)(end - name.ptr) : 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_eq_str(name, names[i])) {
			buf_add(t->out, start, (size_t)(end + 2 - start));
			t->i += (size_t)(end + 2 - start);
			return 0;
		}
	return err_set(t->e, "an unknown class [:%.*s:] in the pattern", (int)(end - start - 2),
		start + 2);
}

static int read_class_rune(struct translation *t, uint32_t *ret)
{
	if (at_end(t))
		return err_set(t->e, "a class without its ] in the pattern");
	if (peek(t, 0) == '\\')
		return read_escaped(t, ret);
	*ret = next_rune(t);
	return 0;
}

static int translate_range(struct translation *t)
{
	uint32_t low = 0, high = 0;

	if (read_class_rune(t, &low) < 0)
		return -1;
	put_rune(t, low);
	if (peek(t, 0) != '-' || t->i + 1 >= t->in.len || peek(t, 1) == ']')
		return 0;
	t->i++;
	if (read_class_rune(t, &high) < 0)
		return -1;
	if (high < low)
		return err_set(t->e, "a range in the pattern ends before it begins");
	buf_add_char(t->out, '-');
	put_rune(t, high);
	return 0;
}

static int translate_class(struct translation *t)
{
	int result = 0;
	bool first = true;

	buf_add_char(t->out, '[');
	t->i++;
	if (peek(t, 0) == '^') {
		buf_add_char(t->out, '^');
		t->i++;
	}
	while (result == 0 && (first || peek(t, 0) != ']')) { /* ] comes first: it is itself */
		first = false;
		result = at_end(t) ? 1 : translate_posix(t);
		if (result > 0 && peek(t, 0) == '\\')
			result = translate_kind(t, true);
		if (result > 0)
			result = translate_range(t);
	}
	buf_add_char(t->out, ']');
	t->i++;
	atom_done(t, 1);
	return result;
}

/* ---- groups ---- */

static int open_group(struct translation *t, const char *text)
{
	if (t->depth + 1 == MAX_DEPTH)
		return err_set(
			t->e, "more than %d groups within groups in the pattern", MAX_DEPTH - 1);
	buf_add_str(t->out, text);
	t->inside[++t->depth] = 1;
	t->before = NOTHING;
	return 0;
}

static int close_group(struct translation *t)
{
	if (t->depth == 0)
		return err_set(t->e, "a ) without its ( in the pattern");
	buf_add_char(t->out, ')');
	t->i++;
	atom_done(t, t->inside[t->depth--]);
	if (t->weight > t->inside[t->depth])
		t->inside[t->depth] = t->weight;
	return 0;
}

/* Behind (?P< or (?<. Nobody asks for groups by name: the name only has to be a good one. */
static int translate_named(struct translation *t)
{
	struct span name = {t->in.ptr + t->i, 0};

	while (is_letter(peek(t, 0)) || is_digit(peek(t, 0)) || peek(t, 0) == '_')
		t->i++;
	name.len = (size_t)(t->in.ptr + t->i - name.ptr);
	if (name.len == 0 || peek(t, 0) != '>')
		return err_set(t->e, "a group in the pattern has no good name");
	t->i++;
	for (unsigned i = 0; i < t->name_count; i++)
		if (span_eq(t->names[i], name))
			return err_set(
				t->e, "two groups in the pattern are named %.*s", SPAN_FMT(name));
	if (t->name_count == MAX_NAMES)
		return err_set(t->e, "more than %d named groups in the pattern", MAX_NAMES);
	t->names[t->name_count++] = name;
	return open_group(t, "(");
}

static void put_flags(struct translation *t, const char *letters, unsigned set)
{
	for (unsigned i = 0; letters[i]; i++)
		if (set & 1u << i)
			buf_add_char(t->out, letters[i]);
}

/* Of what stands behind (?, for a message: "<=" or one character. */
static int group_name_length(const struct translation *t)
{
	if (at_end(t))
		return 0;
	return peek(t, 0) == '<' ? 2 : (int)utf8_len(peek(t, 0));
}

/* Behind (?: flags, up to the ) that sets them or the : that opens a group with them. */
static int translate_flags(struct translation *t)
{
	static const char letters[] = "imsU";
	unsigned on = 0, off = 0;
	bool minus = false, open = false; /* open: a minus has to be followed by a flag */
	char c;

	for (;; t->i++) {
		c = peek(t, 0);
		const char *flag = c ? strchr(letters, c) : NULL;
		if (flag) {
			*(minus ? &off : &on) |= 1u << (flag - letters);
			open = false;
		} else if (c == '-' && !minus) {
			minus = open = true;
		} else if ((c == ':' || c == ')') && !open) {
			break;
		} else {
			return err_set(t->e, "RE2 patterns have no (?%.*s", group_name_length(t),
				t->in.ptr + t->i);
		}
	}
	t->i++;
	buf_add_str(t->out, "(?");
	put_flags(t, letters, on & ~off);
	if (off)
		buf_add_char(t->out, '-');
	put_flags(t, letters, off);
	t->before = NOTHING;
	if (c == ':')
		return open_group(t, ":");
	buf_add_char(t->out, ')');
	return 0;
}

static int translate_group(struct translation *t)
{
	t->i++;
	if (peek(t, 0) == '*')
		return err_set(t->e, "RE2 patterns have no (*");
	if (peek(t, 0) != '?')
		return open_group(t, "(");
	t->i++;
	size_t named = peek(t, 0) == 'P' && peek(t, 1) == '<' ? 2 : peek(t, 0) == '<' ? 1 : 0;
	if (named == 0 || (named == 1 && (peek(t, 1) == '=' || peek(t, 1) == '!')))
		return translate_flags(t);
	t->i += named;
	return translate_named(t);
}

/* ---- all of it ---- */

static int translate_one(struct translation *t)
{
	unsigned times;
	char c = peek(t, 0);
	size_t len = repetition_length(t, &times);

	if (len > 0)
		return translate_repetition(t, len, times);
	switch (c) {
	case '\\':
		return translate_escape(t);
	case '[':
		return translate_class(t);
	case '(':
		return translate_group(t);
	case ')':
		return close_group(t);
	case '|':
		buf_add_char(t->out, c);
		t->i++;
		t->before = NOTHING;
		return 0;
	case '^':
	case '$':
		t->i++;
		put_assertion(t, c == '^' ? "^" : "$");
		return 0;
	case '.':
		buf_add_char(t->out, c);
		t->i++;
		break;
	default:
		put_rune(t, next_rune(t));
	}
	atom_done(t, 1);
	return 0;
}

int cel_pattern_translate(struct span pattern, struct buf *out, struct err *e)
{
	struct translation t = {.in = pattern, .out = out, .e = e, .inside = {1}};

	if (pattern.len > CEL_PATTERN_MAX)
		return err_set(e, "the pattern is longer than %d bytes", CEL_PATTERN_MAX);
	while (!at_end(&t))
		if (translate_one(&t) < 0)
			return -1;
	if (t.depth > 0)
		return err_set(e, "a ( without its ) in the pattern");
	if (out->failed)
		return err_set(e, "the pattern is too long");
	return 0;
}
