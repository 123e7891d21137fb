/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over plain TCP: routing, bodies, limits, starting. */
#include "support/run_tests.h"
#include "unit/http_support.h"

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
	{415, "Content-Encoding gzip is not read",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"},
	{415, "Content-Encoding br, gzip is not read",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Encoding: br, gzip\r\nContent-Length: 2\r\n\r\n{}"},
	{415, "Content-Encoding zstd is not read",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Encoding: zstd\r\nContent-Encoding: identity\r\n"
		"Content-Length: 2\r\n\r\n{}"},
	{200, "{}",
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}"},
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

/* libmicrohttpd may be told of the request and of the end behind it at once, and read one only. */
START_TEST(http__an_end_right_behind_a_request_is_noticed)
{
	int fds[100];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = client();
		raw_send_str(fds[i], "GET /any HTTP/1.1\r\nHost: x\r\n\r\n");
		shutdown(fds[i], SHUT_WR);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		raw_read(fds[i], &answer);
		ck_assert_int_eq(answer.status, 200);
	}
	/* Long before they count as idle. */
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		ck_assert(raw_is_closed(fds[i]));
		close(fds[i]);
	}
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
	int fd, size = (int)sizeof(chunk);
	memset(chunk, 'x', sizeof(chunk));
	for (int round = 0; round < 2; round++) {
		fd = client();
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
		close(fd);
	}
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
	wait_for_inflight_bytes(200000);
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

/* Reads a byte now and then: never inactive, and never done. */
START_TEST(http__a_client_that_reads_slowly_is_cut_at_the_deadline)
{
	const size_t len = (size_t)16 << 20;
	struct http_server_config c = config();
	const int small = 4096;
	const char head[] = "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 16777216\r\n\r\n";
	char *body = calloc(1, len), byte;
	int64_t begin;
	int fd;

	teardown();
	c.body_deadline_ms = 2000;
	c.max_body_bytes = c.max_inflight_bytes = len;
	start(&c);
	fd = client();
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	raw_send_str(fd, head);
	ck_assert_int_eq(raw_send(fd, body, len), 0);
	wait_for_inflight_bytes((int64_t)len);
	begin = now_ms();
	while (inflight_bytes() > 0 && now_ms() - begin < RAW_TIMEOUT_MS) {
		(void)recv(fd, &byte, 1, MSG_DONTWAIT);
		usleep(20000);
	}
	ck_assert_int_eq(inflight_bytes(), 0);
	ck_assert_int_ge(now_ms() - begin, 1500);
	close(fd);
	free(body);
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
	wait_for_a_deadline();
	raw_send_str(kept, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}");
	raw_read(kept, &answer);
	ck_assert_int_eq(answer.status, 200);
	close(fd);
	close(kept);
}
END_TEST

/* One after the other, and all at once, when libmicrohttpd has not seen the first of them yet. */
START_TEST(http__connections_are_limited)
{
	const bool at_once = _i == 1;
	struct http_server_config c = config();
	int fds[40], open = 0;
	teardown();
	c.max_connections = 8;
	start(&c);
	for (size_t i = 0; at_once && i < ARRAY_LEN(fds); i++)
		fds[i] = client();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (!at_once)
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
	tcase_add_test(t, http__an_end_right_behind_a_request_is_noticed);
	tcase_add_test(t, http__bodies_of_every_size_arrive_whole);
	tcase_add_test(t, http__chunked_bodies_grow_and_are_bounded);
	tcase_add_test(t, http__an_endless_chunked_body_is_cut);
	tcase_add_test(t, http__too_large_is_told_to_a_client_that_does_not_wait);
	tcase_add_test(t, http__the_budget_of_bytes_in_flight);
	tcase_add_test(t, http__a_slow_body_is_cut_at_the_deadline);
	tcase_add_test(t, http__a_client_that_reads_slowly_is_cut_at_the_deadline);
	tcase_add_test(t, http__a_connection_without_a_request_is_cut_too);
	tcase_add_loop_test(t, http__connections_are_limited, 0, 2);
	tcase_add_loop_test(t, http__a_bad_listen_address, 0, ARRAY_LEN(bad_listens));
	tcase_add_test(t, http__address_in_use);
	tcase_add_test(t, http__counters);
	return run_tests(t);
}
