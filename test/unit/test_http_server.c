/* The HTTP server over plain TCP: routing, bodies, limits, suspended requests, stopping. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "common/http_server.h"
#include "support/raw_http.h"
#include "support/run_tests.h"

static struct http_server *server;
static struct raw_answer answer;

/* ---- handlers ---- */

static void echo(struct http_request *r, void *userdata)
{
	(void)userdata;
	struct span body = http_request_body(r);
	ck_assert_int_eq(body.ptr[body.len], 0);
	http_reply(r, &(struct http_answer){.status = 200, .body = body});
}

static void describe(struct http_request *r, void *userdata)
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

static void no_answer(struct http_request *r, void *userdata)
{
	(void)r, (void)userdata;
}

/* Suspended requests, for a worker or the test to answer. */
static struct {
	pthread_mutex_t lock;
	struct http_request *items[4096];
	size_t count;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void wait_handler(struct http_request *r, void *userdata)
{
	(void)userdata;
	http_request_set_data(r, (void *)(uintptr_t)0x42);
	if (http_suspend(r) < 0) {
		http_reply_error(r, 503, "too many wait");
		return;
	}
	pthread_mutex_lock(&waiting.lock);
	waiting.items[waiting.count++] = r;
	pthread_mutex_unlock(&waiting.lock);
}

static struct http_request *take_waiting(void)
{
	struct http_request *r = NULL;
	pthread_mutex_lock(&waiting.lock);
	if (waiting.count > 0)
		r = waiting.items[--waiting.count];
	pthread_mutex_unlock(&waiting.lock);
	return r;
}

static struct http_request *wait_for_waiting(void)
{
	for (int i = 0; i < 2000; i++) {
		struct http_request *r = take_waiting();
		if (r)
			return r;
		usleep(5000);
	}
	ck_abort_msg("no request was suspended");
}

static void answer_waiting(struct http_request *r)
{
	ck_assert_ptr_eq(http_request_data(r), (void *)(uintptr_t)0x42);
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

static struct http_server_config config(void)
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

static void start(const struct http_server_config *c)
{
	struct err e;
	ck_assert_msg(http_server_start(c, &server, &e) == 0, "%s", e.msg);
}

static void setup(void)
{
	const struct http_server_config c = config();
	start(&c);
}

static void teardown(void)
{
	http_server_stop(server, 1000);
	server = NULL;
}

static int client(void)
{
	return raw_connect(http_server_address(server));
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define JSON_HEAD "Host: x\r\nContent-Type: application/json\r\n"

/* Sends on a connection of its own and reads one answer into `answer`. */
static void ask(const char *request)
{
	int fd = client();
	ck_assert_int_eq(raw_send_str(fd, request), 0);
	raw_read(fd, &answer);
	close(fd);
}

/* ---- requests as they should be, and not ---- */

static const struct {
	int status;
	const char *expected; /* body, or a part of an error's */
	const char *request;
} exchanges[] = {
	{200, "{}", "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}"},
	{200, "", "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 0\r\n\r\n"},
	{200, "{}",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: APPLICATION/json ; "
		"charset=utf-8\r\n"
		"Content-Length: 2\r\n\r\n{}"},
	{200, "{\"a\":1}",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"},
	{200, "/any|1.5s|curl x|127.0.0.1|unnamed",
		"GET /any?timeout=1.5s HTTP/1.1\r\nHost: x\r\nUser-Agent: curl x\r\n\r\n"},
	{200, "/any/a b/c|a&b||127.0.0.1|unnamed",
		"POST /any/a%20b/c?x=1&timeout=a%26b HTTP/1.1\r\nHost: x\r\n\r\n"},
	{404, "no such path", "POST /ech HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}"},
	{404, "no such path", "POST /echo/ HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}"},
	{404, "no such path", "POST /anything HTTP/1.1\r\n" JSON_HEAD "\r\n"},
	{404, "no such path", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{400, "NUL in the path",
		"POST /echo%00x HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}"},
	{405, "only POST here", "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"},
	{405, "only POST, GET here", "DELETE /any HTTP/1.1\r\nHost: x\r\n\r\n"},
	{415, "wrong Content-Type",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/json\r\n"
		"Content-Length: 2\r\n\r\n{}"},
	{415, "wrong Content-Type",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"},
	{413, "larger than 100000 bytes",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 100001\r\n\r\n"},
	{413, "larger than 100000 bytes",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 99999999999999999\r\n\r\n"},
	{400, "ambiguous",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"},
	{400, "ambiguous",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
	{400, "ambiguous",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"},
	{400, "ambiguous",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Length: 2\r\nContent-Length: 44\r\n\r\n{}"},
	{500, "no answer", "POST /nothing HTTP/1.1\r\nHost: x\r\n\r\n"},
};

START_TEST(http__one_exchange)
{
	ask(exchanges[_i].request);
	ck_assert_msg(answer.status == exchanges[_i].status, "%d instead of %d: %s", answer.status,
		exchanges[_i].status, exchanges[_i].request);
	ck_assert_msg(strstr(answer.body, exchanges[_i].expected) != NULL, "%s is not in %s",
		exchanges[_i].expected, answer.body);
	if (answer.status == 200)
		ck_assert_str_eq(answer.body, exchanges[_i].expected);
	else
		ck_assert(raw_has_header(&answer, "Content-Type: application/json"));
}
END_TEST

START_TEST(http__method_not_allowed_names_the_methods)
{
	ask("DELETE /any HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert(raw_has_header(&answer, "Allow: POST, GET"));
}
END_TEST

/* Whatever it is, it is no answer of a handler, and it does not stop the server. */
static const char *const garbage[] = {
	"\r\n\r\n",
	"POST\r\n\r\n",
	"POST /echo\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: -1\r\n\r\n",
	"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 1x\r\n\r\n{",
	"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 99999999999999999999999\r\n\r\n{",
	"POST /echo HTTP/1.1\r\n" JSON_HEAD
	"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
	"POST /echo HTTP/1.1\r\n" JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
};

START_TEST(http__garbage_gets_no_handler)
{
	int fd = client();
	raw_send_str(fd, garbage[_i]);
	shutdown(fd, SHUT_WR);
	raw_read(fd, &answer);
	close(fd);
	ck_assert_msg(answer.status == 0 || answer.status >= 400, "answered %d", answer.status);
	ask("POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	ck_assert_int_eq(answer.status, 200);
}
END_TEST

START_TEST(http__keep_alive_and_pipelining)
{
	char many[8192];
	size_t len = 0;
	int fd = client();
	for (int i = 0; i < 20; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len,
			"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: %d\r\n\r\n[%d]",
			i < 10 ? 3 : 4, i);
	ck_assert_int_eq(raw_send(fd, many, len), 0);
	for (int i = 0; i < 20; i++) {
		char expected[8];
		snprintf(expected, sizeof(expected), "[%d]", i);
		raw_read(fd, &answer);
		ck_assert_int_eq(answer.status, 200);
		ck_assert_str_eq(answer.body, expected);
	}
	close(fd);
}
END_TEST

static void send_large(int fd, size_t len)
{
	char head[256], *body = malloc(len);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)('a' + i % 23);
	snprintf(head, sizeof(head),
		"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: %zu\r\n\r\n", len);
	ck_assert_int_eq(raw_send_str(fd, head), 0);
	ck_assert_int_eq(raw_send(fd, body, len), 0);
	free(body);
}

START_TEST(http__bodies_of_every_size_arrive_whole)
{
	static const size_t sizes[] = {1, 4095, 4096, 12288, 12289, 32768, 60000};
	int fd = client();
	for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
		send_large(fd, sizes[k]);
		raw_read(fd, &answer);
		ck_assert_uint_eq(answer.body_len, sizes[k]);
		for (size_t i = 0; i < sizes[k]; i++)
			ck_assert_int_eq(answer.body[i], (char)('a' + i % 23));
	}
	close(fd);
}
END_TEST

START_TEST(http__chunked_bodies_grow_and_are_bounded)
{
	char chunk[4096], head[32];
	int fd = client(), size = (int)sizeof(chunk);
	memset(chunk, 'x', sizeof(chunk));
	for (int round = 0; round < 2; round++) {
		int chunks = round == 0 ? 15 : 30; /* 60 kB, then 120 kB: more than allowed */
		raw_send_str(fd,
			"POST /echo HTTP/1.1\r\n" JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n");
		for (int i = 0; i < chunks; i++) {
			snprintf(head, sizeof(head), "%x\r\n", (unsigned)size);
			raw_send_str(fd, head);
			raw_send(fd, chunk, sizeof(chunk));
			raw_send_str(fd, "\r\n");
		}
		raw_send_str(fd, "0\r\n\r\n");
		raw_read(fd, &answer);
		ck_assert_int_eq(answer.status, round == 0 ? 200 : 413);
		if (round == 0)
			ck_assert_uint_eq(answer.body_len, 15 * sizeof(chunk));
	}
	close(fd);
}
END_TEST

START_TEST(http__an_endless_chunked_body_is_cut)
{
	char chunk[4096];
	int fd = client(), sent = 0;
	memset(chunk, 'x', sizeof(chunk));
	raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n");
	while (sent < 10000 && raw_send_str(fd, "1000\r\n") == 0 &&
		raw_send(fd, chunk, sizeof(chunk)) == 0 && raw_send_str(fd, "\r\n") == 0)
		sent++;
	ck_assert_int_lt(sent, 10000);
	close(fd);
}
END_TEST

/* Go's client writes the body without waiting; the answer must reach it all the same. */
START_TEST(http__too_large_is_told_to_a_client_that_does_not_wait)
{
	char *body = calloc(1, 1 << 20);
	int told = 0;
	for (int i = 0; i < 20; i++) {
		int fd = client();
		raw_send_str(
			fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 1048576\r\n\r\n");
		raw_send(fd, body, 1 << 20);
		raw_read(fd, &answer);
		told += answer.status == 413;
		close(fd);
	}
	ck_assert_int_eq(told, 20);
	free(body);
}
END_TEST

START_TEST(http__the_budget_of_bytes_in_flight)
{
	int fds[2], ok = 0, busy = 0;
	/* 2 x 100 kB fit into 250 kB; the bodies stay incomplete. */
	for (int i = 0; i < 2; i++) {
		fds[i] = client();
		raw_send_str(fds[i],
			"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 100000\r\n\r\n{");
	}
	usleep(200000);
	ask("POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 60000\r\n\r\n");
	ck_assert_int_eq(answer.status, 503);
	ck_assert(raw_has_header(&answer, "Retry-After: 1"));
	ask("POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	ck_assert_int_eq(answer.status, 200);
	/* What was taken comes back when the clients go. */
	close(fds[0]);
	close(fds[1]);
	for (int i = 0; i < 100 && !ok; i++) {
		int fd = client();
		send_large(fd, 60000);
		raw_read(fd, &answer);
		ok += answer.status == 200;
		busy += answer.status == 503;
		close(fd);
	}
	ck_assert_msg(ok == 1, "still busy after %d attempts", busy);
}
END_TEST

START_TEST(http__a_slow_body_is_cut_at_the_deadline)
{
	struct http_server_config c = config();
	teardown();
	c.body_deadline_ms = 500;
	start(&c);
	int fd = client();
	int64_t begin = now_ms();
	raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 1000\r\n\r\n");
	/* A byte now and then: active all the time, and never done. */
	while (now_ms() - begin < 5000 && raw_send_str(fd, "x") == 0)
		usleep(50000);
	ck_assert_int_lt(now_ms() - begin, 2500);
	ck_assert_int_ge(now_ms() - begin, 450);
	close(fd);
}
END_TEST

START_TEST(http__a_connection_without_a_request_is_cut_too)
{
	struct http_server_config c = config();
	teardown();
	c.body_deadline_ms = 300;
	start(&c);
	int fd = client(), kept = client();
	int64_t begin = now_ms();
	raw_send_str(kept, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	raw_read(kept, &answer);
	raw_send_str(fd, "POST /ec");
	ck_assert(raw_is_closed(fd));
	ck_assert_int_lt(now_ms() - begin, 2500);
	/* One that is idle after a request may stay. */
	usleep(600000);
	raw_send_str(kept, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	raw_read(kept, &answer);
	ck_assert_int_eq(answer.status, 200);
	close(fd);
	close(kept);
}
END_TEST

START_TEST(http__connections_are_limited)
{
	struct http_server_config c = config();
	int fds[12], open = 0;
	teardown();
	c.max_connections = 8;
	start(&c);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = client();
		raw_send_str(
			fds[i], "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
		raw_read(fds[i], &answer);
		open += answer.status == 200;
	}
	ck_assert_int_eq(open, 8);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}
END_TEST

/* ---- suspended requests ---- */

#define WAIT_REQUEST "POST /wait HTTP/1.1\r\n" JSON_HEAD "Content-Length: 4\r\n\r\n[42]"

START_TEST(http__suspended_and_answered_from_another_thread)
{
	int fd = client();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(raw_send_str(fd, WAIT_REQUEST), 0);
		struct http_request *r = wait_for_waiting();
		usleep(20000);
		ck_assert(!http_request_client_left(r));
		answer_waiting(r);
		raw_read(fd, &answer);
		ck_assert_int_eq(answer.status, 200);
		ck_assert_str_eq(answer.body, "[42]");
		ck_assert(raw_has_header(&answer, "Retry-After: 7"));
	}
	close(fd);
}
END_TEST

static _Atomic bool workers_stop;

static void *answer_in_worker(void *arg)
{
	(void)arg;
	while (!atomic_load(&workers_stop)) {
		struct http_request *r = take_waiting();
		if (r)
			answer_waiting(r);
		else
			usleep(100);
	}
	return NULL;
}

static void *ask_in_thread(void *arg)
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

START_TEST(http__many_suspended_at_once)
{
	pthread_t askers[8], workers[3];
	atomic_store(&workers_stop, false);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		ck_assert_int_eq(pthread_create(&workers[i], NULL, answer_in_worker, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++)
		ck_assert_int_eq(
			pthread_create(&askers[i], NULL, ask_in_thread, (void *)(intptr_t)200), 0);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
		void *ok;
		pthread_join(askers[i], &ok);
		ck_assert_int_eq((intptr_t)ok, 200);
	}
	atomic_store(&workers_stop, true);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		pthread_join(workers[i], NULL);
}
END_TEST

START_TEST(http__suspended_requests_are_limited)
{
	struct http_server_config c = config();
	int fds[3];
	teardown();
	c.max_suspended = 2;
	start(&c);
	for (int i = 0; i < 2; i++) {
		fds[i] = client();
		raw_send_str(fds[i], WAIT_REQUEST);
	}
	struct http_request *a = wait_for_waiting(), *b = wait_for_waiting();
	fds[2] = client();
	raw_send_str(fds[2], WAIT_REQUEST);
	raw_read(fds[2], &answer);
	ck_assert_int_eq(answer.status, 503);
	answer_waiting(a);
	answer_waiting(b);
	for (int i = 0; i < 2; i++) {
		raw_read(fds[i], &answer);
		ck_assert_int_eq(answer.status, 200);
		close(fds[i]);
	}
	close(fds[2]);
}
END_TEST

START_TEST(http__a_client_that_leaves_is_noticed)
{
	int fd = client();
	raw_send_str(fd, WAIT_REQUEST);
	struct http_request *r = wait_for_waiting();
	close(fd);
	for (int i = 0; i < 600 && !http_request_client_left(r); i++)
		usleep(10000);
	ck_assert(http_request_client_left(r));
	answer_waiting(r); /* nobody reads it, nothing breaks */
}
END_TEST

START_TEST(http__a_suspended_request_has_no_deadline)
{
	struct http_server_config c = config();
	teardown();
	c.body_deadline_ms = 300;
	start(&c);
	int fd = client();
	raw_send_str(fd, WAIT_REQUEST);
	struct http_request *r = wait_for_waiting();
	usleep(1000000);
	answer_waiting(r);
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, 200);
	close(fd);
}
END_TEST

/* ---- stopping ---- */

START_TEST(http__draining_closes_after_each_answer)
{
	int fd = client();
	raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	raw_read(fd, &answer);
	ck_assert(!raw_has_header(&answer, "Connection: close"));
	http_server_drain(server);
	raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(raw_has_header(&answer, "Connection: close"));
	ck_assert(raw_is_closed(fd));
	close(fd);
}
END_TEST

static void *stop_in_thread(void *arg)
{
	http_server_stop(server, (unsigned)(uintptr_t)arg);
	return NULL;
}

START_TEST(http__stop_waits_for_suspended_requests)
{
	pthread_t stopper;
	int fd = client();
	raw_send_str(fd, WAIT_REQUEST);
	struct http_request *r = wait_for_waiting();
	ck_assert_int_eq(
		pthread_create(&stopper, NULL, stop_in_thread, (void *)(uintptr_t)10000), 0);
	usleep(200000);
	answer_waiting(r);
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(raw_has_header(&answer, "Connection: close"));
	pthread_join(stopper, NULL);
	server = NULL;
	close(fd);
}
END_TEST

START_TEST(http__stop_answers_what_is_still_suspended)
{
	int fds[20];
	struct http_request *late[20];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = client();
		raw_send_str(fds[i], WAIT_REQUEST);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		late[i] = wait_for_waiting();
	http_server_stop(server, 100);
	server = NULL;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		raw_read(fds[i], &answer);
		ck_assert_int_eq(answer.status, 503);
		ck_assert(raw_has_header(&answer, "Retry-After: 1"));
		close(fds[i]);
		/* The worker comes late; its request is still an object, with its body. */
		ck_assert(span_eq_str(http_request_body(late[i]), "[42]"));
		ck_assert(span_eq_str(http_request_peer(late[i]), "127.0.0.1"));
		answer_waiting(late[i]);
	}
}
END_TEST

START_TEST(http__stop_under_load)
{
	pthread_t askers[4], workers[2];
	atomic_store(&workers_stop, false);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		ck_assert_int_eq(pthread_create(&workers[i], NULL, answer_in_worker, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++)
		ck_assert_int_eq(
			pthread_create(&askers[i], NULL, ask_in_thread, (void *)(intptr_t)300), 0);
	usleep(30000);
	struct http_server *stopping = server;
	http_server_drain(stopping);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++)
		pthread_join(askers[i], NULL);
	http_server_stop(stopping, 2000);
	server = NULL;
	atomic_store(&workers_stop, true);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		pthread_join(workers[i], NULL);
}
END_TEST

START_TEST(http__stop_with_a_body_half_read)
{
	int fd = client();
	raw_send_str(fd, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 1000\r\n\r\n{");
	usleep(100000);
	http_server_stop(server, 200);
	server = NULL;
	ck_assert(raw_is_closed(fd));
	close(fd);
}
END_TEST

/* ---- starting ---- */

static const struct {
	const char *expected;
	const char *listen;
} bad_listens[] = {
	{"must be HOST:PORT", "8443"},
	{"must be HOST:PORT", "127.0.0.1:"},
	{"must be HOST:PORT", "::1:8443"},
	{"must be HOST:PORT", "127.0.0.1:70000"},
	{"must be HOST:PORT", "127.0.0.1:https"},
	{"is no numeric address", "localhost:8443"},
	{"cannot listen on 192.0.2.1:8443: ", "192.0.2.1:8443"},
};

START_TEST(http__a_bad_listen_address)
{
	struct http_server *s;
	struct err e;
	struct http_server_config c = config();
	c.listen = bad_listens[_i].listen;
	ck_assert_int_eq(http_server_start(&c, &s, &e), -1);
	ck_assert_msg(strstr(e.msg, bad_listens[_i].expected) != NULL, "%s", e.msg);
	ck_assert_ptr_nonnull(strstr(e.msg, c.listen));
}
END_TEST

START_TEST(http__address_in_use)
{
	struct http_server *s;
	struct err e;
	struct http_server_config c = config();
	c.listen = http_server_address(server);
	ck_assert_int_eq(http_server_start(&c, &s, &e), -1);
	ck_assert_msg(strstr(e.msg, "Address already in use") != NULL, "%s", e.msg);
}
END_TEST

START_TEST(http__counters)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	size_t count;
	ask("POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 100001\r\n\r\n");
	struct metric *const *tables = http_server_metrics(&count);
	metrics_put(&out, tables, count);
	const char *text = buf_str(&out);
	ck_assert_ptr_nonnull(strstr(text, "holdpoint_http_requests_total{code=\"413\"} "));
	ck_assert_ptr_null(strstr(text, "holdpoint_http_requests_total{code=\"413\"} 0\n"));
	ck_assert_ptr_null(strstr(text, "holdpoint_http_refused_total{reason=\"too_large\"} 0\n"));
	ck_assert_ptr_nonnull(strstr(text, "holdpoint_http_inflight_bytes 0\n"));
	ck_assert_ptr_nonnull(strstr(text, "holdpoint_http_suspended_requests 0\n"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("http_server");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, http__one_exchange, 0, ARRAY_LEN(exchanges));
	tcase_add_test(t, http__method_not_allowed_names_the_methods);
	tcase_add_loop_test(t, http__garbage_gets_no_handler, 0, ARRAY_LEN(garbage));
	tcase_add_test(t, http__keep_alive_and_pipelining);
	tcase_add_test(t, http__bodies_of_every_size_arrive_whole);
	tcase_add_test(t, http__chunked_bodies_grow_and_are_bounded);
	tcase_add_test(t, http__an_endless_chunked_body_is_cut);
	tcase_add_test(t, http__too_large_is_told_to_a_client_that_does_not_wait);
	tcase_add_test(t, http__the_budget_of_bytes_in_flight);
	tcase_add_test(t, http__a_slow_body_is_cut_at_the_deadline);
	tcase_add_test(t, http__a_connection_without_a_request_is_cut_too);
	tcase_add_test(t, http__connections_are_limited);
	tcase_add_test(t, http__suspended_and_answered_from_another_thread);
	tcase_add_test(t, http__many_suspended_at_once);
	tcase_add_test(t, http__suspended_requests_are_limited);
	tcase_add_test(t, http__a_client_that_leaves_is_noticed);
	tcase_add_test(t, http__a_suspended_request_has_no_deadline);
	tcase_add_test(t, http__draining_closes_after_each_answer);
	tcase_add_test(t, http__stop_waits_for_suspended_requests);
	tcase_add_test(t, http__stop_answers_what_is_still_suspended);
	tcase_add_test(t, http__stop_under_load);
	tcase_add_test(t, http__stop_with_a_body_half_read);
	tcase_add_loop_test(t, http__a_bad_listen_address, 0, ARRAY_LEN(bad_listens));
	tcase_add_test(t, http__address_in_use);
	tcase_add_test(t, http__counters);
	return run_tests(t);
}
