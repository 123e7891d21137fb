/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a document as read to a policy that decides: every cross-check that a table of fields cannot
 * express stands here, and all problems are reported, not just the first.
 */
#include "common/yaml/errors.h"
#include "policy/compile_internal.h"

#include <stdio.h>

static bool name_is_taken(const struct policy_set *set, struct span name)
{
	for (size_t i = 0; i < set->policy_count; i++)
		if (span_eq_str(name, set->policies[i]->name))
			return true;
	return false;
}

static void compile_name(struct compiler *c, const struct source_metadata *m, struct policy *p)
{
	p->name = "?";
	if (!m || !m->name.at)
		return;
	p->name = m->name.s.ptr;
	if (!compiler_is_name(m->name.s, true, 253))
		errors_add_at(c->errors, m->name.at,
			"a policy's name is made of lower-case letters, digits, \"-\" and \".\"");
	if (name_is_taken(c->set, m->name.s))
		errors_add_at(c->errors, m->name.at, "a policy named \"%.*s\" is loaded already",
			SPAN_FMT(m->name.s));
}

static void compile_rules(struct compiler *c, struct policy *p, const struct source_spec *s)
{
	const struct source_rule *items = s->rules.items;
	if (!s->rules.at)
		return;
	if (!s->rules.count && !p->record_all)
		errors_add_at(c->errors, s->rules.at, "a policy without rules does nothing");
	p->rules = compiler_alloc(c, s->rules.at, s->rules.count, sizeof *p->rules);
	if (!p->rules)
		return;
	p->rule_count = s->rules.count;
	const struct node *at = s->rules.at->first;
	for (size_t i = 0; i < p->rule_count; i++, at = at->next)
		compile_rule(c, p, &items[i], at, &p->rules[i]);
	compile_check_names(c, p, s);
}

static void compile_spec(struct compiler *c, struct policy *p, const struct source_spec *s)
{
	const struct source_variable *variables = s->variables.items;
	p->enforcement = (enum policy_enforcement)s->enforcement.v;
	p->ignore_failures = s->failure_policy.v;
	p->record_all = s->record.v == RECORD_ALL;
	compile_subjects(c, &s->subjects, &p->subjects);
	compile_subjects(c, &s->exclude_subjects, &p->exclude_subjects);
	compile_check_subjects(c, p);
	if (s->match.at) {
		p->matches = compile_match_list(c, &s->match);
		p->match_count = p->matches ? s->match.count : 0;
	}
	compile_params(c, p, s);
	for (size_t i = 0; i < s->variables.count; i++)
		compile_variable(c, p, &variables[i]);
	compile_rules(c, p, s);
}

static struct policy *append_policy(struct policy_set *set)
{
	struct policy **more = reallocarray(set->policies, set->policy_count + 1, sizeof(*more));
	if (!more)
		return NULL;
	set->policies = more;
	struct policy *p = arena_calloc(set->arena, 1, sizeof *p);
	if (p)
		p->expressions = expressions_new(set->library, set->arena);
	if (!p || !p->expressions)
		return NULL;
	return p;
}

void compile_policy(struct policy_set *set, const struct node *root, struct yaml_errors *errors)
{
	struct compiler c = {set, set->arena, errors};
	if (language_check_head(root, "GuardrailPolicy", errors) < 0)
		return;
	struct source_policy *s = compiler_alloc(&c, root, 1, sizeof *s);
	struct policy *p = s ? append_policy(set) : NULL;
	if (!p) {
		errors_add_at(errors, root, "the policies need too much memory; load fewer");
		return;
	}
	p->root = root;
	unsigned before = errors->count;
	bool read = schema_read(&language_policy, root, s, set->arena, errors) == 0;
	compile_name(&c, s->metadata.value, p);
	set->policies[set->policy_count++] = p;
	/* Half-read structs still have enough in them to find further mistakes. */
	if (s->spec.value && s->spec.at->type == NODE_MAP)
		compile_spec(&c, p, s->spec.value);
	if (read && errors->count == before)
		compile_check_conflicts(&c, p);
}
