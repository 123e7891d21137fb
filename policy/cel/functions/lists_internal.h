/* SPDX-License-Identifier: Apache-2.0 */
/* What functions that take strings or lists share. Inside the CEL engine only. */
#pragma once

#include "policy/cel/functions/functions_internal.h"

struct cel_value cel_list_index_of(
	struct cel_ev *ev, struct cel_value list, struct cel_value v, bool last);
struct cel_value cel_list_reverse(struct cel_ev *ev, struct cel_value list);
