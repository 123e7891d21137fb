/* SPDX-License-Identifier: Apache-2.0 */
/* GuardrailSets: subjects and namespaces with a name that policies use. */
#include "common/yaml/errors.h"
#include "policy/compile_internal.h"

static void check_subjects(struct compiler *c, const struct yaml_list *list)
{
	const struct source_subject *items = list->items;
	for (size_t i = 0; i < list->count; i++)
		if (items[i].kind.at && items[i].kind.v == SUBJECT_SET)
			errors_add_at(c->errors, items[i].kind.at,
				"a set names no other set: write its subjects out");
}

static void check_namespaces(struct compiler *c, const struct yaml_list *list)
{
	const struct yaml_str *items = list->items;
	for (size_t i = 0; i < list->count; i++)
		if (items[i].s.len && strchr("!@", items[i].s.ptr[0]))
			errors_add_at(c->errors, items[i].at,
				"a set has plain names and globs: write \"%c\" where it is used",
				items[i].s.ptr[0]);
}

static void compile_contents(
	struct compiler *c, const struct yaml_object *spec, struct named_set *ret)
{
	const struct source_set_spec *s = spec->value;
	if (!s->subjects.count && !s->namespaces.count)
		errors_add_at(c->errors, spec->at,
			"the set is empty: a rule that uses it would "
			"concern nobody, or everybody");
	check_subjects(c, &s->subjects);
	check_namespaces(c, &s->namespaces);
	if (c->errors->count)
		return;
	compile_subjects(c, &s->subjects, &ret->subjects);
	ret->namespaces = compile_patterns(c, &s->namespaces, "namespaces");
}

static void compile_name(struct compiler *c, const struct source_metadata *m, struct named_set *ret)
{
	if (!m || !m->name.at)
		return;
	if (!compiler_is_name(m->name.s, true, 253))
		errors_add_at(c->errors, m->name.at,
			"a set's name is made of lower-case letters, digits, \"-\" and \".\"");
	if (set_find(c->set, m->name.s))
		errors_add_at(c->errors, m->name.at, "a set named \"%.*s\" is loaded already",
			SPAN_FMT(m->name.s));
	ret->name = m->name.s;
}

void compile_named_set(struct policy_set *set, const struct node *root, struct yaml_errors *errors)
{
	struct compiler c = {set, set->arena, errors};
	struct named_set made = {.root = root};
	if (language_check_head(root, "GuardrailSet", errors) < 0)
		return;
	struct source_set *s = compiler_alloc(&c, root, 1, sizeof *s);
	struct named_set *more = reallocarray(set->sets, set->set_count + 1, sizeof(*more));
	if (more)
		set->sets = more;
	if (!s || !more) {
		errors_add_at(errors, root, "the policies need too much memory; load fewer");
		return;
	}
	bool read = schema_read(&language_set, root, s, set->arena, errors) == 0;
	compile_name(&c, s->metadata.value, &made);
	if (read)
		compile_contents(&c, &s->spec, &made);
	set->sets[set->set_count++] = made;
}
