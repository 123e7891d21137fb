/* SPDX-License-Identifier: Apache-2.0 */
/* RE2's syntax of regular expressions, written for PCRE2. Inside the CEL engine only. */
#pragma once

#include "policy/cel/value_internal.h"

#define CEL_PATTERN_MAX 4096

/*
 * Writes to out what means to PCRE2 (UTF, no UCP, newline LF) what pattern, valid UTF-8, means to
 * RE2. Errors: whatever RE2 refuses, and a pattern too long or too deep.
 */
int cel_pattern_translate(struct span pattern, struct buf *out, struct err *e);
