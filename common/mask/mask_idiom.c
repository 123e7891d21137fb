/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands and sentences in which a secret stands behind a blank: `htpasswd -b file user SECRET`,
 * `vault kv put path key=SECRET`, `net use share SECRET`, `send "SECRET\r"` of expect, "the
 * password is SECRET", `env DB_PASSWORD has value "SECRET"`. One table: the word before the blank,
 * and what then is masked. Lists with their names in a line of their own (CSV, INSERT INTO):
 * mask_table.c.
 */
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_pair_internal.h"
#include "common/mask/mask_text_internal.h"

/* What is masked is left in p->value..p->value_end; false: nothing is. */
typedef bool (*idiom_fn)(struct mask_frame *f, struct pair *p);

static bool ends_command(char c)
{
	return is_end_of_line(c) || is_in(c, ";|&");
}

/* The word of the command at `at`, or false at its end. */
static bool next_word(const struct pair *p, size_t at, struct span *ret)
{
	size_t end;

	while (at < p->end && is_blank(p->text[at]))
		at++;
	if (at >= p->end || ends_command(p->text[at]))
		return false;
	end = pair_end_of_word(p, at, ";|&");
	*ret = (struct span){p->text + at, end - at};
	return end > at;
}

static size_t behind(const struct pair *p, struct span word)
{
	return (size_t)(word.ptr + word.len - p->text);
}

/* The value is that word, without its quotes. */
static bool take(struct pair *p, struct span word)
{
	if (word.len >= 2 && is_quote(word.ptr[0]) && word.ptr[word.len - 1] == word.ptr[0]) {
		word.ptr++;
		word.len -= 2;
	}
	p->value = (size_t)(word.ptr - p->text);
	p->value_end = p->value + word.len;
	return word.len > 0;
}

static bool is_before(const struct pair *p, size_t off, struct span text)
{
	return off - p->begin >= text.len &&
	       strncasecmp(p->text + off - text.len, text.ptr, text.len) == 0;
}

/* The bytes before off in its line, at most n. */
static struct span before(const struct pair *p, size_t off, size_t n)
{
	size_t at = off;

	while (at > p->begin && off - at < n && !is_end_of_line(p->text[at - 1]))
		at--;
	return (struct span){p->text + at, off - at};
}

static bool has(struct span s, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= s.len; i++) {
		if (strncasecmp(s.ptr + i, word, n) == 0)
			return true;
	}
	return false;
}

/* ---- commands ---- */

static bool next(struct mask_frame *f, struct pair *p)
{
	struct span word;

	(void)f;
	return next_word(p, p->value, &word) && word.ptr[0] != '-' && take(p, word);
}

#define WORDS_MAX 16

/* The last word of the command, when there are at least two. */
static bool last(struct mask_frame *f, struct pair *p)
{
	struct span word = {0};
	size_t at = p->value, n = 0;

	(void)f;
	for (; n < WORDS_MAX && next_word(p, at, &word); n++)
		at = behind(p, word);
	return n >= 2 && word.ptr[0] != '-' && take(p, word);
}

/* htpasswd -b …: the password is the last word. */
static bool htpasswd(struct mask_frame *f, struct pair *p)
{
	struct span word;
	size_t at = p->value;
	bool batch = false;

	while (next_word(p, at, &word) && word.ptr[0] == '-') {
		batch |= memchr(word.ptr, 'b', word.len) != NULL;
		at = behind(p, word);
	}
	return batch && last(f, p);
}

/* mc alias set NAME URL KEY SECRET */
static bool alias_set(struct mask_frame *f, struct pair *p)
{
	return is_before(p, p->name, SPAN("alias ")) && last(f, p);
}

static bool mysqladmin(struct mask_frame *f, struct pair *p)
{
	return has(before(p, p->name, 200), "mysqladmin") && next(f, p);
}

/* net use SHARE /user:NAME SECRET, net user NAME SECRET: neither a switch, nor a share or drive. */
static bool net_use(struct mask_frame *f, struct pair *p)
{
	struct span word;
	size_t at = p->value;
	bool named = p->text[p->name_end - 1] == 'e';

	(void)f;
	if (!is_before(p, p->name, SPAN("net ")))
		return false;
	for (unsigned n = 0; n < WORDS_MAX && next_word(p, at, &word); n++) {
		at = behind(p, word);
		if (is_in(word.ptr[0], "/\\*-") || (word.len <= 3 && word.ptr[1] == ':'))
			continue;
		if (named)
			return take(p, word);
		named = true;
	}
	return false;
}

/* sqlplus NAME/SECRET@db */
static bool sqlplus(struct mask_frame *f, struct pair *p)
{
	struct span word;
	size_t at = p->value;

	(void)f;
	while (next_word(p, at, &word)) {
		const char *slash = memchr(word.ptr, '/', word.len), *stop;

		at = behind(p, word);
		if (word.ptr[0] == '-' || !slash || slash == word.ptr)
			continue;
		stop = memchr(slash, '@', (size_t)(word.ptr + word.len - slash));
		stop = stop ? stop : word.ptr + word.len;
		return take(p, (struct span){slash + 1, (size_t)(stop - slash) - 1});
	}
	return false;
}

/* chpasswd <<EOF, NAME:SECRET in the lines below; also <<< NAME:SECRET. */
static bool chpasswd(struct mask_frame *f, struct pair *p)
{
	const char *at = p->text + p->value, *end = p->text + p->end, *colon;

	(void)f;
	while (at < end && (is_blank(*at) || *at == '-' || is_alnum(*at)))
		at++;
	if (!begins(at, end, SPAN("<<")))
		return false;
	if (end - at > MASK_LOOK_MAX)
		end = at + MASK_LOOK_MAX;
	colon = memchr(at, ':', (size_t)(end - at));
	if (!colon)
		return false;
	/* In doubt to the end: the lines of one here document. */
	p->value = (size_t)(colon + 1 - p->text);
	p->value_end = p->value;
	while (p->value_end < p->end &&
		!begins(p->text + p->value_end, p->text + p->end, SPAN("\nE")))
		p->value_end++;
	return p->value_end > p->value;
}

/* ConvertTo-SecureString "SECRET" */
static bool quoted(struct mask_frame *f, struct pair *p)
{
	(void)f;
	while (p->value < p->end && is_blank(p->text[p->value]))
		p->value++;
	if (begins_case(p->text + p->value, p->text + p->end, SPAN("-string "))) {
		p->value += 8;
		while (p->value < p->end && is_blank(p->text[p->value]))
			p->value++;
	}
	return pair_find_quoted_value(p);
}

/* expect "assword:" … send "SECRET\r" */
static bool expect_send(struct mask_frame *f, struct pair *p)
{
	size_t far = p->name - p->begin < 256 ? p->name - p->begin : 256;
	struct span asked = {p->text + p->name - far, far};

	if (!has(asked, "assword") && !has(asked, "passphrase") && !has(asked, "PIN"))
		return false;
	if (begins(p->text + p->value, p->text + p->end, SPAN("-- ")))
		p->value += 3;
	if (!quoted(f, p))
		return false;
	while (p->value_end > p->value + 2 && p->text[p->value_end - 2] == '\\')
		p->value_end -= 2;
	return true;
}

/* snmp-server community SECRET; a community of people stays. */
static bool community(struct mask_frame *f, struct pair *p)
{
	return (pair_begins_line(p) || has(before(p, p->name, 64), "snmp")) && next(f, p);
}

/* ---- sentences ---- */

/* A digit in it, or a capital or sign in the middle: no word of a sentence. */
bool mask_is_no_prose(struct span s)
{
	bool any = false;

	for (size_t i = 0; i < s.len; i++)
		any |= is_digit(s.ptr[i]) ||
		       (i > 0 && is_upper(s.ptr[i]) && is_lower(s.ptr[i - 1])) ||
		       is_in(s.ptr[i], "!#$%^&*@");
	return any && s.len >= 4;
}

/* The next word as a sentence has it: without the signs that end it. */
static bool take_said(struct pair *p, struct span word)
{
	if (is_quote(word.ptr[0]))
		return take(p, word);
	while (word.len > 0 && is_in(word.ptr[word.len - 1], ".,;:)"))
		word.len--;
	return mask_is_no_prose(word) && take(p, word);
}

/* "the password is SECRET" */
static bool said(struct mask_frame *f, struct pair *p)
{
	static const struct span verbs[] = {SPAN("is"), SPAN("was"), SPAN("->"), SPAN("=>"),
		SPAN("to"), SPAN("of"), SPAN("be")};
	struct span word;
	bool verb = false;

	(void)f;
	if (!next_word(p, p->value, &word))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		verb |= span_eq(word, verbs[i]);
	return verb && next_word(p, behind(p, word), &word) && take_said(p, word);
}

/* Does a name that says secret, or the path of a variable's value, stand in the text before? */
static bool speaks_of_secret(struct mask_frame *f, struct span s)
{
	size_t at = 0;

	if (has(s, "/env/") || has(s, "].value"))
		return true;
	while (at < s.len) {
		size_t n = 0;

		while (at + n < s.len && is_name_byte(s.ptr[at + n]))
			n++;
		if (n >= 3 &&
			mask_name_class(f->ctx->m, (struct span){s.ptr + at, n}) == NAME_STRONG)
			return true;
		at += n + 1;
	}
	return false;
}

/* env DB_PASSWORD has literal value "SECRET", as webhooks say that deny it. */
static bool told_value(struct mask_frame *f, struct pair *p)
{
	return speaks_of_secret(f, before(p, p->name, 160)) && quoted(f, p);
}

bool mask_after_login(const char *begin, const char *p)
{
	struct span s = {
		p - begin > 80 ? p - 80 : begin, p - begin > 80 ? 80 : (size_t)(p - begin)};

	return s.len > 4 && p[-1] == ' ' &&
	       (has(s, "login") || has(s, "log in") || has(s, "credential") || has(s, "sign in") ||
		       has(s, "password") || has(s, "username"));
}

/* ---- set NAME SECRET ---- */

/* aws configure set aws_secret_access_key SECRET, setx and ENV NAME SECRET, set_header NAME SECRET
 */
static bool is_set(const struct pair *p)
{
	static const struct span words[] = {SPAN("set "), SPAN("setx "), SPAN("setenv "),
		SPAN("env "), SPAN("config "), SPAN("header "), SPAN("-x "), SPAN("-gx "),
		SPAN("put "), SPAN("--add "), SPAN("--replace-all ")};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (is_before(p, p->name, words[i]) &&
			(words[i].ptr[0] == '-' || p->name - p->begin == words[i].len ||
				!is_lower(p->text[p->name - words[i].len - 1])))
			return true;
	}
	return false;
}

static const struct idiom {
	struct span word;
	idiom_fn fn;
} idioms[] = {
	{SPAN("htpasswd"), htpasswd},
	{SPAN("chpasswd"), chpasswd},
	{SPAN("wpa_passphrase"), last},
	{SPAN("change_password"), last},
	{SPAN("add_user"), last},
	{SPAN("set"), alias_set},
	{SPAN("use"), net_use},
	{SPAN("user"), net_use},
	{SPAN("sqlplus"), sqlplus},
	{SPAN("send"), expect_send},
	{SPAN("ConvertTo-SecureString"), quoted},
	{SPAN("community"), community},
	{SPAN("rocommunity"), next},
	{SPAN("rwcommunity"), next},
	{SPAN("rocommunity6"), next},
	{SPAN("rwcommunity6"), next},
	{SPAN("insecure-password"), next},
	{SPAN("value"), told_value},
	{SPAN("got"), told_value},
	{SPAN("found"), told_value},
	{SPAN("literal"), told_value},
};

static bool is_pass(struct span name)
{
	return has(name, "password") || has(name, "passwd") || has(name, "passphrase") ||
	       has(name, "passwort");
}

static bool find(struct mask_frame *f, struct pair *p)
{
	struct span name = pair_name(p);
	size_t value = p->value;

	for (size_t i = 0; i < ARRAY_LEN(idioms); i++) {
		if (name.len != idioms[i].word.len ||
			strncasecmp(name.ptr, idioms[i].word.ptr, name.len) != 0)
			continue;
		if (idioms[i].fn(f, p))
			return true;
		p->value = value;
	}
	if (is_pass(name) && (mysqladmin(f, p) || said(f, p)))
		return true;
	p->value = value;
	return is_set(p) && mask_name_class(f->ctx->m, name) == NAME_STRONG && next(f, p);
}

int mask_idiom(struct mask_frame *f, struct pair *p, size_t *ret_end, bool *ret_done)
{
	size_t value = p->value;

	*ret_done = find(f, p);
	if (!*ret_done) {
		p->value = value;
		return 0;
	}
	*ret_end = p->value_end;
	return pair_mask(f, p, NAME_STRONG, RULE_COMMAND_OPTION);
}

/* ---- vault kv put PATH NAME=SECRET … ---- */

int mask_vault(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	struct span word;
	size_t at = p->value;
	bool writes = false;

	for (unsigned n = 0; n < 64 && next_word(p, at, &word); n++) {
		const char *equals = memchr(word.ptr, '=', word.len);

		at = behind(p, word);
		if (span_eq(word, SPAN("put")) || span_eq(word, SPAN("patch")) ||
			span_eq(word, SPAN("write")))
			writes = true;
		if (!writes || !equals || word.ptr[0] == '-')
			continue;
		if (take(p, (struct span){equals + 1,
				    (size_t)(word.ptr + word.len - equals - 1)}) &&
			pair_mask(f, p, NAME_STRONG, RULE_COMMAND_OPTION) < 0)
			return -1;
		*ret_end = at;
	}
	return 0;
}
