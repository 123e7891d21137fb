/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/review/cluster.h"

const struct cluster_kind cluster_namespaces = {.group = {"", 0},
	.version = {"v1", 2},
	.kind = {"Namespace", 9},
	.resource = {"namespaces", 10}};

bool cluster_kind_same(const struct cluster_kind *a, const struct cluster_kind *b)
{
	return span_eq(a->kind, b->kind) && span_eq(a->group, b->group) &&
	       span_eq(a->version, b->version) && span_eq(a->namespace_, b->namespace_) &&
	       span_eq(a->name, b->name);
}

bool cluster_kind_has_index(const struct cluster_kind *kind, struct span index)
{
	for (size_t i = 0; i < kind->index_count; i++)
		if (span_eq(kind->indexes[i], index))
			return true;
	return false;
}
