/* See sink_client.h. On libcurl; certificates are always verified. */
#include "cli/sink_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/crypto.h"

#define ANSWER_MAX	4096
#define TOKEN_MAX	16384
#define REQUEST_TIME_MS 60000
#define BACKOFF_MAX_MS	10000

struct sink_client {
	CURL *curl;
	struct curl_slist *headers;
	int64_t patience_ms;
	struct buf answer;
	char error[CURL_ERROR_SIZE];
};

static size_t keep_answer(char *data, size_t size, size_t count, void *arg)
{
	struct buf *answer = arg;
	size_t len = size * count, room = ANSWER_MAX - answer->len;

	buf_add(answer, data, len < room ? len : room);
	return len;
}

static int add_header(struct sink_client *c, const char *line, struct err *e)
{
	struct curl_slist *longer = curl_slist_append(c->headers, line);

	if (!longer)
		return err_set(e, "out of memory");
	c->headers = longer;
	return 0;
}

static int add_token(struct sink_client *c, const char *path, struct err *e)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(TOKEN_MAX + 64);
	char *token = NULL;
	size_t len;
	int rc;

	if (secret_read_file(path, TOKEN_MAX, &token, &len, e) < 0)
		return err_prefix(e, "--bearer-token-file");
	buf_printf(&line, "Authorization: Bearer %s", token);
	secret_free(token, len);
	rc = add_header(c, buf_str(&line), e);
	crypto_wipe(line.ptr, line.len);
	return rc;
}

static void set_options(struct sink_client *c, const struct sink_client_config *config)
{
	CURL *h = c->curl;

	curl_easy_setopt(h, CURLOPT_URL, config->url);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)REQUEST_TIME_MS);
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, keep_answer);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, &c->answer);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->error);
	if (config->ca_file)
		curl_easy_setopt(h, CURLOPT_CAINFO, config->ca_file);
	if (config->cert_file)
		curl_easy_setopt(h, CURLOPT_SSLCERT, config->cert_file);
	if (config->key_file)
		curl_easy_setopt(h, CURLOPT_SSLKEY, config->key_file);
}

int sink_client_new(
	const struct sink_client_config *config, struct sink_client **ret, struct err *e)
{
	_cleanup_(sink_client_freep) struct sink_client *c = calloc(1, sizeof(*c));

	if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return err_set(e, "out of memory");
	c->answer = BUF_INIT(ANSWER_MAX + 1);
	c->patience_ms = config->patience_ms;
	c->curl = curl_easy_init();
	if (!c->curl)
		return err_set(e, "out of memory");
	/* No "Expect: 100-continue": the body is sent at once. */
	if (add_header(c, "Content-Type: application/json", e) < 0 ||
		add_header(c, "Expect:", e) < 0 ||
		(config->token_file && add_token(c, config->token_file, e) < 0))
		return -1;
	set_options(c, config);
	*ret = TAKE_PTR(c);
	return 0;
}

void sink_client_free(struct sink_client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	for (struct curl_slist *h = c->headers; h; h = h->next)
		crypto_wipe(h->data, strlen(h->data));
	curl_slist_free_all(c->headers);
	buf_free(&c->answer);
	free(c);
}

enum outcome { STORED, TRY_AGAIN, REFUSED };

/* One attempt. *ret_wait_ms: how long the sink wants us to wait, or 0. */
static enum outcome post_once(
	struct sink_client *c, struct span list, int64_t *ret_wait_ms, struct err *e)
{
	curl_off_t retry_after_s = 0;
	long status = 0;
	CURLcode rc;

	buf_reset(&c->answer);
	c->error[0] = 0;
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)list.len);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, list.ptr);
	rc = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
	*ret_wait_ms = (int64_t)retry_after_s * 1000;
	if (rc == CURLE_OK && status == 200)
		return STORED;
	if (rc != CURLE_OK)
		err_set(e, "the sink cannot be reached: %s",
			c->error[0] ? c->error : curl_easy_strerror(rc));
	else
		err_set(e, "the sink answered %ld: %.300s", status,
			buf_str(&c->answer) ? c->answer.ptr : "");
	/* A certificate that does not fit will not fit in a second either. */
	if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_OPERATION_TIMEDOUT ||
		rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR || rc == CURLE_GOT_NOTHING ||
		status == 429 || status >= 500)
		return TRY_AGAIN;
	return REFUSED;
}

int sink_client_post(struct sink_client *c, struct span list, struct err *e)
{
	int64_t deadline = monotonic_ms() + c->patience_ms, backoff_ms = 250;

	for (;;) {
		int64_t wait_ms;
		enum outcome outcome = post_once(c, list, &wait_ms, e);

		if (outcome == STORED)
			return 0;
		if (wait_ms == 0)
			wait_ms = backoff_ms;
		if (outcome == REFUSED || monotonic_ms() + wait_ms > deadline)
			return -1;
		usleep((useconds_t)(wait_ms * 1000));
		backoff_ms = backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
	}
}
