/* SPDX-License-Identifier: Apache-2.0 */
/* A URL and its parts (url_parse.c), for the functions of url() and for named_format.c. */
#pragma once

#include "common/base/hex.h"
#include "policy/cel/functions/functions_internal.h"

/* Parts are spans of the text, or of the arena where something was escaped; absent ones are empty.
 */
struct url {
	const struct cel_opaque *opaque;
	struct span text, scheme, host, hostname, port, path, query;
};

/* Whether url() takes the text. */
bool cel_url_valid(struct span s);
/* Cuts the text into parts, all as they are written; hostname and port come later. False: url()
 * does not take it. */
bool cel_url_parse(struct span s, struct url *ret) _must_check_;
/* The scheme in lower case, the host without escapes, and what it is made of. False: the arena is
 * full. */
bool cel_url_decode(struct url *u, struct arena *arena) _must_check_;
/* Are two hex digits behind each '%'? */
bool cel_url_escapes_ok(struct span s);

/* The byte of a "%2f" that was checked when the URL was read. */
static inline unsigned char cel_url_escaped_byte(const char *percent)
{
	return (unsigned char)((unsigned)hex_value(percent[1]) << 4 |
			       (unsigned)hex_value(percent[2]));
}

static inline bool cel_url_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static inline struct span cel_url_upto(const char *from, const char *to)
{
	return (struct span){from, (size_t)(to - from)};
}
