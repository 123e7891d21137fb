/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of a change hides: how many masked values, how long they are, and which signs that a
 * shell or a client obeys are in them. */
#include "webhook/hold/hold_change_internal.h"

#define PSEUDONYM "[masked hmac-sha256:"

struct hidden {
	size_t values, bytes, unknown;
	unsigned contains; /* bits, see signs[] */
};

/* What a shell or a client obeys. */
static const char *const signs[] = {"$(", "`", "|", ";", "&&", ">", "<", "://", "${"};

static void look_for_signs(struct hidden *h, struct span value)
{
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (memmem(value.ptr, value.len, signs[i], strlen(signs[i])))
			h->contains |= 1u << i;
}

/* "[masked hmac-sha256:0123456789abcdef len:12]": 12. */
static size_t said_len(struct span pseudonym)
{
	const char *p = memmem(pseudonym.ptr, pseudonym.len, " len:", 5);
	size_t n = 0;

	for (p = p ? p + 5 : pseudonym.ptr; *p >= '0' && *p <= '9' && n < 1000000000; p++)
		n = n * 10 + (size_t)(*p - '0');
	return n;
}

/* One that masking did not keep: too short to hide a command, one of very many, or not of its
 * making. */
static void count_unknown(struct hidden *h, struct span pseudonym)
{
	size_t len = said_len(pseudonym);

	h->bytes += len;
	h->unknown += len > 2;
}

/* The pseudonyms in a value's text, and what they stand for. */
static void find_hidden(struct view *v, struct hidden *h, struct span text)
{
	const char *p = text.ptr, *end = text.ptr ? text.ptr + text.len : NULL;

	while (p && p < end &&
		(p = memmem(p, (size_t)(end - p), PSEUDONYM, sizeof(PSEUDONYM) - 1))) {
		const char *stop = memchr(p, ']', (size_t)(end - p));
		struct span pseudonym = {p, stop ? (size_t)(stop + 1 - p) : 0}, value;

		p += sizeof(PSEUDONYM) - 1;
		if (!stop)
			continue;
		h->values++;
		if (!mask_words_find(v->words, pseudonym, &value)) {
			count_unknown(h, pseudonym);
			continue;
		}
		h->bytes += value.len;
		look_for_signs(h, value);
	}
}

void hold_change_put_hidden(struct view *v, const struct line *l)
{
	struct hidden h = {0};
	bool first = true;

	if (l->kind != LINE_VALUE)
		return;
	if (l->before != JSON_NONE)
		find_hidden(v, &h, json_text(&v->before.doc, l->before));
	if (l->after != JSON_NONE)
		find_hidden(v, &h, json_text(&v->after.doc, l->after));
	if (h.values == 0)
		return;
	buf_printf(v->out, ",\"hidden\":{\"values\":%zu,\"bytes\":%zu", h.values, h.bytes);
	if (h.unknown > 0)
		buf_printf(v->out, ",\"unknown\":%zu", h.unknown);
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		if (!(h.contains & (1u << i)))
			continue;
		buf_add_str(v->out, first ? ",\"contains\":[" : ",");
		json_put_string(v->out, span_of(signs[i]));
		first = false;
	}
	buf_add_str(v->out, first ? "}" : "]}");
}
