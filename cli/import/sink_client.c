/* SPDX-License-Identifier: Apache-2.0 */
/* See sink_client.h. Certificates are always verified. */
#include "cli/import/sink_client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/crypto.h"
#include "common/http/client/http_client.h"
#include "common/json/json.h"

#define ANSWER_MAX	4096
#define TOKEN_MAX	16384
#define REQUEST_TIME_MS 60000
#define BACKOFF_MAX_MS	10000

struct sink_client {
	struct http_client *http;
	struct http_client_request request; /* points into the configuration, and token */
	char *token;			    /* or NULL */
	size_t token_len;
	int64_t patience_ms;
	bool said_waiting;
	struct buf answer;
};

static int read_token(struct sink_client *c, const char *path, struct err *e)
{
	if (secret_read_file(path, TOKEN_MAX, &c->token, &c->token_len, e) < 0)
		return err_prefix(e, "--bearer-token-file");
	c->request.bearer_token = (struct span){c->token, c->token_len};
	return 0;
}

int sink_client_new(
	const struct sink_client_config *config, struct sink_client **ret, struct err *e)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	_cleanup_(sink_client_freep) struct sink_client *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, "out of memory");
	c->answer = BUF_INIT(ANSWER_MAX);
	c->patience_ms = config->patience_ms;
	c->request = (struct http_client_request){
		.url = config->url,
		.headers = headers,
		.ca_file = config->ca_file,
		.cert_file = config->cert_file,
		.key_file = config->key_file,
		.total_ms = REQUEST_TIME_MS,
	};
	c->http = http_client_new();
	if (!c->http)
		return err_set(e, "out of memory");
	if (config->token_file && read_token(c, config->token_file, e) < 0)
		return -1;
	*ret = TAKE_PTR(c);
	return 0;
}

void sink_client_free(struct sink_client *c)
{
	if (!c)
		return;
	http_client_free(c->http);
	secret_free(c->token, c->token_len);
	buf_free(&c->answer);
	free(c);
}

/* {"events":400,"quarantined":0,"result":"stored"}: what the sink says with 200. */
static int read_answer(const struct sink_client *c, struct sink_answer *ret, struct err *e)
{
	static const struct json_limits limits = {ANSWER_MAX, 8, 256, false, false};
	static const char *const results[] = {
		[SINK_STORED] = "stored", [SINK_KNOWN] = "duplicate", [SINK_SPOOLED] = "spooled"};
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1 << 16);
	struct span text = buf_span(&c->answer);
	struct json_doc d;
	int64_t events, quarantined;

	if (!arena)
		return err_set(e, "out of memory");
	if (json_read(text.ptr, text.len, &limits, arena, &d, NULL) == 0 &&
		json_int64(&d, json_get_str(&d, JSON_ROOT, "events"), &events) == 0 &&
		json_int64(&d, json_get_str(&d, JSON_ROOT, "quarantined"), &quarantined) == 0) {
		ret->events = (uint64_t)events;
		ret->quarantined = (uint64_t)quarantined;
		for (size_t i = 0; i < ARRAY_LEN(results); i++) {
			ret->result = (enum sink_result)i;
			if (json_string_is(
				    &d, json_get_str(&d, JSON_ROOT, "result"), span_of(results[i])))
				return 0;
		}
	}
	return err_set(e, "what answered 200 is no holdpoint-auditsink: see --sink");
}

enum post_status { STORED, TRY_AGAIN, REFUSED };

/* One attempt. *ret_wait_ms: how long the sink wants us to wait, or 0. */
static enum post_status post_once(struct sink_client *c, struct span list, struct sink_answer *ret,
	int64_t *ret_wait_ms, struct err *e)
{
	struct http_client_answer answer = {0};
	enum http_client_status status;

	buf_reset(&c->answer);
	c->request.body = list;
	status = http_client_send(c->http, &c->request, &c->answer, true, &answer, e);
	*ret_wait_ms = answer.retry_after_s * 1000;
	if (status != HTTP_CLIENT_ANSWERED) {
		if (strstr(e->msg, "certificate required")) {
			err_set(e,
				"the sink asks for a client certificate, also of who has a token: "
				"give --client-cert-file and --client-key-file");
			return REFUSED;
		}
		err_prefix(e, "the sink cannot be reached");
		/* A certificate that does not fit will not fit in a second either. */
		return status == HTTP_CLIENT_UNREACHABLE ? TRY_AGAIN : REFUSED;
	}
	if (answer.status == 200)
		return read_answer(c, ret, e) < 0 ? REFUSED : STORED;
	err_set(e, "the sink answered %ld: %.*s", answer.status,
		(int)(c->answer.len < 300 ? c->answer.len : 300), buf_span(&c->answer).ptr);
	return answer.status == 429 || answer.status >= 500 ? TRY_AGAIN : REFUSED;
}

/* Once: minutes without a word look like a hang. */
static void say_waiting(struct sink_client *c, const struct err *e)
{
	if (c->said_waiting)
		return;
	c->said_waiting = true;
	fprintf(stderr, "%s; trying again for up to %lld s (--patience)\n", e->msg,
		(long long)(c->patience_ms / 1000));
}

int sink_client_post(
	struct sink_client *c, struct span list, struct sink_answer *ret, struct err *e)
{
	int64_t deadline = monotonic_ms() + c->patience_ms, backoff_ms = 250;

	for (;;) {
		int64_t wait_ms;
		enum post_status status = post_once(c, list, ret, &wait_ms, e);

		if (status == STORED)
			return 0;
		if (wait_ms == 0)
			wait_ms = backoff_ms;
		if (status == REFUSED || monotonic_ms() + wait_ms > deadline)
			return -1;
		say_waiting(c, e);
		usleep((useconds_t)(wait_ms * 1000));
		backoff_ms = backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
	}
}
