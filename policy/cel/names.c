/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a name means: a variable of a loop, a declared variable (qualified names by their longest
 * declared prefix, within the container), the name of a type, an element of cel.block.
 */
#include "policy/cel/check_internal.h"

static const struct cel_scope *local(const struct cel_checker *ck, struct span name)
{
	for (const struct cel_scope *s = ck->scope; s; s = s->up)
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
		"kubernetes.Quantity", "kubernetes.Semver", "kubernetes.NamedFormat"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (span_eq_str(name, types[i]))
			return types[i];
	return NULL;
}

static const struct cel_type *declared(struct cel_checker *ck, struct cel_node *n, struct span name)
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
const struct cel_type *cel_check_chain(struct cel_checker *ck, struct cel_node *n)
{
	char text[CEL_NAME_MAX];
	size_t len = 0;
	struct span container = ck->c->env->container;
	const struct cel_node *first = leftmost(n);

	if (first->op != CEL_N_IDENT || (!first->absolute && local(ck, first->name)))
		return NULL;
	while (container.len > 0 && !first->absolute && container.len < CEL_NAME_MAX / 2) {
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

static void issue_unknown_name(struct cel_checker *ck, const struct cel_node *n)
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
	for (const struct cel_scope *s = ck->scope; s; s = s->up)
		cel_hint_offer(&h, s->name);
	cel_issue_at(ck->c, n->pos, "unknown variable '%.*s'%s", SPAN_FMT(name), cel_hint_text(&h));
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
	struct cel_checker *ck, struct cel_node *n, uint32_t index)
{
	struct cel_block *b = ck->block;
	uint32_t limit = b->limit;
	struct cel_node *copy = cel_node_clone(ck->c, b->list->args[index]);

	if (!copy) {
		ck->c->out_of_memory = true;
		return &cel_t_dyn;
	}
	b->limit = index;
	const struct cel_type *t = cel_check_node(ck, copy);
	b->limit = limit;
	*n = *copy;
	return t;
}

const struct cel_type *cel_check_ident(struct cel_checker *ck, struct cel_node *n)
{
	const struct cel_scope *s = n->absolute ? NULL : local(ck, n->name);
	uint32_t index;

	if (s) {
		n->op = CEL_N_LOCAL;
		n->slot = s->slot;
		return s->type;
	}
	if (ck->block && block_index(n->name, &index) && index < ck->block->limit)
		return check_block_index(ck, n, index);
	const struct cel_type *t = cel_check_chain(ck, n);
	if (t)
		return t;
	if (cel_check_strict(ck))
		issue_unknown_name(ck, n);
	return cel_check_bad(
		ck, n, arena_printf(ck->c->arena, "unknown variable '%.*s'", SPAN_FMT(n->name)));
}

struct span cel_check_qualified(
	struct cel_checker *ck, const struct cel_node *call, char text[CEL_NAME_MAX])
{
	const struct cel_node *first = leftmost(call->args[0]);
	struct span none = {NULL, 0};
	size_t len = 0;

	if (first->op != CEL_N_IDENT || (!first->absolute && local(ck, first->name)) ||
		!chain_text(call->args[0], text, CEL_NAME_MAX, &len) ||
		len + 1 + call->name.len > CEL_NAME_MAX)
		return none;
	text[len++] = '.';
	memcpy(text + len, call->name.ptr, call->name.len);
	return (struct span){text, len + call->name.len};
}
