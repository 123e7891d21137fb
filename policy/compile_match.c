/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects and matches: from lists of strings to what match.c compares; see compile_internal.h. */
#include "common/yaml/errors.h"
#include "policy/compile_internal.h"

#include <stdio.h>

static bool same_strings_before(const struct yaml_str *items, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (span_eq(items[j].s, items[i].s))
			return true;
	return false;
}

/* Is every item there, distinct and, unless allow_empty, not ""? */
static bool check_list(
	struct compiler *c, const struct yaml_list *list, const char *field, bool allow_empty)
{
	const struct yaml_str *items = list->items;
	unsigned before = c->errors->count;
	if (list->count > SET_MAX_LIST) {
		errors_add_at(c->errors, list->at, "%s has more than %u items; split the rule",
			field, SET_MAX_LIST);
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (!items[i].at)
			return false; /* reported when it was read */
		if (!items[i].s.len && !allow_empty)
			errors_add_at(c->errors, items[i].at, "%s has an empty item", field);
		else if (same_strings_before(items, i))
			errors_add_at(c->errors, items[i].at, "%s names \"%.*s\" twice", field,
				SPAN_FMT(items[i].s));
	}
	return c->errors->count == before;
}

struct patterns compile_patterns(
	struct compiler *c, const struct yaml_list *list, const char *field)
{
	const struct yaml_str *items = list->items;
	if (!list->count || !check_list(c, list, field, false))
		return (struct patterns){0};
	struct pattern *out = compiler_alloc(c, list->at, list->count, sizeof *out);
	if (!out)
		return (struct patterns){0};
	for (size_t i = 0; i < list->count; i++)
		out[i] = pattern_of(items[i].s);
	return (struct patterns){out, list->count};
}

/* An item of a selection, as what it stands for: one pattern, or with "@" those of a set. */
static struct patterns compile_selected(
	struct compiler *c, struct span s, const struct node *at, bool sets)
{
	if (sets && s.ptr[0] == '@') {
		const struct named_set *set =
			compiler_find_set(c, (struct span){s.ptr + 1, s.len - 1}, at);
		if (set && !set->namespaces.count)
			errors_add_at(c->errors, at, "the set \"%.*s\" has no namespaces",
				SPAN_FMT(set->name));
		return set ? set->namespaces : (struct patterns){0};
	}
	struct pattern *one = compiler_alloc(c, at, 1, sizeof *one);
	if (!one)
		return (struct patterns){0};
	*one = pattern_of(s);
	return (struct patterns){one, 1};
}

static void append_patterns(
	struct compiler *c, const struct node *at, struct patterns *list, struct patterns more)
{
	struct pattern *all = compiler_alloc(c, at, list->count + more.count, sizeof *all);
	if (!all)
		return;
	if (list->count)
		memcpy(all, list->items, list->count * sizeof *all);
	if (more.count)
		memcpy(all + list->count, more.items, more.count * sizeof *all);
	*list = (struct patterns){all, list->count + more.count};
}

/* "!x" goes to exclude, anything else to include; "@x" is a set, where there may be one. */
static void compile_selection(struct compiler *c, const struct yaml_list *list, const char *field,
	bool sets, struct selection *ret)
{
	const struct yaml_str *items = list->items;
	*ret = (struct selection){0};
	if (!list->count || !check_list(c, list, field, false))
		return;
	for (size_t i = 0; i < list->count; i++) {
		struct span s = items[i].s;
		bool out = s.ptr[0] == '!';
		if (out)
			s = (struct span){s.ptr + 1, s.len - 1};
		if (!s.len)
			errors_add_at(c->errors, items[i].at, "\"!\" in %s needs a name behind it",
				field);
		else
			append_patterns(c, items[i].at, out ? &ret->exclude : &ret->include,
				compile_selected(c, s, items[i].at, sets));
	}
}

/* ---- subjects ---- */

static bool same_subject(const struct subject *a, const struct subject *b)
{
	return a->kind == b->kind && span_eq(a->name.text, b->name.text) &&
	       span_eq(a->namespace_.text, b->namespace_.text);
}

static void compile_subject(struct compiler *c, const struct source_subject *s, struct subject *ret)
{
	bool account = s->kind.v == SUBJECT_SERVICE_ACCOUNT;
	if (!s->name.at || !s->kind.at)
		return;
	if (!s->name.s.len)
		errors_add_at(c->errors, s->name.at, "a subject's name must not be empty");
	if (account && !s->namespace_.at)
		errors_add_at(c->errors, s->name.at, "a ServiceAccount needs its namespace");
	if (!account && s->namespace_.at)
		errors_add_at(c->errors, s->namespace_.at, "only a ServiceAccount has a namespace");
	if (s->api_group.s.len && !span_eq_str(s->api_group.s, "rbac.authorization.k8s.io"))
		errors_add_at(c->errors, s->api_group.at,
			"apiGroup of a subject is rbac.authorization.k8s.io, or left out");
	ret->at = s->name.at;
	ret->kind = (enum subject_kind)s->kind.v;
	ret->name = pattern_of(s->name.s);
	ret->namespace_ = s->namespace_.at ? pattern_of(s->namespace_.s) : (struct pattern){0};
	if (account && s->namespace_.at && !ret->name.glob && !ret->namespace_.glob)
		ret->username = arena_printf(c->arena, "system:serviceaccount:%.*s:%.*s",
			SPAN_FMT(s->namespace_.s), SPAN_FMT(s->name.s));
}

/* The subjects of the set that s names, as if they stood there. */
static struct subjects subjects_of_set(struct compiler *c, const struct source_subject *s)
{
	if (s->namespace_.at)
		errors_add_at(c->errors, s->namespace_.at, "only a ServiceAccount has a namespace");
	const struct named_set *set = compiler_find_set(c, s->name.s, s->name.at);
	if (set && !set->subjects.count)
		errors_add_at(c->errors, s->name.at, "the set \"%.*s\" has no subjects",
			SPAN_FMT(set->name));
	return set ? set->subjects : (struct subjects){0};
}

static struct subjects subjects_of(struct compiler *c, const struct source_subject *s)
{
	if (s->name.at && s->kind.at && s->kind.v == SUBJECT_SET)
		return subjects_of_set(c, s);
	struct subject *one = compiler_alloc(c, s->name.at, 1, sizeof *one);
	if (!one)
		return (struct subjects){0};
	compile_subject(c, s, one);
	return (struct subjects){one, 1};
}

static bool stands_above(struct subjects list, const struct subject *s)
{
	for (size_t i = 0; i < list.count; i++)
		if (same_subject(&list.items[i], s))
			return true;
	return false;
}

void compile_subjects(struct compiler *c, const struct yaml_list *list, struct subjects *ret)
{
	const struct source_subject *items = list->items;
	*ret = (struct subjects){0};
	for (size_t i = 0; i < list->count; i++) {
		struct subjects more = subjects_of(c, &items[i]);
		struct subject *all =
			compiler_alloc(c, list->at, ret->count + more.count, sizeof *all);
		if (!all)
			return;
		if (ret->count)
			memcpy(all, ret->items, ret->count * sizeof *all);
		for (size_t k = 0; k < more.count; k++) {
			all[ret->count + k] = more.items[k];
			all[ret->count + k].at = items[i].name.at;
			if (items[i].name.at && stands_above(*ret, &more.items[k]))
				errors_add_at(c->errors, items[i].name.at,
					"the same subject stands above already");
		}
		*ret = (struct subjects){all, ret->count + more.count};
	}
}

/* ---- matches ---- */

static const struct {
	const char *name;
	unsigned bits;
} operations[] = {
	{"CREATE", OPERATION_CREATE},
	{"UPDATE", OPERATION_UPDATE},
	{"DELETE", OPERATION_DELETE},
	{"CONNECT", OPERATION_CONNECT},
	{"*", OPERATION_CREATE | OPERATION_UPDATE | OPERATION_DELETE | OPERATION_CONNECT},
};

static unsigned compile_operation(struct compiler *c, const struct yaml_str *s)
{
	static const char *const names[] = {"CREATE", "UPDATE", "DELETE", "CONNECT", NULL};
	static const char *const verbs[] = {
		"get", "list", "watch", "patch", "deletecollection", "impersonate", NULL};
	for (size_t i = 0; i < ARRAY_LEN(operations); i++)
		if (span_eq_str(s->s, operations[i].name))
			return operations[i].bits;
	for (const char *const *v = verbs; *v; v++) {
		if (strlen(*v) == s->s.len && !strncasecmp(*v, s->s.ptr, s->s.len)) {
			errors_add_at(c->errors, s->at, "admission has no operation \"%.*s\"; %s",
				SPAN_FMT(s->s),
				!strcmp(*v, "patch") ? "a patch arrives as UPDATE"
				: !strcmp(*v, "deletecollection")
					? "deletecollection arrives as one DELETE per object"
					: "write a rule with \"verbs\", which works at "
					  "authorization");
			return 0;
		}
	}
	const char *close = schema_closest(s->s, names);
	errors_add_at(c->errors, s->at, "operation \"%.*s\" is not known%s%s%s", SPAN_FMT(s->s),
		close ? "; did you mean \"" : "; it is CREATE, UPDATE, DELETE, CONNECT or *",
		close ? close : "", close ? "\"?" : "");
	return 0;
}

static void check_star_is_alone(struct compiler *c, const struct yaml_list *list, const char *field)
{
	const struct yaml_str *items = list->items;
	for (size_t i = 0; i < list->count && list->count > 1; i++)
		if (span_eq_str(items[i].s, "*"))
			errors_add_at(c->errors, items[i].at,
				"\"*\" in %s already means all the others", field);
}

static void compile_operations(struct compiler *c, const struct source_match *m, struct match *ret)
{
	const struct yaml_str *items = m->operations.items;
	if (!check_list(c, &m->operations, "operations", false))
		return;
	check_star_is_alone(c, &m->operations, "operations");
	for (size_t i = 0; i < m->operations.count; i++)
		ret->operations |= compile_operation(c, &items[i]);
}

/*
 * A cluster may have verbs of its own; one that is almost one of Kubernetes' is a slip, and a rule
 * that never applies. "*" in it makes it one's own: "gets*".
 */
static void check_verb(struct compiler *c, const struct yaml_str *s)
{
	static const char *const known[] = {"get", "list", "watch", "create", "update", "patch",
		"delete", "deletecollection", "post", "put", "head", "options", "impersonate",
		"bind", "escalate", "approve", "sign", "attest", "use", "proxy",
		"request-serviceaccounts-token-audience", NULL};
	const char *close = schema_slip_of(s->s, known);
	if (close && !memchr(s->s.ptr, '*', s->s.len))
		errors_add_at(c->errors, s->at,
			"verb \"%.*s\" is not one of Kubernetes'; did you mean \"%s\"? (a verb of "
			"your own: \"%.*s*\")",
			SPAN_FMT(s->s), close, SPAN_FMT(s->s));
}

static bool has_upper_case(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
			return true;
	return false;
}

static void compile_verbs(struct compiler *c, const struct source_match *m, struct match *ret)
{
	const struct yaml_str *items = m->verbs.items;
	ret->verbs = compile_patterns(c, &m->verbs, "verbs");
	check_star_is_alone(c, &m->verbs, "verbs");
	for (size_t i = 0; i < m->verbs.count; i++) {
		if (span_eq_str(items[i].s, "CONNECT"))
			errors_add_at(c->errors, items[i].at,
				"authorization asks with the verb of the HTTP request (\"get\" or "
				"\"create\" on pods/exec), not with CONNECT");
		else if (has_upper_case(items[i].s))
			errors_add_at(c->errors, items[i].at, "verbs are written in lower case");
		else
			check_verb(c, &items[i]);
	}
}

static void compile_resource(
	struct compiler *c, const struct yaml_str *s, struct resource_pattern *ret)
{
	const char *slash = memchr(s->s.ptr, '/', s->s.len);
	size_t len = slash ? (size_t)(slash - s->s.ptr) : s->s.len;
	ret->resource = (struct span){s->s.ptr, len};
	ret->subresource = slash ? (struct span){slash + 1, s->s.len - len - 1} : SPAN("");
	ret->any_resource = span_eq_str(ret->resource, "*");
	ret->any_subresource = slash && span_eq_str(ret->subresource, "*");
	bool glob =
		(!ret->any_resource && memchr(s->s.ptr, '*', len)) ||
		(slash && !ret->any_subresource && memchr(slash, '*', ret->subresource.len + 1));
	if (glob)
		errors_add_at(c->errors, s->at,
			"\"*\" stands for a whole resource or subresource, not for a part of a "
			"name");
	else if (!len || (slash && !ret->subresource.len))
		errors_add_at(c->errors, s->at, "write a resource as \"pods\" or \"pods/exec\"");
	else if (has_upper_case(s->s))
		errors_add_at(c->errors, s->at,
			"write the plural resource name in lower case (\"pods\", not \"Pod\")");
}

static void compile_resources(struct compiler *c, const struct source_match *m, struct match *ret)
{
	const struct yaml_str *items = m->resources.items;
	if (!m->resources.count || !check_list(c, &m->resources, "resources", false))
		return;
	struct resource_pattern *out =
		compiler_alloc(c, m->resources.at, m->resources.count, sizeof *out);
	if (!out)
		return;
	for (size_t i = 0; i < m->resources.count; i++)
		compile_resource(c, &items[i], &out[i]);
	ret->resources = out;
	ret->resource_count = m->resources.count;
}

/* "" is the core group; no wildcards but "*" alone. */
static void compile_groups(struct compiler *c, const struct source_match *m, struct match *ret)
{
	const struct yaml_str *items = m->api_groups.items;
	if (!m->api_groups.count || !check_list(c, &m->api_groups, "apiGroups", true))
		return;
	check_star_is_alone(c, &m->api_groups, "apiGroups");
	struct pattern *out = compiler_alloc(c, m->api_groups.at, m->api_groups.count, sizeof *out);
	if (!out)
		return;
	for (size_t i = 0; i < m->api_groups.count; i++) {
		out[i] = pattern_of(items[i].s);
		if (out[i].glob && items[i].s.len > 1)
			errors_add_at(c->errors, items[i].at,
				"\"*\" stands for every API group, not for a part of a name");
		else if (memchr(items[i].s.ptr, '/', items[i].s.len))
			errors_add_at(c->errors, items[i].at,
				"write the group without its version (\"apps\", not \"apps/v1\")");
		else if (span_eq_str(items[i].s, "core"))
			errors_add_at(c->errors, items[i].at, "the core group is written \"\"");
	}
	ret->api_groups = (struct patterns){out, m->api_groups.count};
}

static void need(struct compiler *c, const struct yaml_list *list, const struct node *at,
	const char *field, const char *hint)
{
	if (!list->at)
		errors_add_at(c->errors, at, "match needs \"%s\" (%s)", field, hint);
	else if (!list->count)
		errors_add_at(c->errors, list->at, "%s is empty, so nothing would match (%s)",
			field, hint);
}

static void refuse(struct compiler *c, const struct yaml_list *list, const char *field)
{
	if (list->at)
		errors_add_at(c->errors, list->at,
			"a match with nonResourceURLs has no %s: write two matches", field);
}

static const struct node *any_field(const struct source_match *m)
{
	const struct yaml_list *const lists[] = {&m->operations, &m->verbs, &m->resources,
		&m->api_groups, &m->non_resource_urls, &m->namespaces, &m->resource_names,
		&m->api_versions};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (lists[i]->at)
			return lists[i]->at;
	return m->namespace_selector.at;
}

static void compile_urls(struct compiler *c, const struct source_match *m, struct match *ret)
{
	const struct yaml_str *items = m->non_resource_urls.items;
	ret->urls = true;
	ret->paths = compile_patterns(c, &m->non_resource_urls, "nonResourceURLs");
	for (size_t i = 0; i < ret->paths.count; i++)
		if (items[i].s.ptr[0] != '/' && items[i].s.ptr[0] != '*')
			errors_add_at(c->errors, items[i].at,
				"a non-resource URL is a path that begins with \"/\"");
	need(c, &m->non_resource_urls, m->non_resource_urls.at, "nonResourceURLs",
		"such as \"/metrics\"");
	need(c, &m->verbs, m->non_resource_urls.at, "verbs", "such as \"get\"");
	refuse(c, &m->resources, "resources");
	refuse(c, &m->api_groups, "apiGroups");
	refuse(c, &m->api_versions, "apiVersions");
	refuse(c, &m->namespaces, "namespaces");
	refuse(c, &m->resource_names, "resourceNames");
	if (m->namespace_selector.at)
		errors_add_at(c->errors, m->namespace_selector.at,
			"a match with nonResourceURLs has no namespaceSelector: write two matches");
}

static void compile_match(struct compiler *c, const struct source_match *m, struct match *ret)
{
	const struct node *at = any_field(m);
	if (!at)
		return; /* an empty mapping: the caller says so */
	if (m->operations.at && m->verbs.at)
		errors_add_at(c->errors, m->verbs.at,
			"operations (admission) and verbs (authorization) exclude each other: "
			"write two rules");
	else if (!m->operations.at && !m->verbs.at)
		errors_add_at(c->errors, at,
			"match needs \"operations\" (CREATE, UPDATE, DELETE, CONNECT) or "
			"\"verbs\"");
	ret->endpoints = m->verbs.at ? ENDPOINTS_AUTHORIZE : ENDPOINTS_ADMISSION;
	if (m->operations.at)
		compile_operations(c, m, ret);
	if (m->verbs.at)
		compile_verbs(c, m, ret);
	if (m->non_resource_urls.at) {
		compile_urls(c, m, ret);
		return;
	}
	if (m->operations.at)
		need(c, &m->operations, at, "operations", "CREATE, UPDATE, DELETE, CONNECT or *");
	if (m->verbs.at)
		need(c, &m->verbs, at, "verbs", "such as \"get\", \"list\"");
	need(c, &m->api_groups, at, "apiGroups", "\"\" is the core group, \"*\" any");
	need(c, &m->resources, at, "resources", "\"*\" is any without subresources");
	compile_groups(c, m, ret);
	compile_resources(c, m, ret);
	ret->versions = compile_patterns(c, &m->api_versions, "apiVersions");
	if (m->api_versions.count == 1 &&
		span_eq_str(((struct yaml_str *)m->api_versions.items)->s, "*"))
		ret->versions = (struct patterns){0};
	compile_selection(c, &m->namespaces, "namespaces", true, &ret->namespaces);
	compile_selection(c, &m->resource_names, "resourceNames", false, &ret->names);
	ret->selector = compile_selector(c, &m->namespace_selector);
}

const struct match *compile_match_list(struct compiler *c, const struct yaml_list *list)
{
	const struct source_match *items = list->items;
	if (!list->count) {
		errors_add_at(c->errors, list->at, "match is empty, so the rule would never apply");
		return NULL;
	}
	struct match *out = compiler_alloc(c, list->at, list->count, sizeof *out);
	const struct node *at = list->at->first;
	for (size_t i = 0; out && i < list->count; i++, at = at->next) {
		if (at->type == NODE_MAP && !at->count)
			errors_add_at(c->errors, at,
				"match needs apiGroups, resources and operations or verbs");
		compile_match(c, &items[i], &out[i]);
	}
	return out;
}
