/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy names a kind (Limit), the API server a resource (limits): its list of a group's
 * resources has both, and says whether they are in namespaces.
 */
#include <stdio.h>

#include "webhook/cache/kube_cache_internal.h"

static bool take_resource(struct reflector *r, const struct json_doc *d, json_ref item)
{
	const struct span name = json_string(d, json_get_str(d, item, "name"), r->arena);

	if (!json_string_is(d, json_get_str(d, item, "kind"), r->kind.kind) || name.len == 0 ||
		name.len >= sizeof(r->resource) || memchr(name.ptr, '/', name.len))
		return false; /* with a slash, a subresource */
	snprintf(r->resource, sizeof(r->resource), "%.*s", SPAN_FMT(name));
	pthread_mutex_lock(&r->cache->lock);
	r->in_no_namespace = json_type(d, json_get_str(d, item, "namespaced")) != JSON_TRUE;
	pthread_mutex_unlock(&r->cache->lock);
	return true;
}

int reflector_find(struct reflector *r, struct err *e)
{
	struct json_error je;
	struct json_doc doc;

	r->refused = false;
	reflector_put_group(r);
	if (reflector_get(r, e) != PAGE_READ)
		return -1;
	arena_reset(r->arena);
	if (json_read(r->page.ptr ? r->page.ptr : "", r->page.len, &reflector_limits, r->arena,
		    &doc, &je) != 0) {
		cache_count(CACHE_FAILURES, CACHE_FAILED_UNREADABLE);
		return json_error_to_err(&je, e);
	}
	json_foreach (item, &doc, json_get_str(&doc, JSON_ROOT, "resources"))
		if (take_resource(r, &doc, item))
			return 0;
	r->refused = true;
	return err_set(e, "the API server has no kind %.*s in %.*s%s%.*s", SPAN_FMT(r->kind.kind),
		SPAN_FMT(r->kind.group), r->kind.group.len > 0 ? "/" : "",
		SPAN_FMT(r->kind.version));
}
