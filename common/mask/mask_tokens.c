/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that can be told by their beginning, because whoever issues them gave them one, or by
 * their form: JSON Web Tokens, kubeadm's bootstrap tokens. How long they are; mask_text.c masks
 * them.
 */
#include <assert.h>

#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_text_internal.h"

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
	{"webhook.office.com/webhookb2/", 16, TAIL_URI, 0},
	{"api.telegram.org/bot", 20, TAIL_URI, 0},
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

static uint8_t first_token[256];	      /* by hash of three bytes: index + 1 */
static uint8_t next_token[ARRAY_LEN(tokens)]; /* the next one with that hash: index + 1 */
static uint8_t prefix_len[ARRAY_LEN(tokens)];
static uint8_t tails[256]; /* a bit for each enum mask_tail */

static uint8_t tails_of(char c)
{
	uint8_t ret = 0;

	ret |= is_alnum(c) ? 1u << TAIL_ALNUM : 0;
	ret |= is_alnum(c) || is_in(c, "-_.=") ? 1u << TAIL_URL : 0;
	ret |= is_digit(c) || is_upper(c) ? 1u << TAIL_UPPER : 0;
	ret |= is_hex_digit(c) ? 1u << TAIL_HEX : 0;
	ret |= is_alnum(c) || is_in(c, "+/=-_") ? 1u << TAIL_BASE64 : 0;
	ret |= is_alnum(c) || is_in(c, "./$=,+") ? 1u << TAIL_CRYPT : 0;
	ret |= (uint8_t)c > ' ' && !is_in(c, "\"'`<>\\") ? 1u << TAIL_URI : 0;
	return ret;
}

/* Of the first three bytes, which every prefix has. */
static inline size_t slot_of(const char *p)
{
	uint32_t three =
		(uint32_t)(uint8_t)p[0] << 16 | (uint32_t)(uint8_t)p[1] << 8 | (uint8_t)p[2];

	return three * 0x9e3779b1u >> 24;
}

void mask_tokens_init(void)
{
	static_assert(ARRAY_LEN(tokens) < 255, "indices of tokens fit their bytes");
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		uint8_t *first = &first_token[slot_of(tokens[i].prefix)];

		assert(strlen(tokens[i].prefix) >= 3);

		prefix_len[i] = (uint8_t)strlen(tokens[i].prefix);
		next_token[i] = *first;
		*first = (uint8_t)(i + 1);
	}
	for (int c = 0; c < 256; c++)
		tails[c] = tails_of((char)c);
}

const char *mask_token_prefix(size_t i)
{
	return i < ARRAY_LEN(tokens) ? tokens[i].prefix : NULL;
}

size_t mask_tail_len(const char *p, const char *end, enum mask_tail tail)
{
	const char *at = p;

	while (at < end && (tails[(uint8_t)*at] >> tail & 1))
		at++;
	return (size_t)(at - p);
}

size_t mask_token_len(const char *begin, const char *p, const char *end)
{
	if (end - p < 3)
		return 0;
	for (size_t i = first_token[slot_of(p)]; i > 0; i = next_token[i - 1]) {
		const struct token *t = &tokens[i - 1];
		size_t n = prefix_len[i - 1];

		if (!begins(p, end, (struct span){t->prefix, n}))
			continue;
		if (t->word && p > begin && is_alnum(p[-1]))
			continue;
		if (mask_tail_len(p + n, end, t->tail) < t->tail_min)
			continue;
		/* What follows the form may still be a part of it. */
		return n + mask_tail_len(p + n, end, t->tail >= TAIL_BASE64 ? t->tail : TAIL_URL);
	}
	return 0;
}

/* ---- by their form ---- */

static size_t gap_len(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && n < 16 &&
		(is_white(p[n]) || p[n] == '.' || p[n] == '\\' ||
			(n > 0 && p[n - 1] == '\\' && is_in(p[n], "nrt"))))
		n++;
	return n;
}

/* A JSON Web Token of n bytes at p whose parts are not joined by a dot alone, 0 if there is none.
 */
size_t mask_broken_jwt_len(const char *p, const char *end, size_t n)
{
	for (unsigned part = 1; part < 3; part++) {
		size_t gap = gap_len(p + n, end),
		       len = mask_tail_len(p + n + gap, end, TAIL_BASE64);

		if (gap == 0 || len == 0 || (part == 1 && !begins(p + n + gap, end, SPAN("eyJ"))))
			return 0;
		n += gap + len;
	}
	return n;
}

/* A JSON Web Token, also when it was broken into lines where there was no dot. */
size_t mask_wrapped_jwt_len(const char *p, const char *end)
{
	size_t n = mask_tail_len(p, end, TAIL_URL), dots = 0, gap, len;

	for (size_t i = 0; i < n; i++)
		dots += p[i] == '.';
	while ((gap = gap_len(p + n, end)) > 0 && !is_blank(p[n])) {
		const char *more = p + n + gap;

		len = mask_tail_len(more, end, TAIL_URL);
		if (len == 0 || (dots >= 2 && !mask_looks_random((struct span){more, len})))
			break;
		for (size_t i = 0; i < len; i++)
			dots += more[i] == '.';
		n += gap + len;
	}
	return n;
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

static bool joins_word(char c)
{
	return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == '/';
}

/* abcdef.0123456789abcdef, as kubeadm makes them. Where the next one begins, or NULL. */
const char *mask_find_bootstrap_token(const char *p, const char *end)
{
	const char *begin = p, *dot;

	while (end - p >= MASK_BOOTSTRAP_TOKEN_LEN &&
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
