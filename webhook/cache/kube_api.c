/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/cache/kube_api.h"

#include <stdio.h>

#include "common/base/crypto.h"
#include "common/base/file.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define TOKEN_MAX	(64 << 10)
#define CA_MAX		(4 << 20)
#define URL_MAX		(16 << 10)
#define CONNECT_MS	5000

struct kube_api {
	const struct kube_api_config *config;
	struct http_client *http;
	struct buf url, token, ca;
};

static int locate_in_cluster(struct kube_api_config *config, struct buf *url, struct err *e)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	const bool is_six = host && strchr(host, ':');

	if (!host || !*host || !port || !*port)
		return err_set(e, "in-cluster: this is no pod, KUBERNETES_SERVICE_HOST and "
				  "KUBERNETES_SERVICE_PORT are not set; name the server's URL");
	buf_printf(url, is_six ? "https://[%s]:%s" : "https://%s:%s", host, port);
	if (!config->token_file && !config->cert_file)
		config->token_file = SERVICE_ACCOUNT "token";
	if (!config->ca_file)
		config->ca_file = SERVICE_ACCOUNT "ca.crt";
	return 0;
}

int kube_api_locate(
	const char *where, struct kube_api_config *config, struct buf *url, struct err *e)
{
	struct span server = span_of(where);

	if (strcmp(where, "in-cluster") == 0) {
		if (locate_in_cluster(config, url, e) != 0)
			return -1;
	} else if (strncmp(where, "https://", 8) != 0 || server.len == 8) {
		return err_set(e, "\"%.256s\" is neither in-cluster nor a URL (https://…)", where);
	} else {
		while (server.ptr[server.len - 1] == '/')
			server.len--;
		buf_add_span(url, server);
	}
	config->server = buf_str(url);
	return config->server ? 0 : err_set(e, "the URL is too long");
}

struct kube_api *kube_api_new(const struct kube_api_config *config)
{
	struct kube_api *api = calloc(1, sizeof(*api));

	if (!api)
		return NULL;
	api->config = config;
	api->url = BUF_INIT(URL_MAX);
	api->token = BUF_INIT(TOKEN_MAX);
	api->ca = BUF_INIT(CA_MAX);
	api->http = http_client_new();
	if (api->http)
		return api;
	free(api);
	return NULL;
}

static void forget_token(struct kube_api *api)
{
	if (api->token.ptr)
		crypto_wipe(api->token.ptr, api->token.cap);
	buf_free(&api->token);
}

void kube_api_free(struct kube_api *api)
{
	if (!api)
		return;
	http_client_free(api->http);
	forget_token(api);
	buf_free(&api->ca);
	buf_free(&api->url);
	free(api);
}

static struct span trimmed(struct span s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/* Into memory, both: an authority is exchanged under its name, and libcurl keeps what it read. */
static int read_files(struct kube_api *api, struct err *e)
{
	const struct kube_api_config *c = api->config;

	buf_reset(&api->ca);
	if (c->ca_file && file_read(c->ca_file, &api->ca, e) != 0)
		return -1;
	if (c->ca_file && api->ca.len == 0)
		return err_set(e, "%s is empty", c->ca_file);
	if (c->token_file && file_read(c->token_file, &api->token, e) != 0)
		return -1;
	return 0;
}

enum http_client_status kube_api_get(struct kube_api *api, const struct kube_call *call,
	struct http_client_answer *ret, struct err *e)
{
	static const char *const headers[] = {"Accept: application/json", NULL};
	const struct kube_api_config *c = api->config;
	struct http_client_request request = {.headers = headers,
		.cert_file = c->cert_file,
		.key_file = c->key_file,
		.proxy = "",
		.connect_ms = CONNECT_MS,
		.total_ms = call->total_ms,
		.take = call->take,
		.is_over = call->is_over,
		.userdata = call->userdata};
	enum http_client_status status = HTTP_CLIENT_FAILED;

	buf_reset(&api->url);
	buf_add_str(&api->url, c->server);
	buf_add_str(&api->url, call->path);
	request.url = buf_str(&api->url);
	if (!request.url) {
		err_set(e, "the URL is too long");
	} else if (read_files(api, e) == 0) {
		request.ca_pem = buf_span(&api->ca);
		request.bearer_token = trimmed(buf_span(&api->token));
		status = http_client_send(api->http, &request, NULL, false, ret, e);
	}
	forget_token(api);
	return status;
}
