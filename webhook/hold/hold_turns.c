/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One queue an identity, in a hash table of those that have something at the database. Who comes
 * while it is not their turn is put into it, and taken out by the next of the same identity that is
 * done. The pool itself serves whoever is first: by then nobody has more than their share in it.
 */
#include "webhook/hold/hold_turns.h"

#include <assert.h>
#include <pthread.h>

#define BUCKETS 1024

/* A query: waiting in the queue of its identity, or at the database. */
struct turn {
	struct turn *next;
	struct identity *identity;
	pg_job_fn fn;
	void *arg;
};

struct identity {
	struct identity *next;
	struct hold_turns *turns;
	struct turn *first, **last;
	unsigned waiting, at_database;
	size_t len;
	char name[];
};

struct hold_turns {
	struct hold_turns_config config;
	pthread_mutex_t lock;
	struct identity *buckets[BUCKETS];
	unsigned waiting;
};

enum { M_WAITING, M_REFUSED };

static struct metric metrics[] = {
	[M_WAITING] = {.name = "holdpoint_webhook_turns_waiting",
		.help = "Queries that wait because their identity has its share at the database "
			"already.",
		.type = METRIC_GAUGE},
	[M_REFUSED] = {.name = "holdpoint_webhook_turns_refused_total",
		.help = "Queries refused because too many waited already, all together or of "
			"their identity.",
		.type = METRIC_COUNTER},
	{.name = NULL},
};

struct metric *const *hold_turns_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

struct hold_turns *hold_turns_new(const struct hold_turns_config *config)
{
	struct hold_turns *t = calloc(1, sizeof(*t));

	assert(config->at_once > 0);
	if (!t)
		return NULL;
	t->config = *config;
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void hold_turns_free(struct hold_turns *t)
{
	if (!t)
		return;
	assert(t->waiting == 0);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- identities; the lock is held ---- */

static struct identity **bucket_of(struct hold_turns *t, struct span who)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < who.len; i++)
		hash = (hash ^ (unsigned char)who.ptr[i]) * UINT64_C(1099511628211);
	return &t->buckets[hash % BUCKETS];
}

static struct identity *identity_of(struct hold_turns *t, struct span who)
{
	struct identity **bucket = bucket_of(t, who), *i;

	for (i = *bucket; i; i = i->next)
		if (span_eq((struct span){i->name, i->len}, who))
			return i;
	i = calloc(1, sizeof(*i) + who.len + 1);
	if (!i)
		return NULL;
	i->turns = t;
	i->last = &i->first;
	i->len = who.len;
	if (who.len > 0)
		memcpy(i->name, who.ptr, who.len);
	i->next = *bucket;
	*bucket = i;
	return i;
}

static void forget_if_idle(struct hold_turns *t, struct identity *i)
{
	struct identity **at = bucket_of(t, (struct span){i->name, i->len});

	if (i->waiting > 0 || i->at_database > 0)
		return;
	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	free(i);
}

static bool is_full(const struct hold_turns *t, const struct identity *i)
{
	return t->waiting >= t->config.max_waiting || i->waiting >= t->config.max_waiting_each;
}

static void put_last(struct hold_turns *t, struct identity *i, struct turn *turn)
{
	*i->last = turn;
	i->last = &turn->next;
	i->waiting++;
	t->waiting++;
	metric_set(&metrics[M_WAITING], t->waiting);
}

static struct turn *take_first(struct hold_turns *t, struct identity *i)
{
	struct turn *turn = i->first;

	if (!turn)
		return NULL;
	i->first = turn->next;
	if (!i->first)
		i->last = &i->first;
	i->waiting--;
	t->waiting--;
	metric_set(&metrics[M_WAITING], t->waiting);
	return turn;
}

/* ---- turns ---- */

/* One of the identity's is done: the next one's turn; NULL when none waits. */
static struct turn *next_turn(struct identity *i)
{
	struct hold_turns *t = i->turns;
	struct turn *next;

	pthread_mutex_lock(&t->lock);
	assert(i->at_database > 0);
	next = take_first(t, i);
	if (!next) {
		i->at_database--;
		forget_if_idle(t, i);
	}
	pthread_mutex_unlock(&t->lock);
	return next;
}

/* The next one is in the pool before this one's answer is written: its turn has come. */
static void run(struct pg_conn *conn, bool usable, void *arg)
{
	struct turn *turn = arg, *next;
	struct pg_pool *pool = turn->identity->turns->config.pool;

	turn->fn(conn, usable, turn->arg);
	while ((next = next_turn(turn->identity))) {
		free(turn);
		if (pg_pool_submit(pool, run, next) == 0)
			return;
		/* The pool is full of others, or closing. */
		next->fn(NULL, false, next->arg);
		turn = next;
	}
	free(turn);
}

static struct turn *turn_new(struct identity *i, pg_job_fn fn, void *arg)
{
	struct turn *turn = malloc(sizeof(*turn));

	if (turn)
		*turn = (struct turn){.identity = i, .fn = fn, .arg = arg};
	return turn;
}

/* Under the lock. 1: it is to be submitted; 0: it waits; -1: neither. */
static int take_place(struct hold_turns *t, struct identity *i, struct turn *turn)
{
	if (i->at_database < t->config.at_once) {
		i->at_database++;
		return 1;
	}
	if (is_full(t, i))
		return -1;
	put_last(t, i, turn);
	return 0;
}

int hold_turns_submit(struct hold_turns *t, struct span who, pg_job_fn fn, void *arg)
{
	struct turn *turn = NULL;
	struct identity *i;
	int place = -1;

	pthread_mutex_lock(&t->lock);
	i = identity_of(t, who);
	turn = i ? turn_new(i, fn, arg) : NULL;
	if (turn)
		place = take_place(t, i, turn);
	if (place == 1 && pg_pool_submit(t->config.pool, run, turn) != 0) {
		i->at_database--;
		place = -1;
	}
	if (i && place < 0)
		forget_if_idle(t, i);
	pthread_mutex_unlock(&t->lock);
	if (place >= 0)
		return 0;
	free(turn);
	metric_add(&metrics[M_REFUSED], 1);
	return -1;
}

unsigned hold_turns_queued(struct hold_turns *t)
{
	unsigned waiting;

	pthread_mutex_lock(&t->lock);
	waiting = t->waiting;
	pthread_mutex_unlock(&t->lock);
	return waiting + pg_pool_queued(t->config.pool);
}
