/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kind: list, watch, watch on, and again. What goes wrong is waited for longer and longer, up
 * to some seconds, by a time of which half is drawn, so that not all replicas come back at once.
 */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/crypto.h"
#include "common/base/log.h"
#include "webhook/cache/kube_cache_internal.h"

#define ARENA_MAX      ((size_t)128 << 20)
#define PATH_MAX_BYTES 8192
#define BACKOFF_MIN_MS 100u
#define BACKOFF_MAX_MS 8000u
#define REFUSED_MS     2000 /* at least, where it would be refused again */
#define COUNT_MS       1000
#define BROKEN_MAX     3 /* watches, then the version may be the reason: a database put back */

bool reflector_is_over(void *arg)
{
	struct reflector *r = arg;

	reflector_count_objects(r);
	return r->stopping;
}

void reflector_put_escaped(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c))
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

void reflector_put_group(struct reflector *r)
{
	const struct cluster_kind *k = &r->kind;

	buf_reset(&r->path);
	buf_add_str(&r->path, k->group.len > 0 ? "/apis/" : "/api/");
	reflector_put_escaped(&r->path, k->group);
	if (k->group.len > 0)
		buf_add_char(&r->path, '/');
	reflector_put_escaped(&r->path, k->version);
}

void reflector_put_path(struct reflector *r)
{
	const struct cluster_kind *k = &r->kind;

	reflector_put_group(r);
	if (k->namespace_.len > 0 && !r->in_no_namespace) {
		buf_add_str(&r->path, "/namespaces/");
		reflector_put_escaped(&r->path, k->namespace_);
	}
	buf_add_char(&r->path, '/');
	reflector_put_escaped(&r->path, span_of(r->resource));
	buf_add_char(&r->path, '?');
	if (k->name.len > 0) {
		buf_add_str(&r->path, "fieldSelector=metadata.name%3D");
		reflector_put_escaped(&r->path, k->name);
		buf_add_char(&r->path, '&');
	}
}

/* ---- counters ---- */

static int64_t left_out_of(const struct object_table *t)
{
	int64_t n = 0;

	for (size_t i = 0; i < t->count; i++)
		n += t->items[i]->left_out;
	return n;
}

void reflector_count_objects(struct reflector *r)
{
	int64_t age_s = -1, count, left_out, now_ms = monotonic_ms();

	if (now_ms - r->counted_at_ms < COUNT_MS)
		return;
	r->counted_at_ms = now_ms;
	pthread_mutex_lock(&r->cache->lock);
	if (r->filled)
		age_s = (now_ms - r->fresh_at_ms) / 1000;
	count = (int64_t)r->table.count;
	pthread_mutex_unlock(&r->cache->lock);
	left_out = left_out_of(&r->table); /* only this thread changes it */
	cache_set_for(CACHE_AGE, r->kind.kind, age_s);
	cache_set_for(CACHE_OBJECTS, r->kind.kind, count);
	cache_set_for(CACHE_LEFT_OUT, r->kind.kind, left_out);
	cache_set(CACHE_BYTES, (int64_t)atomic_load(&r->cache->budget.bytes));
}

/* ---- waiting ---- */

/* Until then, or until it is time to stop. */
static void rest(struct reflector *r, int64_t ms)
{
	const int64_t until_us = monotonic_us() + ms * 1000;

	for (int64_t now_us; !r->stopping && (now_us = monotonic_us()) < until_us;) {
		const int64_t at_us = now_us + (int64_t)COUNT_MS * 1000;

		reflector_count_objects(r);
		pthread_mutex_lock(&r->cache->lock);
		if (!r->stopping)
			wait_until_us(&r->cache->wake, &r->cache->lock,
				at_us < until_us ? at_us : until_us);
		pthread_mutex_unlock(&r->cache->lock);
	}
}

/* Of a time that doubles, half and a part of the other half. */
static int64_t backoff_ms(unsigned failures)
{
	const unsigned shift = failures < 10 ? failures : 10;
	unsigned ms = BACKOFF_MIN_MS << shift;
	uint32_t random;

	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	random_bytes(&random, sizeof(random));
	return ms / 2 + random % (ms / 2 + 1);
}

static void failed(struct reflector *r, const struct err *e, int64_t at_least_ms)
{
	int64_t ms = backoff_ms(r->failures++);

	if (r->stopping)
		return;
	if (at_least_ms > (int64_t)BACKOFF_MAX_MS)
		at_least_ms = BACKOFF_MAX_MS;
	if (!r->complained) /* until it is well again */
		log_warn("cluster_not_read", LOG_SPAN("kind", r->kind.kind),
			LOG_STR("error", e->msg));
	r->complained = true;
	rest(r, ms > at_least_ms ? ms : at_least_ms);
}

void reflector_is_well(struct reflector *r)
{
	r->failures = 0;
	if (r->complained)
		log_info("cluster_read_again", LOG_SPAN("kind", r->kind.kind));
	r->complained = false;
}

/* ---- the round ---- */

static void list(struct reflector *r)
{
	struct err e = {0};

	if (!r->resource[0] && reflector_find(r, &e) != 0) {
		failed(r, &e, r->refused ? REFUSED_MS : 0);
		return;
	}
	if (reflector_list(r, &e) == 0) {
		r->gone = false;
		cache_count(CACHE_LISTS, 0);
		log_info("cluster_listed", LOG_SPAN("kind", r->kind.kind),
			LOG_INT("objects", r->table.count));
		return;
	}
	if (r->refused && r->kind.resource.len == 0)
		r->resource[0] = 0; /* its definition may have changed */
	failed(r, &e, r->refused ? REFUSED_MS : 0);
}

static void watch(struct reflector *r)
{
	struct http_client_answer answer = {0};
	const int64_t began_ms = monotonic_ms();
	struct err e = {0};

	switch (reflector_watch(r, &answer, &e)) {
	case WATCH_OVER:
		if (monotonic_ms() - began_ms >= BACKOFF_MIN_MS)
			return;
		err_set(&e, "the API server ends watches at once");
		break;
	case WATCH_BROKEN:
		r->gone = r->failures + 1 >= BROKEN_MAX;
		break;
	case WATCH_TOO_OLD:
		r->gone = true;
		if (r->failures++ == 0)
			return;
		break;
	case WATCH_CONFUSED:
		r->gone = true;
		break;
	}
	failed(r, &e, answer.retry_after_s * 1000);
}

static void *run(void *arg)
{
	struct reflector *r = arg;

	r->gone = true;
	while (!r->stopping)
		if (r->gone)
			list(r);
		else
			watch(r);
	return NULL;
}

/* ---- life ---- */

static struct span keep_text(char **to, struct span s)
{
	const struct span kept = {*to, s.len};

	if (s.len > 0)
		*to = mempcpy(*to, s.ptr, s.len);
	return kept;
}

static int copy_kind(struct reflector *r, const struct cluster_kind *kind)
{
	struct span *const texts[] = {&r->kind.group, &r->kind.version, &r->kind.kind,
		&r->kind.resource, &r->kind.namespace_, &r->kind.name};
	size_t len = 1;
	char *to;

	if (kind->resource.len >= sizeof(r->resource) || kind->index_count > CLUSTER_INDEXES_MAX)
		return -1;
	r->kind = *kind;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		len += texts[i]->len;
	for (size_t i = 0; i < kind->index_count; i++)
		len += kind->indexes[i].len;
	r->texts = to = malloc(len);
	if (!to)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = keep_text(&to, *texts[i]);
	for (size_t i = 0; i < kind->index_count; i++)
		r->indexes[i] = keep_text(&to, kind->indexes[i]);
	r->kind.indexes = r->indexes;
	r->keeps = (struct object_kind){&r->cache->budget, r->indexes, kind->index_count};
	snprintf(r->resource, sizeof(r->resource), "%.*s", SPAN_FMT(r->kind.resource));
	return 0;
}

static void free_parts(struct reflector *r)
{
	for (size_t i = 0; i < ARRAY_LEN(r->index); i++)
		object_index_free(&r->index[i]);
	object_table_clear(&r->table);
	object_table_clear(&r->listing);
	kube_api_free(r->api);
	arena_free(r->arena);
	buf_free(&r->path);
	buf_free(&r->page);
	buf_free(&r->again);
	free(r->texts);
	free(r);
}

struct reflector *reflector_new(
	struct kube_cache *c, const struct cluster_kind *kind, struct err *e)
{
	struct reflector *r = calloc(1, sizeof(*r));

	if (!r) {
		err_set(e, "out of memory");
		return NULL;
	}
	r->cache = c;
	r->path = BUF_INIT(PATH_MAX_BYTES);
	r->page = BUF_INIT(REFLECTOR_PAGE_MAX);
	r->again = BUF_INIT(PATH_MAX_BYTES);
	r->arena = arena_new(1 << 16, ARENA_MAX);
	r->api = kube_api_new(&c->config.api);
	if (copy_kind(r, kind) != 0 || !r->arena || !r->api) {
		err_set(e, "out of memory");
	} else {
		const int rc = pthread_create(&r->thread, NULL, run, r);

		if (rc == 0)
			return r;
		err_set_errno(e, rc, "no thread to watch %.*s", SPAN_FMT(kind->kind));
	}
	free_parts(r);
	return NULL;
}

void reflector_stop(struct reflector *r)
{
	r->stopping = true;
}

void reflector_free(struct reflector *r)
{
	pthread_join(r->thread, NULL);
	cache_set_for(CACHE_AGE, r->kind.kind, -1);
	cache_set_for(CACHE_OBJECTS, r->kind.kind, 0);
	cache_set_for(CACHE_LEFT_OUT, r->kind.kind, 0);
	free_parts(r);
}
