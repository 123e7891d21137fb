/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser below its operators: literals, names and calls, lists, maps and records, and what
 * stands behind them with a dot or in brackets. Macros are expanded as soon as a call is complete.
 */
#include "policy/cel/parser_internal.h"

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
	if (cel_parser_accept(p, ')'))
		return true;
	do {
		if (l->count > CEL_MAX_ARGS) {
			cel_parser_unexpected(p, "the end of the arguments (there are too many)");
			return false;
		}
		if (!cel_parser_push(p, l, cel_parse_expr(p), false))
			return false;
	} while (!p->stopped && cel_parser_accept(p, ','));
	return !p->stopped && cel_parser_expect(p, ')');
}

static struct cel_node *parse_list(struct parser *p, uint32_t off)
{
	struct node_list l = {0};

	while (!p->stopped && !cel_parser_at(p, ']')) {
		bool optional = cel_parser_accept(p, '?');
		if (!cel_parser_push(p, &l, cel_parse_expr(p), optional))
			return NULL;
		if (!cel_parser_accept(p, ','))
			break;
	}
	if (p->stopped || !cel_parser_expect(p, ']'))
		return NULL;
	struct cel_node *n = cel_parser_node(p, CEL_N_LIST, off, l.items, l.count);
	if (n)
		n->opt_mask = mask_or_null(&l);
	return n;
}

static struct cel_node *parse_field_name(struct parser *p, const struct cel_record *record);

/* The entries behind '{' of a map, or the fields of a record, which are no expressions. */
static struct cel_node *parse_map(struct parser *p, uint32_t off, const struct cel_record *record)
{
	struct node_list l = {0};

	while (!p->stopped && !cel_parser_at(p, '}')) {
		bool optional = cel_parser_accept(p, '?');
		struct cel_node *key = record ? parse_field_name(p, record) : cel_parse_expr(p);
		if (p->stopped || !cel_parser_expect(p, ':') ||
			!cel_parser_push(p, &l, key, false) ||
			!cel_parser_push(p, &l, cel_parse_expr(p), optional))
			return NULL;
		if (!cel_parser_accept(p, ','))
			break;
	}
	if (p->stopped || !cel_parser_expect(p, '}'))
		return NULL;
	struct cel_node *n = cel_parser_node(p, CEL_N_MAP, off, l.items, l.count);
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
		cel_parser_unexpected(p, "a name");
		return NULL;
	}
	cel_parser_advance(p);
	if (cel_parser_accept(p, '(')) {
		struct node_list l = {0};
		if (!parse_args(p, &l))
			return NULL;
		struct cel_node *n = cel_parser_node(p, CEL_N_CALL, off, l.items, l.count);
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

struct cel_node *cel_parse_literal(struct parser *p, bool negative, uint32_t off)
{
	struct cel_token t = p->tok;
	struct cel_value v;
	bool ok;

	cel_parser_advance(p);
	if (t.kind == CEL_TOK_STRING || t.kind == CEL_TOK_BYTES)
		ok = cel_literal_string(p->c, t.off, t.end, &v);
	else
		ok = cel_literal_number(p->c, t.off, t.end, negative, &v);
	return ok ? cel_parser_constant(p, off, v) : NULL;
}

static struct cel_node *parse_paren(struct parser *p)
{
	struct cel_node *n = cel_parse_expr(p);

	if (p->stopped || !cel_parser_expect(p, ')'))
		return NULL;
	return n;
}

struct cel_node *cel_parse_primary(struct parser *p)
{
	uint32_t off = p->tok.off;

	switch (p->tok.kind) {
	case CEL_TOK_TRUE:
	case CEL_TOK_FALSE: {
		bool b = p->tok.kind == CEL_TOK_TRUE;
		cel_parser_advance(p);
		return cel_parser_constant(p, off, cel_bool(b));
	}
	case CEL_TOK_NULL:
		cel_parser_advance(p);
		return cel_parser_constant(p, off, cel_null());
	case CEL_TOK_INT:
	case CEL_TOK_UINT:
	case CEL_TOK_DOUBLE:
	case CEL_TOK_STRING:
	case CEL_TOK_BYTES:
		return cel_parse_literal(p, false, off);
	case CEL_TOK_IDENT:
		return parse_name(p, false, off);
	default:
		if (cel_parser_accept(p, '('))
			return parse_paren(p);
		if (cel_parser_accept(p, '['))
			return parse_list(p, off);
		if (cel_parser_accept(p, '{'))
			return parse_map(p, off, NULL);
		if (cel_parser_accept(p, '.'))
			return parse_name(p, true, off);
		cel_parser_unexpected(p, "a value");
		return NULL;
	}
}

/* Behind the dot of x.y, x.?y, x.f(…) */
static struct cel_node *parse_dot(struct parser *p, struct cel_node *target, uint32_t off)
{
	bool optional = cel_parser_accept(p, '?');
	struct cel_token t = p->tok;
	struct span name = {p->c->source.ptr + t.off, t.end - t.off};

	if (t.kind == CEL_TOK_QUOTED_IDENT) {
		name = (struct span){name.ptr + 1, name.len - 2};
	} else if (t.kind != CEL_TOK_IDENT) {
		/* `x.in` and friends cannot be written; as keys there is x['in'] */
		cel_parser_unexpected(p, "a field or method");
		return NULL;
	}
	cel_parser_advance(p);
	if (t.kind == CEL_TOK_IDENT && !optional && cel_parser_accept(p, '(')) {
		struct node_list l = {0};
		if (!cel_parser_push(p, &l, target, false) || !parse_args(p, &l))
			return NULL;
		struct cel_node *n = cel_parser_node(p, CEL_N_CALL, off, l.items, l.count);
		if (n) {
			n->name = name;
			n->pos = t.off;
			n->method = true;
		}
		return macro_or_call(p, n);
	}
	struct cel_node *n = cel_parser_node(p, CEL_N_SELECT, off, &target, 1);
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
	bool optional = cel_parser_accept(p, '?');
	struct cel_node *args[2] = {target, cel_parse_expr(p)};

	if (p->stopped || !cel_parser_expect(p, ']'))
		return NULL;
	struct cel_node *n = cel_parser_node(p, CEL_N_INDEX, off, args, 2);
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
		cel_parser_unexpected(p, "a field");
		return NULL;
	}
	cel_parser_advance(p);
	for (const char *const *f = record->fields; *f; f++) {
		if (span_eq_str(name, *f))
			return cel_parser_constant(p, t.off, cel_string(span_of(*f)));
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
	cel_parser_advance(p);
	return parse_map(p, off, record);
}

struct cel_node *cel_parse_members(struct parser *p, struct cel_node *n, uint32_t off)
{
	while (!p->stopped) {
		if (cel_parser_accept(p, '.')) {
			n = parse_dot(p, n, off);
		} else if (cel_parser_accept(p, '[')) {
			n = parse_index(p, n, off);
		} else if (n && cel_parser_at(p, '{') &&
			   (n->op == CEL_N_IDENT || n->op == CEL_N_SELECT)) {
			n = parse_record(p, n, off);
		} else {
			break;
		}
	}
	return n;
}
