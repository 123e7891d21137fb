/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a request and its server live. Requests with their arenas are kept and used again, so an
 * ordinary one allocates nothing. A request that was abandoned at stop keeps its server until its
 * worker has let go of it.
 */
#include <assert.h>
#include <stdlib.h>

#include "common/http/http_internal.h"

#define ARENA_FIRST (8 * 1024) /* ten thousand may wait at once */
#define ARENA_MAX   ((size_t)256 << 20)

static struct http_request *take_cached(struct http_server *s)
{
	pthread_mutex_lock(&s->cache_lock);
	struct http_request *r = s->cache;
	if (r) {
		s->cache = r->next;
		s->cached--;
	}
	pthread_mutex_unlock(&s->cache_lock);
	return r;
}

struct http_request *http_request_new(struct http_server *s)
{
	struct http_request *r = take_cached(s);
	struct arena *arena;

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	arena = arena_new(ARENA_FIRST, ARENA_MAX);
	if (!r || !arena) {
		free(r);
		arena_free(arena);
		return NULL;
	}
	r->server = s;
	r->arena = arena;
	return r;
}

static void request_free(struct http_request *r)
{
	arena_free(r->arena);
	free(r);
}

static void recycle(struct http_request *r)
{
	struct http_server *s = r->server;
	bool kept = false;

	arena_reset(r->arena);
	pthread_mutex_lock(&s->cache_lock);
	if (s->cached < HTTP_CACHE_MAX) {
		r->next = s->cache;
		s->cache = r;
		s->cached++;
		kept = true;
	}
	pthread_mutex_unlock(&s->cache_lock);
	if (!kept)
		request_free(r);
}

void http_request_release_bytes(struct http_request *r)
{
	const size_t before = atomic_fetch_sub(&r->server->inflight_bytes, r->reserved);

	assert(before >= r->reserved);
	http_count_bytes(r->server, -(int64_t)r->reserved);
	r->reserved = 0;
}

void http_request_unref(struct http_request *r)
{
	struct http_server *s = r->server;
	bool abandoned = r->abandoned;

	const int refs = atomic_fetch_sub(&r->refs, 1);

	assert(refs > 0);
	if (refs > 1)
		return;
	if (r->body_malloced)
		free(r->body);
	http_request_release_bytes(r);
	http_conn_unref(r->conn);
	if (abandoned) {
		request_free(r);
		http_server_unref(s);
	} else {
		recycle(r);
	}
}

void http_server_unref(struct http_server *s)
{
	if (atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	while (s->cache) {
		struct http_request *r = s->cache;
		s->cache = r->next;
		request_free(r);
	}
	pthread_mutex_destroy(&s->conn_lock);
	pthread_mutex_destroy(&s->suspended_lock);
	pthread_mutex_destroy(&s->cache_lock);
	free(s);
}
