/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange up to the handler, driven by libmicrohttpd: the request line, the headers (where
 * everything that can be refused is refused, because a reply can be queued only then or after the
 * last byte), the body into one buffer, the handler.
 */
#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/http_internal.h"

#define BODY_IN_ARENA 1024
#define CHUNKED_FIRST (16 * 1024)
#define RETRY_AFTER_S 1

void *http_request_begin(void *server, const char *uri, struct MHD_Connection *mhd)
{
	struct http_server *s = server;
	struct http_conn *c =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	struct http_request *r = c ? http_request_new(s) : NULL;

	if (!r)
		return NULL;
	*r = (struct http_request){.server = s, .arena = r->arena, .conn = c, .mhd = mhd};
	atomic_store_explicit(&r->refs, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	atomic_fetch_add(&s->active, 1);
	r->start_us = monotonic_us();
	/* A NUL in the path would end it early, and another route would be taken. */
	r->bad_uri = strstr(uri, "%00") != NULL;
	http_conn_set_deadline(c);
	return r;
}

void http_request_end(void *server, struct MHD_Connection *mhd, void **request,
	enum MHD_RequestTerminationCode why)
{
	struct http_server *s = server;
	struct http_request *r = *request;
	(void)mhd, (void)why;

	if (!r)
		return;
	*request = NULL;
	http_transport_end_request(r->conn);
	atomic_store_explicit(&r->conn->busy, false, memory_order_relaxed);
	atomic_store(&r->conn->deadline_us, 0);
	if (r->response) /* never queued: the connection ended first */
		MHD_destroy_response(r->response);
	r->response = NULL;
	http_request_unref(r);
	atomic_fetch_sub(&s->active, 1);
}

/* ---- refusing ---- */

static enum MHD_Result refuse(struct http_request *r, unsigned status, const char *why)
{
	atomic_store(&r->state, REQ_HANDLING);
	http_reply_error(r, status, "%s", why);
	return http_reply_queue(r);
}

static enum MHD_Result refuse_busy(struct http_request *r)
{
	char text[96];
	int n = snprintf(
		text, sizeof(text), "{\"error\":\"too many bytes in flight, try again\"}\n");
	const struct http_answer answer = {.status = MHD_HTTP_SERVICE_UNAVAILABLE,
		.body = {text, (size_t)n},
		.retry_after_s = RETRY_AFTER_S};

	http_count_refusal(r->server, HTTP_REFUSED_BUDGET);
	atomic_store(&r->state, REQ_HANDLING);
	http_reply(r, &answer);
	return http_reply_queue(r);
}

static enum MHD_Result refuse_too_large(struct http_request *r)
{
	char why[96];
	http_count_refusal(r->server, HTTP_REFUSED_TOO_LARGE);
	snprintf(why, sizeof(why), "the body is larger than %zu bytes",
		r->server->config.max_body_bytes);
	return refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, why);
}

/* ---- routes ---- */

static bool route_has_path(const struct http_route *route, struct span path)
{
	size_t len = strlen(route->path);
	if (path.len < len || memcmp(path.ptr, route->path, len) != 0)
		return false;
	return path.len == len || (route->prefix && path.ptr[len] == '/');
}

static bool content_type_fits(struct span given, const char *wanted)
{
	const char *semicolon = given.len ? memchr(given.ptr, ';', given.len) : NULL;
	size_t len = semicolon ? (size_t)(semicolon - given.ptr) : given.len;
	while (len > 0 && (given.ptr[len - 1] == ' ' || given.ptr[len - 1] == '\t'))
		len--;
	return given.len > 0 && len == strlen(wanted) && strncasecmp(given.ptr, wanted, len) == 0;
}

/* "GET, POST" for a path whose routes have other methods than the one asked for. */
static enum MHD_Result refuse_method(struct http_request *r)
{
	char allow[64] = "";
	size_t len = 0;
	for (const struct http_route *t = r->server->config.routes; t->method; t++) {
		if (!route_has_path(t, r->path) || strstr(allow, t->method))
			continue;
		int n = snprintf(
			allow + len, sizeof(allow) - len, "%s%s", len ? ", " : "", t->method);
		len += n > 0 && (size_t)n < sizeof(allow) - len ? (size_t)n : 0;
	}
	atomic_store(&r->state, REQ_HANDLING);
	http_reply_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only %s here", allow);
	if (r->response)
		MHD_add_response_header(r->response, MHD_HTTP_HEADER_ALLOW, allow);
	return http_reply_queue(r);
}

/* RFC 9110, 8.4: what is not read is named, with what is instead. */
static enum MHD_Result refuse_encoding(struct http_request *r, struct span encoding)
{
	const int shown = encoding.len < 40 ? (int)encoding.len : 40;

	atomic_store(&r->state, REQ_HANDLING);
	http_reply_error(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
		"Content-Encoding %.*s is not read: send the body as it is", shown, encoding.ptr);
	if (r->response)
		MHD_add_response_header(r->response, MHD_HTTP_HEADER_ACCEPT_ENCODING, "identity");
	return http_reply_queue(r);
}

/* Finds the route, or answers why there is none (then returns true). */
static bool refused_by_route(struct http_request *r, const char *method,
	const struct http_framing *f, enum MHD_Result *ret)
{
	bool path_known = false;
	for (const struct http_route *t = r->server->config.routes; t->method; t++) {
		if (!route_has_path(t, r->path))
			continue;
		path_known = true;
		if (strcmp(t->method, method) == 0) {
			r->route = t;
			break;
		}
	}
	if (!path_known)
		*ret = refuse(r, MHD_HTTP_NOT_FOUND, "no such path");
	else if (!r->route)
		*ret = refuse_method(r);
	else if (r->route->content_type &&
		 !content_type_fits(f->content_type, r->route->content_type))
		*ret = refuse(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "wrong Content-Type");
	else if (f->content_encoding.len > 0)
		*ret = refuse_encoding(r, f->content_encoding);
	else
		return false;
	return true;
}

/* ---- body ---- */

static bool reserve(struct http_request *r, size_t bytes)
{
	struct http_server *s = r->server;
	size_t before = atomic_fetch_add(&s->inflight_bytes, bytes);

	if (before + bytes > s->config.max_inflight_bytes) {
		atomic_fetch_sub(&s->inflight_bytes, bytes);
		return false;
	}
	r->reserved += bytes;
	http_count_bytes(s, (int64_t)bytes);
	return true;
}

/* Room for a body of exactly len bytes and the NUL after it. Many bodies may be on their way at
 * once: none makes an arena grow that holds nothing yet. */
static bool allocate_body(struct http_request *r, size_t len)
{
	r->body_malloced = len > BODY_IN_ARENA || arena_reserved(r->arena) == 0;
	r->body = r->body_malloced ? malloc(len + 1) : arena_alloc(r->arena, len + 1);
	r->body_cap = len;
	if (!r->body)
		r->body_malloced = false;
	return r->body != NULL;
}

/* Chunked: the length is known at the end only. */
static bool grow_body(struct http_request *r, size_t needed)
{
	size_t cap = r->body_cap ? r->body_cap : CHUNKED_FIRST;
	while (cap < needed)
		cap *= 2;
	if (cap > r->server->config.max_body_bytes)
		cap = r->server->config.max_body_bytes;
	if (!reserve(r, cap - r->body_cap)) {
		r->refusal = MHD_HTTP_SERVICE_UNAVAILABLE;
		return false;
	}
	char *grown = realloc(r->body, cap + 1);
	if (!grown) {
		r->refusal = MHD_HTTP_SERVICE_UNAVAILABLE;
		return false;
	}
	r->body = grown;
	r->body_malloced = true;
	r->body_cap = cap;
	return true;
}

static void start_discarding(struct http_request *r)
{
	if (r->body_malloced)
		free(r->body);
	r->body = NULL;
	r->body_malloced = false;
	http_request_release_bytes(r);
	atomic_store(&r->state, REQ_DISCARDING);
}

static enum MHD_Result take_body(struct http_request *r, const char *data, size_t len)
{
	if (len > r->server->config.max_body_bytes - r->body_len) {
		r->refusal = MHD_HTTP_CONTENT_TOO_LARGE;
		start_discarding(r);
	} else if (r->body_len + len > r->body_cap && !grow_body(r, r->body_len + len)) {
		start_discarding(r);
	} else {
		memcpy(r->body + r->body_len, data, len);
	}
	r->body_len += len;
	return MHD_YES;
}

/* Nothing can be answered in the middle of a body: wait for its end, within reason. */
static enum MHD_Result discard_body(struct http_request *r, size_t len)
{
	r->body_len += len;
	return r->body_len > 2 * r->server->config.max_body_bytes ? MHD_NO : MHD_YES;
}

/* ---- the exchange ---- */

static enum MHD_Result dispatch(struct http_request *r)
{
	atomic_store_explicit(&r->conn->busy, true, memory_order_relaxed);
	atomic_store(&r->conn->deadline_us, 0);
	if (atomic_load(&r->state) == REQ_DISCARDING)
		return r->refusal == MHD_HTTP_CONTENT_TOO_LARGE ? refuse_too_large(r)
								: refuse_busy(r);
	if (r->body)
		r->body[r->body_len] = 0;
	/* Until here it was libmicrohttpd's. */
	r->path.ptr = arena_strndup(r->arena, r->path.ptr, r->path.len);
	if (!r->path.ptr)
		return MHD_NO;
	atomic_store(&r->state, REQ_HANDLING);
	r->route->handler(r, r->route->userdata);
	/* Once suspended, r is the worker's: only this thread's own flag may be looked at. */
	if (r->suspended)
		return MHD_YES;
	if (!r->response)
		http_reply_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "no answer");
	return http_reply_queue(r);
}

static enum MHD_Result after_headers(
	struct http_request *r, const char *url, const char *method, const char *version)
{
	struct http_framing f = {0};
	const char *why = http_head_read(r->mhd, method, url, version, &f);
	enum MHD_Result ret;

	/* Of chunks there are as many readings as readers: nothing may follow them. */
	r->last = f.last || why;
	if (why) {
		http_count_refusal(r->server, HTTP_REFUSED_FRAMING);
		return refuse(r, MHD_HTTP_BAD_REQUEST, why);
	}
	if (r->bad_uri)
		return refuse(r, MHD_HTTP_BAD_REQUEST, "NUL in the path");
	r->path = span_of(url);
	if (refused_by_route(r, method, &f, &ret))
		return ret;
	if (f.length > r->server->config.max_body_bytes)
		return refuse_too_large(r);
	if (f.length > 0 && (!reserve(r, f.length) || !allocate_body(r, f.length)))
		return refuse_busy(r);
	atomic_store(&r->state, REQ_READING);
	return MHD_YES;
}

enum MHD_Result http_request_step(void *server, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *data_len, void **request)
{
	struct http_request *r = *request;
	size_t len = *data_len;
	(void)server, (void)mhd;

	if (!r)
		return MHD_NO;
	*data_len = 0;
	switch (atomic_load(&r->state)) {
	case REQ_NEW:
		*data_len = len;
		return after_headers(r, url, method, version);
	case REQ_READING:
		return len > 0 ? take_body(r, data, len) : dispatch(r);
	case REQ_DISCARDING:
		return len > 0 ? discard_body(r, len) : dispatch(r);
	case REQ_ANSWERED:
		return http_reply_queue(r);
	default:
		return MHD_YES; /* suspended: libmicrohttpd does not call then */
	}
}

/* ---- what handlers see ---- */

struct span http_request_body(const struct http_request *r)
{
	return (struct span){r->body ? r->body : "", r->body ? r->body_len : 0};
}

void http_request_drop_body(struct http_request *r)
{
	if (r->body_malloced)
		free(r->body);
	r->body = NULL;
	r->body_malloced = false;
	r->body_len = r->body_cap = 0;
}

void http_request_release(struct http_request *r)
{
	http_request_drop_body(r);
	r->path = (struct span){0};
	arena_release(r->arena);
}

struct span http_request_path(const struct http_request *r)
{
	return r->path;
}

static struct span lookup(const struct http_request *r, enum MHD_ValueKind kind, const char *name)
{
	const char *value = NULL;
	size_t len = 0;
	/* A worker's request may outlive its connection, when the server stops. */
	assert(!r->suspended);
	if (MHD_lookup_connection_value_n(r->mhd, kind, name, strlen(name), &value, &len) !=
		MHD_YES)
		return (struct span){0};
	return (struct span){value ? value : "", value ? len : 0};
}

struct span http_request_query(const struct http_request *r, const char *name)
{
	return lookup(r, MHD_GET_ARGUMENT_KIND, name);
}

struct span http_request_header(const struct http_request *r, const char *name)
{
	return lookup(r, MHD_HEADER_KIND, name);
}

struct span http_request_client_name(const struct http_request *r)
{
	return span_of(r->conn->client_name);
}

struct span http_request_peer(const struct http_request *r)
{
	return span_of(r->conn->peer);
}

uint64_t http_request_start_us(const struct http_request *r)
{
	return r->start_us;
}

struct arena *http_request_arena(struct http_request *r)
{
	return r->arena;
}
