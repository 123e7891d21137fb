/* SPDX-License-Identifier: Apache-2.0 */
/* The parser from the inside: its state, and its parts. */
#pragma once

#include "policy/cel/compiler_internal.h"
#include "policy/cel/lex_internal.h"

struct parser {
	struct cel_compiler *c;
	struct cel_token tok;
	uint32_t last_end; /* of the token before */
	unsigned depth;
	bool stopped; /* a syntax error: what follows cannot be trusted */
};

/* Arguments while their number is not known yet. */
struct node_list {
	struct cel_node **items;
	uint32_t count, cap;
	uint64_t *opt_mask;
};

/* ---- parser.c ---- */

/* Takes the next token. */
void cel_parser_advance(struct parser *p);
/* Is the token at hand this sign? accept() takes it then; expect() says that it is missing if not.
 */
bool cel_parser_at(const struct parser *p, char c);
bool cel_parser_accept(struct parser *p, char c);
bool cel_parser_expect(struct parser *p, char c);
/* Says what should stand where the token at hand does, unless something was said before, and stops.
 */
void cel_parser_unexpected(struct parser *p, const char *wanted);
/* A node up to the last token taken. NULL: no room (noted), nested too deep (said), or one of args
 * is NULL. */
struct cel_node *cel_parser_node(struct parser *p, enum cel_op op, uint32_t off,
	struct cel_node *const *args, uint32_t count);
struct cel_node *cel_parser_constant(struct parser *p, uint32_t off, struct cel_value v);
/* Appends n, NULL too. False: no room. */
bool cel_parser_push(struct parser *p, struct node_list *l, struct cel_node *n, bool optional);

/* ---- parse_primary.c: NULL as above ---- */

struct cel_node *cel_parse_primary(struct parser *p);
/* The number or text at hand. */
struct cel_node *cel_parse_literal(struct parser *p, bool negative, uint32_t off);
/* What stands behind n: .x, [x], {…}. */
struct cel_node *cel_parse_members(struct parser *p, struct cel_node *n, uint32_t off);

/* ---- parse.c ---- */

struct cel_node *cel_parse_expr(struct parser *p);
