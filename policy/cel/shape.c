/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over a program that computes shapes in place of values; see shape.h. */
#include "policy/cel/shape.h"

#include "policy/cel/program_internal.h"

#define LOCALS_MAX 64 /* variables of loops that are in use at once; what is beyond is any */

struct walk {
	const struct cel_shapes *of;
	struct cel_shape locals[LOCALS_MAX];
};

static const struct cel_shape any = {.any = true}, nothing;

static struct cel_shape shape(struct walk *w, const struct cel_node *n);

void cel_shape_add(struct cel_shape *s, struct cel_shape_item item)
{
	for (uint8_t i = 0; i < s->count; i++)
		if (s->items[i].type == item.type && s->items[i].form == item.form)
			return;
	if (s->count < CEL_SHAPE_MAX)
		s->items[s->count++] = item;
	else
		s->any = true;
}

void cel_shape_join(struct cel_shape *s, const struct cel_shape *other)
{
	s->any |= other->any;
	for (uint8_t i = 0; i < other->count; i++)
		cel_shape_add(s, other->items[i]);
}

/* What a list's or map's elements are. */
static struct cel_shape elements(const struct cel_shape *s)
{
	struct cel_shape ret = {.any = s->any};

	for (uint8_t i = 0; i < s->count; i++)
		if (s->items[i].form == CEL_FORM_OBJECT)
			ret.any = true;
		else
			cel_shape_add(
				&ret, (struct cel_shape_item){s->items[i].type, CEL_FORM_OBJECT});
	return ret;
}

/* A list of what s is. */
static struct cel_shape list_of(const struct cel_shape *s)
{
	struct cel_shape ret = {.any = s->any};

	for (uint8_t i = 0; i < s->count; i++)
		if (s->items[i].form == CEL_FORM_OBJECT)
			cel_shape_add(
				&ret, (struct cel_shape_item){s->items[i].type, CEL_FORM_LIST});
		else
			ret.any = true;
	return ret;
}

/* ---- fields ---- */

/* A map's key is no field: whatever it is, its element may be there. */
static bool add_field(
	struct walk *w, struct cel_shape_item item, struct span name, struct cel_shape *ret)
{
	switch (item.form) {
	case CEL_FORM_OBJECT:
		return w->of->field(w->of->ctx, item.type, name, ret);
	case CEL_FORM_MAP:
		cel_shape_add(ret, (struct cel_shape_item){item.type, CEL_FORM_OBJECT});
		return true;
	default:
		return false; /* a list has none */
	}
}

static struct cel_shape field(
	struct walk *w, const struct cel_shape *s, struct span name, uint32_t offset, bool asked)
{
	struct cel_shape ret = {.any = s->any};
	bool found = s->any || s->count == 0;

	for (uint8_t i = 0; i < s->count; i++)
		found |= add_field(w, s->items[i], name, &ret);
	if (!found)
		w->of->missing(w->of->ctx, s, name, offset, asked);
	return s->count == 0 ? any : ret;
}

static struct cel_shape index_shape(struct walk *w, const struct cel_node *n)
{
	const struct cel_shape of = shape(w, n->args[0]);
	const struct cel_node *key = n->args[1];

	(void)shape(w, key);
	if (key->op == CEL_N_CONST && key->value.kind == CEL_STRING)
		return field(w, &of, cel_span(key->value), key->off, n->optional);
	return elements(&of);
}

/* ---- variables of the expression's own ---- */

static void set_local(struct walk *w, uint32_t slot, const struct cel_shape *s)
{
	if (slot < LOCALS_MAX)
		w->locals[slot] = *s;
}

static struct cel_shape loop_shape(struct walk *w, const struct cel_node *n)
{
	const struct cel_shape range = shape(w, n->args[0]), of = elements(&range);
	struct cel_shape made = any;
	bool is_list = !range.any;

	for (uint8_t i = 0; i < range.count; i++)
		is_list &= range.items[i].form == CEL_FORM_LIST;
	/* With one variable it is a list's element, or a map's key. */
	set_local(w, n->slot, is_list && !n->two_vars ? &of : &any);
	if (n->two_vars)
		set_local(w, n->slot2, &of);
	if (n->args[1])
		(void)shape(w, n->args[1]);
	if (n->args[2])
		made = shape(w, n->args[2]);
	switch ((enum cel_loop)n->loop) {
	case CEL_LOOP_MAP:
		return list_of(&made);
	case CEL_LOOP_FILTER:
	case CEL_LOOP_SORT_BY:
		return is_list ? range : any;
	default:
		return any;
	}
}

static struct cel_shape bind_shape(struct walk *w, const struct cel_node *n)
{
	const struct cel_shape of = shape(w, n->args[0]);

	set_local(w, n->slot, &of);
	return shape(w, n->args[1]);
}

/* ---- calls ---- */

static bool is_call(const struct cel_node *n, const char *name)
{
	return span_eq_str(n->name, name);
}

/* What functions make of it, as far as it matters here. */
static struct cel_shape call_shape(struct walk *w, const struct cel_node *n)
{
	struct cel_shape first = any, second = any;

	for (uint32_t i = 0; i < n->count; i++) {
		const struct cel_shape s = shape(w, n->args[i]);

		if (i == 0)
			first = s;
		else if (i == 1)
			second = s;
	}
	if (is_call(n, "dyn") || is_call(n, "optional.of") || is_call(n, "value") ||
		is_call(n, "optional.ofNonZeroValue") || is_call(n, "distinct") ||
		is_call(n, "reverse"))
		return first;
	if (is_call(n, "first") || is_call(n, "last"))
		return elements(&first);
	if (!is_call(n, "orValue") && !is_call(n, "or") && !is_call(n, "_+_"))
		return any;
	cel_shape_join(&first, &second);
	return first;
}

/* ---- all nodes ---- */

static struct cel_shape joined(struct walk *w, const struct cel_node *n, uint32_t from)
{
	struct cel_shape s = {0};

	for (uint32_t i = from; i < n->count; i++) {
		const struct cel_shape other = shape(w, n->args[i]);

		cel_shape_join(&s, &other);
	}
	return s;
}

static struct cel_shape list_shape(struct walk *w, const struct cel_node *n)
{
	const struct cel_shape s = joined(w, n, 0);

	return list_of(&s);
}

/* An empty one says nothing; another has fields of its own. */
static struct cel_shape constant_shape(const struct cel_value *v)
{
	bool is_empty = v->kind == CEL_NULL ||
			((v->kind == CEL_LIST || v->kind == CEL_MAP) && cel_size(*v) == 0);

	return is_empty ? nothing : any;
}

static struct cel_shape shape(struct walk *w, const struct cel_node *n)
{
	struct cel_shape s;

	switch ((enum cel_op)n->op) {
	case CEL_N_CONST:
		return constant_shape(&n->value);
	case CEL_N_VAR:
		return w->of->variable(w->of->ctx, n->slot);
	case CEL_N_LOCAL:
		return n->slot < LOCALS_MAX ? w->locals[n->slot] : any;
	case CEL_N_SELECT:
		s = shape(w, n->args[0]);
		s = field(w, &s, n->name, n->pos, n->test || n->optional);
		return n->test ? any : s;
	case CEL_N_INDEX:
		return index_shape(w, n);
	case CEL_N_COND:
		(void)shape(w, n->args[0]);
		return joined(w, n, 1);
	case CEL_N_LOOP:
		return loop_shape(w, n);
	case CEL_N_BIND:
	case CEL_N_OPTMAP:
		return bind_shape(w, n);
	case CEL_N_LIST:
		return list_shape(w, n);
	case CEL_N_MAP:
		(void)joined(w, n, 0);
		return n->count ? any : nothing;
	case CEL_N_CALL:
		return call_shape(w, n);
	default:
		(void)joined(w, n, 0);
		return any;
	}
}

struct cel_shape cel_program_shape(const struct cel_program *p, const struct cel_shapes *s)
{
	struct walk w = {.of = s};

	for (size_t i = 0; i < LOCALS_MAX; i++)
		w.locals[i] = any;
	return shape(&w, p->root);
}
