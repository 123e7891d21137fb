/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects are shown in the version that the request speaks. Kubernetes' own kinds keep in every
 * version what others know; of a custom resource, what this version does not know is not in what is
 * shown, before or after, and is gone once this version has been written.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/review/change_managers_internal.h"

/* In the order of bytes: looked up by halves. */
static const char *const kubernetes_groups[] = {"", "admissionregistration.k8s.io",
	"apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "authentication.k8s.io",
	"authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io",
	"coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions",
	"flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "networking.k8s.io",
	"node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io",
	"scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io"};

static int compare_group(const void *key, const void *element)
{
	const struct span *s = key;
	const char *name = *(const char *const *)element;
	size_t len = strlen(name);
	int rc = s->len > 0 ? memcmp(s->ptr, name, s->len < len ? s->len : len) : 0;

	return rc != 0 ? rc : (s->len > len) - (s->len < len);
}

static bool is_kubernetes_own(struct span group)
{
	return bsearch(&group, kubernetes_groups, ARRAY_LEN(kubernetes_groups),
		       sizeof(kubernetes_groups[0]), compare_group) != NULL;
}

/* ---- versions ---- */

enum change_loss change_loss(const struct policy_request *r)
{
	const struct json_doc *d = r->doc;
	json_ref spoken, before, after;
	uint32_t n;

	if (r->operation != OPERATION_UPDATE || is_kubernetes_own(r->api_group))
		return CHANGE_LOSES_NOTHING;
	spoken = json_get_str(d, r->object, "apiVersion");
	n = change_managers(d, r->old_object, &before);
	if (n == 0 || json_type(d, spoken) != JSON_STRING)
		return CHANGE_LOSS_UNKNOWN;
	json_foreach (entry, d, before) {
		json_ref version = json_get_str(d, entry, "apiVersion");

		if (json_type(d, version) != JSON_STRING)
			return CHANGE_LOSS_UNKNOWN;
		if (!span_eq(json_text(d, version), json_text(d, spoken)))
			return CHANGE_LOSES;
	}
	if (n > MANAGERS_MAX || change_managers(d, r->object, &after) < n)
		return CHANGE_LOSS_UNKNOWN;
	return change_managers_are_in(d, before, after, false) ? CHANGE_LOSES_NOTHING
							       : CHANGE_LOSS_UNKNOWN;
}
