/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules with a limit: within it they do not apply, beyond it they do. What the policies decided is
 * decided anew with what the database has counted, for all replicas together
 * (holdpoint.limits_use). What cannot be counted is beyond.
 */
#pragma once

#include "common/base/metrics.h"
#include "common/pg/pg_conn.h"
#include "policy/policy.h"

/*
 * Is there something to count? What is denied anyway is not counted: then the rules with a limit
 * are left out of the decision. A rule that failed stays, and is not counted either.
 */
bool limits_wanted(struct policy_decision *d);

/*
 * Counts, and leaves the rules out of the decision whose limits are not used up. conn NULL: there
 * is no database. Of a rule that applies, the message says why. Blocks.
 */
void limits_apply(struct policy_decision *d, const struct policy_request *q, const char *cluster,
	struct pg_conn *conn, struct arena *arena);

struct metric *const *limits_metrics(size_t *ret_count);
