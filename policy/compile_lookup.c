/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: expressions, and look-ups of objects of the cluster. */
#include "common/yaml/errors.h"
#include "policy/compile_internal.h"
#include "policy/kinds/kinds.h"
#include "policy/review/index_path.h"

static void compile_index(
	struct compiler *c, const struct source_lookup *s, struct cluster_lookup *ret)
{
	size_t at;
	const char *wrong = s->index.at ? index_path_wrong(s->index.s, &at) : NULL;

	if (s->index.at && !s->key.at)
		errors_add_at(c->errors, s->index.at,
			"an index needs a \"key\": what is looked for there");
	if (wrong)
		errors_add_in(c->errors, s->index.at, at, "%s", wrong);
	ret->index_at = s->index.at ? s->index.at : s->kind.at;
	ret->index = !s->key.at ? SPAN("") : s->index.at ? s->index.s : SPAN("metadata.name");
}

static void compile_scope(
	struct compiler *c, const struct source_lookup *s, struct cluster_lookup *ret)
{
	bool in_namespaces = true;
	const char *resource = kinds_resource_of(ret->kind.group, ret->kind.kind, &in_namespaces);

	ret->in_namespace = s->scope.v == LOOKUP_NAMESPACE;
	if (ret->in_namespace && resource && !in_namespaces)
		errors_add_at(c->errors, s->scope.at, "%.*s is in no namespace: leave it out",
			SPAN_FMT(ret->kind.kind));
	/* Of others the API server is asked, which knows whether they are in namespaces. */
	if (resource && in_namespaces)
		ret->kind.resource = span_of(resource);
}

static void compile_lookup(struct compiler *c, struct policy *p, const struct source_variable *v)
{
	const struct source_lookup *s = v->lookup.value;
	struct cluster_lookup *l = compiler_alloc(c, v->lookup.at, 1, sizeof *l);
	struct span *index = compiler_alloc(c, v->lookup.at, 1, sizeof *index);

	if (!l || !index || !s)
		return;
	compile_kind(c, &s->api_version, &s->kind, &l->kind);
	compile_index(c, s, l);
	compile_scope(c, s, l);
	l->max_objects = (size_t)s->max_objects.v;
	*index = l->index;
	l->kind.indexes = index;
	l->kind.index_count = l->index.len > 0;
	expressions_add_lookup(p->expressions, v, l, c->errors);
}

void compile_variable(struct compiler *c, struct policy *p, const struct source_variable *v)
{
	if (v->expression.at && v->lookup.at)
		errors_add_at(c->errors, v->lookup.at,
			"a variable has an \"expression\" or a \"lookup\", not both");
	else if (v->lookup.at)
		compile_lookup(c, p, v);
	else if (v->expression.at)
		expressions_add_variable(p->expressions, v, c->errors);
	else if (v->name.at)
		errors_add_at(c->errors, v->name.at,
			"the variable needs an \"expression\" (or a \"lookup\")");
}
