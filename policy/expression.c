/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling a policy's CEL: conditions, variables, templates, with every mistake's place in the
 * file. See expression_internal.h.
 */
#include "common/yaml/errors.h"
#include "policy/expression_parts_internal.h"

#define MAX_VARIABLES 500u
#define MAX_PARTS     64u /* of one template */

/* ---- environments ---- */

#define COMMON_FIELDS                                                                              \
	"resource", "resource.group", "resource.version", "resource.resource", "subResource",      \
		"name", "namespace", "userInfo", "userInfo.username", "userInfo.uid",              \
		"userInfo.groups", "userInfo.extra"
#define ADMISSION_FIELDS                                                                           \
	"uid", "kind", "kind.group", "kind.version", "kind.kind", "requestKind",                   \
		"requestKind.group", "requestKind.version", "requestKind.kind", "requestResource", \
		"requestResource.group", "requestResource.version", "requestResource.resource",    \
		"requestSubResource", "operation", "object", "oldObject", "dryRun", "options"
#define ACCESS_FIELDS                                                                              \
	"verb", "path", "subresource", "fieldSelector", "fieldSelector.rawSelector",               \
		"fieldSelector.requirements", "labelSelector", "labelSelector.rawSelector",        \
		"labelSelector.requirements"

/* Of an AdmissionRequest, of what stands for it at authorization, and of either: for variables. */
static const char *const admission_fields[] = {COMMON_FIELDS, ADMISSION_FIELDS, NULL};
static const char *const access_fields[] = {COMMON_FIELDS, ACCESS_FIELDS, NULL};
static const char *const all_fields[] = {COMMON_FIELDS, ADMISSION_FIELDS, ACCESS_FIELDS, NULL};

static const char *const namespace_fields[] = {"apiVersion", "kind", "metadata", "metadata.name",
	"metadata.generateName", "metadata.labels", "metadata.annotations", "metadata.uid",
	"metadata.resourceVersion", "metadata.generation", "metadata.creationTimestamp",
	"metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds", "metadata.finalizers",
	"metadata.ownerReferences", "spec", "spec.finalizers", "status", "status.phase",
	"status.conditions", NULL};

static const char *const *request_fields(unsigned endpoints)
{
	return endpoints == ENDPOINTS_ADMISSION	  ? admission_fields
	       : endpoints == ENDPOINTS_AUTHORIZE ? access_fields
						  : all_fields;
}

static int declare(struct expressions *x)
{
	static const char *const json_patch_fields[] = {"op", "path", "from", "value", NULL};
	static const struct {
		const char *name, *type;
	} slots[] = {
		[SLOT_REQUEST] = {"request", "dyn"},
		[SLOT_OBJECT] = {"object", "dyn"},
		[SLOT_OLD_OBJECT] = {"oldObject", "dyn"},
		[SLOT_NOW] = {"now", "google.protobuf.Timestamp"},
		[SLOT_NAMESPACE_OBJECT] = {"namespaceObject", "dyn"},
	};
	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		uint32_t slot;
		if (cel_env_declare(x->env, span_of(slots[i].name), slots[i].type, &slot, NULL) <
				0 ||
			slot != i)
			return -1;
	}
	x->first_variable = ARRAY_LEN(slots);
	cel_env_declare_fields(x->env, SLOT_NAMESPACE_OBJECT, namespace_fields);
	return cel_env_declare_record(x->env, SPAN("JSONPatch"), json_patch_fields, NULL);
}

struct expressions *expressions_new(const struct cel_library *library, struct arena *arena)
{
	struct expressions *x = arena_calloc(arena, 1, sizeof *x);
	if (!x)
		return NULL;
	x->arena = arena;
	x->env = cel_env_new(library, 0);
	if (!x->env || declare(x) < 0) {
		expressions_free(x);
		return NULL;
	}
	return x;
}

static const char *const config_map_fields[] = {
	"apiVersion", "kind", "metadata", "data", "binaryData", "immutable", NULL};

int expressions_declare_params(struct expressions *x, bool config_map)
{
	uint32_t slot;
	if (cel_env_declare(x->env, SPAN("params"), "dyn", &slot, NULL) < 0)
		return -1;
	if (config_map) {
		cel_env_declare_fields(x->env, slot, config_map_fields);
		if (cel_env_declare(
			    x->env, SPAN("params.data"), "map(string, string)", &slot, NULL) < 0)
			return -1;
	}
	x->first_variable = slot + 1;
	x->has_config_map = config_map;
	return 0;
}

void expressions_free(struct expressions *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->program_count; i++)
		cel_program_free(x->programs[i]);
	free(x->programs);
	free(x->variables);
	if (x->env)
		cel_env_free(x->env);
	x->env = NULL;
	x->programs = NULL;
	x->variables = NULL;
	x->program_count = x->variable_count = 0;
}

static int keep_program(struct expressions *x, struct cel_program *p)
{
	struct cel_program **more = reallocarray(x->programs, x->program_count + 1, sizeof(*more));
	if (!more) {
		cel_program_free(p);
		return -1;
	}
	x->programs = more;
	x->programs[x->program_count++] = p;
	return 0;
}

/* ---- compiling ---- */

/* The byte at which line:column of a text is. */
static size_t offset_of(struct span s, uint32_t line, uint32_t column)
{
	size_t at = 0;
	for (; line > 1 && at < s.len; at++)
		line -= s.ptr[at] == '\n';
	return at + (column ? column - 1 : 0);
}

/* What authors of other policies write, and how it is said here. */
static const char *hint_for(const char *message)
{
	static const struct {
		const char *message, *hint;
	} hints[] = {
		{"unknown variable 'params'",
			"; name the object under spec.paramKind and spec.paramRef"},
		{"unknown variable 'authorizer'",
			"; nobody is asked while a request waits: name who is meant under "
			"subjects and excludeSubjects"},
		{"unknown variable 'self'", "; what is asked for is called object here"},
		{"unknown variable 'oldSelf'", "; what is there is called oldObject here"},
		{"unknown variable 'variables'", "; the policy declares no variables"},
		{"there are no message types",
			"; write a map, as {\"spec\": {\"replicas\": 1}}, or a mergePatch"},
		{"'and' where", "; \"and\" is written &&"},
		{"'or' where", "; \"or\" is written ||"},
		{"unknown variable 'not'", "; \"not\" is written !"},
	};
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (strncmp(message, hints[i].message, strlen(hints[i].message)) == 0)
			return hints[i].hint;
	return "";
}

static const char *hint_for_params(
	const struct expressions *x, struct span source, const char *message)
{
	static const char data[] = "params.data";
	return x->has_config_map && strstr(message, "string") &&
			       strstr(message, "is not defined") &&
			       memmem(source.ptr, source.len, data, sizeof data - 1)
		       ? "; the values of a ConfigMap are strings: write int(params.data.NAME)"
		       : "";
}

static void report(const struct expressions *x, struct yaml_errors *errors, const struct node *at,
	size_t start, struct span source, const struct cel_issues *issues)
{
	for (size_t i = 0; i < issues->count; i++) {
		const struct cel_issue *is = &issues->items[i];
		errors_add_in(errors, at, start + offset_of(source, is->line, is->column), "%s%s%s",
			is->message, hint_for(is->message),
			hint_for_params(x, source, is->message));
	}
	if (!issues->count)
		errors_add_in(errors, at, start, "the expression cannot be compiled");
}

/* What of the request's objects it looks at, itself or through variables. */
static void find_needs(const struct expressions *x, struct expression *e)
{
	e->needs_object = cel_program_uses(e->program, SLOT_OBJECT);
	e->needs_old_object = cel_program_uses(e->program, SLOT_OLD_OBJECT);
	for (size_t i = 0; i < x->variable_count; i++) {
		const struct expression *v = x->variables[i].expression;
		if (!v || !cel_program_uses(e->program, x->first_variable + (uint32_t)i))
			continue;
		e->needs_object |= v->needs_object;
		e->needs_old_object |= v->needs_old_object;
	}
}

/* What every record of a decision has in clear; so do names in the objects that are recorded. */
static const char *const plain_fields[] = {"name", "namespace", "operation", "verb", "subResource",
	"subresource", "resource.group", "resource.version", "resource.resource", "kind.group",
	"kind.version", "kind.kind", "userInfo.username", NULL};

static const struct expression *compile(struct expressions *x, const struct node *at, size_t start,
	struct span source, const char *expect, unsigned endpoints, struct yaml_errors *errors)
{
	_cleanup_(cel_issues_free) struct cel_issues issues = {0};
	struct cel_program *p = NULL;
	cel_env_declare_fields(x->env, SLOT_REQUEST, request_fields(endpoints));
	if (cel_compile(x->env, source, expect, &p, &issues) < 0) {
		report(x, errors, at, start, source, &issues);
		return NULL;
	}
	struct expression *e = arena_calloc(x->arena, 1, sizeof *e);
	if (keep_program(x, p) < 0 || !e) {
		errors_add_at(errors, at, "the policies need too much memory; load fewer");
		return NULL;
	}
	*e = (struct expression){.program = p,
		.at = at,
		.offset = start,
		.is_plain = cel_program_shows_only(p, SLOT_REQUEST, plain_fields)};
	find_needs(x, e);
	x->uses_namespace |= cel_program_uses(p, SLOT_NAMESPACE_OBJECT);
	if (endpoints == ENDPOINTS_AUTHORIZE && (e->needs_object || e->needs_old_object)) {
		errors_add_in(errors, at, start,
			"object and oldObject do not exist in a rule with verbs: nothing is "
			"written at authorization");
		return NULL;
	}
	return e;
}

const struct expression *expressions_compile(struct expressions *x, const struct yaml_str *source,
	const char *expect, unsigned endpoints, struct yaml_errors *errors)
{
	return compile(x, source->at, 0, source->s, expect, endpoints, errors);
}

static bool is_identifier(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return s.len > 0 && s.len <= 100;
}

static bool may_be_named(
	const struct expressions *x, const struct yaml_str *name, struct yaml_errors *errors)
{
	if (!name->at)
		return false;
	if (!is_identifier(name->s)) {
		errors_add_at(
			errors, name->at, "a variable's name is made of letters, digits and \"_\"");
		return false;
	}
	for (size_t i = 0; i < x->variable_count; i++)
		if (span_eq(x->variables[i].name, name->s)) {
			errors_add_at(errors, name->at,
				"variable \"%.*s\" is defined above already", SPAN_FMT(name->s));
			return false;
		}
	return true;
}

static void declare_variable(struct expressions *x, const struct yaml_str *at, struct variable v,
	const char *type, struct yaml_errors *errors)
{
	struct err e;
	uint32_t slot;
	struct span name = arena_printf(x->arena, "variables.%.*s", SPAN_FMT(v.name));
	struct variable *more = reallocarray(x->variables, x->variable_count + 1, sizeof *more);
	if (more)
		x->variables = more;
	if (!more || !name.ptr || x->variable_count == MAX_VARIABLES ||
		cel_env_declare(x->env, name, type, &slot, &e) < 0) {
		errors_add_at(errors, at->at, "the variable cannot be declared (at most %u)",
			MAX_VARIABLES);
		return;
	}
	x->variables[x->variable_count++] = v;
}

void expressions_add_variable(
	struct expressions *x, const struct source_variable *v, struct yaml_errors *errors)
{
	if (!v->expression.at || !may_be_named(x, &v->name, errors))
		return;
	/* Compiled before it is declared: it may use the variables above it, not itself. */
	const struct expression *compiled =
		expressions_compile(x, &v->expression, NULL, ENDPOINTS_ANY, errors);
	declare_variable(x, &v->name, (struct variable){v->name.s, compiled, NULL},
		compiled ? cel_program_type(compiled->program) : "dyn", errors);
}

/* What is known to be no key is refused. */
static void check_key(const struct expression *key, struct yaml_errors *errors)
{
	static const char *const fit[] = {"dyn", "string", "int", "uint"};
	const char *type = cel_program_type(key->program);
	size_t len = strlen(type);

	if (strncmp(type, "list(", 5) == 0) {
		type += 5;
		len -= 6;
	}
	for (size_t i = 0; i < ARRAY_LEN(fit); i++)
		if (span_eq_str((struct span){type, len}, fit[i]))
			return;
	if (strncmp(type, "map(", 4) != 0)
		errors_add_at(errors, key->at,
			"a key is a string, a number, a map of strings, or a list of these, not %s",
			cel_program_type(key->program));
}

void expressions_add_lookup(struct expressions *x, const struct source_variable *v,
	const struct cluster_lookup *lookup, struct yaml_errors *errors)
{
	const struct source_lookup *s = v->lookup.value;
	const struct expression *key = NULL;

	if (!may_be_named(x, &v->name, errors))
		return;
	if (s->key.at)
		key = expressions_compile(x, &s->key, NULL, ENDPOINTS_ANY, errors);
	if (key)
		check_key(key, errors);
	declare_variable(
		x, &v->name, (struct variable){v->name.s, key, lookup}, "list(dyn)", errors);
}

const struct cluster_lookup *expressions_lookup(const struct expressions *x, size_t i)
{
	for (size_t k = 0; k < x->variable_count; k++)
		if (x->variables[k].lookup && i-- == 0)
			return x->variables[k].lookup;
	return NULL;
}

/* ---- templates ---- */

static bool add_part(struct template *t, struct span literal, const struct expression *e)
{
	if (t->count == MAX_PARTS)
		return false;
	t->parts[t->count++] = (struct part){literal, e};
	return true;
}

/* Where the "}}" of an expression is: not inside a string literal of it. SIZE_MAX if there is none.
 */
static size_t find_end(struct span s, size_t from)
{
	char quote = 0;
	int braces = 0;
	for (size_t i = from; i < s.len; i++) {
		char c = s.ptr[i];
		if (quote) {
			i += c == '\\';
			quote = c == quote ? 0 : quote;
		} else if (c == '\'' || c == '"') {
			quote = c;
		} else if (c == '{') {
			braces++;
		} else if (c == '}' && braces) {
			braces--;
		} else if (c == '}' && i + 1 < s.len && s.ptr[i + 1] == '}') {
			return i;
		}
	}
	return SIZE_MAX;
}

const struct template *expressions_compile_template(struct expressions *x,
	const struct yaml_str *source, unsigned endpoints, struct yaml_errors *errors)
{
	struct span s = source->s;
	struct template *t = arena_calloc(x->arena, 1, sizeof *t);
	if (t)
		t->parts = arena_calloc(x->arena, MAX_PARTS, sizeof *t->parts);
	if (!t || !t->parts) {
		errors_add_at(errors, source->at, "the policies need too much memory; load fewer");
		return NULL;
	}
	bool fits = true, compiled = true;
	for (size_t at = 0; at < s.len && fits;) {
		const char *open = memmem(s.ptr + at, s.len - at, "{{", 2);
		size_t start = open ? (size_t)(open - s.ptr) : s.len;
		if (start > at)
			fits = add_part(t, (struct span){s.ptr + at, start - at}, NULL);
		if (!open)
			break;
		size_t end = find_end(s, start + 2);
		if (end == SIZE_MAX) {
			errors_add_in(errors, source->at, start, "\"{{\" without \"}}\"");
			return NULL;
		}
		struct span inner = {s.ptr + start + 2, end - start - 2};
		const struct expression *e =
			compile(x, source->at, start + 2, inner, NULL, endpoints, errors);
		compiled = compiled && e;
		fits = fits && add_part(t, (struct span){0}, e);
		at = end + 2;
	}
	if (!fits)
		errors_add_at(errors, source->at, "too many {{ }} in one string");
	return fits && compiled ? t : NULL;
}

bool expressions_use_namespace(const struct expressions *x)
{
	return x->uses_namespace;
}

struct span template_literal(const struct template *t)
{
	if (!t->count)
		return SPAN("");
	return t->count == 1 ? t->parts[0].literal : (struct span){0};
}

bool template_is_plain(const struct template *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->parts[i].expression && !t->parts[i].expression->is_plain)
			return false;
	return true;
}

bool expression_is_plain(const struct expression *e)
{
	return e->is_plain;
}

bool expression_needs_object(const struct expression *e)
{
	return e->needs_object;
}

bool expression_needs_old_object(const struct expression *e)
{
	return e->needs_old_object;
}

struct span expression_source(const struct expression *e)
{
	return cel_program_source(e->program);
}
