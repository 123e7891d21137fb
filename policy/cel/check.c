/*
 * The checker: which declaration each name means, whether a function takes these arguments, what
 * type comes out. It rewrites the tree in place (names to variables, frame slots and constants) and
 * reports every mistake; with CEL_NO_CHECK a mistake becomes a node that is an error when it is
 * evaluated, as the language says for unchecked expressions.
 */
#include <stdio.h>

#include "policy/cel/types.h"

struct scope {
	struct span name;
	uint32_t slot;
	const struct cel_type *type;
	struct scope *up;
};

/* An enclosing cel.block: what @index0 … @index<limit - 1> stand for. */
struct block {
	const struct cel_node *list;
	uint32_t limit;
};

struct checker {
	struct cel_compiler *c;
	struct cel_unifier u;
	struct scope *scope;
	struct block *block;
	uint32_t depth; /* frame slots in use */
	unsigned level; /* of recursion: blocks nest deeper than the source does */
	const struct cel_node *select_above; /* the selection that the name looked at is part of */
};

#define NAME_MAX_BYTES 512

static const struct cel_type *check(struct checker *ck, struct cel_node *n);

static bool strict(const struct checker *ck)
{
	return !(ck->c->env->options & CEL_NO_CHECK);
}

/* Makes n an error at run time; checked expressions get an issue from the caller instead. */
static const struct cel_type *bad(struct checker *ck, struct cel_node *n, struct span why)
{
	n->op = CEL_N_BAD;
	n->value = cel_string(why);
	n->count = 0;
	if (!why.ptr)
		ck->c->out_of_memory = true;
	return &cel_t_dyn;
}

/* ---- names ---- */

static const struct scope *local(const struct checker *ck, struct span name)
{
	for (const struct scope *s = ck->scope; s; s = s->up)
		if (span_eq(s->name, name))
			return s;
	return NULL;
}

static const struct cel_node *leftmost(const struct cel_node *n)
{
	while (n->op == CEL_N_SELECT && !n->optional && !n->test)
		n = n->args[0];
	return n;
}

/* Appends "a.b.c" for a chain of selections from a name; false if n is anything else. */
static bool chain_text(const struct cel_node *n, char *out, size_t size, size_t *len)
{
	if (n->op == CEL_N_SELECT) {
		if (n->optional || n->test || !chain_text(n->args[0], out, size, len) ||
			*len + 1 >= size)
			return false;
		out[(*len)++] = '.';
	} else if (n->op != CEL_N_IDENT) {
		return false;
	}
	if (n->name.len >= size - *len)
		return false;
	memcpy(out + *len, n->name.ptr, n->name.len);
	*len += n->name.len;
	return true;
}

static const struct cel_variable *variable(const struct cel_env *env, struct span name)
{
	for (uint32_t i = 0; i < env->var_count; i++)
		if (span_eq(env->vars[i].name, name))
			return &env->vars[i];
	return NULL;
}

/* Names of types are values: int, net.IP. */
static const char *type_name(struct span name)
{
	static const char *const types[] = {"bool", "int", "uint", "double", "string", "bytes",
		"list", "map", "null_type", "type", "google.protobuf.Timestamp",
		"google.protobuf.Duration", "optional_type", "net.IP", "net.CIDR", "kubernetes.URL",
		"kubernetes.Quantity", "kubernetes.Semver"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (span_eq_str(name, types[i]))
			return types[i];
	return NULL;
}

static const struct cel_type *declared(struct checker *ck, struct cel_node *n, struct span name)
{
	const struct cel_env *env = ck->c->env;
	const struct cel_variable *v = variable(env, name);

	if (v) {
		n->op = CEL_N_VAR;
		n->count = 0;
		n->slot = (uint32_t)(v - env->vars);
		ck->c->prog->uses[n->slot / 64] |= UINT64_C(1) << n->slot % 64;
		return v->type;
	}
	const char *t = type_name(name);
	if (t) {
		n->op = CEL_N_CONST;
		n->count = 0;
		n->value = cel_type_value(t);
		return cel_type_new(ck->u.arena, CEL_T_TYPE, &cel_t_dyn, NULL);
	}
	return NULL;
}

/*
 * The declaration that the chain a.b.c means as a whole: com.example.a.b.c, com.a.b.c, a.b.c for
 * the container com.example. NULL if there is none, or if a is a variable of a comprehension.
 */
static const struct cel_type *resolve(struct checker *ck, struct cel_node *n)
{
	char text[NAME_MAX_BYTES];
	size_t len = 0;
	struct span container = ck->c->env->container;
	const struct cel_node *first = leftmost(n);

	if (first->op != CEL_N_IDENT || (!first->absolute && local(ck, first->name)))
		return NULL;
	while (container.len > 0 && !first->absolute && container.len < NAME_MAX_BYTES / 2) {
		memcpy(text, container.ptr, container.len);
		text[container.len] = '.';
		len = container.len + 1;
		if (!chain_text(n, text, sizeof text, &len))
			return NULL;
		const struct cel_type *t = declared(ck, n, (struct span){text, len});
		if (t)
			return t;
		while (container.len > 0 && container.ptr[container.len - 1] != '.')
			container.len--;
		if (container.len > 0)
			container.len--;
	}
	len = 0;
	return chain_text(n, text, sizeof text, &len) ? declared(ck, n, (struct span){text, len})
						      : NULL;
}

static bool names_a_space(const struct cel_env *env, struct span name)
{
	for (uint32_t i = 0; i < env->var_count; i++) {
		struct span v = env->vars[i].name;
		if (v.len > name.len && v.ptr[name.len] == '.' &&
			memcmp(v.ptr, name.ptr, name.len) == 0)
			return true;
	}
	return false;
}

static void issue_unknown_name(struct checker *ck, const struct cel_node *n)
{
	struct span name = n->name;
	const struct cel_env *env = ck->c->env;

	/* `variables.imge`, when there is a variables.image: the longer name is what is wrong */
	if (ck->select_above && names_a_space(env, name))
		name = arena_printf(ck->c->arena, "%.*s.%.*s", SPAN_FMT(name),
			SPAN_FMT(ck->select_above->name));
	struct cel_hint h = {.wanted = name};
	for (uint32_t i = 0; i < env->var_count; i++)
		cel_hint_offer(&h, env->vars[i].name);
	for (const struct scope *s = ck->scope; s; s = s->up)
		cel_hint_offer(&h, s->name);
	cel_issue_at(ck->c, n->off, "unknown variable '%.*s'%s", SPAN_FMT(name), cel_hint_text(&h));
}

static bool block_index(struct span name, uint32_t *ret)
{
	uint32_t v = 0;

	if (name.len < 7 || name.len > 11 || memcmp(name.ptr, "@index", 6) != 0)
		return false;
	for (size_t i = 6; i < name.len; i++) {
		if (name.ptr[i] < '0' || name.ptr[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(name.ptr[i] - '0');
	}
	*ret = v;
	return true;
}

/* @index3 becomes a copy of the block's element 3, which may use only those before it. */
static const struct cel_type *check_block_index(
	struct checker *ck, struct cel_node *n, uint32_t index)
{
	struct block *b = ck->block;
	uint32_t limit = b->limit;
	struct cel_node *copy = cel_node_clone(ck->c, b->list->args[index]);

	if (!copy) {
		ck->c->out_of_memory = true;
		return &cel_t_dyn;
	}
	b->limit = index;
	const struct cel_type *t = check(ck, copy);
	b->limit = limit;
	*n = *copy;
	return t;
}

static const struct cel_type *check_ident(struct checker *ck, struct cel_node *n)
{
	const struct scope *s = n->absolute ? NULL : local(ck, n->name);
	uint32_t index;

	if (s) {
		n->op = CEL_N_LOCAL;
		n->slot = s->slot;
		return s->type;
	}
	if (ck->block && block_index(n->name, &index) && index < ck->block->limit)
		return check_block_index(ck, n, index);
	const struct cel_type *t = resolve(ck, n);
	if (t)
		return t;
	if (strict(ck))
		issue_unknown_name(ck, n);
	return bad(ck, n, arena_printf(ck->c->arena, "unknown variable '%.*s'", SPAN_FMT(n->name)));
}

/* ---- types of nodes ---- */

static const char *type_text(struct checker *ck, const struct cel_type *t)
{
	struct buf b = BUF_INIT(256);

	cel_put_type(&b, cel_type_final(&ck->u, t));
	const char *s = arena_strndup(ck->c->arena, b.ptr ? b.ptr : "", b.len);
	buf_free(&b);
	return s ? s : "?";
}

static bool want(struct checker *ck, const struct cel_node *n, const struct cel_type *type,
	const struct cel_type *wanted, const char *what)
{
	if (cel_type_assign(&ck->u, wanted, type))
		return true;
	if (strict(ck))
		cel_issue_at(ck->c, n->off, "%s must be %s, this is %s", what,
			type_text(ck, wanted), type_text(ck, type));
	return false;
}

static const struct cel_type *optional_of(struct checker *ck, const struct cel_type *t)
{
	return cel_type_new(ck->u.arena, CEL_T_OPTIONAL, t, NULL);
}

static const struct cel_type *field_type(
	struct checker *ck, const struct cel_node *n, const struct cel_type *t)
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
	if (strict(ck))
		cel_issue_at(ck->c, n->off, "%s has no field '%.*s'", type_text(ck, t),
			SPAN_FMT(n->name));
	return &cel_t_dyn;
}

static const struct cel_type *wrap_optional(struct checker *ck, const struct cel_type *t)
{
	t = cel_type_resolve(&ck->u, t);
	return t->kind == CEL_T_OPTIONAL ? t : optional_of(ck, t);
}

static const struct cel_type *check_select(struct checker *ck, struct cel_node *n)
{
	const struct cel_type *t = n->test || n->optional ? NULL : resolve(ck, n);

	if (t)
		return t;
	const struct cel_node *above = ck->select_above;
	ck->select_above = n->args[0]->op == CEL_N_IDENT ? n : NULL;
	t = check(ck, n->args[0]);
	ck->select_above = above;
	const struct cel_type *of = cel_type_resolve(&ck->u, t);
	t = field_type(ck, n, of);
	if (n->test)
		return &cel_t_bool;
	if (n->optional && of->kind != CEL_T_OPTIONAL)
		return wrap_optional(ck, t);
	return t;
}

static const struct cel_type *element_type(struct checker *ck, const struct cel_node *n,
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
		if (strict(ck))
			cel_issue_at(ck->c, n->off, "%s has no elements", type_text(ck, of));
		return &cel_t_dyn;
	}
}

static const struct cel_type *check_index(struct checker *ck, struct cel_node *n)
{
	const struct cel_type *of = check(ck, n->args[0]);
	const struct cel_type *t = element_type(ck, n, of, check(ck, n->args[1]));

	if (n->optional && cel_type_resolve(&ck->u, of)->kind != CEL_T_OPTIONAL)
		return wrap_optional(ck, t);
	return t;
}

static bool is_optional_arg(const struct cel_node *n, uint32_t i)
{
	return n->opt_mask && (n->opt_mask[i / 64] >> i % 64 & 1);
}

/* What an element of a literal is: of ?e, what is inside. */
static const struct cel_type *check_element(struct checker *ck, struct cel_node *n, uint32_t i)
{
	const struct cel_type *t = check(ck, n->args[i]);

	if (!is_optional_arg(n, i))
		return t;
	const struct cel_type *inside = cel_type_fresh(&ck->u);
	want(ck, n->args[i], t, optional_of(ck, inside), "what follows '?'");
	return inside;
}

static const struct cel_type *check_list(struct checker *ck, struct cel_node *n)
{
	const struct cel_type *t = NULL;

	for (uint32_t i = 0; i < n->count; i++) {
		const struct cel_type *e = check_element(ck, n, i);
		t = t ? cel_type_join(&ck->u, t, e) : e;
	}
	return cel_type_new(ck->u.arena, CEL_T_LIST, t ? t : cel_type_fresh(&ck->u), NULL);
}

static void check_key_type(struct checker *ck, const struct cel_node *n, const struct cel_type *t)
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
		if (strict(ck))
			cel_issue_at(ck->c, n->off,
				"a key must be a bool, int, uint or string, this is %s",
				type_text(ck, t));
	}
}

static const struct cel_type *check_map(struct checker *ck, struct cel_node *n)
{
	const struct cel_type *k = NULL, *v = NULL;

	for (uint32_t i = 0; i < n->count; i += 2) {
		const struct cel_type *kt = check(ck, n->args[i]);
		const struct cel_type *vt = check_element(ck, n, i + 1);
		check_key_type(ck, n->args[i], kt);
		k = k ? cel_type_join(&ck->u, k, kt) : kt;
		v = v ? cel_type_join(&ck->u, v, vt) : vt;
	}
	return cel_type_new(ck->u.arena, CEL_T_MAP, k ? k : cel_type_fresh(&ck->u),
		v ? v : cel_type_fresh(&ck->u));
}

static const struct cel_type *check_cond(struct checker *ck, struct cel_node *n)
{
	want(ck, n->args[0], check(ck, n->args[0]), &cel_t_bool, "the condition of ?:");
	const struct cel_type *a = check(ck, n->args[1]), *b = check(ck, n->args[2]);
	uint32_t mark = ck->u.trail_count;

	if (!cel_type_assign(&ck->u, a, b)) {
		cel_type_rollback(&ck->u, mark);
		if (strict(ck))
			cel_issue_at(ck->c, n->args[2]->off,
				"the two results of ?: are of types %s and %s; dyn() around one "
				"allows that",
				type_text(ck, a), type_text(ck, b));
		return &cel_t_dyn;
	}
	return cel_type_join(&ck->u, a, b);
}

/* ---- functions ---- */

static bool takes(const struct cel_signature *s, uint32_t count)
{
	return s->variadic ? count >= s->param_count : count == s->param_count;
}

static const struct cel_type *fits(struct checker *ck, const struct cel_signature *s,
	const struct cel_type *const *types, uint32_t count)
{
	const struct cel_type *map[26] = {NULL};

	if (!takes(s, count))
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		const struct cel_type *p = s->params[i < s->param_count ? i : s->param_count - 1u];
		if (!cel_type_assign(&ck->u, cel_type_instantiate(&ck->u, p, map), types[i]))
			return NULL;
	}
	return cel_type_instantiate(&ck->u, s->result, map);
}

static bool same_plain_type(const struct cel_type *a, const struct cel_type *b)
{
	return a->kind == b->kind && !a->a && a->kind != CEL_T_VAR;
}

struct overloads {
	const struct cel_type *result;
	unsigned matches;
	bool name_known, arity_known;
	const struct cel_function *any;
};

/* Tries every signature of f; the bindings stay only if it is the one that fits. */
static void try_function(struct checker *ck, const struct cel_function *f,
	const struct cel_type *const *types, uint32_t count, struct overloads *o)
{
	uint32_t sig_count;
	const struct cel_signature *sigs = cel_function_signatures(f, &sig_count);

	o->name_known = true;
	if (!o->any)
		o->any = f;
	for (uint32_t i = 0; i < sig_count; i++) {
		uint32_t mark = ck->u.trail_count;
		o->arity_known = o->arity_known || takes(&sigs[i], count);
		const struct cel_type *t = fits(ck, &sigs[i], types, count);
		if (!t || o->matches > 0)
			cel_type_rollback(&ck->u, mark);
		if (!t)
			continue;
		if (o->matches++ == 0)
			o->result = t;
		else if (!same_plain_type(o->result, t))
			o->result = &cel_t_dyn;
	}
}

static const char *plain_name(const struct cel_node *n)
{
	static const struct {
		const char *name, *text;
	} ops[] = {{"_+_", "+"}, {"_-_", "-"}, {"_*_", "*"}, {"_/_", "/"}, {"_%_", "%"},
		{"_==_", "=="}, {"_!=_", "!="}, {"_<_", "<"}, {"_<=_", "<="}, {"_>_", ">"},
		{"_>=_", ">="}, {"_in_", "in"}, {"!_", "!"}, {"-_", "-"}};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (span_eq_str(n->name, ops[i].name))
			return ops[i].text;
	return NULL;
}

static const char *types_text(
	struct checker *ck, const struct cel_type *const *types, uint32_t count)
{
	struct buf b = BUF_INIT(400);

	for (uint32_t i = 0; i < count && i < 6; i++) {
		if (i > 0)
			buf_add_str(&b, ", ");
		buf_add_str(&b, type_text(ck, types[i]));
	}
	const char *s = arena_strndup(ck->c->arena, b.ptr ? b.ptr : "", b.len);
	buf_free(&b);
	return s ? s : "?";
}

static void issue_call(struct checker *ck, const struct cel_node *n,
	const struct cel_type *const *types, const struct overloads *o)
{
	const char *op = plain_name(n);

	if (op && n->count == 2) {
		cel_issue_at(ck->c, n->off, "%s %s %s is not defined%s", type_text(ck, types[0]),
			op, type_text(ck, types[1]),
			span_eq_str(n->name, "_==_") || span_eq_str(n->name, "_!=_")
				? ": they are never equal"
				: "");
	} else if (op) {
		cel_issue_at(ck->c, n->off, "%s%s is not defined", op, type_text(ck, types[0]));
	} else if (o->name_known) {
		cel_issue_at(ck->c, n->off, "%.*s does not take %s(%s), but %s", SPAN_FMT(n->name),
			o->arity_known ? "" : "that many arguments ",
			types_text(ck, types, n->count), o->any->signatures);
	} else {
		struct cel_hint h = {.wanted = n->name};
		cel_function_offer_names(&h, n->method ? CEL_ME : CEL_FN);
		cel_issue_at(ck->c, n->off, "unknown %s '%.*s'%s",
			n->method ? "method" : "function", SPAN_FMT(n->name), cel_hint_text(&h));
	}
}

/* math.abs(x): a function with a qualified name, not a method of math. */
static void resolve_qualified_call(struct checker *ck, struct cel_node *n)
{
	char text[NAME_MAX_BYTES];
	size_t len = 0, at = 0;
	const struct cel_node *first = leftmost(n->args[0]);

	if (first->op != CEL_N_IDENT || (!first->absolute && local(ck, first->name)) ||
		!chain_text(n->args[0], text, sizeof text, &len) ||
		len + 1 + n->name.len > sizeof text)
		return;
	text[len++] = '.';
	memcpy(text + len, n->name.ptr, n->name.len);
	len += n->name.len;
	const struct cel_function *f = cel_function_find((struct span){text, len}, CEL_FN, &at);
	if (!f)
		return;
	n->name = span_of(f->name);
	n->method = false;
	n->args++;
	n->count--;
}

static const struct cel_type *check_call(struct checker *ck, struct cel_node *n)
{
	struct overloads o = {0};
	size_t at = 0;

	if (n->method)
		resolve_qualified_call(ck, n);
	const struct cel_type **types = arena_calloc(ck->c->arena, n->count + 1u, sizeof *types);
	if (!types) {
		ck->c->out_of_memory = true;
		return &cel_t_dyn;
	}
	for (uint32_t i = 0; i < n->count; i++)
		types[i] = check(ck, n->args[i]);
	for (const struct cel_function *f;
		(f = cel_function_find(n->name, n->method ? CEL_ME : CEL_FN, &at)) != NULL;) {
		unsigned before = o.matches;
		bool arity = o.arity_known;
		o.arity_known = false;
		try_function(ck, f, types, n->count, &o);
		if ((!before && o.matches) || (!n->fn && o.arity_known))
			n->fn = f->fn;
		o.arity_known = o.arity_known || arity;
	}
	if (o.matches == 0 && strict(ck))
		issue_call(ck, n, types, &o);
	if (o.matches == 0 && !o.arity_known)
		return bad(ck, n,
			arena_printf(ck->c->arena, "no such overload: %.*s with %u arguments",
				SPAN_FMT(n->name), n->count));
	return o.matches ? o.result : &cel_t_dyn;
}

/* ---- what declares variables ---- */

static void enter(struct checker *ck, struct scope *s, struct span name,
	const struct cel_type *type, uint32_t *ret_slot)
{
	*s = (struct scope){name, ck->depth++, type, ck->scope};
	ck->scope = s;
	*ret_slot = s->slot;
	if (ck->depth > ck->c->prog->local_count)
		ck->c->prog->local_count = ck->depth;
}

static void leave(struct checker *ck)
{
	ck->scope = ck->scope->up;
	ck->depth--;
}

/* The types of a loop's variables: first is the index or key of two, or the one there is. */
static void range_types(struct checker *ck, const struct cel_node *n, const struct cel_type *of,
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
	} else if (of->kind != CEL_T_DYN && of->kind != CEL_T_VAR && strict(ck)) {
		cel_issue_at(ck->c, n->args[0]->off,
			"only lists and maps have elements to go through, this is %s",
			type_text(ck, of));
	}
}

static const struct cel_type *loop_type(struct checker *ck, const struct cel_node *n,
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
		if (made->kind != CEL_T_MAP && made->kind != CEL_T_DYN && strict(ck))
			cel_issue_at(ck->c, n->args[2]->off, "an entry must be a map, this is %s",
				type_text(ck, made));
		return made;
	case CEL_LOOP_SORT_BY:
		return of;
	}
	return &cel_t_dyn;
}

static const struct cel_type *check_loop(struct checker *ck, struct cel_node *n)
{
	const struct cel_type *of = check(ck, n->args[0]), *first, *second, *made = &cel_t_dyn;
	struct scope s1, s2;

	range_types(ck, n, of, &first, &second);
	enter(ck, &s1, n->name, first, &n->slot);
	if (n->two_vars)
		enter(ck, &s2, n->name2, second, &n->slot2);
	if (n->args[1])
		want(ck, n->args[1], check(ck, n->args[1]), &cel_t_bool, "the condition");
	if (n->args[2])
		made = check(ck, n->args[2]);
	if (n->two_vars)
		leave(ck);
	leave(ck);
	return loop_type(ck, n, of, first, made);
}

static const struct cel_type *check_bind(struct checker *ck, struct cel_node *n)
{
	const struct cel_type *t = check(ck, n->args[0]);
	struct scope s;

	enter(ck, &s, n->name, t, &n->slot);
	t = check(ck, n->args[1]);
	leave(ck);
	return t;
}

static const struct cel_type *check_optmap(struct checker *ck, struct cel_node *n)
{
	const struct cel_type *t = check(ck, n->args[0]);
	const struct cel_type *inside = cel_type_fresh(&ck->u);
	struct scope s;

	want(ck, n->args[0], t, optional_of(ck, inside), "what optMap is called on");
	enter(ck, &s, n->name, inside, &n->slot);
	t = check(ck, n->args[1]);
	leave(ck);
	if (!n->flat)
		return optional_of(ck, t);
	want(ck, n->args[1], t, optional_of(ck, cel_type_fresh(&ck->u)),
		"the result of optFlatMap");
	return t;
}

static const struct cel_type *check_block(struct checker *ck, struct cel_node *n)
{
	struct block b = {n->args[0], n->args[0]->count}, *outer = ck->block;
	struct cel_node *body = n->args[1];

	ck->block = &b;
	const struct cel_type *t = check(ck, body);
	ck->block = outer;
	*n = *body;
	return t;
}

static const struct cel_type *check_logic(struct checker *ck, struct cel_node *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		want(ck, n->args[i], check(ck, n->args[i]), &cel_t_bool,
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

static const struct cel_type *check(struct checker *ck, struct cel_node *n)
{
	const struct cel_node *above = ck->select_above;
	const struct cel_type *t = &cel_t_dyn;

	if (ck->level++ > 2 * CEL_MAX_DEPTH) {
		if (!ck->c->failed)
			cel_issue_at(ck->c, n->off, "nested too deep");
		ck->c->failed = true;
		ck->level--;
		return &cel_t_dyn;
	}
	if (n->op != CEL_N_IDENT)
		ck->select_above = NULL;
	switch ((enum cel_op)n->op) {
	case CEL_N_CONST:
		t = const_type(n);
		break;
	case CEL_N_IDENT:
		t = check_ident(ck, n);
		break;
	case CEL_N_SELECT:
		t = check_select(ck, n);
		break;
	case CEL_N_INDEX:
		t = check_index(ck, n);
		break;
	case CEL_N_CALL:
		t = check_call(ck, n);
		break;
	case CEL_N_LIST:
		t = check_list(ck, n);
		break;
	case CEL_N_MAP:
		t = check_map(ck, n);
		break;
	case CEL_N_AND:
	case CEL_N_OR:
		t = check_logic(ck, n);
		break;
	case CEL_N_COND:
		t = check_cond(ck, n);
		break;
	case CEL_N_LOOP:
		t = check_loop(ck, n);
		break;
	case CEL_N_BIND:
		t = check_bind(ck, n);
		break;
	case CEL_N_OPTMAP:
		t = check_optmap(ck, n);
		break;
	case CEL_N_BLOCK:
		t = check_block(ck, n);
		break;
	case CEL_N_VAR:
	case CEL_N_LOCAL:
	case CEL_N_BAD:
		break;
	}
	ck->select_above = above;
	ck->level--;
	return t;
}

void cel_check(struct cel_compiler *c, struct cel_node *root, const struct cel_type *expect)
{
	struct checker ck = {.c = c, .u = {.arena = c->arena}};
	const struct cel_type *t = check(&ck, root);

	if (!cel_type_assign(&ck.u, expect, t) && strict(&ck))
		cel_issue_at(c, root->off, "the expression is %s, but must be %s",
			type_text(&ck, t), type_text(&ck, expect));
	c->prog->type_text = type_text(&ck, t);
}
