/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Approvals by HoldReview wait for the API server's own audit event, which the audit sink stores.
 * This looks for such events; what they confirm or refuse is decided in the database, and whoever
 * waits for a hold is woken by its notification.
 */
#pragma once

#include "common/base/metrics.h"
#include "common/pg/pg_conn.h"

/* Looks once. Any replica may, at any time; about once a second is worth it. Blocks; logs.
 * Errors: are logged, and it looks again next time. */
void holdreview_confirm(struct pg_conn *conn);

struct metric *const *holdreview_metrics(size_t *ret_count);
