/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns in free text: tokens that can be told by their form, private keys, what messages quote,
 * URLs (mask_scan_url.c), base64 (mask_scan_base64.c), and the places where name=value and the like
 * are looked at (mask_assign.c). Only the places are looked at that mask_plain.c says a pattern may
 * begin at.
 */
#include "common/mask/mask_own_internal.h"
#include "common/mask/mask_scan_internal.h"

static int scan_token(struct scan *s)
{
	size_t before = 0,
	       n = mask_token_len(s->f->text.ptr + s->begin, scan_at(s), scan_end(s), &before);

	return n > 0 ? masked(s, s->at - before, n, RULE_TEXT_TOKEN) : 0;
}

/* Pa55word! stands in a text, no name beside it. */
static int scan_password(struct scan *s)
{
	const char *p = scan_at(s);
	struct span word = mask_password_at(s->f->text.ptr + s->begin, p, scan_end(s));

	if (word.len == 0)
		return 0;
	return masked(s, (size_t)(word.ptr - s->f->text.ptr), word.len, RULE_TEXT_PASSWORD);
}

static const char *find(const char *p, const char *end, const char *literal)
{
	return p < end ? memmem(p, (size_t)(end - p), literal, strlen(literal)) : NULL;
}

/* A private key, or what is left of one: to its end line, or to the end of the text. */
static int scan_pem(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *stop;
	const char *head_end;

	/* SSH2's have four dashes and a blank. */
	if (!begins(p, end, SPAN("-----BEGIN")) && !begins(p, end, SPAN("---- BEGIN ")))
		return 0;
	head_end = find(p + 10, end, "----");
	stop = head_end ? head_end : end;
	if (!find(p, stop, "PRIVATE KEY"))
		return 0;
	stop = find(stop, end, p[4] == '-' ? "-----END" : "---- END");
	if (stop) {
		stop = find(stop + 8, end, "----");
		while (stop && stop < end && *stop == '-')
			stop++;
	}
	return masked(s, s->at, (size_t)((stop ? stop : end) - p), RULE_TEXT_PEM);
}

/* PuTTY's files say what they are in their first line. */
static int scan_putty(struct scan *s)
{
	if (!begins(scan_at(s), scan_end(s), SPAN("PuTTY-User-Key-File-")))
		return 0;
	return masked(s, s->at, s->end - s->at, RULE_TEXT_PEM);
}

/* "Bearer xyz", "Basic dXNlcjpwdw==" — not "basic authentication". */
static int scan_auth_scheme(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *t;
	bool digit = false, upper = false;
	size_t n;

	if (!at_word(s))
		return 0;
	if (begins_case(p, end, SPAN("bearer ")))
		t = p + 7;
	else if (begins_case(p, end, SPAN("basic ")))
		t = p + 6;
	else
		return 0;
	while (t < end && *t == ' ')
		t++;
	n = 0;
	while (t + n < end && (is_alnum(t[n]) || (t[n] && strchr("._~+/=-", t[n])))) {
		digit |= t[n] >= '0' && t[n] <= '9';
		upper |= n > 0 && t[n] >= 'A' && t[n] <= 'Z';
		n++;
	}
	if (n < 8 || !(digit || upper || n >= 20))
		return 0;
	return masked(s, (size_t)(t - s->f->text.ptr), n, RULE_TEXT_AUTH_SCHEME);
}

/* By a function of mask_text_internal.h that finds where what it masked ends. */
static int scan_by(
	struct scan *s, int (*find_end)(struct mask_frame *, size_t, size_t, size_t, size_t *))
{
	size_t next = s->at;
	int ret = find_end(s->f, s->begin, s->end, s->at, &next);

	s->at = next;
	return ret;
}

static int scan_piped_base64(struct scan *s)
{
	return scan_by(s, mask_piped_base64);
}

/* "Bearer x", "basic x", or base64 -d. */
static int scan_b(struct scan *s)
{
	size_t at = s->at;
	int ret = scan_auth_scheme(s);

	if (ret == 0 && s->at == at && begins(scan_at(s), scan_end(s), SPAN("b3Bl")))
		ret = scan_base64(s);

	return ret == 0 && s->at == at ? scan_piped_base64(s) : ret;
}

static int scan_bootstrap_tokens(struct mask_frame *f, size_t off, size_t len)
{
	const char *p = f->text.ptr + off, *end = p + len;

	while ((p = mask_find_bootstrap_token(p, end))) {
		if (mask_range(f, (size_t)(p - f->text.ptr), MASK_BOOTSTRAP_TOKEN_LEN,
			    RULE_TEXT_BOOTSTRAP_TOKEN) < 0)
			return -1;
		p += MASK_BOOTSTRAP_TOKEN_LEN;
	}
	return 0;
}

/* "kind: Secret" in a text that is not JSON: YAML, a template, JSON that was cut off. */
static int scan_manifest(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s);
	size_t from = s->begin;

	if (!begins_case(p, end, SPAN("kind")) || !at_word(s))
		return 0;
	p += 4;
	while (p < end && (*p == '"' || *p == '\'' || *p == '\\' || *p == ' ' || *p == '\t'))
		p++;
	if (p == end || (*p != ':' && *p != '='))
		return 0;
	p++;
	while (p < end && ((uint8_t)*p <= ' ' || *p == '"' || *p == '\'' || *p == '\\'))
		p++;
	if (!begins_case(p, end, SPAN("secret")))
		return 0;
	p += 6;
	if (begins_case(p, end, SPAN("list")))
		p += 4;
	if (p < end && (is_alnum(*p) || *p == '-' || *p == '_'))
		return 0;
	s->at = s->end;
	return mask_range(s->f, from, s->end - from, RULE_TEXT_SECRET_MANIFEST);
}

/*
 * Error messages quote what they could not read: the JSON decoder the bytes around the place
 * ("...|{"data":…|..."), validation the value.
 */
static int scan_quoted_body(struct scan *s)
{
	const char *p = scan_at(s), *begin = s->f->text.ptr + s->begin;

	if (p[0] == '.') {
		if (p - begin < 2 || p[-1] != '.' || p[-2] != '.')
			return 0;
		return masked(s, s->at + 2, s->end - s->at - 2, RULE_TEXT_QUOTED_BODY);
	}
	return 0;
}

size_t mask_quoting_words(const char *p, const char *end)
{
	static const struct span words[] = {SPAN("Invalid value: "), SPAN("Unsupported value: "),
		SPAN("Duplicate value: "), SPAN("Not found: ")};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (begins(p, end, words[i]))
			return words[i].len;
	}
	return 0;
}

/* "spec.password: Invalid value: "x": must be …" */
static int scan_refused_value(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *begin = s->f->text.ptr + s->begin;
	size_t words = mask_quoting_words(p, end);
	const char *path_end = p, *path, *value = p + words, *stop;
	struct span name;
	bool secret;

	if (words == 0 || value >= end)
		return 0;
	while (path_end > begin && (path_end[-1] == ' ' || path_end[-1] == ':'))
		path_end--;
	path = path_end;
	while (path > begin && path[-1] != ' ' && path_end - path < MASK_NAME_MAX)
		path--;
	name = (struct span){path, (size_t)(path_end - path)};
	secret = name.len > 0 && mask_name_class(s->f->ctx->m, name) == NAME_STRONG;
	/* Alone in a cause of a Status, the field stands elsewhere. */
	if (*p == 'I')
		secret |= name.len == 0 || is_in(*value, "{[m&") || find(path, path_end, "].value");
	if (!secret)
		return 0;
	stop = *value == '"' ? memchr(value + 1, '"', (size_t)(end - value - 1)) : NULL;
	if (stop && stop[-1] == '\\')
		stop = NULL;
	return masked(s, (size_t)(value - s->f->text.ptr),
		(size_t)((stop ? stop + 1 : end) - value), RULE_TEXT_QUOTED_BODY);
}

static int scan_separator(struct scan *s)
{
	size_t next = s->at + 1;
	int ret = mask_assignment(s->f, s->begin, s->end, s->at + 1, &next);

	s->at = next > s->at + 1 ? next : s->at;
	return ret;
}

static int scan_option(struct scan *s)
{
	return scan_by(s, mask_option);
}

static int scan_insert(struct scan *s)
{
	return scan_by(s, mask_insert);
}

/* A blank or a quote stands before the option. */
static int scan_option_behind(struct scan *s)
{
	size_t at = s->at++, dash = s->at;
	int ret = scan_option(s);

	s->at = s->at > dash ? s->at : at;
	return ret;
}

/* echo SECRET | chpasswd */
static int scan_pipe(struct scan *s)
{
	if (!mask_takes_secret(scan_at(s), scan_end(s)))
		return 0;
	return mask_piped_into(s->f, s->begin, s->end, s->at);
}

/* "Log in with admin / SECRET" */
static int scan_login(struct scan *s)
{
	struct span word = {scan_at(s) + 2, 0};

	if (!mask_after_login(s->f->text.ptr + s->begin, scan_at(s)))
		return 0;
	while (word.ptr + word.len < scan_end(s) && (uint8_t)word.ptr[word.len] > ' ')
		word.len++;
	while (word.len > 0 && is_in(word.ptr[word.len - 1], ".,;:)\"'"))
		word.len--;
	if (!mask_is_no_prose(word))
		return 0;
	return masked(s, s->at + 2, word.len, RULE_TEXT_PASSWORD);
}

/* A pattern may begin at s->at. Leaves s->at as it was when nothing was found. */
static int scan_here(struct scan *s)
{
	static int (*const by_first[])(struct scan *) = {
		['-'] = scan_option,
		[':'] = scan_userinfo,
		[';'] = scan_data_uri,
		['@'] = scan_dsn,
		['.'] = scan_quoted_body,
		['I'] = scan_refused_value,
		['U'] = scan_refused_value,
		['D'] = scan_refused_value,
		['N'] = scan_refused_value,
		['P'] = scan_putty,
		['j'] = scan_oracle,
		['o'] = scan_hook,
		['B'] = scan_auth_scheme,
		['b'] = scan_b,
		['k'] = scan_manifest,
		['K'] = scan_manifest,
		['e'] = scan_base64,
		['L'] = scan_base64,
		['H'] = scan_base64,
		['Z'] = scan_base64,
		['M'] = scan_base64,
		['('] = scan_decoder,
		['|'] = scan_pipe,
		['V'] = scan_insert,
		['v'] = scan_insert,
		['/'] = scan_login,
	};
	uint8_t c = (uint8_t)*scan_at(s), second = (uint8_t)scan_at(s)[1];
	size_t at = s->at;
	int ret = 0;

	if (c < ARRAY_LEN(by_first) && by_first[c])
		ret = by_first[c](s);
	if (ret == 0 && s->at == at && c == '-')
		ret = scan_pem(s);
	if (ret == 0 && s->at == at)
		ret = scan_token(s);
	if (ret == 0 && s->at == at && is_in((char)second, "=:>,"))
		ret = scan_separator(s);
	if (ret == 0 && s->at == at && c == ' ' && second == '\'')
		ret = scan_separator(s);
	if (ret == 0 && s->at == at && second == ' ')
		ret = scan_separator(s);
	if (ret == 0 && s->at == at && second == '-' && (is_white((char)c) || is_quote((char)c)))
		ret = scan_option_behind(s);
	if (ret == 0 && s->at == at &&
		(second == '!' || second == '#' || second == '$' || second == '^'))
		ret = scan_password(s);
	return ret;
}

static int scan_own_tokens(struct mask_frame *f, size_t off, size_t len)
{
	struct span text = {f->text.ptr, off + len};

	for (size_t at = off; at < off + len;) {
		size_t before, n = mask_own_token(f->ctx->m->config, text, at, &before);

		if (n > 0 && mask_range(f, at - before, n, RULE_OWN_TEXT) < 0)
			return -1;
		at += n > 0 ? n - before : 1;
	}
	return 0;
}

int mask_scan_tokens(struct mask_frame *f)
{
	struct scan s = {.f = f, .end = f->text.len};

	while (s.at + 1 < s.end) {
		size_t at = s.at;

		if (mask_token_may_be(scan_at(&s), scan_end(&s)) && scan_token(&s) < 0)
			return -1;
		s.at += s.at == at;
	}
	return 0;
}

int mask_scan(struct mask_frame *f, size_t off, size_t len)
{
	struct scan s = {.f = f, .begin = off, .end = off + len, .at = off};
	struct span text = {f->text.ptr + off, len};

	while ((s.at = off + mask_next_place(f->ctx->m, text, s.at - off)) < s.end) {
		size_t at = s.at;

		if (scan_here(&s) < 0)
			return -1;
		if (s.at == at)
			s.at++;
	}
	if (memchr(text.ptr, '\n', text.len) && mask_csv(f, off, len) < 0)
		return -1;
	if (len >= MASK_BOOTSTRAP_TOKEN_LEN && scan_bootstrap_tokens(f, off, len) < 0)
		return -1;
	return f->ctx->m->config ? scan_own_tokens(f, off, len) : 0;
}
