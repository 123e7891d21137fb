/* SPDX-License-Identifier: Apache-2.0 */
/* docs/policy-reference.md: every field and every CEL function, from the tables in the code. */
#pragma once

#include "common/base/buf.h"

void policy_reference_put(struct buf *out);
