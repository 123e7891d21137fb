/* Placeholder for the connection to CEL: refuses every expression; see expression.h. */
#include "policy/expression.h"

struct expressions {
	struct arena *arena;
};

struct expressions *expressions_new(struct arena *arena)
{
	struct expressions *x = arena_calloc(arena, 1, sizeof *x);
	if (x)
		x->arena = arena;
	return x;
}

void expressions_free(struct expressions *x)
{
	(void)x;
}

static void refuse(const struct yaml_str *source, struct policy_errors *errors)
{
	if (source->at)
		errors_add_at(errors, source->at, "expressions (CEL) are not supported yet");
}

void expressions_add_variable(
	struct expressions *x, const struct source_variable *v, struct policy_errors *errors)
{
	(void)x;
	refuse(&v->expression, errors);
}

const struct expression *expressions_compile(struct expressions *x, const struct yaml_str *source,
	const char *expect, enum endpoint where, struct policy_errors *errors)
{
	(void)x, (void)expect, (void)where;
	refuse(source, errors);
	return NULL;
}

struct template
{
	struct span text;
};

const struct template *expressions_compile_template(struct expressions *x,
	const struct yaml_str *source, enum endpoint where, struct policy_errors *errors)
{
	(void)where;
	struct template *t = arena_calloc(x->arena, 1, sizeof *t);
	if (!t)
		errors_add_at(errors, source->at, "the policies need too much memory");
	else if (memmem(source->s.ptr, source->s.len, "{{", 2))
		errors_add_at(errors, source->at, "templates ({{ }}) are not supported yet");
	else
		t->text = source->s;
	return t;
}

struct span template_literal(const struct template *t)
{
	return t->text;
}

struct evaluation *evaluation_new(const struct policy_request *r, struct arena *arena)
{
	(void)r, (void)arena;
	return NULL;
}

int evaluation_enter(struct evaluation *ev, const struct expressions *x)
{
	(void)ev, (void)x;
	return -1;
}

enum verdict expression_test(
	const struct expression *e, struct evaluation *ev, struct span *ret_error)
{
	(void)e, (void)ev, (void)ret_error;
	return VERDICT_ERROR;
}

int expression_text(
	const struct expression *e, struct evaluation *ev, struct span *ret, struct span *ret_error)
{
	(void)e, (void)ev, (void)ret, (void)ret_error;
	return -1;
}

int template_text(
	const struct template *t, struct evaluation *ev, struct span *ret, struct span *ret_error)
{
	(void)t, (void)ev, (void)ret, (void)ret_error;
	return -1;
}
