/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with an expression, where, and what may have been meant. */
#include <stdarg.h>
#include <stdio.h>

#include "common/base/suggest.h"
#include "policy/cel/compiler_internal.h"

#define MAX_ISSUES 64

void cel_issues_free(struct cel_issues *issues)
{
	free(issues->items);
	*issues = (struct cel_issues){0};
}

void cel_line_column(struct span source, uint32_t off, uint32_t *ret_line, uint32_t *ret_column)
{
	uint32_t line = 1, start = 0;

	for (uint32_t i = 0; i < off && i < source.len; i++)
		if (source.ptr[i] == '\n') {
			line++;
			start = i + 1;
		}
	*ret_line = line;
	*ret_column = off - start + 1;
}

static struct cel_issue *new_issue(struct cel_issues *l)
{
	if (l->count == MAX_ISSUES)
		return NULL;
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4;
		struct cel_issue *items = reallocarray(l->items, cap, sizeof *items);
		if (!items)
			return NULL;
		l->items = items;
		l->cap = cap;
	}
	return &l->items[l->count++];
}

void cel_issue_at(struct cel_compiler *c, uint32_t off, const char *fmt, ...)
{
	struct cel_issue *i = c->issues ? new_issue(c->issues) : NULL;
	va_list ap;

	c->failed = true;
	if (!i)
		return;
	cel_line_column(c->source, off, &i->line, &i->column);
	va_start(ap, fmt);
	vsnprintf(i->message, sizeof i->message, fmt, ap);
	va_end(ap);
	utf8_make_printable(i->message); /* what is quoted may contain anything */
}

/* ---- near misses ---- */

void cel_hint_offer(struct cel_hint *h, struct span name)
{
	unsigned d = edit_distance(h->wanted, name);
	size_t len = h->wanted.len > name.len ? h->wanted.len : name.len;

	if (d <= len / 3 && (!h->best.ptr || d < h->distance)) {
		h->best = name;
		h->distance = d;
	}
}

const char *cel_hint_text(struct cel_hint *h)
{
	if (!h->best.ptr)
		return "";
	snprintf(h->text, sizeof h->text, "; did you mean '%.*s'?", SPAN_FMT(h->best));
	return h->text;
}
