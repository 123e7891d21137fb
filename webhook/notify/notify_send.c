/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/notify/notify_send.h"

#include <stdio.h>
#include <time.h>

#include "common/http/client/http_client.h"

#define CONNECT_MS  5000
#define TOTAL_MS    10000
#define BODY_MAX    ((size_t)1 << 20)
#define HEADERS_MAX 4

struct notify_sender {
	struct http_client *client;
	struct arena *arena;
};

struct notify_sender *notify_sender_new(void)
{
	struct notify_sender *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->client = http_client_new();
	s->arena = arena_new(65536, 8 << 20);
	if (!s->client || !s->arena) {
		notify_sender_free(s);
		return NULL;
	}
	return s;
}

void notify_sender_free(struct notify_sender *s)
{
	if (!s)
		return;
	http_client_free(s->client);
	arena_free(s->arena);
	free(s);
}

/* The three headers of Standard Webhooks. -1: out of memory. */
static int sign(struct notify_sender *s, const struct notify_target *t,
	const struct notify_event *ev, struct span body, const char *ret[static 3])
{
	_cleanup_(buf_free) struct buf id = BUF_INIT(1024), signature = BUF_INIT(256);
	int64_t now = (int64_t)time(NULL);

	notify_put_id(ev, &id);
	notify_put_signature(t, buf_span(&id), now, body, &signature);
	if (!buf_str(&id) || !buf_str(&signature))
		return -1;
	ret[0] = arena_printf(s->arena, "webhook-id: %s", id.ptr).ptr;
	ret[1] = arena_printf(s->arena, "webhook-timestamp: %lld", (long long)now).ptr;
	ret[2] = arena_printf(s->arena, "webhook-signature: %s", signature.ptr).ptr;
	return ret[0] && ret[1] && ret[2] ? 0 : -1;
}

static enum notify_status status_of_code(long code, struct err *e)
{
	if (code >= 200 && code < 300)
		return NOTIFY_DELIVERED;
	if (code >= 300 && code < 400)
		err_set(e, "HTTP %ld: redirects are not followed", code);
	else
		err_set(e, "HTTP %ld", code);
	return code == 410 ? NOTIFY_NEVER : NOTIFY_TRY_AGAIN;
}

static enum notify_status post(struct notify_sender *s, const struct notify_target *t,
	const struct notify_event *ev, struct span body, struct err *e)
{
	const char *headers[HEADERS_MAX + 1] = {t->type == NOTIFY_SLACK
							? "Content-Type: application/json"
							: "Content-Type: application/"
							  "cloudevents+json"};
	const struct http_client_request request = {
		.url = t->url,
		.url_is_secret = true,
		.headers = headers,
		.body = body,
		.ca_file = t->ca_file,
		.proxy = "",
		.public_only = !t->allow_private,
		.connect_ms = CONNECT_MS,
		.total_ms = TOTAL_MS,
	};
	struct http_client_answer answer;

	if (t->secret && sign(s, t, ev, body, headers + 1) != 0) {
		err_set(e, "out of memory");
		return NOTIFY_TRY_AGAIN;
	}
	switch (http_client_send(s->client, &request, NULL, false, &answer, e)) {
	case HTTP_CLIENT_ANSWERED:
		return status_of_code(answer.status, e);
	case HTTP_CLIENT_PRIVATE:
		err_set(e, "a private address needs allowPrivate: true");
		return NOTIFY_TRY_AGAIN;
	default:
		return NOTIFY_TRY_AGAIN;
	}
}

enum notify_status notify_send(struct notify_sender *s, const struct notify_target *t,
	const struct notify_event *ev, struct err *e)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(BODY_MAX);
	enum notify_status status;

	switch (notify_put_body(t, ev, s->arena, &body)) {
	case NOTIFY_BODY_PUT:
		status = post(s, t, ev, buf_span(&body), e);
		break;
	case NOTIFY_BODY_UNREADABLE:
		err_set(e, "the event cannot be put into words");
		status = NOTIFY_NEVER;
		break;
	default:
		err_set(e, "the event is too large, or memory is short");
		status = NOTIFY_TRY_AGAIN;
		break;
	}
	arena_reset(s->arena);
	return status;
}
