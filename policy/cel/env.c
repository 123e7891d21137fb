/* SPDX-License-Identifier: Apache-2.0 */
/* Environments: which variables, fields and records there are for expressions. */
#include "policy/cel/types_internal.h"

#define ENV_BYTES (1u << 20)

struct cel_env *cel_env_new(const struct cel_library *library, unsigned options)
{
	struct arena *a = arena_new(2048, ENV_BYTES);
	struct cel_env *env = a ? arena_calloc(a, 1, sizeof *env) : NULL;

	if (!env) {
		arena_free(a);
		return NULL;
	}
	env->arena = a;
	env->library = library;
	env->options = options;
	env->container = (struct span){"", 0};
	return env;
}

void cel_env_free(struct cel_env *env)
{
	if (env)
		arena_free(env->arena);
}

static bool is_qualified_name(struct span s)
{
	bool start = true;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool letter = c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
		if (c == '.' && !start)
			start = true;
		else if (letter || (c >= '0' && c <= '9' && !start))
			start = false;
		else
			return false;
	}
	return s.len > 0 && !start;
}

static bool keep(struct arena *a, struct span *s)
{
	s->ptr = arena_strndup(a, s->ptr, s->len);
	return s->ptr != NULL;
}

static bool room_for_variable(struct cel_env *env)
{
	if (env->var_count < env->var_cap)
		return true;
	uint32_t cap = env->var_cap ? env->var_cap * 2 : 8;
	struct cel_variable *vars = arena_calloc(env->arena, cap, sizeof *vars);
	if (!vars)
		return false;
	if (env->var_count > 0)
		memcpy(vars, env->vars, env->var_count * sizeof *vars);
	env->vars = vars;
	env->var_cap = cap;
	return true;
}

int cel_env_declare(
	struct cel_env *env, struct span name, const char *type, uint32_t *ret_slot, struct err *e)
{
	struct span text = span_of(type);
	const struct cel_type *t = cel_type_parse(env->arena, &text);

	if (!is_qualified_name(name))
		return err_set(e, "'%.*s' is no name for a variable", SPAN_FMT(name));
	if (!t || text.len > 0)
		return err_set(e, "variable '%.*s': unknown type '%s'", SPAN_FMT(name), type);
	for (uint32_t i = 0; i < env->var_count; i++)
		if (span_eq(env->vars[i].name, name))
			return err_set(e, "variable '%.*s' is declared already", SPAN_FMT(name));
	if (!room_for_variable(env) || !keep(env->arena, &name))
		return err_set(e, "too many variables");
	env->vars[env->var_count] = (struct cel_variable){name, t, NULL};
	if (ret_slot)
		*ret_slot = env->var_count;
	env->var_count++;
	return 0;
}

void cel_env_declare_fields(struct cel_env *env, uint32_t slot, const char *const *fields)
{
	if (slot < env->var_count)
		env->vars[slot].fields = fields;
}

int cel_env_declare_record(
	struct cel_env *env, struct span name, const char *const *fields, struct err *e)
{
	if (!is_qualified_name(name))
		return err_set(e, "'%.*s' is no name for a record", SPAN_FMT(name));
	if (env->record_count == CEL_MAX_RECORDS)
		return err_set(e, "too many records");
	env->records[env->record_count++] = (struct cel_record){name, fields};
	return 0;
}

int cel_env_set_container(struct cel_env *env, struct span container, struct err *e)
{
	if (container.len > 0 && !is_qualified_name(container))
		return err_set(e, "'%.*s' is no name space", SPAN_FMT(container));
	if (!keep(env->arena, &container))
		return err_set(e, "the name space is too long");
	env->container = container;
	return 0;
}
