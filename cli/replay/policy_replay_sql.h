/* SPDX-License-Identifier: Apache-2.0 */
/* What `holdpoint policy replay` asks the database. */
#pragma once

#include "common/pg/pg_conn.h"

/*
 * Requests that ended, by cluster and number, each with what was said of it then.
 *   $1 since  $2 until  $3 user  $4 namespace  $5 resource  $6 cluster
 *   $7 and $8: after this event  $9 limit
 * Columns: at (ms), time, cluster, seq, username, verb, what, namespace, name, masked
 *   said       Deny, Hold, Warn, another action, None; "other": refused, and by no rule
 *   missing    why it cannot be asked about at all, or ""
 *   admission  an AdmissionReview; null: admission is not asked
 *   access     a SubjectAccessReview
 *   has_object, has_old: whether the object is in it, and the old one
 */
extern const struct pg_stmt policy_replay_page;
