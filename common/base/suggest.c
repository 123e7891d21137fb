/* SPDX-License-Identifier: Apache-2.0 */
/* See suggest.h. The distance is the one of optimal string alignment. */
#include "common/base/suggest.h"

#include <ctype.h>

#define WORD_MAX    64
#define SUGGEST_MAX 3 /* more edits than this are a different word */

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned edit_distance(struct span a, struct span b)
{
	unsigned rows[3][WORD_MAX + 1];

	if (a.len > WORD_MAX || b.len > WORD_MAX)
		return UINT32_MAX;
	for (unsigned j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			row[j] = least(last[j - 1] + !same(a.ptr[i - 1], b.ptr[j - 1]),
				least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a.ptr[i - 1], b.ptr[j - 2]) &&
				same(a.ptr[i - 2], b.ptr[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

const char *suggest(struct span word, const char *const *names, size_t count)
{
	const char *best = NULL;
	unsigned best_distance = SUGGEST_MAX + 1;

	for (size_t i = 0; i < count; i++) {
		unsigned d = edit_distance(word, span_of(names[i]));

		/* Half the word wrong is no typing error. */
		if (d < best_distance && d * 2 <= word.len + 1) {
			best_distance = d;
			best = names[i];
		}
	}
	return best;
}
