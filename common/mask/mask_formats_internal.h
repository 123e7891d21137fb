/* SPDX-License-Identifier: Apache-2.0 */
/* The table of known forms of tokens. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define MASK_FORMATS_MAX 512

struct mask_format {
	const char *name, *issuer;
	const char *form; /* see mask_pattern_internal.h */
	const char *source;
	bool random; /* and must look random behind its anchor */
};

/* By number; NULL behind the last one. */
const struct mask_format *mask_format(size_t i);
