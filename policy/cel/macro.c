/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Macros: has, the comprehensions, cel.bind, cel.block, optMap. A call that is one becomes a node
 * of its own kind here; what they mean is in loop.c. A wrong number of arguments or something that
 * is no variable name is said at once, since "unknown function all" would help nobody.
 */
#include "policy/cel/compiler_internal.h"

enum macro_kind {
	M_HAS,
	M_LOOP,	 /* x.m(v, condition), or two variables */
	M_MAP,	 /* x.map(v, [filter,] t) */
	M_TRANS, /* x.m(k, v, [filter,] t) */
	M_SORT_BY,
	M_BIND,
	M_OPTMAP,
	M_BLOCK,
	M_INDEX,    /* cel.index(n) */
	M_ITER_VAR, /* cel.iterVar(n, m), and accuVar */
};

struct macro {
	struct cel_macro_info info;
	enum macro_kind kind;
	enum cel_loop loop;
	uint8_t min_args, max_args; /* without the target */
	const char *space;	    /* "cel" in cel.bind */
};

static const struct macro macros[] = {
	{{"has", CEL_FN, "has(x.field)", "Whether the field or key is there, without an error."},
		M_HAS, 0, 1, 1, NULL},
	{{"all", CEL_ME, "x.all(v, condition); x.all(k, v, condition)",
		 "Whether the condition holds for every element of a list or key of a map."},
		M_LOOP, CEL_LOOP_ALL, 2, 3, NULL},
	{{"exists", CEL_ME, "x.exists(v, condition); x.exists(k, v, condition)",
		 "Whether the condition holds for any element or key."},
		M_LOOP, CEL_LOOP_EXISTS, 2, 3, NULL},
	{{"exists_one", CEL_ME, "x.exists_one(v, condition); x.exists_one(k, v, condition)",
		 "Whether the condition holds for exactly one element or key; errors are not "
		 "absorbed."},
		M_LOOP, CEL_LOOP_EXISTS_ONE, 2, 3, NULL},
	{{"existsOne", CEL_ME, "x.existsOne(v, condition); x.existsOne(k, v, condition)",
		 "The same as exists_one."},
		M_LOOP, CEL_LOOP_EXISTS_ONE, 2, 3, NULL},
	{{"map", CEL_ME, "x.map(v, t); x.map(v, filter, t)",
		 "The list of t for every element or key, or for those that pass the filter."},
		M_MAP, CEL_LOOP_MAP, 2, 3, NULL},
	{{"filter", CEL_ME, "x.filter(v, condition)",
		 "The list of the elements or keys for which the condition holds."},
		M_LOOP, CEL_LOOP_FILTER, 2, 2, NULL},
	{{"transformList", CEL_ME, "x.transformList(k, v, t); x.transformList(k, v, filter, t)",
		 "The list of t for every index and element, or key and value."},
		M_TRANS, CEL_LOOP_MAP, 3, 4, NULL},
	{{"transformMap", CEL_ME, "x.transformMap(k, v, t); x.transformMap(k, v, filter, t)",
		 "The map from every index or key to t."},
		M_TRANS, CEL_LOOP_TO_MAP, 3, 4, NULL},
	{{"transformMapEntry", CEL_ME,
		 "x.transformMapEntry(k, v, {a: b}); x.transformMapEntry(k, v, filter, {a: b})",
		 "The map of all the entries made; a key made twice is an error."},
		M_TRANS, CEL_LOOP_TO_ENTRY, 3, 4, NULL},
	{{"sortBy", CEL_ME, "x.sortBy(v, key)",
		 "The list sorted by a key computed from each element."},
		M_SORT_BY, CEL_LOOP_SORT_BY, 2, 2, NULL},
	{{"bind", CEL_FN, "cel.bind(v, value, expression)",
		 "The expression with a name for a value that is needed several times."},
		M_BIND, 0, 3, 3, "cel"},
	{{"optMap", CEL_ME, "x.optMap(v, t)", "optional.of(t) for the value inside, or none."},
		M_OPTMAP, 0, 2, 2, NULL},
	{{"optFlatMap", CEL_ME, "x.optFlatMap(v, t)",
		 "t, itself an optional, for the value inside, or none."},
		M_OPTMAP, 1, 2, 2, NULL},
	{{"block", CEL_FN, "cel.block([a, b, …], expression)",
		 "The expression with cel.index(0) for a, cel.index(1) for b, and so on."},
		M_BLOCK, 0, 2, 2, "cel"},
	{{"@block", CEL_FN, "", ""}, M_BLOCK, 0, 2, 2, "cel"},
	{{"index", CEL_FN, "", ""}, M_INDEX, 0, 1, 1, "cel"},
	{{"iterVar", CEL_FN, "", ""}, M_ITER_VAR, 0, 2, 2, "cel"},
	{{"accuVar", CEL_FN, "", ""}, M_ITER_VAR, 1, 2, 2, "cel"},
};

const struct cel_macro_info *cel_macro_at(size_t index)
{
	return index < ARRAY_LEN(macros) && macros[index].info.signatures[0] ? &macros[index].info
									     : NULL;
}

static bool in_space(const struct cel_node *call, const char *space)
{
	const struct cel_node *t = call->args[0];

	return t->op == CEL_N_IDENT && span_eq_str(t->name, space);
}

static const struct macro *find(const struct cel_node *call)
{
	for (size_t i = 0; i < ARRAY_LEN(macros); i++) {
		const struct macro *m = &macros[i];
		bool method = m->space || m->info.style == CEL_ME;
		if (method == call->method && span_eq_str(call->name, m->info.name) &&
			(!m->space || in_space(call, m->space)))
			return m;
	}
	return NULL;
}

/* The name of a variable to declare; empty and an issue if it is none. */
static struct span variable(struct cel_compiler *c, const struct cel_node *n)
{
	if (n->op == CEL_N_IDENT && !n->absolute)
		return n->name;
	cel_issue_at(c, n->pos, "a plain name for the variable must stand here");
	return (struct span){NULL, 0};
}

static struct cel_node *like(
	struct cel_compiler *c, const struct cel_node *call, enum cel_op op, uint32_t count)
{
	struct cel_node *n = cel_node_new(c, op, call->off, call->end, count);

	if (n) {
		n->depth = call->depth;
		n->pos = call->pos;
	}
	return n;
}

static struct cel_node *expand_has(struct cel_compiler *c, const struct cel_node *call)
{
	struct cel_node *s = call->args[0];

	if (s->op != CEL_N_SELECT || s->test || s->optional) {
		cel_issue_at(c, s->off,
			"has() takes a field, as in has(object.spec); for a key "
			"that is computed write key in map");
		return NULL;
	}
	s->test = true;
	s->off = call->off;
	s->end = call->end;
	return s;
}

static struct cel_node *expand_loop(
	struct cel_compiler *c, const struct macro *m, const struct cel_node *call)
{
	uint32_t args = call->count - 1, vars = 1;
	struct cel_node *n = like(c, call, CEL_N_LOOP, 3);

	if (!n)
		return NULL;
	if (m->kind == M_TRANS || (m->kind == M_LOOP && args == 3))
		vars = 2;
	n->loop = m->loop;
	n->two_vars = vars == 2;
	n->name = variable(c, call->args[1]);
	if (vars == 2)
		n->name2 = variable(c, call->args[2]);
	if (!n->name.ptr || (vars == 2 && !n->name2.ptr))
		return NULL;
	if (vars == 2 && span_eq(n->name, n->name2)) {
		cel_issue_at(c, call->args[2]->off, "both variables are called '%.*s'",
			SPAN_FMT(n->name));
		return NULL;
	}
	n->args[0] = call->args[0];
	if (m->kind == M_LOOP)
		n->args[1] = call->args[1 + vars];
	else
		n->args[2] = call->args[args];
	if ((m->kind == M_MAP || m->kind == M_TRANS) && args == vars + 2)
		n->args[1] = call->args[1 + vars];
	return n;
}

static struct cel_node *expand_bind(struct cel_compiler *c, const struct cel_node *call)
{
	struct cel_node *n = like(c, call, CEL_N_BIND, 2);

	if (!n)
		return NULL;
	n->name = variable(c, call->args[1]);
	n->args[0] = call->args[2];
	n->args[1] = call->args[3];
	return n->name.ptr ? n : NULL;
}

static struct cel_node *expand_optmap(
	struct cel_compiler *c, const struct macro *m, const struct cel_node *call)
{
	struct cel_node *n = like(c, call, CEL_N_OPTMAP, 2);

	if (!n)
		return NULL;
	n->name = variable(c, call->args[1]);
	n->flat = m->loop != 0;
	n->args[0] = call->args[0];
	n->args[1] = call->args[2];
	return n->name.ptr ? n : NULL;
}

static struct cel_node *expand_block(struct cel_compiler *c, const struct cel_node *call)
{
	struct cel_node *n = like(c, call, CEL_N_BLOCK, 2);

	if (!n)
		return NULL;
	if (call->args[1]->op != CEL_N_LIST || call->args[1]->opt_mask) {
		cel_issue_at(c, call->args[1]->off, "cel.block() takes a list literal");
		return NULL;
	}
	n->args[0] = call->args[1];
	n->args[1] = call->args[2];
	return n;
}

/* cel.index(1) is @index1, cel.iterVar(0, 1) is @it:0:1, cel.accuVar(0, 1) is @ac:0:1 */
static struct cel_node *expand_made_up_name(
	struct cel_compiler *c, const struct macro *m, const struct cel_node *call)
{
	struct cel_node *n = like(c, call, CEL_N_IDENT, 0);
	int64_t v[2] = {0, 0};

	for (uint32_t i = 1; i < call->count; i++) {
		const struct cel_node *a = call->args[i];
		if (a->op != CEL_N_CONST || a->value.kind != CEL_INT || a->value.i < 0 ||
			a->value.i > 9999) {
			cel_issue_at(c, a->off, "a small number must stand here");
			return NULL;
		}
		v[i - 1] = a->value.i;
	}
	if (!n)
		return NULL;
	n->depth = 1;
	if (m->kind == M_INDEX)
		n->name = arena_printf(c->arena, "@index%d", (int)v[0]);
	else
		n->name = arena_printf(
			c->arena, "@%s:%d:%d", m->loop ? "ac" : "it", (int)v[0], (int)v[1]);
	return n;
}

struct cel_node *cel_macro_expand(struct cel_compiler *c, struct cel_node *call)
{
	const struct macro *m = find(call);
	uint32_t args = call->count - call->method;

	if (!m)
		return NULL;
	if (args < m->min_args || args > m->max_args) {
		/* lists have functions of the same names as some macros */
		if (!(c->env->options & CEL_NO_CHECK))
			cel_issue_at(c, call->pos, "%s does not take %u argument%s: %s",
				m->info.name, args, args == 1 ? "" : "s", m->info.signatures);
		return NULL;
	}
	switch (m->kind) {
	case M_HAS:
		return expand_has(c, call);
	case M_LOOP:
	case M_MAP:
	case M_TRANS:
	case M_SORT_BY:
		return expand_loop(c, m, call);
	case M_BIND:
		return expand_bind(c, call);
	case M_OPTMAP:
		return expand_optmap(c, m, call);
	case M_BLOCK:
		return expand_block(c, call);
	case M_INDEX:
	case M_ITER_VAR:
		return expand_made_up_name(c, m, call);
	}
	return NULL;
}
