/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RE2 for C: regular expressions in time that grows with the text, whatever the pattern. The syntax
 * is RE2's, as Kubernetes' CEL has it (github.com/google/re2/wiki/Syntax). Threads: any number may
 * search with one pattern. Nothing of C++ comes through: no exceptions, no types.
 */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cel_re2;

/* pattern: valid UTF-8. NULL: `error`, of error_cap bytes, says why. */
struct cel_re2 *cel_re2_new(const char *pattern, size_t len, char *error, size_t error_cap);
void cel_re2_free(struct cel_re2 *re); /* NULL is fine */
unsigned cel_re2_groups(const struct cel_re2 *re);

/* Instructions of the pattern. In the worst case each byte of a text meets each of them. */
unsigned cel_re2_instructions(const struct cel_re2 *re);

#define CEL_RE2_PAIRS_MAX 10

/*
 * The first match at or after `from`: 1 and, for the match and its groups, `pairs` times where it
 * begins and ends (SIZE_MAX: a group that took no part); 0 there is none; -1 no memory. `pairs` is
 * at most CEL_RE2_PAIRS_MAX; with 0 it is fastest. text is valid UTF-8.
 */
int cel_re2_search(const struct cel_re2 *re, const char *text, size_t len, size_t from, size_t *at,
	unsigned pairs);

#ifdef __cplusplus
}
#endif
