/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_pattern_internal.h"

/* ---- reading ---- */

struct reader {
	const char *at;
	struct mask_pattern *ret;
	const char *wrong;
	bool anchored; /* the anchor is complete */
};

static bool fail(struct reader *r, const char *wrong)
{
	r->wrong = wrong;
	return false;
}

static void add_byte(struct mask_step *s, char c)
{
	s->set[(uint8_t)c / 64] |= UINT64_C(1) << (uint8_t)c % 64;
}

/* A byte that stands for itself, perhaps behind a backslash. */
static bool read_byte(struct reader *r, char *ret)
{
	if (*r->at == '\\')
		r->at++;
	if (*r->at <= ' ' || *r->at > '~')
		return fail(r, "only printable ASCII stands in a form, and no blank");
	*ret = *r->at++;
	return true;
}

/* [0-9a-f_-] */
static bool read_set(struct reader *r, struct mask_step *s)
{
	for (r->at++; *r->at != ']';) {
		char from, to;

		if (!*r->at || !read_byte(r, &from))
			return fail(r, "a set ends with ]");
		to = from;
		if (r->at[0] == '-' && r->at[1] && r->at[1] != ']') {
			r->at++;
			if (!read_byte(r, &to) || to < from)
				return fail(r, "a range goes from the lower byte to the higher");
		}
		for (unsigned c = (uint8_t)from; c <= (uint8_t)to; c++)
			add_byte(s, (char)c);
	}
	r->at++;
	return s->set[0] || s->set[1] ? true : fail(r, "a set is not empty");
}

static bool read_number(struct reader *r, uint16_t *ret)
{
	unsigned n = 0;

	if (!is_digit(*r->at))
		return fail(r, "a repeat is {n}, {n,} or {n,m}");
	while (is_digit(*r->at) && n <= MASK_REPEAT_MAX)
		n = n * 10 + (unsigned)(*r->at++ - '0');
	if (n > MASK_REPEAT_MAX)
		return fail(r, "a repeat is 4096 at most");
	*ret = (uint16_t)n;
	return true;
}

/* {36}, {20,}, {3,30}; once without. */
static bool read_repeat(struct reader *r, struct mask_step *s)
{
	s->min = s->max = 1;
	if (*r->at != '{')
		return true;
	r->at++;
	if (!read_number(r, &s->min))
		return false;
	s->max = s->min;
	if (*r->at == ',') {
		r->at++;
		s->max = MASK_REPEAT_MAX;
		if (*r->at != '}' && !read_number(r, &s->max))
			return false;
	}
	if (*r->at++ != '}')
		return fail(r, "a repeat ends with }");
	return s->max > 0 && s->max >= s->min ? true : fail(r, "a repeat goes up");
}

static bool add_step(struct reader *r, const struct mask_step *s)
{
	if (r->ret->count == MASK_STEPS_MAX)
		return fail(r, "a form has 24 steps at most");
	r->ret->steps[r->ret->count++] = *s;
	return true;
}

/* The run of bytes that stand for themselves becomes the anchor, or steps like others. */
static bool read_literal(struct reader *r)
{
	char text[MASK_ANCHOR_MAX] = "";
	uint8_t n = 0;

	while (*r->at && *r->at != '[' && !(r->at[0] == '\\' && r->at[1] == 'b')) {
		if (is_in(*r->at, "{}()*+?|^.$"))
			return fail(
				r, "of regular expressions only sets, repeats and \\b are known");
		if (n == MASK_ANCHOR_MAX)
			return fail(r, "too many bytes in a row stand for themselves");
		if (!read_byte(r, &text[n++]))
			return false;
	}
	if (!r->anchored && (n >= 2 || !is_alnum(text[0]))) {
		r->anchored = true;
		memcpy(r->ret->anchor, text, n);
		r->ret->anchor_len = n;
		r->ret->before = r->ret->count;
		return true;
	}
	for (uint8_t i = 0; i < n; i++) {
		struct mask_step s = {.min = 1, .max = 1};

		add_byte(&s, text[i]);
		if (!add_step(r, &s))
			return false;
	}
	return true;
}

static bool read_steps(struct reader *r)
{
	while (*r->at) {
		struct mask_step s = {0};

		if (r->at[0] == '\\' && r->at[1] == 'b') {
			r->at += 2;
			r->ret->whole = *r->at == '\0';
			if (!r->ret->whole)
				return fail(r, "\\b stands at the beginning or the end");
		} else if (*r->at != '[') {
			if (!read_literal(r))
				return false;
		} else if (!read_set(r, &s) || !read_repeat(r, &s) || !add_step(r, &s)) {
			return false;
		}
	}
	return true;
}

static bool is_bounded(struct reader *r)
{
	size_t before = 0;

	if (!r->anchored)
		return fail(r, "two bytes in a row, or a sign, must stand for themselves");
	for (uint8_t i = 0; i < r->ret->before; i++)
		before += r->ret->steps[i].max;
	return before <= MASK_BACKWARD_MAX
		       ? true
		       : fail(r, "at most 96 bytes stand before those that stand for themselves");
}

int mask_pattern_read(
	const char *text, struct mask_pattern *ret, struct mask_step *steps, const char **ret_wrong)
{
	struct reader r = {.at = text, .ret = ret};

	*ret = (struct mask_pattern){.steps = steps};
	if (r.at[0] == '\\' && r.at[1] == 'b') {
		ret->word = true;
		r.at += 2;
	}
	if (read_steps(&r) && is_bounded(&r))
		return 0;
	*ret_wrong = r.wrong;
	return -1;
}

/* ---- matching ---- */

static bool is_word(char c)
{
	return is_alnum(c) || c == '_';
}

static size_t forward(const struct mask_step *s, const char *p, const char *end)
{
	size_t n = 0, max = (size_t)(end - p) < s->max ? (size_t)(end - p) : s->max;

	while (n < max && mask_step_has(s, p[n]))
		n++;
	return n;
}

static size_t backward(const struct mask_step *s, const char *begin, const char *p)
{
	size_t n = 0, max = (size_t)(p - begin) < s->max ? (size_t)(p - begin) : s->max;

	while (n < max && mask_step_has(s, p[-(ptrdiff_t)n - 1]))
		n++;
	return n;
}

size_t mask_pattern_match(const struct mask_pattern *p, const char *begin, const char *at,
	const char *end, size_t *ret_before)
{
	const char *from = at, *to = at + p->anchor_len;
	size_t n;

	if (!begins(at, end, (struct span){p->anchor, p->anchor_len}))
		return 0;
	for (uint8_t i = p->before; i < p->count; i++) {
		n = forward(&p->steps[i], to, end);
		if (n < p->steps[i].min)
			return 0;
		to += n;
	}
	for (uint8_t i = p->before; i-- > 0;) {
		n = backward(&p->steps[i], begin, from);
		if (n < p->steps[i].min)
			return 0;
		from -= n;
	}
	if (p->word && from > begin && is_alnum(from[-1]))
		return 0;
	if (p->whole && to < end && is_word(*to))
		return 0;
	*ret_before = (size_t)(at - from);
	return (size_t)(to - from);
}
