/* SPDX-License-Identifier: Apache-2.0 */
/* Names with wildcards: `*` for any characters, `?` for one. Literal ones are compared as such. */
#pragma once

#include "common/base/util.h"

struct pattern {
	struct span text;
	bool glob;
};

struct patterns {
	const struct pattern *items;
	size_t count;
};

/* A list as users write it: what is meant, and what "!" takes out of it again. */
struct selection {
	struct patterns include; /* empty: everything */
	struct patterns exclude;
};

struct pattern pattern_of(struct span text);
bool pattern_matches(struct pattern p, struct span s);
bool patterns_match(struct patterns list, struct span s);

/* Does every name that b matches match a too? False when it cannot be told. */
bool pattern_covers(struct pattern a, struct pattern b);

static inline bool selection_matches(const struct selection *s, struct span name)
{
	return (!s->include.count || patterns_match(s->include, name)) &&
	       !patterns_match(s->exclude, name);
}
