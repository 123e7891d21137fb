/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests in place of a cluster: what rules find there when a policy is tested or explained.
 */
#pragma once

#include "common/yaml/errors.h"
#include "policy/review/cluster.h"

/* Zeroed to begin with, but for the arena, where all is kept. */
struct policy_objects {
	struct arena *arena;
	struct policy_object *first;
	const struct policy_objects *rest; /* looked at afterwards; or NULL */
};

/*
 * Adds what is in a node: an object, or a list of kind List. A Namespace gets the label of its name
 * that API servers give it. Problems go to errors.
 */
void policy_objects_add(struct policy_objects *o, const struct node *n, struct yaml_errors *errors);
/* The documents of YAML or JSON files and folders. */
int policy_objects_read(struct policy_objects *o, const char *const *paths, size_t count,
	struct yaml_errors *errors) _must_check_;

/* o must live as long. */
struct cluster_source policy_objects_source(const struct policy_objects *o);
