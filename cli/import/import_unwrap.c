/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/import/import_unwrap.h"

#define DEPTH_MAX  8	/* wrappers around an event */
#define PREFIX_MAX 1024 /* bytes before an event on its line */

struct unwrapping {
	struct arena *arena;
	struct import_found *found;
	struct err *e;
	unsigned depth;
	bool wrapped; /* in a collector's record, beside which stand those of other programs */
};

static const struct json_limits limits = {.max_bytes = IMPORT_RECORD_MAX,
	.max_depth = 10000,
	.max_nodes = 8u << 20,
	.allow_lone_surrogates = true,
	.allow_duplicate_keys = true};

const char *import_format_name(enum import_format f)
{
	static const char *const names[IMPORT_FORMATS] = {
		[IMPORT_EVENT] = "Event",
		[IMPORT_EVENT_LIST] = "EventList or array",
		[IMPORT_AKS] = "Azure diagnostic records",
		[IMPORT_CLOUDWATCH] = "Amazon CloudWatch Logs",
		[IMPORT_CLOUD_AUDIT] = "Google Cloud audit log",
		[IMPORT_COLLECTOR] = "records of a log collector",
		[IMPORT_PREFIXED] = "lines with a prefix",
	};

	return names[f];
}

/* ---- what was found ---- */

static int add(struct unwrapping *u, struct span text, bool cut)
{
	struct import_found *f = u->found;

	if (f->count == f->cap) {
		const size_t cap = f->cap ? 2 * f->cap : 16;
		void *larger = arena_resize(
			u->arena, f->events, f->cap * sizeof(*f->events), cap * sizeof(*f->events));

		if (!larger)
			return err_set(u->e, "a record holds too many events for the memory");
		f->events = larger;
		f->cap = cap;
	}
	f->events[f->count++] = (struct import_event){text, cut};
	return 0;
}

static int unreadable(struct unwrapping *u, const char *why)
{
	if (!u->found->unreadable)
		u->found->unreadable = why;
	return 0;
}

static int other(struct unwrapping *u)
{
	u->found->others++;
	return 0;
}

static void note(struct unwrapping *u, enum import_format f)
{
	u->found->formats |= 1u << f;
}

/* What was cut from an audit event still says what it was, in its own words or as quoted ones. */
static bool says_audit(struct span s)
{
	return memmem(s.ptr, s.len, "audit.k8s.io", 12) || memmem(s.ptr, s.len, "\"auditID\"", 9) ||
	       memmem(s.ptr, s.len, "\\\"auditID\\\"", 11);
}

static int unwrap_value(struct unwrapping *u, const struct json_doc *d, json_ref r);
static int unwrap_text(struct unwrapping *u, struct span text);

/* ---- events ---- */

static bool is_string(const struct json_doc *d, json_ref o, const char *key)
{
	return json_type(d, json_get(d, o, span_of(key))) == JSON_STRING;
}

static bool starts_with(const struct json_doc *d, json_ref r, struct span prefix)
{
	struct span s = json_raw_string(d, r);

	return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

static bool is_event(const struct json_doc *d, json_ref o)
{
	json_ref version = json_get_str(d, o, "apiVersion");

	if (json_string_is(d, json_get_str(d, o, "kind"), SPAN("Event")) &&
		starts_with(d, version, SPAN("audit.k8s.io/")))
		return true;
	/* Elements of a list say their type by the list's. */
	return is_string(d, o, "auditID") && is_string(d, o, "stage") && is_string(d, o, "level");
}

/* ---- lists ---- */

static const struct list_key {
	const char *key;
	enum import_format format;
} list_keys[] = {
	{"items", IMPORT_EVENT_LIST},	    /* EventList */
	{"records", IMPORT_AKS},	    /* Azure Event Hubs */
	{"logEvents", IMPORT_CLOUDWATCH},   /* subscriptions of CloudWatch Logs */
	{"events", IMPORT_CLOUDWATCH},	    /* aws logs filter-log-events, get-log-events */
	{"results", IMPORT_CLOUDWATCH},	    /* aws logs get-query-results */
	{"entries", IMPORT_CLOUD_AUDIT},    /* entries.list of Cloud Logging */
	{"hits", IMPORT_COLLECTOR},	    /* Elasticsearch, OpenSearch */
	{"resourceLogs", IMPORT_COLLECTOR}, /* OpenTelemetry (OTLP/JSON), three levels */
	{"scopeLogs", IMPORT_COLLECTOR},
	{"logRecords", IMPORT_COLLECTOR},
	{"streams", IMPORT_COLLECTOR}, /* Loki */
	{"values", IMPORT_COLLECTOR},
};

static int unwrap_elements(struct unwrapping *u, const struct json_doc *d, json_ref array)
{
	int rc = 0;

	json_foreach (v, d, array) {
		if (rc < 0)
			break;
		/* Loki: ["1700000000000000000", "line"]; the time is no record. */
		if (json_type(d, v) == JSON_STRING && json_at(d, array, 1) != JSON_NONE &&
			v == json_at(d, array, 0) && json_raw_string(d, v).len < 24)
			continue;
		rc = unwrap_value(u, d, v);
	}
	return rc;
}

/* 1: it was no list. */
static int unwrap_list(struct unwrapping *u, const struct json_doc *d, json_ref o)
{
	for (size_t i = 0; i < ARRAY_LEN(list_keys); i++) {
		json_ref list = json_get(d, o, span_of(list_keys[i].key));

		if (json_type(d, list) != JSON_ARRAY)
			continue;
		note(u, list_keys[i].format);
		return unwrap_elements(u, d, list);
	}
	return 1;
}

/* ---- members ---- */

/*
 * Where collectors put the line or object that they read, the more telling first. A string there
 * that is no JSON is another line of the same log.
 */
static const struct member {
	struct span pointer;
	enum import_format format;
} members[] = {
	{SPAN("/properties/log"), IMPORT_AKS},
	{SPAN("/log_processed"), IMPORT_COLLECTOR},    /* Fluent Bit */
	{SPAN("/kubernetes/audit"), IMPORT_COLLECTOR}, /* Elastic Agent */
	{SPAN("/event/original"), IMPORT_COLLECTOR},
	{SPAN("/_source"), IMPORT_COLLECTOR},	  /* Elasticsearch */
	{SPAN("/result/_raw"), IMPORT_COLLECTOR}, /* Splunk's export */
	{SPAN("/_raw"), IMPORT_COLLECTOR},
	{SPAN("/log"), IMPORT_COLLECTOR},     /* Fluentd, Docker */
	{SPAN("/message"), IMPORT_COLLECTOR}, /* CloudWatch, Vector, Logstash */
	{SPAN("/MESSAGE"), IMPORT_COLLECTOR}, /* journald */
	{SPAN("/msg"), IMPORT_COLLECTOR},
	{SPAN("/jsonPayload"), IMPORT_COLLECTOR}, /* Cloud Logging */
	{SPAN("/textPayload"), IMPORT_COLLECTOR},
	{SPAN("/body/stringValue"), IMPORT_COLLECTOR}, /* OpenTelemetry */
	{SPAN("/body"), IMPORT_COLLECTOR},
	{SPAN("/data/result"), IMPORT_COLLECTOR}, /* Loki's answers */
	{SPAN("/hits/hits"), IMPORT_COLLECTOR},
	{SPAN("/event"), IMPORT_COLLECTOR}, /* Splunk's collector */
	{SPAN("/line"), IMPORT_COLLECTOR},
};

static int unwrap_string(struct unwrapping *u, const struct json_doc *d, json_ref r)
{
	struct span text = json_string(d, r, u->arena);

	if (!text.ptr)
		return unreadable(u, "a string that holds half a surrogate pair, or is too long");
	return unwrap_text(u, text);
}

static int unwrap_member(struct unwrapping *u, const struct json_doc *d, json_ref v)
{
	const bool was = u->wrapped;
	int rc;

	u->wrapped = true;
	rc = unwrap_value(u, d, v);
	u->wrapped = was;
	return rc;
}

/* aws logs get-query-results: [{"field": "@message", "value": "…"}, …] is one record. */
static bool is_insights_field(const struct json_doc *d, json_ref o)
{
	return is_string(d, o, "field") && is_string(d, o, "value") && d->nodes[o].count == 2;
}

static int unwrap_insights_field(struct unwrapping *u, const struct json_doc *d, json_ref o)
{
	if (!json_string_is(d, json_get_str(d, o, "field"), SPAN("@message")))
		return 0;
	note(u, IMPORT_CLOUDWATCH);
	return unwrap_string(u, d, json_get_str(d, o, "value"));
}

static int map_cloud_audit(struct unwrapping *u, const struct json_doc *d, json_ref o)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(IMPORT_RECORD_MAX);
	enum import_mapped mapped = import_map_cloud_audit(&out, d, o, u->arena);
	char *text;

	if (mapped == IMPORT_NOT_KUBERNETES)
		return other(u);
	note(u, IMPORT_CLOUD_AUDIT);
	if (mapped == IMPORT_NOT_COMPLETE)
		return unreadable(u, "a LogEntry of k8s.io without insertId, methodName, "
				     "resourceName or timestamp");
	text = out.failed ? NULL : arena_strndup(u->arena, buf_span(&out).ptr, out.len);
	if (!text)
		return err_set(u->e, "out of memory");
	return add(u, (struct span){text, out.len}, false);
}

/* Azure writes all categories of a cluster to one place. */
static bool is_other_category(const struct json_doc *d, json_ref o)
{
	json_ref category = json_get_str(d, o, "category");

	return json_type(d, category) == JSON_STRING &&
	       json_pointer_str(d, o, "/properties") != JSON_NONE &&
	       !starts_with(d, category, SPAN("kube-audit"));
}

static int unwrap_object(struct unwrapping *u, const struct json_doc *d, json_ref o)
{
	int rc;

	if (is_event(d, o)) {
		note(u, IMPORT_EVENT);
		return add(u, json_text(d, o), false);
	}
	if (json_type(d, json_get_str(d, o, "protoPayload")) == JSON_OBJECT)
		return map_cloud_audit(u, d, o);
	if (is_insights_field(d, o))
		return unwrap_insights_field(u, d, o);
	if (json_string_is(d, json_get_str(d, o, "messageType"), SPAN("CONTROL_MESSAGE")) ||
		is_other_category(d, o))
		return other(u);
	rc = unwrap_list(u, d, o);
	for (size_t i = 0; rc == 1 && i < ARRAY_LEN(members); i++) {
		json_ref v = json_pointer(d, o, members[i].pointer);

		if (v == JSON_NONE || json_type(d, v) == JSON_NULL)
			continue;
		note(u, members[i].format);
		return unwrap_member(u, d, v);
	}
	if (rc < 1)
		return rc;
	return u->wrapped ? other(u)
			  : unreadable(u, "JSON that is no audit event and holds none where it is "
					  "looked for");
}

static int unwrap_value(struct unwrapping *u, const struct json_doc *d, json_ref r)
{
	int rc;

	if (u->depth == DEPTH_MAX)
		return unreadable(u, "more wrappers one in the other than are followed");
	u->depth++;
	switch (json_type(d, r)) {
	case JSON_OBJECT:
		rc = unwrap_object(u, d, r);
		break;
	case JSON_ARRAY:
		note(u, IMPORT_EVENT_LIST);
		rc = unwrap_elements(u, d, r);
		break;
	case JSON_STRING:
		rc = unwrap_string(u, d, r);
		break;
	default:
		rc = unreadable(u, "a number, true, false or null where an event should be");
	}
	u->depth--;
	return rc;
}

/* ---- text ---- */

static int unwrap_json_in(struct unwrapping *u, struct span text, bool *ret_is_json)
{
	struct json_doc *d = arena_alloc(u->arena, sizeof(*d));

	if (!d)
		return err_set(u->e, "out of memory");
	*ret_is_json = json_read(text.ptr, text.len, &limits, u->arena, d, NULL) == 0;
	return *ret_is_json ? unwrap_value(u, d, JSON_ROOT) : 0;
}

/* A line that is not JSON from its beginning on. */
static int unwrap_line(struct unwrapping *u, struct span line)
{
	const char *brace = memchr(line.ptr, '{', line.len);
	struct span from_brace = {0};
	bool is_json = false;
	int rc = 0;

	if (brace) {
		from_brace = (struct span){brace, line.len - (size_t)(brace - line.ptr)};
		if (brace - line.ptr <= PREFIX_MAX)
			rc = unwrap_json_in(u, from_brace, &is_json);
	}
	if (rc < 0 || is_json) {
		note(u, IMPORT_PREFIXED);
		return rc;
	}
	if (brace && says_audit(from_brace))
		return add(u, from_brace, true);
	return u->wrapped ? other(u) : unreadable(u, "a line of text without an audit event");
}

static int unwrap_record(struct unwrapping *u, const struct import_record *r)
{
	const bool was = u->wrapped;
	int rc = 0;

	/* Beside its audit log a container says other things too. */
	u->wrapped |= r->is_cri;
	if (r->kind == IMPORT_JSON)
		rc = unwrap_value(u, &r->doc, JSON_ROOT);
	else if (r->kind == IMPORT_LINE)
		rc = unwrap_line(u, r->text);
	else if (says_audit(r->text))
		rc = add(u, r->text, true);
	else
		rc = u->wrapped ? other(u) : unreadable(u, "JSON that cannot be read");
	u->wrapped = was;
	return rc;
}

/* Text in memory: the records of it, as of a log. */
static int unwrap_text(struct unwrapping *u, struct span text)
{
	_cleanup_(import_records_freep) struct import_records *records = import_records_of(text);
	int rc = 0;

	if (!records)
		return err_set(u->e, "out of memory");
	while (rc == 0) {
		struct import_record *r = arena_calloc(u->arena, 1, sizeof(*r));

		if (!r)
			return err_set(u->e, "out of memory");
		if (import_records_next(records, u->arena, r, u->e) < 0)
			return -1;
		if (r->kind == IMPORT_END)
			return 0;
		rc = unwrap_record(u, r);
	}
	return rc;
}

int import_unwrap(const struct import_record *record, struct arena *arena, struct import_found *ret,
	struct err *e)
{
	struct unwrapping u = {.arena = arena, .found = ret, .e = e};

	*ret = (struct import_found){0};
	return record->kind == IMPORT_END ? 0 : unwrap_record(&u, record);
}
