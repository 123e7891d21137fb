/* SPDX-License-Identifier: Apache-2.0 */
/* Strings with more in them than plain ASCII: escapes, UTF-8. */
#include "common/json/json_scan.h"
#include "common/base/hex.h"
#include "common/base/utf8.h"

struct scan {
	const char *end;
	bool allow_lone_surrogates;
	struct json_fault *fault;
};

static __attribute__((noinline, cold)) const char *fail(
	const struct scan *s, const char *where, const char *what)
{
	*s->fault = (struct json_fault){where, what};
	return NULL;
}

/* p: at "\u". Returns what follows the escape, or the pair of escapes. */
static const char *skip_unicode_escape(const struct scan *s, const char *p)
{
	int v = hex_value4(p + 2, s->end);

	if (v < 0)
		return fail(s, p, "\\u needs four hex digits");
	if (v < 0xd800 || v > 0xdfff)
		return p + 6;
	if (v < 0xdc00 && s->end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
		int low = hex_value4(p + 8, s->end);

		if (low >= 0xdc00 && low <= 0xdfff)
			return p + 12;
	}
	if (!s->allow_lone_surrogates)
		return fail(s, p, "lone surrogate");
	return p + 6;
}

static const char *skip_escape(const struct scan *s, const char *p)
{
	if (s->end - p < 2)
		return fail(s, p, "unfinished string");
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 2;
	case 'u':
		return skip_unicode_escape(s, p);
	default:
		return fail(s, p, "unknown escape in string");
	}
}

static const char *skip_non_ascii(const struct scan *s, const char *p)
{
	do {
		size_t n = utf8_sequence(p, s->end);

		if (n == 0)
			return fail(s, p, "not UTF-8");
		p += n;
	} while (p < s->end && (signed char)*p < 0);
	return p;
}

const char *json_scan_string(const char *p, const char *end, bool allow_lone_surrogates,
	uint32_t *ret_escaped, struct json_fault *fault)
{
	const struct scan scan = {end, allow_lone_surrogates, fault}, *s = &scan;

	for (;;) {
		p = skip_plain(p, end);
		if (p == end)
			return fail(s, p, "unfinished string");
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*ret_escaped = 1;
			p = skip_escape(s, p);
		} else if ((signed char)*p < 0) {
			p = skip_non_ascii(s, p);
		} else {
			return fail(s, p, "control character in string");
		}
		if (!p)
			return NULL;
	}
}
