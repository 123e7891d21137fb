/* SPDX-License-Identifier: Apache-2.0 */
/* A decision record in COPY's binary format; see decision_row.h. */
#include "webhook/record/decision_row.h"

#include "common/base/crypto.h"
#include "common/base/utf8.h"
#include "common/pg/copy_binary.h"

#define MESSAGE_MAX 4096
#define GROUPS_MAX  256 /* of one row; a user of more groups is recorded with these */
#define RULES_MAX   64

#define CLOCK_TOLERATED_US INT64_C(60000000)

#define COLUMNS 28

const char decision_row_copy_sql[] =
	"COPY holdpoint.decision (recorded_at, cluster, decision_id, time, instance, endpoint, "
	"request_uid, username, groups, operation, api_group, api_version, resource, "
	"subresource, namespace, name, policy, rule, rules, policy_digest, action, "
	"enforcement, allowed, answer, hold_id, dry_run, latency_us, message) FROM STDIN "
	"(FORMAT binary)";

static void put_known(struct buf *b, const char *s)
{
	copy_put_text(b, span_of(s));
}

static void put_or_empty(struct buf *b, struct span s)
{
	copy_put_text(b, s.ptr ? s : SPAN(""));
}

static void put_groups(struct buf *b, const struct policy_request *q)
{
	struct copy_array a = copy_array_begin(b);

	for (size_t i = 0; i < q->group_count && i < GROUPS_MAX; i++)
		copy_array_add(b, &a, q->groups[i]);
	copy_array_end(b, &a);
}

static void put_rules(struct buf *b, const struct policy_decision *d)
{
	struct copy_array a = copy_array_begin(b);

	for (size_t i = 0; i < d->match_count && i < RULES_MAX; i++) {
		const struct policy_rule_info *rule = d->matches[i].rule;

		copy_array_add_parts(b, &a,
			(const struct span[]){
				span_of(rule->policy), SPAN("/"), span_of(rule->rule)},
			3);
	}
	copy_array_end(b, &a);
}

/* The bytes of "sha256:<hex>". */
static void put_digest(struct buf *b, const char *digest)
{
	const char *colon = digest ? strchr(digest, ':') : NULL;
	uint8_t bytes[SHA256_LEN];

	if (colon && hex_decode(span_of(colon + 1), bytes, sizeof(bytes)) == 0)
		copy_put_bytes(b, bytes, sizeof(bytes));
	else
		copy_put_null(b);
}

static const char *enforcement_name(const struct policy_decision *d)
{
	static const char *const names[] = {[POLICY_ENFORCE] = "Enforce",
		[POLICY_ENFORCE_WARN] = "Warn",
		[POLICY_DRY_RUN] = "DryRun"};

	return names[d->decisive ? d->decisive->rule->enforcement : POLICY_ENFORCE];
}

/* What the rules say, before enforcement turned it down; no rule is Allow. */
static const char *action_name(const struct policy_decision *d)
{
	return policy_action_name(d->decisive ? d->decisive->rule->action : POLICY_ALLOW);
}

static void put_what(struct buf *b, const struct decision_record *r)
{
	const struct policy_request *q = r->request;

	copy_put_text(b, r->request_uid);
	copy_put_text(b, q->username);
	put_groups(b, q);
	copy_put_text(b, request_operation_name(q));
	put_or_empty(b, q->api_group);
	put_or_empty(b, q->version);
	put_or_empty(b, q->resource);
	put_or_empty(b, q->subresource);
	put_or_empty(b, q->namespace_);
	put_or_empty(b, q->path.ptr ? q->path : q->name);
}

/* Who asks /authorize may do so in anybody's name, and for the asking alone. */
static const char *answer_of(const struct decision_record *r)
{
	if (strcmp(r->endpoint, endpoint_names[ENDPOINT_AUTHORIZE]) == 0)
		return r->allowed ? "asked: yes" : "asked: no";
	return r->allowed ? "allowed" : "denied";
}

static void put_verdict(struct buf *b, const struct decision_record *r)
{
	const struct policy_match *m = r->decision->decisive;
	struct span message = utf8_cut(r->message, MESSAGE_MAX);

	put_known(b, m ? m->rule->policy : NULL);
	put_known(b, m ? m->rule->rule : NULL);
	put_rules(b, r->decision);
	put_digest(b, r->policy_digest);
	put_known(b, action_name(r->decision));
	put_known(b, enforcement_name(r->decision));
	copy_put_bool(b, r->allowed);
	put_known(b, answer_of(r));
	if (r->hold_id > 0)
		copy_put_int8(b, r->hold_id);
	else
		copy_put_null(b);
	copy_put_bool(b, r->request->dry_run);
	copy_put_int4(b, r->latency_us < INT32_MAX ? (int32_t)r->latency_us : INT32_MAX);
	copy_put_text(b, message);
}

static _Atomic int64_t database_ahead_us;

void decision_row_set_clock(int64_t ahead_us)
{
	database_ahead_us =
		ahead_us > CLOCK_TOLERATED_US || ahead_us < -CLOCK_TOLERATED_US ? ahead_us : 0;
}

void decision_row_put(
	struct buf *b, const char *cluster, const char *instance, const struct decision_record *r)
{
	copy_put_row(b, COLUMNS);
	copy_put_time(b, r->request->now_us + database_ahead_us);
	put_known(b, cluster);
	copy_put_bytes(b, r->decision_id, UUID_LEN);
	copy_put_time(b, r->request->now_us);
	put_known(b, instance);
	put_known(b, r->endpoint);
	put_what(b, r);
	put_verdict(b, r);
}
