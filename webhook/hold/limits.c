/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/limits.h"

#include "common/base/crypto.h"
#include "common/base/flags_value.h"
#include "common/base/log.h"
#include "common/pg/sql_text.h"
#include "policy/review/fingerprint.h"
#include "webhook/hold/hold_query.h"

#define LIMITS_MAX 64 /* of one request; what is more is beyond */
#define ATTEMPTS   3  /* of a statement that lost a race */

static const struct pg_stmt use = {.name = "limits_use",
	.sql = "SELECT holdpoint.limits_use(p_cluster => $1, p_keys => $2, p_counts => $3, "
	       "p_windows => $4, p_fingerprint => $5, p_max_repeats => $6, p_dry_run => $7) "
	       "AS within",
	.param_count = 7};

static const char *const verdict_names[] = {"within", "beyond", "unavailable", NULL};
enum { LIMIT_WITHIN, LIMIT_BEYOND, LIMIT_UNAVAILABLE };

static struct metric metrics[] = {
	{.name = "holdpoint_webhook_limits_total",
		.help = "Requests that a rule with a limit matched, by what was counted; "
			"unavailable: it could not be, so the rule applied.",
		.type = METRIC_COUNTER,
		.label = "verdict",
		.label_values = verdict_names},
	{.name = NULL},
};

struct metric *const *limits_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

static bool is_counted(const struct policy_match *m)
{
	return m->rule->count && !m->error;
}

static bool is_not_counted(const struct policy_match *m, void *arg _unused_)
{
	return !is_counted(m);
}

bool limits_wanted(struct policy_decision *d)
{
	size_t counted = 0;
	bool denied = false;

	for (size_t i = 0; i < d->match_count; i++) {
		counted += is_counted(&d->matches[i]);
		denied |= d->matches[i].effective == POLICY_DENY && !is_counted(&d->matches[i]);
	}
	if (counted > 0 && denied)
		policy_decision_filter(d, is_not_counted, NULL);
	return counted > 0 && !denied;
}

/* ---- the query ---- */

/* One letter a rule that is counted, in their order; NULL: not known, all are beyond. */
struct counted {
	const char *verdicts;
	size_t count, at; /* at: of the one that is looked at */
	const char *why;  /* it is not known */
	struct arena *arena;
};

static void key_of(
	const struct policy_rule_info *rule, struct span username, uint8_t ret[SHA256_LEN])
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(SIZE_MAX);

	buf_add(&text, rule->policy, strlen(rule->policy) + 1);
	buf_add(&text, rule->rule, strlen(rule->rule) + 1);
	if (!rule->count->per_rule)
		buf_add_span(&text, username);
	sha256_of(text.len > 0 ? text.ptr : "", text.len, ret);
}

/* The rules' arrays as SQL parameters. -1: too many of them, or no memory. */
static int put_rules(const struct policy_decision *d, const struct policy_request *q,
	struct arena *arena, struct span params[static 7], size_t *ret_count)
{
	struct span keys[LIMITS_MAX], counts[LIMITS_MAX], windows[LIMITS_MAX];
	uint8_t key[SHA256_LEN];
	size_t n = 0;

	for (size_t i = 0; i < d->match_count; i++) {
		const struct policy_rule_info *rule = d->matches[i].rule;

		if (!is_counted(&d->matches[i]))
			continue;
		if (n == LIMITS_MAX)
			return -1;
		key_of(rule, q->username, key);
		keys[n] = sql_text_bytea(arena, key, sizeof(key));
		counts[n] = arena_printf(arena, "%u", rule->count->count);
		windows[n] = sql_text_interval(arena, rule->count->window_ms);
		if (!keys[n].ptr || !counts[n].ptr || !windows[n].ptr)
			return -1;
		n++;
	}
	params[1] = sql_text_array(arena, keys, n);
	params[2] = sql_text_array(arena, counts, n);
	params[3] = sql_text_array(arena, windows, n);
	*ret_count = n;
	return params[1].ptr && params[2].ptr && params[3].ptr ? 0 : -1;
}

static int put_params(const struct policy_decision *d, const struct policy_request *q,
	const char *cluster, struct arena *arena, struct span params[static 7], size_t *ret_count,
	struct err *e)
{
	uint8_t fingerprint[SHA256_LEN];

	if (fingerprint_of(q, span_of(cluster), arena, fingerprint, e) != 0)
		return -1;
	params[0] = span_of(cluster);
	params[4] = sql_text_bytea(arena, fingerprint, sizeof(fingerprint));
	params[5] = hold_query_repeats(q, arena);
	params[6] = q->dry_run ? SPAN("t") : SPAN("f");
	if (!params[4].ptr || put_rules(d, q, arena, params, ret_count) != 0)
		return err_set(e, "it needs too much memory");
	return 0;
}

static void ask(const struct policy_decision *d, const struct policy_request *q,
	const char *cluster, struct pg_conn *conn, struct counted *ret)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	enum pg_status status = PG_RETRY;
	struct span params[7] = {0};
	struct err e = {0};

	if (!conn) {
		ret->why = "the database does not answer";
		return;
	}
	ret->why = "something went wrong";
	if (put_params(d, q, cluster, ret->arena, params, &ret->count, &e) == 0)
		for (int i = 0; i < ATTEMPTS && status == PG_RETRY; i++)
			status = pg_exec(conn, &use, params, &rows, NULL, &e);
	if (status == PG_OK)
		ret->verdicts =
			arena_printf(ret->arena, "%s", pg_result_str_of(rows, 0, "within")).ptr;
	else
		log_warn("limits_not_counted", LOG_STR("error", e.msg));
	if (ret->verdicts && strlen(ret->verdicts) != ret->count)
		ret->verdicts = NULL;
}

/* ---- what comes of it ---- */

static void say_beyond(struct policy_match *m, const struct counted *c)
{
	const struct policy_rule_limit *l = m->rule->count;
	_cleanup_(buf_free) struct buf window = BUF_INIT(64);
	struct span said;

	duration_put(&window, l->window_ms);
	if (c->verdicts)
		said = arena_printf(c->arena, "%.*s (more than %u in %.*s%s)", SPAN_FMT(m->message),
			l->count, SPAN_FMT(buf_span(&window)),
			l->per_rule ? " by all together" : " by one user");
	else
		said = arena_printf(c->arena,
			"%.*s (more than %u in %.*s? It cannot be counted: %s)",
			SPAN_FMT(m->message), l->count, SPAN_FMT(buf_span(&window)), c->why);
	if (said.ptr)
		m->message = said;
}

static bool applies(const struct policy_match *m, void *arg)
{
	struct counted *c = arg;
	bool within;

	if (!is_counted(m))
		return true;
	within = c->verdicts && c->verdicts[c->at] == 'w';
	c->at++;
	metric_add_at(&metrics[0],
		within	      ? LIMIT_WITHIN
		: c->verdicts ? LIMIT_BEYOND
			      : LIMIT_UNAVAILABLE,
		1);
	return !within;
}

void limits_apply(struct policy_decision *d, const struct policy_request *q, const char *cluster,
	struct pg_conn *conn, struct arena *arena)
{
	struct counted c = {.arena = arena};

	ask(d, q, cluster, conn, &c);
	policy_decision_filter(d, applies, &c);
	for (size_t i = 0; i < d->match_count; i++)
		if (is_counted(&d->matches[i]))
			say_beyond((struct policy_match *)&d->matches[i], &c);
}
