/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/cache/kube_cache_internal.h"

#include <errno.h>

#include "common/base/clock.h"

/* ---- counters ---- */

static const char *const failures[] = {"unreachable", "refused", "unreadable", NULL};
static const char *const statuses[] = {"found", "absent", "unknown", NULL};

static struct metric metrics[] = {
	[CACHE_AGE] = {.name = "holdpoint_webhook_cache_age_seconds",
		.help = "How long ago what is kept of a kind of the cluster was last known to "
			"be right; -1 while it has not been listed.",
		.type = METRIC_GAUGE,
		.label = "kind"},
	[CACHE_OBJECTS] = {.name = "holdpoint_webhook_cache_objects",
		.help = "Objects of the cluster that are kept.",
		.type = METRIC_GAUGE,
		.label = "kind"},
	[CACHE_BYTES] = {.name = "holdpoint_webhook_cache_bytes",
		.help = "Memory that they take, at most --kubernetes-max-bytes.",
		.type = METRIC_GAUGE},
	[CACHE_LEFT_OUT] = {.name = "holdpoint_webhook_cache_left_out",
		.help = "Objects for which there was no room: rules that need them fail.",
		.type = METRIC_GAUGE,
		.label = "kind"},
	[CACHE_EVENTS] = {.name = "holdpoint_webhook_cache_events_total",
		.help = "Changes and bookmarks that API servers told of.",
		.type = METRIC_COUNTER},
	[CACHE_LISTS] = {.name = "holdpoint_webhook_cache_lists_total",
		.help = "Complete lists: at start, and whenever a watch could not go on.",
		.type = METRIC_COUNTER},
	[CACHE_FAILURES] = {.name = "holdpoint_webhook_cache_failures_total",
		.help = "Lists and watches that failed, by why.",
		.type = METRIC_COUNTER,
		.label = "reason",
		.label_values = failures},
	[CACHE_LOOKUPS] = {.name = "holdpoint_webhook_cache_lookups_total",
		.help = "Objects that rules asked for: found, absent, or unknown since the cache "
			"is empty or stale.",
		.type = METRIC_COUNTER,
		.label = "status",
		.label_values = statuses},
	{.name = NULL},
};

struct metric *const *kube_cache_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

void cache_set_for(enum cache_metric m, struct span kind, int64_t n)
{
	metric_set_for(&metrics[m], kind, n);
}

void cache_set(enum cache_metric m, int64_t n)
{
	metric_set(&metrics[m], n);
}

void cache_count(enum cache_metric m, unsigned label)
{
	metric_add_at(&metrics[m], label, 1);
}

/* ---- kinds ---- */

struct kube_cache *kube_cache_new(const struct kube_cache_config *config)
{
	struct kube_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->config = *config;
	c->budget.max_bytes = config->max_bytes;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	return c;
}

static void end(struct kube_cache *c, struct reflector **kinds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reflector_stop(kinds[i]);
	pthread_mutex_lock(&c->lock);
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < count; i++)
		reflector_free(kinds[i]);
}

void kube_cache_free(struct kube_cache *c)
{
	if (!c)
		return;
	end(c, c->kinds, c->kind_count);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* With the same indexes: another set that needs others has the kind listed anew, beside. */
static bool is_the_same(const struct cluster_kind *a, const struct cluster_kind *b)
{
	if (!cluster_kind_same(a, b) || a->index_count != b->index_count)
		return false;
	for (size_t i = 0; i < a->index_count; i++)
		if (!cluster_kind_has_index(b, a->indexes[i]))
			return false;
	return true;
}

static bool is_among(
	const struct cluster_kind *kind, const struct cluster_kind *kinds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_the_same(kind, &kinds[i]))
			return true;
	return false;
}

static bool is_kept(struct kube_cache *c, const struct cluster_kind *kind)
{
	for (size_t i = 0; i < c->kind_count; i++)
		if (is_the_same(kind, &c->kinds[i]->kind))
			return true;
	return false;
}

/* Of two, one may be on its way. */
struct reflector *kube_cache_reflector(
	struct kube_cache *c, const struct cluster_kind *kind, struct span index)
{
	struct reflector *found = NULL;

	for (size_t i = 0; i < c->kind_count; i++) {
		struct reflector *r = c->kinds[i];

		if (cluster_kind_same(kind, &r->kind) &&
			(index.len == 0 || cluster_kind_has_index(&r->kind, index)) &&
			(!found || !found->filled))
			found = r;
	}
	return found;
}

static void drop_others(struct kube_cache *c, const struct cluster_kind *kinds, size_t count)
{
	struct reflector *dropped[CLUSTER_KINDS_MAX];
	size_t drop = 0, kept = 0;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->kind_count; i++)
		if (is_among(&c->kinds[i]->kind, kinds, count))
			c->kinds[kept++] = c->kinds[i];
		else
			dropped[drop++] = c->kinds[i];
	c->kind_count = kept;
	pthread_mutex_unlock(&c->lock);
	end(c, dropped, drop);
}

static int add(struct kube_cache *c, const struct cluster_kind *kind, struct err *e)
{
	struct reflector *r;

	if (is_kept(c, kind)) /* nobody else changes the list */
		return 0;
	if (c->kind_count == CLUSTER_KINDS_MAX)
		return err_set(e, "the policies need more than %u kinds of objects of the cluster",
			CLUSTER_KINDS_MAX);
	r = reflector_new(c, kind, e);
	if (!r)
		return -1;
	pthread_mutex_lock(&c->lock);
	c->kinds[c->kind_count++] = r;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

int kube_cache_add(
	struct kube_cache *c, const struct cluster_kind *kinds, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++)
		if (add(c, &kinds[i], e) != 0)
			return -1;
	return 0;
}

int kube_cache_want(
	struct kube_cache *c, const struct cluster_kind *kinds, size_t count, struct err *e)
{
	drop_others(c, kinds, count);
	return kube_cache_add(c, kinds, count, e);
}

/* With the lock held. */
static bool is_filled(const struct kube_cache *c)
{
	for (size_t i = 0; i < c->kind_count; i++)
		if (!c->kinds[i]->filled)
			return false;
	return true;
}

bool kube_cache_wait(struct kube_cache *c, unsigned ms)
{
	const int64_t until_us = monotonic_us() + (int64_t)ms * 1000;
	bool filled;

	pthread_mutex_lock(&c->lock);
	while (!(filled = is_filled(c)) && wait_until_us(&c->wake, &c->lock, until_us) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&c->lock);
	return filled;
}

/* ---- looking up ---- */

struct span kube_cache_doubt(const struct kube_cache *c, const struct reflector *r,
	const struct cluster_kind *kind, struct arena *arena)
{
	int64_t age_ms;
	struct span why;

	if (!r)
		why = arena_printf(
			arena, "objects of kind %.*s are not kept", SPAN_FMT(kind->kind));
	else if (!r->filled)
		why = arena_printf(arena,
			"objects of kind %.*s have not been read from the API server yet",
			SPAN_FMT(kind->kind));
	else if ((age_ms = monotonic_ms() - r->fresh_at_ms) > (int64_t)c->config.max_age_ms)
		why = arena_printf(arena,
			"what is known of kind %.*s is stale, %lld s old (--kubernetes-max-age)",
			SPAN_FMT(kind->kind), (long long)age_ms / 1000);
	else
		return (struct span){0};
	return why.ptr ? why : SPAN("the request needs too much memory");
}

int kube_cache_copy(const struct object *o, struct arena *arena, struct json_doc *ret)
{
	const size_t bytes = o->doc.node_count * sizeof(*o->doc.nodes);
	struct json_node *nodes = arena_alloc(arena, bytes);
	char *text = arena_strndup(arena, o->doc.text, o->doc.len);

	if (!nodes || !text)
		return -1;
	memcpy(nodes, o->doc.nodes, bytes);
	*ret = o->doc;
	ret->nodes = nodes;
	ret->text = text;
	return 0;
}

void kube_cache_count_lookup(enum cluster_status status)
{
	cache_count(CACHE_LOOKUPS, status);
}

/* With a reference of the caller's, so that a large object is copied without the lock. */
static enum cluster_status look(struct kube_cache *c, const struct cluster_kind *kind,
	struct span namespace_, struct span name, struct arena *arena, struct object **ret,
	struct span *ret_why)
{
	struct reflector *r;
	struct object *o = NULL;

	pthread_mutex_lock(&c->lock);
	r = kube_cache_reflector(c, kind, SPAN(""));
	*ret_why = kube_cache_doubt(c, r, kind, arena);
	if (!ret_why->ptr)
		o = object_table_find(&r->table, r->in_no_namespace ? SPAN("") : namespace_, name);
	if (o)
		object_ref(o);
	pthread_mutex_unlock(&c->lock);
	*ret = o;
	return ret_why->ptr ? CLUSTER_UNKNOWN : o ? CLUSTER_FOUND : CLUSTER_ABSENT;
}

enum cluster_status kube_cache_get(struct kube_cache *c, const struct cluster_kind *kind,
	struct span namespace_, struct span name, struct arena *arena, struct json_doc *ret,
	struct span *ret_why)
{
	struct object *o;
	enum cluster_status status = look(c, kind, namespace_, name, arena, &o, ret_why);

	if (status == CLUSTER_FOUND && o->left_out) {
		*ret_why = SPAN("there was no room to keep it (--kubernetes-max-bytes)");
		status = CLUSTER_UNKNOWN;
	} else if (status == CLUSTER_FOUND && kube_cache_copy(o, arena, ret) != 0) {
		*ret_why = SPAN("the request needs too much memory");
		status = CLUSTER_UNKNOWN;
	}
	object_unref(o);
	kube_cache_count_lookup(status);
	return status;
}

static enum cluster_status get(void *arg, const struct cluster_kind *kind, struct span namespace_,
	struct span name, struct arena *arena, struct json_doc *ret, struct span *ret_why)
{
	return kube_cache_get(arg, kind, namespace_, name, arena, ret, ret_why);
}

static enum cluster_status find(void *arg, const struct cluster_query *query, struct arena *arena,
	struct cluster_objects *ret, struct span *ret_why)
{
	return kube_cache_find(arg, query, arena, ret, ret_why);
}

struct cluster_source kube_cache_source(struct kube_cache *c)
{
	return (struct cluster_source){get, find, c};
}
