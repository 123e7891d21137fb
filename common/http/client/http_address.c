/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/http/client/http_client_internal.h"

struct range {
	const char *prefix;
	unsigned bits;
};

static const struct range private4[] = {{"0.0.0.0", 8}, {"10.0.0.0", 8}, {"100.64.0.0", 10},
	{"127.0.0.0", 8}, {"169.254.0.0", 16}, {"172.16.0.0", 12}, {"192.0.0.0", 24},
	{"192.0.2.0", 24}, {"192.88.99.0", 24}, {"192.168.0.0", 16}, {"198.18.0.0", 15},
	{"198.51.100.0", 24}, {"203.0.113.0", 24}, {"224.0.0.0", 3}};
/* v4 in v6 is looked at as v4; SIIT, NAT64 and 6to4 hide a v4 address too. */
static const struct range private6[] = {{"::", 96}, {"::ffff:0:0:0", 96}, {"64:ff9b::", 32},
	{"100::", 64}, {"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"3fff::", 20},
	{"5f00::", 16}, {"fc00::", 7}, {"fe80::", 10}, {"fec0::", 10}, {"ff00::", 8}};

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool in_ranges(int family, const uint8_t *address, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t prefix[16];

		if (inet_pton(family, ranges[i].prefix, prefix) == 1 &&
			same_bits(address, prefix, ranges[i].bits))
			return true;
	}
	return false;
}

bool http_address_is_public(const struct sockaddr *address)
{
	const struct in6_addr *six;

	if (address->sa_family == AF_INET)
		return !in_ranges(AF_INET,
			(const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr, private4,
			ARRAY_LEN(private4));
	if (address->sa_family != AF_INET6)
		return false;
	six = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(six))
		return !in_ranges(AF_INET, six->s6_addr + 12, private4, ARRAY_LEN(private4));
	return !in_ranges(AF_INET6, six->s6_addr, private6, ARRAY_LEN(private6));
}
