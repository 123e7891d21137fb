/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of CEL source: kinds and spans, no values. */
#pragma once

#include "common/base/util.h"

enum cel_token_kind {
	CEL_TOK_END,
	CEL_TOK_IDENT,
	CEL_TOK_QUOTED_IDENT, /* `a-b` */
	CEL_TOK_INT,
	CEL_TOK_UINT,
	CEL_TOK_DOUBLE,
	CEL_TOK_STRING,
	CEL_TOK_BYTES,
	CEL_TOK_EQ,
	CEL_TOK_NE,
	CEL_TOK_LT,
	CEL_TOK_LE,
	CEL_TOK_GE,
	CEL_TOK_GT,
	CEL_TOK_AND,
	CEL_TOK_OR,
	CEL_TOK_IN,
	CEL_TOK_TRUE,
	CEL_TOK_FALSE,
	CEL_TOK_NULL,
	CEL_TOK_PUNCT, /* one character: punct */
	CEL_TOK_BAD,   /* what says why */
};

struct cel_token {
	enum cel_token_kind kind;
	char punct;
	uint32_t off, end;
	const char *what;
};

/* The token at or after off. */
struct cel_token cel_lex(struct span source, uint32_t off);
