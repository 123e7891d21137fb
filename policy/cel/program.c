/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From source to program: the order of the steps (parse, check, link). What a step needs from the
 * others goes through struct cel_compiler.
 */
#include "policy/cel/types_internal.h"

#define PROGRAM_FIRST 4096
#define PROGRAM_BYTES (32u << 20)

static const struct {
	const char *name;
	enum cel_kind kind;
} expectable[] = {
	{"bool", CEL_BOOL},
	{"string", CEL_STRING},
	{"int", CEL_INT},
	{"uint", CEL_UINT},
	{"double", CEL_DOUBLE},
	{"bytes", CEL_BYTES},
	{"list", CEL_LIST},
	{"map", CEL_MAP},
	{"timestamp", CEL_TIMESTAMP},
	{"duration", CEL_DURATION},
};

static uint8_t expected_kind(const char *expect)
{
	size_t len;

	if (!expect)
		return CEL_UNSET;
	len = strcspn(expect, "(");
	for (size_t i = 0; i < ARRAY_LEN(expectable); i++)
		if (len == strlen(expectable[i].name) && !memcmp(expect, expectable[i].name, len))
			return expectable[i].kind;
	return CEL_UNSET;
}

static struct cel_program *program_new(const struct cel_env *env, struct span source)
{
	struct arena *a = arena_new(PROGRAM_FIRST, PROGRAM_BYTES);
	struct cel_program *p = a ? arena_calloc(a, 1, sizeof *p) : NULL;
	char *text = p ? arena_strndup(a, source.ptr, source.len) : NULL;
	uint64_t *uses = text ? arena_calloc(a, env->var_count / 64 + 1, sizeof *uses) : NULL;

	if (!uses) {
		arena_free(a);
		return NULL;
	}
	p->arena = a;
	p->source = (struct span){text, source.len};
	p->slot_count = env->var_count;
	p->library = env->library;
	p->uses = uses;
	return p;
}

void cel_program_free(struct cel_program *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->prepared_count; i++)
		p->prepared[i].free(p->prepared[i].made);
	free(p->prepared);
	arena_free(p->arena);
}

static int compile_steps(struct cel_compiler *c, const char *expect)
{
	struct span text = span_of(expect ? expect : "dyn");
	const struct cel_type *want = cel_type_parse(c->arena, &text);

	if (!want || text.len > 0) {
		cel_issue_at(c, 0, "unknown result type '%s'", expect);
		return -1;
	}
	if (!utf8_valid(c->source)) {
		cel_issue_at(c, 0, "the expression is not UTF-8");
		return -1;
	}
	struct cel_node *root = cel_parse(c);
	if (root && !c->failed && !c->out_of_memory)
		cel_check(c, root, want);
	if (root && !c->failed && !c->out_of_memory)
		cel_link(c, root);
	if (c->out_of_memory && !c->failed)
		cel_issue_at(c, 0, "the expression needs too much memory");
	if (!root && !c->failed)
		cel_issue_at(c, 0, "the expression cannot be compiled");
	c->prog->root = root;
	return c->failed ? -1 : 0;
}

int cel_compile(const struct cel_env *env, struct span source, const char *expect,
	struct cel_program **ret, struct cel_issues *issues)
{
	struct cel_compiler c = {.env = env, .issues = issues, .source = source};

	if (source.len > CEL_MAX_SOURCE) {
		cel_issue_at(&c, 0, "the expression is longer than %d bytes", CEL_MAX_SOURCE);
		return -1;
	}
	c.prog = program_new(env, source);
	if (!c.prog) {
		cel_issue_at(&c, 0, "out of memory");
		return -1;
	}
	c.arena = c.prog->arena;
	c.source = c.prog->source;
	c.prog->expect = expected_kind(expect);
	if (compile_steps(&c, expect) < 0) {
		cel_program_free(c.prog);
		return -1;
	}
	*ret = c.prog;
	return 0;
}

bool cel_program_uses(const struct cel_program *p, uint32_t slot)
{
	return slot < p->slot_count && (p->uses[slot / 64] >> slot % 64 & 1);
}

const char *cel_program_type(const struct cel_program *p)
{
	return p->type_text;
}

struct span cel_program_source(const struct cel_program *p)
{
	return p->source;
}
