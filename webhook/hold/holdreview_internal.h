/* SPDX-License-Identifier: Apache-2.0 */
/* What decisions and lists share; in holdreview.c. */
#pragma once

#include "webhook/hold/holdreview.h"

void holdreview_refuse(
	struct holdreview_reply *ret, unsigned code, const char *reason, struct span message);

/* A number of the spec, as text in the arena; absent or null: absent. -1: none from 1 on. */
int holdreview_read_number(const struct holdreview *h, const char *key, struct span *ret);

/* The first 256 of the creator's groups, as a SQL parameter: who is in more has the rights of
 * these. */
struct span holdreview_groups(const struct holdreview *h);
