/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/ops.h"

#include <assert.h>

#include "common/http/http_server.h"

#define METRICS_MAX ((size_t)1 << 20)
#define STOP_MS	    1000

struct ops {
	struct ops_config config;
	struct http_server *server;
	struct http_route routes[5];
};

static void reply_text(struct http_request *req, unsigned status, struct span body)
{
	http_reply(req, &(struct http_answer){.status = status,
				.content_type = "text/plain; charset=utf-8",
				.body = body});
}

static void get_livez(struct http_request *req, void *userdata _unused_)
{
	reply_text(req, 200, SPAN("ok\n"));
}

static void get_readyz(struct http_request *req, void *userdata)
{
	const struct ops *o = userdata;
	const char *why = o->config.not_ready(o->config.arg);

	if (why)
		reply_text(req, 503, arena_printf(http_request_arena(req), "not ready: %s\n", why));
	else
		reply_text(req, 200, SPAN("ok\n"));
}

static void get_version(struct http_request *req, void *userdata)
{
	const struct ops *o = userdata;

	http_reply(
		req, &(struct http_answer){.status = 200,
			     .body = arena_printf(http_request_arena(req),
				     "{\"program\":\"%s\",\"version\":\"" HOLDPOINT_VERSION "\"}\n",
				     o->config.program)});
}

static void get_metrics(struct http_request *req, void *userdata)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(METRICS_MAX);
	const struct ops *o = userdata;

	for (const ops_metrics_fn *fn = o->config.metrics; *fn; fn++) {
		size_t count;
		struct metric *const *tables = (*fn)(&count);

		metrics_put(&out, tables, count);
	}
	metrics_put_process(&out);
	http_reply(req, &(struct http_answer){.status = out.failed ? 500 : 200,
				.content_type = "text/plain; version=0.0.4; charset=utf-8",
				.body = buf_span(&out)});
}

int ops_start(const struct ops_config *config, struct ops **ret, struct err *e)
{
	static const struct http_route routes[] = {
		{.method = "GET", .path = "/livez", .handler = get_livez},
		{.method = "GET", .path = "/readyz", .handler = get_readyz},
		{.method = "GET", .path = "/metrics", .handler = get_metrics},
		{.method = "GET", .path = "/version", .handler = get_version},
		{.method = NULL},
	};
	struct http_server_config http = {.name = "metrics",
		.listen = config->listen,
		.threads = 1,
		.max_connections = 64,
		.max_suspended = 1,
		.max_body_bytes = 1024,
		.max_inflight_bytes = 65536,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 5,
		.side_listener = true};
	struct ops *o = calloc(1, sizeof(*o));

	assert(config->program && config->metrics && config->not_ready);
	if (!o)
		return err_set(e, "out of memory");
	o->config = *config;
	static_assert(sizeof(o->routes) == sizeof(routes), "room for all routes");
	memcpy(o->routes, routes, sizeof(routes));
	for (struct http_route *r = o->routes; r->method; r++)
		r->userdata = o;
	http.routes = o->routes;
	if (http_server_start(&http, &o->server, e) < 0) {
		free(o);
		return err_prefix(e, "--metrics-listen");
	}
	*ret = o;
	return 0;
}

const char *ops_address(const struct ops *o)
{
	return http_server_address(o->server);
}

void ops_stop(struct ops *o)
{
	if (!o)
		return;
	http_server_stop(o->server, STOP_MS);
	free(o);
}
