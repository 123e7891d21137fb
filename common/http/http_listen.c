/* SPDX-License-Identifier: Apache-2.0 */
/* "127.0.0.1:8443", "[::1]:8443", ":8443": from a flag's value to a listening socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/http/http_internal.h"

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

static int split(const char *address, char *host, size_t cap, const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	if (!colon)
		return -1;
	struct span h = {address, (size_t)(colon - address)};
	if (h.len >= 2 && h.ptr[0] == '[' && h.ptr[h.len - 1] == ']')
		h = (struct span){h.ptr + 1, h.len - 2};
	else if (memchr(h.ptr, ':', h.len))
		return -1; /* IPv6 without brackets: where does the port begin? */
	if (h.len >= cap || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -1;
	memcpy(host, h.ptr, h.len);
	host[h.len] = 0;
	*ret_port = colon + 1;
	return 0;
}

static int bind_socket(const struct addrinfo *ai)
{
	const int on = 1, off = 0;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* "[::]" takes IPv4 as well. */
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void name_bound(int fd, char *ret, size_t cap)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof(a);
	char host[INET6_ADDRSTRLEN] = "", port[8] = "";

	getsockname(fd, (struct sockaddr *)&a, &len);
	getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(ret, cap, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int http_listen(const char *address, char *ret_bound, size_t cap, struct err *e)
{
	char host[128];
	const char *port;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int fd = -1;

	if (split(address, host, sizeof(host), &port) < 0 || atoi(port) > 65535)
		return err_set(e,
			"listen address %s: must be HOST:PORT, such as :8443, "
			"127.0.0.1:8443 or [::1]:8443",
			address);
	/* An empty host is every address: IPv6 with IPv4 in it, or IPv4 where there is no IPv6. */
	int rc = getaddrinfo(host[0] ? host : "::", port, &hints, &found);
	if (rc != 0)
		return err_set(e, "listen address %s: %s is no numeric address", address, host);
	fd = bind_socket(found);
	if (fd < 0 && !host[0] && errno == EAFNOSUPPORT) {
		freeaddrinfo(found);
		found = NULL;
		if (getaddrinfo("0.0.0.0", port, &hints, &found) == 0)
			fd = bind_socket(found);
	}
	if (fd < 0)
		err_set_errno(e, errno, "cannot listen on %s", address);
	else
		name_bound(fd, ret_bound, cap);
	if (found)
		freeaddrinfo(found);
	return fd;
}
