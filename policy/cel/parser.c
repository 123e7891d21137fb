/* SPDX-License-Identifier: Apache-2.0 */
/* What the levels of the grammar share: the token at hand, what is said when it is the wrong one,
 * and making nodes. */
#include "policy/cel/parser_internal.h"

void cel_parser_advance(struct parser *p)
{
	p->last_end = p->tok.end;
	p->tok = cel_lex(p->c->source, p->tok.end);
	if (p->tok.kind == CEL_TOK_BAD && !p->stopped) {
		cel_issue_at(p->c, p->tok.off, "%s", p->tok.what);
		p->stopped = true;
	}
}

bool cel_parser_at(const struct parser *p, char c)
{
	return p->tok.kind == CEL_TOK_PUNCT && p->tok.punct == c;
}

bool cel_parser_accept(struct parser *p, char c)
{
	if (!cel_parser_at(p, c))
		return false;
	cel_parser_advance(p);
	return true;
}

void cel_parser_unexpected(struct parser *p, const char *wanted)
{
	struct span s = {p->c->source.ptr + p->tok.off, p->tok.end - p->tok.off};

	if (p->stopped)
		return;
	p->stopped = true;
	if (p->tok.kind == CEL_TOK_END)
		cel_issue_at(
			p->c, p->tok.off, "the expression ends where %s should follow", wanted);
	else
		cel_issue_at(p->c, p->tok.off, "'%.*s' where %s should be",
			(int)(s.len > 40 ? 40 : s.len), s.ptr, wanted);
}

bool cel_parser_expect(struct parser *p, char c)
{
	char wanted[4] = {'\'', c, '\'', '\0'};

	if (cel_parser_accept(p, c))
		return true;
	cel_parser_unexpected(p, wanted);
	return false;
}

struct cel_node *cel_parser_node(struct parser *p, enum cel_op op, uint32_t off,
	struct cel_node *const *args, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!args[i])
			return NULL;
	struct cel_node *n = cel_node_new(p->c, op, off, p->last_end, count);
	if (!n)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		n->args[i] = args[i];
		if (args[i]->depth >= n->depth)
			n->depth = args[i]->depth + 1;
	}
	if (n->depth > CEL_MAX_DEPTH) {
		if (!p->stopped)
			cel_issue_at(p->c, off, "nested more than %d deep", CEL_MAX_DEPTH);
		p->stopped = true;
		return NULL;
	}
	return n;
}

struct cel_node *cel_parser_constant(struct parser *p, uint32_t off, struct cel_value v)
{
	struct cel_node *n = cel_node_new(p->c, CEL_N_CONST, off, p->last_end, 0);

	if (n)
		n->value = v;
	return n;
}

bool cel_parser_push(struct parser *p, struct node_list *l, struct cel_node *n, bool optional)
{
	if (l->count == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 4;
		struct cel_node **items = arena_calloc(p->c->arena, cap, sizeof *items);
		uint64_t *mask = arena_calloc(p->c->arena, (cap + 63) / 64, sizeof *mask);
		if (!items || !mask) {
			p->c->out_of_memory = p->stopped = true;
			return false;
		}
		if (l->count > 0) {
			memcpy(items, l->items, l->count * sizeof *items);
			memcpy(mask, l->opt_mask, (l->cap + 63) / 64 * sizeof *mask);
		}
		l->items = items;
		l->opt_mask = mask;
		l->cap = cap;
	}
	if (optional)
		l->opt_mask[l->count / 64] |= UINT64_C(1) << l->count % 64;
	l->items[l->count++] = n;
	return true;
}
