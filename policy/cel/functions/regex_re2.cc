/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cel/functions/regex_re2_internal.h"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>

struct cel_re2 {
	cel_re2(const re2::StringPiece &pattern, const RE2::Options &options) : re(pattern, options)
	{
	}

	RE2 re;
};

namespace
{

/* The end of a character class that begins at `i`, or of the pattern. */
size_t class_end(const std::string &p, size_t i)
{
	i++;
	if (i < p.size() && p[i] == '^')
		i++;
	if (i < p.size() && p[i] == ']') /* the first is one of the class */
		i++;
	for (; i < p.size() && p[i] != ']'; i++) {
		if (p[i] == '\\')
			i++;
		else if (p.compare(i, 2, "[:") == 0 && p.find(":]", i) != std::string::npos)
			i = p.find(":]", i) + 1;
	}
	return i;
}

bool is_name(const std::string &p, size_t i)
{
	const size_t from = i;

	while (i < p.size() && (std::isalnum(static_cast<unsigned char>(p[i])) || p[i] == '_'))
		i++;
	return i > from && i < p.size() && p[i] == '>';
}

/*
 * What differs between Go's syntax and RE2's: (?<name>x), which this RE2 does not know yet, becomes
 * (?P<name>x). What Go does not know is refused: \C, one byte, which could cut a character, and
 * names of groups in other letters than ASCII's. Returns what is wrong, or NULL.
 */
const char *as_re2(std::string &p)
{
	for (size_t i = 0; i < p.size(); i++) {
		if (p[i] == '[') {
			i = class_end(p, i);
		} else if (p[i] == '\\') {
			if (++i < p.size() && p[i] == 'C')
				return "invalid escape sequence: \\C";
			if (i < p.size() && p[i] == 'Q')
				i = std::min(p.find("\\E", i), p.size() - 1);
		} else if (p.compare(i, 4, "(?P<") == 0) {
			if (!is_name(p, i + 4))
				return "invalid named capture group";
		} else if (p.compare(i, 3, "(?<") == 0 && is_name(p, i + 3)) {
			p.insert(i + 2, "P");
		}
	}
	return nullptr;
}

} // namespace

struct cel_re2 *cel_re2_new(const char *pattern, size_t len, char *error, size_t error_cap)
{
	try {
		std::string text(pattern ? pattern : "", len);
		if (const char *wrong = as_re2(text)) {
			std::snprintf(error, error_cap, "%s", wrong);
			return nullptr;
		}
		RE2::Options options; /* UTF-8, leftmost-first, as Go's regexp */
		options.set_log_errors(false);
		auto *re = new cel_re2(text, options);
		if (re->re.ok())
			return re;
		std::snprintf(error, error_cap, "%s", re->re.error().c_str());
		delete re;
	} catch (const std::bad_alloc &) {
		std::snprintf(error, error_cap, "out of memory");
	}
	return nullptr;
}

void cel_re2_free(struct cel_re2 *re)
{
	delete re;
}

unsigned cel_re2_groups(const struct cel_re2 *re)
{
	return static_cast<unsigned>(re->re.NumberOfCapturingGroups());
}

unsigned cel_re2_instructions(const struct cel_re2 *re)
{
	const int forward = re->re.ProgramSize(), backward = re->re.ReverseProgramSize();

	return static_cast<unsigned>(std::max({forward, backward, 1}));
}

int cel_re2_search(const struct cel_re2 *re, const char *text, size_t len, size_t from, size_t *at,
	unsigned pairs)
{
	re2::StringPiece found[CEL_RE2_PAIRS_MAX];
	const char *base = text ? text : "";
	const unsigned count =
		std::min({pairs, cel_re2_groups(re) + 1, unsigned{CEL_RE2_PAIRS_MAX}});

	try {
		if (!re->re.Match(re2::StringPiece(base, len), from, len, RE2::UNANCHORED, found,
			    static_cast<int>(count)))
			return 0;
	} catch (const std::bad_alloc &) {
		return -1;
	}
	for (unsigned i = 0; i < pairs; i++) {
		const bool set = i < count && found[i].data() != nullptr;
		at[2 * i] = set ? static_cast<size_t>(found[i].data() - base) : SIZE_MAX;
		at[2 * i + 1] = set ? at[2 * i] + found[i].size() : SIZE_MAX;
	}
	return 1;
}
