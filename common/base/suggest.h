/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean …?": the name that somebody may have meant. */
#pragma once

#include "common/base/util.h"

/*
 * Edits that turn a into b: a character more, less or another one, or two neighbours swapped; case
 * counts as none. UINT32_MAX for words of more than 64 bytes: nobody mistypes those.
 */
unsigned edit_distance(struct span a, struct span b);

/* The nearest of the names, if it is near enough to be a slip; NULL if none is. */
const char *suggest(struct span word, const char *const *names, size_t count);
