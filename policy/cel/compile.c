/*
 * From source to program: environments, the issues found on the way, and the order of the steps
 * (parse, check, link). What a step needs from the others goes through struct cel_compiler.
 */
#include <stdarg.h>
#include <stdio.h>

#include "common/base/suggest.h"
#include "policy/cel/types_internal.h"

#define MAX_ISSUES    64
#define ENV_BYTES     (1u << 20)
#define PROGRAM_FIRST 4096
#define PROGRAM_BYTES (32u << 20)

/* ---- issues ---- */

void cel_issues_free(struct cel_issues *issues)
{
	free(issues->items);
	*issues = (struct cel_issues){0};
}

void cel_line_column(struct span source, uint32_t off, uint32_t *ret_line, uint32_t *ret_column)
{
	uint32_t line = 1, start = 0;

	for (uint32_t i = 0; i < off && i < source.len; i++)
		if (source.ptr[i] == '\n') {
			line++;
			start = i + 1;
		}
	*ret_line = line;
	*ret_column = off - start + 1;
}

static struct cel_issue *new_issue(struct cel_issues *l)
{
	if (l->count == MAX_ISSUES)
		return NULL;
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4;
		struct cel_issue *items = reallocarray(l->items, cap, sizeof *items);
		if (!items)
			return NULL;
		l->items = items;
		l->cap = cap;
	}
	return &l->items[l->count++];
}

void cel_issue_at(struct cel_compiler *c, uint32_t off, const char *fmt, ...)
{
	struct cel_issue *i = c->issues ? new_issue(c->issues) : NULL;
	va_list ap;

	c->failed = true;
	if (!i)
		return;
	cel_line_column(c->source, off, &i->line, &i->column);
	va_start(ap, fmt);
	vsnprintf(i->message, sizeof i->message, fmt, ap);
	va_end(ap);
	for (char *p = i->message; *p; p++) /* what is quoted may contain anything */
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

/* ---- near misses ---- */

void cel_hint_offer(struct cel_hint *h, struct span name)
{
	unsigned d = edit_distance(h->wanted, name);
	size_t len = h->wanted.len > name.len ? h->wanted.len : name.len;

	if (d <= len / 3 && (!h->best.ptr || d < h->distance)) {
		h->best = name;
		h->distance = d;
	}
}

const char *cel_hint_text(struct cel_hint *h)
{
	if (!h->best.ptr)
		return "";
	snprintf(h->text, sizeof h->text, "; did you mean '%.*s'?", SPAN_FMT(h->best));
	return h->text;
}

/* ---- environments ---- */

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

/* ---- nodes ---- */

struct cel_node *cel_node_new(
	struct cel_compiler *c, enum cel_op op, uint32_t off, uint32_t end, uint32_t arg_count)
{
	if (c->node_count >= CEL_MAX_NODES) {
		if (c->node_count++ == CEL_MAX_NODES)
			cel_issue_at(
				c, off, "the expression has more than %d parts", CEL_MAX_NODES);
		return NULL;
	}
	c->node_count++;
	struct cel_node *n = arena_calloc(c->arena, 1, sizeof *n);
	struct cel_node **args = arg_count ? arena_calloc(c->arena, arg_count, sizeof *args) : NULL;
	if (!n || (arg_count && !args)) {
		c->out_of_memory = true;
		return NULL;
	}
	n->op = (uint8_t)op;
	n->off = n->pos = off;
	n->end = end;
	n->count = arg_count;
	n->args = args;
	n->depth = 1;
	n->slot = n->slot2 = CEL_NO_SLOT;
	return n;
}

/* ---- programs ---- */

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
