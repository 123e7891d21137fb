/* SPDX-License-Identifier: Apache-2.0 */
/* See guard_watch.h. */
#include "webhook/guard_watch.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "policy/registration.h"
#include "webhook/record/decision_row.h"

#define ENDPOINTS	(ENDPOINT_AUTHORIZE + 1)
#define PATIENCE_S	300  /* admission is asked, /authorize is not: then it is absent */
#define REMIND_S	3600 /* between two warnings of it */
#define ARENA_MAX	((size_t)256 << 20)
#define LOGGED_GAPS_MAX 20u
#define REPORT_MAX	16384

struct guard_watch {
	struct guard_watch_config config;
	int64_t started_at;
	_Atomic int64_t asked_at[ENDPOINTS];	   /* seconds since the epoch; 0: never */
	_Atomic int64_t first_asked_at[ENDPOINTS]; /* here */
	_Atomic int64_t elsewhere_at;		   /* /authorize, at another replica */
	pthread_mutex_t lock;			   /* of what follows */
	struct policy_set *set;
	size_t unasked, authorization_rules;
	int64_t warned_at;
	enum coverage_authorizer taken_for; /* what the metrics were last made with */
};

enum { M_UNASKED, M_ASKED_AT };

static struct metric metrics[] = {
	[M_UNASKED] = {.name = "holdpoint_webhook_rules_unasked",
		.help = "Rules in force that no API server asks about, by why: no authorizer, "
			"nothing that admission webhooks see, or left out by the registration.",
		.type = METRIC_GAUGE,
		.label = "reason",
		.label_values = coverage_reason_names},
	[M_ASKED_AT] = {.name = "holdpoint_webhook_asked_timestamp_seconds",
		.help = "When an API server last asked this process, by endpoint; 0: never.",
		.type = METRIC_GAUGE,
		.label = "endpoint",
		.label_values = endpoint_names},
	{.name = NULL},
};

struct metric *const *guard_watch_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

struct guard_watch *guard_watch_new(const struct guard_watch_config *config)
{
	struct guard_watch *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->config = *config;
	g->started_at = time(NULL);
	g->taken_for = config->facts.authorizer;
	pthread_mutex_init(&g->lock, NULL);
	return g;
}

void guard_watch_free(struct guard_watch *g)
{
	if (!g)
		return;
	policy_set_unref(g->set);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* ---- what is known ---- */

static bool authorizer_was_seen(const struct guard_watch *g)
{
	return g->asked_at[ENDPOINT_AUTHORIZE] > 0 || g->elsewhere_at > 0;
}

/* Somebody asks for admission since a while, and for nothing else. */
static bool authorizer_is_missed(const struct guard_watch *g)
{
	int64_t first = g->first_asked_at[ENDPOINT_VALIDATE];

	return first > 0 && g->asked_at[ENDPOINT_VALIDATE] >= first + PATIENCE_S;
}

static enum coverage_authorizer authorizer_now(const struct guard_watch *g)
{
	if (authorizer_was_seen(g))
		return COVERAGE_PRESENT;
	return authorizer_is_missed(g) ? COVERAGE_ABSENT : g->config.facts.authorizer;
}

static int find_gaps(const struct guard_watch *g, const struct policy_set *set,
	enum coverage_authorizer authorizer, struct arena *arena, const struct coverage_gap **ret,
	size_t *ret_count)
{
	struct coverage_facts facts = g->config.facts;

	facts.authorizer = authorizer;
	return arena ? coverage_find(set, &facts, arena, ret, ret_count) : -1;
}

/* ---- saying so ---- */

static void count_gaps(const struct coverage_gap *gaps, size_t count)
{
	int64_t by_reason[COVERAGE_NO_EFFECT + 1] = {0};

	for (size_t i = 0; i < count; i++)
		by_reason[gaps[i].reason] += gaps[i].never;
	for (unsigned r = 0; r < ARRAY_LEN(by_reason); r++)
		metric_set_at(&metrics[M_UNASKED], r, by_reason[r]);
}

static void log_gaps(const struct coverage_gap *gaps, size_t count)
{
	size_t logged = 0;

	for (size_t i = 0; i < count; i++) {
		if (gaps[i].reason == COVERAGE_NO_EFFECT || logged++ >= LOGGED_GAPS_MAX)
			continue;
		log_warn(gaps[i].never ? "rule_unasked" : "rule_unasked_in_part",
			LOG_STR("policy", gaps[i].rule->policy),
			LOG_STR("rule", gaps[i].rule->rule), LOG_SPAN("why", gaps[i].what));
	}
	if (logged > LOGGED_GAPS_MAX)
		log_warn("rules_unasked_more", LOG_INT("rules", logged - LOGGED_GAPS_MAX),
			LOG_STR("hint", "holdpoint policy check names them all"));
}

/* The set in force, seen with what is known now. With the lock held. */
static void look_again(struct guard_watch *g)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, ARENA_MAX);
	const struct coverage_gap *gaps;
	size_t count;

	g->taken_for = authorizer_now(g);
	if (!g->set)
		return;
	if (find_gaps(g, g->set, g->taken_for, arena, &gaps, &count) != 0) {
		log_error("coverage_not_known", LOG_STR("error", "out of memory"));
		return;
	}
	g->unasked = coverage_unasked(gaps, count);
	count_gaps(gaps, count);
	log_gaps(gaps, count);
}

int guard_watch_check(struct guard_watch *g, const struct policy_set *set, struct err *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, ARENA_MAX);
	enum coverage_authorizer authorizer = authorizer_now(g);
	const struct coverage_gap *gaps;
	size_t count, verbs = coverage_authorization_rules(set);

	if (!g->config.require)
		return 0;
	if (find_gaps(g, set, authorizer, arena, &gaps, &count) != 0)
		return err_set(e, "out of memory");
	if (verbs > 0 && authorizer == COVERAGE_UNKNOWN)
		return err_set(e,
			"--require-coverage: %zu rules have verbs: say --authorizer=present where "
			"API servers ask /authorize",
			verbs);
	for (size_t i = 0; i < count; i++)
		if (gaps[i].never)
			return err_set(e,
				"--require-coverage: %zu rules are never asked about, first "
				"%s/%s: %.*s",
				coverage_unasked(gaps, count), gaps[i].rule->policy,
				gaps[i].rule->rule, SPAN_FMT(gaps[i].what));
	return 0;
}

void guard_watch_loaded(struct guard_watch *g, const struct policy_set *set)
{
	/* A reference changes the count only; the set itself stays immutable. */
	struct policy_set *mine = policy_set_ref((struct policy_set *)set), *old;

	pthread_mutex_lock(&g->lock);
	old = g->set;
	g->set = mine;
	g->authorization_rules = coverage_authorization_rules(set);
	look_again(g);
	if (g->authorization_rules > 0 && g->taken_for == COVERAGE_UNKNOWN)
		log_info("authorizer_not_known", LOG_INT("rules", g->authorization_rules),
			LOG_STR("hint", "these have verbs and work only where API servers ask "
					"/authorize; none has yet"));
	pthread_mutex_unlock(&g->lock);
	policy_set_unref(old);
}

void guard_watch_asked(struct guard_watch *g, enum endpoint endpoint)
{
	int64_t now = time(NULL), never = 0;

	if (g->asked_at[endpoint] == now)
		return;
	g->asked_at[endpoint] = now;
	metric_set_at(&metrics[M_ASKED_AT], endpoint, now);
	if (!atomic_compare_exchange_strong(&g->first_asked_at[endpoint], &never, now))
		return;
	log_info("first_asked", LOG_STR("endpoint", endpoint_names[endpoint]));
}

/* ---- once a minute ---- */

static void warn_of_missing(struct guard_watch *g)
{
	int64_t now = time(NULL);

	if (g->authorization_rules == 0 || authorizer_was_seen(g) || !authorizer_is_missed(g) ||
		now < g->warned_at + REMIND_S)
		return;
	g->warned_at = now;
	log_warn("authorizer_never_asked", LOG_INT("rules", g->authorization_rules),
		LOG_STR("hint", "API servers ask for admission and never for authorization: rules "
				"with verbs (reads, impersonation) guard nothing. holdpoint policy "
				"authorizer writes the file that they need"));
}

static void put_time(struct buf *out, const char *key, int64_t at)
{
	buf_printf(out, ",\"%s\":", key);
	if (at > 0)
		buf_printf(out, "%lld", (long long)at);
	else
		buf_add_str(out, "null");
}

static void put_report(struct guard_watch *g, struct buf *out)
{
	buf_printf(out,
		"{\"version\":\"" HOLDPOINT_VERSION
		"\",\"rules\":%zu,\"authorizationRules\":%zu,\"unasked\":%zu,\"settings\":%s",
		g->set ? policy_set_rule_count(g->set) : 0, g->authorization_rules, g->unasked,
		g->config.settings ? g->config.settings : "{}");
	buf_printf(out, ",\"clockMs\":%lld", (long long)(realtime_us() / 1000));
	put_time(out, "startedAt", g->started_at);
	for (unsigned i = 0; i < ENDPOINTS; i++)
		put_time(out, endpoint_names[i], g->asked_at[i]);
	buf_add_char(out, '}');
}

static void tell(struct guard_watch *g, struct pg_conn *conn, struct span report)
{
	static const struct pg_stmt stmt = {.name = "guard_report",
		.sql = "SELECT extract(epoch FROM holdpoint.guard_report(p_cluster => $1, "
		       "p_instance => $2, p_report => $3))::bigint, "
		       "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
		.param_count = 3};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	const struct span params[] = {
		span_of(g->config.cluster), span_of(g->config.instance), report};
	struct err e;

	if (pg_exec(conn, &stmt, params, &rows, NULL, &e) == PG_OK) {
		g->elsewhere_at = pg_result_int(rows, 0, 0);
		decision_row_set_clock(pg_result_int(rows, 0, 1) - realtime_us());
	} else {
		log_warn("guard_report_failed", LOG_STR("error", e.msg));
	}
}

void guard_watch_report(struct pg_conn *conn, bool usable, void *arg)
{
	struct guard_watch *g = arg;
	_cleanup_(buf_free) struct buf report = BUF_INIT(REPORT_MAX);
	bool fits;

	pthread_mutex_lock(&g->lock);
	put_report(g, &report);
	pthread_mutex_unlock(&g->lock);
	fits = buf_str(&report) != NULL;
	if (usable && fits)
		tell(g, conn, buf_span(&report));
	pthread_mutex_lock(&g->lock);
	if (authorizer_now(g) != g->taken_for)
		look_again(g);
	warn_of_missing(g);
	pthread_mutex_unlock(&g->lock);
}

/* ---- the doctor's probe ---- */

bool guard_watch_is_probe(const struct policy_request *r)
{
	const struct span common = SPAN(REGISTRATION_PROBE_COMMON_NAME);

	if (!request_is_access(r))
		return false;
	if (span_eq_str(r->api_group, REGISTRATION_PROBE_COMMON_GROUP))
		return span_eq_str(r->resource, REGISTRATION_PROBE_COMMON_RESOURCE) &&
		       r->name.len > common.len && memcmp(r->name.ptr, common.ptr, common.len) == 0;
	return span_eq_str(r->api_group, REGISTRATION_PROBE_GROUP) &&
	       span_eq_str(r->resource, REGISTRATION_PROBE_RESOURCE);
}

struct span guard_watch_probe_answer(
	const struct guard_watch *g, const struct policy_set *set, struct arena *arena)
{
	return arena_printf(arena, REGISTRATION_PROBE_ANSWER "%s policies=%s", g->config.cluster,
		policy_set_digest(set));
}
