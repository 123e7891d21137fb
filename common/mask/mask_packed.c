/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes, decoded from base64 or hex, that are a secret or may hold one that is not looked for in
 * them: archives that are not opened here, private keys without a PEM head, key stores. And base32.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_layers_internal.h"

/* What bzip2, xz, zstd, lz4, 7-Zip and zip begin with. */
static bool is_archive(struct span s)
{
	static const struct span magic[] = {SPAN("BZh"),
		SPAN("\xfd"
		     "7zXZ"),
		SPAN("\x28\xb5\x2f\xfd"), SPAN("\x04\x22\x4d\x18"), SPAN("7z\xbc\xaf\x27\x1c"),
		SPAN("PK\x03\x04")};

	if (s.len < 16)
		return false;
	if (s.ptr[0] == 'B')
		return memcmp(s.ptr, "BZh", 3) == 0 && memcmp(s.ptr + 4, "1AY&SY", 6) == 0;
	for (size_t i = 1; i < ARRAY_LEN(magic); i++) {
		if (memcmp(s.ptr, magic[i].ptr, magic[i].len) == 0)
			return true;
	}
	return false;
}

/* A sequence that begins with version 0, 1 or 3: PKCS #1, PKCS #8, SEC 1, PKCS #12. Certificates
 * and public keys begin otherwise. */
static bool is_private_der(struct span s)
{
	const uint8_t *p = (const uint8_t *)s.ptr;
	size_t at = 2;

	if (s.len < 40 || p[0] != 0x30)
		return false;
	if (p[1] & 0x80)
		at += p[1] & 0x7f;
	return at <= 5 && p[at] == 2 && p[at + 1] == 1 &&
	       (p[at + 2] == 0 || p[at + 2] == 1 || p[at + 2] == 3) &&
	       (p[at + 3] == 2 || p[at + 3] == 4 || p[at + 3] == 0x30);
}

static bool is_key_store(struct span s)
{
	static const struct span magic[] = {
		SPAN("openssh-key-v1"), SPAN("\xfe\xed\xfe\xed"), SPAN("\xce\xce\xce\xce")};

	for (size_t i = 0; i < ARRAY_LEN(magic); i++) {
		if (s.len > 32 && memcmp(s.ptr, magic[i].ptr, magic[i].len) == 0)
			return true;
	}
	return false;
}

bool mask_is_packed(struct span s)
{
	return is_archive(s) || is_private_der(s) || is_key_store(s);
}

/* ---- base32 ---- */

#define BASE32_MIN 24

static int value_of(char c)
{
	if (is_upper(c))
		return c - 'A';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* The text that s spells in base32, in bytes (as many as s has); absent when it spells none. */
struct span mask_decode_base32(struct span s, char *bytes)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	while (s.len > 0 && s.ptr[s.len - 1] == '=')
		s.len--;
	if (s.len < BASE32_MIN)
		return (struct span){0};
	for (size_t i = 0; i < s.len; i++) {
		int v = value_of(s.ptr[i]);

		if (v < 0)
			return (struct span){0};
		bits = bits << 5 | (uint32_t)v;
		have += 5;
		if (have < 8)
			continue;
		have -= 8;
		bytes[n] = (char)(bits >> have);
		if (((uint8_t)bytes[n] < 0x20 || (uint8_t)bytes[n] > 0x7e) && !is_white(bytes[n]))
			return (struct span){0};
		n++;
	}
	return (struct span){bytes, n};
}
