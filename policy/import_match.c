/* SPDX-License-Identifier: Apache-2.0 */
/* matchConstraints and matchResources of admission policies; see import_internal.h. */
#include "policy/import_internal.h"

#include "common/json/json.h"
#include "policy/kinds/kinds.h"

static const char *const rule_keys[] = {
	"apiGroups", "apiVersions", "operations", "resources", "resourceNames", "scope", NULL};
static const char *const resources_keys[] = {"resourceRules", "excludeResourceRules",
	"namespaceSelector", "objectSelector", "matchPolicy", NULL};
static const char *const selector_keys[] = {"matchLabels", "matchExpressions", NULL};
static const char *const requirement_keys[] = {"key", "operator", "values", NULL};

static bool has_item(const struct node *list, const char *text)
{
	if (list)
		node_foreach(n,
			list) if (n->type == NODE_SCALAR && span_eq_str(n->text, text)) return true;
	return false;
}

static void put_items(struct buf *out, const struct node *list)
{
	bool first = true;

	buf_add_char(out, '[');
	if (list)
		node_foreach(n, list)
		{
			buf_add_str(out, first ? "" : ", ");
			json_put_string(out, n->text);
			first = false;
		}
	buf_add_char(out, ']');
}

/* ---- a rule as CEL ---- */

#define SUBRESOURCE "request.?subResource.orValue('')"

static void put_and(struct buf *out, size_t begin)
{
	if (out->len > begin)
		buf_add_str(out, " && ");
}

static void put_among(struct buf *out, size_t begin, const char *what, const struct node *list)
{
	if (!list || has_item(list, "*"))
		return;
	put_and(out, begin);
	buf_printf(out, "%s in ", what);
	put_items(out, list);
}

static void put_resource(struct buf *out, struct span text)
{
	const char *slash = memchr(text.ptr, '/', text.len);
	const struct span resource = {text.ptr, slash ? (size_t)(slash - text.ptr) : text.len};
	const struct span sub = {
		slash ? slash + 1 : "", slash ? text.len - (size_t)(slash + 1 - text.ptr) : 0};
	const bool any = span_eq_str(resource, "*"), any_sub = span_eq_str(sub, "*");

	if (any && any_sub)
		buf_add_str(out, "true");
	if (!any) {
		buf_add_str(out, "request.resource.resource == ");
		json_put_string(out, resource);
	}
	if (any_sub)
		return;
	buf_add_str(out, any ? "" : " && ");
	buf_add_str(out, SUBRESOURCE " == ");
	json_put_string(out, sub);
}

static void put_resources(struct buf *out, size_t begin, const struct node *list)
{
	bool first = true;

	if (!list)
		return;
	put_and(out, begin);
	buf_add_char(out, '(');
	node_foreach(n, list)
	{
		buf_add_str(out, first ? "" : " || ");
		put_resource(out, n->text);
		first = false;
	}
	buf_add_str(out, first ? "false)" : ")");
}

/* As API servers see it: a Namespace is in no namespace, though its request names one. */
#define IN_NAMESPACE                                                                               \
	"request.?namespace.orValue('') != '' && !(request.resource.group == '' && "               \
	"request.resource.resource == 'namespaces')"

static void put_scope(struct import *i, struct buf *out, size_t begin, const struct node *rule)
{
	const struct node *scope = node_get(rule, "scope");

	if (!scope || import_is(rule, "scope", "*"))
		return;
	put_and(out, begin);
	if (import_is(rule, "scope", "Namespaced"))
		buf_add_str(out, IN_NAMESPACE);
	else if (import_is(rule, "scope", "Cluster"))
		buf_add_str(out, "!(" IN_NAMESPACE ")");
	else
		errors_add_at(&i->ret->problems, scope, "scope is Namespaced, Cluster or *");
}

static void put_rule(struct import *i, struct buf *out, const struct node *rule)
{
	const size_t begin = out->len;
	const struct node *names = import_list(i, rule, "resourceNames");

	import_check_keys(i, rule, rule_keys);
	put_among(out, begin, "request.resource.group", import_list(i, rule, "apiGroups"));
	put_among(out, begin, "request.resource.version", import_list(i, rule, "apiVersions"));
	put_among(out, begin, "request.operation", import_list(i, rule, "operations"));
	put_resources(out, begin, import_list(i, rule, "resources"));
	if (names && names->count)
		put_among(out, begin, "request.?name.orValue('')", names);
	put_scope(i, out, begin, rule);
	if (out->len == begin)
		buf_add_str(out, "true");
}

static void put_rules(struct import *i, struct buf *out, const struct node *rules)
{
	bool first = true;

	node_foreach(rule, rules)
	{
		buf_add_str(out, first ? "(" : " || (");
		put_rule(i, out, rule);
		buf_add_char(out, ')');
		first = false;
	}
}

static bool has_scope(const struct node *rules)
{
	node_foreach(rule,
		rules) if (node_get(rule, "scope") && !import_is(rule, "scope", "*")) return true;
	return false;
}

/* ---- labels of the object ---- */

#define LABELS "o.?metadata.?labels.orValue({})"

static void put_requirement(struct import *i, struct buf *out, const struct node *r)
{
	const struct span key = import_text(r, "key");
	const bool in = import_is(r, "operator", "In"), not_in = import_is(r, "operator", "NotIn");

	import_check_keys(i, r, requirement_keys);
	buf_add_str(out, " && ");
	if (not_in)
		buf_add_str(out, "!(");
	else if (import_is(r, "operator", "DoesNotExist"))
		buf_add_char(out, '!');
	else if (!in && !import_is(r, "operator", "Exists"))
		errors_add_at(
			&i->ret->problems, r, "operator is In, NotIn, Exists or DoesNotExist");
	buf_add_char(out, '(');
	json_put_string(out, key);
	buf_add_str(out, " in " LABELS);
	if (in || not_in) {
		buf_add_str(out, " && " LABELS "[");
		json_put_string(out, key);
		buf_add_str(out, "] in ");
		put_items(out, import_list(i, r, "values"));
	}
	buf_add_str(out, not_in ? "))" : ")");
}

/* Either the object or the old one has the labels. */
static void put_object_selector(struct import *i, struct buf *out, const struct node *selector)
{
	const struct node *labels = node_get(selector, "matchLabels"),
			  *expressions = import_list(i, selector, "matchExpressions");

	import_check_keys(i, selector, selector_keys);
	buf_add_str(out, "[object, oldObject].exists(o, o != null");
	if (labels && labels->type == NODE_MAP)
		node_foreach_member(key, labels)
		{
			buf_add_str(out, " && (");
			json_put_string(out, key->text);
			buf_add_str(out, " in " LABELS " && " LABELS "[");
			json_put_string(out, key->text);
			buf_add_str(out, "] == ");
			json_put_string(out, key->next->text);
			buf_add_char(out, ')');
		}
	if (expressions)
		node_foreach(r, expressions) put_requirement(i, out, r);
	buf_add_char(out, ')');
}

static bool is_empty(const struct node *selector)
{
	const struct node *labels = node_get(selector, "matchLabels"),
			  *expressions = node_get(selector, "matchExpressions");

	return (!labels || !labels->count) && (!expressions || !expressions->count);
}

/* ---- conditions ---- */

void import_conditions(struct import *i, const struct node *resources, bool rules_too,
	import_condition_fn take, void *arg)
{
	_cleanup_(buf_free) struct buf cel = BUF_INIT(IMPORT_MAX_BYTES);
	const struct node *rules = import_list(i, resources, "resourceRules"),
			  *excluded = import_list(i, resources, "excludeResourceRules"),
			  *selector = resources ? node_get(resources, "objectSelector") : NULL;

	import_check_keys(i, resources, resources_keys);
	if (rules && rules->count && (rules_too || has_scope(rules))) {
		put_rules(i, &cel, rules);
		take(import_span(i, &cel), rules, arg);
	}
	buf_reset(&cel);
	if (excluded && excluded->count) {
		buf_add_str(&cel, "!(");
		put_rules(i, &cel, excluded);
		buf_add_char(&cel, ')');
		take(import_span(i, &cel), excluded, arg);
	}
	buf_reset(&cel);
	if (selector && !is_empty(selector)) {
		put_object_selector(i, &cel, selector);
		take(import_span(i, &cel), selector, arg);
	}
}

/* ---- match ---- */

static void put_requirements(
	struct import *i, struct buf *out, const struct node *resources, bool *first)
{
	const struct node *selector = resources ? node_get(resources, "namespaceSelector") : NULL;
	const struct node *labels = selector ? node_get(selector, "matchLabels") : NULL,
			  *expressions = import_list(i, selector, "matchExpressions");

	import_check_keys(i, selector, selector_keys);
	if (labels && labels->type == NODE_MAP)
		node_foreach_member(key, labels)
		{
			buf_add_str(out, *first ? "{key: " : ", {key: ");
			json_put_string(out, key->text);
			buf_add_str(out, ", operator: In, values: [");
			json_put_string(out, key->next->text);
			buf_add_str(out, "]}");
			*first = false;
		}
	if (expressions)
		node_foreach(r, expressions)
		{
			import_check_keys(i, r, requirement_keys);
			buf_add_str(out, *first ? "" : ", ");
			node_put_json(out, r);
			*first = false;
		}
}

static void put_list(struct import *i, struct buf *out, const struct node *rule, const char *key)
{
	const struct node *list = import_list(i, rule, key);

	if (!list || !list->count)
		return;
	buf_printf(out, "%s: ", key);
	put_items(out, list);
	buf_add_str(out, ", ");
}

/* API servers convert between the versions of a kind, and ask about any of them. */
static void note_versions(struct import *i, const struct node *resources, const struct node *rule)
{
	const struct node *groups = import_list(i, rule, "apiGroups"),
			  *versions = import_list(i, rule, "apiVersions");

	if (import_is(resources, "matchPolicy", "Exact") || has_item(versions, "*") || !groups)
		return;
	node_foreach(
		g, groups) if (span_eq_str(g->text, "autoscaling") || !kinds_knows_group(g->text))
		errors_add_at(&i->ret->notes, versions ? versions : rule,
			"note: requests in other versions of group \"%.*s\" are not converted to "
			"these: name "
			"them, or \"*\"",
			SPAN_FMT(g->text));
}

void import_put_match(struct import *i, struct buf *out, const struct node *constraints,
	const struct node *of_binding)
{
	_cleanup_(buf_free) struct buf selector = BUF_INIT(IMPORT_MAX_BYTES);
	const struct node *rules = import_list(i, constraints, "resourceRules");
	bool first = true;

	put_requirements(i, &selector, constraints, &first);
	put_requirements(i, &selector, of_binding, &first);
	if (!rules || !rules->count) {
		errors_add_at(&i->ret->problems, constraints,
			"matchConstraints needs resourceRules: what it is about");
		return;
	}
	node_foreach(rule, rules)
	{
		import_check_keys(i, rule, rule_keys);
		note_versions(i, constraints, rule);
		buf_add_str(out, "  - {");
		put_list(i, out, rule, "apiGroups");
		put_list(i, out, rule, "apiVersions");
		put_list(i, out, rule, "resources");
		put_list(i, out, rule, "resourceNames");
		buf_add_str(out, "operations: ");
		put_items(out, import_list(i, rule, "operations"));
		if (!first) {
			buf_add_str(out, ", namespaceSelector: {matchExpressions: [");
			buf_add_span(out, import_span(i, &selector));
			buf_add_str(out, "]}");
		}
		buf_add_str(out, "}\n");
	}
}
