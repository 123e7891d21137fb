/* SPDX-License-Identifier: Apache-2.0 */
/* Suspended requests that give back what they hold, and how long a head may be. */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>

#include "common/http/http_server.h"
#include "support/raw_http.h"

static struct http_server *server;
static struct raw_answer answer;
static _Atomic(struct http_request *) suspended;

static void wait_handler(struct http_request *r, void *userdata)
{
	(void)userdata;
	/* What stands in the arena must not be needed any more. */
	ck_assert_ptr_nonnull(arena_alloc(http_request_arena(r), 100000));
	ck_assert_int_eq(http_suspend(r), 0);
	atomic_store(&suspended, r);
}

static void head_handler(struct http_request *r, void *userdata)
{
	struct span token = http_request_header(r, "Authorization");

	(void)userdata;
	http_reply(r, &(struct http_answer){.status = 200,
			      .body = arena_printf(http_request_arena(r), "%zu", token.len)});
}

static const struct http_route routes[] = {
	{"POST", "/wait", false, NULL, wait_handler, NULL},
	{"POST", "/head", false, NULL, head_handler, NULL},
	{0},
};

static void setup(void)
{
	const struct http_server_config c = {.name = "test",
		.listen = "127.0.0.1:0",
		.threads = 1,
		.max_connections = 64,
		.max_suspended = 64,
		.max_head_bytes = 3072,
		.max_body_bytes = 1 << 20,
		.max_inflight_bytes = 8 << 20,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 30,
		.routes = routes};
	struct err e;

	atomic_store(&suspended, NULL);
	ck_assert_msg(http_server_start(&c, &server, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	http_server_stop(server, 1000);
}

static struct http_request *wait_for_suspended(void)
{
	struct http_request *r = NULL;

	for (int i = 0; !r && i < 2000; i++) {
		r = atomic_exchange(&suspended, NULL);
		if (!r)
			usleep(2000);
	}
	ck_assert_msg(r != NULL, "no request was suspended");
	return r;
}

/* ---- bodies ---- */

static const struct {
	size_t len;
	bool random; /* cannot be compressed */
	bool chunked;
} bodies[] = {{0, false, false}, {1, false, false}, {500, true, false}, {1000, false, false},
	{1000, true, false}, {1025, false, false}, {5000, true, false}, {5000, false, true},
	{100000, false, false}, {100000, true, true}};

static char *body_of(int i)
{
	char *body = malloc(bodies[i].len + 1);
	uint32_t x = 4711;

	for (size_t n = 0; n < bodies[i].len; n++) {
		x = x * 1664525 + 1013904223;
		body[n] = bodies[i].random ? (char)(x >> 24) : "abcdefgh"[n % 8];
	}
	body[bodies[i].len] = '\0';
	return body;
}

static int send_body(const char *path, int i, const char *body)
{
	int fd = raw_connect(http_server_address(server));
	char head[256];

	if (bodies[i].chunked)
		snprintf(head, sizeof(head),
			"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
			path, bodies[i].len);
	else
		snprintf(head, sizeof(head),
			"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path,
			bodies[i].len);
	ck_assert_int_eq(raw_send_str(fd, head), 0);
	ck_assert_int_eq(raw_send(fd, body, bodies[i].len), 0);
	if (bodies[i].chunked)
		ck_assert_int_eq(raw_send_str(fd, "\r\n0\r\n\r\n"), 0);
	return fd;
}

/* Released twice, as a request is that waits for the database first and then for a human. */
START_TEST(release__answered_after_body_and_arena_are_gone)
{
	char *body = body_of(_i);
	int fd = send_body("/wait", _i, body);
	struct http_request *r = wait_for_suspended();

	for (int round = 0; round < 3; round++) {
		http_request_release(r);
		ck_assert_uint_eq(http_request_body(r).len, 0);
		ck_assert_uint_eq(arena_reserved(http_request_arena(r)), 0);
		ck_assert_ptr_nonnull(arena_alloc(http_request_arena(r), 20000));
	}
	http_reply(r, &(struct http_answer){.status = 200, .body = SPAN("done")});
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_str_eq(answer.body, "done");
	/* The next one finds nothing left of it, on this connection where it is kept. */
	if (bodies[_i].chunked) {
		ck_assert(raw_is_closed(fd));
		close(fd);
		fd = raw_connect(http_server_address(server));
	}
	ck_assert_int_eq(raw_send_str(fd, "POST /head HTTP/1.1\r\nHost: x\r\n"
					  "Content-Length: 2\r\n\r\n{}"),
		0);
	raw_read(fd, &answer);
	ck_assert_str_eq(answer.body, "0");
	close(fd);
	free(body);
}
END_TEST

START_TEST(release__the_client_leaves_or_the_server_stops_meanwhile)
{
	char *body = body_of(_i);
	int fd = send_body("/wait", _i, body);
	struct http_request *r = wait_for_suspended();
	bool leaves = _i % 2;

	http_request_release(r);
	if (leaves)
		close(fd);
	http_server_stop(server, 0); /* answers in our place */
	http_reply(r, &(struct http_answer){.status = 200, .body = SPAN("too late")});
	if (!leaves) {
		raw_read(fd, &answer);
		ck_assert_int_eq(answer.status, 503);
		close(fd);
	}
	free(body);
	setup();
}
END_TEST

/* ---- heads ---- */

static const struct {
	int status;
	size_t token_len;
} heads[] = {
	{200, 100},
	{200, 1400}, /* a service account's, signed by a key of 4,096 bits */
	{200, 1900},
	{431, 3072},
	{431, 100000},
};

START_TEST(head__as_long_as_it_may_be)
{
	int fd = raw_connect(http_server_address(server));
	char *token = malloc(heads[_i].token_len + 1), *body = body_of(6), text[32];

	memset(token, 'x', heads[_i].token_len);
	token[heads[_i].token_len] = '\0';
	raw_send_str(fd,
		"POST /head?timeout=10s HTTP/1.1\r\nHost: holdpoint-webhook.holdpoint.svc:443\r\n"
		"User-Agent: kube-apiserver-admission\r\nContent-Length: 5000\r\n"
		"Accept: application/json, */*\r\nContent-Type: application/json\r\n"
		"Accept-Encoding: gzip\r\nAuthorization: ");
	raw_send_str(fd, token);
	raw_send_str(fd, "\r\n\r\n");
	raw_send(fd, body, 5000);
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, heads[_i].status);
	snprintf(text, sizeof(text), "%zu", heads[_i].token_len);
	if (answer.status == 200)
		ck_assert_str_eq(answer.body, text);
	close(fd);
	free(body);
	free(token);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http_release");
	TCase *t = tcase_create("http_release");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
		t, release__answered_after_body_and_arena_are_gone, 0, ARRAY_LEN(bodies));
	tcase_add_loop_test(
		t, release__the_client_leaves_or_the_server_stops_meanwhile, 0, ARRAY_LEN(bodies));
	tcase_add_loop_test(t, head__as_long_as_it_may_be, 0, ARRAY_LEN(heads));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
