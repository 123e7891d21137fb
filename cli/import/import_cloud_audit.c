/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Cloud writes what its API servers audit as LogEntry with an AuditLog in protoPayload (the
 * types google.logging.v2.LogEntry and google.cloud.audit.AuditLog), not as audit.k8s.io. What is
 * the same thing by another name is mapped; what has no counterpart is left out. The Event says by
 * an annotation that it was made so.
 */
#include "cli/import/import_unwrap.h"

#define MARK "\"import.holdpoint.dev/from\":\"cloudaudit.googleapis.com\""

struct entry {
	struct buf *out;
	const struct json_doc *d;
	json_ref entry, payload;
	struct arena *arena;
};

/* What resourceName says: "core/v1/namespaces/shop/secrets/db", "rbac.authorization.k8s.io/v1/…".
 */
struct place {
	struct span group, version, ns, resource, name, subresource, path;
	bool is_object;
};

static struct span text_at(const struct entry *m, json_ref base, const char *pointer)
{
	return json_string(m->d, json_pointer(m->d, base, span_of(pointer)), m->arena);
}

static void put_text(const struct entry *m, const char *key, struct span value)
{
	if (value.len == 0)
		return;
	json_put_key(m->out, key);
	json_put_string(m->out, value);
}

/* ---- who ---- */

static void put_user(const struct entry *m)
{
	struct span name = text_at(m, m->payload, "/authenticationInfo/principalEmail"),
		    subject = text_at(m, m->payload, "/authenticationInfo/principalSubject"),
		    selector = text_at(m, m->payload, "/authenticationInfo/authoritySelector");

	json_put_key(m->out, "user");
	buf_add_char(m->out, '{');
	put_text(m, "username", name.len > 0 ? name : subject);
	if (name.len > 0 && subject.len > 0) {
		json_put_key(m->out, "extra");
		buf_add_str(m->out, "{\"principalSubject\":[");
		json_put_string(m->out, subject);
		buf_add_str(m->out, "]}");
	}
	buf_add_char(m->out, '}');
	if (selector.len > 0) {
		json_put_key(m->out, "impersonatedUser");
		buf_add_char(m->out, '{');
		put_text(m, "username", selector);
		buf_add_char(m->out, '}');
	}
}

/* ---- what ---- */

static struct span next_part(struct span *rest)
{
	const char *slash = memchr(rest->ptr, '/', rest->len);
	struct span part = {rest->ptr, slash ? (size_t)(slash - rest->ptr) : rest->len};
	const size_t used = part.len + (slash != NULL);

	rest->ptr += used;
	rest->len -= used;
	return part;
}

static struct place read_place(struct span resource_name)
{
	struct place p = {.path = resource_name};
	struct span rest = resource_name, first;

	p.group = next_part(&rest);
	if (rest.len == 0 || *rest.ptr != 'v')
		return p; /* "healthz", "openapi/v2": a path */
	p.version = next_part(&rest);
	if (rest.len == 0)
		return p;
	p.is_object = true;
	if (span_eq_str(p.group, "core"))
		p.group = SPAN("");
	first = next_part(&rest);
	if (span_eq_str(first, "namespaces") && rest.len > 0) {
		struct span ns = next_part(&rest), after = next_part(&rest);

		/* A namespace itself stands in itself: /api/v1/namespaces/shop[/status]. */
		if (after.len == 0 || span_eq_str(after, "status") ||
			span_eq_str(after, "finalize")) {
			p.resource = first;
			p.ns = p.name = ns;
			p.subresource = after;
			return p;
		}
		p.ns = ns;
		first = after;
	}
	p.resource = first;
	p.name = next_part(&rest);
	p.subresource = rest;
	return p;
}

/* "io.k8s.core.v1.pods.exec.create": the last word. */
static struct span verb_of(struct span method)
{
	for (size_t i = method.len; i > 0; i--)
		if (method.ptr[i - 1] == '.')
			return (struct span){method.ptr + i, method.len - i};
	return method;
}

static void put_uri(const struct entry *m, const struct place *p)
{
	struct buf uri _cleanup_(buf_free) = BUF_INIT(1 << 16);

	if (!p->is_object)
		buf_printf(&uri, "/%.*s", SPAN_FMT(p->path));
	else if (p->group.len == 0)
		buf_printf(&uri, "/api/%.*s", (int)(p->path.len - 5), p->path.ptr + 5);
	else
		buf_printf(&uri, "/apis/%.*s", SPAN_FMT(p->path));
	m->out->failed |= uri.failed;
	put_text(m, "requestURI", buf_span(&uri));
}

static void put_object_ref(const struct entry *m, const struct place *p)
{
	if (!p->is_object)
		return;
	json_put_key(m->out, "objectRef");
	buf_add_char(m->out, '{');
	put_text(m, "resource", p->resource);
	put_text(m, "namespace", p->ns);
	put_text(m, "name", p->name);
	put_text(m, "apiGroup", p->group);
	put_text(m, "apiVersion", p->version);
	put_text(m, "subresource", p->subresource);
	buf_add_char(m->out, '}');
}

/* An object without "@type"; kind and apiVersion of "core.k8s.io/v1.Secret" where they are absent.
 */
static void put_object(const struct entry *m, const char *key, json_ref object)
{
	struct span type = text_at(m, object, "/@type"), version = type, kind = {0};
	bool first = true;

	if (json_type(m->d, object) != JSON_OBJECT)
		return;
	for (size_t i = type.len; i > 0 && !kind.ptr; i--)
		if (type.ptr[i - 1] == '.') {
			kind = (struct span){type.ptr + i, type.len - i};
			version.len = i - 1;
		}
	if (version.len > 12 && memcmp(version.ptr, "core.k8s.io/", 12) == 0)
		version = (struct span){version.ptr + 12, version.len - 12};
	json_put_key(m->out, key);
	buf_add_char(m->out, '{');
	if (kind.ptr && json_get_str(m->d, object, "kind") == JSON_NONE) {
		put_text(m, "kind", kind);
		if (json_get_str(m->d, object, "apiVersion") == JSON_NONE)
			put_text(m, "apiVersion", version);
		first = false;
	}
	json_foreach_member (k, m->d, object) {
		if (json_string_is(m->d, k, SPAN("@type")))
			continue;
		buf_add_str(m->out, first ? "" : ",");
		first = false;
		buf_add_span(m->out, json_text(m->d, k));
		buf_add_char(m->out, ':');
		buf_add_span(m->out, json_text(m->d, k + 1));
	}
	buf_add_char(m->out, '}');
}

/* ---- how it ended ---- */

/* google.rpc.Code as the HTTP status that stands for it, from google/rpc/code.proto. */
static int64_t http_status(int64_t code)
{
	static const int16_t statuses[] = {200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409,
		400, 501, 500, 503, 500, 401};

	return code >= 0 && code < (int64_t)ARRAY_LEN(statuses) ? statuses[code] : 500;
}

static void put_status(const struct entry *m, bool denied)
{
	const json_ref response = json_get_str(m->d, m->payload, "response");
	struct span message = text_at(m, m->payload, "/status/message"),
		    reason = text_at(m, response, "/reason");
	int64_t code = 0, said;

	if (json_int64(m->d, json_pointer_str(m->d, m->payload, "/status/code"), &code) < 0)
		code = denied ? 7 : 0;
	code = http_status(code);
	/* metav1.Status says it itself. */
	if (json_string_is(m->d, json_get_str(m->d, response, "kind"), SPAN("Status")) &&
		json_int64(m->d, json_get_str(m->d, response, "code"), &said) == 0)
		code = said;
	json_put_key(m->out, "responseStatus");
	buf_add_str(m->out, "{\"metadata\":{}");
	put_text(m, "message", message);
	put_text(m, "reason", reason);
	json_put_key(m->out, "code");
	json_put_int(m->out, code);
	buf_add_char(m->out, '}');
}

static bool was_denied(const struct entry *m)
{
	json_foreach (info, m->d, json_get_str(m->d, m->payload, "authorizationInfo")) {
		if (json_type(m->d, json_get_str(m->d, info, "granted")) == JSON_FALSE)
			return true;
	}
	return false;
}

/* An entry's labels are the annotations of the API server's event. */
static void put_annotations(const struct entry *m)
{
	json_put_key(m->out, "annotations");
	buf_add_str(m->out, "{" MARK);
	json_foreach_member (k, m->d, json_get_str(m->d, m->entry, "labels")) {
		if (json_type(m->d, k + 1) != JSON_STRING)
			continue;
		buf_add_char(m->out, ',');
		buf_add_span(m->out, json_text(m->d, k));
		buf_add_char(m->out, ':');
		buf_add_span(m->out, json_text(m->d, k + 1));
	}
	buf_add_char(m->out, '}');
}

/* ---- the event ---- */

static const char *level_of(const struct entry *m)
{
	if (json_type(m->d, json_get_str(m->d, m->payload, "response")) == JSON_OBJECT)
		return "RequestResponse";
	return json_type(m->d, json_get_str(m->d, m->payload, "request")) == JSON_OBJECT
		       ? "Request"
		       : "Metadata";
}

/* A call that goes on, such as exec, is written when it begins and when it ends. */
static const char *stage_of(const struct entry *m)
{
	const json_ref operation = json_get_str(m->d, m->entry, "operation");

	return json_type(m->d, json_get_str(m->d, operation, "first")) == JSON_TRUE &&
			       json_type(m->d, json_get_str(m->d, operation, "last")) != JSON_TRUE
		       ? "ResponseStarted"
		       : "ResponseComplete";
}

static void put_whence(const struct entry *m)
{
	struct span address = text_at(m, m->payload, "/requestMetadata/callerIp");

	if (address.len > 0) {
		json_put_key(m->out, "sourceIPs");
		buf_add_char(m->out, '[');
		json_put_string(m->out, address);
		buf_add_char(m->out, ']');
	}
	put_text(
		m, "userAgent", text_at(m, m->payload, "/requestMetadata/callerSuppliedUserAgent"));
}

enum import_mapped import_map_cloud_audit(
	struct buf *out, const struct json_doc *d, json_ref entry, struct arena *arena)
{
	const struct entry m = {out, d, entry, json_get_str(d, entry, "protoPayload"), arena};
	struct span id = text_at(&m, entry, "/operation/id"),
		    method = text_at(&m, m.payload, "/methodName"),
		    name = text_at(&m, m.payload, "/resourceName"),
		    time = text_at(&m, entry, "/timestamp"),
		    received = text_at(&m, m.payload, "/requestMetadata/requestAttributes/time");
	struct place place;

	if (!json_string_is(d, json_get_str(d, m.payload, "serviceName"), SPAN("k8s.io")))
		return IMPORT_NOT_KUBERNETES;
	if (id.len == 0)
		id = text_at(&m, entry, "/insertId");
	if (id.len == 0 || method.len == 0 || name.len == 0 || time.len == 0)
		return IMPORT_NOT_COMPLETE;
	place = read_place(name);
	buf_add_char(out, '{');
	put_text(&m, "level", span_of(level_of(&m)));
	put_text(&m, "auditID", id);
	put_text(&m, "stage", span_of(stage_of(&m)));
	put_uri(&m, &place);
	put_text(&m, "verb", verb_of(method));
	put_user(&m);
	put_whence(&m);
	put_object_ref(&m, &place);
	put_status(&m, was_denied(&m));
	put_object(&m, "requestObject", json_get_str(d, m.payload, "request"));
	put_object(&m, "responseObject", json_get_str(d, m.payload, "response"));
	put_text(&m, "requestReceivedTimestamp", received.len > 0 ? received : time);
	put_text(&m, "stageTimestamp", time);
	put_annotations(&m);
	buf_add_char(out, '}');
	return IMPORT_MAPPED;
}
