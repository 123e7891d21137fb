/* SPDX-License-Identifier: Apache-2.0 */
/* What the measuring tools of this folder begin with. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

/* A measurement that cannot go on is none. */
static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(1);
}

static inline uint64_t now_us(void)
{
	return (uint64_t)monotonic_us();
}

/* Of "127.0.0.1:8443". */
static inline struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	const char *colon = strrchr(text, ':');
	char host[64];

	if (!colon)
		die("ADDRESS is HOST:PORT");
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		die("ADDRESS is an IPv4 address with a port");
	a.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	return a;
}
