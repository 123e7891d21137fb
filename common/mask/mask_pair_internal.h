/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name and the value that stands beside it in a text: what the files that find such pairs share
 * (mask_assign.c, mask_option.c), and where the value ends (mask_pair.c).
 */
#pragma once

#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_frame_internal.h"
#include "common/mask/mask_names_internal.h"

/* A name and its value in text[begin..end). Whoever finds the name sets the other offsets up to the
 * separator. */
struct pair {
	struct mask_frame *f;
	const char *text;
	size_t begin, end;
	size_t name, name_end; /* without quotes */
	size_t sep;
	size_t value, value_end;
	bool closed_quote; /* the name has quotes of its own: "name": */
};

static inline bool is_name_byte(char c)
{
	return is_alnum(c) || c == '_' || c == '-' || c == '.' || (uint8_t)c >= 0x80;
}

static inline struct span pair_name(const struct pair *p)
{
	return (struct span){p->text + p->name, p->name_end - p->name};
}

/* Only indentation, a list dash, "export" or a comment sign stand before the name. */
bool pair_begins_line(const struct pair *p);
/* Finds the value behind the separator. False: no value, or one that cannot be a secret's. */
bool pair_find_value(struct pair *p);
/* A quoted value at p->value: the quotes stay, what is between them goes. False: it is none. */
bool pair_find_quoted_value(struct pair *p);
/* The end of a shell word, quotes and escaped blanks included. stops: other bytes that end it, of
 * those that breaks_word() knows. */
size_t pair_end_of_word(const struct pair *p, size_t at, const char *stops);
/* The word before the blank at p->sep, p->name, is of a command or sentence in which a secret
 * follows (mask_idiom.c). *ret_done: it was. */
int mask_idiom(struct mask_frame *f, struct pair *p, size_t *ret_end, bool *ret_done) _must_check_;
/* The values that a command of vault's writes; p->name is "vault". */
int mask_vault(struct mask_frame *f, struct pair *p, size_t *ret_end) _must_check_;
/* Masks the value, unless there is none, or it is one that holds no secret ("true", "$NAME"). class
 * is the name's. */
int pair_mask(struct mask_frame *f, const struct pair *p, enum name_class class,
	enum mask_rule rule) _must_check_;
