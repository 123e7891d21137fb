/* SPDX-License-Identifier: Apache-2.0 */
/* A client that sends exactly the bytes a test wants, over plain TCP. For tests only. */
#pragma once

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAW_TIMEOUT_MS 10000

/* address: "127.0.0.1:43211" */
static inline int raw_connect(const char *address)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	char host[64];
	const char *colon = strrchr(address, ':');
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	ck_assert_int_eq(inet_pton(AF_INET, host, &a.sin_addr), 1);
	a.sin_port = htons((unsigned short)atoi(colon + 1));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_msg(
		connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect: %s", strerror(errno));
	return fd;
}

/* Sends as much as the other side takes; -1 when it has gone. */
static inline int raw_send(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static inline int raw_send_str(int fd, const char *text)
{
	return raw_send(fd, text, strlen(text));
}

struct raw_answer {
	int status;	 /* 0: the connection ended without an answer, -1: nothing came in time */
	char head[4096]; /* status line and header fields */
	char body[65536];
	size_t body_len;
};

static inline int raw_read_some(int fd, char *into, size_t room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, RAW_TIMEOUT_MS) <= 0)
		return -1;
	ssize_t n = recv(fd, into, room, 0);
	return n < 0 ? 0 : (int)n;
}

/* Reads one answer, byte by byte up to the end of its head, so that the next one stays unread. */
static inline void raw_read(int fd, struct raw_answer *ret)
{
	size_t len = 0, wanted = 0;
	memset(ret, 0, sizeof(*ret));
	while (!strstr(ret->head, "\r\n\r\n") && len < sizeof(ret->head) - 1) {
		int n = raw_read_some(fd, ret->head + len, 1);
		if (n <= 0) {
			ret->status = n;
			return;
		}
		len++;
	}
	ck_assert_int_eq(sscanf(ret->head, "HTTP/1.1 %d", &ret->status), 1);
	const char *length = strcasestr(ret->head, "\r\nContent-Length:");
	if (length)
		wanted = (size_t)atol(length + strlen("\r\nContent-Length:"));
	ck_assert_uint_lt(wanted, sizeof(ret->body));
	while (ret->body_len < wanted) {
		int n = raw_read_some(fd, ret->body + ret->body_len, wanted - ret->body_len);
		ck_assert_msg(n > 0, "the answer's body ends early");
		ret->body_len += (size_t)n;
	}
}

static inline bool raw_has_header(const struct raw_answer *a, const char *line)
{
	char needle[256];
	snprintf(needle, sizeof(needle), "\r\n%s\r\n", line);
	return strcasestr(a->head, needle) != NULL;
}

/* Is the connection closed by the server (within the timeout)? */
static inline bool raw_is_closed(int fd)
{
	char c;
	return raw_read_some(fd, &c, 1) == 0;
}
