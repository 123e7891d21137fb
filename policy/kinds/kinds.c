/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kinds_table_internal.h, looked through from its beginning: only for who checks
 * policies. */
#include "policy/kinds/kinds.h"

#include <string.h>

#include "common/base/suggest.h"

struct type {
	const char *name; /* "core/PodSpec" */
	const char *fields;
};

static const struct type types[] = {
#define TYPE(name, fields) {name, fields},
#include "policy/kinds/kinds_table_internal.h"
};

static const struct {
	const char *group, *resource, *type;
} resources[] = {
#define RESOURCE(group, resource, type) {group, resource, type},
#include "policy/kinds/kinds_table_internal.h"
};

/* Those at which the object itself is written. */
static const char *const of_the_object[] = {
	"status", "ephemeralcontainers", "resize", "approval", "finalize"};

static uint16_t find_type(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (span_eq_str(name, types[i].name))
			return (uint16_t)i;
	return KINDS_UNKNOWN;
}

/* "pods/exec" is resource and subresource. */
static bool is_resource(const char *entry, struct span resource, struct span subresource)
{
	const char *slash = strchr(entry, '/');
	size_t len = slash ? (size_t)(slash - entry) : strlen(entry);

	return span_eq(resource, (struct span){entry, len}) &&
	       (slash ? span_eq_str(subresource, slash + 1) : subresource.len == 0);
}

uint16_t kinds_of_resource(struct span group, struct span resource, struct span subresource)
{
	for (size_t i = 0; i < ARRAY_LEN(of_the_object); i++)
		if (span_eq_str(subresource, of_the_object[i]))
			subresource = (struct span){0};
	for (size_t i = 0; i < ARRAY_LEN(resources); i++)
		if (span_eq_str(group, resources[i].group) &&
			is_resource(resources[i].resource, resource, subresource))
			return find_type(span_of(resources[i].type));
	return KINDS_UNKNOWN;
}

/* Kinds of the cluster, not of a namespace. */
static const char *const of_cluster[] = {"APIService", "CSIDriver", "CSINode",
	"CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding", "ClusterTrustBundle",
	"ComponentStatus", "DeviceClass", "DeviceTaintRule", "FlowSchema", "IPAddress",
	"IngressClass", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
	"MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass",
	"PriorityLevelConfiguration", "ResourceSlice", "RuntimeClass", "SelfSubjectAccessReview",
	"SelfSubjectReview", "SelfSubjectRulesReview", "ServiceCIDR", "StorageClass",
	"StorageVersion", "StorageVersionMigration", "SubjectAccessReview", "TokenReview",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
	"ValidatingWebhookConfiguration", "VolumeAttachment", "VolumeAttributesClass"};

static bool is_of_cluster(struct span kind)
{
	for (size_t i = 0; i < ARRAY_LEN(of_cluster); i++)
		if (span_eq_str(kind, of_cluster[i]))
			return true;
	return false;
}

const char *kinds_resource_of(struct span group, struct span kind, bool *ret_in_namespaces)
{
	for (size_t i = 0; i < ARRAY_LEN(resources); i++)
		if (span_eq_str(group, resources[i].group) && !strchr(resources[i].resource, '/') &&
			span_eq_str(kind, strchr(resources[i].type, '/') + 1)) {
			*ret_in_namespaces = !is_of_cluster(kind);
			return resources[i].resource;
		}
	return NULL;
}

bool kinds_knows_group(struct span group)
{
	for (size_t i = 0; i < ARRAY_LEN(resources); i++)
		if (span_eq_str(group, resources[i].group))
			return true;
	return false;
}

/* The next of the fields, "spec=core/PodSpec"; false at the end. */
static bool next_field(const char **at, struct span *ret_name, struct span *ret_shape)
{
	size_t len = strcspn(*at, " "), name = strcspn(*at, "= ");

	if (len == 0)
		return false;
	*ret_name = (struct span){*at, name};
	*ret_shape = name < len ? (struct span){*at + name + 1, len - name - 1} : (struct span){0};
	*at += len + ((*at)[len] == ' ');
	return true;
}

static struct kinds_field field_of(struct span shape)
{
	struct kinds_field f = {.type = KINDS_UNKNOWN};

	if (shape.len == 0)
		return f;
	f.form = shape.ptr[0] == '[' ? KINDS_LIST : shape.ptr[0] == '{' ? KINDS_MAP : KINDS_OBJECT;
	if (f.form != KINDS_OBJECT)
		shape = (struct span){shape.ptr + 1, shape.len - 1};
	f.type = find_type(shape);
	return f;
}

bool kinds_find_field(uint16_t type, struct span name, struct kinds_field *ret)
{
	const char *at = types[type].fields;
	struct span field, shape;

	while (next_field(&at, &field, &shape))
		if (span_eq(field, name)) {
			*ret = field_of(shape);
			return true;
		}
	return false;
}

const char *kinds_type_name(uint16_t type)
{
	return strchr(types[type].name, '/') + 1;
}

struct span kinds_nearest_field(const uint16_t *of, size_t count, struct span name)
{
	unsigned least = UINT32_MAX;
	struct span best = {0}, field, shape;

	for (size_t i = 0; i < count; i++) {
		const char *at = types[of[i]].fields;

		while (next_field(&at, &field, &shape)) {
			unsigned distance = edit_distance(name, field);

			if (distance < least) {
				least = distance;
				best = field;
			}
		}
	}
	return least <= 2 && least * 2 < name.len ? best : (struct span){0};
}
