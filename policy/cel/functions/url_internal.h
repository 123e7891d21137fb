/* SPDX-License-Identifier: Apache-2.0 */
/* What named_format.c shares with url.c. */
#pragma once

#include "policy/cel/functions/functions_internal.h"

/* Whether url() takes the text. */
bool cel_url_valid(struct span s);
