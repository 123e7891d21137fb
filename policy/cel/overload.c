/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which function a call means: the signatures of that name that take these types. One match binds
 * the type variables; several, as with dyn, leave the choice to run time.
 */
#include "policy/cel/check_internal.h"

static bool takes(const struct cel_signature *s, uint32_t count)
{
	return s->variadic ? count >= s->param_count : count == s->param_count;
}

static const struct cel_type *fits(struct cel_checker *ck, const struct cel_signature *s,
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
static void try_function(struct cel_checker *ck, const struct cel_function *f,
	const struct cel_type *const *types, uint32_t count, struct overloads *o)
{
	uint32_t sig_count;
	const struct cel_signature *sigs =
		cel_library_signatures(ck->c->env->library, f, &sig_count);

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
		{"_>=_", ">="}, {"@in", "in"}, {"!_", "!"}, {"-_", "-"}};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (span_eq_str(n->name, ops[i].name))
			return ops[i].text;
	return NULL;
}

static const char *types_text(
	struct cel_checker *ck, const struct cel_type *const *types, uint32_t count)
{
	struct buf b = BUF_INIT(400);

	for (uint32_t i = 0; i < count && i < 6; i++) {
		if (i > 0)
			buf_add_str(&b, ", ");
		buf_add_str(&b, cel_check_type_text(ck, types[i]));
	}
	const char *s = arena_strndup(ck->c->arena, b.ptr ? b.ptr : "", b.len);
	buf_free(&b);
	return s ? s : "?";
}

static void issue_call(struct cel_checker *ck, const struct cel_node *n,
	const struct cel_type *const *types, const struct overloads *o)
{
	const char *op = plain_name(n);

	if (op && n->count == 2) {
		cel_issue_at(ck->c, n->pos, "%s %s %s is not defined%s",
			cel_check_type_text(ck, types[0]), op, cel_check_type_text(ck, types[1]),
			span_eq_str(n->name, "_==_") || span_eq_str(n->name, "_!=_")
				? ": they are never equal"
				: "");
	} else if (op) {
		cel_issue_at(ck->c, n->pos, "%s%s is not defined", op,
			cel_check_type_text(ck, types[0]));
	} else if (o->name_known) {
		cel_issue_at(ck->c, n->pos, "%.*s does not take %s(%s), but %s", SPAN_FMT(n->name),
			o->arity_known ? "" : "that many arguments ",
			types_text(ck, types, n->count), o->any->signatures);
	} else {
		struct cel_hint h = {.wanted = n->name};
		cel_library_offer_names(ck->c->env->library, &h, n->method ? CEL_ME : CEL_FN);
		cel_issue_at(ck->c, n->pos, "unknown %s '%.*s'%s",
			n->method ? "method" : "function", SPAN_FMT(n->name), cel_hint_text(&h));
	}
}

/* math.abs(x): a function with a qualified name, not a method of math. */
static void resolve_qualified_call(struct cel_checker *ck, struct cel_node *n)
{
	char text[CEL_NAME_MAX];
	struct span name = cel_check_qualified(ck, n, text);
	size_t at = 0;
	const struct cel_function *f =
		name.ptr ? cel_library_find(ck->c->env->library, name, CEL_FN, &at) : NULL;

	if (!f)
		return;
	n->name = span_of(f->name);
	n->method = false;
	n->args++;
	n->count--;
}

const struct cel_type *cel_check_call(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_library *library = ck->c->env->library;
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
		types[i] = cel_check_node(ck, n->args[i]);
	for (const struct cel_function *f; (f = cel_library_find(library, n->name,
						    n->method ? CEL_ME : CEL_FN, &at)) != NULL;) {
		unsigned before = o.matches;
		bool arity = o.arity_known;
		o.arity_known = false;
		try_function(ck, f, types, n->count, &o);
		if ((!before && o.matches) || (!n->function && o.arity_known))
			n->function = f;
		o.arity_known = o.arity_known || arity;
	}
	if (o.matches == 0 && cel_check_strict(ck))
		issue_call(ck, n, types, &o);
	if (o.matches == 0 && !o.arity_known)
		return cel_check_bad(ck, n,
			arena_printf(ck->c->arena, "no such overload: %.*s with %u arguments",
				SPAN_FMT(n->name), n->count));
	n->fn = n->function->fn;
	return o.matches ? o.result : &cel_t_dyn;
}
