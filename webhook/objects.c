/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/objects.h"

#include "common/base/log.h"

#define WAIT_MS 2000
#define URL_MAX 4096

struct objects {
	struct buf url;
	struct kube_cache *cache; /* NULL: no API server */
	struct cluster_source source;
};

static int open_cache(struct objects *o, const struct objects_config *config, struct err *e)
{
	struct kube_cache_config cache = config->cache;

	if (kube_api_locate(config->where, &cache.api, &o->url, e) != 0)
		return err_prefix(e, "--kubernetes-api");
	o->cache = kube_cache_new(&cache);
	if (!o->cache)
		return err_set(e, "out of memory");
	o->source = kube_cache_source(o->cache);
	return 0;
}

int objects_open(const struct objects_config *config, struct objects **ret, struct err *e)
{
	struct objects *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(e, "out of memory");
	o->url = BUF_INIT(URL_MAX);
	if (config->where && open_cache(o, config, e) != 0) {
		objects_close(o);
		return -1;
	}
	*ret = o;
	return 0;
}

void objects_close(struct objects *o)
{
	if (!o)
		return;
	kube_cache_free(o->cache);
	buf_free(&o->url);
	free(o);
}

const struct cluster_source *objects_source(const struct objects *o)
{
	return o->cache ? &o->source : NULL;
}

void objects_policies_expected(struct objects *o, const struct policy_set *set)
{
	size_t count;
	const struct cluster_kind *kinds = policy_set_kinds(set, &count);
	struct err e;

	if (count == 0)
		return;
	if (!o->cache) {
		log_warn("cluster_not_read",
			LOG_STR("hint", "rules look at objects of the cluster (namespaceObject, "
					"namespaceSelector, params, lookup) and fail: set "
					"--kubernetes-api"));
		return;
	}
	/* Of two sets with many kinds, some have to wait for their turn. */
	if (kube_cache_add(o->cache, kinds, count, &e) == 0 && !kube_cache_wait(o->cache, WAIT_MS))
		log_warn("cluster_not_read_yet",
			LOG_STR("hint", "until the API server answers, rules that look at objects "
					"of the cluster fail"));
}

void objects_policies_loaded(struct objects *o, const struct policy_set *set)
{
	size_t count;
	const struct cluster_kind *kinds = policy_set_kinds(set, &count);
	struct err e;

	if (o->cache && kube_cache_want(o->cache, kinds, count, &e) != 0)
		log_error("cluster_not_read", LOG_STR("error", e.msg));
}
