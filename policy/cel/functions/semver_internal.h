/* SPDX-License-Identifier: Apache-2.0 */
/* What quantity.c shares with semver.c: their functions to compare have the same names. */
#pragma once

#include "policy/cel/functions/functions_internal.h"

/* False: they are not both versions. */
bool cel_semver_compare(struct cel_value a, struct cel_value b, int *ret);
