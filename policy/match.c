/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a rule concern a request: subjects, operations, resources, namespaces and names, with the
 * semantics of k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules/rules.go where the
 * words are those of an admission webhook.
 */
#include "policy/review/impersonation.h"
#include "policy/set_internal.h"

#define SERVICE_ACCOUNT_PREFIX "system:serviceaccount:"

/* ---- who ---- */

static bool service_account_matches(const struct subject *s, struct span username)
{
	struct span prefix = SPAN(SERVICE_ACCOUNT_PREFIX);
	if (s->username.ptr)
		return span_eq(s->username, username);
	if (username.len < prefix.len || memcmp(username.ptr, prefix.ptr, prefix.len) != 0)
		return false;
	struct span rest = {username.ptr + prefix.len, username.len - prefix.len};
	const char *colon = memchr(rest.ptr, ':', rest.len);
	if (!colon)
		return false;
	struct span ns = {rest.ptr, (size_t)(colon - rest.ptr)};
	struct span name = {colon + 1, rest.len - ns.len - 1};
	return pattern_matches(s->namespace_, ns) && pattern_matches(s->name, name);
}

static bool group_matches(const struct subject *s, const struct policy_request *r)
{
	for (size_t i = 0; i < r->group_count; i++)
		if (pattern_matches(s->name, r->groups[i]))
			return true;
	return false;
}

static bool subject_matches(const struct subject *s, const struct policy_request *r)
{
	switch (s->kind) {
	case SUBJECT_USER:
		return pattern_matches(s->name, r->username);
	case SUBJECT_GROUP:
		return group_matches(s, r);
	case SUBJECT_SERVICE_ACCOUNT:
		return service_account_matches(s, r->username);
	case SUBJECT_SET:
		break; /* replaced by its subjects when it was compiled */
	}
	return false;
}

static bool subjects_match(struct subjects list, const struct policy_request *r)
{
	for (size_t i = 0; i < list.count; i++)
		if (subject_matches(&list.items[i], r))
			return true;
	return false;
}

bool policy_concerns(const struct policy *p, const struct policy_request *r)
{
	return (!p->subjects.count || subjects_match(p->subjects, r)) &&
	       !subjects_match(p->exclude_subjects, r);
}

/* system:authenticated and the like are no names of somebody. */
static bool is_everybody(const struct subject *s)
{
	return s->kind != SUBJECT_SERVICE_ACCOUNT &&
	       (span_eq_str(s->name.text, "*") ||
		       (s->kind == SUBJECT_GROUP &&
			       (span_eq_str(s->name.text, "system:authenticated") ||
				       span_eq_str(s->name.text, "system:serviceaccounts"))));
}

static bool policy_names(const struct policy *p, const struct policy_request *r)
{
	for (size_t i = 0; i < p->subjects.count; i++)
		if (!is_everybody(&p->subjects.items[i]) &&
			subject_matches(&p->subjects.items[i], r))
			return !subjects_match(p->exclude_subjects, r);
	return false;
}

bool policy_set_names(const struct policy_set *s, const struct policy_request *r)
{
	for (size_t i = 0; i < s->policy_count; i++)
		if (policy_names(s->policies[i], r))
			return true;
	return false;
}

/* ---- what ---- */

static bool resource_matches(const struct resource_pattern *p, const struct policy_request *r)
{
	return (p->any_resource || span_eq(p->resource, r->resource)) &&
	       (p->any_subresource || span_eq(p->subresource, r->subresource));
}

static bool resources_match(const struct match *m, const struct policy_request *r)
{
	for (size_t i = 0; i < m->resource_count; i++)
		if (resource_matches(&m->resources[i], r))
			return true;
	return false;
}

/* Verbs that reach many objects when no namespace, or no name, is given. */
static bool is_collection_verb(struct span verb)
{
	verb = impersonation_action(verb);
	return span_eq_str(verb, "list") || span_eq_str(verb, "watch") ||
	       span_eq_str(verb, "deletecollection");
}

/* Kinds that live in no namespace: an empty namespace means nothing for them. */
static bool is_known_cluster_scoped(const struct policy_request *r)
{
	static const char *const core[] = {
		"nodes", "namespaces", "persistentvolumes", "componentstatuses", NULL};
	static const char *const others[] = {"clusterroles", "clusterrolebindings",
		"customresourcedefinitions", "apiservices", "storageclasses", "csidrivers",
		"csinodes", "volumeattachments", "priorityclasses", "runtimeclasses",
		"ingressclasses", "mutatingwebhookconfigurations",
		"validatingwebhookconfigurations", "validatingadmissionpolicies",
		"validatingadmissionpolicybindings", "mutatingadmissionpolicies",
		"mutatingadmissionpolicybindings", "certificatesigningrequests", "flowschemas",
		"prioritylevelconfigurations", NULL};
	const char *const *names = r->api_group.len ? others : core;
	for (; *names; names++)
		if (span_eq_str(r->resource, *names))
			return true;
	return false;
}

/* An authorization request that reads or deletes across all namespaces. */
static bool spans_namespaces(const struct policy_request *r)
{
	return request_is_access(r) && !r->path.len && !r->namespace_.len &&
	       is_collection_verb(r->verb) && !is_known_cluster_scoped(r);
}

static bool namespaces_match(const struct match *m, const struct policy_request *r)
{
	if (r->namespace_.len)
		return selection_matches(&m->namespaces, r->namespace_);
	return !m->namespaces.include.count || spans_namespaces(r);
}

static bool names_match(const struct match *m, const struct policy_request *r)
{
	if (!m->names.include.count && !m->names.exclude.count)
		return true;
	if (!r->name.len && request_is_access(r) && is_collection_verb(r->verb))
		return true; /* reaches the objects that are meant as well */
	return selection_matches(&m->names, r->name);
}

/* verb: r's own, or what stands for it. */
static bool verb_matches(const struct match *m, const struct policy_request *r, struct span verb)
{
	return request_is_access(r) ? patterns_match(m->verbs, verb)
				    : (m->operations & r->operation) != 0;
}

static bool is_path(const struct policy_request *r)
{
	return request_is_access(r) && r->path.len;
}

static bool match_applies_by(
	const struct match *m, const struct policy_request *r, struct span verb)
{
	if (!(m->endpoints & ENDPOINT_BIT(r->endpoint)) || !verb_matches(m, r, verb) ||
		m->urls != is_path(r))
		return false;
	if (m->urls)
		return patterns_match(m->paths, r->path);
	return resources_match(m, r) && patterns_match(m->api_groups, r->api_group) &&
	       (!m->versions.count || patterns_match(m->versions, r->version)) &&
	       namespaces_match(m, r) && names_match(m, r);
}

/*
 * `impersonate` among the verbs of a rule stands for all of its family. Of a Hold rule only for the
 * questions of whom: who may not become somebody does nothing in their name, and a person is asked
 * once.
 */
static bool impersonation_applies(
	const struct match *m, const struct policy_request *r, enum policy_action action)
{
	char room[IMPERSONATION_NAME_MAX];
	struct policy_request plain;

	if (!match_is_access(m) || m->urls)
		return false;
	switch (impersonation_kind(r->verb)) {
	case IMPERSONATION_OF:
		plain = impersonation_plain(r, room);
		return match_applies_by(m, &plain, plain.verb);
	case IMPERSONATION_ON:
		return action != POLICY_HOLD && match_applies_by(m, r, SPAN("impersonate"));
	case IMPERSONATION_NONE:
		break;
	}
	return false;
}

bool match_applies(const struct match *m, const struct policy_request *r, enum policy_action action)
{
	return match_applies_by(m, r, r->verb) ||
	       (request_is_access(r) && impersonation_applies(m, r, action));
}

enum verdict match_rule_applies(
	const struct rule *rule, struct cluster_view *view, struct span *ret_why)
{
	const enum policy_action action = rule->info.action;
	enum verdict best = VERDICT_FALSE;
	for (size_t i = 0; i < rule->match_count; i++) {
		const struct match *m = &rule->matches[i];
		if (!match_applies(m, view->request, action))
			continue;
		if (!m->selector)
			return VERDICT_TRUE;
		enum verdict verdict = cluster_view_selects(view, m->selector, action, ret_why);
		if (verdict == VERDICT_TRUE)
			return VERDICT_TRUE;
		if (verdict == VERDICT_ERROR)
			best = VERDICT_ERROR;
	}
	return best;
}

const char *match_mismatch(
	const struct match *m, const struct policy_request *r, enum policy_action action)
{
	if (match_applies(m, r, action))
		return NULL;
	if (!(m->endpoints & ENDPOINT_BIT(r->endpoint)))
		return match_is_access(m) ? "has verbs: not asked at admission"
					  : "has operations: not asked at authorization";
	if (!verb_matches(m, r, r->verb))
		return match_is_access(m) ? "another verb" : "another operation";
	if (m->urls != is_path(r))
		return m->urls ? "it is for non-resource URLs" : "it is for resources";
	if (m->urls)
		return patterns_match(m->paths, r->path) ? NULL : "another path";
	if (!patterns_match(m->api_groups, r->api_group))
		return "another API group";
	if (!resources_match(m, r))
		return "another resource or subresource";
	if (m->versions.count && !patterns_match(m->versions, r->version))
		return "another API version";
	if (!namespaces_match(m, r))
		return "another namespace";
	return names_match(m, r) ? NULL : "another name";
}

/* ---- which rule hides which ---- */

static bool patterns_cover(struct patterns a, struct patterns b)
{
	for (size_t i = 0; i < b.count; i++) {
		bool covered = false;
		for (size_t j = 0; j < a.count && !covered; j++)
			covered = pattern_covers(a.items[j], b.items[i]);
		if (!covered)
			return false;
	}
	return true;
}

/* Exclusions of a must be exclusions of b; what a includes must contain what b includes. */
static bool selection_covers(const struct selection *a, const struct selection *b)
{
	if (a->include.count && (!b->include.count || !patterns_cover(a->include, b->include)))
		return false;
	return patterns_cover(b->exclude, a->exclude);
}

static bool resource_covers(const struct resource_pattern *a, const struct resource_pattern *b)
{
	bool resource = a->any_resource || (!b->any_resource && span_eq(a->resource, b->resource));
	bool sub = a->any_subresource ||
		   (!b->any_subresource && span_eq(a->subresource, b->subresource));
	return resource && sub;
}

static bool resources_cover(const struct match *a, const struct match *b)
{
	for (size_t i = 0; i < b->resource_count; i++) {
		bool covered = false;
		for (size_t j = 0; j < a->resource_count && !covered; j++)
			covered = resource_covers(&a->resources[j], &b->resources[i]);
		if (!covered)
			return false;
	}
	return true;
}

bool match_covers_resources(const struct match *a, const struct match *b)
{
	return !a->urls && !b->urls && patterns_cover(a->api_groups, b->api_groups) &&
	       resources_cover(a, b);
}

bool match_covers(const struct match *a, const struct match *b)
{
	if (a->endpoints != b->endpoints || a->urls != b->urls)
		return false;
	if (a->selector)
		return false; /* which labels there are, nobody knows */
	if (match_is_access(a) ? !patterns_cover(a->verbs, b->verbs)
			       : (a->operations & b->operations) != b->operations)
		return false;
	if (a->urls)
		return patterns_cover(a->paths, b->paths);
	bool versions = !a->versions.count ||
			(b->versions.count && patterns_cover(a->versions, b->versions));
	return patterns_cover(a->api_groups, b->api_groups) && resources_cover(a, b) && versions &&
	       selection_covers(&a->namespaces, &b->namespaces) &&
	       selection_covers(&a->names, &b->names);
}

bool policy_set_is_about(
	const struct policy_set *s, struct span group, struct span version, struct span resource)
{
	const struct policy_request r = {.operation = OPERATION_CREATE,
		.api_group = group,
		.version = version,
		.resource = resource};

	for (size_t i = 0; i < s->rule_count; i++)
		for (size_t k = 0; k < s->rules[i]->match_count; k++) {
			const struct match *m = &s->rules[i]->matches[k];

			if (!s->rules[i]->record_only && !match_is_access(m) &&
				(m->operations & OPERATION_CREATE) && resources_match(m, &r) &&
				patterns_match(m->api_groups, group) &&
				(!m->versions.count || patterns_match(m->versions, version)))
				return true;
		}
	return false;
}
