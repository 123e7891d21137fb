/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that a policy makes of a request carry what its sender wrote: secrets, whose place in
 * the request is what tells that they are some, and line breaks that would make lines of their own.
 */
#include "common/base/utf8.h"
#include "webhook/exchange_internal.h"

#define MESSAGE_MAX ((size_t)256 << 10)
#define OBJECT_MAX  ((size_t)32 << 20)

/* What masking hides in the request's objects. NULL: no memory. */
static struct mask_words *words_of(struct exchange *x)
{
	const struct policy_request *r = &x->request;
	const struct mask_target target = {r->api_group, r->resource, r->subresource};
	const json_ref objects[] = {r->object, r->old_object};
	_cleanup_(buf_free) struct buf out = BUF_INIT(OBJECT_MAX);
	_cleanup_(mask_words_freep) struct mask_words *words = mask_words_new();
	struct mask_result masked;

	for (size_t i = 0; words && i < ARRAY_LEN(objects); i++) {
		if (request_is_access(r) || objects[i] == JSON_NONE)
			continue;
		buf_reset(&out);
		mask_object_keeping(x->webhook->masker, r->doc, objects[i], target, words, x->arena,
			&out, &masked);
		if (out.failed || masked.whole)
			return NULL; /* not all of it was looked at */
	}
	return TAKE_PTR(words);
}

/* One line; what is invisible, or directs a terminal, is blanked. */
static struct span on_one_line(struct exchange *x, const struct buf *text)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(4 * MESSAGE_MAX);
	char *copy;

	utf8_put_printable(&line, buf_span(text));
	copy = line.failed || text->failed ? NULL : arena_strndup(x->arena, line.ptr, line.len);
	return (struct span){copy, copy ? line.len : 0};
}

/* words: what is to be hidden of it, beside what looks like a secret by itself; NULL: nothing. */
static struct span cleaned(struct exchange *x, struct span said, const struct mask_words *words)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(MESSAGE_MAX);
	struct mask_result masked;
	struct span line;

	mask_text_quoting(x->webhook->masker, said, words, x->arena, &out, &masked);
	line = on_one_line(x, &out);
	return line.len > 0 ? line : SPAN("[the rule's message cannot be shown: no memory]");
}

void exchange_clean_messages(struct exchange *x)
{
	struct policy_match *matches = (struct policy_match *)x->decision.matches;
	_cleanup_(mask_words_freep) struct mask_words *words = NULL;
	bool looked = false;

	for (size_t i = 0; i < x->decision.match_count; i++) {
		if (!matches[i].quotes)
			continue;
		if (matches[i].quotes_object && !looked) {
			words = words_of(x);
			looked = true;
		}
		if (matches[i].quotes_object && !words)
			matches[i].message = SPAN("[the rule's message cannot be shown: it quotes "
						  "the request, which cannot be looked through for "
						  "secrets]");
		else
			matches[i].message = cleaned(x, matches[i].message, words);
	}
}
