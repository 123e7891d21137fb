/* SPDX-License-Identifier: Apache-2.0 */
/* What decisions, withdrawals and lists share; in holdreview.c. */
#pragma once

#include "webhook/hold/holdreview.h"

void holdreview_refuse(
	struct holdreview_reply *ret, unsigned code, const char *reason, struct span message);

/* What the database answered with instead of an admission. */
void holdreview_refuse_for(const struct holdreview *h, const char *sqlstate, const struct err *e,
	struct holdreview_reply *ret);

json_ref holdreview_spec(const struct policy_request *q);
/* Is this its spec.decision? */
bool holdreview_wants(const struct policy_request *q, struct span decision);

/* A text of the spec, in the arena; absent or null: absent. -1: none of at most 4096 bytes. */
int holdreview_read_text(const struct holdreview *h, const char *key, struct span *ret);

/* A number of the spec, as text in the arena; absent or null: absent. -1: none from 1 on. */
int holdreview_read_number(const struct holdreview *h, const char *key, struct span *ret);

/* A time of the spec, RFC 3339; absent or null: absent. -1: none. */
int holdreview_read_time(const struct holdreview *h, const char *key, struct span *ret);

/* The first 256 of the creator's groups, as a SQL parameter: who is in more has the rights of
 * these. */
struct span holdreview_groups(const struct holdreview *h);
