/* SPDX-License-Identifier: Apache-2.0 */
/* Wildcard matching in time O(len of pattern × len of name); see pattern_internal.h. */
#include "policy/pattern_internal.h"

struct pattern pattern_of(struct span text)
{
	bool glob = memchr(text.ptr, '*', text.len) || memchr(text.ptr, '?', text.len);
	return (struct pattern){text, glob};
}

/* Remembers only the last star: what an earlier one took can stay as short as it was. */
static bool glob_matches(struct span p, struct span s)
{
	size_t pi = 0, si = 0, star = SIZE_MAX, resume = 0;
	while (si < s.len) {
		if (pi < p.len && p.ptr[pi] == '*') {
			star = pi++;
			resume = si;
		} else if (pi < p.len && (p.ptr[pi] == '?' || p.ptr[pi] == s.ptr[si])) {
			pi++;
			si++;
		} else if (star != SIZE_MAX) {
			pi = star + 1;
			si = ++resume;
		} else {
			return false;
		}
	}
	while (pi < p.len && p.ptr[pi] == '*')
		pi++;
	return pi == p.len;
}

bool pattern_matches(struct pattern p, struct span s)
{
	return p.glob ? glob_matches(p.text, s) : span_eq(p.text, s);
}

bool patterns_match(struct patterns list, struct span s)
{
	for (size_t i = 0; i < list.count; i++)
		if (pattern_matches(list.items[i], s))
			return true;
	return false;
}

bool pattern_covers(struct pattern a, struct pattern b)
{
	if (!b.glob)
		return pattern_matches(a, b.text);
	return span_eq(a.text, b.text) || span_eq_str(a.text, "*");
}
