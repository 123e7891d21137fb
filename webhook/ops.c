#include "webhook/ops.h"

#include "webhook/exchange.h"
#include "webhook/hold/hold_gate.h"
#include "webhook/hold/hold_wait.h"
#include "webhook/notify/notifier.h"
#include "webhook/webhook.h"

#define METRICS_MAX ((size_t)1 << 20)

typedef struct metric *const *(*tables_fn)(size_t *ret_count);

static const tables_fn all_metrics[] = {exchange_metrics, hold_gate_metrics, hold_wait_metrics,
	notifier_metrics, recorder_metrics, policy_store_metrics, http_server_metrics,
	pg_pool_metrics, mask_metrics};

static void reply_text(struct http_request *req, unsigned status, struct span body)
{
	http_reply(req, &(struct http_answer){.status = status,
				.content_type = "text/plain; charset=utf-8",
				.body = body});
}

static void livez(struct http_request *req, void *userdata)
{
	(void)userdata;
	reply_text(req, 200, SPAN("ok\n"));
}

static void readyz(struct http_request *req, void *userdata)
{
	struct webhook *w = userdata;

	if (w->ready)
		reply_text(req, 200, SPAN("ok\n"));
	else
		reply_text(req, 503, SPAN("not ready: starting or stopping\n"));
}

static void version(struct http_request *req, void *userdata)
{
	(void)userdata;
	http_reply(req, &(struct http_answer){.status = 200,
				.body = SPAN("{\"program\":\"holdpoint-webhook\",\"version\":"
					     "\"" HOLDPOINT_VERSION "\"}\n")});
}

static void metrics(struct http_request *req, void *userdata)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(METRICS_MAX);

	(void)userdata;
	for (size_t i = 0; i < ARRAY_LEN(all_metrics); i++) {
		size_t count;
		struct metric *const *tables = all_metrics[i](&count);

		metrics_put(&out, tables, count);
	}
	metrics_put_process(&out);
	http_reply(req, &(struct http_answer){.status = out.failed ? 500 : 200,
				.content_type = "text/plain; version=0.0.4; charset=utf-8",
				.body = buf_span(&out)});
}

const struct http_route *ops_routes(struct webhook *w)
{
	static struct http_route routes[] = {
		{.method = "GET", .path = "/livez", .handler = livez},
		{.method = "GET", .path = "/readyz", .handler = readyz},
		{.method = "GET", .path = "/metrics", .handler = metrics},
		{.method = "GET", .path = "/version", .handler = version},
		{.method = NULL},
	};

	for (size_t i = 0; routes[i].method; i++)
		routes[i].userdata = w;
	return routes;
}
