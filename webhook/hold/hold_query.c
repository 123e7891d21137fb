/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request and a decision that says Hold to the parameters of one SQL call, by name.
 */
#include "webhook/hold/hold_query.h"

#include <lz4.h>

#include "common/pg/sql_text.h"
#include "policy/review/fingerprint.h"
#include "webhook/hold/hold_change.h"
#include "webhook/hold/hold_need.h"

#define GROUPS_MAX    256
#define REASONS_MAX   ((size_t)16 << 10)
#define RULES_MAX     ((size_t)256 << 10)
#define COMPRESS_FROM 512

void hold_query_init(struct hold_query *q, const struct policy_request *request,
	const struct policy_decision *decision, struct span uid, const char *policy_digest)
{
	*q = (struct hold_query){.request = request,
		.decision = decision,
		.uid = uid,
		.policy_digest = policy_digest};
	q->terms = policy_decision_hold(decision, &q->rule_count);
}

/* ---- what it is made of ---- */

/* A copy in the arena; absent when there is no room for it. */
static struct span kept(const struct buf *b, struct arena *arena)
{
	char *copy = b->failed ? NULL : arena_strndup(arena, b->len > 0 ? b->ptr : "", b->len);

	return (struct span){copy, copy ? b->len : 0};
}

/* What the rules say, free of secrets: a messageExpression may have quoted the object. */
static int put_reasons(struct hold_query *q, const struct masker *m, struct arena *arena)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(REASONS_MAX);
	struct span said = policy_decision_reasons(q->decision, POLICY_HOLD, arena);
	struct mask_result masked = {0};

	mask_text(m, said.ptr ? said : q->decision->decisive->message, arena, &out, &masked);
	q->reasons = kept(&out, arena);
	return q->reasons.ptr ? 0 : -1;
}

static int put_change(struct hold_query *q, const struct masker *m, struct arena *arena)
{
	struct hold_change c;

	if (hold_change_of(m, q->request, arena, &c) != 0)
		return -1;
	q->change = c.text;
	q->change_unseen = c.unseen;
	q->change_brief = c.brief;
	return 0;
}

static void put_rule(struct buf *b, const struct policy_rule_info *rule)
{
	const struct policy_hold *h = rule->hold;

	buf_add_char(b, '{');
	json_put_key(b, "policy");
	json_put_string(b, span_of(rule->policy));
	json_put_key(b, "rule");
	json_put_string(b, span_of(rule->rule));
	json_put_key(b, "minApprovals");
	json_put_int(b, h->min_approvals > 0 ? h->min_approvals : 1);
	json_put_key(b, "approvers");
	buf_add_char(b, '[');
	for (size_t i = 0; i < h->approver_count; i++) {
		if (i > 0)
			buf_add_char(b, ',');
		json_put_string(b, h->approvers[i]);
	}
	buf_add_str(b, "]}");
}

/* When several rules hold the request: all of them, each with those whose approval it asks for. */
static int put_rules(struct hold_query *q, struct arena *arena)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(RULES_MAX);
	const struct policy_decision *d = q->decision;

	if (q->rule_count < 2)
		return 0;
	for (size_t i = 0; i < d->match_count; i++) {
		if (d->matches[i].effective != POLICY_HOLD)
			continue;
		buf_add_char(&b, b.len == 0 ? '[' : ',');
		put_rule(&b, d->matches[i].rule);
	}
	buf_add_char(&b, ']');
	q->rules = kept(&b, arena);
	return q->rules.ptr ? 0 : -1;
}

/* ---- what it does each time ---- */

/*
 * How often the request may repeat itself after it has passed: as often as the API server may ask
 * about one request and no more, since each of these has an effect of its own. An authorizer, an
 * order and a created object are asked about once (an apply that creates perhaps twice); kubectl
 * may try two protocols for one session; a write may meet conflicts.
 */
struct span hold_query_repeats(const struct policy_request *r, struct arena *arena)
{
	enum fingerprint_breadth breadth = fingerprint_breadth(r, arena);

	if (request_is_access(r) || hold_is_order(r) || hold_is_csr_approval(r) ||
		breadth == FINGERPRINT_ANY_NAME ||
		(r->operation == OPERATION_CONNECT && span_eq(r->subresource, SPAN("proxy"))))
		return SPAN("0");
	if (r->operation == OPERATION_CONNECT || r->operation == OPERATION_CREATE ||
		breadth == FINGERPRINT_ANY_TRY)
		return SPAN("1");
	return (struct span){0};
}

/* A Window for what one selector finds is none for what another does. */
static void put_selectors(struct hold_query *q)
{
	static const char *const names[] = {"fieldSelector", "labelSelector"};
	const struct policy_request *r = q->request;
	json_ref asked = json_get_str(r->doc, r->request, "resourceAttributes");
	_cleanup_(buf_free) struct buf all = BUF_INIT(SIZE_MAX);

	for (size_t i = 0; i < ARRAY_LEN(names) && request_is_access(r); i++) {
		json_ref selector = json_get(r->doc, asked, span_of(names[i]));

		if (json_type(r->doc, selector) != JSON_OBJECT)
			continue;
		q->has_selectors = true;
		buf_printf(&all, "%s=", names[i]);
		buf_add_span(&all, json_text(r->doc, selector));
	}
	if (q->has_selectors) /* short of memory, of fewer of them: then it is a Window of its own
			       */
		sha256_of(all.len > 0 ? all.ptr : "", all.len, q->selectors);
}

int hold_query_prepare(struct hold_query *q, const char *cluster, const struct masker *m,
	struct arena *arena, struct err *e)
{
	if (fingerprint_of(q->request, span_of(cluster), arena, q->fingerprint, e) != 0)
		return -1;
	if (put_rules(q, arena) != 0)
		return err_set(e, "%zu rules hold it, which are too many to keep", q->rule_count);
	if (put_reasons(q, m, arena) != 0 || put_change(q, m, arena) != 0)
		return err_set(
			e, "the change needs more memory to be shown than one request may use");
	q->max_repeats = hold_query_repeats(q->request, arena);
	q->gives_out = hold_gives_out(q->request);
	put_selectors(q);
	return 0;
}

/* ---- made small ---- */

void hold_query_compress(struct hold_query *q, struct arena *arena)
{
	int len = (int)q->change.len; /* a few MiB at most, see hold_change.h */
	int bound = LZ4_compressBound(len), n;
	char *out;

	if (q->change_bytes > 0 || len < COMPRESS_FROM)
		return;
	out = arena_alloc(arena, (size_t)bound);
	n = out ? LZ4_compress_default(q->change.ptr, out, len, bound) : 0;
	if (n <= 0 || n >= len)
		return;
	q->change_bytes = (size_t)len;
	q->change = (struct span){out, (size_t)n};
}

static struct span change_text(const struct hold_query *q, struct arena *arena)
{
	char *text;

	if (q->change_bytes == 0)
		return q->change;
	text = arena_alloc(arena, q->change_bytes);
	if (!text || LZ4_decompress_safe(q->change.ptr, text, (int)q->change.len,
			     (int)q->change_bytes) != (int)q->change_bytes)
		return (struct span){0};
	return (struct span){text, q->change_bytes};
}

/* ---- the call ---- */

static struct span yes_or_no(bool b)
{
	return b ? SPAN("t") : SPAN("f");
}

/*
 * number, argument, must it be there, value. An argument that need not be there is NULL then, which
 * the function takes for empty, for without a limit or for its default.
 */
#define ARGUMENTS(FIRST, ARG)                                                                      \
	FIRST(1, p_cluster, true, span_of(cluster))                                                \
	ARG(2, p_fingerprint, true, sql_text_bytea(a, q->fingerprint, sizeof(q->fingerprint)))     \
	ARG(3, p_username, false, r->username)                                                     \
	ARG(4, p_groups, true, sql_text_array(a, r->groups, groups))                               \
	ARG(5, p_operation, true, request_operation_name(r))                                       \
	ARG(6, p_api_group, false, r->api_group)                                                   \
	ARG(7, p_api_version, false, r->version)                                                   \
	ARG(8, p_resource, false, r->resource)                                                     \
	ARG(9, p_subresource, false, r->subresource)                                               \
	ARG(10, p_namespace, false, r->namespace_)                                                 \
	ARG(11, p_name, false, r->path.ptr ? r->path : r->name)                                    \
	ARG(12, p_policy, true, span_of(rule->policy))                                             \
	ARG(13, p_rule, true, span_of(rule->rule))                                                 \
	ARG(14, p_policy_digest, true, sql_text_digest(a, q->policy_digest))                       \
	ARG(15, p_message, true, q->reasons)                                                       \
	ARG(16, p_change, true, change_text(q, a))                                                 \
	ARG(17, p_change_unseen, false, q->change_unseen)                                          \
	ARG(18, p_approvers, true, sql_text_array(a, h->approvers, h->approver_count))             \
	ARG(19, p_min_approvals, true,                                                             \
		arena_printf(a, "%u", h->min_approvals > 0 ? h->min_approvals : 1))                \
	ARG(20, p_require_reason, true, yes_or_no(h->require_reason))                              \
	ARG(21, p_expires, true, sql_text_interval(a, h->expires_ms))                              \
	ARG(22, p_grant, true, h->grant == POLICY_GRANT_WINDOW ? SPAN("Window") : SPAN("Once"))    \
	ARG(23, p_window, h->window_ms > 0, sql_text_interval(a, h->window_ms))                    \
	ARG(24, p_max_uses, h->max_uses > 0,                                                       \
		h->max_uses > 0 ? arena_printf(a, "%u", h->max_uses) : (struct span){0})           \
	ARG(25, p_dry_run, true, yes_or_no(r->dry_run))                                            \
	ARG(26, p_request_uid, true, q->uid.ptr ? q->uid : SPAN(""))                               \
	ARG(27, p_max_repeats, false, q->max_repeats)                                              \
	ARG(28, p_rules, q->rule_count > 1, q->rules)                                              \
	ARG(29, p_is_question, true, yes_or_no(request_is_access(r)))                              \
	ARG(30, p_scope, true, span_of(policy_scope_name(h->scope)))                               \
	ARG(31, p_allow_window, h->like_ms > 0,                                                    \
		h->like_ms > 0 ? sql_text_interval(a, h->like_ms) : (struct span){0})              \
	ARG(32, p_allow_uses, h->like_ms > 0,                                                      \
		h->like_ms > 0 ? arena_printf(a, "%u", h->like_uses) : (struct span){0})           \
	ARG(33, p_gives_out, true, yes_or_no(q->gives_out))                                        \
	ARG(34, p_selectors, q->has_selectors,                                                     \
		q->has_selectors ? sql_text_bytea(a, q->selectors, sizeof(q->selectors))           \
				 : (struct span){0})                                               \
	ARG(35, p_change_brief, true, q->change_brief)

#define NAME_FIRST(number, name, must, value) #name " => $" #number
#define NAME_NEXT(number, name, must, value)  ", " #name " => $" #number

/* clang-format off */
const struct pg_stmt hold_query_stmt = {.name = "hold_find_or_create",
	.sql = "SELECT verdict, hold_id, state, is_new, to_char(expires_at AT TIME ZONE 'UTC', "
	       "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS expires, approvals, min_approvals, "
	       "decided_by, decided_reason, approver_names, opens, unconfirmed "
	       "FROM holdpoint.hold_find_or_create(" ARGUMENTS(NAME_FIRST, NAME_NEXT) ")",
	.param_count = HOLD_QUERY_PARAMS};
/* clang-format on */

int hold_query_params(const struct hold_query *q, const char *cluster, struct arena *a,
	struct span ret[HOLD_QUERY_PARAMS])
{
	const struct policy_request *r = q->request;
	const struct policy_rule_info *rule = q->decision->decisive->rule;
	const struct policy_hold *h = &q->terms;
	size_t groups = r->group_count < GROUPS_MAX ? r->group_count : GROUPS_MAX;

#define VALUE(number, name, must, value) [(number)-1] = (value),
#define MUST(number, name, must, value)	 [(number)-1] = (must),
	const struct span values[] = {ARGUMENTS(VALUE, VALUE)};
	const bool musts[] = {ARGUMENTS(MUST, MUST)};

	_Static_assert(ARRAY_LEN(values) == HOLD_QUERY_PARAMS, "one value a parameter");
	for (size_t i = 0; i < HOLD_QUERY_PARAMS; i++)
		if (musts[i] && !values[i].ptr)
			return -1;
	memcpy(ret, values, sizeof(values));
	return 0;
}
