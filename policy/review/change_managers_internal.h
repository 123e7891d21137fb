/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of field managers, for what looks at their versions and at their fields. */
#pragma once

#include "policy/review/change.h"

#define MANAGERS_MAX 64 /* compared; Kubernetes keeps ten and those that apply */

/* How many field managers the object names. */
uint32_t change_managers(const struct json_doc *d, json_ref object, json_ref *ret);
/* Is each of a one of b? */
bool change_managers_are_in(const struct json_doc *d, json_ref a, json_ref b, bool with_fields);
