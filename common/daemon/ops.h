/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators and kubelets ask a daemon, on a plain listener of its own: GET /livez, /readyz,
 * /metrics, /version.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/metrics.h"

struct ops;

typedef struct metric *const *(*ops_metrics_fn)(size_t *ret_count);

struct ops_config {
	const char *program;	       /* "holdpoint-webhook" */
	const char *listen;	       /* HOST:PORT */
	const ops_metrics_fn *metrics; /* NULL ends the table */
	/* Why requests cannot be served now, or NULL when they can. Threads: the listener's. */
	const char *(*not_ready)(void *arg);
	void *arg;
};

/* Starts the listener; what config points to must outlive it. Errors: one line. */
int ops_start(const struct ops_config *config, struct ops **ret, struct err *e) _must_check_;
/* Where it listens. */
const char *ops_address(const struct ops *o);
/* NULL is fine. Blocks. */
void ops_stop(struct ops *o);
