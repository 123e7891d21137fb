/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and histograms in Prometheus' text format (version 0.0.4).
 *
 * A program declares its metrics as static objects in one table, so that names and help texts stand
 * in one place; updating one is an atomic add. At most one label per metric, with its values fixed
 * in the table or, where `dynamic` is set, up to METRIC_LABEL_MAX values seen at run time (further
 * ones are counted under "other"). Threads: any.
 */
#pragma once

#include <stdatomic.h>

#include "common/base/buf.h"

#define METRIC_LABEL_MAX   64
#define METRIC_BUCKETS_MAX 20

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_histogram {
	_Atomic uint64_t bucket[METRIC_BUCKETS_MAX + 1];
	_Atomic uint64_t sum_us;
};

struct metric {
	const char *name; /* holdpoint_webhook_requests_total; NULL ends a table */
	const char *help;
	enum metric_type type;
	const char *label;		 /* label name, or NULL */
	const char *const *label_values; /* NULL-terminated; NULL with `label` set: dynamic */
	_Atomic int64_t value[METRIC_LABEL_MAX];
	struct metric_histogram *histogram; /* METRIC_HISTOGRAM: latencies from 100 us to 30 s */
	char *dynamic_values[METRIC_LABEL_MAX]; /* run-time label values, under a lock */
};

void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t n);
/* By the index into label_values. */
void metric_add_at(struct metric *m, unsigned label, int64_t n);
void metric_set_at(struct metric *m, unsigned label, int64_t n);
/* By a label value seen at run time (dynamic). Control characters and over-long values → "other".
 */
void metric_add_for(struct metric *m, struct span label, int64_t n);
void metric_set_for(struct metric *m, struct span label, int64_t n);
void metric_observe_us(struct metric *m, uint64_t microseconds);

/* Appends one table, then process_* (resident memory, CPU seconds, open fds) with put_process. */
void metrics_put(struct buf *out, struct metric *const *tables, size_t table_count);
void metrics_put_process(struct buf *out);
