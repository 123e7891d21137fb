/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of tokens: a small part of regular expressions, matched without ever going back, so that a
 * match costs no more than the bytes it takes.
 *
 *	ghp_[0-9A-Za-z]{36}	bytes that stand for themselves, sets of bytes and how often
 *	\bA3-[0-9A-Z]{6}\b	\b: no letter, digit or _ stands before (behind); \. \$ \|: the byte
 *
 * Somewhere in it two bytes or more, or one that is neither letter nor digit, must stand for
 * themselves: by the first such bytes, its anchor, the form is looked for. What stands before the
 * anchor is matched backwards from there.
 */
#pragma once

#include "common/base/buf.h"

#define MASK_STEPS_MAX	  24
#define MASK_REPEAT_MAX	  4096
#define MASK_ANCHOR_MAX	  48
#define MASK_BACKWARD_MAX 96 /* bytes before the anchor */

struct mask_step {
	uint64_t set[2]; /* a bit for each byte of ASCII */
	uint16_t min, max;
};

struct mask_pattern {
	char anchor[MASK_ANCHOR_MAX];
	uint8_t anchor_len;
	uint8_t before;	  /* steps before the anchor */
	uint8_t count;	  /* all steps, those of the anchor left out */
	bool word, whole; /* \b at its beginning, at its end */
	struct mask_step *steps;
};

/* steps: room for MASK_STEPS_MAX. Errors: -1, and what is wrong with the text. */
int mask_pattern_read(const char *text, struct mask_pattern *ret, struct mask_step *steps,
	const char **ret_wrong) _must_check_;

/* A match at the anchor at p, in begin..end: its length, 0 if there is none. *ret_before: how many
 * bytes of it stand before p. What follows it may still be a part of it and is not in the length.
 */
size_t mask_pattern_match(const struct mask_pattern *p, const char *begin, const char *at,
	const char *end, size_t *ret_before);

static inline bool mask_step_has(const struct mask_step *s, char c)
{
	uint8_t b = (uint8_t)c;

	return b < 128 && (s->set[b / 64] >> b % 64 & 1);
}
