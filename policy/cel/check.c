/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker: which declaration each name means, whether a function takes these arguments, what
 * type comes out. It rewrites the tree in place (names to variables, frame slots and constants) and
 * reports every mistake; with CEL_NO_CHECK a mistake becomes a node that is an error when it is
 * evaluated, as the language says for unchecked expressions.
 */
#include "policy/cel/check_internal.h"

/* Makes n an error at run time; checked expressions get an issue from the caller instead. */
const struct cel_type *cel_check_bad(struct cel_checker *ck, struct cel_node *n, struct span why)
{
	n->op = CEL_N_BAD;
	n->value = cel_string(why);
	n->count = 0;
	if (!why.ptr)
		ck->c->out_of_memory = true;
	return &cel_t_dyn;
}

/* ---- types of nodes ---- */

const char *cel_check_type_text(struct cel_checker *ck, const struct cel_type *t)
{
	struct buf b = BUF_INIT(256);

	cel_put_type(&b, cel_type_final(&ck->u, t));
	const char *s = arena_strndup(ck->c->arena, b.ptr ? b.ptr : "", b.len);
	buf_free(&b);
	return s ? s : "?";
}

static bool want(struct cel_checker *ck, const struct cel_node *n, const struct cel_type *type,
	const struct cel_type *wanted, const char *what)
{
	if (cel_type_assign(&ck->u, wanted, type))
		return true;
	if (cel_check_strict(ck))
		cel_issue_at(ck->c, n->pos, "%s must be %s, this is %s", what,
			cel_check_type_text(ck, wanted), cel_check_type_text(ck, type));
	return false;
}

static const struct cel_type *optional_of(struct cel_checker *ck, const struct cel_type *t)
{
	return cel_type_new(ck->u.arena, CEL_T_OPTIONAL, t, NULL);
}

static const struct cel_type *field_type(
	struct cel_checker *ck, const struct cel_node *n, const struct cel_type *t)
{
	t = cel_type_resolve(&ck->u, t);
	switch (t->kind) {
	case CEL_T_DYN:
	case CEL_T_VAR:
		return &cel_t_dyn;
	case CEL_T_OPTIONAL:
		return optional_of(ck, field_type(ck, n, t->a));
	case CEL_T_MAP:
		if (cel_type_assign(&ck->u, t->a, &cel_t_string))
			return t->b;
		break;
	default:
		break;
	}
	if (cel_check_strict(ck))
		cel_issue_at(ck->c, n->pos, "%s has no field '%.*s'", cel_check_type_text(ck, t),
			SPAN_FMT(n->name));
	return &cel_t_dyn;
}

static const struct cel_type *wrap_optional(struct cel_checker *ck, const struct cel_type *t)
{
	t = cel_type_resolve(&ck->u, t);
	return t->kind == CEL_T_OPTIONAL ? t : optional_of(ck, t);
}

/* has(variables.x) where x is declared under that name: there is no map to ask, it is there. */
static bool has_declared(struct cel_checker *ck, struct cel_node *n)
{
	n->test = false;
	if (!cel_check_chain(ck, n)) {
		n->test = true;
		return false;
	}
	n->op = CEL_N_CONST;
	n->value = cel_bool(true);
	return true;
}

/* ---- fields of variables that say which they have ---- */

/* The path that n selects, "userInfo.groups", and whose it is; NULL if that is not known. */
static const struct cel_variable *selected_path(
	const struct cel_checker *ck, const struct cel_node *n, struct buf *path)
{
	const struct cel_node *chain[8];
	size_t depth = 0;

	for (; n->op == CEL_N_SELECT && depth < ARRAY_LEN(chain); n = n->args[0])
		chain[depth++] = n;
	if (n->op != CEL_N_VAR || !ck->c->env->vars[n->slot].fields)
		return NULL;
	while (depth-- > 0) {
		if (path->len > 0)
			buf_add_char(path, '.');
		buf_add_span(path, chain[depth]->name);
	}
	return buf_str(path) ? &ck->c->env->vars[n->slot] : NULL;
}

/* Is the field one right below the path's parent? parent includes the final dot. */
static bool is_sibling(const char *field, struct span parent)
{
	return strlen(field) > parent.len && !memcmp(field, parent.ptr, parent.len) &&
	       !strchr(field + parent.len, '.');
}

static void check_declared_field(struct cel_checker *ck, const struct cel_node *n)
{
	char text[256];
	struct buf path = {.ptr = text, .cap = sizeof text, .max = sizeof text - 1};
	const struct cel_variable *v = selected_path(ck, n, &path);
	struct cel_hint hint = {.wanted = n->name};
	bool closed = false;

	if (!v)
		return;
	struct span parent = {path.ptr, path.len - n->name.len};
	for (const char *const *f = v->fields; *f; f++) {
		if (span_eq_str(buf_span(&path), *f))
			return;
		if (is_sibling(*f, parent)) {
			closed = true;
			cel_hint_offer(&hint, span_of(*f + parent.len));
		}
	}
	if (closed)
		cel_issue_at(ck->c, n->pos, "%.*s%s%.*s has no field '%.*s'%s", SPAN_FMT(v->name),
			parent.len ? "." : "", (int)(parent.len ? parent.len - 1 : 0), parent.ptr,
			SPAN_FMT(n->name), cel_hint_text(&hint));
}

static const struct cel_type *check_select(struct cel_checker *ck, struct cel_node *n)
{
	if (n->test && has_declared(ck, n))
		return &cel_t_bool;
	const struct cel_type *t = n->test || n->optional ? NULL : cel_check_chain(ck, n);

	if (t)
		return t;
	const struct cel_node *above = ck->select_above;
	ck->select_above = n->args[0]->op == CEL_N_IDENT ? n : NULL;
	t = cel_check_node(ck, n->args[0]);
	ck->select_above = above;
	check_declared_field(ck, n);
	const struct cel_type *of = cel_type_resolve(&ck->u, t);
	t = field_type(ck, n, of);
	if (n->test)
		return &cel_t_bool;
	if (n->optional && of->kind != CEL_T_OPTIONAL)
		return wrap_optional(ck, t);
	return t;
}

static const struct cel_type *element_type(struct cel_checker *ck, const struct cel_node *n,
	const struct cel_type *of, const struct cel_type *index)
{
	of = cel_type_resolve(&ck->u, of);
	switch (of->kind) {
	case CEL_T_DYN:
	case CEL_T_VAR:
		return &cel_t_dyn;
	case CEL_T_OPTIONAL:
		return optional_of(ck, element_type(ck, n, of->a, index));
	case CEL_T_LIST:
		want(ck, n->args[1], index, &cel_t_int, "an index");
		return of->a;
	case CEL_T_MAP:
		want(ck, n->args[1], index, of->a, "a key");
		return of->b;
	default:
		if (cel_check_strict(ck))
			cel_issue_at(
				ck->c, n->off, "%s has no elements", cel_check_type_text(ck, of));
		return &cel_t_dyn;
	}
}

static const struct cel_type *check_index(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_type *of = cel_check_node(ck, n->args[0]);
	const struct cel_type *t = element_type(ck, n, of, cel_check_node(ck, n->args[1]));

	if (n->optional && cel_type_resolve(&ck->u, of)->kind != CEL_T_OPTIONAL)
		return wrap_optional(ck, t);
	return t;
}

static bool is_optional_arg(const struct cel_node *n, uint32_t i)
{
	return n->opt_mask && (n->opt_mask[i / 64] >> i % 64 & 1);
}

/* What an element of a literal is: of ?e, what is inside. */
static const struct cel_type *check_element(struct cel_checker *ck, struct cel_node *n, uint32_t i)
{
	const struct cel_type *t = cel_check_node(ck, n->args[i]);

	if (!is_optional_arg(n, i))
		return t;
	const struct cel_type *inside = cel_type_fresh(&ck->u);
	want(ck, n->args[i], t, optional_of(ck, inside), "what follows '?'");
	return inside;
}

static const struct cel_type *check_list(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_type *t = NULL;

	for (uint32_t i = 0; i < n->count; i++) {
		const struct cel_type *e = check_element(ck, n, i);
		t = t ? cel_type_join(&ck->u, t, e) : e;
	}
	return cel_type_new(ck->u.arena, CEL_T_LIST, t ? t : cel_type_fresh(&ck->u), NULL);
}

static void check_key_type(
	struct cel_checker *ck, const struct cel_node *n, const struct cel_type *t)
{
	t = cel_type_resolve(&ck->u, t);
	switch (t->kind) {
	case CEL_T_DYN:
	case CEL_T_VAR:
	case CEL_T_BOOL:
	case CEL_T_INT:
	case CEL_T_UINT:
	case CEL_T_STRING:
		return;
	default:
		if (cel_check_strict(ck))
			cel_issue_at(ck->c, n->pos,
				"a key must be a bool, int, uint or string, this is %s",
				cel_check_type_text(ck, t));
	}
}

static const struct cel_type *check_map(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_type *k = NULL, *v = NULL;

	for (uint32_t i = 0; i < n->count; i += 2) {
		const struct cel_type *kt = cel_check_node(ck, n->args[i]);
		const struct cel_type *vt = check_element(ck, n, i + 1);
		check_key_type(ck, n->args[i], kt);
		k = k ? cel_type_join(&ck->u, k, kt) : kt;
		v = v ? cel_type_join(&ck->u, v, vt) : vt;
	}
	return cel_type_new(ck->u.arena, CEL_T_MAP, k ? k : cel_type_fresh(&ck->u),
		v ? v : cel_type_fresh(&ck->u));
}

static const struct cel_type *check_cond(struct cel_checker *ck, struct cel_node *n)
{
	want(ck, n->args[0], cel_check_node(ck, n->args[0]), &cel_t_bool, "the condition of ?:");
	const struct cel_type *a = cel_check_node(ck, n->args[1]),
			      *b = cel_check_node(ck, n->args[2]);
	uint32_t mark = ck->u.trail_count;

	if (!cel_type_assign(&ck->u, a, b)) {
		cel_type_rollback(&ck->u, mark);
		if (cel_check_strict(ck))
			cel_issue_at(ck->c, n->args[2]->off,
				"the two results of ?: are of types %s and %s; dyn() around one "
				"allows that",
				cel_check_type_text(ck, a), cel_check_type_text(ck, b));
		return &cel_t_dyn;
	}
	return cel_type_join(&ck->u, a, b);
}

/* ---- what declares variables ---- */

static void enter(struct cel_checker *ck, struct cel_scope *s, struct span name,
	const struct cel_type *type, uint32_t *ret_slot)
{
	*s = (struct cel_scope){name, ck->depth++, type, ck->scope};
	ck->scope = s;
	*ret_slot = s->slot;
	if (ck->depth > ck->c->prog->local_count)
		ck->c->prog->local_count = ck->depth;
}

static void leave(struct cel_checker *ck)
{
	ck->scope = ck->scope->up;
	ck->depth--;
}

/* The types of a loop's variables: first is the index or key of two, or the one there is. */
static void range_types(struct cel_checker *ck, const struct cel_node *n, const struct cel_type *of,
	const struct cel_type **ret_first, const struct cel_type **ret_second)
{
	of = cel_type_resolve(&ck->u, of);
	*ret_first = *ret_second = &cel_t_dyn;
	if (of->kind == CEL_T_LIST) {
		*ret_first = n->two_vars ? &cel_t_int : of->a;
		*ret_second = of->a;
	} else if (of->kind == CEL_T_MAP) {
		*ret_first = of->a;
		*ret_second = of->b;
	} else if (of->kind != CEL_T_DYN && of->kind != CEL_T_VAR && cel_check_strict(ck)) {
		cel_issue_at(ck->c, n->args[0]->off,
			"only lists and maps have elements to go through, this is %s",
			cel_check_type_text(ck, of));
	}
}

static const struct cel_type *loop_type(struct cel_checker *ck, const struct cel_node *n,
	const struct cel_type *of, const struct cel_type *first, const struct cel_type *made)
{
	switch ((enum cel_loop)n->loop) {
	case CEL_LOOP_ALL:
	case CEL_LOOP_EXISTS:
	case CEL_LOOP_EXISTS_ONE:
		return &cel_t_bool;
	case CEL_LOOP_MAP:
		return cel_type_new(ck->u.arena, CEL_T_LIST, made, NULL);
	case CEL_LOOP_FILTER:
		return cel_type_new(ck->u.arena, CEL_T_LIST, first, NULL);
	case CEL_LOOP_TO_MAP:
		return cel_type_new(ck->u.arena, CEL_T_MAP, first, made);
	case CEL_LOOP_TO_ENTRY:
		made = cel_type_resolve(&ck->u, made);
		if (n->args[2] && made->kind != CEL_T_MAP && made->kind != CEL_T_DYN &&
			cel_check_strict(ck))
			cel_issue_at(ck->c, n->args[2]->off, "an entry must be a map, this is %s",
				cel_check_type_text(ck, made));
		return made;
	case CEL_LOOP_SORT_BY:
		return of;
	}
	return &cel_t_dyn;
}

static const struct cel_type *check_loop(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_type *of = cel_check_node(ck, n->args[0]), *first, *second,
			      *made = &cel_t_dyn;
	struct cel_scope s1, s2;

	range_types(ck, n, of, &first, &second);
	enter(ck, &s1, n->name, first, &n->slot);
	if (n->two_vars)
		enter(ck, &s2, n->name2, second, &n->slot2);
	if (n->args[1])
		want(ck, n->args[1], cel_check_node(ck, n->args[1]), &cel_t_bool, "the condition");
	if (n->args[2])
		made = cel_check_node(ck, n->args[2]);
	if (n->two_vars)
		leave(ck);
	leave(ck);
	return loop_type(ck, n, of, first, made);
}

static const struct cel_type *check_bind(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_type *t = cel_check_node(ck, n->args[0]);
	struct cel_scope s;

	enter(ck, &s, n->name, t, &n->slot);
	t = cel_check_node(ck, n->args[1]);
	leave(ck);
	return t;
}

static const struct cel_type *check_optmap(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_type *t = cel_check_node(ck, n->args[0]);
	const struct cel_type *inside = cel_type_fresh(&ck->u);
	struct cel_scope s;

	want(ck, n->args[0], t, optional_of(ck, inside), "what optMap is called on");
	enter(ck, &s, n->name, inside, &n->slot);
	t = cel_check_node(ck, n->args[1]);
	leave(ck);
	if (!n->flat)
		return optional_of(ck, t);
	want(ck, n->args[1], t, optional_of(ck, cel_type_fresh(&ck->u)),
		"the result of optFlatMap");
	return t;
}

static const struct cel_type *check_block(struct cel_checker *ck, struct cel_node *n)
{
	struct cel_block b = {n->args[0], n->args[0]->count}, *outer = ck->block;
	struct cel_node *body = n->args[1];

	ck->block = &b;
	const struct cel_type *t = cel_check_node(ck, body);
	ck->block = outer;
	*n = *body;
	return t;
}

static const struct cel_type *check_logic(struct cel_checker *ck, struct cel_node *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		want(ck, n->args[i], cel_check_node(ck, n->args[i]), &cel_t_bool,
			n->op == CEL_N_AND ? "an operand of &&" : "an operand of ||");
	return &cel_t_bool;
}

static const struct cel_type *const_type(const struct cel_node *n)
{
	static const struct cel_type *const types[] = {
		[CEL_NULL] = &cel_t_null,
		[CEL_BOOL] = &cel_t_bool,
		[CEL_INT] = &cel_t_int,
		[CEL_UINT] = &cel_t_uint,
		[CEL_DOUBLE] = &cel_t_double,
		[CEL_STRING] = &cel_t_string,
		[CEL_BYTES] = &cel_t_bytes,
	};

	return n->value.kind < ARRAY_LEN(types) ? types[n->value.kind] : &cel_t_dyn;
}

static const struct cel_type *check_by_op(struct cel_checker *ck, struct cel_node *n)
{
	switch ((enum cel_op)n->op) {
	case CEL_N_CONST:
		return const_type(n);
	case CEL_N_IDENT:
		return cel_check_ident(ck, n);
	case CEL_N_SELECT:
		return check_select(ck, n);
	case CEL_N_INDEX:
		return check_index(ck, n);
	case CEL_N_CALL:
		return cel_check_call(ck, n);
	case CEL_N_LIST:
		return check_list(ck, n);
	case CEL_N_MAP:
		return check_map(ck, n);
	case CEL_N_AND:
	case CEL_N_OR:
		return check_logic(ck, n);
	case CEL_N_COND:
		return check_cond(ck, n);
	case CEL_N_LOOP:
		return check_loop(ck, n);
	case CEL_N_BIND:
		return check_bind(ck, n);
	case CEL_N_OPTMAP:
		return check_optmap(ck, n);
	case CEL_N_BLOCK:
		return check_block(ck, n);
	case CEL_N_VAR:
	case CEL_N_LOCAL:
	case CEL_N_BAD:
		break;
	}
	return &cel_t_dyn;
}

const struct cel_type *cel_check_node(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_node *above = ck->select_above;

	if (ck->level++ > 2 * CEL_MAX_DEPTH) {
		if (!ck->c->failed)
			cel_issue_at(ck->c, n->pos, "nested too deep");
		ck->c->failed = true;
		ck->level--;
		return &cel_t_dyn;
	}
	if (n->op != CEL_N_IDENT)
		ck->select_above = NULL;
	const struct cel_type *t = check_by_op(ck, n);
	ck->select_above = above;
	ck->level--;
	return t;
}

void cel_check(struct cel_compiler *c, struct cel_node *root, const struct cel_type *expect)
{
	struct cel_checker ck = {.c = c, .u = {.arena = c->arena}};
	const struct cel_type *t = cel_check_node(&ck, root);

	if (!cel_type_assign(&ck.u, expect, t) && cel_check_strict(&ck))
		cel_issue_at(c, root->off, "the expression is %s, but must be %s",
			cel_check_type_text(&ck, t), cel_check_type_text(&ck, expect));
	c->prog->type_text = cel_check_type_text(&ck, t);
}
