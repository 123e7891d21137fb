/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/client/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <unistd.h>

#include "common/http/client/http_client_internal.h"

struct http_client {
	CURL *curl;
};

/* One request under way. */
struct sending {
	CURL *curl;
	const struct http_client_request *request;
	struct buf *body;
	bool cut_body;
	struct curl_slist *headers, *connect_to;
	bool failed;	  /* an option was not taken, or memory was short */
	bool was_private; /* an address was refused */
	bool was_ended;	  /* by the caller's functions */
	char error[CURL_ERROR_SIZE];
};

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_client_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http_client *c = calloc(1, sizeof(*c));

	pthread_once(&once, init_curl);
	if (!c)
		return NULL;
	c->curl = curl_easy_init();
	if (c->curl)
		return c;
	free(c);
	return NULL;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	free(c);
}

/* ---- callbacks ---- */

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct sending *s = arg;
	size_t len = size * count, fits = len;
	long status = 0;

	if (s->request->take) {
		curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
		s->was_ended = s->request->take(
				       status, (struct span){data, len}, s->request->userdata) != 0;
		return s->was_ended ? 0 : len;
	}
	if (!s->body)
		return len;
	if (s->cut_body && len > s->body->max - s->body->len)
		fits = s->body->max - s->body->len;
	buf_add(s->body, data, fits);
	return s->body->failed ? 0 : len;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
	const struct sending *s = arg;

	if (s->request->header)
		s->request->header((struct span){data, size * count}, s->request->userdata);
	return size * count;
}

static int ask_whether_over(
	void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	struct sending *s = arg;

	(void)down_all, (void)down, (void)up_all, (void)up;
	s->was_ended = s->request->is_over(s->request->userdata);
	return s->was_ended;
}

/* curl's last word before it connects: the address that the name really led to. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct sending *s = arg;

	(void)purpose;
	if (s->request->public_only && !http_address_is_public(&a->addr)) {
		s->was_private = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- options: one that is not taken ends the request, for it may be one that protects ---- */

#define SET(s, option, value)                                                                      \
	((s)->failed |= curl_easy_setopt((s)->curl, (option), (value)) != CURLE_OK)

static void set_text(struct sending *s, CURLoption option, struct span text)
{
	char *copy = text.len > 0 ? strndup(text.ptr, text.len) : NULL;

	if (text.len == 0)
		return;
	s->failed |= !copy || curl_easy_setopt(s->curl, option, copy) != CURLE_OK;
	if (copy)
		explicit_bzero(copy, text.len);
	free(copy);
}

static void set_pem(struct sending *s, CURLoption option, struct span pem)
{
	struct curl_blob blob = {.data = (void *)pem.ptr, .len = pem.len, .flags = CURL_BLOB_COPY};

	if (pem.len > 0)
		SET(s, option, &blob);
}

static void add(struct sending *s, struct curl_slist **list, const char *text)
{
	struct curl_slist *more = curl_slist_append(*list, text);

	s->failed |= !more;
	*list = more ? more : *list;
}

static void set_trust(struct sending *s)
{
	const struct http_client_request *r = s->request;

	SET(s, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (r->ca_file)
		SET(s, CURLOPT_CAINFO, r->ca_file);
	set_pem(s, CURLOPT_CAINFO_BLOB, r->ca_pem);
	if (r->cert_file)
		SET(s, CURLOPT_SSLCERT, r->cert_file);
	if (r->key_file)
		SET(s, CURLOPT_SSLKEY, r->key_file);
	set_pem(s, CURLOPT_SSLCERT_BLOB, r->cert_pem);
	set_pem(s, CURLOPT_SSLKEY_BLOB, r->key_pem);
	if (r->insecure) {
		SET(s, CURLOPT_SSL_VERIFYPEER, 0L);
		SET(s, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void set_identity(struct sending *s)
{
	const struct http_client_request *r = s->request;

	if (r->bearer_token.len > 0) {
		SET(s, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		set_text(s, CURLOPT_XOAUTH2_BEARER, r->bearer_token);
	} else if (r->username.len > 0) {
		SET(s, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		set_text(s, CURLOPT_USERNAME, r->username);
		set_text(s, CURLOPT_PASSWORD, r->password);
	}
}

/*
 * The URL with another name in it, for which the certificate is checked; the connection goes to
 * where the URL led.
 */
static void set_renamed_url(struct sending *s)
{
	_cleanup_(buf_free) struct buf name = BUF_INIT(1 << 16), to = BUF_INIT(1 << 17);
	char *host = NULL, *port = NULL, *renamed = NULL;
	CURLU *u = curl_url();

	buf_add_span(&name, s->request->tls_server_name);
	if (u && buf_str(&name) &&
		curl_url_set(u, CURLUPART_URL, s->request->url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_HOST, name.ptr, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, &renamed, 0) == CURLUE_OK) {
		buf_printf(&to, "%s:%s:%s:%s", name.ptr, port, host, port);
		s->failed |= !buf_str(&to);
		if (!s->failed)
			add(s, &s->connect_to, to.ptr);
		SET(s, CURLOPT_URL, renamed);
		SET(s, CURLOPT_CONNECT_TO, s->connect_to);
	} else {
		s->failed = true;
	}
	curl_free(host);
	curl_free(port);
	curl_free(renamed);
	curl_url_cleanup(u);
}

static void set_content(struct sending *s)
{
	const struct http_client_request *r = s->request;

	add(s, &s->headers, "Expect:");
	for (const char *const *h = r->headers; h && *h; h++)
		add(s, &s->headers, *h);
	SET(s, CURLOPT_HTTPHEADER, s->headers);
	SET(s, CURLOPT_USERAGENT, r->user_agent ? r->user_agent : "holdpoint/" HOLDPOINT_VERSION);
	if (!r->body.ptr)
		return;
	SET(s, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	SET(s, CURLOPT_POSTFIELDS, r->body.ptr);
}

static void set_options(struct sending *s)
{
	const struct http_client_request *r = s->request;

	curl_easy_reset(s->curl);
	if (r->tls_server_name.len > 0)
		set_renamed_url(s);
	else
		SET(s, CURLOPT_URL, r->url);
	SET(s, CURLOPT_PROTOCOLS_STR, r->plain_http ? "http,https" : "https");
	SET(s, CURLOPT_FOLLOWLOCATION, 0L);
	SET(s, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(s, CURLOPT_NOSIGNAL, 1L);
	SET(s, CURLOPT_CONNECTTIMEOUT_MS, (long)(r->connect_ms ? r->connect_ms : r->total_ms));
	SET(s, CURLOPT_TIMEOUT_MS, (long)r->total_ms);
	if (r->proxy)
		SET(s, CURLOPT_PROXY, r->proxy);
	SET(s, CURLOPT_ERRORBUFFER, s->error);
	SET(s, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(s, CURLOPT_OPENSOCKETDATA, s);
	SET(s, CURLOPT_WRITEFUNCTION, take_body);
	SET(s, CURLOPT_WRITEDATA, s);
	SET(s, CURLOPT_HEADERFUNCTION, take_header);
	SET(s, CURLOPT_HEADERDATA, s);
	if (r->is_over) {
		SET(s, CURLOPT_NOPROGRESS, 0L);
		SET(s, CURLOPT_XFERINFOFUNCTION, ask_whether_over);
		SET(s, CURLOPT_XFERINFODATA, s);
	}
	set_trust(s);
	set_identity(s);
	set_content(s);
}

/* ---- one request ---- */

static enum http_client_status status_of(const struct sending *s, CURLcode rc)
{
	if (rc == CURLE_COULDNT_CONNECT && s->was_private)
		return HTTP_CLIENT_PRIVATE;
	switch (rc) {
	case CURLE_OK:
		return HTTP_CLIENT_ANSWERED;
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
		return HTTP_CLIENT_UNREACHABLE;
	default:
		return HTTP_CLIENT_FAILED;
	}
}

static void explain(const struct sending *s, CURLcode rc, struct err *e)
{
	if (rc == CURLE_WRITE_ERROR && s->body && s->body->failed)
		err_set(e, "the answer is too large");
	else if (s->was_ended)
		err_set(e, "it was ended here");
	else if (rc == CURLE_COULDNT_CONNECT && s->was_private)
		err_set(e, "a private address");
	else if (s->request->url_is_secret || !s->error[0]) /* curl's sentence may quote it */
		err_set(e, "%s", curl_easy_strerror(rc));
	else
		err_set(e, "%s", s->error);
}

enum http_client_status http_client_send(struct http_client *c,
	const struct http_client_request *request, struct buf *ret_body, bool cut_body,
	struct http_client_answer *ret, struct err *e)
{
	struct sending s = {
		.curl = c->curl, .request = request, .body = ret_body, .cut_body = cut_body};
	struct http_client_answer answer = {0};
	curl_off_t retry_after_s = 0;
	CURLcode rc = CURLE_FAILED_INIT;

	set_options(&s);
	if (s.failed)
		err_set(e, "the request cannot be made: a broken URL, or memory is short");
	else
		rc = curl_easy_perform(c->curl);
	if (!s.failed && rc != CURLE_OK)
		explain(&s, rc, e);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
	answer.retry_after_s = retry_after_s;
	curl_easy_reset(c->curl); /* nothing of the caller's stays behind */
	curl_slist_free_all(s.headers);
	curl_slist_free_all(s.connect_to);
	if (rc == CURLE_OK)
		*ret = answer;
	return status_of(&s, rc);
}
