/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch: one line of JSON for each change, which is in force when its line has arrived. A line
 * that did not arrive whole changes nothing.
 */
#include <stdio.h>

#include "common/base/clock.h"
#include "webhook/cache/kube_cache_internal.h"

#define GRACE_MS     5000	/* for the server to end it */
#define REFUSAL_MAX  (64 << 10) /* read of an answer that is none */
#define WATCHES_EACH 3		/* that many in the time in which a cache becomes stale */

/* ---- one event ---- */

static int confused(struct reflector *r, const char *what)
{
	r->end = WATCH_CONFUSED;
	return err_set(&r->fault, "a watch of %.*s: %s", SPAN_FMT(r->kind.kind), what);
}

static int keep_version(struct reflector *r, const struct json_doc *d, json_ref object)
{
	const json_ref m = json_get_str(d, object, "metadata");
	const struct span version = json_string(d, json_get_str(d, m, "resourceVersion"), r->arena);

	if (version.len == 0 || version.len >= sizeof(r->version))
		return confused(r, "an event without a resourceVersion");
	snprintf(r->version, sizeof(r->version), "%.*s", SPAN_FMT(version));
	return 0;
}

static struct object *the_old(struct reflector *r, struct span namespace_, struct span name)
{
	return object_table_find(&r->table, namespace_, name); /* only this thread changes it */
}

static int changed(struct reflector *r, const struct json_doc *d, json_ref at)
{
	struct object *o =
		object_new(&r->keeps, d, at, (struct span){0}, (struct span){0}, r->arena);

	if (!o)
		return confused(r, "out of memory, or an object without a name");
	if (reflector_exchange(r, the_old(r, o->namespace_, o->name), o) != 0) {
		object_unref(o);
		return confused(r, "out of memory, or too many objects");
	}
	return 0;
}

static int deleted(struct reflector *r, const struct json_doc *d, json_ref at)
{
	const json_ref m = json_get_str(d, at, "metadata");
	const struct span namespace_ = json_string(d, json_get_str(d, m, "namespace"), r->arena);
	const struct span name = json_string(d, json_get_str(d, m, "name"), r->arena);

	if (reflector_exchange(r, the_old(r, namespace_, name), NULL) != 0)
		return confused(r, "out of memory");
	return 0;
}

/* A Status: 410 as a rule, when the version is too old. */
static int refused(struct reflector *r, const struct json_doc *d, json_ref status)
{
	const struct span message = json_string(d, json_get_str(d, status, "message"), r->arena);
	int64_t code = 0;

	if (json_int64(d, json_get_str(d, status, "code"), &code) != 0)
		code = 0;
	r->end = code == 410 ? WATCH_TOO_OLD : WATCH_CONFUSED;
	return err_set(&r->fault, "a watch of %.*s ends with %lld: %.*s", SPAN_FMT(r->kind.kind),
		(long long)code, SPAN_FMT(message));
}

static int take_event(struct reflector *r, const struct json_doc *d)
{
	const json_ref type = json_get_str(d, JSON_ROOT, "type");
	const json_ref object = json_get_str(d, JSON_ROOT, "object");
	int rc = 0;

	if (json_type(d, object) != JSON_OBJECT)
		return confused(r, "an event without an object");
	if (json_string_is(d, type, SPAN("ERROR")))
		return refused(r, d, object);
	if (json_string_is(d, type, SPAN("ADDED")) || json_string_is(d, type, SPAN("MODIFIED")))
		rc = changed(r, d, object);
	else if (json_string_is(d, type, SPAN("DELETED")))
		rc = deleted(r, d, object);
	else if (!json_string_is(d, type, SPAN("BOOKMARK")))
		return confused(r, "an event of an unknown type");
	return rc != 0 ? rc : keep_version(r, d, object);
}

static void is_fresh(struct reflector *r)
{
	pthread_mutex_lock(&r->cache->lock);
	r->fresh_at_ms = monotonic_ms();
	pthread_mutex_unlock(&r->cache->lock);
	reflector_is_well(r);
}

/* ---- lines ---- */

static int take_line(struct reflector *r)
{
	struct json_error je;
	struct json_doc doc;
	int rc;

	arena_reset(r->arena);
	if (json_read(r->page.ptr, r->page.len, &reflector_limits, r->arena, &doc, &je) != 0)
		return confused(r, je.what);
	rc = take_event(r, &doc);
	if (rc == 0) {
		cache_count(CACHE_EVENTS, 0);
		is_fresh(r);
	}
	return rc;
}

static int take_lines(struct reflector *r, struct span bytes)
{
	while (bytes.len > 0) {
		const char *end = memchr(bytes.ptr, '\n', bytes.len);
		const size_t len = end ? (size_t)(end - bytes.ptr) : bytes.len;

		buf_add(&r->page, bytes.ptr, len);
		if (r->page.failed)
			return confused(r, "a line that is too long");
		if (!end)
			return 0;
		if (r->page.len > 0 && take_line(r) != 0)
			return -1;
		buf_reset(&r->page);
		bytes = (struct span){end + 1, bytes.len - len - 1};
	}
	return 0;
}

static int take(long status, struct span bytes, void *arg)
{
	struct reflector *r = arg;

	if (status == 200)
		return take_lines(r, bytes);
	if (bytes.len <= REFUSAL_MAX - r->page.len)
		buf_add_span(&r->page, bytes);
	return 0;
}

/* ---- the whole ---- */

static void put_watch_path(struct reflector *r, unsigned seconds)
{
	reflector_put_path(r);
	buf_printf(&r->path,
		"watch=1&allowWatchBookmarks=true&timeoutSeconds=%u&resourceVersion=", seconds);
	reflector_put_escaped(&r->path, span_of(r->version));
}

static enum watch_end end_of(
	struct reflector *r, const struct http_client_answer *answer, struct err *e)
{
	if (answer->status == 200 && r->page.len == 0) {
		is_fresh(r); /* all that there was has been told */
		return WATCH_OVER;
	}
	if (answer->status == 200) {
		err_set(e, "a watch ended in the middle of a line");
		cache_count(CACHE_FAILURES, CACHE_FAILED_UNREACHABLE);
		return WATCH_BROKEN;
	}
	(void)reflector_refusal(r, answer->status, e);
	if (answer->status == 410)
		return WATCH_TOO_OLD;
	cache_count(CACHE_FAILURES, CACHE_FAILED_REFUSED);
	return WATCH_BROKEN;
}

enum watch_end reflector_watch(struct reflector *r, struct http_client_answer *ret, struct err *e)
{
	const unsigned ms = r->cache->config.max_age_ms / WATCHES_EACH;
	const unsigned seconds = ms > 1000 ? ms / 1000 : 1;
	struct kube_call call = {.total_ms = seconds * 1000 + GRACE_MS,
		.take = take,
		.is_over = reflector_is_over,
		.userdata = r};

	buf_free(&r->page); /* a list's was large */
	r->end = WATCH_OVER;
	put_watch_path(r, seconds);
	call.path = buf_str(&r->path);
	if (!call.path) {
		err_set(e, "the path is too long");
		return WATCH_BROKEN;
	}
	if (kube_api_get(r->api, &call, ret, e) == HTTP_CLIENT_ANSWERED)
		return end_of(r, ret, e);
	if (r->end == WATCH_OVER) {
		cache_count(CACHE_FAILURES, CACHE_FAILED_UNREACHABLE);
		return WATCH_BROKEN;
	}
	*e = r->fault;
	if (r->end == WATCH_CONFUSED)
		cache_count(CACHE_FAILURES, CACHE_FAILED_UNREADABLE);
	return r->end;
}
