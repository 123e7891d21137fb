/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648) and hex. Encoding leaves it to OpenSSL; decoding is ours, because OpenSSL's
 * skips white space and junk, and what is decoded here came from outside. */
#include "common/base/crypto.h"

#include <openssl/evp.h>

#include "common/base/hex.h"

#define BAD 0xff

void base64_put(struct buf *out, const void *data, size_t len)
{
	/* EVP_EncodeBlock takes an int and ends its output with a NUL. */
	const size_t step = 3 << 20;
	const uint8_t *in = data;

	for (size_t i = 0; i < len; i += step) {
		size_t n = len - i < step ? len - i : step;
		size_t text_len = (n + 2) / 3 * 4;
		char *text = buf_extend(out, text_len + 1);
		if (!text)
			return;
		EVP_EncodeBlock((unsigned char *)text, in + i, (int)n);
		out->len--;
	}
}

static uint8_t base64_value(char c, enum base64_kind kind)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	if (c == (kind == BASE64_URL ? '-' : '+'))
		return 62;
	if (c == (kind == BASE64_URL ? '_' : '/'))
		return 63;
	return BAD;
}

/* Digits without the padding; -1 when there are not as many as base64 can have. */
static int strip_padding(struct span in, enum base64_kind kind, struct span *ret)
{
	size_t pad = 0;

	while (pad < 2 && pad < in.len && in.ptr[in.len - 1 - pad] == '=')
		pad++;
	*ret = (struct span){in.ptr, in.len - pad};
	if (pad > 0 || kind == BASE64)
		return in.len % 4 == 0 ? 0 : -1;
	return ret->len % 4 == 1 ? -1 : 0;
}

int base64_decode_to(struct span in, enum base64_kind kind, void *dst, size_t *ret_len)
{
	struct span digits;
	uint32_t word = 0;
	unsigned bits = 0;
	uint8_t *out = dst;

	if (strip_padding(in, kind, &digits) < 0)
		return -1;
	for (size_t i = 0; i < digits.len; i++) {
		uint8_t v = base64_value(digits.ptr[i], kind);

		if (v == BAD)
			return -1;
		word = word << 6 | v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*out++ = (uint8_t)(word >> bits);
		}
	}
	*ret_len = (size_t)(out - (uint8_t *)dst);
	return 0;
}

int base64_decode(struct span in, enum base64_kind kind, struct arena *arena, struct span *ret)
{
	char *out = arena_alloc(arena, BASE64_ROOM(in.len));
	size_t len;

	if (!out || base64_decode_to(in, kind, out, &len) < 0)
		return -1;
	*ret = (struct span){out, len};
	return 0;
}

void hex_put(struct buf *out, const void *data, size_t len)
{
	char *text = buf_extend(out, len * 2);

	if (text)
		hex_write(text, data, len);
}

int hex_decode(struct span in, void *ret, size_t len)
{
	uint8_t *out = ret;

	if (in.len / 2 != len || in.len % 2 != 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int high = hex_value(in.ptr[2 * i]), low = hex_value(in.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
