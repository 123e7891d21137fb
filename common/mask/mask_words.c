/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What masking took out of a request, kept in memory so that texts made of that request lose it
 * too: a word that is masked where it stands in a command line says nothing of itself where a
 * message quotes it.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_text_internal.h"

#define WORDS_MAX  4096
#define BYTES_MAX  ((size_t)2 << 20)
#define WORD_MIN   3  /* shorter ones are in half of all words */
#define ANYWHERE   8  /* bytes: shorter ones only where they are words of their own */
#define PREFIX_MIN 16 /* of a word that the end of a text cuts */
#define WORD_MAX   ((size_t)64 << 10)

struct word {
	struct span text;      /* as it stood there, escapes resolved */
	struct span value;     /* of which its pseudonym is made: base64 decoded */
	struct span pseudonym; /* of value */
};

struct mask_words {
	struct arena *arena;
	struct word *words;
	size_t count, cap, bytes;
	bool full;
};

struct mask_words *mask_words_new(void)
{
	return calloc(1, sizeof(struct mask_words));
}

void mask_words_free(struct mask_words *w)
{
	if (!w)
		return;
	arena_free(w->arena);
	free(w->words);
	free(w);
}

static int make_room(struct mask_words *w, size_t bytes)
{
	size_t cap = w->cap ? w->cap * 2 : 16;
	struct word *words;

	if (w->count == WORDS_MAX || w->bytes + bytes > BYTES_MAX)
		return -1;
	if (!w->arena)
		w->arena = arena_new(4096, BYTES_MAX + WORDS_MAX * 32 + 65536);
	if (!w->arena)
		return -1;
	if (w->count < w->cap)
		return 0;
	words = realloc(w->words, cap * sizeof(*words));
	if (!words)
		return -1;
	w->words = words;
	w->cap = cap;
	return 0;
}

static bool is_kept(const struct mask_words *w, struct span text)
{
	for (size_t i = w->count > 8 ? w->count - 8 : 0; i < w->count; i++)
		if (span_eq(w->words[i].text, text))
			return true;
	return false;
}

static struct span copy(struct mask_words *w, struct span s)
{
	char *p = arena_strndup(w->arena, s.ptr, s.len);

	w->full |= !p;
	return (struct span){p, p ? s.len : 0};
}

void mask_words_add(
	struct mask_words *w, struct span text, struct span value, struct span pseudonym)
{
	struct word word;
	bool same = text.ptr == value.ptr && text.len == value.len;

	text = trim_white(text);
	if (text.len < WORD_MIN || is_kept(w, text))
		return;
	text.len = text.len < WORD_MAX ? text.len : WORD_MAX;
	value.len = value.len < WORD_MAX ? value.len : WORD_MAX;
	if (w->full || make_room(w, text.len + value.len) != 0) {
		w->full = true;
		return;
	}
	word.text = copy(w, text);
	word.value = same && text.len == value.len ? word.text : copy(w, value);
	word.pseudonym = copy(w, pseudonym);
	if (w->full)
		return;
	w->bytes += text.len + value.len;
	w->words[w->count++] = word;
	/* What base64 spelt may be quoted as well. */
	if (!same && !span_eq(text, value))
		mask_words_add(w, value, value, pseudonym);
}

bool mask_words_find(const struct mask_words *w, struct span pseudonym, struct span *ret_value)
{
	for (size_t i = 0; w && i < w->count; i++) {
		if (!span_eq(w->words[i].pseudonym, pseudonym))
			continue;
		*ret_value = w->words[i].value;
		return true;
	}
	return false;
}

/* ---- in a text ---- */

/* Most texts are short: a set of all pairs would take longer to empty than they to be searched. */
#define PAIR_BITS 4096

struct searched {
	struct span text;
	uint8_t pairs[PAIR_BITS /
		      8]; /* which two bytes, or others of their bit, follow each other */
};

static unsigned pair_at(const char *p)
{
	return ((unsigned)(uint8_t)p[0] * 37 + (uint8_t)p[1]) % PAIR_BITS;
}

static void note_pairs(struct searched *s, struct span text)
{
	s->text = text;
	memset(s->pairs, 0, sizeof(s->pairs));
	for (size_t i = 0; i + 1 < text.len; i++)
		s->pairs[pair_at(text.ptr + i) / 8] |= (uint8_t)(1u << (pair_at(text.ptr + i) % 8));
}

static bool may_have(const struct searched *s, struct span word)
{
	unsigned pair = pair_at(word.ptr);

	return s->pairs[pair / 8] & (1u << (pair % 8));
}

static bool is_apart(struct span text, size_t off, size_t len)
{
	return (off == 0 || !is_alnum(text.ptr[off - 1])) &&
	       (off + len == text.len || !is_alnum(text.ptr[off + len]));
}

/* Where the word, or at the text's end its beginning, stands from `from` on; its length, or 0. */
static size_t find(struct span text, size_t from, struct span word, size_t *ret_off)
{
	size_t least = word.len < PREFIX_MIN ? word.len : PREFIX_MIN;

	while (from < text.len) {
		const char *p = memmem(text.ptr + from, text.len - from, word.ptr, least);
		size_t off, len = least;

		if (!p)
			return 0;
		off = (size_t)(p - text.ptr);
		while (len < word.len && off + len < text.len && p[len] == word.ptr[len])
			len++;
		*ret_off = off;
		if ((len == word.len || off + len == text.len) &&
			(word.len >= ANYWHERE || is_apart(text, off, len)))
			return len;
		from = off + 1;
	}
	return 0;
}

int mask_words_in(struct mask_frame *f, const struct mask_words *w)
{
	struct searched *s;

	if (!w || (w->count == 0 && !w->full) || f->text.len < WORD_MIN)
		return 0;
	if (w->full)
		return mask_range(f, 0, f->text.len, RULE_UNREADABLE);
	s = arena_alloc(f->ctx->arena, sizeof(*s));
	if (!s)
		return -1;
	note_pairs(s, f->text);
	for (size_t i = 0; i < w->count; i++) {
		const struct word *word = &w->words[i];
		size_t at = 0, off, len;

		if (!may_have(s, word->text))
			continue;
		for (; (len = find(s->text, at, word->text, &off)) > 0; at = off + len)
			if (mask_edit_add(f, off, len, word->value, RULE_QUOTED_WORD, 0) < 0)
				return -1;
	}
	return 0;
}
