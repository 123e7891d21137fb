/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the own rules of a configuration. */
#pragma once

#include "common/mask/mask_walk_internal.h"

/* Sets *ret for a name that the configuration speaks about; false: it does not. */
bool mask_own_name(const struct mask_config *c, struct span name, struct mask_name *ret);
bool mask_own_has_tokens(const struct mask_config *c);
/* Length of an own token that is found at text[off], 0 if none; *ret_before: how many bytes of it
 * stand before that. */
size_t mask_own_token(
	const struct mask_config *c, struct span text, size_t off, size_t *ret_before);
/* Adds to f->wanted what own paths name in obj. */
int mask_own_paths(const struct mask_config *c, struct mask_frame *f, json_ref obj,
	const struct mask_shape *s, bool is_target) _must_check_;
/* Exec commands: only the program's name is kept. */
bool mask_own_program_only(const struct mask_config *c);
