/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that get into each other's way: names and texts twice, what can never apply. */
#include "policy/compile_internal.h"

#include "common/yaml/errors.h"

static bool always_hides(const struct rule *allow, const struct rule *below)
{
	if (allow->info.action != POLICY_ALLOW || allow->when_count || !below->match_count)
		return false;
	for (size_t i = 0; i < below->match_count; i++) {
		bool covered = false;
		for (size_t j = 0; j < allow->match_count && !covered; j++)
			covered = match_covers(&allow->matches[j], &below->matches[i]);
		if (!covered)
			return false;
	}
	return true;
}

/* The text of a rule without its name, to find the same one written twice. */
static struct span rule_body(struct compiler *c, const struct rule *r)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1u << 20);
	node_foreach_member(key, r->at)
	{
		if (span_eq_str(key->text, "name"))
			continue;
		buf_add_span(&b, key->text);
		node_put_json(&b, key->next);
	}
	if (b.failed || !b.len)
		return (struct span){0};
	char *copy = compiler_alloc(c, r->at, b.len, 1);
	return copy ? (struct span){memcpy(copy, b.ptr, b.len), b.len} : (struct span){0};
}

struct named {
	struct span key;
	const struct rule *rule;
};

static int by_key_then_place(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
	int c = shorter ? memcmp(x->key.ptr, y->key.ptr, shorter) : 0;
	if (c || x->key.len != y->key.len)
		return c ? c : x->key.len < y->key.len ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void report_same(struct compiler *c, struct named *list, size_t count, const char *what)
{
	qsort(list, count, sizeof *list, by_key_then_place);
	for (size_t i = 1; i < count; i++)
		if (list[i].key.len && span_eq(list[i - 1].key, list[i].key))
			errors_add_at(c->errors, list[i].rule->at,
				"rule \"%s\" %s the rule at line %u", list[i].rule->info.rule, what,
				list[i - 1].rule->at->line);
}

void compile_check_names(struct compiler *c, const struct policy *p, const struct source_spec *s)
{
	const struct source_rule *items = s->rules.items;
	struct named *names = compiler_alloc(c, p->root, p->rule_count, sizeof *names);
	if (!names)
		return;
	for (size_t i = 0; i < p->rule_count; i++)
		names[i] = (struct named){
			items[i].name.at ? items[i].name.s : (struct span){0}, &p->rules[i]};
	report_same(c, names, p->rule_count, "has the name of");
}

void compile_check_conflicts(struct compiler *c, const struct policy *p)
{
	struct named *bodies = compiler_alloc(c, p->root, p->rule_count, sizeof *bodies);
	if (!bodies)
		return;
	for (size_t i = 0; i < p->rule_count; i++)
		bodies[i] = (struct named){rule_body(c, &p->rules[i]), &p->rules[i]};
	report_same(c, bodies, p->rule_count, "is the same as");

	for (size_t a = 0; a < p->rule_count; a++) {
		if (p->rules[a].info.action != POLICY_ALLOW || p->rules[a].when_count)
			continue;
		for (size_t b = a + 1; b < p->rule_count; b++)
			if (always_hides(&p->rules[a], &p->rules[b]))
				errors_add_at(c->errors, p->rules[b].at,
					"rule \"%s\" can never apply: rule \"%s\" above allows "
					"everything that it matches",
					p->rules[b].info.rule, p->rules[a].info.rule);
	}
}

void compile_check_subjects(struct compiler *c, const struct policy *p)
{
	for (size_t i = 0; i < p->exclude_subjects.count; i++) {
		const struct subject *e = &p->exclude_subjects.items[i];
		for (size_t j = 0; j < p->subjects.count; j++) {
			const struct subject *in = &p->subjects.items[j];
			bool whole = e->kind == in->kind && e->name.text.len && e->at &&
				     pattern_covers(e->name, in->name) &&
				     (e->kind != SUBJECT_SERVICE_ACCOUNT ||
					     pattern_covers(e->namespace_, in->namespace_));
			if (whole)
				errors_add_at(c->errors, e->at,
					"this excludes the subject \"%.*s\" altogether",
					SPAN_FMT(in->name.text));
		}
	}
}
