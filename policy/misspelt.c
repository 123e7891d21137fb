/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object may be are the kinds of the rule's matches; what a variable is, what its
 * expression makes of them. See misspelt.h.
 */
#include "policy/misspelt.h"

#include "policy/cel/shape.h"
#include "policy/coverage_internal.h"
#include "policy/expression_parts_internal.h"
#include "policy/kinds/kinds.h"
#include "policy/review/index_path.h"

#define REQUEST	       (KINDS_UNKNOWN - 1) /* the type of the variable request */
#define NAMED_KINDS    3
#define MANY_VARIABLES 500

struct search {
	struct arena *arena;
	struct misspelt *found;
	size_t count, room;
	bool failed;
	bool quiet; /* only what variables are is wanted */

	const struct policy *policy;
	const struct rule *rule; /* NULL: a variable of the policy */
	const struct expression *expression;
	struct cel_shape object;
	struct cel_shape variables[MANY_VARIABLES];
};

/* ---- what an object may be ---- */

static void add_kind(struct cel_shape *s, struct span group, const struct resource_pattern *r)
{
	const char *meant = coverage_resource_meant(group, r->resource);
	uint16_t type =
		kinds_of_resource(group, meant ? span_of(meant) : r->resource, r->subresource);

	if (type == KINDS_UNKNOWN || r->any_resource || r->any_subresource)
		s->any = true;
	else
		cel_shape_add(s, (struct cel_shape_item){type, CEL_FORM_OBJECT});
}

static void add_match(struct cel_shape *s, const struct match *m)
{
	if (match_is_access(m))
		return;
	s->any |= !m->api_groups.count || !m->resource_count;
	for (size_t i = 0; i < m->api_groups.count; i++)
		for (size_t k = 0; k < m->resource_count; k++)
			if (m->api_groups.items[i].glob)
				s->any = true;
			else
				add_kind(s, m->api_groups.items[i].text, &m->resources[k]);
}

static struct cel_shape object_of(const struct rule *rule)
{
	struct cel_shape s = {0};

	for (size_t i = 0; i < rule->match_count; i++)
		add_match(&s, &rule->matches[i]);
	return s;
}

static struct cel_shape object_of_all(const struct policy *p)
{
	struct cel_shape s = {0};

	for (size_t i = 0; i < p->rule_count; i++) {
		const struct cel_shape one = object_of(&p->rules[i]);

		cel_shape_join(&s, &one);
	}
	return s;
}

/* ---- what the walk asks ---- */

static struct cel_shape variable(void *ctx, uint32_t slot)
{
	const struct search *s = ctx;
	const uint32_t first = s->policy->expressions->first_variable;
	struct cel_shape ret = {0};

	if (slot == SLOT_OBJECT || slot == SLOT_OLD_OBJECT)
		return s->object;
	if (slot == SLOT_REQUEST)
		cel_shape_add(&ret, (struct cel_shape_item){REQUEST, CEL_FORM_OBJECT});
	else if (slot >= first && slot - first < MANY_VARIABLES)
		return s->variables[slot - first];
	else
		ret.any = true;
	return ret;
}

static bool field(void *ctx, uint16_t type, struct span name, struct cel_shape *ret)
{
	static const uint8_t forms[] = {[KINDS_OBJECT] = CEL_FORM_OBJECT,
		[KINDS_LIST] = CEL_FORM_LIST,
		[KINDS_MAP] = CEL_FORM_MAP};
	const struct search *s = ctx;
	struct kinds_field f;

	if (type == REQUEST) {
		if (span_eq_str(name, "object") || span_eq_str(name, "oldObject"))
			cel_shape_join(ret, &s->object);
		else
			ret->any = true;
		return true;
	}
	if (!kinds_find_field(type, name, &f))
		return false;
	if (f.type == KINDS_UNKNOWN)
		ret->any = true;
	else
		cel_shape_add(ret, (struct cel_shape_item){f.type, forms[f.form]});
	return true;
}

/* ---- what is found ---- */

static struct misspelt *add(struct search *s)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		struct misspelt *more = arena_resize(
			s->arena, s->found, s->room * sizeof(*more), room * sizeof(*more));

		if (!more) {
			s->failed = true;
			return NULL;
		}
		s->found = more;
		s->room = room;
	}
	return &s->found[s->count++];
}

static void put_place(const struct search *s, uint32_t offset, struct misspelt *m)
{
	const struct rule *rule = s->rule ? s->rule : s->policy->rules;
	const struct node *at = s->expression->at;
	size_t from = s->expression->offset, line_begin = 0;

	m->policy = s->policy->name;
	m->rule = s->rule ? s->rule->info.rule : NULL;
	m->file = rule && rule->place.file ? rule->place.file : "";
	m->line = at->line + at->block;
	for (size_t i = 0; i < from + offset && i < at->text.len; i++)
		if (at->text.ptr[i] == '\n') {
			m->line++;
			line_begin = i + 1;
		}
	m->column = (uint32_t)(from + offset - line_begin) + 1;
	if (line_begin == 0 && !at->block)
		m->column += at->column - 1;
}

/* "Deployment, Pod"; a list is said to be one. */
static void put_kinds(struct buf *out, const struct cel_shape *of)
{
	for (uint8_t i = 0; i < of->count && i < NAMED_KINDS; i++)
		buf_printf(out, "%s%s%s", i ? ", " : "",
			of->items[i].form == CEL_FORM_LIST ? "a list of " : "",
			kinds_type_name(of->items[i].type));
	if (of->count > NAMED_KINDS)
		buf_printf(out, " and %d more", of->count - NAMED_KINDS);
}

static struct span nearest(const struct cel_shape *of, struct span name)
{
	uint16_t types[CEL_SHAPE_MAX];
	size_t n = 0;

	for (uint8_t i = 0; i < of->count; i++)
		if (of->items[i].form == CEL_FORM_OBJECT)
			types[n++] = of->items[i].type;
	return kinds_nearest_field(types, n, name);
}

static void missing(
	void *ctx, const struct cel_shape *of, struct span name, uint32_t offset, bool asked)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(4096);
	struct search *s = ctx;
	struct span near = nearest(of, name);
	struct misspelt *m = s->quiet || (asked && near.len == 0) ? NULL : add(s);

	if (!m)
		return;
	put_place(s, offset, m);
	put_kinds(&text, of);
	buf_printf(&text, " ha%s no field \"%.*s\"", of->count > 1 ? "ve" : "s", SPAN_FMT(name));
	if (near.len > 0)
		buf_printf(&text, "; did you mean \"%.*s\"?", SPAN_FMT(near));
	m->what = arena_printf(s->arena, "%s", text.failed ? "no such field" : buf_str(&text));
	s->failed |= !m->what.ptr;
}

/* ---- the walk ---- */

static struct cel_shape look_at(struct search *s, const struct expression *e)
{
	const struct cel_shapes shapes = {s, variable, field, missing};
	struct cel_shape unknown = {.any = true};

	if (!e)
		return unknown;
	s->expression = e;
	return cel_program_shape(e->program, &shapes);
}

static void look_at_template(struct search *s, const struct template *t)
{
	for (size_t i = 0; t && i < t->count; i++)
		if (t->parts[i].expression)
			(void)look_at(s, t->parts[i].expression);
}

/* The type that a look-up finds; KINDS_UNKNOWN: that of a custom resource, say. */
static uint16_t type_of(const struct cluster_lookup *l)
{
	bool in_namespaces;
	const char *resource = kinds_resource_of(l->kind.group, l->kind.kind, &in_namespaces);

	return resource ? kinds_of_resource(l->kind.group, span_of(resource), SPAN(""))
			: KINDS_UNKNOWN;
}

static void put_index_place(
	const struct search *s, const struct node *at, size_t offset, struct misspelt *m)
{
	m->policy = s->policy->name;
	m->rule = NULL;
	m->file = s->policy->rules ? s->policy->rules->place.file : NULL;
	m->file = m->file ? m->file : "";
	m->line = at->line;
	m->column = at->column + (uint32_t)offset;
}

/* An index that no object of the kind has: nothing would ever be found. */
static void look_at_index(struct search *s, const struct cluster_lookup *l)
{
	struct span rest = l->index, step;
	uint16_t type = type_of(l);
	struct kinds_field f;

	while (type != KINDS_UNKNOWN && index_path_next(&rest, &step)) {
		if (kinds_find_field(type, step, &f)) {
			type = f.form == KINDS_MAP ? KINDS_UNKNOWN : f.type;
			continue;
		}
		const struct span near = kinds_nearest_field(&type, 1, step);
		struct misspelt *m = s->quiet ? NULL : add(s);
		if (!m)
			return;
		put_index_place(s, l->index_at, (size_t)(step.ptr - l->index.ptr), m);
		m->what = arena_printf(s->arena, "%s has no field \"%.*s\"%s%.*s%s",
			kinds_type_name(type), SPAN_FMT(step),
			near.len > 0 ? "; did you mean \"" : "", SPAN_FMT(near),
			near.len > 0 ? "\"?" : "");
		s->failed |= !m->what.ptr;
		return;
	}
}

static struct cel_shape found_by(const struct cluster_lookup *l)
{
	const uint16_t type = type_of(l);
	struct cel_shape ret = {0};

	if (type == KINDS_UNKNOWN)
		ret.any = true;
	else
		cel_shape_add(&ret, (struct cel_shape_item){type, CEL_FORM_LIST});
	return ret;
}

static void look_at_variables(struct search *s)
{
	const struct expressions *x = s->policy->expressions;

	for (size_t i = 0; i < x->variable_count && i < MANY_VARIABLES; i++) {
		const struct variable *v = &x->variables[i];

		s->variables[i] = look_at(s, v->expression);
		if (!v->lookup)
			continue;
		s->variables[i] = found_by(v->lookup);
		if (v->lookup->index.len > 0)
			look_at_index(s, v->lookup);
	}
}

/* ---- merge patches ---- */

static void missing_key(struct search *s, const struct node *key, const struct cel_shape *of)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(4096);
	const struct span near = nearest(of, key->text);
	struct misspelt *m = add(s);

	if (!m)
		return;
	m->policy = s->policy->name;
	m->rule = s->rule->info.rule;
	m->file = s->rule->place.file ? s->rule->place.file : "";
	m->line = key->line;
	m->column = key->column;
	put_kinds(&text, of);
	buf_printf(
		&text, " ha%s no field \"%.*s\"", of->count > 1 ? "ve" : "s", SPAN_FMT(key->text));
	if (near.len > 0)
		buf_printf(&text, "; did you mean \"%.*s\"?", SPAN_FMT(near));
	m->what = arena_printf(s->arena, "%s", text.failed ? "no such field" : buf_str(&text));
	s->failed |= !m->what.ptr;
}

/* What stands in a field of objects of these kinds; false: none of them has it. */
static bool below(
	struct search *s, const struct cel_shape *of, struct span key, struct cel_shape *ret)
{
	bool found = false;

	*ret = (struct cel_shape){0};
	for (uint8_t i = 0; i < of->count; i++) {
		const struct cel_shape_item item = of->items[i];
		struct cel_shape one = {0};

		if (item.form == CEL_FORM_MAP)
			cel_shape_add(&one, (struct cel_shape_item){item.type, CEL_FORM_OBJECT});
		else if (item.form != CEL_FORM_OBJECT)
			one.any = true; /* a merge patch replaces a list whole */
		else if (!field(s, item.type, key, &one))
			continue;
		cel_shape_join(ret, &one);
		found = true;
	}
	return found;
}

static void look_at_patch(struct search *s, const struct node *n, const struct cel_shape *of)
{
	struct cel_shape elements = {0};

	if (of->any || !of->count)
		return;
	if (n->type == NODE_MAP)
		node_foreach_member(key, n)
		{
			struct cel_shape in;

			if (below(s, of, key->text, &in))
				look_at_patch(s, key->next, &in);
			else
				missing_key(s, key, of);
		}
	if (n->type != NODE_SEQ)
		return;
	for (uint8_t i = 0; i < of->count; i++)
		if (of->items[i].form == CEL_FORM_LIST)
			cel_shape_add(&elements,
				(struct cel_shape_item){of->items[i].type, CEL_FORM_OBJECT});
	node_foreach(item, n) look_at_patch(s, item, &elements);
}

static void look_at_mutation(struct search *s, const struct mutation *m)
{
	if (!m)
		return;
	if (m->merge_patch)
		look_at_patch(s, m->merge_patch, &s->object);
	for (size_t i = 0; i < m->piece_count; i++)
		look_at_template(s, m->pieces[i].value);
	if (m->json_patch)
		(void)look_at(s, m->json_patch);
}

static void look_at_rule(struct search *s, const struct rule *rule)
{
	s->object = object_of(rule);
	s->rule = rule;
	s->quiet = true;
	look_at_variables(s);
	s->quiet = false;
	for (size_t i = 0; i < rule->when_count; i++)
		(void)look_at(s, rule->when[i]);
	look_at_template(s, rule->message);
	if (rule->message_expression)
		(void)look_at(s, rule->message_expression);
	look_at_mutation(s, rule->mutation);
}

static void look_at_policy(struct search *s, const struct policy *p)
{
	s->policy = p;
	s->rule = NULL;
	s->object = object_of_all(p);
	if (p->expressions)
		look_at_variables(s);
	for (size_t i = 0; i < p->rule_count && p->expressions; i++)
		if (!p->rules[i].record_only)
			look_at_rule(s, &p->rules[i]);
}

int misspelt_find(const struct policy_set *set, struct arena *arena, const struct misspelt **ret,
	size_t *ret_count)
{
	struct search *s = arena_calloc(arena, 1, sizeof(*s));

	if (!s)
		return -1;
	s->arena = arena;
	for (size_t i = 0; i < set->policy_count; i++)
		look_at_policy(s, set->policies[i]);
	*ret = s->found;
	*ret_count = s->count;
	return s->failed ? -1 : 0;
}
