/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a variable that is a look-up: evaluation.c asks, cluster_view.c looks. */
#pragma once

#include "policy/cel/cel.h"
#include "policy/cluster_view_internal.h"

/* key: NULL, all objects. Charges the run. The value is a list, or a CEL_ERROR. */
struct cel_value lookup_value(const struct cluster_lookup *l, const struct cel_value *key,
	struct cluster_view *view, struct cel_run *run);
