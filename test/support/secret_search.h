/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a secret still there, in any of the forms in which programs write things down? Plain, base64
 * and base64url (also of a text that the secret stands in the middle of), percent-escaped,
 * JSON-escaped, hex.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/util.h"

#define SECRET_FORM_MAX 2048

static inline bool search_for(struct span in, const char *form, size_t len)
{
	return len >= 4 && memmem(in.ptr, in.len, form, len) != NULL;
}

/* Without the characters at either end that depend on what stands beside the secret. */
static inline size_t base64_form(struct span secret, size_t shift, bool url, char *ret)
{
	const char *letters =
		url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		    : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t bits = secret.len * 8, n = 0;

	for (size_t bit = shift * 2; bit + 6 <= bits; bit += 6) {
		unsigned v = 0;

		for (size_t i = bit; i < bit + 6; i++)
			v = v << 1 | ((uint8_t)secret.ptr[i / 8] >> (7 - i % 8) & 1);
		ret[n++] = letters[v];
	}
	return n;
}

static inline size_t escaped_form(struct span secret, bool json, char *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < secret.len; i++) {
		unsigned char c = (unsigned char)secret.ptr[i];
		bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			     strchr("-_.~", c);

		if (json && (c == '"' || c == '\\'))
			n += (size_t)sprintf(ret + n, "\\%c", c);
		else if (json && strchr("<>&", c))
			n += (size_t)sprintf(ret + n, "\\u%04x", c);
		else if (json || plain)
			ret[n++] = (char)c;
		else
			n += (size_t)sprintf(ret + n, "%%%02X", c);
	}
	return n;
}

static inline size_t hex_form(struct span secret, bool upper, char *ret)
{
	for (size_t i = 0; i < secret.len; i++)
		sprintf(ret + 2 * i, upper ? "%02X" : "%02x", (unsigned char)secret.ptr[i]);
	return secret.len * 2;
}

/* The form in which the secret is found, or NULL. Secrets are at most 300 bytes. */
static inline const char *secret_found(struct span in, struct span secret)
{
	char form[SECRET_FORM_MAX];

	if (search_for(in, secret.ptr, secret.len))
		return "plain";
	for (size_t shift = 0; shift < 3; shift++) {
		if (search_for(in, form, base64_form(secret, shift, false, form)))
			return "base64";
		if (search_for(in, form, base64_form(secret, shift, true, form)))
			return "base64url";
	}
	if (search_for(in, form, escaped_form(secret, false, form)))
		return "percent-escaped";
	if (search_for(in, form, escaped_form(secret, true, form)))
		return "JSON-escaped";
	if (search_for(in, form, hex_form(secret, false, form)) ||
		search_for(in, form, hex_form(secret, true, form)))
		return "hex";
	return NULL;
}
