/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an AuthorizationConfiguration, and asks its conditions; see authorizer.h. */
#include "common/yaml/errors.h"
#include "policy/authorizer.h"
#include "policy/cel/functions/library.h"
#include "policy/files_internal.h"

#define CONDITIONS_MAX 64u /* as API servers allow */

struct authorizer_config {
	struct arena *arena;
	struct cel_library *library;
	struct cel_env *env;
	struct cel_program *conditions[CONDITIONS_MAX];
	size_t count;
	const struct node *root;
};

void authorizer_config_free(struct authorizer_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		cel_program_free(c->conditions[i]);
	cel_env_free(c->env);
	cel_library_free(c->library);
	arena_free(c->arena);
	free(c);
}

static struct authorizer_config *config_new(void)
{
	struct authorizer_config *c = calloc(1, sizeof *c);
	uint32_t slot;

	if (!c)
		return NULL;
	c->arena = arena_new(16u << 10, 64u << 20);
	c->library = cel_library_new();
	c->env = c->library ? cel_env_new(c->library, 0) : NULL;
	if (c->arena && c->env && cel_env_declare(c->env, SPAN("request"), "dyn", &slot, NULL) == 0)
		return c;
	authorizer_config_free(c);
	return NULL;
}

static bool is_scalar(const struct node *n, const char *text)
{
	return n && n->type == NODE_SCALAR && span_eq_str(n->text, text);
}

/* Holdpoint's authorizer: by its name, else the only webhook. */
static const struct node *find_webhook(const struct node *root)
{
	const struct node *list = node_get(root, "authorizers"), *only = NULL;
	unsigned webhooks = 0;

	if (!list || list->type != NODE_SEQ)
		return NULL;
	node_foreach(a, list)
	{
		const struct node *name = node_get(a, "name");

		if (!is_scalar(node_get(a, "type"), "Webhook"))
			continue;
		if (name && name->type == NODE_SCALAR && strstr(name->text.ptr, "holdpoint"))
			return node_get(a, "webhook");
		only = node_get(a, "webhook");
		webhooks++;
	}
	return webhooks == 1 ? only : NULL;
}

static void compile(
	struct authorizer_config *c, const struct node *text, struct yaml_errors *errors)
{
	_cleanup_(cel_issues_free) struct cel_issues issues = {0};

	if (!text || text->type != NODE_SCALAR) {
		errors_add_at(errors, text ? text : c->root, "an expression is missing");
		return;
	}
	if (c->count == CONDITIONS_MAX) {
		errors_add_at(errors, text, "more than %u matchConditions", CONDITIONS_MAX);
		return;
	}
	if (cel_compile(c->env, text->text, "bool", &c->conditions[c->count], &issues) == 0)
		c->count++;
	for (size_t i = 0; i < issues.count; i++)
		errors_add_at(errors, text, "%s", issues.items[i].message);
}

static void read_conditions(struct authorizer_config *c, struct yaml_errors *errors)
{
	const struct node *webhook = c->root ? find_webhook(c->root) : NULL, *conditions;

	if (errors->count)
		return;
	if (!c->root || !is_scalar(node_get(c->root, "kind"), "AuthorizationConfiguration")) {
		errors_add(errors, NULL, 0, 0, "no AuthorizationConfiguration");
		return;
	}
	if (!webhook) {
		errors_add_at(errors, c->root,
			"no authorizer of type Webhook is named \"holdpoint\", nor is there only "
			"one");
		return;
	}
	conditions = node_get(webhook, "matchConditions");
	if (!conditions || conditions->type != NODE_SEQ)
		return; /* asks about everybody */
	node_foreach(condition, conditions) compile(c, node_get(condition, "expression"), errors);
}

static void take_root(const struct node *root, void *arg)
{
	struct authorizer_config *c = arg;

	if (!c->root && root->type == NODE_MAP)
		c->root = root;
}

int authorizer_config_read(
	const char *path, struct authorizer_config **ret, struct yaml_errors *errors)
{
	struct authorizer_config *c = config_new();
	struct tree_file *files;
	size_t count;

	*errors = (struct yaml_errors){0};
	if (!c) {
		errors_add(errors, NULL, 0, 0, "out of memory");
		return -1;
	}
	files_read(&path, 1, c->arena, errors, &files, &count);
	for (size_t i = 0; i < count; i++)
		tree_read(&files[i], c->arena, errors, take_root, c);
	read_conditions(c, errors);
	if (errors->count) {
		authorizer_config_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

bool authorizer_config_asks(const struct authorizer_config *c, struct span sar_spec)
{
	static const struct json_limits limits = {
		.max_bytes = 1u << 20, .max_depth = 16, .max_nodes = 10000};
	_cleanup_(arena_freep) struct arena *arena = arena_new(16u << 10, 16u << 20);
	struct json_doc doc;
	bool asks = true;

	if (!arena || json_read(sar_spec.ptr, sar_spec.len, &limits, arena, &doc, NULL) < 0)
		return true;
	for (size_t i = 0; i < c->count && asks; i++) {
		struct cel_value request = cel_json(&doc, JSON_ROOT, arena), v;
		struct cel_activation activation = {&request, 1, NULL, NULL};
		struct cel_run run = cel_run(arena, CEL_DEFAULT_BUDGET);

		v = cel_eval(c->conditions[i], &activation, &run);
		asks = v.kind != CEL_BOOL || v.b;
	}
	return asks;
}
