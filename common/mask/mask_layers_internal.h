/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in another form: JSON in a string, base64, gzip, hex, percent escapes, UTF-16. */
#pragma once

#include "common/mask/mask_walk_internal.h"

#define MASK_LAYER_BYTES_MAX (32u << 20) /* decoded bytes in all, each call */
#define MASK_LAYER_NODES_MAX (1u << 20)	 /* tape nodes of one text inside a text */

/* May text be JSON, base64, gzip, hex or percent-escaped? False when it surely is not. */
bool mask_may_be_layered(const struct masker *m, struct span text);
/* Is there a secret in what the base64 f->text[off..off+len) spells? Then it is masked. */
int mask_base64_run(struct mask_frame *f, size_t off, size_t len) _must_check_;
/* Is a decoded text UTF-16, in either order of bytes, and what does it spell? Absent when the arena
 * is full. (mask_utf16.c) */
bool mask_is_utf16(struct span s);
struct span mask_from_utf16(struct span s, struct arena *arena);
/* Decoded bytes that are a private key, or an archive that is not opened here? (mask_packed.c) */
bool mask_is_packed(struct span s);
/* The text that s spells in base32, written to bytes (room for as many as s has); absent when it
 * spells none. */
struct span mask_decode_base32(struct span s, char *bytes);
