/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decision records: one row of holdpoint.decision for each decision in which a rule matched.
 *
 * Rows are written in batches by a thread and a connection of their own, off the path of the
 * request. The queue is bounded; what could not be stored is counted and said in the log. Requests
 * slow down to the writer's pace when it fills (recorder_is_behind()), unless PostgreSQL is away.
 * Whoever must know (--require-evidence) gives a callback and waits for the commit.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/metrics.h"
#include "policy/policy.h"

struct recorder;

struct recorder_config {
	const char *database_url;
	const char *cluster;
	const char *instance; /* host or pod name */
	size_t queue_rows;    /* waiting rows; a further one is dropped */
	size_t queue_bytes;
	unsigned linger_ms; /* how long a row waits for others to share its commit */
};

struct decision_record {
	const uint8_t *decision_id; /* UUID_LEN bytes */
	const char *endpoint;	    /* "validate", "mutate", "authorize" */
	struct span request_uid;    /* raw JSON text; absent at authorize */
	const struct policy_request *request;
	const struct policy_decision *decision;
	const char *policy_digest; /* "sha256:<hex>" */
	bool allowed;
	int64_t hold_id; /* 0: none */
	uint64_t latency_us;
	struct span message; /* what the requester was told; may be absent */
};

/* Opens the connection (in the background) and starts the writer. */
int recorder_open(
	const struct recorder_config *config, struct recorder **ret, struct err *e) _must_check_;
/* Writes what is queued, for at most wait_ms; what is left then is counted as dropped. */
void recorder_close(struct recorder *r, unsigned wait_ms);

/* Called by the writer's thread, once, after the commit or when it is known that there is none. No
 * lock is held: it may call the recorder. */
typedef void (*recorder_done_fn)(bool stored, void *arg);

/*
 * Queues a record; everything is copied. done may be NULL. Never blocks on the database.
 * -1: the queue is full; the row is counted as dropped and done is not called.
 */
int recorder_add(struct recorder *r, const struct decision_record *record, recorder_done_fn done,
	void *arg) _must_check_;

enum recorder_pace {
	RECORDER_WAIT,	  /* queued; done is called after the commit, or with false as soon as
			     PostgreSQL stops taking rows (the row stays queued then) */
	RECORDER_GO_ON,	  /* queued; PostgreSQL takes no rows now, done is not called */
	RECORDER_DROPPED, /* the queue is full; counted as dropped, done is not called */
};

/* As recorder_add(), for a request that waits only so as not to outrun the writer. */
enum recorder_pace recorder_add_paced(struct recorder *r, const struct decision_record *record,
	recorder_done_fn done, void *arg) _must_check_;

/* More waits than the writer keeps up with, while PostgreSQL takes rows. */
bool recorder_is_behind(struct recorder *r);

struct metric *const *recorder_metrics(size_t *ret_count);
