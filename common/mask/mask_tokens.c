/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a token of a known form stands (mask_formats.c), JSON Web Tokens, kubeadm's bootstrap
 * tokens, and how long it is; mask_text.c masks them.
 */
#include <assert.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_formats_internal.h"
#include "common/mask/mask_pattern_internal.h"
#include "common/mask/mask_text_internal.h"

static struct mask_pattern patterns[MASK_FORMATS_MAX];
static struct mask_step steps[MASK_FORMATS_MAX * 8];
static bool random_tail[MASK_FORMATS_MAX];
/* Which bytes of its anchor a form is looked for by: from here two, or what is left of it. */
static uint8_t marks[MASK_FORMATS_MAX];

static uint16_t first_token[4096];	      /* by hash of these two bytes: index + 1 */
static uint16_t first_sign[256];	      /* by anchors of one byte: index + 1 */
static uint16_t next_token[MASK_FORMATS_MAX]; /* the next one with that hash: index + 1 */
static uint8_t tails[256];		      /* a bit for each enum mask_tail */

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

/* Of the first two bytes of an anchor. */
static inline size_t slot_of(char a, char b)
{
	uint32_t two = (uint32_t)(uint8_t)a << 8 | (uint8_t)b;

	return two * 0x9e3779b1u >> 20;
}

uint32_t mask_threes[65536 / 32];

static void add_three(const char *p)
{
	mask_threes[mask_three_at(p) / 32] |= 1u << mask_three_at(p) % 32;
}

/* What an anchor leaves open of the three bytes that begin at its mark may be any of its next step.
 */
static void add_threes(const struct mask_pattern *p, uint8_t mark)
{
	size_t n = p->anchor_len - mark < 3 ? (size_t)(p->anchor_len - mark) : 3;
	char three[3] = "";

	memcpy(three, p->anchor + mark, n);
	if (n == 3)
		add_three(three);
	for (int c = 0; c < 128 && n < 3; c++) {
		if (p->count > p->before && !mask_step_has(&p->steps[p->before], (char)c))
			continue;
		three[n] = (char)c;
		for (int d = 0; d < 256 && n == 1; d++) {
			three[2] = (char)d;
			add_three(three);
		}
		if (n == 2)
			add_three(three);
	}
}

/* How often a byte stands in texts of Kubernetes, roughly. */
static unsigned commonness(char c)
{
	static const char *const classes[] = {
		"~$|%#!:=+_jqxz", "0123456789kvw", "fgybu", "hmdlp-./"};

	if (is_upper(c))
		return 2;
	for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
		if (is_in(c, classes[i]))
			return i;
	}
	return 5;
}

/* The rarest two bytes of the anchor: the fewer places look like one, the faster are texts without.
 */
static uint8_t mark_of(const struct mask_pattern *p)
{
	unsigned least = UINT_MAX;
	uint8_t ret = 0;

	for (uint8_t i = 0; i + 1 < p->anchor_len; i++) {
		unsigned n = commonness(p->anchor[i]) + commonness(p->anchor[i + 1]);

		if (n < least) {
			least = n;
			ret = i;
		}
	}
	return ret;
}

static void add_to(size_t i, uint16_t *first)
{
	next_token[i] = *first;
	*first = (uint16_t)(i + 1);
}

/* The forms of the table; what cannot be read there is a mistake in it. */
static size_t read_formats(void)
{
	size_t used = 0, i;

	for (i = 0; mask_format(i); i++) {
		const struct mask_format *f = mask_format(i);
		const char *wrong = NULL;

		assert(i < MASK_FORMATS_MAX && used + MASK_STEPS_MAX <= ARRAY_LEN(steps));
		if (mask_pattern_read(f->form, &patterns[i], steps + used, &wrong) < 0) {
			fprintf(stderr, "form %s: %s\n", f->name, wrong);
			abort();
		}
		used += patterns[i].count;
		random_tail[i] = f->random;
	}
	return i;
}

void mask_tokens_init(void)
{
	size_t n = read_formats();

	for (size_t i = 0; i < n; i++) {
		const struct mask_pattern *p = &patterns[i];
		const char *two = p->anchor + (marks[i] = mark_of(p));

		add_to(i, p->anchor_len > 1 ? &first_token[slot_of(two[0], two[1])]
					    : &first_sign[(uint8_t)two[0]]);
		add_threes(p, marks[i]);
	}
	for (int c = 0; c < 256; c++)
		tails[c] = tails_of((char)c);
}

/* An anchor of one byte is looked for with each byte that may follow it. */
void mask_tokens_each_pair(void (*pair)(char a, char b))
{
	for (size_t i = 0; mask_format(i); i++) {
		const struct mask_pattern *p = &patterns[i];

		if (p->anchor_len > 1) {
			pair(p->anchor[marks[i]], p->anchor[marks[i] + 1]);
			continue;
		}
		for (int c = '!'; c < 127; c++) {
			if (mask_step_has(&p->steps[p->before], (char)c))
				pair(p->anchor[0], (char)c);
		}
	}
}

size_t mask_tail_len(const char *p, const char *end, enum mask_tail tail)
{
	const char *at = p;

	while (at < end && (tails[(uint8_t)*at] >> tail & 1))
		at++;
	return (size_t)(at - p);
}

/* How much behind a match of n bytes may still be a part of it. */
static size_t rest_len(const struct mask_pattern *p, const char *at, const char *end)
{
	const struct mask_step *last = p->count > p->before ? &p->steps[p->count - 1] : NULL;
	const char *begin = at;

	if (p->whole)
		return 0;
	while (at < end &&
		((tails[(uint8_t)*at] >> TAIL_URL & 1) || (last && mask_step_has(last, *at))))
		at++;
	return (size_t)(at - begin);
}

/* p: where the mark of the form's anchor is. */
static size_t token_len(
	size_t i, const char *begin, const char *p, const char *end, size_t *ret_before)
{
	const struct mask_pattern *pattern = &patterns[i];
	const char *anchor = p - marks[i], *behind = anchor + pattern->anchor_len, *to;
	size_t n = 0;

	if (p - begin >= marks[i] && *anchor == *pattern->anchor &&
		!(pattern->word && pattern->before == 0 && anchor > begin && is_alnum(anchor[-1])))
		n = mask_pattern_match(pattern, begin, anchor, end, ret_before);
	if (n == 0)
		return 0;
	to = anchor - *ret_before + n;
	n += rest_len(pattern, to, end);
	if (random_tail[i] && !mask_looks_random((struct span){behind, (size_t)(to - behind)}))
		return 0;
	*ret_before += marks[i];
	return n;
}

size_t mask_token_len(const char *begin, const char *p, const char *end, size_t *ret_before)
{
	size_t n;

	for (size_t i = first_token[slot_of(p[0], p[1])]; i > 0; i = next_token[i - 1]) {
		n = token_len(i - 1, begin, p, end, ret_before);
		if (n > 0)
			return n;
	}
	for (size_t i = first_sign[(uint8_t)*p]; i > 0; i = next_token[i - 1]) {
		n = token_len(i - 1, begin, p, end, ret_before);
		if (n > 0)
			return n;
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
