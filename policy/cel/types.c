/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types as the checker knows them: reading them from text, unifying them, writing them.
 *
 * dyn goes with everything. Type variables stand for what is not known yet (the element type of [])
 * and are bound when a use decides; every binding is on a trail, so that an overload which does not
 * fit in the end leaves nothing behind.
 */
#include "policy/cel/types_internal.h"

const struct cel_type cel_t_dyn = {.kind = CEL_T_DYN}, cel_t_null = {.kind = CEL_T_NULL},
		      cel_t_bool = {.kind = CEL_T_BOOL}, cel_t_int = {.kind = CEL_T_INT},
		      cel_t_uint = {.kind = CEL_T_UINT}, cel_t_double = {.kind = CEL_T_DOUBLE},
		      cel_t_string = {.kind = CEL_T_STRING}, cel_t_bytes = {.kind = CEL_T_BYTES},
		      cel_t_timestamp = {.kind = CEL_T_TIMESTAMP},
		      cel_t_duration = {.kind = CEL_T_DURATION};

#define MAX_TYPE_DEPTH 32

static const struct {
	const char *name;
	struct cel_type type;
	uint8_t params; /* list(A), map(A, B) */
} names[] = {
	{"dyn", {.kind = CEL_T_DYN}, 0},
	{"null_type", {.kind = CEL_T_NULL}, 0},
	{"bool", {.kind = CEL_T_BOOL}, 0},
	{"int", {.kind = CEL_T_INT}, 0},
	{"uint", {.kind = CEL_T_UINT}, 0},
	{"double", {.kind = CEL_T_DOUBLE}, 0},
	{"string", {.kind = CEL_T_STRING}, 0},
	{"bytes", {.kind = CEL_T_BYTES}, 0},
	{"google.protobuf.Timestamp", {.kind = CEL_T_TIMESTAMP}, 0},
	{"google.protobuf.Duration", {.kind = CEL_T_DURATION}, 0},
	{"timestamp", {.kind = CEL_T_TIMESTAMP}, 0},
	{"duration", {.kind = CEL_T_DURATION}, 0},
	{"net.IP", {.kind = CEL_T_IP}, 0},
	{"net.CIDR", {.kind = CEL_T_CIDR}, 0},
	{"kubernetes.URL", {.kind = CEL_T_URL}, 0},
	{"kubernetes.Quantity", {.kind = CEL_T_QUANTITY}, 0},
	{"kubernetes.Semver", {.kind = CEL_T_SEMVER}, 0},
	{"kubernetes.NamedFormat", {.kind = CEL_T_FORMAT}, 0},
	{"list", {.kind = CEL_T_LIST}, 1},
	{"map", {.kind = CEL_T_MAP}, 2},
	{"type", {.kind = CEL_T_TYPE}, 1},
	{"optional_type", {.kind = CEL_T_OPTIONAL}, 1},
	{"optional", {.kind = CEL_T_OPTIONAL}, 1},
};

const struct cel_type *cel_type_new(struct arena *a, enum cel_type_kind kind,
	const struct cel_type *p, const struct cel_type *q)
{
	struct cel_type *t = arena_alloc(a, sizeof *t);

	if (!t)
		return &cel_t_dyn;
	*t = (struct cel_type){.kind = (uint8_t)kind, .a = p, .b = q};
	return t;
}

/* ---- reading ---- */

static void skip_spaces(struct span *s)
{
	while (s->len > 0 && *s->ptr == ' ') {
		s->ptr++;
		s->len--;
	}
}

static bool accept(struct span *s, char c)
{
	skip_spaces(s);
	if (s->len == 0 || *s->ptr != c)
		return false;
	s->ptr++;
	s->len--;
	return true;
}

static struct span read_name(struct span *s)
{
	size_t n = 0;

	skip_spaces(s);
	while (n < s->len &&
		(s->ptr[n] == '.' || s->ptr[n] == '_' || (s->ptr[n] | 0x20) - 'a' + 0u < 26u))
		n++;
	/* "dyn..." in a signature: the dots are not the name's */
	while (n > 0 && s->ptr[n - 1] == '.')
		n--;
	struct span name = {s->ptr, n};
	s->ptr += n;
	s->len -= n;
	return name;
}

static const struct cel_type *parse(struct arena *a, struct span *s, unsigned depth)
{
	struct span name = read_name(s);
	const struct cel_type *p[2] = {&cel_t_dyn, &cel_t_dyn};

	if (name.len == 1 && name.ptr[0] >= 'A' && name.ptr[0] <= 'Z') {
		struct cel_type *t = arena_calloc(a, 1, sizeof *t);
		if (!t)
			return NULL;
		t->kind = CEL_T_VAR;
		t->var = (uint32_t)(name.ptr[0] - 'A');
		return t;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!span_eq_str(name, names[i].name))
			continue;
		if (names[i].params == 0)
			return &names[i].type;
		if (accept(s, '(')) {
			for (unsigned j = 0; j < names[i].params; j++)
				if ((j > 0 && !accept(s, ',')) || depth >= MAX_TYPE_DEPTH ||
					!(p[j] = parse(a, s, depth + 1)))
					return NULL;
			if (!accept(s, ')'))
				return NULL;
		}
		return cel_type_new(a, names[i].type.kind, p[0], names[i].params > 1 ? p[1] : NULL);
	}
	return NULL;
}

const struct cel_type *cel_type_parse(struct arena *a, struct span *s)
{
	return parse(a, s, 0);
}

/* ---- writing ---- */

static void put_depth(struct buf *out, const struct cel_type *t, unsigned depth)
{
	if (t->kind == CEL_T_VAR || depth > MAX_TYPE_DEPTH) {
		if (t->kind == CEL_T_VAR && depth <= MAX_TYPE_DEPTH && t->var < 26)
			buf_add_char(out, (char)('A' + t->var));
		else
			buf_add_str(out, "dyn");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].type.kind != t->kind)
			continue;
		buf_add_str(out, names[i].name);
		if (names[i].params > 0) {
			buf_add_char(out, '(');
			put_depth(out, t->a, depth + 1);
			if (names[i].params > 1) {
				buf_add_str(out, ", ");
				put_depth(out, t->b, depth + 1);
			}
			buf_add_char(out, ')');
		}
		return;
	}
}

void cel_put_type(struct buf *out, const struct cel_type *t)
{
	put_depth(out, t, 0);
}

/* ---- unification ---- */

const struct cel_type *cel_type_fresh(struct cel_unifier *u)
{
	if (u->count == u->cap) {
		uint32_t cap = u->cap ? u->cap * 2 : 64;
		const struct cel_type **bound = arena_calloc(u->arena, cap, sizeof *bound);
		if (!bound)
			return &cel_t_dyn;
		if (u->count > 0)
			memcpy(bound, u->bound, u->count * sizeof *bound);
		u->bound = bound;
		u->cap = cap;
	}
	struct cel_type *t = arena_calloc(u->arena, 1, sizeof *t);
	if (!t)
		return &cel_t_dyn;
	t->kind = CEL_T_VAR;
	t->var = u->count;
	u->bound[u->count++] = NULL;
	return t;
}

const struct cel_type *cel_type_resolve(struct cel_unifier *u, const struct cel_type *t)
{
	while (t->kind == CEL_T_VAR && u->bound[t->var])
		t = u->bound[t->var];
	return t;
}

static void bind(struct cel_unifier *u, uint32_t var, const struct cel_type *t)
{
	if (u->trail_count == u->trail_cap) {
		uint32_t cap = u->trail_cap ? u->trail_cap * 2 : 64;
		struct cel_trail *trail = arena_calloc(u->arena, cap, sizeof *trail);
		if (!trail)
			return;
		if (u->trail_count > 0)
			memcpy(trail, u->trail, u->trail_count * sizeof *trail);
		u->trail = trail;
		u->trail_cap = cap;
	}
	u->trail[u->trail_count++] = (struct cel_trail){var, u->bound[var]};
	u->bound[var] = t;
}

void cel_type_rollback(struct cel_unifier *u, uint32_t mark)
{
	while (u->trail_count > mark) {
		u->trail_count--;
		u->bound[u->trail[u->trail_count].var] = u->trail[u->trail_count].old;
	}
}

static bool occurs(struct cel_unifier *u, uint32_t var, const struct cel_type *t, unsigned depth)
{
	t = cel_type_resolve(u, t);
	if (t->kind == CEL_T_VAR)
		return t->var == var;
	return depth > MAX_TYPE_DEPTH || (t->a && occurs(u, var, t->a, depth + 1)) ||
	       (t->b && occurs(u, var, t->b, depth + 1));
}

static bool nullable(unsigned kind)
{
	return kind == CEL_T_TIMESTAMP || kind == CEL_T_DURATION || kind == CEL_T_OPTIONAL ||
	       (kind >= CEL_T_IP && kind <= CEL_T_FORMAT);
}

static bool assign(struct cel_unifier *u, const struct cel_type *to, const struct cel_type *from,
	unsigned depth)
{
	uint32_t var = to->kind == CEL_T_VAR ? to->var : UINT32_MAX;

	/* the last variable of a chain is the one to rebind */
	while (to->kind == CEL_T_VAR && u->bound[to->var]) {
		var = to->var;
		to = u->bound[to->var];
	}
	from = cel_type_resolve(u, from);
	if (to == from)
		return true;
	if (to->kind == CEL_T_VAR || from->kind == CEL_T_VAR) {
		const struct cel_type *v = to->kind == CEL_T_VAR ? to : from;
		const struct cel_type *other = v == to ? from : to;
		if (other->kind == CEL_T_VAR && other->var == v->var)
			return true;
		if (occurs(u, v->var, other, 0))
			return false;
		bind(u, v->var, other);
		return true;
	}
	if (to->kind == CEL_T_DYN)
		return true;
	if (from->kind == CEL_T_DYN) {
		if (var != UINT32_MAX) /* A was int, and now may be anything */
			bind(u, var, &cel_t_dyn);
		return true;
	}
	if (depth > MAX_TYPE_DEPTH)
		return false;
	if (to->kind == CEL_T_TYPE && from->kind == CEL_T_TYPE)
		return true;
	if (to->kind != from->kind)
		return (from->kind == CEL_T_NULL && nullable(to->kind)) ||
		       (to->kind == CEL_T_NULL && nullable(from->kind));
	if (to->a && !assign(u, to->a, from->a, depth + 1))
		return false;
	if (to->b && !assign(u, to->b, from->b, depth + 1))
		return false;
	return true;
}

bool cel_type_assign(struct cel_unifier *u, const struct cel_type *to, const struct cel_type *from)
{
	return assign(u, to, from, 0);
}

const struct cel_type *cel_type_join(
	struct cel_unifier *u, const struct cel_type *a, const struct cel_type *b)
{
	uint32_t mark = u->trail_count;

	a = cel_type_resolve(u, a);
	b = cel_type_resolve(u, b);
	if (a == b)
		return a;
	if (a->kind == CEL_T_DYN || b->kind == CEL_T_DYN)
		return &cel_t_dyn;
	if (a->kind == CEL_T_VAR || b->kind == CEL_T_VAR || a->kind != b->kind || !a->a) {
		if (cel_type_assign(u, a, b))
			return a->kind == CEL_T_NULL ? b : a;
		cel_type_rollback(u, mark);
		return &cel_t_dyn;
	}
	const struct cel_type *p = cel_type_join(u, a->a, b->a);
	const struct cel_type *q = a->b ? cel_type_join(u, a->b, b->b) : NULL;
	return cel_type_new(u->arena, a->kind, p, q);
}

static const struct cel_type *instantiate(struct cel_unifier *u, const struct cel_type *t,
	const struct cel_type *map[26], unsigned depth)
{
	if (t->kind == CEL_T_VAR) {
		if (!map[t->var])
			map[t->var] = cel_type_fresh(u);
		return map[t->var];
	}
	if (!t->a || depth > MAX_TYPE_DEPTH)
		return t;
	return cel_type_new(u->arena, t->kind, instantiate(u, t->a, map, depth + 1),
		t->b ? instantiate(u, t->b, map, depth + 1) : NULL);
}

const struct cel_type *cel_type_instantiate(
	struct cel_unifier *u, const struct cel_type *t, const struct cel_type *map[26])
{
	return instantiate(u, t, map, 0);
}

static const struct cel_type * final(
	struct cel_unifier *u, const struct cel_type *t, unsigned depth)
{
	t = cel_type_resolve(u, t);
	if (t->kind == CEL_T_VAR || depth > MAX_TYPE_DEPTH)
		return &cel_t_dyn;
	if (!t->a)
		return t;
	return cel_type_new(u->arena, t->kind, final(u, t->a, depth + 1),
		t->b ? final(u, t->b, depth + 1) : NULL);
}

const struct cel_type *cel_type_final(struct cel_unifier *u, const struct cel_type *t)
{
	return final(u, t, 0);
}
