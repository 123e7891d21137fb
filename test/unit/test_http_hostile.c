/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that two readers may read differently: where one ends and the next begins, or which of
 * two values counts. A proxy that shares a connection among its callers may stand before us, so
 * such a request is refused, or is the last one on its connection. Each case ends in bytes that
 * would be a second request to a lax reader; the handler never sees those.
 */
#include "support/run_tests.h"
#include "unit/http_support.h"

#define SECOND "POST /any/second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define CL2    "Content-Length: 2\r\n"

struct hostile {
	int status;	  /* of the first answer; 0: the connection is ended without one; or ANY */
	unsigned answers; /* that handlers gave, on this connection */
	size_t len;	  /* 0: strlen */
	const char *request;
};

#define ANY -2 /* so long as no second request is made of it */

#define WITH_NUL(text) sizeof(text) - 1, text

static const struct hostile hostile[] = {
	/* As clients send them: the next request is served too. */
	{200, 2, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD CL2 "\r\n{}" SECOND},
	{200, 2, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length:2\r\n\r\n{}" SECOND},
	{200, 2, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD "X:\r\nContent-Length: \t 2\r\n\r\n{}" SECOND},
	{200, 2, 0, "\r\nPOST /echo HTTP/1.1\r\n" JSON_HEAD CL2 "\r\n{}" SECOND},
	{200, 2, 0, "GET /any HTTP/1.1\r\nhost: x\r\n\r\n" SECOND},
	/* HTTP/1.0 keeps no connection. */
	{200, 1, 0, "GET /any HTTP/1.0\r\n\r\n" SECOND},
	{200, 1, 0, "POST /echo HTTP/1.0\r\n" JSON_HEAD CL2 "\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.2\r\n" JSON_HEAD CL2 "\r\n{}" SECOND},
	/* Length. */
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD CL2 CL2 "\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD CL2 "Content-Length: 40\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2, 2\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: +2\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2 \r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 0x2\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length:\r\n\r\n{}" SECOND},
	{200, 2, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "content-LENGTH: 002\r\n\r\n{}" SECOND},
	{200, 2, 0, "GET /any HTTP/1.1\r\nHost: x\r\n" CL2 "\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: -2\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2e0\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: 2,\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: \"2\"\r\n\r\n{}" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length: \x0b\x32\r\n\r\n{}" SECOND},
	{413, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Length: 18446744073709551618\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD CL2 "content-length: 2\r\n\r\n{}" SECOND},
	/* Both lengths. */
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" SECOND},
	/* Codings. */
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: "
		"identity\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD "Transfer-Encoding: identity\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.0\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Transfer-Encoding:\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD "Transfer-Encoding: \x0b"
		"chunked\r\n\r\n0\r\n\r\n" SECOND},
	/* Chunks: whatever they say, nothing behind them is a request. */
	{200, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" SECOND},
	{200, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2;a=b\nx\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2;a=\"\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: "
		"40\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n;a\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFE\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD "Transfer-Encoding: "
		"chunked\r\n\r\n00000000000000000000000002\r\n{}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n" SECOND},
	{ANY, 1, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n"
		"Host: y\r\n\r\n" SECOND},
	/* Names. */
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD CL2
		"Transfer-Encoding : chunked\r\n\r\n{}" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length : 40\r\n\r\n" SECOND},
	{400, 0, 0, "POST /echo HTTP/1.1\r\n" JSON_HEAD "Content-Length\t: 40\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\n Host: x\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nContent-Length\x0b: 40\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n" SECOND},
	{200, 2, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX: \xff\r\n\r\n" SECOND},
	{200, 2, 0, "POST /any HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX\x80: a\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX(y): a\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX Y: a\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\n\"X\": a\r\n\r\n" SECOND},
	/* Folded lines. */
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /any HTTP/1.1\r\nHost: x\r\nX: a\r\n Content-Length: 40\r\nY: "
		"b\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\n" JSON_HEAD
		"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX:\r\n\tb\r\n\r\n" SECOND},
	/* Line ends. */
	{400, 0, 0, "POST /any HTTP/1.1\nHost: x\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\n\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.0\n\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: 40\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX:  a\nContent-Length: 40\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 40\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX: a\r\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX: a\r\rContent-Length: 40\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\r\nX: a\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\rHost: x\r\n\r\n" SECOND},
	{ANY, 1, 0, "\nPOST /any HTTP/1.1\r\nHost: x\r\n\r\n"},
	{ANY, 0, 0, "\rPOST /any HTTP/1.1\r\nHost: x\r\n\r\n"},
	/* Versions. */
	{ANY, 0, 0, "GET /any\r\n\r\n" SECOND},
	{ANY, 0, 0, "GET /any \r\n\r\n" SECOND},
	{ANY, 0, 0, "GET\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any http/1.1\r\nHost: x\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.10\r\nHost: x\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/01.1\r\nHost: x\r\n\r\n" SECOND},
	{505, 0, 0, "POST /any HTTP/2.0\r\nHost: x\r\n\r\n" SECOND},
	{ANY, 0, 0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" SECOND},
	{ANY, 0, 0, "POST /any HTTP/1.1 \r\nHost: x\r\n\r\n" SECOND},
	{ANY, 0, 0, "POST /any\x0bHTTP/1.1\r\nHost: x\r\n\r\n" SECOND},
	/* Bytes. */
	{400, 0, WITH_NUL("POST /any HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n" SECOND)},
	{400, 0, WITH_NUL("POST /any HTTP/1.1\r\nHost: x\r\nX: a\0\r\n\r\n" SECOND)},
	{400, 0, WITH_NUL("POST /any HTTP/1.1\r\nHost: x\r\nX\0: a\r\n\r\n" SECOND)},
	{400, 0,
		WITH_NUL("POST /echo HTTP/1.1\r\n" JSON_HEAD
			 "Content-Length: 2\0 40\r\n\r\n{}" SECOND)},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX: \x01\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nX: \x7f\r\n\r\n" SECOND},
	/* Whose host, which path. */
	{400, 0, 0, "POST /any HTTP/1.1\r\n\r\n" SECOND},
	{400, 0, 0, "POST /any HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		"Content-Type: text/plain\r\n" CL2 "\r\n{}" SECOND},
	{400, 0, 0,
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
		"Content-Type: application/json\r\n" CL2 "\r\n{}" SECOND},
	{400, 0, 0, "POST /any%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	{404, 0, 0, "POST /any%0d%0a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	{404, 0, 0, "POST http://x/any HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	{404, 0, 0, "POST //any HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	{200, 1, 0, "POST /any/../echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	{ANY, 0, 0, "POST /any x HTTP/1.1\r\nHost: x\r\n\r\n" SECOND},
	{400, 0, 0, "POST  /any HTTP/1.1\r\nHost: x\r\n\r\n" SECOND},
	{ANY, 0, 0, "POST /any  HTTP/1.1\r\nHost: x\r\n\r\n" SECOND},
	{400, 0, 0, "POST\t/any HTTP/1.1\r\nHost: x\r\n\r\n" SECOND},
};

START_TEST(http_hostile__one_request_is_one_request)
{
	const struct hostile *h = &hostile[_i];
	unsigned answers = 0;
	int fd = client(), first;

	raw_send(fd, h->request, h->len ? h->len : strlen(h->request));
	shutdown(fd, SHUT_WR);
	raw_read(fd, &answer);
	first = answer.status;
	for (; answer.status > 0; raw_read(fd, &answer))
		answers += answer.status == 200; /* refusals are 4xx */
	close(fd);
	if (h->status == ANY) {
		ck_assert_msg(first >= 0, "%d: neither answer nor end", _i);
		ck_assert_uint_le(answers, h->answers);
	} else {
		ck_assert_msg(first == h->status, "%d: %d instead of %d", _i, first, h->status);
		ck_assert_uint_eq(answers, h->answers);
	}
}
END_TEST

/* Some wait for the rest of a body that does not come. */
static void setup_impatient(void)
{
	struct http_server_config c = config();

	c.body_deadline_ms = 300;
	start(&c);
}

/* However a head arrives, it is read the same, and the next one too. */
START_TEST(http_hostile__a_long_head_in_pieces)
{
	char head[6000];
	size_t len = 0;
	int fd = client();

	len += (size_t)snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\n" JSON_HEAD);
	for (int i = 0; i < 40; i++)
		len += (size_t)snprintf(
			head + len, sizeof(head) - len, "X-Header-%d: %0*d\r\n", i, i * 2 + 1, i);
	len += (size_t)snprintf(head + len, sizeof(head) - len, CL2 "\r\n{}");
	for (int round = 0; round < 2; round++) {
		for (size_t at = 0; at < len; at += 37) {
			raw_send(fd, head + at, len - at < 37 ? len - at : 37);
			usleep(100); /* a piece each read */
		}
		raw_read(fd, &answer);
		ck_assert_int_eq(answer.status, 200);
	}
	close(fd);
}
END_TEST

/* RFC 9110, 5.6.2 and 5.5: what a name and a value may be made of. */
START_TEST(http_hostile__each_character_of_a_head)
{
	static const char may[] = "!#$%&'*+-.^_`|~0123456789"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	for (int c = 1; c < 256; c++) {
		const bool is_control = (c < ' ' && c != '\t') || c == 0x7f;
		char head[120];
		int fd;

		if (c == '\r' || c == '\n' || c == ':') /* end the name, or the line */
			continue;
		for (int in_value = 0; in_value <= 1; in_value++) {
			const bool good = in_value ? !is_control : strchr(may, c) != NULL;

			snprintf(head, sizeof(head),
				"GET /any HTTP/1.1\r\nHost: x\r\nX-%s%cY%s\r\n\r\n",
				in_value ? "A: b" : "", c, in_value ? "" : ": 1");
			fd = client();
			raw_send(fd, head, strlen(head));
			raw_read(fd, &answer);
			close(fd);
			ck_assert_msg((answer.status == 200) == good, "%s with \\x%02x: %d",
				in_value ? "value" : "name", c, answer.status);
		}
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("http_hostile");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup_impatient, teardown);
	tcase_add_loop_test(t, http_hostile__one_request_is_one_request, 0, ARRAY_LEN(hostile));
	tcase_add_test(t, http_hostile__a_long_head_in_pieces);
	tcase_add_test(t, http_hostile__each_character_of_a_head);
	return run_tests(t);
}
