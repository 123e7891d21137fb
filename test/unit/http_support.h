/* SPDX-License-Identifier: Apache-2.0 */
/* A server with a few routes on a free port, for the tests of common/http_*. */
#pragma once

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "common/http/http_server.h"
#include "support/raw_http.h"

static struct http_server *server;
static struct raw_answer answer;

/* ---- handlers ---- */

static inline void echo(struct http_request *r, void *userdata)
{
	(void)userdata;
	struct span body = http_request_body(r);
	ck_assert_int_eq(body.ptr[body.len], 0);
	http_reply(r, &(struct http_answer){.status = 200, .body = body});
}

static inline void describe(struct http_request *r, void *userdata)
{
	(void)userdata;
	struct span timeout = http_request_query(r, "timeout");
	struct span agent = http_request_header(r, "user-agent");
	http_reply(r, &(struct http_answer){.status = 200,
			      .content_type = "text/plain",
			      .body = arena_printf(http_request_arena(r), "%.*s|%.*s|%.*s|%.*s|%s",
				      SPAN_FMT(http_request_path(r)), SPAN_FMT(timeout),
				      SPAN_FMT(agent), SPAN_FMT(http_request_peer(r)),
				      http_request_client_name(r).ptr ? "named" : "unnamed")});
}

static inline void no_answer(struct http_request *r, void *userdata)
{
	(void)r, (void)userdata;
}

/* Suspended requests, for a worker or the test to answer. */
static struct {
	pthread_mutex_t lock;
	struct http_request *items[4096];
	size_t count;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void wait_handler(struct http_request *r, void *userdata)
{
	(void)userdata;
	if (http_suspend(r) < 0) {
		http_reply_error(r, 503, "too many wait");
		return;
	}
	pthread_mutex_lock(&waiting.lock);
	waiting.items[waiting.count++] = r;
	pthread_mutex_unlock(&waiting.lock);
}

static inline struct http_request *take_waiting(void)
{
	struct http_request *r = NULL;
	pthread_mutex_lock(&waiting.lock);
	if (waiting.count > 0)
		r = waiting.items[--waiting.count];
	pthread_mutex_unlock(&waiting.lock);
	return r;
}

static inline struct http_request *wait_for_waiting(void)
{
	for (int i = 0; i < 2000; i++) {
		struct http_request *r = take_waiting();
		if (r)
			return r;
		usleep(5000);
	}
	ck_abort_msg("no request was suspended");
}

static inline void answer_waiting(struct http_request *r)
{
	struct span body = http_request_body(r);
	http_reply(r, &(struct http_answer){.status = 200, .body = body, .retry_after_s = 7});
}

static const struct http_route routes[] = {
	{"POST", "/echo", false, "application/json", echo, NULL},
	{"POST", "/any", true, NULL, describe, NULL},
	{"GET", "/any", false, NULL, describe, NULL},
	{"POST", "/wait", false, "application/json", wait_handler, NULL},
	{"POST", "/nothing", false, NULL, no_answer, NULL},
	{0},
};

static inline struct http_server_config config(void)
{
	return (struct http_server_config){.name = "test",
		.listen = "127.0.0.1:0",
		.threads = 2,
		.max_connections = 200,
		.max_suspended = 64,
		.max_body_bytes = 100000,
		.max_inflight_bytes = 250000,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 30,
		.routes = routes};
}

static inline void start(const struct http_server_config *c)
{
	struct err e;
	ck_assert_msg(http_server_start(c, &server, &e) == 0, "%s", e.msg);
}

static inline void setup(void)
{
	const struct http_server_config c = config();
	start(&c);
}

static inline void teardown(void)
{
	http_server_stop(server, 1000);
	server = NULL;
}

static inline int client(void)
{
	return raw_connect(http_server_address(server));
}

static inline int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define JSON_HEAD "Host: x\r\nContent-Type: application/json\r\n"

/* A connection whose request does not come whole, to the server's limit: whatever else was to be
 * cut in that time has been. */
static inline void wait_for_a_deadline(void)
{
	int fd = client();

	raw_send_str(fd, "POST /ec");
	ck_assert(raw_is_closed(fd));
	close(fd);
}

static inline int64_t inflight_bytes(void)
{
	size_t count;
	struct metric *m = http_server_metrics(&count)[0];

	while (m->name && strcmp(m->name, "holdpoint_http_inflight_bytes") != 0)
		m++;
	return (int64_t)atomic_load(&m->value[0]);
}

static inline void wait_for_inflight_bytes(int64_t wanted)
{
	const int64_t until = now_ms() + RAW_TIMEOUT_MS;

	while (inflight_bytes() < wanted && now_ms() < until)
		usleep(1000);
	ck_assert_int_ge(inflight_bytes(), wanted);
}

#define WAIT_REQUEST "POST /wait HTTP/1.1\r\n" JSON_HEAD "Content-Length: 4\r\n\r\n[42]"

/* Sends on a connection of its own and reads one answer into `answer`. */
static inline void ask(const char *request)
{
	int fd = client();
	ck_assert_int_eq(raw_send_str(fd, request), 0);
	raw_read(fd, &answer);
	close(fd);
}

/* ---- clients and workers as threads ---- */

static _Atomic bool workers_stop;
static atomic_uint workers_answered;

static inline void *answer_in_worker(void *arg)
{
	(void)arg;
	while (!atomic_load(&workers_stop)) {
		struct http_request *r = take_waiting();
		if (r) {
			answer_waiting(r);
			atomic_fetch_add(&workers_answered, 1);
		} else {
			usleep(100);
		}
	}
	return NULL;
}

static inline void *ask_in_thread(void *arg)
{
	intptr_t rounds = (intptr_t)arg, ok = 0;
	struct raw_answer *a = malloc(sizeof(*a));
	int fd = client();
	for (intptr_t i = 0; i < rounds; i++) {
		raw_send_str(fd, WAIT_REQUEST);
		raw_read(fd, a);
		ok += a->status == 200 && strcmp(a->body, "[42]") == 0;
	}
	close(fd);
	free(a);
	return (void *)ok;
}
