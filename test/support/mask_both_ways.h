/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string in JSON is masked only when the quick look at it finds a place where a pattern may
 * begin; a free text is always looked at closely. The same text must come out the same both ways.
 */
#pragma once

#include "common/mask/mask.h"

/* A text made of what patterns begin, end and are joined with, and of words around them. */
static inline void mask_random_text(uint32_t (*next)(void *), void *source, struct buf *out)
{
	static const char *const pieces[] = {" ", "  ", "\n", "\t", ":", ": ", "=", ">", "<", "'",
		"\"", "\\", "`", "//", "://", "@", "-", "--", "-p", "-u", "-----BEGIN ", "-----",
		"PRIVATE KEY-----", "CERTIFICATE-----", "-----END ", "password", "PASSWORD",
		"passwd", "word", "pass", "auth", "kind", "Kind", "Secret", "secret", "name",
		"value", "token", "key", "x", "Zq7", "abcdef.0123456789abcdef", "eyJ", "eyA",
		"LS0t", "H4sI", "Bearer ", "basic ", "AKIA", "ABCDEFGHIJKLMNOP", "ghp_",
		"0123456789abcdefghij", "sk-", "SG.", "$2a$", "hf_", "...", "|", "{", "}", "[", "]",
		"%", "%41", "%3D", "+", "&", ";", ";base64,", "Invalid value: ", "@tcp(", "@unix(",
		".", ",", "/", "?", "mysql ", "requirepass ", "login ", "IDENTIFIED BY ",
		"ResponseComplete", "true", "2026-11-25T", "00:17:32Z", "nginx:1.27",
		"aHVudGVyMnNlY3JldA==", "7b2261223a", "\xc3\xa9", "\x1f\x8b"};
	unsigned n = next(source) % 14 + 1;

	for (unsigned i = 0; i < n; i++) {
		uint32_t r = next(source);

		if (r % 8 == 0)
			buf_add_char(out, (char)(next(source) % 94 + 33));
		else
			buf_add_str(out, pieces[r / 8 % ARRAY_LEN(pieces)]);
	}
}

/* False when text comes out differently as a JSON string; *ret_out: as free text. */
static inline bool mask_same_both_ways(
	const struct masker *m, struct span text, struct arena *arena, struct buf *ret_out)
{
	static const struct json_limits limits = {.max_bytes = 8u << 20,
		.max_depth = 2,
		.max_nodes = 2,
		.allow_lone_surrogates = true};
	_cleanup_(buf_free) struct buf in = BUF_INIT(8 << 20), out = BUF_INIT(16 << 20);
	struct mask_result r;
	struct json_doc d;
	struct span again;

	mask_text(m, text, arena, ret_out, &r);
	/* Shorter ones are never looked at in JSON; a path is read as a URI in free text only. */
	if (text.len < 5 || text.ptr[0] == '/')
		return true;
	json_put_string(&in, text);
	if (json_read(in.ptr, in.len, &limits, arena, &d, NULL) < 0)
		return true;
	if (!span_eq(json_string(&d, JSON_ROOT, arena), text))
		return true; /* not UTF-8 */
	mask_object(m, &d, JSON_ROOT, (struct mask_target){0}, arena, &out, &r);
	if (json_read(out.ptr, out.len, &limits, arena, &d, NULL) < 0)
		return false;
	again = json_string(&d, JSON_ROOT, arena);
	return span_eq(again, buf_span(ret_out));
}
