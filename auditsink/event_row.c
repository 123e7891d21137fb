/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/event_row.h"

#include "auditsink/event_list.h"
#include "common/base/rfc3339.h"
#include "common/base/utf8.h"
#include "common/pg/copy_binary.h"

const char event_row_columns[] =
	"cluster, seq, source, stage, level, stage_timestamp, received_timestamp, audit_id, verb, "
	"username, groups, impersonated_user, impersonated_groups, credential_id, session_hint, "
	"source_ips, user_agent, request_uri, api_group, api_version, resource, subresource, "
	"namespace, name, code, authorization_decision, decision, decision_id, hold_id, "
	"hold_review, failed_open, truncated, masking_version, masked, body, body_nonce, "
	"body_digest";
#define EVENT_FIELDS 37

/* ---- finding members ---- */

/* A member that a row needs, and where in struct event its reference goes. */
struct member {
	struct span key;
	size_t at;
};

struct event {
	json_ref level, audit_id, stage, request_uri, verb, user, impersonated, source_ips,
		user_agent, object_ref, response_status, response_object, received, stage_time,
		annotations;
	json_ref username, groups, extra, impersonated_user, impersonated_groups;
	json_ref api_group, api_version, resource, subresource, namespace_, name;
	json_ref code;
	json_ref authorization, decision, decision_id, hold, hold_review;
	bool failed_open, truncated;
};

#define MEMBER(json, field)                                                                        \
	{                                                                                          \
		{json, sizeof(json) - 1}, offsetof(struct event, field)                            \
	}

static const struct member event_members[] = {
	MEMBER("level", level),
	MEMBER("auditID", audit_id),
	MEMBER("stage", stage),
	MEMBER("requestURI", request_uri),
	MEMBER("verb", verb),
	MEMBER("user", user),
	MEMBER("impersonatedUser", impersonated),
	MEMBER("sourceIPs", source_ips),
	MEMBER("userAgent", user_agent),
	MEMBER("objectRef", object_ref),
	MEMBER("responseStatus", response_status),
	MEMBER("responseObject", response_object),
	MEMBER("requestReceivedTimestamp", received),
	MEMBER("stageTimestamp", stage_time),
	MEMBER("annotations", annotations),
};
static const struct member user_members[] = {
	MEMBER("username", username),
	MEMBER("groups", groups),
	MEMBER("extra", extra),
};
static const struct member impersonated_members[] = {
	MEMBER("username", impersonated_user),
	MEMBER("groups", impersonated_groups),
};
static const struct member object_ref_members[] = {
	MEMBER("resource", resource),
	MEMBER("namespace", namespace_),
	MEMBER("name", name),
	MEMBER("apiGroup", api_group),
	MEMBER("apiVersion", api_version),
	MEMBER("subresource", subresource),
};
static const struct member status_members[] = {
	MEMBER("code", code),
};
static const struct member annotation_members[] = {
	MEMBER("authorization.k8s.io/decision", authorization),
};
/* Behind the name of either of our webhooks, which the API server puts before its annotations. */
static const struct member webhook_members[] = {
	MEMBER("decision", decision),
	MEMBER("decision-id", decision_id),
	MEMBER("hold", hold),
};
/* Behind the name of the one that decides: whatever else calls itself ours says nothing of it. */
static const struct member review_members[] = {
	MEMBER("hold-review", hold_review),
};

static bool find_member(
	struct event *e, const struct member *members, size_t count, json_ref key, struct span name)
{
	for (size_t i = 0; i < count; i++) {
		if (span_eq(name, members[i].key)) {
			memcpy((char *)e + members[i].at, &(json_ref){key + 1}, sizeof(json_ref));
			return true;
		}
	}
	return false;
}

/* Keys of the envelope are plain names: one that is written with escapes is taken for another. */
static void find_members(struct event *e, const struct member *members, size_t count,
	const struct json_doc *d, json_ref object)
{
	json_foreach_member (k, d, object) {
		find_member(e, members, count, k, json_raw_string(d, k));
	}
}

static bool starts_with(struct span s, struct span prefix)
{
	return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

static bool ends_with(struct span s, struct span suffix)
{
	return s.len >= suffix.len &&
	       memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0;
}

static void find_annotation(struct event *e, const struct json_doc *d, json_ref key)
{
	struct span name = json_raw_string(d, key), webhook = name;
	const char *slash = memchr(name.ptr, '/', name.len);

	if (find_member(e, annotation_members, ARRAY_LEN(annotation_members), key, name) || !slash)
		return;
	webhook.len = (size_t)(slash - name.ptr);
	name = (struct span){slash + 1, name.len - webhook.len - 1};
	if (span_eq_str(webhook, "validate.holdpoint.dev") &&
		find_member(e, review_members, ARRAY_LEN(review_members), key, name))
		return;
	if (ends_with(webhook, SPAN(".holdpoint.dev")))
		find_member(e, webhook_members, ARRAY_LEN(webhook_members), key, name);
	else if (starts_with(webhook, SPAN("failed-open.")))
		e->failed_open = true;
	else if (span_eq_str(webhook, "audit.k8s.io") && span_eq_str(name, "truncated"))
		e->truncated = json_string_is(d, key + 1, SPAN("true"));
}

static void find_all(struct event *e, const struct json_doc *d)
{
	memset(e, 0xff, sizeof(*e)); /* JSON_NONE */
	e->failed_open = e->truncated = false;
	find_members(e, event_members, ARRAY_LEN(event_members), d, JSON_ROOT);
	find_members(e, user_members, ARRAY_LEN(user_members), d, e->user);
	find_members(e, impersonated_members, ARRAY_LEN(impersonated_members), d, e->impersonated);
	find_members(e, object_ref_members, ARRAY_LEN(object_ref_members), d, e->object_ref);
	find_members(e, status_members, ARRAY_LEN(status_members), d, e->response_status);
	json_foreach_member (k, d, e->annotations) {
		find_annotation(e, d, k);
	}
	if (e->name == JSON_NONE) /* generateName: the name is in the answer only */
		e->name = json_pointer_str(d, e->response_object, "/metadata/name");
}

/* ---- fields ---- */

static struct span cut(struct span s)
{
	return utf8_cut(s, EVENT_COLUMN_MAX);
}

struct span event_column_text(const struct json_doc *d, json_ref r, struct arena *arena)
{
	struct span s = json_string(d, r, arena);

	return cut(s.ptr ? s : json_raw_string(d, r));
}

static void put_text(struct buf *out, const struct json_doc *d, json_ref r, struct arena *arena)
{
	copy_put_text(out, event_column_text(d, r, arena));
}

/* The same for a column that may not be null. */
static void put_text_or_empty(
	struct buf *out, const struct json_doc *d, json_ref r, struct arena *arena)
{
	struct span s = event_column_text(d, r, arena);

	copy_put_text(out, s.ptr ? s : SPAN(""));
}

static void put_array(struct buf *out, const struct json_doc *d, json_ref r, struct arena *arena)
{
	struct copy_array a;

	if (json_type(d, r) != JSON_ARRAY) {
		copy_put_null(out);
		return;
	}
	a = copy_array_begin(out);
	json_foreach (v, d, r) {
		copy_array_add(out, &a, event_column_text(d, v, arena));
	}
	copy_array_end(out, &a);
}

/* user.extra maps a name to a list, of which the first value counts. */
static void put_extra(struct buf *out, const struct json_doc *d, json_ref extra, struct span key,
	struct arena *arena)
{
	put_text(out, d, json_at(d, json_get(d, extra, key), 0), arena);
}

int event_time_us(struct span text, int64_t *ret)
{
	struct rfc3339 t;

	if (!text.ptr || rfc3339_parse(text, &t) < 0)
		return -1;
	*ret = t.seconds * 1000000 + t.nanos / 1000;
	return 0;
}

static void put_time(struct buf *out, const struct json_doc *d, json_ref r)
{
	int64_t us;

	if (r != JSON_NONE && event_time_us(json_raw_string(d, r), &us) == 0)
		copy_put_time(out, us);
	else
		copy_put_null(out);
}

static void put_code(struct buf *out, const struct json_doc *d, json_ref r)
{
	int64_t v;

	if (json_int64(d, r, &v) == 0 && v >= INT32_MIN && v <= INT32_MAX)
		copy_put_int4(out, (int32_t)v);
	else
		copy_put_null(out);
}

/* An annotation is text: a number in it is a string of digits. */
static void put_hold(struct buf *out, const struct json_doc *d, json_ref r)
{
	struct span s = json_raw_string(d, r);
	int64_t v = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9' || i >= 18) {
			v = 0;
			break;
		}
		v = v * 10 + (s.ptr[i] - '0');
	}
	if (v > 0)
		copy_put_int8(out, v);
	else
		copy_put_null(out);
}

/* 36 characters with dashes, as our webhook writes them. */
static void put_uuid(struct buf *out, const struct json_doc *d, json_ref r)
{
	static const uint8_t groups[] = {8, 4, 4, 4, 12};
	struct span s = json_raw_string(d, r);
	uint8_t bytes[16], *b = bytes;
	size_t at = 0;

	if (!s.ptr || s.len != 36) {
		copy_put_null(out);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if ((i > 0 && s.ptr[at++] != '-') ||
			hex_decode((struct span){s.ptr + at, groups[i]}, b, groups[i] / 2) < 0) {
			copy_put_null(out);
			return;
		}
		at += groups[i];
		b += groups[i] / 2;
	}
	copy_put_bytes(out, bytes, sizeof(bytes));
}

static void put_who(
	struct buf *out, const struct json_doc *d, const struct event *e, struct arena *arena)
{
	put_text_or_empty(out, d, e->verb, arena);
	put_text_or_empty(out, d, e->username, arena);
	put_array(out, d, e->groups, arena);
	put_text(out, d, e->impersonated_user, arena);
	put_array(out, d, e->impersonated_groups, arena);
	put_extra(out, d, e->extra, SPAN("authentication.kubernetes.io/credential-id"), arena);
	put_extra(out, d, e->extra, SPAN("holdpoint.dev/session"), arena);
	put_array(out, d, e->source_ips, arena);
	put_text(out, d, e->user_agent, arena);
}

static void put_what(
	struct buf *out, const struct json_doc *d, const struct event *e, struct arena *arena)
{
	put_text(out, d, e->request_uri, arena);
	if (e->object_ref == JSON_NONE)
		copy_put_null(out);
	else
		put_text_or_empty(out, d, e->api_group, arena); /* absent means the core group */
	put_text(out, d, e->api_version, arena);
	put_text(out, d, e->resource, arena);
	put_text(out, d, e->subresource, arena);
	put_text(out, d, e->namespace_, arena);
	put_text(out, d, e->name, arena);
	put_code(out, d, e->code);
	put_text(out, d, e->authorization, arena);
	put_text(out, d, e->decision, arena);
	put_uuid(out, d, e->decision_id);
	put_hold(out, d, e->hold);
	put_text(out, d, e->hold_review, arena);
	copy_put_bool(out, e->failed_open);
	copy_put_bool(out, e->truncated);
}

static void put_body(
	struct buf *out, struct span body, const uint8_t *nonce, unsigned masked, struct sha256 *h)
{
	uint8_t digest[SHA256_LEN];

	sha256_reset(h);
	sha256_add(h, nonce, EVENT_NONCE_LEN);
	sha256_add(h, body.ptr, body.len);
	sha256_finish(h, digest);
	copy_put_int4(out, MASK_RULES_VERSION);
	copy_put_int4(out, masked < INT32_MAX ? (int32_t)masked : INT32_MAX);
	copy_put_bytes(out, body.ptr, body.len);
	copy_put_bytes(out, nonce, EVENT_NONCE_LEN);
	copy_put_bytes(out, digest, sizeof(digest));
}

/* ---- rows ---- */

/* The masked event as a document: the same one when nothing was masked. */
static int read_masked(
	const struct json_doc *d, struct event_scratch *scratch, struct json_doc *ret)
{
	const struct json_limits limits = {SIZE_MAX, UINT32_MAX, UINT32_MAX, true, false};
	const struct buf *masked = &scratch->masked;

	if (masked->failed)
		return -1;
	if (span_eq(buf_span(masked), json_text(d, JSON_ROOT))) {
		*ret = *d;
		return 0;
	}
	return json_read(masked->ptr, masked->len, &limits, scratch->arena, ret, NULL);
}

static const char *check(const struct json_doc *d, const struct event *e, int64_t *ret_stage_us)
{
	if (json_type(d, e->audit_id) != JSON_STRING)
		return "no auditID";
	if (json_type(d, e->stage) != JSON_STRING)
		return "no stage";
	if (json_type(d, e->level) != JSON_STRING)
		return "no level";
	if (json_type(d, e->stage_time) != JSON_STRING ||
		event_time_us(json_raw_string(d, e->stage_time), ret_stage_us) < 0)
		return "no stageTimestamp that is RFC 3339";
	return NULL;
}

void event_row_put(struct buf *out, const struct masker *m, const struct json_doc *d,
	const struct event_origin *origin, const uint8_t *nonce, struct event_scratch *scratch,
	struct event_facts *ret)
{
	struct mask_result mask = {0};
	struct json_doc masked;
	struct event e;

	*ret = (struct event_facts){0};
	buf_reset(&scratch->masked);
	mask_audit_event(m, d, JSON_ROOT, scratch->arena, &scratch->masked, &mask);
	if (read_masked(d, scratch, &masked) < 0) {
		ret->quarantine = "masking failed";
		return;
	}
	find_all(&e, &masked);
	ret->quarantine = check(&masked, &e, &ret->stage_us);
	if (ret->quarantine)
		return;
	copy_put_row(out, EVENT_FIELDS);
	copy_put_text(out, origin->cluster);
	ret->seq_at = copy_int8_at(out);
	copy_put_int8(out, 0);
	copy_put_text(out, origin->source);
	put_text(out, &masked, e.stage, scratch->arena);
	put_text(out, &masked, e.level, scratch->arena);
	copy_put_time(out, ret->stage_us);
	put_time(out, &masked, e.received);
	put_text(out, &masked, e.audit_id, scratch->arena);
	put_who(out, &masked, &e, scratch->arena);
	put_what(out, &masked, &e, scratch->arena);
	put_body(out, buf_span(&scratch->masked), nonce, mask.masked, scratch->hash);
	ret->truncated = e.truncated;
}

void event_row_put_plain(
	struct buf *out, const struct event_origin *origin, int64_t seq, int64_t stage_us)
{
	static const uint8_t nothing[SHA256_LEN];

	copy_put_row(out, EVENT_FIELDS);
	copy_put_text(out, origin->cluster);
	copy_put_int8(out, seq);
	copy_put_text(out, origin->source);
	copy_put_text(out, SPAN("ResponseComplete"));
	copy_put_text(out, SPAN("Metadata"));
	copy_put_time(out, stage_us);
	copy_put_time(out, stage_us);
	copy_put_text(out, SPAN("00000000-0000-4000-8000-000000000000"));
	copy_put_text(out, SPAN("get"));
	copy_put_text(out, SPAN("system:anonymous"));
	for (int i = 0; i < 20; i++) /* groups to hold_review */
		copy_put_null(out);
	copy_put_bool(out, false);
	copy_put_bool(out, false);
	copy_put_int4(out, MASK_RULES_VERSION);
	copy_put_int4(out, 0);
	copy_put_text(out, SPAN("{}"));
	copy_put_bytes(out, nothing, EVENT_NONCE_LEN);
	copy_put_bytes(out, nothing, SHA256_LEN);
}
