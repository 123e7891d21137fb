/* SPDX-License-Identifier: Apache-2.0 */
/* Own names, paths and tokens, as read from the configuration (mask_config.c); asked by mask_own.c.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/mask/mask_pattern_internal.h"

#define MASK_SEGMENTS_MAX 32

struct own_pattern {
	char *text; /* lower case; * stands for any bytes */
};

struct own_path {
	const char *group, *resource, *kind; /* NULL: any */
	struct span
		segments[MASK_SEGMENTS_MAX]; /* unescaped; a value's "*" and "**" are wildcards */
	size_t segment_count;
};

struct own_token {
	const char *prefix; /* NULL: a form */
	size_t min_length;
	struct mask_pattern form;
};

struct mask_config {
	struct arena *arena; /* of everything here, this struct too */
	struct own_pattern *names, *keep;
	struct own_path *paths;
	struct own_token *tokens;
	size_t name_count, keep_count, path_count, token_count;
	bool program_only; /* exec commands: only the program's name is kept */
};

/* Errors: -1, with the first mistake as file:line:column, and how many there are. */
int mask_config_load(const char *file, struct mask_config **ret, struct err *e) _must_check_;
void mask_config_free(struct mask_config *c);
