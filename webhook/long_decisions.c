/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One queue an identity. A thread serves the identity at the head of the list, which then goes to
 * its end. Half of the threads serve one identity at most.
 */
#include "webhook/long_decisions.h"

#include <assert.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS_MAX 64
#define NICENESS    5 /* who serves connections goes first */

struct job {
	struct job *next;
	long_decision_fn fn;
	void *arg;
	size_t bytes;
};

struct identity {
	struct identity *next;
	struct job *first, **last;
	unsigned waiting, running;
	size_t waiting_bytes;
	size_t len;
	char name[];
};

struct long_decisions {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct identity *head, **tail;
	unsigned waiting, max_waiting, at_once;
	size_t waiting_bytes, max_bytes;
	bool closing;
	unsigned thread_count;
	pthread_t threads[THREADS_MAX];
};

enum { M_TAKEN, M_WAITING, M_WAITING_BYTES, M_REFUSED };

static struct metric metrics[] = {
	[M_TAKEN] = {.name = "holdpoint_webhook_long_decisions_total",
		.help = "Decisions that took so long that they left the threads that serve "
			"connections.",
		.type = METRIC_COUNTER},
	[M_WAITING] = {.name = "holdpoint_webhook_long_decisions_waiting",
		.help = "Of them, those that no thread has begun with.",
		.type = METRIC_GAUGE},
	[M_WAITING_BYTES] = {.name = "holdpoint_webhook_long_decisions_waiting_bytes",
		.help = "Memory that their requests take up.",
		.type = METRIC_GAUGE},
	[M_REFUSED] = {.name = "holdpoint_webhook_long_decisions_refused_total",
		.help = "Decisions that found no place, because of --decision-queue or "
			"--decision-queue-bytes.",
		.type = METRIC_COUNTER},
	{.name = NULL},
};

struct metric *const *long_decisions_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

/* ---- identities; the lock is held ---- */

static void put_last(struct long_decisions *l, struct identity *i)
{
	i->next = NULL;
	*l->tail = i;
	l->tail = &i->next;
}

static void take_out(struct long_decisions *l, struct identity **at)
{
	struct identity *i = *at;

	*at = i->next;
	if (!i->next)
		l->tail = at;
}

static struct identity *identity_of(struct long_decisions *l, struct span who)
{
	struct identity *i;

	for (i = l->head; i; i = i->next)
		if (span_eq((struct span){i->name, i->len}, who))
			return i;
	i = calloc(1, sizeof(*i) + who.len + 1);
	if (!i)
		return NULL;
	i->last = &i->first;
	i->len = who.len;
	if (who.len > 0)
		memcpy(i->name, who.ptr, who.len);
	put_last(l, i);
	return i;
}

static void forget_if_idle(struct long_decisions *l, struct identity *i)
{
	struct identity **at = &l->head;

	if (i->waiting > 0 || i->running > 0)
		return;
	while (*at && *at != i)
		at = &(*at)->next;
	assert(*at); /* it is in the list as long as it is */
	take_out(l, at);
	free(i);
}

/* Whose turn it is, now at the end of the list; NULL: nobody's. */
static struct identity *next_identity(struct long_decisions *l)
{
	for (struct identity **at = &l->head; *at; at = &(*at)->next) {
		struct identity *i = *at;

		if (i->waiting == 0 || i->running >= l->at_once)
			continue;
		take_out(l, at);
		put_last(l, i);
		return i;
	}
	return NULL;
}

static void tell_waiting(const struct long_decisions *l)
{
	metric_set(&metrics[M_WAITING], l->waiting);
	metric_set(&metrics[M_WAITING_BYTES], (int64_t)l->waiting_bytes);
}

static struct job *take_first(struct long_decisions *l, struct identity *i)
{
	struct job *job = i->first;

	i->first = job->next;
	if (!i->first)
		i->last = &i->first;
	i->waiting--;
	l->waiting--;
	i->waiting_bytes -= job->bytes;
	l->waiting_bytes -= job->bytes;
	tell_waiting(l);
	return job;
}

/* ---- threads ---- */

static void run_one(struct long_decisions *l, struct identity *i)
{
	struct job *job = take_first(l, i);

	i->running++;
	pthread_mutex_unlock(&l->lock);
	job->fn(job->arg);
	free(job);
	pthread_mutex_lock(&l->lock);
	i->running--;
	/* Another thread may have passed over this identity. */
	if (i->waiting > 0)
		pthread_cond_signal(&l->changed);
	forget_if_idle(l, i);
}

static void *thread_main(void *arg)
{
	struct long_decisions *l = arg;
	struct identity *i;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
	pthread_mutex_lock(&l->lock);
	for (;;) {
		i = next_identity(l);
		if (i)
			run_one(l, i);
		else if (l->closing && l->waiting == 0)
			break;
		else
			pthread_cond_wait(&l->changed, &l->lock);
	}
	/* Whoever waits for the last of them to be done. */
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static unsigned thread_count(unsigned wanted)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (wanted == 0)
		wanted = cores > 2 ? (unsigned)cores : 2;
	return wanted < THREADS_MAX ? wanted : THREADS_MAX;
}

int long_decisions_open(
	const struct long_decisions_config *config, struct long_decisions **ret, struct err *e)
{
	const unsigned threads = thread_count(config->threads);
	struct long_decisions *l = calloc(1, sizeof(*l));

	assert(config->max_waiting > 0);
	if (!l)
		return err_set(e, "out of memory");
	l->tail = &l->head;
	l->max_waiting = config->max_waiting;
	l->max_bytes = config->max_bytes;
	l->at_once = threads > 1 ? threads / 2 : 1;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
	for (; l->thread_count < threads; l->thread_count++) {
		int rc = pthread_create(&l->threads[l->thread_count], NULL, thread_main, l);

		if (rc == 0)
			continue;
		long_decisions_close(l);
		return err_set_errno(e, rc, "cannot start a thread");
	}
	*ret = l;
	return 0;
}

void long_decisions_close(struct long_decisions *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	for (unsigned i = 0; i < l->thread_count; i++)
		pthread_join(l->threads[i], NULL);
	assert(!l->head);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- jobs ---- */

/* However large it is, it may be the only one that waits. */
static bool is_too_much(size_t waiting, size_t bytes, size_t max)
{
	return waiting > 0 && (waiting >= max || bytes > max - waiting);
}

static bool is_full(const struct long_decisions *l, const struct identity *i, size_t bytes)
{
	return l->closing || l->waiting >= l->max_waiting ||
	       i->waiting >= (l->max_waiting + 1) / 2 ||
	       is_too_much(l->waiting_bytes, bytes, l->max_bytes) ||
	       is_too_much(i->waiting_bytes, bytes, l->max_bytes / 2);
}

static void put_job(struct long_decisions *l, struct identity *i, struct job *job)
{
	*i->last = job;
	i->last = &job->next;
	i->waiting++;
	l->waiting++;
	i->waiting_bytes += job->bytes;
	l->waiting_bytes += job->bytes;
	tell_waiting(l);
	pthread_cond_signal(&l->changed);
}

int long_decisions_submit(
	struct long_decisions *l, struct span who, size_t bytes, long_decision_fn fn, void *arg)
{
	struct job *job = malloc(sizeof(*job));
	struct identity *i;
	bool taken;

	if (!job)
		return -1;
	*job = (struct job){.fn = fn, .arg = arg, .bytes = bytes};
	pthread_mutex_lock(&l->lock);
	i = identity_of(l, who);
	taken = i && !is_full(l, i, bytes);
	if (taken)
		put_job(l, i, job);
	else if (i)
		forget_if_idle(l, i);
	pthread_mutex_unlock(&l->lock);
	metric_add(&metrics[taken ? M_TAKEN : M_REFUSED], 1);
	if (taken)
		return 0;
	free(job);
	return -1;
}
