/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which fields Kubernetes' own kinds have, all versions of an API group together: to tell a slip in
 * an expression from a field. Not for validation: types of values and defaults are not known, and a
 * later Kubernetes may have more. Custom resources are not known at all.
 * Threads: any; nothing here changes.
 */
#pragma once

#include "common/base/util.h"

#define KINDS_UNKNOWN UINT16_MAX

enum kinds_form { KINDS_OBJECT, KINDS_LIST, KINDS_MAP };

/* What stands in a field. */
struct kinds_field {
	uint16_t type; /* of it, or of its elements; KINDS_UNKNOWN: scalars, or anything */
	uint8_t form;  /* enum kinds_form */
};

/* The type of what is written at a resource ("pods", "exec"); subresource may be empty. */
uint16_t kinds_of_resource(struct span group, struct span resource, struct span subresource);

/* The resource at which objects of a kind are written; NULL: not known. */
const char *kinds_resource_of(struct span group, struct span kind, bool *ret_in_namespaces);

/* Is it one of Kubernetes' own API groups? */
bool kinds_knows_group(struct span group);

/* False when the type, which is known, has no field of this name. */
bool kinds_find_field(uint16_t type, struct span name, struct kinds_field *ret);

/* The name of the type, "PodSpec". */
const char *kinds_type_name(uint16_t type);

/* The field of one of these types that name may be a slip for; absent: none. */
struct span kinds_nearest_field(const uint16_t *types, size_t count, struct span name);
