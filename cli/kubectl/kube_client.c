/* SPDX-License-Identifier: Apache-2.0 */
/* See kube_client.h. */
#include "cli/kubectl/kube_client.h"

#include <stdio.h>
#include <strings.h>

#include "common/http/client/http_client.h"

#define ANSWER_MAX   (16 << 20)
#define WARNINGS_MAX 65536
#define URL_MAX	     (1 << 20)
#define TIMEOUT_MS   120000

static bool take_date(struct span line, struct kube_answer *answer)
{
	static const char name[] = "date: ";
	size_t len = sizeof(name) - 1;

	if (line.len < len || strncasecmp(line.ptr, name, len) != 0)
		return false;
	snprintf(answer->date, sizeof(answer->date), "%.*s", (int)(line.len - len), line.ptr + len);
	answer->date[strcspn(answer->date, "\r\n")] = 0;
	return true;
}

/* Warning: 299 - "text": what kubectl shows as "Warning: text". */
static void take_header(struct span line, void *userdata)
{
	static const char name[] = "warning: 299 ";
	struct kube_answer *answer = userdata;
	const char *open, *end;

	if (take_date(line, answer))
		return;
	if (line.len < sizeof(name) || strncasecmp(line.ptr, name, sizeof(name) - 1) != 0)
		return;
	open = memchr(line.ptr, '"', line.len);
	end = memrchr(line.ptr, '"', line.len);
	for (const char *p = open ? open + 1 : end; p && p < end; p++)
		if (*p != '\\' || p + 1 == end)
			buf_add_char(&answer->warnings, *p);
	if (end)
		buf_add_char(&answer->warnings, '\n');
}

/* SERVER/path; -1: too long. */
static int put_url(struct buf *out, struct span server, const char *path)
{
	while (server.len > 0 && server.ptr[server.len - 1] == '/')
		server.len--;
	buf_add_span(out, server);
	buf_add_str(out, path);
	return buf_str(out) ? 0 : -1;
}

int kube_request(const struct kube_config *config, const char *path, const char *body,
	struct kube_answer *ret, struct err *e)
{
	static const char *const headers[] = {
		"Accept: application/json", "Content-Type: application/json", NULL};
	static const char *const no_headers[] = {"Accept: application/json", NULL};
	_cleanup_(http_client_freep) struct http_client *client = http_client_new();
	_cleanup_(buf_free) struct buf url = BUF_INIT(URL_MAX), proxy = BUF_INIT(URL_MAX);
	struct kube_answer answer = {
		.body = BUF_INIT(ANSWER_MAX), .warnings = BUF_INIT(WARNINGS_MAX)};
	struct http_client_request request = {
		.headers = body ? headers : no_headers,
		.user_agent = "kubectl-holdpoint/" HOLDPOINT_VERSION,
		.body = span_of(body),
		.ca_pem = config->ca,
		.cert_pem = config->client_cert,
		.key_pem = config->client_key,
		.tls_server_name = config->tls_server_name,
		.insecure = config->insecure,
		.bearer_token = config->token,
		.username = config->username,
		.password = config->password,
		.total_ms = config->timeout_ms ? config->timeout_ms : TIMEOUT_MS,
		.header = take_header,
		.userdata = &answer,
	};
	struct http_client_answer http;

	buf_add_span(&proxy, config->proxy_url);
	if (!client || put_url(&url, config->server, path) < 0 || !buf_str(&proxy))
		return err_set(e, "out of memory, or the server's URL is too long");
	request.url = url.ptr;
	request.proxy = proxy.len > 0 ? proxy.ptr : NULL;
	if (http_client_send(client, &request, &answer.body, false, &http, e) !=
		HTTP_CLIENT_ANSWERED) {
		const bool too_large = answer.body.failed;

		kube_answer_free(&answer);
		err_prefix(e, "%.*s", SPAN_FMT(config->server));
		return too_large ? KUBE_TOO_LARGE : -1;
	}
	answer.status = http.status;
	*ret = answer;
	return 0;
}

void kube_answer_free(struct kube_answer *answer)
{
	buf_free(&answer->body);
	buf_free(&answer->warnings);
}
