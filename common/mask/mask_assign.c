/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that stand beside their name in free text: shell and INI (NAME=value), URLs and DSNs
 * (a=b&c=d; a=b;c=d), YAML and headers (name: value), JSON that does not parse ("name":"value"),
 * XML (<name>value</name>) and SQL (PASSWORD 'value'). Where the value ends: mask_pair.c.
 */
#include "common/mask/mask_base64_internal.h"
#include "common/mask/mask_layers_internal.h"
#include "common/mask/mask_pair_internal.h"
#include "common/mask/mask_text_internal.h"

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

/* How far from its name the value of a pair may stand that is not written in one go. */
#define NAMED_VALUE_MAX 256

/* "value" or "Value" in text[from..to); NULL if it is not there. */
static const char *find_value_word(const struct pair *p, size_t from, size_t to)
{
	for (const char *at = p->text + from, *end = p->text + to; at < end; at++) {
		at = memmem(at, (size_t)(end - at), "alue", 4);
		if (!at)
			return NULL;
		if (at > p->text + from && (at[-1] | 0x20) == 'v')
			return at - 1;
	}
	return NULL;
}

/* value: x before the name, in the same element or object: <p value="x" name="password"/>. */
static const char *find_value_before(const struct pair *p)
{
	size_t from = p->name, least = p->name - p->begin;

	least = p->name - (least < NAMED_VALUE_MAX ? least : NAMED_VALUE_MAX);
	while (from > least && !is_in(p->text[from - 1], "<>{}\n"))
		from--;
	if (from == p->begin || !is_in(p->text[from - 1], "<{"))
		return NULL;
	return find_value_word(p, from, p->name);
}

/*
 * The element that the name says what is in: <entry key="password">x</entry>, and the one behind
 * <key>password</key> in property lists. False: there is none.
 */
static bool find_named_element(struct pair *p)
{
	const char *at = p->text + p->value_end, *end = p->text + p->end;

	if (at < end && is_quote(*at))
		at++;
	if (begins_case(at, end, SPAN("</key>"))) {
		at += 6;
		while (at < end && is_white(*at))
			at++;
		if (at == end || *at++ != '<')
			return false;
		while (at < end && is_name_byte(*at))
			at++;
	}
	if (at == end || *at != '>')
		return false;
	p->sep = (size_t)(at - p->text);
	return pair_find_value(p);
}

/* Moves on to the separator behind the word "value" at `word`, and its value. */
static bool find_value_of_word(struct pair *p, const char *word)
{
	p->name = (size_t)(word - p->text);
	p->name_end = p->sep = p->name + 5;
	p->closed_quote = false;
	while (p->sep < p->end && (is_blank(p->text[p->sep]) || is_quote(p->text[p->sep]) ||
					  p->text[p->sep] == '\\')) {
		p->closed_quote |= is_quote(p->text[p->sep]);
		p->sep++;
	}
	return p->sep < p->end && is_in(p->text[p->sep], ":=>") && pair_find_value(p);
}

/* name: DB_PASSWORD … value: x, as in the env of a pod written in YAML, in Go or in XML. */
static int mask_named_value(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	size_t left = p->end - p->value_end;
	size_t limit = p->value_end + (left < NAMED_VALUE_MAX ? left : NAMED_VALUE_MAX);
	struct span name = {p->text + p->value, p->value_end - p->value};
	const char *word;

	while (name.len > 0 && is_in(name.ptr[name.len - 1], " ,}\t>"))
		name.len--;
	if (mask_name_class(f->ctx->m, name) != NAME_STRONG)
		return 0;
	if (find_named_element(p)) {
		*ret_end = p->value_end;
		return pair_mask(f, p, NAME_STRONG, RULE_NAMED_VALUE);
	}
	word = find_value_before(p);
	if (word) {
		p->end = p->name;
		return find_value_of_word(p, word) ? pair_mask(f, p, NAME_STRONG, RULE_NAMED_VALUE)
						   : 0;
	}
	word = find_value_word(p, p->value_end, limit);
	if (!word || !find_value_of_word(p, word))
		return 0;
	*ret_end = p->value_end;
	return pair_mask(f, p, NAME_STRONG, RULE_NAMED_VALUE);
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
	if (!pair_find_quoted_value(p))
		return 0;
	*ret_end = p->value_end;
	return pair_mask(f, p, NAME_STRONG, RULE_TEXT_ASSIGNMENT);
}

/* "password", also as the last part of "spring.datasource.password". */
static bool is_pass_word(struct span name)
{
	static const struct span words[] = {SPAN("password"), SPAN("passwd"), SPAN("passphrase"),
		SPAN("requirepass"), SPAN("masterauth"), SPAN("bindpw")};

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

/* aws configure set aws_secret_access_key x, "your token x": what looks random is no prose. */
static int mask_spaced_random(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	struct span name = pair_name(p);

	if (mask_name_class(f->ctx->m, name) != NAME_STRONG)
		return 0;
	p->value_end = pair_end_of_word(p, p->value, ",");
	if (!mask_looks_random((struct span){p->text + p->value, p->value_end - p->value}))
		return 0;
	*ret_end = p->value_end;
	return pair_mask(f, p, NAME_STRONG, RULE_TEXT_ASSIGNMENT);
}

/* password "x" in messages, password x in netrc, requirepass x in redis.conf: sep is the blank. */
static int mask_spaced(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	bool done;
	int ret;

	p->value = p->sep + 1;
	if (!find_name(p) || p->closed_quote || p->value >= p->end)
		return 0;
	if (span_eq(pair_name(p), SPAN("vault")))
		return mask_vault(f, p, ret_end);
	ret = mask_idiom(f, p, ret_end, &done);
	if (done || ret < 0)
		return ret;
	if (!is_pass_word(pair_name(p)))
		return mask_spaced_random(f, p, ret_end);
	if (!pair_find_quoted_value(p)) {
		p->value_end = pair_end_of_word(p, p->value, "");
		/* One word to the end of the line, or behind the other words of netrc. */
		if (!(is_last_word(p) && pair_begins_line(p)) && !stands_behind_login(p))
			return 0;
	}
	*ret_end = p->value_end;
	return pair_mask(f, p, NAME_STRONG, RULE_TEXT_ASSIGNMENT);
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
	       mask_name_class(m, pair_name(p)) != NAME_PLAIN;
}

static int mask_call(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	if (!is_call(f->ctx->m, p))
		return 0;
	for (p->value = p->sep + 1; is_blank(p->text[p->value]);)
		p->value++;
	if (!pair_find_quoted_value(p))
		return 0;
	*ret_end = p->value_end;
	return pair_mask(f, p, mask_name_class(f->ctx->m, pair_name(p)), RULE_TEXT_ASSIGNMENT);
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

/* "<name" or "<prefix:name" stands before the separator? */
static bool is_tag_name(const struct pair *p)
{
	size_t at = p->name;

	if (at > p->begin && p->text[at - 1] == ':') {
		at--;
		while (at > p->begin && is_name_byte(p->text[at - 1]) &&
			p->name - at < MASK_NAME_MAX)
			at--;
	}
	return at > p->begin && p->text[at - 1] == '<';
}

/* <password encrypted="false">: the name is that of the element, not of its last attribute. */
static bool find_element_name(struct pair *p)
{
	size_t far = p->sep - p->begin < MASK_LOOK_MAX / 2 ? p->sep - p->begin : MASK_LOOK_MAX / 2;
	const char *open = memrchr(p->text + p->sep - far, '<', far);

	if (!open)
		return false;
	p->name = p->name_end = (size_t)(open + 1 - p->text);
	while (is_name_byte(p->text[p->name_end]) || p->text[p->name_end] == ':') {
		if (p->text[p->name_end++] == ':')
			p->name = p->name_end;
	}
	return is_blank(p->text[p->name_end]) && p->name_end > p->name;
}

/* variable "password" { default = "x" } */
static bool is_default_of_secret(const struct masker *m, const struct pair *p)
{
	size_t far = p->name - p->begin < 256 ? p->name - p->begin : 256;
	const char *from = p->text + p->name - far, *brace = memrchr(from, '{', far), *name;

	while (brace && brace > from && is_in(brace[-1], " \t\""))
		brace--;
	for (name = brace; name && name > from && is_name_byte(name[-1]);)
		name--;
	return name && name < brace && name > from && name[-1] == '"' &&
	       mask_name_class(m, (struct span){name, (size_t)(brace - name)}) == NAME_STRONG;
}

/* <AdministratorPassword><Value>x */
static bool is_value_of_secret(const struct masker *m, const struct pair *p)
{
	const char *end = p->text + p->name - 1, *name;

	while (end > p->text + p->begin && is_white(end[-1]))
		end--;
	if (end == p->text + p->begin || *--end != '>')
		return false;
	for (name = end; name > p->text + p->begin && is_name_byte(name[-1]);)
		name--;
	return mask_name_class(m, (struct span){name, (size_t)(end - name)}) == NAME_STRONG;
}

/* What the name is of says secret. */
static bool stands_in_secret(const struct masker *m, const struct pair *p)
{
	struct span name = pair_name(p);

	if (p->text[p->sep] == '=' && span_eq(name, SPAN("default")))
		return is_default_of_secret(m, p);
	return p->text[p->sep] == '>' && p->name > p->begin && name.len == 5 &&
	       strncasecmp(name.ptr, "value", 5) == 0 && is_value_of_secret(m, p);
}

static bool judge_name(const struct masker *m, const struct pair *p, struct mask_name *ret)
{
	*ret = mask_name_of(m, pair_name(p));
	/* Of a URL's query, not the field of a Status. */
	if (span_eq_str(pair_name(p), "code") && p->name > p->begin &&
		is_in(p->text[p->name - 1], "?&"))
		ret->class = NAME_WEAK;
	if (stands_in_secret(m, p))
		ret->class = NAME_STRONG;
	return ret->class != NAME_PLAIN || ret->field == FIELD_NAME;
}

/* The name before the separator; false when its value is none of ours. */
static bool read_name(const struct masker *m, struct pair *p, struct mask_name *ret)
{
	char sep = p->text[p->sep], next = p->sep + 1 < p->end ? p->text[p->sep + 1] : 0;

	if (next == 0 || (sep == ':' && (next == ':' || next == '/')))
		return false;
	if (sep == '>' && p->sep > p->begin && is_quote(p->text[p->sep - 1]))
		return find_element_name(p) && judge_name(m, p, ret);
	if (!find_name(p))
		return false;
	/* 2026-11-23T00:17:32 */
	if (sep == ':' && is_digit(next) && is_digit(p->text[p->name]))
		return false;
	if (sep == '>' && !is_tag_name(p))
		return false;
	return judge_name(m, p, ret);
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
	if (!pair_find_value(&p))
		return 0;
	p.end = end;
	if (name.field == FIELD_NAME)
		return mask_named_value(f, &p, ret_end);
	if (name.class == NAME_STRONG)
		*ret_end = p.value_end;
	return pair_mask(f, &p, name.class, RULE_TEXT_ASSIGNMENT);
}
