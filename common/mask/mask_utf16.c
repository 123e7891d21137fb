/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in UTF-16, as Windows writes them into base64 (PowerShell's -EncodedCommand, exported
 * keys).
 */
#include "common/base/utf8.h"
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_layers_internal.h"

enum order { NOT_UTF16, LITTLE_ENDIAN_FIRST, BIG_ENDIAN_FIRST };

#define UNITS_JUDGED 8

static unsigned unit_at(struct span s, size_t i, enum order order)
{
	unsigned a = (uint8_t)s.ptr[i], b = (uint8_t)s.ptr[i + 1];

	return order == LITTLE_ENDIAN_FIRST ? a | b << 8 : a << 8 | b;
}

/* Do the first characters come from ASCII? */
static bool begins_in(struct span s, enum order order)
{
	for (size_t i = 0; i < 2 * UNITS_JUDGED; i += 2) {
		unsigned c = unit_at(s, i, order);

		if (c > 0x7e || (c < 0x20 && !is_white((char)c)))
			return false;
	}
	return true;
}

static enum order order_of(struct span s)
{
	if (s.len < 2 * UNITS_JUDGED)
		return NOT_UTF16;
	if (memcmp(s.ptr, "\xff\xfe", 2) == 0)
		return LITTLE_ENDIAN_FIRST;
	if (memcmp(s.ptr, "\xfe\xff", 2) == 0)
		return BIG_ENDIAN_FIRST;
	if (begins_in(s, LITTLE_ENDIAN_FIRST))
		return LITTLE_ENDIAN_FIRST;
	return begins_in(s, BIG_ENDIAN_FIRST) ? BIG_ENDIAN_FIRST : NOT_UTF16;
}

bool mask_is_utf16(struct span s)
{
	return order_of(s) != NOT_UTF16;
}

struct span mask_from_utf16(struct span s, struct arena *arena)
{
	enum order order = order_of(s);
	char *begin = arena_alloc(arena, s.len / 2 * 3 + 1), *out = begin;

	for (size_t i = 0; begin && i + 1 < s.len; i += 2) {
		unsigned c = unit_at(s, i, order);

		/* Halves of pairs become three bytes each: they only keep their places. */
		if (c != 0xfeff)
			out += utf8_encode(c, out);
	}
	return (struct span){begin, (size_t)(out - begin)};
}
