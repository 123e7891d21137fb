/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/housekeeping.h"

#include <pthread.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/pg_fault.h"
#include "webhook/guard_watch.h"
#include "webhook/hold/authorize_note.h"
#include "webhook/hold/holdreview_confirm.h"

#define GUARD_ROUNDS 60 /* once a minute, as db/README.md says */

/* Statements that need no parameter and whose result nobody waits for. */
static const struct task_spec {
	struct pg_stmt stmt;
	unsigned every_rounds;
} specs[] = {
	{{.name = "observe_uses", .sql = "SELECT holdpoint.observe_uses()"}, 1},
	{{.name = "observe_clock", .sql = "SELECT holdpoint.observe_clock()"}, 1},
	{{.name = "confirm_resumes", .sql = "SELECT holdpoint.confirm_resumes()"}, 1},
	{{.name = "expire_holds", .sql = "SELECT holdpoint.expire_holds()"}, 10},
	{{.name = "ensure_partitions", .sql = "SELECT holdpoint.ensure_partitions()"}, 600},
	{{.name = "outbox_prune",
		 .sql = "SELECT holdpoint.outbox_prune(), holdpoint.outbox_forget_told(), "
			"holdpoint.limits_prune()"},
		3600},
};

struct task {
	const struct task_spec *spec;
	_Atomic bool due; /* the last attempt did nothing, or there was none */
};

struct housekeeping {
	struct pg_pool *pool;
	const char *cluster, *instance;
	struct guard_watch *guard;
	struct authorize_notes *notes;
	unsigned round_ms;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct policy_set *unrecorded; /* a reference, or NULL */
	bool recording;		       /* a job has it in hand */
	bool fresh;		       /* not handed to a job yet */
	bool stopping, joined;
	_Atomic bool confirming; /* a job looks for audit events of HoldReviews */
	struct task tasks[ARRAY_LEN(specs)];
};

static const struct pg_stmt policy_loaded = {.name = "policy_loaded",
	.sql = "SELECT holdpoint.policy_loaded(p_cluster => $1, p_digest => $2, "
	       "p_text => $3, p_instance => $4)",
	.param_count = 4};

static void run_task(struct pg_conn *conn, bool usable, void *arg)
{
	struct task *task = arg;
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	enum pg_status status = PG_UNAVAILABLE;
	struct err e;

	if (usable)
		status = pg_exec(conn, &task->spec->stmt, NULL, &rows, NULL, &e);
	task->due = status != PG_OK;
	if (usable && status != PG_OK)
		log_warn("housekeeping_failed", LOG_STR("task", task->spec->stmt.name),
			LOG_STR("error", e.msg));
}

static void submit(struct housekeeping *h, struct task *task)
{
	task->due = false; /* in hand: not submitted again while it waits for its turn */
	if (pg_pool_submit(h->pool, run_task, task) == 0)
		return;
	task->due = true;
	log_debug("housekeeping_postponed", LOG_STR("task", task->spec->stmt.name));
}

static void confirm_job(struct pg_conn *conn, bool usable, void *arg)
{
	struct housekeeping *h = arg;

	if (usable && h->notes)
		authorize_notes_learn(h->notes, conn);
	if (usable)
		holdreview_confirm(conn);
	h->confirming = false;
}

static void submit_confirm(struct housekeeping *h)
{
	if (h->confirming)
		return;
	h->confirming = true;
	if (pg_pool_submit(h->pool, confirm_job, h) != 0)
		h->confirming = false;
}

static enum pg_status record_policy(struct housekeeping *h, struct pg_conn *conn,
	const struct policy_set *set, char *ret_sqlstate, struct err *e)
{
	const char *hex = strchr(policy_set_digest(set), ':');
	char digest[80];
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct span params[4];

	snprintf(digest, sizeof(digest), "\\x%s", hex ? hex + 1 : "");
	params[0] = span_of(h->cluster);
	params[1] = span_of(digest);
	params[2] = policy_set_text(set);
	params[3] = span_of(h->instance);
	return pg_exec(conn, &policy_loaded, params, &rows, ret_sqlstate, e);
}

static void record_job(struct pg_conn *conn, bool usable, void *arg)
{
	struct housekeeping *h = arg;
	struct policy_set *set;
	enum pg_status status = PG_UNAVAILABLE;
	char sqlstate[6] = "";
	struct err e = {0};
	bool never;

	pthread_mutex_lock(&h->lock);
	set = h->unrecorded ? policy_set_ref(h->unrecorded) : NULL;
	pthread_mutex_unlock(&h->lock);
	if (usable && set)
		status = record_policy(h, conn, set, sqlstate, &e);
	never = status == PG_REFUSED && pg_fault_of(sqlstate) == PG_FAULT_CONTENT;
	if (never)
		log_error("policy_never_recorded", LOG_STR("error", e.msg));
	else if (status == PG_REFUSED)
		log_warn("policy_not_recorded", LOG_STR("error", e.msg));
	pthread_mutex_lock(&h->lock);
	h->recording = false;
	if ((status == PG_OK || never) && h->unrecorded == set) {
		policy_set_unref(h->unrecorded);
		h->unrecorded = NULL;
	}
	pthread_mutex_unlock(&h->lock);
	policy_set_unref(set);
}

static void submit_record(struct housekeeping *h)
{
	bool wanted;

	pthread_mutex_lock(&h->lock);
	wanted = h->unrecorded && !h->recording;
	h->recording |= wanted;
	pthread_mutex_unlock(&h->lock);
	if (!wanted || pg_pool_submit(h->pool, record_job, h) == 0)
		return;
	pthread_mutex_lock(&h->lock);
	h->recording = false;
	pthread_mutex_unlock(&h->lock);
}

void housekeeping_policy_loaded(const struct policy_set *set, void *userdata)
{
	struct housekeeping *h = userdata;
	/* A reference changes the count only; the set itself stays immutable. */
	struct policy_set *mine = policy_set_ref((struct policy_set *)set), *old;

	pthread_mutex_lock(&h->lock);
	old = h->unrecorded;
	h->unrecorded = mine;
	h->fresh = true;
	pthread_mutex_unlock(&h->lock);
	policy_set_unref(old);
	pthread_cond_signal(&h->wake);
}

/* True until it is time to stop. */
static bool wait_a_round(struct housekeeping *h)
{
	bool go_on;

	pthread_mutex_lock(&h->lock);
	if (!h->stopping && !h->fresh)
		wait_until_us(&h->wake, &h->lock, monotonic_us() + (int64_t)h->round_ms * 1000);
	h->fresh = false;
	go_on = !h->stopping;
	pthread_mutex_unlock(&h->lock);
	return go_on;
}

static void *keep_house(void *arg)
{
	struct housekeeping *h = arg;
	int64_t next_ms = 0;

	for (unsigned round = 0; wait_a_round(h);) {
		submit_record(h);
		if (monotonic_ms() < next_ms)
			continue;
		next_ms = monotonic_ms() + h->round_ms;
		submit_confirm(h);
		for (size_t i = 0; i < ARRAY_LEN(h->tasks); i++)
			if (h->tasks[i].due || round % specs[i].every_rounds == 0)
				submit(h, &h->tasks[i]);
		if (h->guard && round % GUARD_ROUNDS == 0 &&
			pg_pool_submit(h->pool, guard_watch_report, h->guard) != 0)
			log_debug("housekeeping_postponed", LOG_STR("task", "guard_report"));
		round++;
	}
	return NULL;
}

int housekeeping_open(struct pg_pool *pool, const char *cluster, const char *instance,
	unsigned round_ms, struct guard_watch *guard, struct authorize_notes *notes,
	struct housekeeping **ret, struct err *e)
{
	struct housekeeping *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return err_set(e, "out of memory");
	h->pool = pool;
	h->cluster = cluster;
	h->instance = instance;
	h->round_ms = round_ms;
	h->guard = guard;
	h->notes = notes;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		h->tasks[i].spec = &specs[i];
		h->tasks[i].due = true;
	}
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->wake, NULL);
	rc = pthread_create(&h->thread, NULL, keep_house, h);
	if (rc != 0) {
		free(h);
		return err_set_errno(e, rc, "cannot start the housekeeping");
	}
	*ret = h;
	return 0;
}

void housekeeping_stop(struct housekeeping *h)
{
	if (!h || h->joined)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_mutex_unlock(&h->lock);
	pthread_cond_signal(&h->wake);
	pthread_join(h->thread, NULL);
	h->joined = true;
}

void housekeeping_close(struct housekeeping *h)
{
	if (!h)
		return;
	housekeeping_stop(h);
	policy_set_unref(h->unrecorded);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
