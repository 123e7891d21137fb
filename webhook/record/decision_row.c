/* SPDX-License-Identifier: Apache-2.0 */
/* A decision record in COPY's text format; see decision_row.h. */
#include "webhook/record/decision_row.h"

#include <time.h>

#include "common/base/utf8.h"

#define MESSAGE_MAX 4096
#define GROUPS_MAX  256 /* of one row; a user of more groups is recorded with these */
#define RULES_MAX   64

#define CLOCK_TOLERATED_US INT64_C(60000000)

const char decision_row_copy_sql[] =
	"COPY holdpoint.decision (recorded_at, cluster, decision_id, time, instance, endpoint, "
	"request_uid, username, groups, operation, api_group, api_version, resource, "
	"subresource, namespace, name, policy, rule, rules, policy_digest, action, "
	"enforcement, allowed, answer, hold_id, dry_run, latency_us, message) FROM STDIN";

/* Text without what COPY gives a meaning to; NUL, which PostgreSQL cannot store, becomes '?'. */
static void put_text(struct buf *b, struct span s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.len; i++) {
		const char *escaped;

		switch (s.ptr[i]) {
		case '\\':
			escaped = "\\\\";
			break;
		case '\t':
			escaped = "\\t";
			break;
		case '\n':
			escaped = "\\n";
			break;
		case '\r':
			escaped = "\\r";
			break;
		case '\0':
			escaped = "?";
			break;
		default:
			continue;
		}
		buf_add(b, s.ptr + from, i - from);
		buf_add_str(b, escaped);
		from = i + 1;
	}
	buf_add(b, s.ptr + from, s.len - from);
}

static void put_field(struct buf *b, struct span s)
{
	if (s.ptr)
		put_text(b, s);
	else
		buf_add_str(b, "\\N");
	buf_add_char(b, '\t');
}

static void put_literal(struct buf *b, const char *s)
{
	buf_add_str(b, s);
	buf_add_char(b, '\t');
}

/* An element of an array literal, both layers of escaping applied. */
static void put_element(struct buf *b, struct span s)
{
	size_t from = 0;

	buf_add_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '"' && s.ptr[i] != '\\')
			continue;
		put_text(b, (struct span){s.ptr + from, i - from});
		buf_add_str(b, s.ptr[i] == '"' ? "\\\\\"" : "\\\\\\\\");
		from = i + 1;
	}
	put_text(b, (struct span){s.ptr + from, s.len - from});
	buf_add_char(b, '"');
}

static void put_groups(struct buf *b, const struct policy_request *q)
{
	buf_add_char(b, '{');
	for (size_t i = 0; i < q->group_count && i < GROUPS_MAX; i++) {
		if (i > 0)
			buf_add_char(b, ',');
		put_element(b, q->groups[i]);
	}
	buf_add_str(b, "}\t");
}

static void put_rules(struct buf *b, const struct policy_decision *d)
{
	buf_add_char(b, '{');
	for (size_t i = 0; i < d->match_count && i < RULES_MAX; i++) {
		const struct policy_rule_info *rule = d->matches[i].rule;

		/* Names of policies and rules need no escaping: the loader sees to it. */
		buf_printf(b, "%s\"%s/%s\"", i > 0 ? "," : "", rule->policy, rule->rule);
	}
	buf_add_str(b, "}\t");
}

/* timestamptz as PostgreSQL reads it, microseconds since the epoch. */
static void put_time(struct buf *b, int64_t us)
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;
	char text[40];
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	buf_add(b, text, n);
	buf_printf(b, ".%06d+00\t", (int)(us % 1000000));
}

/* "sha256:<hex>" as bytea's text form. */
static void put_digest(struct buf *b, const char *digest)
{
	const char *hex = digest ? strchr(digest, ':') : NULL;

	if (hex)
		buf_printf(b, "\\\\x%s\t", hex + 1);
	else
		buf_add_str(b, "\\N\t");
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

	put_field(b, r->request_uid);
	put_field(b, q->username);
	put_groups(b, q);
	put_field(b, request_operation_name(q));
	put_field(b, q->api_group.ptr ? q->api_group : SPAN(""));
	put_field(b, q->version.ptr ? q->version : SPAN(""));
	put_field(b, q->resource.ptr ? q->resource : SPAN(""));
	put_field(b, q->subresource.ptr ? q->subresource : SPAN(""));
	put_field(b, q->namespace_.ptr ? q->namespace_ : SPAN(""));
	put_field(b, q->path.ptr ? q->path : q->name.ptr ? q->name : SPAN(""));
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
	const struct policy_rule_info *rule =
		r->decision->decisive ? r->decision->decisive->rule : NULL;
	struct span message = utf8_cut(r->message, MESSAGE_MAX);

	put_field(b, span_of(rule ? rule->policy : NULL));
	put_field(b, span_of(rule ? rule->rule : NULL));
	put_rules(b, r->decision);
	put_digest(b, r->policy_digest);
	put_literal(b, action_name(r->decision));
	put_literal(b, enforcement_name(r->decision));
	put_literal(b, r->allowed ? "t" : "f");
	put_literal(b, answer_of(r));
	if (r->hold_id > 0)
		buf_printf(b, "%lld\t", (long long)r->hold_id);
	else
		put_literal(b, "\\N");
	put_literal(b, r->request->dry_run ? "t" : "f");
	buf_printf(b, "%u\t", r->latency_us < INT32_MAX ? (unsigned)r->latency_us : INT32_MAX);
	if (message.ptr)
		put_text(b, message);
	else
		buf_add_str(b, "\\N");
	buf_add_char(b, '\n');
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
	put_time(b, r->request->now_us + database_ahead_us);
	put_field(b, span_of(cluster));
	put_literal(b, r->decision_id);
	put_time(b, r->request->now_us);
	put_field(b, span_of(instance));
	put_literal(b, r->endpoint);
	put_what(b, r);
	put_verdict(b, r);
}
