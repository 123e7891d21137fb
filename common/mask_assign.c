/*
 * Values that stand beside their name in free text: shell and INI (NAME=value), URLs and DSNs
 * (a=b&c=d; a=b;c=d), YAML and headers (name: value), JSON that does not parse ("name":"value"),
 * XML (<name>value</name>), SQL (PASSWORD 'value') and command options (--name value).
 *
 * Where a value ends depends on what it stands in; in doubt it ends later.
 */
#include "common/mask_bytes.h"
#include "common/mask_internal.h"

static bool is_name_byte(char c)
{
	return is_alnum(c) || c == '_' || c == '-' || c == '.' || (uint8_t)c >= 0x80;
}

/* A name and its value in text[begin..end). */
struct pair {
	struct mask_frame *f;
	const char *text;
	size_t begin, end;
	size_t name, name_end; /* without quotes */
	size_t sep;
	size_t value, value_end;
	bool closed_quote; /* the name has quotes of its own: "name": */
};

static struct span pair_name(const struct pair *p)
{
	return (struct span){p->text + p->name, p->name_end - p->name};
}

/* The name that ends before the separator. False: there is none. */
static bool find_name(struct pair *p)
{
	size_t at = p->sep;
	bool letter = false;

	while (at > p->begin && is_blank(p->text[at - 1]) && p->sep - at < 8)
		at--;
	while (at > p->begin &&
		(is_quote(p->text[at - 1]) || p->text[at - 1] == '\\' || p->text[at - 1] == ']')) {
		p->closed_quote |= is_quote(p->text[at - 1]);
		at--;
	}
	p->name_end = at;
	while (at > p->begin && is_name_byte(p->text[at - 1]) && p->name_end - at < MASK_NAME_MAX)
		letter |= (p->text[--at] | 0x20) >= 'a';
	p->name = at;
	return letter && p->name_end - at >= 2;
}

/* Only indentation, a list dash, "export" or a comment sign stand before the name. */
static bool begins_line(const struct pair *p)
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

/* One shell word, quotes and escaped blanks included. stops: other bytes that end it, of those that
 * breaks_word() knows. */
static size_t end_of_word(const struct pair *p, size_t at, const char *stops)
{
	while ((at = skip_unbroken(p, at)) < p->end && !is_white(p->text[at])) {
		char c = p->text[at];

		if (is_in(c, stops))
			break;
		if (c == '\\' && at + 1 < p->end)
			at++;
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

static void find_unquoted_value(struct pair *p, bool spaced)
{
	char outer = outer_quote(p), sep = p->text[p->sep];
	/* Without a quote around, the first NUL ends them. */
	const char word[] = {outer, 0}, parameter[] = {'&', ';', outer, 0};

	if (sep == '>') {
		const char *close = memchr(p->text + p->value, '<', p->end - p->value);

		p->value_end = close ? (size_t)(close - p->text) : p->end;
		return;
	}
	if ((sep == ':' && spaced) || (spaced && begins_line(p))) {
		p->value_end = end_of_line(p, p->value);
		if (outer) {
			const char *close =
				memchr(p->text + p->value, outer, p->value_end - p->value);

			p->value_end = close ? (size_t)(close - p->text) : p->value_end;
		}
		return;
	}
	p->value_end = end_of_word(p, p->value, sep == '=' ? parameter : word);
}

/* A quoted value: the quotes stay, what is between them goes. */
static bool find_quoted_value(struct pair *p)
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

/* False: no value, or one that cannot be a secret's. */
static bool find_value(struct pair *p)
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
	if (sep != '>' && (is_end_of_line(p->text[p->value]) || is_block_sign(p, p->value))) {
		while (p->value < p->end && p->text[p->value] != '\n')
			p->value++;
		if (p->value >= p->end || sep != ':')
			return false;
		p->value_end = end_of_block(p, ++p->value);
		return p->value_end > p->value;
	}
	if (sep != '>' && find_quoted_value(p))
		return p->value_end > p->value;
	if (p->text[p->value] == '{' || p->text[p->value] == '[') {
		size_t mark = mask_mark_len((struct span){p->text + p->value, p->end - p->value});

		p->value_end = mark ? p->value + mark : closing_bracket(p, p->value);
		return true;
	}
	/* "name": word is prose, not JSON; at the beginning of a line it may be YAML. */
	if (p->closed_quote && !begins_line(p) && sep == ':' &&
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

static bool is_nothing(struct span v)
{
	return mask_is_mark(v) || span_eq_str(v, "true") || span_eq_str(v, "false") ||
	       span_eq_str(v, "null") || is_variable(v);
}

static int mask_pair(
	struct mask_frame *f, const struct pair *p, enum name_class class, enum mask_rule rule)
{
	struct span v = {p->text + p->value, p->value_end - p->value};

	if (v.len == 0 || is_nothing(v) || (class == NAME_WEAK && !mask_looks_random(v)))
		return 0;
	return mask_range(f, p->value, v.len, rule);
}

/* name: DB_PASSWORD … value: x, as in the env of a pod written in YAML or in XML properties. */
static int mask_named_value(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	size_t limit = p->value_end + 256 < p->end ? p->value_end + 256 : p->end;
	struct span name = {p->text + p->value, p->value_end - p->value};
	const char *at;

	while (name.len > 0 && strchr(" ,}\t", name.ptr[name.len - 1]))
		name.len--;
	if (mask_name_class(f->ctx->m, name) != NAME_STRONG)
		return 0;
	at = memmem(p->text + p->value_end, limit - p->value_end, "value", 5);
	if (!at)
		return 0;
	p->name = (size_t)(at - p->text);
	p->name_end = p->sep = p->name + 5;
	p->closed_quote = false;
	while (p->sep < p->end && (is_blank(p->text[p->sep]) || is_quote(p->text[p->sep]) ||
					  p->text[p->sep] == '\\')) {
		p->closed_quote |= is_quote(p->text[p->sep]);
		p->sep++;
	}
	if (p->sep >= p->end || !strchr(":=>", p->text[p->sep]) || !find_value(p))
		return 0;
	*ret_end = p->value_end;
	return mask_pair(f, p, NAME_STRONG, RULE_NAMED_VALUE);
}

/* PASSWORD 'x', IDENTIFIED BY 'x': sep is the quote. */
static int mask_sql(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	struct span name;

	if (!find_name(p))
		return 0;
	name = pair_name(p);
	if (!(name.len == 2 && strncasecmp(name.ptr, "by", 2) == 0) &&
		mask_name_class(f->ctx->m, name) != NAME_STRONG)
		return 0;
	p->value = p->sep;
	if (!find_quoted_value(p))
		return 0;
	*ret_end = p->value_end;
	return mask_pair(f, p, NAME_STRONG, RULE_TEXT_ASSIGNMENT);
}

/* "password", also as the last part of "spring.datasource.password". */
static bool is_pass_word(struct span name)
{
	static const struct span words[] = {SPAN("password"), SPAN("passwd"), SPAN("passphrase"),
		SPAN("requirepass"), SPAN("masterauth")};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		const char *at = name.ptr + name.len - words[i].len;

		if (name.len >= words[i].len && begins_case(at, name.ptr + name.len, words[i]) &&
			(at == name.ptr || is_in(at[-1], "._-")))
			return true;
	}
	return false;
}

static bool is_last_word(const struct pair *p)
{
	size_t at = p->value_end;

	while (at < p->end && is_blank(p->text[at]))
		at++;
	return at == p->end || is_end_of_line(p->text[at]);
}

static bool stands_behind_login(const struct pair *p)
{
	size_t before = p->name - p->begin;

	before = before < MASK_LOOK_MAX ? before : MASK_LOOK_MAX;
	return memmem(p->text + p->name - before, before, "login ", 6);
}

/* password "x" in messages, password x in netrc, requirepass x in redis.conf: sep is the blank. */
static int mask_spaced(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	p->value = p->sep + 1;
	if (!find_name(p) || !is_pass_word(pair_name(p)) || p->closed_quote || p->value >= p->end)
		return 0;
	if (!find_quoted_value(p)) {
		p->value_end = end_of_word(p, p->value, "");
		/* One word to the end of the line, or behind the other words of netrc. */
		if (!(is_last_word(p) && begins_line(p)) && !stands_behind_login(p))
			return 0;
	}
	*ret_end = p->value_end;
	return mask_pair(f, p, NAME_STRONG, RULE_TEXT_ASSIGNMENT);
}

/* define('DB_PASSWORD', 'x'), setProperty("password", "x"): sep is the comma. */
static bool is_call(const struct masker *m, struct pair *p)
{
	size_t at = p->sep + 1;

	if (!find_name(p) || !p->closed_quote || p->name < p->begin + 2 ||
		!is_quote(p->text[p->name - 1]) || p->text[p->name - 2] != '(')
		return false;
	while (at < p->end && is_blank(p->text[at]))
		at++;
	return at < p->end && is_quote(p->text[at]) &&
	       mask_name_class(m, pair_name(p)) == NAME_STRONG;
}

static int mask_call(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	if (!is_call(f->ctx->m, p))
		return 0;
	for (p->value = p->sep + 1; is_blank(p->text[p->value]);)
		p->value++;
	if (!find_quoted_value(p))
		return 0;
	*ret_end = p->value_end;
	return mask_pair(f, p, NAME_STRONG, RULE_TEXT_ASSIGNMENT);
}

#define ASSIGNED_BASE64_MIN 24
#define LOOSE_VALUE_MAX	    4160
#define LOOSE_NAME_MAX	    512

/* CONFIG=base64 of a text: its length, 0 if the value is none. *ret_off: where it begins. */
static size_t assigned_base64(const struct pair *p, size_t *ret_off)
{
	size_t at = p->sep + 1, len;

	if (p->text[p->sep] != '=' && p->text[p->sep] != ':')
		return 0;
	while (at < p->end && (is_blank(p->text[at]) || is_quote(p->text[at])))
		at++;
	if (p->end - at < ASSIGNED_BASE64_MIN ||
		!mask_base64_is_text((struct span){p->text + at, p->end - at}))
		return 0;
	for (len = 0; at + len < p->end; len++) {
		char c = p->text[at + len];

		if (!is_alnum(c) && !is_in(c, "+/-_"))
			break;
	}
	*ret_off = at;
	return len >= ASSIGNED_BASE64_MIN ? len : 0;
}

/* The name before the separator; false when its value is none of ours. */
static bool read_name(const struct masker *m, struct pair *p, struct mask_name *ret)
{
	char sep = p->text[p->sep], next = p->sep + 1 < p->end ? p->text[p->sep + 1] : 0;

	if (next == 0 || (sep == ':' && (next == ':' || next == '/')))
		return false;
	if (!find_name(p))
		return false;
	/* 2026-11-23T00:17:32 */
	if (sep == ':' && is_digit(next) && is_digit(p->text[p->name]))
		return false;
	if (sep == '>' && (p->name == p->begin || p->text[p->name - 1] != '<'))
		return false;
	*ret = mask_name_of(m, pair_name(p));
	return ret->class != NAME_PLAIN || ret->field == FIELD_NAME;
}

bool mask_is_separator(const struct masker *m, const char *begin, const char *sep, const char *end)
{
	struct pair p = {.text = begin, .end = (size_t)(end - begin), .sep = (size_t)(sep - begin)};
	struct mask_name name;
	size_t off;

	if (*sep == ',')
		return is_call(m, &p);
	return read_name(m, &p, &name) || assigned_base64(&p, &off) > 0;
}

int mask_assignment(struct mask_frame *f, size_t begin, size_t end, size_t sep, size_t *ret_end)
{
	struct pair p = {.f = f, .text = f->text.ptr, .begin = begin, .end = end, .sep = sep};
	struct mask_name name;
	size_t off, len;

	if (p.text[sep] == ',')
		return mask_call(f, &p, ret_end);
	if (p.text[sep] == '\'')
		return mask_sql(f, &p, ret_end);
	if (p.text[sep] == ' ')
		return mask_spaced(f, &p, ret_end);
	if (!read_name(f->ctx->m, &p, &name)) {
		len = assigned_base64(&p, &off);
		return len > 0 ? mask_base64_run(f, off, len) : 0;
	}
	/* Names and what only may be a secret are not long, wherever the text around them ends. */
	if (name.class != NAME_STRONG) {
		size_t max = name.field == FIELD_NAME ? LOOSE_NAME_MAX : LOOSE_VALUE_MAX;

		p.end = end - sep > max ? sep + max : end;
	}
	if (!find_value(&p))
		return 0;
	p.end = end;
	if (name.field == FIELD_NAME)
		return mask_named_value(f, &p, ret_end);
	if (name.class == NAME_STRONG)
		*ret_end = p.value_end;
	return mask_pair(f, &p, name.class, RULE_TEXT_ASSIGNMENT);
}

/* ---- options ---- */

/* Programs that take a password after a one-letter option. */
char mask_password_option(struct span command)
{
	static const struct {
		char option;
		const char *program;
	} programs[] = {{'p', "mysql"}, {'p', "mariadb"}, {'p', "sshpass"}, {'p', "login"},
		{'p', "mongo"}, {'p', "influx"}, {'p', "7z"}, {'a', "redis"}, {'w', "ldap"},
		{'w', "slap"}};

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		const char *name = programs[i].program;

		if (memmem(command.ptr, command.len, name, strlen(name)))
			return programs[i].option;
	}
	return 0;
}

char mask_image_option(struct span image)
{
	const char *slash = memrchr(image.ptr, '/', image.len);
	size_t n = 0;

	if (slash)
		image = (struct span){slash + 1, (size_t)(image.ptr + image.len - slash) - 1};
	while (n < image.len && is_lower(image.ptr[n]))
		n++;
	image.len = n;
	/* mysql:8, not mysql-exporter */
	if (image.ptr[n] == '-' || span_eq(image, SPAN("login")))
		return 0;
	return mask_password_option(image);
}

bool mask_is_user_option(struct span option)
{
	return span_eq(option, SPAN("-u")) || span_eq(option, SPAN("-U")) ||
	       span_eq(option, SPAN("--user")) || span_eq(option, SPAN("--proxy-user"));
}

static struct span command_before(const struct pair *p, size_t off)
{
	size_t at = off;

	while (at > p->begin && off - at < MASK_LOOK_MAX / 2 && !is_end_of_line(p->text[at - 1]) &&
		!is_in(p->text[at - 1], ";|&"))
		at--;
	return (struct span){p->text + at, off - at};
}

static int mask_word(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	while (p->value < p->end && is_blank(p->text[p->value]))
		p->value++;
	if (p->value >= p->end || is_white(p->text[p->value]))
		return 0;
	if (!find_quoted_value(p))
		p->value_end = end_of_word(p, p->value, ";|&");
	*ret_end = p->value_end;
	return mask_pair(f, p, NAME_STRONG, RULE_COMMAND_OPTION);
}

size_t mask_user_password(struct span word)
{
	const char *colon = memchr(word.ptr, ':', word.len);
	size_t digits = 0;

	while (digits < word.len && (is_digit(word.ptr[digits]) || word.ptr[digits] == ':'))
		digits++;
	/* 1000:1000 is a user and a group */
	return colon && digits < word.len ? (size_t)(colon + 1 - word.ptr) : word.len;
}

/* -u user:password; p->value: behind the option. */
static int mask_user_option(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	while (p->value < p->end && (is_blank(p->text[p->value]) || p->text[p->value] == '='))
		p->value++;
	if (!find_quoted_value(p))
		p->value_end = end_of_word(p, p->value, ";|&");
	p->value += mask_user_password((struct span){p->text + p->value, p->value_end - p->value});
	if (p->value == p->value_end)
		return 0;
	*ret_end = p->value_end;
	return mask_pair(f, p, NAME_STRONG, RULE_COMMAND_OPTION);
}

/* echo password | tool --password-stdin: what echo and printf write is the password. */
static int mask_piped(struct mask_frame *f, struct pair *p)
{
	struct span command = command_before(p, p->name);
	size_t pipe = (size_t)(command.ptr - p->text), at;

	if (pipe <= p->begin || p->text[pipe - 1] != '|')
		return 0;
	command = command_before(p, pipe - 1);
	at = (size_t)(command.ptr - p->text);
	while (at < pipe && is_blank(p->text[at]))
		at++;
	if (!begins(p->text + at, p->text + pipe, SPAN("echo ")) &&
		!begins(p->text + at, p->text + pipe, SPAN("printf ")))
		return 0;
	p->value = at + (p->text[at] == 'e' ? 5 : 7);
	p->value_end = pipe - 1;
	while (p->value_end > p->value && is_blank(p->text[p->value_end - 1]))
		p->value_end--;
	return mask_pair(f, p, NAME_STRONG, RULE_COMMAND_OPTION);
}

static int mask_short_option(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	char option = p->text[p->name];

	p->value = p->name + 1;
	if (option == 'u' || option == 'U')
		return mask_user_option(f, p, ret_end);
	if (mask_password_option(command_before(p, p->name)) != option)
		return 0;
	return mask_word(f, p, ret_end);
}

int mask_option(struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end)
{
	struct pair p = {.f = f, .text = f->text.ptr, .begin = begin, .end = end, .name = off};
	size_t dashes = 0;

	if (off > begin && !is_white(p.text[off - 1]) && !is_quote(p.text[off - 1]))
		return 0;
	while (dashes < 2 && off + dashes < end && p.text[off + dashes] == '-')
		dashes++;
	p.name = p.name_end = off + dashes;
	while (p.name_end < end && is_name_byte(p.text[p.name_end]))
		p.name_end++;
	if (p.name_end == p.name || p.text[p.name] == '-')
		return 0;
	if (dashes == 1) {
		if (mask_short_option(f, &p, ret_end) < 0)
			return -1;
		if (*ret_end > off)
			return 0;
	}
	if (dashes == 2 && mask_is_user_option((struct span){p.text + off, p.name_end - off})) {
		p.value = p.name_end;
		return mask_user_option(f, &p, ret_end);
	}
	if (dashes == 2 && p.name_end - p.name > 6 &&
		begins(p.text + p.name_end - 6, p.text + end, SPAN("-stdin")) &&
		mask_name_class(f->ctx->m, pair_name(&p)) == NAME_STRONG)
		return mask_piped(f, &p);
	if (p.name_end == end || !is_blank(p.text[p.name_end]) || p.name_end - p.name < 2 ||
		mask_name_class(f->ctx->m, pair_name(&p)) != NAME_STRONG)
		return 0;
	p.value = p.name_end;
	while (p.value < end && is_blank(p.text[p.value]))
		p.value++;
	return p.value < end && p.text[p.value] != '-' ? mask_word(f, &p, ret_end) : 0;
}
