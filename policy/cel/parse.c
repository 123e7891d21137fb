/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser: recursive descent over the grammar of langdef.md, one function a level; here down to
 * the unary operators, then parse_primary.c. It goes on after most mistakes to report them all; a
 * node is then missing (NULL) and everything above it too.
 */
#include "policy/cel/parser_internal.h"

static struct cel_node *operator_call(struct parser *p, uint32_t off, uint32_t pos,
	const char *name, struct cel_node *const *args, uint32_t count)
{
	struct cel_node *n = cel_parser_node(p, CEL_N_CALL, off, args, count);

	if (n) {
		n->name = span_of(name);
		n->pos = pos;
	}
	return n;
}

static struct cel_node *parse_unary(struct parser *p)
{
	uint32_t off = p->tok.off;
	struct cel_node *n;

	if (p->depth >= CEL_MAX_DEPTH) {
		cel_parser_unexpected(p, "the end of so much nesting");
		return NULL;
	}
	p->depth++;
	if (cel_parser_accept(p, '!')) {
		n = parse_unary(p);
		n = operator_call(p, off, off, "!_", &n, 1);
	} else if (cel_parser_accept(p, '-')) {
		if (p->tok.kind == CEL_TOK_INT || p->tok.kind == CEL_TOK_DOUBLE) {
			n = cel_parse_members(p, cel_parse_literal(p, true, off), off);
		} else {
			n = parse_unary(p);
			n = operator_call(p, off, off, "-_", &n, 1);
		}
	} else {
		n = cel_parse_members(p, cel_parse_primary(p), off);
	}
	p->depth--;
	return n;
}

static const char *binary_name(const struct parser *p, unsigned level)
{
	enum cel_token_kind k = p->tok.kind;
	char c = k == CEL_TOK_PUNCT ? p->tok.punct : '\0';

	if (level == 2)
		return c == '*' ? "_*_" : c == '/' ? "_/_" : c == '%' ? "_%_" : NULL;
	if (level == 1)
		return c == '+' ? "_+_" : c == '-' ? "_-_" : NULL;
	switch (k) {
	case CEL_TOK_EQ:
		return "_==_";
	case CEL_TOK_NE:
		return "_!=_";
	case CEL_TOK_LT:
		return "_<_";
	case CEL_TOK_LE:
		return "_<=_";
	case CEL_TOK_GE:
		return "_>=_";
	case CEL_TOK_GT:
		return "_>_";
	case CEL_TOK_IN:
		return "@in";
	default:
		return NULL;
	}
}

/* Levels: 0 relations, 1 sums, 2 products; all associate to the left. */
static struct cel_node *parse_binary(struct parser *p, unsigned level)
{
	uint32_t off = p->tok.off;
	struct cel_node *n = level < 2 ? parse_binary(p, level + 1) : parse_unary(p);
	const char *name;

	while (!p->stopped && (name = binary_name(p, level)) != NULL) {
		uint32_t pos = p->tok.off;
		cel_parser_advance(p);
		struct cel_node *args[2] = {
			n, level < 2 ? parse_binary(p, level + 1) : parse_unary(p)};
		n = operator_call(p, off, pos, name, args, 2);
	}
	return n;
}

/* a && b && c is one node, so that a long chain is not a deep one. */
static struct cel_node *parse_logic(struct parser *p, bool is_or)
{
	uint32_t off = p->tok.off;
	enum cel_token_kind op = is_or ? CEL_TOK_OR : CEL_TOK_AND;
	struct cel_node *first = is_or ? parse_logic(p, false) : parse_binary(p, 0);
	struct node_list l = {0};

	if (p->stopped || p->tok.kind != op)
		return first;
	if (!cel_parser_push(p, &l, first, false))
		return NULL;
	while (!p->stopped && p->tok.kind == op) {
		cel_parser_advance(p);
		if (!cel_parser_push(
			    p, &l, is_or ? parse_logic(p, false) : parse_binary(p, 0), false))
			return NULL;
	}
	return cel_parser_node(p, is_or ? CEL_N_OR : CEL_N_AND, off, l.items, l.count);
}

struct cel_node *cel_parse_expr(struct parser *p)
{
	uint32_t off = p->tok.off;

	if (p->depth >= CEL_MAX_DEPTH) {
		cel_parser_unexpected(p, "the end of so much nesting");
		return NULL;
	}
	p->depth++;
	struct cel_node *n = parse_logic(p, true);
	if (!p->stopped && cel_parser_accept(p, '?')) {
		struct cel_node *args[3] = {n, parse_logic(p, true), NULL};
		if (!p->stopped && cel_parser_expect(p, ':'))
			args[2] = cel_parse_expr(p);
		n = cel_parser_node(p, CEL_N_COND, off, args, 3);
	}
	p->depth--;
	return n;
}

struct cel_node *cel_parse(struct cel_compiler *c)
{
	struct parser p = {.c = c};

	cel_parser_advance(&p);
	struct cel_node *n = cel_parse_expr(&p);
	if (!p.stopped && p.tok.kind != CEL_TOK_END)
		cel_parser_unexpected(&p, "an operator or the end");
	return p.stopped || c->failed ? NULL : n;
}
