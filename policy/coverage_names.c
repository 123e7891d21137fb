/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources that no API server has, since the rule misspells them or puts them into another API
 * group. What is only unknown passes: a later Kubernetes may have it, and a group with a dot in its
 * name may be anybody's.
 */
#include "common/base/suggest.h"
#include "policy/coverage_internal.h"

#define NAMES_MAX 24

/* Kubernetes 1.20 to 1.36, with what is impersonated. */
static const struct {
	const char *group;
	const char *resources[NAMES_MAX];
} known[] = {
	{"", {"bindings", "componentstatuses", "configmaps", "endpoints", "events", "groups",
		     "limitranges", "namespaces", "nodes", "persistentvolumeclaims",
		     "persistentvolumes", "pods", "podtemplates", "replicationcontrollers",
		     "resourcequotas", "secrets", "serviceaccounts", "services", "users"}},
	{"admissionregistration.k8s.io",
		{"mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
			"mutatingwebhookconfigurations", "validatingadmissionpolicies",
			"validatingadmissionpolicybindings", "validatingwebhookconfigurations"}},
	{"apps", {"controllerrevisions", "daemonsets", "deployments", "replicasets",
			 "statefulsets"}},
	{"autoscaling", {"horizontalpodautoscalers"}},
	{"batch", {"cronjobs", "jobs"}},
	{"extensions", {"daemonsets", "deployments", "ingresses", "networkpolicies",
			       "podsecuritypolicies", "replicasets", "replicationcontrollers"}},
	{"networking.k8s.io",
		{"ingressclasses", "ingresses", "ipaddresses", "networkpolicies", "servicecidrs"}},
	{"policy", {"poddisruptionbudgets", "podsecuritypolicies"}},
	{"rbac.authorization.k8s.io",
		{"clusterrolebindings", "clusterroles", "rolebindings", "roles"}},
	{"storage.k8s.io", {"csidrivers", "csinodes", "csistoragecapacities", "storageclasses",
				   "volumeattachments", "volumeattributesclasses"}},
};

static size_t count_of(const char *const *names)
{
	size_t n = 0;

	while (n < NAMES_MAX && names[n])
		n++;
	return n;
}

static bool has(size_t group, struct span resource)
{
	for (size_t i = 0; i < count_of(known[group].resources); i++)
		if (span_eq_str(resource, known[group].resources[i]))
			return true;
	return false;
}

/* The place in the table; ARRAY_LEN(known): none. */
static size_t find_group(struct span name)
{
	size_t i = 0;

	while (i < ARRAY_LEN(known) && !span_eq_str(name, known[i].group))
		i++;
	return i;
}

const char *coverage_resource_meant(struct span group, struct span resource)
{
	size_t at = find_group(group);

	return at == ARRAY_LEN(known) || has(at, resource)
		       ? NULL
		       : suggest(resource, known[at].resources, count_of(known[at].resources));
}

/* What is wrong with this name in this group; absent: nothing that is known. */
static struct span wrong_in_group(struct span group, struct span resource, struct arena *arena)
{
	const char *groups[ARRAY_LEN(known)], *near;
	size_t at = find_group(group);

	if (at == ARRAY_LEN(known)) {
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			groups[i] = known[i].group;
		near = group.len && !memchr(group.ptr, '.', group.len)
			       ? suggest(group, groups + 1, ARRAY_LEN(known) - 1)
			       : NULL;
		return near ? arena_printf(arena,
				      "there is no API group \"%.*s\"; did you mean \"%s\"?",
				      SPAN_FMT(group), near)
			    : (struct span){0};
	}
	if (has(at, resource))
		return (struct span){0};
	near = suggest(resource, known[at].resources, count_of(known[at].resources));
	if (near)
		return arena_printf(arena,
			"API group \"%.*s\" has no resource \"%.*s\"; did you mean \"%s\"?",
			SPAN_FMT(group), SPAN_FMT(resource), near);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (has(i, resource))
			return arena_printf(arena,
				"\"%.*s\" is a resource of API group \"%s\", not of \"%.*s\"",
				SPAN_FMT(resource), known[i].group, SPAN_FMT(group));
	return (struct span){0};
}

/* Wrong in each group of the match: in one of several a name may be right. */
static struct span wrong_name(const struct match *m, struct span resource, struct arena *arena)
{
	struct span said = {0};

	for (size_t i = 0; i < m->api_groups.count; i++) {
		struct span s =
			m->api_groups.items[i].glob
				? (struct span){0}
				: wrong_in_group(m->api_groups.items[i].text, resource, arena);

		if (!s.ptr)
			return s;
		if (!said.ptr)
			said = s;
	}
	return said;
}

struct span coverage_wrong_name(const struct match *m, struct arena *arena, bool *ret_all)
{
	struct span said = {0};
	size_t wrong = 0;

	for (size_t i = 0; i < m->resource_count; i++) {
		struct span s = m->resources[i].any_resource
					? (struct span){0}
					: wrong_name(m, m->resources[i].resource, arena);

		wrong += s.ptr != NULL;
		if (s.ptr && !said.ptr)
			said = s;
	}
	*ret_all = wrong > 0 && wrong == m->resource_count;
	return said;
}
