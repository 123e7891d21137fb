/*
 * Patterns in free text: tokens that can be told by their form, private keys, passwords in URLs,
 * and the places where name=value and the like are looked at (mask_assign.c).
 *
 * A table with one bit for each pair of bytes says where a pattern may begin, so that most bytes
 * cost one look-up; only there the patterns that begin so are tried.
 */
#include "common/mask_internal.h"

enum tail { TAIL_ALNUM, TAIL_URL, TAIL_UPPER, TAIL_HEX, TAIL_BASE64, TAIL_CRYPT };

struct token {
	const char *prefix;
	uint16_t tail_min;
	uint8_t tail; /* which bytes go on after the prefix */
	bool word;    /* short prefix: only at the beginning of a word */
};

/* Tokens whose issuers gave them a recognisable beginning. */
static const struct token tokens[] = {
	/* GitHub, GitLab, Bitbucket, Atlassian */
	{"ghp_", 20, TAIL_ALNUM, 0},
	{"gho_", 20, TAIL_ALNUM, 0},
	{"ghu_", 20, TAIL_ALNUM, 0},
	{"ghs_", 20, TAIL_ALNUM, 0},
	{"ghr_", 20, TAIL_ALNUM, 0},
	{"github_pat_", 20, TAIL_URL, 0},
	{"glpat-", 16, TAIL_URL, 0},
	{"gldt-", 16, TAIL_URL, 0},
	{"glrt-", 16, TAIL_URL, 0},
	{"glcbt-", 16, TAIL_URL, 0},
	{"glptt-", 16, TAIL_URL, 0},
	{"glft-", 16, TAIL_URL, 0},
	{"glsoat-", 16, TAIL_URL, 0},
	{"gloas-", 16, TAIL_URL, 0},
	{"ATATT3", 30, TAIL_URL, 0},
	{"ATBB", 28, TAIL_ALNUM, 1},
	/* clouds */
	{"AKIA", 16, TAIL_UPPER, 0},
	{"ASIA", 16, TAIL_UPPER, 0},
	{"ABIA", 16, TAIL_UPPER, 0},
	{"ACCA", 16, TAIL_UPPER, 0},
	{"AIza", 30, TAIL_URL, 0},
	{"ya29.", 20, TAIL_URL, 0},
	{"GOCSPX-", 20, TAIL_URL, 0},
	{"LTAI", 16, TAIL_ALNUM, 1},
	{"dop_v1_", 30, TAIL_HEX, 0},
	{"doo_v1_", 30, TAIL_HEX, 0},
	{"dor_v1_", 30, TAIL_HEX, 0},
	/* payments, chat, mail */
	{"sk_live_", 10, TAIL_ALNUM, 0},
	{"sk_test_", 10, TAIL_ALNUM, 0},
	{"rk_live_", 10, TAIL_ALNUM, 0},
	{"rk_test_", 10, TAIL_ALNUM, 0},
	{"whsec_", 16, TAIL_BASE64, 0},
	{"sq0atp-", 20, TAIL_URL, 0},
	{"sq0csp-", 20, TAIL_URL, 0},
	{"shpat_", 30, TAIL_HEX, 0},
	{"shpss_", 30, TAIL_HEX, 0},
	{"shppa_", 30, TAIL_HEX, 0},
	{"xoxb-", 10, TAIL_URL, 0},
	{"xoxp-", 10, TAIL_URL, 0},
	{"xoxa-", 10, TAIL_URL, 0},
	{"xoxr-", 10, TAIL_URL, 0},
	{"xoxs-", 10, TAIL_URL, 0},
	{"xoxe.", 10, TAIL_URL, 0},
	{"xapp-", 10, TAIL_URL, 0},
	{"hooks.slack.com/services/", 16, TAIL_BASE64, 0},
	{"discord.com/api/webhooks/", 20, TAIL_BASE64, 0},
	{"SG.", 30, TAIL_URL, 1},
	{"key-", 32, TAIL_HEX, 1},
	/* language models */
	{"sk-ant-", 20, TAIL_URL, 0},
	{"sk-proj-", 20, TAIL_URL, 0},
	{"sk-", 32, TAIL_ALNUM, 1},
	{"hf_", 30, TAIL_ALNUM, 1},
	/* package registries */
	{"npm_", 30, TAIL_ALNUM, 0},
	{"pypi-", 30, TAIL_URL, 0},
	{"rubygems_", 30, TAIL_HEX, 0},
	{"dckr_pat_", 20, TAIL_URL, 0},
	{"dckr_oat_", 20, TAIL_URL, 0},
	/* hashes of passwords, as crypt(3) and htpasswd write them */
	{"$2a$", 20, TAIL_CRYPT, 0},
	{"$2b$", 20, TAIL_CRYPT, 0},
	{"$2y$", 20, TAIL_CRYPT, 0},
	{"$apr1$", 10, TAIL_CRYPT, 0},
	{"$1$", 12, TAIL_CRYPT, 0},
	{"$5$", 12, TAIL_CRYPT, 0},
	{"$6$", 12, TAIL_CRYPT, 0},
	{"$y$", 12, TAIL_CRYPT, 0},
	{"$argon2", 20, TAIL_CRYPT, 0},
	/* infrastructure */
	{"hvs.", 20, TAIL_URL, 0},
	{"hvb.", 20, TAIL_URL, 0},
	{"hvr.", 20, TAIL_URL, 0},
	{"glsa_", 30, TAIL_ALNUM, 0},
	{"glc_", 30, TAIL_BASE64, 1},
	{"tskey-", 16, TAIL_URL, 0},
	{"pul-", 30, TAIL_HEX, 1},
	{"dapi", 32, TAIL_HEX, 0},
	{"NRAK-", 20, TAIL_ALNUM, 0},
	{"PMAK-", 20, TAIL_URL, 0},
	{"sntrys_", 30, TAIL_BASE64, 0},
	{"lin_api_", 30, TAIL_ALNUM, 0},
	{"AGE-SECRET-KEY-1", 40, TAIL_UPPER, 0},
	{"K10", 60, TAIL_HEX, 1},
};

#define PAIR(a, b) ((unsigned)(uint8_t)(a) << 8 | (uint8_t)(b))

static uint8_t pairs[65536 / 8];
static uint8_t first_token[256];	      /* by first byte: index + 1 */
static uint8_t next_token[ARRAY_LEN(tokens)]; /* the next one with that byte: index + 1 */

static void add_pair(char a, char b)
{
	pairs[PAIR(a, b) / 8] |= (uint8_t)(1u << PAIR(a, b) % 8);
}

/* What a byte rules out of, or in, for the text that holds it. */
enum {
	NOT_BASE64 = 1,
	NOT_HEX = 2,
	NOT_TIME = 4,
	UPPER = 8,
	LOWER = 16,
	DOT = 32,
	OPENS_LAYER = 64, /* percent escape, JSON */
};

static uint8_t bytes[256];

static uint8_t class_of(char c)
{
	bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'Z';
	bool lower = c >= 'a' && c <= 'z';
	uint8_t ret = 0;

	ret |= digit || upper || lower || (c && strchr("+/-_=\r\n\t ", c)) ? 0 : NOT_BASE64;
	ret |= digit || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') ? 0 : NOT_HEX;
	ret |= digit || (c && strchr("-:.TZ+", c)) ? 0 : NOT_TIME;
	ret |= upper ? UPPER : 0;
	ret |= lower ? LOWER : 0;
	ret |= c == '.' ? DOT : 0;
	ret |= c && strchr("%{[\"", c) ? OPENS_LAYER : 0;
	return ret;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static uint8_t tails[256]; /* a bit for each enum tail */

static uint8_t tails_of(char c)
{
	bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'Z';
	bool hex = digit || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
	uint8_t ret = 0;

	if (c == '\0')
		return 0;
	ret |= is_alnum(c) ? 1u << TAIL_ALNUM : 0;
	ret |= is_alnum(c) || strchr("-_.=", c) ? 1u << TAIL_URL : 0;
	ret |= digit || upper ? 1u << TAIL_UPPER : 0;
	ret |= hex ? 1u << TAIL_HEX : 0;
	ret |= is_alnum(c) || strchr("+/=-_", c) ? 1u << TAIL_BASE64 : 0;
	ret |= is_alnum(c) || strchr("./$=,+", c) ? 1u << TAIL_CRYPT : 0;
	return ret;
}

void mask_text_init(void)
{
	static const char *const others[] = {"ey", "LS", "H4", "--", "-p", "-u", "-a", "-w", ":/",
		"Be", "be", "BE", "Ba", "ba", "BA", ";b", ".|", "In", " '", "ki", "Ki", "KI", "@t",
		"@u", "d ", "s ", "e ", "h "};

	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		uint8_t *first = &first_token[(uint8_t)tokens[i].prefix[0]];

		add_pair(tokens[i].prefix[0], tokens[i].prefix[1]);
		next_token[i] = *first;
		*first = (uint8_t)(i + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		add_pair(others[i][0], others[i][1]);
	for (int c = 0; c < 256; c++) {
		add_pair((char)c, '=');
		add_pair((char)c, ':');
		add_pair((char)c, '>');
		bytes[c] = class_of((char)c);
		tails[c] = tails_of((char)c);
	}
}

static size_t tail_len(const char *p, const char *end, enum tail tail)
{
	const char *at = p;

	while (at < end && (tails[(uint8_t)*at] >> tail & 1))
		at++;
	return (size_t)(at - p);
}

static bool begins(const char *p, const char *end, const char *literal)
{
	size_t n = strlen(literal);

	return (size_t)(end - p) >= n && memcmp(p, literal, n) == 0;
}

/* The text under the scan. A pattern that masks something returns where to go on. */
struct scan {
	struct mask_frame *f;
	size_t begin, end, at;
};

static const char *scan_at(const struct scan *s)
{
	return s->f->text.ptr + s->at;
}

static const char *scan_end(const struct scan *s)
{
	return s->f->text.ptr + s->end;
}

static bool at_word(const struct scan *s)
{
	return s->at == s->begin || !is_alnum(scan_at(s)[-1]);
}

static int masked(struct scan *s, size_t off, size_t len, enum mask_rule rule)
{
	s->at = off + len;
	return mask_range(s->f, off, len, rule);
}

static int scan_token(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s);

	for (size_t i = first_token[(uint8_t)p[0]]; i > 0; i = next_token[i - 1]) {
		const struct token *t = &tokens[i - 1];
		size_t n;

		if (t->prefix[1] != p[1] || !begins(p, end, t->prefix))
			continue;
		n = strlen(t->prefix);
		if (t->word && !at_word(s))
			continue;
		if (tail_len(p + n, end, t->tail) < t->tail_min)
			continue;
		/* What follows the form may still be a part of it. */
		n += tail_len(p + n, end, t->tail >= TAIL_BASE64 ? t->tail : TAIL_URL);
		return masked(s, s->at, n, RULE_TEXT_TOKEN);
	}
	return 0;
}

/* Base64 of "{"…, of "---" (PEM) or of gzip, in the middle of a text. */
static int scan_base64(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s);
	size_t n, count = s->f->edit_count, off = s->at;

	if (!begins(p, end, "eyJ") && !begins(p, end, "eyA") && !begins(p, end, "LS0t") &&
		!begins(p, end, "H4sI"))
		return 0;
	n = tail_len(p, end, TAIL_BASE64);
	if (begins(p, end, "eyJ") && p + n < end && p[n] == '.') {
		if (n >= 10 && tail_len(p + n + 1, end, TAIL_BASE64) >= 4)
			return masked(s, off, tail_len(p, end, TAIL_URL), RULE_TEXT_JWT);
	}
	if (n < 20)
		return 0;
	if (mask_base64_run(s->f, off, n) < 0)
		return -1;
	if (s->f->edit_count > count)
		s->at = off + n;
	return 0;
}

static int scan_data_uri(struct scan *s)
{
	size_t off = s->at + 8, n, count = s->f->edit_count;

	if (!begins(scan_at(s), scan_end(s), ";base64,"))
		return 0;
	n = tail_len(s->f->text.ptr + off, scan_end(s), TAIL_BASE64);
	if (n == 0)
		return 0;
	if (mask_base64_run(s->f, off, n) < 0)
		return -1;
	if (s->f->edit_count > count)
		s->at = off + n;
	return 0;
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

	if (!begins(p, end, "-----BEGIN "))
		return 0;
	head_end = find(p + 11, end, "-----");
	stop = head_end ? head_end : end;
	if (!find(p, stop, "PRIVATE KEY"))
		return 0;
	stop = find(stop, end, "-----END");
	if (stop) {
		stop = find(stop + 8, end, "-----");
		stop = stop ? stop + 5 : NULL;
	}
	return masked(s, s->at, (size_t)((stop ? stop : end) - p), RULE_TEXT_PEM);
}

static bool ends_url(char c)
{
	return (uint8_t)c <= ' ' || strchr("\"'`<>\\|^", c) != NULL;
}

static bool all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	}
	return true;
}

/* "git" in git@host says who asks; a longer user without a password is a token. */
static bool plain_user(struct span user)
{
	for (size_t i = 0; i < user.len; i++) {
		if (user.ptr[i] < 'a' || user.ptr[i] > 'z')
			return false;
	}
	return user.len <= 16;
}

/* scheme://user:password@host; a password may hold '/', '?' and '#' that nobody escaped. */
static int scan_userinfo(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *user, *stop, *at, *colon;
	size_t to_slash;

	if (!begins(p, end, "://"))
		return 0;
	user = stop = p + 3;
	while (stop < end && !ends_url(*stop))
		stop++;
	to_slash = 0;
	while (user + to_slash < stop && !strchr("/?#", user[to_slash]))
		to_slash++;
	at = memrchr(user, '@', to_slash);
	colon = memchr(user, ':', to_slash);
	if (!at && colon) {
		/* host:port/path@x has an @ too. */
		struct span port = {colon + 1, (size_t)(user + to_slash - colon - 1)};

		at = all_digits(port) ? NULL : memrchr(user, '@', (size_t)(stop - user));
	}
	if (!at || at == user)
		return 0;
	if (colon && colon < at) {
		struct span name = {user, (size_t)(colon - user)};
		int ret = 0;

		if (mask_looks_random(name))
			ret = mask_range(s->f, (size_t)(user - s->f->text.ptr), name.len,
				RULE_TEXT_USERINFO);
		if (ret < 0)
			return -1;
		user = colon + 1;
	} else if (plain_user((struct span){user, (size_t)(at - user)})) {
		return 0;
	}
	return masked(s, (size_t)(user - s->f->text.ptr), (size_t)(at - user), RULE_TEXT_USERINFO);
}

/* user:password@tcp(host) of Go's MySQL driver; s->at is the '@'. */
static int scan_dsn(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *text = s->f->text.ptr + s->begin;
	const char *begin = p, *colon;

	if (!begins(p, end, "@tcp(") && !begins(p, end, "@unix("))
		return 0;
	while (begin > text && !ends_url(begin[-1]))
		begin--;
	colon = memchr(begin, ':', (size_t)(p - begin));
	if (!colon || colon + 1 == p)
		return 0;
	return mask_range(s->f, (size_t)(colon + 1 - s->f->text.ptr), (size_t)(p - colon - 1),
		RULE_TEXT_USERINFO);
}

static bool begins_case(const char *p, const char *end, struct span literal)
{
	return (size_t)(end - p) >= literal.len && strncasecmp(p, literal.ptr, literal.len) == 0;
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

static bool lower_alnum(const char *p, size_t n, bool *ret_digit, bool *ret_letter)
{
	for (size_t i = 0; i < n; i++) {
		bool digit = p[i] >= '0' && p[i] <= '9', letter = p[i] >= 'a' && p[i] <= 'z';

		if (!digit && !letter)
			return false;
		*ret_digit |= digit;
		*ret_letter |= letter;
	}
	return true;
}

#define BOOTSTRAP_TOKEN_LEN 23

static bool joins_word(char c)
{
	return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == '/';
}

/* abcdef.0123456789abcdef, as kubeadm makes them. Where the next one begins, or NULL. */
static const char *find_bootstrap_token(const char *p, const char *end)
{
	const char *begin = p, *dot;

	while (end - p >= BOOTSTRAP_TOKEN_LEN &&
		(dot = memchr(p + 6, '.', (size_t)(end - p) - 6 - 16))) {
		bool digit = false, letter = false, any = false;
		const char *at = dot - 6;

		p = at + 1;
		if (at > begin && joins_word(at[-1]))
			continue;
		if (end - dot > 17 && joins_word(dot[17]))
			continue;
		if (lower_alnum(dot + 1, 16, &digit, &letter) && digit && letter &&
			lower_alnum(at, 6, &any, &any))
			return at;
	}
	return NULL;
}

static int scan_bootstrap_tokens(struct mask_frame *f, size_t off, size_t len)
{
	const char *p = f->text.ptr + off, *end = p + len;

	while ((p = find_bootstrap_token(p, end))) {
		if (mask_range(f, (size_t)(p - f->text.ptr), BOOTSTRAP_TOKEN_LEN,
			    RULE_TEXT_BOOTSTRAP_TOKEN) < 0)
			return -1;
		p += BOOTSTRAP_TOKEN_LEN;
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

/* "spec.password: Invalid value: "x": must be …" */
static int scan_invalid_value(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *begin = s->f->text.ptr + s->begin;
	const char *path_end = p, *path, *value = p + 15, *stop;
	struct span name;

	if (!begins(p, end, "Invalid value: ") || value >= end)
		return 0;
	while (path_end > begin && (path_end[-1] == ' ' || path_end[-1] == ':'))
		path_end--;
	path = path_end;
	while (path > begin && path[-1] != ' ' && path_end - path < MASK_NAME_MAX)
		path--;
	name = (struct span){path, (size_t)(path_end - path)};
	/* Alone in a cause of a Status, the field stands elsewhere. */
	if (name.len > 0 && strchr("{[m&", *value) == NULL &&
		mask_name_class(s->f->ctx->m, name) != NAME_STRONG &&
		!find(path, path_end, "].value"))
		return 0;
	stop = *value == '"' ? memchr(value + 1, '"', (size_t)(end - value - 1)) : NULL;
	if (stop && stop[-1] == '\\')
		stop = NULL;
	return masked(s, (size_t)(value - s->f->text.ptr),
		(size_t)((stop ? stop + 1 : end) - value), RULE_TEXT_QUOTED_BODY);
}

/* "password ", "passwd ", "passphrase ", "requirepass ", "masterauth " */
static bool ends_pass_word(const struct scan *s)
{
	const char *p = scan_at(s);

	return s->at - s->begin >= 5 &&
	       (strncasecmp(p - 3, "word", 4) == 0 || strncasecmp(p - 3, "pass", 4) == 0 ||
		       strncasecmp(p - 3, "sswd", 4) == 0 || strncasecmp(p - 3, "rase", 4) == 0 ||
		       strncasecmp(p - 3, "auth", 4) == 0);
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
	size_t next = s->at;
	int ret = mask_option(s->f, s->begin, s->end, s->at, &next);

	s->at = next;
	return ret;
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
		['I'] = scan_invalid_value,
		['B'] = scan_auth_scheme,
		['b'] = scan_auth_scheme,
		['k'] = scan_manifest,
		['K'] = scan_manifest,
		['e'] = scan_base64,
		['L'] = scan_base64,
		['H'] = scan_base64,
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
	if (ret == 0 && s->at == at && (second == '=' || second == ':' || second == '>'))
		ret = scan_separator(s);
	if (ret == 0 && s->at == at && c == ' ' && second == '\'')
		ret = scan_separator(s);
	if (ret == 0 && s->at == at && second == ' ' && ends_pass_word(s))
		ret = scan_separator(s);
	return ret;
}

static int scan_own_tokens(struct mask_frame *f, size_t off, size_t len)
{
	struct span text = {f->text.ptr, off + len};

	for (size_t at = off; at < off + len;) {
		size_t n = mask_config_token(f->ctx->m->config, text, at);

		if (n > 0 && mask_range(f, at, n, RULE_OWN_TEXT) < 0)
			return -1;
		at += n > 0 ? n : 1;
	}
	return 0;
}

bool mask_is_plain(const struct masker *m, struct span text)
{
	const uint8_t *p = (const uint8_t *)text.ptr;
	unsigned last = p[0], classes = bytes[last], hit = 0;

	for (size_t i = 1; i < text.len; i++) {
		unsigned c = p[i], pair = last << 8 | c;

		hit |= pairs[pair / 8] >> pair % 8;
		classes |= bytes[c];
		last = c;
	}
	if (m->config || (classes & OPENS_LAYER))
		return false;
	if (!(classes & NOT_TIME))
		return text.len < BOOTSTRAP_TOKEN_LEN + 7;
	if (hit & 1)
		return false;
	if (!(classes & NOT_BASE64) && (classes & UPPER) && (classes & LOWER) && text.len >= 16)
		return false;
	if (!(classes & NOT_HEX) && text.len >= 32)
		return false;
	return !(classes & DOT) || !find_bootstrap_token(text.ptr, text.ptr + text.len);
}

int mask_scan(struct mask_frame *f, size_t off, size_t len)
{
	struct scan s = {.f = f, .begin = off, .end = off + len, .at = off};
	const uint8_t *text = (const uint8_t *)f->text.ptr;

	for (size_t at = off; at + 1 < s.end;) {
		unsigned pair = PAIR(text[at], text[at + 1]);

		if (!(pairs[pair / 8] >> pair % 8 & 1)) {
			at++;
			continue;
		}
		s.at = at;
		if (scan_here(&s) < 0)
			return -1;
		at = s.at > at ? s.at : at + 1;
	}
	if (len >= BOOTSTRAP_TOKEN_LEN && scan_bootstrap_tokens(f, off, len) < 0)
		return -1;
	return f->ctx->m->config ? scan_own_tokens(f, off, len) : 0;
}
