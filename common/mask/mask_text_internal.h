/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns in free text. */
#pragma once

#include "common/mask/mask_walk_internal.h"

/* How far patterns look back for what a place belongs to, and ahead for the end of a URL or a
 * quote: without a bound a text of nothing but beginnings would cost the square of its length. */
#define MASK_LOOK_MAX 1024

/*
 * Can nothing hide in this text, escapes resolved? The quick answer that spares most strings a
 * frame; false when in doubt.
 */
bool mask_is_plain(const struct masker *m, struct span text);
/* The next offset in text, from at on, at which a pattern may begin; text.len if there is none. */
size_t mask_next_place(const struct masker *m, struct span text, size_t at);
/* Masks what patterns find in f->text[off..off+len). */
int mask_scan(struct mask_frame *f, size_t off, size_t len) _must_check_;
/* The same for tokens of a known form alone, in the whole text of f. */
int mask_scan_tokens(struct mask_frame *f) _must_check_;
/* Length of the words with which a message introduces a value that it quotes ("Invalid value: ").
 */
size_t mask_quoting_words(const char *p, const char *end);
/* CSV whose first line names a secret, INSERT INTO t (password) VALUES: mask_table.c. */
bool mask_has_secret_column(const struct masker *m, struct span text);
int mask_csv(struct mask_frame *f, size_t off, size_t len) _must_check_;
bool mask_is_insert(const struct masker *m, const char *begin, const char *p, const char *end);
int mask_insert(
	struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end) _must_check_;
/* Does p stand behind :// in one word? */
bool mask_url_before(const char *begin, const char *p);
/* Does a function that decodes base64 stand before the bracket at p? */
bool mask_is_decoder(const char *begin, const char *p);
/* The password that the byte at p, before one of its signs, is a part of; of no length if none. */
struct span mask_password_at(const char *begin, const char *p, const char *end);
#define MASK_BOOTSTRAP_TOKEN_LEN 23
/* Where the next bootstrap token (abcdef.0123456789abcdef) begins, or NULL. */
const char *mask_find_bootstrap_token(const char *p, const char *end);

enum mask_tail {
	TAIL_ALNUM,
	TAIL_URL,
	TAIL_UPPER,
	TAIL_HEX,
	TAIL_BASE64,
	TAIL_CRYPT,
	TAIL_URI, /* all that does not end a URI in a text */
};
/* How many bytes from p on may go on a token of that alphabet. */
size_t mask_tail_len(const char *p, const char *end, enum mask_tail tail);
/* A JSON Web Token of n bytes at p whose parts are not joined by a dot alone, 0 if there is none.
 */
size_t mask_broken_jwt_len(const char *p, const char *end, size_t n);
/* A JSON Web Token, also when it was broken into lines where there was no dot. */
size_t mask_wrapped_jwt_len(const char *p, const char *end);
/* Length of the token of a known form whose anchor is at p, 0 if none is there; *ret_before: how
 * many bytes of it stand before p. p + 1 < end. */
size_t mask_token_len(const char *begin, const char *p, const char *end, size_t *ret_before);
/* A bit for each three bytes, by hash, with which a form begins at its mark. */
extern uint32_t mask_threes[65536 / 32];

static inline unsigned mask_three_at(const char *p)
{
	uint32_t three = (uint32_t)(uint8_t)p[0] << 16 | (uint32_t)(uint8_t)p[1] << 8 |
			 (uint32_t)(uint8_t)p[2];

	return three * 0x9e3779b1u >> 16;
}

/* Rules most places out by three bytes; p: a pair of mask_tokens_each_pair(). */
static inline bool mask_token_may_be(const char *p, const char *end)
{
	return end - p > 2 && (mask_threes[mask_three_at(p) / 32] >> mask_three_at(p) % 32 & 1);
}

/* The first two bytes of each anchor. */
void mask_tokens_each_pair(void (*pair)(char a, char b));

/* Does a name stand before the separator (=, :, >) at sep that makes its value worth a look? */
bool mask_is_separator(const struct masker *m, const char *begin, const char *sep, const char *end);
/* name=value, name: value, name>value at the separator text[sep]; *ret_end: where to go on. */
int mask_assignment(
	struct mask_frame *f, size_t begin, size_t end, size_t sep, size_t *ret_end) _must_check_;
/* " --name value" where text[off] is the first dash. */
int mask_option(
	struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end) _must_check_;
/* Does the program behind the '|' at p take a secret from its input? Then what echo or printf
 * writes into it is masked. */
bool mask_takes_secret(const char *p, const char *end);
int mask_piped_into(struct mask_frame *f, size_t begin, size_t end, size_t pipe) _must_check_;
/* Does p, the '/' behind the name of a user, stand where a sentence tells how to log in? */
bool mask_after_login(const char *begin, const char *p);
/* Has the word a digit, or a capital or sign in its middle? */
bool mask_is_no_prose(struct span word);
/* echo x | base64 -d at text[off]: the base64 that is written into it. */
int mask_piped_base64(
	struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end) _must_check_;
/* A whole text: patterns, manifests of Secrets, layers. */
int mask_text_frame(struct mask_frame *f, struct mask_where w) _must_check_;

/* Keeps what was masked: the text as it stood there, and the value that made the pseudonym. */
void mask_words_add(
	struct mask_words *w, struct span text, struct span value, struct span pseudonym);
/* Masks what was kept wherever f's text quotes it. w may be NULL. */
int mask_words_in(struct mask_frame *f, const struct mask_words *w) _must_check_;

/* Tables, see mask_names_internal.h. plain after tokens. */
void mask_tokens_init(void);
void mask_plain_init(void);
