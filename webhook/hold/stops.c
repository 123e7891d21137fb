/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/stops.h"

#include <pthread.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/utf8.h"

#define STOPS_MAX    4096 /* more than the database lets anybody make */
#define SHOWN_REASON 512
#define LOOK_MS	     10

struct stop {
	char *name, *who, *reason;
	bool is_group;
	int64_t id;
	int64_t until_ms; /* monotonic; 0: until it is resumed */
};

struct stops {
	const char *cluster;
	bool allow_unknown;
	pthread_rwlock_t lock;
	struct stop *list;
	size_t count;
	bool known;
	bool failing; /* the last attempt to read it failed; of the reading thread */
};

static const struct policy_rule_info stopped_rule = {
	.policy = STOPS_POLICY, .rule = "stopped", .action = POLICY_DENY};
static const struct policy_rule_info unknown_rule = {
	.policy = STOPS_POLICY, .rule = "not-known", .action = POLICY_DENY};

static const struct pg_stmt in_force = {.name = "stops_in_force",
	.sql = "SELECT stop, kind, name, who, reason, left_ms FROM "
	       "holdpoint.stops_in_force(p_cluster => $1)",
	.param_count = 1};

enum { M_STOPS, M_KNOWN, M_DENIED };

static struct metric metrics[] = {
	[M_STOPS] = {.name = "holdpoint_webhook_stops",
		.help = "Users and groups that are stopped, as far as this replica knows.",
		.type = METRIC_GAUGE},
	[M_KNOWN] = {.name = "holdpoint_webhook_stops_known",
		.help = "0 until this replica has read who is stopped; until then it denies whom "
			"policies name.",
		.type = METRIC_GAUGE},
	[M_DENIED] = {.name = "holdpoint_webhook_stopped_total",
		.help = "Requests denied because their identity is stopped, or may be.",
		.type = METRIC_COUNTER},
	{.name = NULL},
};

struct metric *const *stops_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

struct stops *stops_new(const char *cluster, bool allow_unknown)
{
	struct stops *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->cluster = cluster;
	s->allow_unknown = allow_unknown;
	pthread_rwlock_init(&s->lock, NULL);
	return s;
}

static void free_list(struct stop *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].name);
		free(list[i].who);
		free(list[i].reason);
	}
	free(list);
}

void stops_free(struct stops *s)
{
	if (!s)
		return;
	free_list(s->list, s->count);
	pthread_rwlock_destroy(&s->lock);
	free(s);
}

/* ---- reading ---- */

static int read_row(const struct pg_result *rows, int row, int64_t now_ms, struct stop *ret)
{
	bool ends = !pg_result_is_null_of(rows, row, "left_ms");

	*ret = (struct stop){.name = strdup(pg_result_str_of(rows, row, "name")),
		.who = strdup(pg_result_str_of(rows, row, "who")),
		.reason = strdup(pg_result_str_of(rows, row, "reason")),
		.is_group = *pg_result_str_of(rows, row, "kind") == 'g',
		.id = pg_result_int_of(rows, row, "stop"),
		.until_ms = ends ? now_ms + pg_result_int_of(rows, row, "left_ms") : 0};
	return ret->name && ret->who && ret->reason ? 0 : -1;
}

static int read_rows(const struct pg_result *rows, int64_t now_ms, struct stop **ret)
{
	size_t count = (size_t)pg_result_rows(rows);
	struct stop *list = calloc(count ? count : 1, sizeof(*list));

	if (!list)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (read_row(rows, (int)i, now_ms, &list[i]) != 0) {
			free_list(list, i + 1);
			return -1;
		}
	*ret = list;
	return 0;
}

/* Tells of the list when it is another one. */
static void log_change(const struct stop *old, size_t old_count, const struct stop *list,
	size_t count, bool was_known)
{
	bool same = was_known && old_count == count;

	for (size_t i = 0; same && i < count; i++)
		same = old[i].id == list[i].id;
	if (!same)
		log_info("stops_read", LOG_INT("stopped", (int64_t)count));
}

static void put_into_force(struct stops *s, struct stop *list, size_t count)
{
	struct stop *old;
	size_t old_count;
	bool was_known;

	pthread_rwlock_wrlock(&s->lock);
	old = s->list;
	old_count = s->count;
	was_known = s->known;
	s->list = list;
	s->count = count;
	s->known = true;
	pthread_rwlock_unlock(&s->lock);
	log_change(old, old_count, list, count, was_known);
	metric_set(&metrics[M_STOPS], (int64_t)count);
	metric_set(&metrics[M_KNOWN], 1);
	free_list(old, old_count);
}

int stops_load(struct stops *s, struct pg_conn *conn)
{
	const struct span cluster = span_of(s->cluster);
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	int64_t now_ms = monotonic_ms();
	struct stop *list = NULL;
	enum pg_status status;
	struct err e;

	status = pg_exec(conn, &in_force, &cluster, &rows, NULL, &e);
	if (status == PG_OK &&
		(pg_result_rows(rows) > STOPS_MAX || read_rows(rows, now_ms, &list) != 0)) {
		err_set(&e, "it needs too much memory");
		status = PG_REFUSED;
	}
	if (status == PG_OK)
		put_into_force(s, list, (size_t)pg_result_rows(rows));
	else if (!s->failing)
		log_warn("stops_not_read", LOG_STR("error", e.msg));
	s->failing = status != PG_OK;
	return status == PG_UNAVAILABLE ? -1 : 0;
}

static bool is_known(struct stops *s)
{
	bool known;

	pthread_rwlock_rdlock(&s->lock);
	known = s->known;
	pthread_rwlock_unlock(&s->lock);
	return known;
}

void stops_await(struct stops *s, int64_t timeout_ms)
{
	int64_t until_ms = monotonic_ms() + timeout_ms;

	while (!is_known(s) && monotonic_ms() < until_ms)
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

/* ---- asking ---- */

static bool applies(const struct stop *p, const struct policy_request *q)
{
	if (!p->is_group)
		return span_eq_str(q->username, p->name);
	for (size_t i = 0; i < q->group_count; i++)
		if (span_eq_str(q->groups[i], p->name))
			return true;
	return false;
}

/* Under the lock. NULL: nobody has stopped them. */
static const struct stop *find(const struct stops *s, const struct policy_request *q)
{
	int64_t now_ms = s->count > 0 ? monotonic_ms() : 0;

	for (size_t i = 0; i < s->count; i++)
		if ((s->list[i].until_ms == 0 || s->list[i].until_ms > now_ms) &&
			applies(&s->list[i], q))
			return &s->list[i];
	return NULL;
}

/* One line: reasons are people's words, and end on screens. */
static struct span put_message(const struct stop *p, struct arena *arena)
{
	struct span text = arena_printf(arena,
		"%s %s is stopped: everything it asks for is denied until it is resumed. Do not "
		"try another way; tell the person you work for. Stopped by %s (stop %lld): %.*s",
		p->is_group ? "group" : "user", p->name, p->who, (long long)p->id,
		SPAN_FMT(utf8_cut(span_of(p->reason), SHOWN_REASON)));

	if (text.ptr)
		utf8_blank_harmful((char *)text.ptr, text.len);
	return text;
}

static int put_decision(const struct policy_rule_info *rule, struct span message,
	struct arena *arena, struct policy_decision *ret)
{
	struct policy_match *m = arena_calloc(arena, 1, sizeof(*m));

	if (!m || !message.ptr)
		return -1;
	*m = (struct policy_match){.rule = rule, .effective = POLICY_DENY, .message = message};
	*ret = (struct policy_decision){
		.action = POLICY_DENY, .decisive = m, .matches = m, .match_count = 1};
	metric_add(&metrics[M_DENIED], 1);
	return 0;
}

int stops_find(struct stops *s, const struct policy_set *set, const struct policy_request *q,
	struct arena *arena, bool *ret_stopped, struct policy_decision *ret)
{
	const struct stop *p;
	struct span message = {0};
	bool known;

	*ret_stopped = false;
	if (!s)
		return 0;
	pthread_rwlock_rdlock(&s->lock);
	known = s->known;
	p = find(s, q);
	if (p)
		message = put_message(p, arena);
	pthread_rwlock_unlock(&s->lock);
	*ret_stopped = p || (!known && !s->allow_unknown && policy_set_names(set, q));
	if (p)
		return put_decision(&stopped_rule, message, arena, ret);
	if (*ret_stopped)
		return put_decision(&unknown_rule,
			SPAN("Holdpoint was started anew and has not reached its database yet: it "
			     "does not know whether you are stopped, so nothing of yours passes. "
			     "Repeat the request later"),
			arena, ret);
	return 0;
}
