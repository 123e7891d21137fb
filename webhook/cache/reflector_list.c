/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list in pages. A page that is too large is asked for again, half as long; objects that have not
 * changed since the list before are kept, not held twice.
 */
#include <stdio.h>

#include "common/base/clock.h"
#include "webhook/cache/kube_cache_internal.h"

#define PAGE_OBJECTS 500u
#define PAGE_MS	     20000

const struct json_limits reflector_limits = {
	.max_bytes = REFLECTOR_PAGE_MAX, .max_depth = 200, .max_nodes = 2 << 20};

/* ---- what the server says ---- */

int reflector_refusal(struct reflector *r, long status, struct err *e)
{
	struct json_doc doc;
	struct span message = {0};

	arena_reset(r->arena);
	if (r->page.len > 0 &&
		json_read(r->page.ptr, r->page.len, &reflector_limits, r->arena, &doc, NULL) == 0)
		message = json_string(&doc, json_get_str(&doc, JSON_ROOT, "message"), r->arena);
	return err_set(e, "the API server answers %ld to %.*s%s%.*s", status,
		SPAN_FMT(r->kind.kind), message.ptr ? ": " : "", SPAN_FMT(message));
}

static int take_page(long status, struct span bytes, void *arg)
{
	struct reflector *r = arg;

	(void)status;
	buf_add_span(&r->page, bytes);
	return r->page.failed ? -1 : 0;
}

static void put_page_path(struct reflector *r)
{
	reflector_put_path(r);
	buf_printf(&r->path, "limit=%u", r->page_size);
	if (r->again.len == 0)
		return;
	buf_add_str(&r->path, "&continue=");
	reflector_put_escaped(&r->path, buf_span(&r->again));
}

enum page reflector_get(struct reflector *r, struct err *e)
{
	struct kube_call call = {.total_ms = PAGE_MS,
		.take = take_page,
		.is_over = reflector_is_over,
		.userdata = r};
	struct http_client_answer answer;
	enum http_client_status status;

	buf_reset(&r->page);
	call.path = buf_str(&r->path);
	if (!call.path)
		return err_set(e, "the path is too long"), PAGE_FAILED;
	status = kube_api_get(r->api, &call, &answer, e);
	if (r->page.failed)
		return err_set(e, "an object is too large"), PAGE_TOO_LARGE;
	if (status != HTTP_CLIENT_ANSWERED) {
		cache_count(CACHE_FAILURES, CACHE_FAILED_UNREACHABLE);
		return PAGE_FAILED;
	}
	if (answer.status == 200)
		return PAGE_READ;
	r->refused = true;
	cache_count(CACHE_FAILURES, CACHE_FAILED_REFUSED);
	return reflector_refusal(r, answer.status, e), PAGE_FAILED;
}

/* ---- reading it ---- */

/* "NamespaceList" is one of "Namespace". */
static struct span kind_of(const struct json_doc *d, struct arena *arena)
{
	struct span kind = json_string(d, json_get_str(d, JSON_ROOT, "kind"), arena);

	if (kind.len > 4 && memcmp(kind.ptr + kind.len - 4, "List", 4) == 0)
		kind.len -= 4;
	return kind;
}

/*
 * The one that is there already, when nothing has changed. A version says that only as long as the
 * server's database is the same one: after it has been put back it counts the same numbers anew.
 */
static struct object *shared(struct reflector *r, struct object *o)
{
	struct object *old = object_table_find(&r->table, o->namespace_, o->name);

	if (!old || old->left_out || old->version.len == 0 || !span_eq(old->version, o->version))
		return o;
	if (!o->left_out && !span_eq((struct span){old->doc.text, old->doc.len},
				    (struct span){o->doc.text, o->doc.len}))
		return o;
	object_ref(old);
	object_unref(o);
	return old;
}

static int take_items(struct reflector *r, const struct json_doc *d, struct err *e)
{
	const struct span kind = kind_of(d, r->arena);
	const struct span api_version =
		json_string(d, json_get_str(d, JSON_ROOT, "apiVersion"), r->arena);

	json_foreach (item, d, json_get_str(d, JSON_ROOT, "items")) {
		const struct arena_mark mark = arena_mark(r->arena);
		struct object *o = object_new(&r->keeps, d, item, api_version, kind, r->arena);

		arena_rewind(r->arena, mark);
		if (!o)
			return err_set(e, "out of memory, or an object without a name");
		o = shared(r, o);
		if (object_table_reserve(&r->listing) != 0) {
			object_unref(o);
			return err_set(
				e, "out of memory, or more than %u objects", OBJECT_TABLE_MAX);
		}
		object_unref(object_table_put(&r->listing, o));
	}
	return 0;
}

static int take_position(struct reflector *r, const struct json_doc *d, struct err *e)
{
	const json_ref m = json_get_str(d, JSON_ROOT, "metadata");
	const struct span version = json_string(d, json_get_str(d, m, "resourceVersion"), r->arena);

	if (json_type(d, json_get_str(d, JSON_ROOT, "items")) != JSON_ARRAY &&
		json_type(d, json_get_str(d, JSON_ROOT, "items")) != JSON_NULL)
		return err_set(e, "the API server's answer is no list");
	if (version.len == 0 || version.len >= sizeof(r->version))
		return err_set(e, "the API server's list has no resourceVersion");
	snprintf(r->version, sizeof(r->version), "%.*s", SPAN_FMT(version));
	buf_reset(&r->again);
	buf_add_span(&r->again, json_string(d, json_get_str(d, m, "continue"), r->arena));
	return r->again.failed ? err_set(e, "the list's continue is too long") : 0;
}

static enum page read_page(struct reflector *r, struct err *e)
{
	struct json_error je;
	struct json_doc doc;
	int rc;

	arena_reset(r->arena);
	rc = json_read(r->page.ptr ? r->page.ptr : "", r->page.len, &reflector_limits, r->arena,
		&doc, &je);
	if (rc != 0 && je.limit)
		return err_set(e, "an object has too many values"), PAGE_TOO_LARGE;
	if (rc != 0)
		json_error_to_err(&je, e);
	else
		rc = take_position(r, &doc, e) == 0 ? take_items(r, &doc, e) : -1;
	if (rc == 0)
		return PAGE_READ;
	cache_count(CACHE_FAILURES, CACHE_FAILED_UNREADABLE);
	return PAGE_FAILED;
}

static int next_page(struct reflector *r, struct err *e)
{
	for (;;) {
		enum page page;

		put_page_path(r);
		page = reflector_get(r, e);
		if (page == PAGE_READ)
			page = read_page(r, e);
		if (page != PAGE_TOO_LARGE)
			return page == PAGE_READ ? 0 : -1;
		if (r->page_size == 1) {
			cache_count(CACHE_FAILURES, CACHE_FAILED_UNREADABLE);
			return -1;
		}
		r->page_size /= 2;
	}
}

int reflector_list(struct reflector *r, struct err *e)
{
	const int64_t began_ms = monotonic_ms();

	r->page_size = PAGE_OBJECTS;
	r->refused = false;
	buf_reset(&r->again);
	do {
		if (next_page(r, e) != 0) {
			object_table_clear(&r->listing);
			return -1;
		}
	} while (r->again.len > 0);
	if (reflector_put_in_force(r, &r->listing, began_ms) != 0) {
		object_table_clear(&r->listing);
		return err_set(e, "out of memory");
	}
	object_table_clear(&r->listing); /* what was there before */
	reflector_is_well(r);
	return 0;
}
