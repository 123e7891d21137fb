/* See kube_client.h. */
#include "cli/kube_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

#include "common/base/crypto.h"

#define ANSWER_MAX   (16 << 20)
#define WARNINGS_MAX 65536
#define TIMEOUT_S    120L

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct kube_answer *answer = arg;

	buf_add(&answer->body, data, size * count);
	return answer->body.failed ? 0 : size * count;
}

/* Warning: 299 - "text": what kubectl shows as "Warning: text". */
static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
	static const char name[] = "warning: 299 ";
	struct kube_answer *answer = arg;
	size_t len = size * count;
	const char *open, *end;

	if (len < sizeof(name) || strncasecmp(data, name, sizeof(name) - 1) != 0)
		return len;
	open = memchr(data, '"', len);
	end = memrchr(data, '"', len);
	for (const char *p = open ? open + 1 : end; p && p < end; p++)
		if (*p != '\\' || p + 1 == end)
			buf_add_char(&answer->warnings, *p);
	if (end)
		buf_add_char(&answer->warnings, '\n');
	return len;
}

static void set_blob(CURL *h, CURLoption option, struct span pem)
{
	struct curl_blob blob = {.data = (void *)pem.ptr, .len = pem.len, .flags = CURL_BLOB_COPY};

	if (pem.len > 0)
		curl_easy_setopt(h, option, &blob);
}

static void set_string(CURL *h, CURLoption option, struct span text)
{
	char *copy = text.len > 0 ? strndup(text.ptr, text.len) : NULL;

	if (copy)
		curl_easy_setopt(h, option, copy);
	free(copy);
}

static void set_credentials(CURL *h, const struct kube_config *config)
{
	set_blob(h, CURLOPT_CAINFO_BLOB, config->ca);
	set_blob(h, CURLOPT_SSLCERT_BLOB, config->client_cert);
	set_blob(h, CURLOPT_SSLKEY_BLOB, config->client_key);
	if (config->token.len > 0) {
		curl_easy_setopt(h, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		set_string(h, CURLOPT_XOAUTH2_BEARER, config->token);
	} else if (config->username.len > 0) {
		curl_easy_setopt(h, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		set_string(h, CURLOPT_USERNAME, config->username);
		set_string(h, CURLOPT_PASSWORD, config->password);
	}
	if (config->insecure) {
		curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	set_string(h, CURLOPT_PROXY, config->proxy_url);
}

/* tls-server-name: the certificate is checked for that name, the connection goes to the server. */
static struct curl_slist *set_url(CURL *h, const struct kube_config *config, const char *path)
{
	struct span server = config->server, name = config->tls_server_name;
	struct curl_slist *connect_to = NULL;
	char url[4096], to[4096];
	CURLU *u;
	char *host = NULL, *port = NULL;

	while (server.len > 0 && server.ptr[server.len - 1] == '/')
		server.len--;
	snprintf(url, sizeof(url), "%.*s%s", SPAN_FMT(server), path);
	curl_easy_setopt(h, CURLOPT_URL, url);
	if (name.len == 0)
		return NULL;
	u = curl_url();
	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		snprintf(to, sizeof(to), "%.*s:%s:%s:%s", SPAN_FMT(name), port, host, port);
		connect_to = curl_slist_append(NULL, to);
		snprintf(url, sizeof(url), "https://%.*s:%s%s", SPAN_FMT(name), port, path);
		curl_easy_setopt(h, CURLOPT_URL, url);
		curl_easy_setopt(h, CURLOPT_CONNECT_TO, connect_to);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return connect_to;
}

int kube_request(const struct kube_config *config, const char *path, const char *body,
	struct kube_answer *ret, struct err *e)
{
	CURL *h = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
	struct curl_slist *connect_to;
	char error[CURL_ERROR_SIZE] = "";
	CURLcode rc;

	if (!h || !headers)
		return err_set(e, "out of memory");
	*ret = (struct kube_answer){
		.body = BUF_INIT(ANSWER_MAX), .warnings = BUF_INIT(WARNINGS_MAX)};
	connect_to = set_url(h, config, path);
	set_credentials(h, config);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(h, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(h, CURLOPT_USERAGENT, "kubectl-holdpoint/" HOLDPOINT_VERSION);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, ret);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, ret);
	if (body) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, body);
	}
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	rc = curl_easy_perform(h);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &ret->status);
	curl_easy_cleanup(h);
	curl_slist_free_all(headers);
	curl_slist_free_all(connect_to);
	if (rc == CURLE_OK)
		return 0;
	buf_free(&ret->body);
	buf_free(&ret->warnings);
	return err_set(
		e, "%.*s: %s", SPAN_FMT(config->server), error[0] ? error : curl_easy_strerror(rc));
}
