/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers, and requests that wait for one. http_reply() in the handler only prepares the response,
 * which is queued when the handler returns. From a worker it prepares it and resumes the
 * connection, whose thread then queues it.
 *
 * http_server_stop() may have to answer in a worker's place. It then marks the request abandoned:
 * the object lives on until the worker's own http_reply(), which finds the mark and only lets go.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/http/http_internal.h"
#include "common/json/json.h"

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	/* Fails for lack of memory only; the answer's body matters more. */
	(void)MHD_add_response_header(response, name, value);
}

static struct MHD_Response *make_response(struct http_request *r, const struct http_answer *a)
{
	/* In the request's arena the body lives exactly as long as libmicrohttpd may send it. */
	char *copy = arena_strndup(r->arena, a->body.ptr ? a->body.ptr : "", a->body.len);
	struct MHD_Response *response = MHD_create_response_from_buffer(a->body.len,
		copy ? copy : (void *)(uintptr_t)a->body.ptr,
		copy ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
	char seconds[16];

	if (!response)
		return NULL;
	add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
		a->content_type ? a->content_type : "application/json");
	if (a->retry_after_s > 0) {
		snprintf(seconds, sizeof(seconds), "%u", a->retry_after_s);
		add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	}
	if (r->last || r->server->config.side_listener ||
		atomic_load_explicit(&r->server->draining, memory_order_relaxed))
		add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	return response;
}

enum MHD_Result http_reply_queue(struct http_request *r)
{
	if (!r->response) /* memory was short: nothing but closing is left */
		return MHD_NO;
	struct MHD_Response *response = TAKE_PTR(r->response);
	http_count_reply(r->server, r->status, monotonic_us() - r->start_us);
	if (r->body_follows)
		http_transport_expect_body(r->conn, r->arena);
	/* A client that reads as slowly as it can is never inactive: libmicrohttpd would wait on.
	 */
	http_conn_set_deadline(r->conn);
	enum MHD_Result rc = MHD_queue_response(r->mhd, r->status, response);
	MHD_destroy_response(response);
	return rc;
}

/* ---- suspended requests ---- */

/* Under suspended_lock. */
static void unlink_suspended(struct http_request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		r->server->suspended_list = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->prev = r->next = NULL;
}

int http_suspend(struct http_request *r)
{
	struct http_server *s = r->server;

	assert(!r->suspended && !r->response && atomic_load(&r->state) == REQ_HANDLING);
	if (atomic_fetch_add(&s->suspended, 1) >= s->config.max_suspended) {
		atomic_fetch_sub(&s->suspended, 1);
		http_count_refusal(s, HTTP_REFUSED_SUSPENDED);
		return -1;
	}
	http_count_suspended(s, 1);
	r->suspended = true;
	atomic_store(&r->state, REQ_SUSPENDED);
	atomic_fetch_add(&r->refs, 1);
	MHD_suspend_connection(r->mhd);
	pthread_mutex_lock(&s->suspended_lock);
	r->next = s->suspended_list;
	if (r->next)
		r->next->prev = r;
	s->suspended_list = r;
	pthread_mutex_unlock(&s->suspended_lock);
	return 0;
}

/* Under suspended_lock. */
static void resume(struct http_request *r, unsigned status, struct MHD_Response *response)
{
	assert(atomic_load(&r->state) == REQ_SUSPENDED && !r->response);
	assert(atomic_load(&r->server->suspended) > 0);
	r->status = status;
	r->response = response;
	atomic_store(&r->state, REQ_ANSWERED);
	MHD_resume_connection(r->mhd);
	http_count_suspended(r->server, -1);
}

static void reply_suspended(struct http_request *r, const struct http_answer *answer)
{
	struct http_server *s = r->server;

	pthread_mutex_lock(&s->suspended_lock);
	bool abandoned = r->abandoned;
	if (!abandoned)
		unlink_suspended(r);
	pthread_mutex_unlock(&s->suspended_lock);
	if (abandoned) {
		http_request_unref(r);
		return;
	}
	struct MHD_Response *response = make_response(r, answer);
	r->body_follows = answer->body.len > 0;
	pthread_mutex_lock(&s->suspended_lock);
	resume(r, answer->status, response);
	/* The server may be freed as soon as none is suspended. */
	http_request_unref(r);
	atomic_fetch_sub(&s->suspended, 1);
	pthread_mutex_unlock(&s->suspended_lock);
}

void http_reply(struct http_request *r, const struct http_answer *answer)
{
	if (r->suspended) {
		reply_suspended(r, answer);
		return;
	}
	assert(!r->response); /* one answer a request */
	r->status = answer->status;
	r->response = make_response(r, answer);
	r->body_follows = answer->body.len > 0;
	atomic_store(&r->state, REQ_ANSWERED);
}

void http_reply_error(struct http_request *r, unsigned status, const char *fmt, ...)
{
	struct buf body _cleanup_(buf_free) = BUF_INIT(8192);
	char text[1024];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	buf_add_str(&body, "{\"error\":");
	json_put_string(&body, (struct span){text, len});
	buf_add_str(&body, "}\n");
	http_reply(r, &(struct http_answer){.status = status,
			      .body = body.failed ? SPAN("{\"error\":\"\"}\n") : buf_span(&body)});
}

unsigned http_abandon_suspended(struct http_server *s)
{
	static const char gone[] = "{\"error\":\"the server is stopping\"}\n";

	pthread_mutex_lock(&s->suspended_lock);
	while (s->suspended_list) {
		struct http_request *r = s->suspended_list;
		struct MHD_Response *response = MHD_create_response_from_buffer(
			sizeof(gone) - 1, (void *)(uintptr_t)gone, MHD_RESPMEM_PERSISTENT);
		unlink_suspended(r);
		r->abandoned = true;
		atomic_fetch_add(&s->refs, 1);
		if (response) {
			add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
			add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
			add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
		}
		resume(r, MHD_HTTP_SERVICE_UNAVAILABLE, response);
		atomic_fetch_sub(&s->suspended, 1);
	}
	/* Read under the lock: at zero no worker is inside of reply_suspended() either. */
	unsigned left = atomic_load(&s->suspended);
	pthread_mutex_unlock(&s->suspended_lock);
	return left;
}
