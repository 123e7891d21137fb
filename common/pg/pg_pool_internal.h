/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool's inside: a ring of jobs, workers that each own a connection (pg_worker.c), and a
 * breaker that answers what they cannot (pg_pool.c). One mutex guards the ring, the list of idle
 * workers and the count of live connections.
 */
#pragma once

#include <pthread.h>

#include "common/pg/pg_conn_internal.h"
#include "common/pg/pg_pool.h"

enum {
	POOL_UP,
	POOL_QUEUED,
	POOL_QUEUE_FULL,
	POOL_JOBS,
	POOL_UNAVAILABLE,
	POOL_CONNECTS,
	POOL_CONNECT_FAILURES,
	POOL_WAIT
};

extern struct metric pool_metrics[];

struct job {
	pg_job_fn fn;
	void *arg;
	int64_t queued_us;
};

struct worker {
	struct pg_pool *pool;
	struct worker *next_idle;
	pthread_cond_t wake;
	bool idle; /* stands in the pool's list of those */
};

struct pg_pool {
	struct pg_conn_settings settings;
	char *database_url;
	char *application_name;

	pthread_mutex_t lock;
	/* The one that became idle last is first: what it and its server process need is warm. */
	struct worker *idle;
	pthread_cond_t changed; /* the breaker: live changed, or a job came that no worker serves */
	pthread_cond_t stopped; /* closing: cuts a back-off short */
	struct job *ring;
	unsigned ring_size, head, count;
	unsigned live;
	bool closing;
	atomic_bool hurry;
	int64_t failure_logged_us; /* 0: no attempt to connect has failed since the last that did
				      not */

	struct worker *workers;
	pthread_t *threads; /* the workers, then the breaker */
	unsigned thread_count;
};

/* ---- with the lock held ---- */

/* The job at the head of the ring, which is not empty. */
struct job pool_take_job(struct pg_pool *p);
/* Puts it back there; its place is still free: submit leaves one spare for each worker. */
void pool_untake_job(struct pg_pool *p, struct job job);
void pool_wake_one(struct pg_pool *p);
void pool_wake_all(struct pg_pool *p);
/* Connections that stand have become one more, or one less. */
void pool_set_live(struct pg_pool *p, int change);

/* A worker's thread; arg: its struct worker. */
void *pool_worker(void *arg);
