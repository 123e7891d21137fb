/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser: recursive descent over the grammar of langdef.md, one function a level, macros
 * expanded as soon as a call is complete. It goes on after most mistakes to report them all;
 * a node is then missing (NULL) and everything above it too.
 */
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

static struct cel_node *parse_expr(struct parser *p);

static void advance(struct parser *p)
{
	p->last_end = p->tok.end;
	p->tok = cel_lex(p->c->source, p->tok.end);
	if (p->tok.kind == CEL_TOK_BAD && !p->stopped) {
		cel_issue_at(p->c, p->tok.off, "%s", p->tok.what);
		p->stopped = true;
	}
}

static bool is_punct(const struct parser *p, char c)
{
	return p->tok.kind == CEL_TOK_PUNCT && p->tok.punct == c;
}

static bool accept(struct parser *p, char c)
{
	if (!is_punct(p, c))
		return false;
	advance(p);
	return true;
}

static void unexpected(struct parser *p, const char *wanted)
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

static bool expect(struct parser *p, char c)
{
	char wanted[4] = {'\'', c, '\'', '\0'};

	if (accept(p, c))
		return true;
	unexpected(p, wanted);
	return false;
}

static struct cel_node *node(struct parser *p, enum cel_op op, uint32_t off,
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

static struct cel_node *operator_call(struct parser *p, uint32_t off, uint32_t pos,
	const char *name, struct cel_node *const *args, uint32_t count)
{
	struct cel_node *n = node(p, CEL_N_CALL, off, args, count);

	if (n) {
		n->name = span_of(name);
		n->pos = pos;
	}
	return n;
}

static struct cel_node *constant(struct parser *p, uint32_t off, struct cel_value v)
{
	struct cel_node *n = cel_node_new(p->c, CEL_N_CONST, off, p->last_end, 0);

	if (n)
		n->value = v;
	return n;
}

static bool push(struct parser *p, struct node_list *l, struct cel_node *n, bool optional)
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

static uint64_t *mask_or_null(const struct node_list *l)
{
	for (uint32_t i = 0; i < (l->count + 63) / 64; i++)
		if (l->opt_mask[i])
			return l->opt_mask;
	return NULL;
}

/* Behind '(': arguments up to and including ')'. */
static bool parse_args(struct parser *p, struct node_list *l)
{
	if (accept(p, ')'))
		return true;
	do {
		if (l->count > CEL_MAX_ARGS) {
			unexpected(p, "the end of the arguments (there are too many)");
			return false;
		}
		if (!push(p, l, parse_expr(p), false))
			return false;
	} while (!p->stopped && accept(p, ','));
	return !p->stopped && expect(p, ')');
}

static struct cel_node *parse_list(struct parser *p, uint32_t off)
{
	struct node_list l = {0};

	while (!p->stopped && !is_punct(p, ']')) {
		bool optional = accept(p, '?');
		if (!push(p, &l, parse_expr(p), optional))
			return NULL;
		if (!accept(p, ','))
			break;
	}
	if (p->stopped || !expect(p, ']'))
		return NULL;
	struct cel_node *n = node(p, CEL_N_LIST, off, l.items, l.count);
	if (n)
		n->opt_mask = mask_or_null(&l);
	return n;
}

static struct cel_node *parse_field_name(struct parser *p, const struct cel_record *record);

/* The entries behind '{' of a map, or the fields of a record, which are no expressions. */
static struct cel_node *parse_map(struct parser *p, uint32_t off, const struct cel_record *record)
{
	struct node_list l = {0};

	while (!p->stopped && !is_punct(p, '}')) {
		bool optional = accept(p, '?');
		struct cel_node *key = record ? parse_field_name(p, record) : parse_expr(p);
		if (p->stopped || !expect(p, ':') || !push(p, &l, key, false) ||
			!push(p, &l, parse_expr(p), optional))
			return NULL;
		if (!accept(p, ','))
			break;
	}
	if (p->stopped || !expect(p, '}'))
		return NULL;
	struct cel_node *n = node(p, CEL_N_MAP, off, l.items, l.count);
	if (n)
		n->opt_mask = mask_or_null(&l);
	return n;
}

static struct cel_node *macro_or_call(struct parser *p, struct cel_node *n)
{
	if (!n || p->c->env->options & CEL_NO_MACROS)
		return n;
	bool failed = p->c->failed;
	struct cel_node *m = cel_macro_expand(p->c, n);
	if (!m && p->c->failed && !failed)
		return NULL;
	return m ? m : n;
}

static bool is_reserved(struct span s)
{
	static const char *const words[] = {"as", "break", "const", "continue", "else", "for",
		"function", "if", "import", "let", "loop", "package", "namespace", "return", "var",
		"void", "while"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (span_eq_str(s, words[i]))
			return true;
	return false;
}

static struct cel_node *parse_name(struct parser *p, bool absolute, uint32_t off)
{
	struct span name = {p->c->source.ptr + p->tok.off, p->tok.end - p->tok.off};

	if (p->tok.kind != CEL_TOK_IDENT) {
		unexpected(p, "a name");
		return NULL;
	}
	advance(p);
	if (accept(p, '(')) {
		struct node_list l = {0};
		if (!parse_args(p, &l))
			return NULL;
		struct cel_node *n = node(p, CEL_N_CALL, off, l.items, l.count);
		if (n) {
			n->name = name;
			n->absolute = absolute;
		}
		return macro_or_call(p, n);
	}
	if (is_reserved(name)) {
		cel_issue_at(p->c, off, "'%.*s' is a reserved word", SPAN_FMT(name));
		return NULL;
	}
	struct cel_node *n = cel_node_new(p->c, CEL_N_IDENT, off, p->last_end, 0);
	if (n) {
		n->name = name;
		n->absolute = absolute;
	}
	return n;
}

static struct cel_node *parse_literal(struct parser *p, bool negative, uint32_t off)
{
	struct cel_token t = p->tok;
	struct cel_value v;
	bool ok;

	advance(p);
	if (t.kind == CEL_TOK_STRING || t.kind == CEL_TOK_BYTES)
		ok = cel_literal_string(p->c, t.off, t.end, &v);
	else
		ok = cel_literal_number(p->c, t.off, t.end, negative, &v);
	return ok ? constant(p, off, v) : NULL;
}

static struct cel_node *parse_paren(struct parser *p)
{
	struct cel_node *n = parse_expr(p);

	if (p->stopped || !expect(p, ')'))
		return NULL;
	return n;
}

static struct cel_node *parse_primary(struct parser *p)
{
	uint32_t off = p->tok.off;

	switch (p->tok.kind) {
	case CEL_TOK_TRUE:
	case CEL_TOK_FALSE: {
		bool b = p->tok.kind == CEL_TOK_TRUE;
		advance(p);
		return constant(p, off, cel_bool(b));
	}
	case CEL_TOK_NULL:
		advance(p);
		return constant(p, off, cel_null());
	case CEL_TOK_INT:
	case CEL_TOK_UINT:
	case CEL_TOK_DOUBLE:
	case CEL_TOK_STRING:
	case CEL_TOK_BYTES:
		return parse_literal(p, false, off);
	case CEL_TOK_IDENT:
		return parse_name(p, false, off);
	default:
		if (accept(p, '('))
			return parse_paren(p);
		if (accept(p, '['))
			return parse_list(p, off);
		if (accept(p, '{'))
			return parse_map(p, off, NULL);
		if (accept(p, '.'))
			return parse_name(p, true, off);
		unexpected(p, "a value");
		return NULL;
	}
}

/* Behind the dot of x.y, x.?y, x.f(…) */
static struct cel_node *parse_dot(struct parser *p, struct cel_node *target, uint32_t off)
{
	bool optional = accept(p, '?');
	struct cel_token t = p->tok;
	struct span name = {p->c->source.ptr + t.off, t.end - t.off};

	if (t.kind == CEL_TOK_QUOTED_IDENT) {
		name = (struct span){name.ptr + 1, name.len - 2};
	} else if (t.kind != CEL_TOK_IDENT) {
		/* `x.in` and friends cannot be written; as keys there is x['in'] */
		unexpected(p, "a field or method");
		return NULL;
	}
	advance(p);
	if (t.kind == CEL_TOK_IDENT && !optional && accept(p, '(')) {
		struct node_list l = {0};
		if (!push(p, &l, target, false) || !parse_args(p, &l))
			return NULL;
		struct cel_node *n = node(p, CEL_N_CALL, off, l.items, l.count);
		if (n) {
			n->name = name;
			n->pos = t.off;
			n->method = true;
		}
		return macro_or_call(p, n);
	}
	struct cel_node *n = node(p, CEL_N_SELECT, off, &target, 1);
	if (n) {
		n->name = name;
		n->pos = t.off;
		n->optional = optional;
	}
	return n;
}

static struct cel_node *parse_index(struct parser *p, struct cel_node *target, uint32_t off)
{
	uint32_t pos = p->last_end - 1;
	bool optional = accept(p, '?');
	struct cel_node *args[2] = {target, parse_expr(p)};

	if (p->stopped || !expect(p, ']'))
		return NULL;
	struct cel_node *n = node(p, CEL_N_INDEX, off, args, 2);
	if (n) {
		n->pos = pos;
		n->optional = optional;
	}
	return n;
}

static const struct cel_record *find_record(const struct parser *p, const struct cel_node *name)
{
	const struct cel_env *env = p->c->env;

	for (uint32_t i = 0; i < env->record_count && name->op == CEL_N_IDENT; i++)
		if (span_eq(env->records[i].name, name->name))
			return &env->records[i];
	return NULL;
}

/* The name of a field in a record, as the string constant that is the map's key. */
static struct cel_node *parse_field_name(struct parser *p, const struct cel_record *record)
{
	struct cel_token t = p->tok;
	struct span name = {p->c->source.ptr + t.off, t.end - t.off};
	struct cel_hint hint = {.wanted = name};

	if (t.kind != CEL_TOK_IDENT) {
		unexpected(p, "a field");
		return NULL;
	}
	advance(p);
	for (const char *const *f = record->fields; *f; f++) {
		if (span_eq_str(name, *f))
			return constant(p, t.off, cel_string(span_of(*f)));
		cel_hint_offer(&hint, span_of(*f));
	}
	cel_issue_at(p->c, t.off, "%.*s has no field '%.*s'%s", SPAN_FMT(record->name),
		SPAN_FMT(name), cel_hint_text(&hint));
	p->stopped = true;
	return NULL;
}

/* NAME{field: value, …}: a map, for the names that the environment declares. */
static struct cel_node *parse_record(struct parser *p, struct cel_node *name, uint32_t off)
{
	const struct cel_record *record = find_record(p, name);

	if (!record) {
		cel_issue_at(p->c, off, "there are no message types to build a value of");
		p->stopped = true;
		return NULL;
	}
	advance(p);
	return parse_map(p, off, record);
}

static struct cel_node *parse_members(struct parser *p, struct cel_node *n, uint32_t off)
{
	while (!p->stopped) {
		if (accept(p, '.')) {
			n = parse_dot(p, n, off);
		} else if (accept(p, '[')) {
			n = parse_index(p, n, off);
		} else if (n && is_punct(p, '{') &&
			   (n->op == CEL_N_IDENT || n->op == CEL_N_SELECT)) {
			n = parse_record(p, n, off);
		} else {
			break;
		}
	}
	return n;
}

static struct cel_node *parse_unary(struct parser *p)
{
	uint32_t off = p->tok.off;
	struct cel_node *n;

	if (p->depth >= CEL_MAX_DEPTH) {
		unexpected(p, "the end of so much nesting");
		return NULL;
	}
	p->depth++;
	if (accept(p, '!')) {
		n = parse_unary(p);
		n = operator_call(p, off, off, "!_", &n, 1);
	} else if (accept(p, '-')) {
		if (p->tok.kind == CEL_TOK_INT || p->tok.kind == CEL_TOK_DOUBLE) {
			n = parse_members(p, parse_literal(p, true, off), off);
		} else {
			n = parse_unary(p);
			n = operator_call(p, off, off, "-_", &n, 1);
		}
	} else {
		n = parse_members(p, parse_primary(p), off);
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
		advance(p);
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
	if (!push(p, &l, first, false))
		return NULL;
	while (!p->stopped && p->tok.kind == op) {
		advance(p);
		if (!push(p, &l, is_or ? parse_logic(p, false) : parse_binary(p, 0), false))
			return NULL;
	}
	return node(p, is_or ? CEL_N_OR : CEL_N_AND, off, l.items, l.count);
}

static struct cel_node *parse_expr(struct parser *p)
{
	uint32_t off = p->tok.off;

	if (p->depth >= CEL_MAX_DEPTH) {
		unexpected(p, "the end of so much nesting");
		return NULL;
	}
	p->depth++;
	struct cel_node *n = parse_logic(p, true);
	if (!p->stopped && accept(p, '?')) {
		struct cel_node *args[3] = {n, parse_logic(p, true), NULL};
		if (!p->stopped && expect(p, ':'))
			args[2] = parse_expr(p);
		n = node(p, CEL_N_COND, off, args, 3);
	}
	p->depth--;
	return n;
}

struct cel_node *cel_parse(struct cel_compiler *c)
{
	struct parser p = {.c = c};

	advance(&p);
	struct cel_node *n = parse_expr(&p);
	if (!p.stopped && p.tok.kind != CEL_TOK_END)
		unexpected(&p, "an operator or the end");
	return p.stopped || c->failed ? NULL : n;
}
