/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 as people write it. */
#pragma once

#include "common/base/util.h"

/* Room for what len bytes of base64 spell. */
#define MASK_BASE64_DECODED_MAX(len) ((len) / 4 * 3 + 4)

bool mask_may_be_base64(struct span s);
/* What s spells, written from begin on. */
struct span mask_decode_base64(struct span s, char *begin);
/* Does base64 spell text, to judge by its first eight bytes? */
bool mask_base64_is_text(struct span s);
