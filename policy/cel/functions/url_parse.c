/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a URL as Go's net/url does: the text must do as the target of a request (an absolute URI
 * or an absolute path), and is then read once more without its fragment. The two readings differ:
 * "//host/x" is a path for the first and a host for the second.
 */
#include "policy/cel/functions/url_internal.h"

#include <arpa/inet.h>

#define MAX_URL 65536

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

/* ---- escapes ---- */

static bool escape_ok(struct span s, size_t i)
{
	return s.len - i >= 3 && hex_value(s.ptr[i + 1]) >= 0 && hex_value(s.ptr[i + 2]) >= 0;
}

bool cel_url_escapes_ok(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '%' && !escape_ok(s, i))
			return false;
	return true;
}

/* RFC 3986, 3.2.2, and what Go lets pass besides. */
static bool plain_in_host(char c)
{
	return cel_url_alnum(c) || (unsigned char)c >= 0x80 ||
	       is_one_of(c, "!$&'()*+,;=:[]<>\"-._~");
}

/* Only bytes beyond ASCII may be escaped in a host; in the zone of an address (RFC 6874) also a
 * blank, and what need not be. */
static bool host_ok(struct span s, bool zone)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char byte;

		if (s.ptr[i] != '%') {
			if (!plain_in_host(s.ptr[i]))
				return false;
			continue;
		}
		if (!escape_ok(s, i))
			return false;
		byte = cel_url_escaped_byte(s.ptr + i);
		if (byte != '%' &&
			!(zone ? byte == ' ' || (byte < 0x80 && plain_in_host((char)byte))
			       : byte >= 0x80))
			return false;
		i += 2;
	}
	return true;
}

/* ---- reading ---- */

/* False: a colon without a scheme before it. */
static bool read_scheme(struct span *s, struct span *ret)
{
	size_t i = 0;

	while (i < s->len && (cel_url_alnum(s->ptr[i]) || is_one_of(s->ptr[i], "+-.")))
		i++;
	if (i == s->len || s->ptr[i] != ':')
		return true;
	if (i == 0)
		return false;
	if (!cel_url_alnum(s->ptr[0]) || s->ptr[0] <= '9')
		return true; /* begins with no letter */
	*ret = (struct span){s->ptr, i};
	s->ptr += i + 1;
	s->len -= i + 1;
	return true;
}

/* ":8080", ":", or nothing. */
static bool port_ok(struct span s)
{
	if (s.len > 0 && *s.ptr != ':')
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return true;
}

/* What may stand in brackets: an address of IPv6, with a zone behind "%25" or without. */
static bool address_ok(struct span s)
{
	const char *zone = memmem(s.ptr, s.len, "%25", 3), *end = s.ptr + s.len;
	const struct span address = cel_url_upto(s.ptr, zone ? zone : end);
	struct in6_addr ret;
	char text[INET6_ADDRSTRLEN + 1];

	if (zone && (zone + 3 == end || !host_ok(cel_url_upto(zone, end), true)))
		return false;
	if (address.len >= sizeof text || memchr(address.ptr, 0, address.len))
		return false;
	memcpy(text, address.ptr, address.len);
	text[address.len] = 0;
	return inet_pton(AF_INET6, text, &ret) == 1;
}

/* As Go since 1.24.8 and 1.25.2: no bracket but of an address. Several colons are taken, though
 * by Go 1.26 not of http, unless it is told so (GODEBUG=urlstrictcolons=0). */
static bool read_host(struct span s, struct span *ret)
{
	const char *end = s.ptr + s.len, *close, *colon;

	*ret = s;
	if (s.len == 0 || *s.ptr != '[') {
		colon = memrchr(s.ptr, ':', s.len);
		return !memchr(s.ptr, '[', s.len) &&
		       (!colon || port_ok(cel_url_upto(colon, end))) && host_ok(s, false);
	}
	close = memrchr(s.ptr, ']', s.len);
	return close && port_ok(cel_url_upto(close + 1, end)) &&
	       address_ok(cel_url_upto(s.ptr + 1, close)) && !memchr(s.ptr + 1, '[', s.len - 1);
}

/* A user name may stand before the host; it is of no interest. */
static bool read_authority(struct span s, struct span *ret_host)
{
	const char *at = memrchr(s.ptr, '@', s.len);
	struct span user = cel_url_upto(s.ptr, at ? at : s.ptr);

	for (size_t i = 0; i < user.len; i++)
		if (!cel_url_alnum(user.ptr[i]) && !is_one_of(user.ptr[i], "-._:~!$&'()*+,;=%@"))
			return false;
	return cel_url_escapes_ok(user) &&
	       read_host(cel_url_upto(at ? at + 1 : s.ptr, s.ptr + s.len), ret_host);
}

/* Up to the first '?', which a single one at the end is not. */
static void cut_query(struct span *s, struct span *ret)
{
	const char *mark = memchr(s->ptr, '?', s->len), *end = s->ptr + s->len;

	if (!mark)
		return;
	*ret = cel_url_upto(mark + 1, end);
	*s = cel_url_upto(s->ptr, mark);
}

/* as_request: the fragment is part of the path, and two slashes begin a host only behind a scheme.
 */
static bool parse(struct span s, bool as_request, struct url *u)
{
	const struct span none = {s.ptr, 0};

	*u = (struct url){NULL, s, none, none, none, none, none, none};
	if (s.len == 1 && *s.ptr == '*') {
		u->path = s;
		return true;
	}
	if (!read_scheme(&s, &u->scheme))
		return false;
	cut_query(&s, &u->query);
	if (s.len == 0 || *s.ptr != '/') {
		const char *slash = memchr(s.ptr, '/', s.len);

		if (u->scheme.len > 0)
			return true; /* mailto:somebody */
		return !as_request && !memchr(s.ptr, ':', slash ? (size_t)(slash - s.ptr) : s.len);
	}
	if ((u->scheme.len > 0 || (!as_request && !(s.len >= 3 && memcmp(s.ptr, "///", 3) == 0))) &&
		s.len >= 2 && s.ptr[1] == '/') {
		const char *from = s.ptr + 2, *end = s.ptr + s.len;
		const char *slash = memchr(from, '/', (size_t)(end - from));

		if (!read_authority(cel_url_upto(from, slash ? slash : end), &u->host))
			return false;
		s = cel_url_upto(slash ? slash : end, end);
	}
	u->path = s;
	return cel_url_escapes_ok(u->path);
}

bool cel_url_valid(struct span s)
{
	struct url ignored;

	if (s.len == 0 || s.len > MAX_URL)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return parse(s, true, &ignored);
}

bool cel_url_parse(struct span s, struct url *u)
{
	const char *hash = memchr(s.ptr, '#', s.len);
	struct span all = s;

	if (!cel_url_valid(s))
		return false;
	if (hash) {
		if (!cel_url_escapes_ok(cel_url_upto(hash + 1, s.ptr + s.len)))
			return false;
		s = cel_url_upto(s.ptr, hash);
	}
	if (!parse(s, false, u))
		return false;
	u->text = all;
	return true;
}

/* ---- the host, decoded ---- */

static bool lower_scheme(struct url *u, struct arena *arena)
{
	char *copy = arena_strndup(arena, u->scheme.ptr, u->scheme.len);

	for (size_t i = 0; copy && i < u->scheme.len; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] | 0x20);
	u->scheme.ptr = copy;
	return copy != NULL;
}

static bool decode_host(struct url *u, struct arena *arena)
{
	char *copy, *q;

	if (!memchr(u->host.ptr, '%', u->host.len))
		return true;
	copy = q = arena_alloc(arena, u->host.len);
	if (!copy)
		return false;
	for (size_t i = 0; i < u->host.len; i++) {
		if (u->host.ptr[i] == '%') {
			*q++ = (char)cel_url_escaped_byte(u->host.ptr + i);
			i += 2;
		} else {
			*q++ = u->host.ptr[i];
		}
	}
	u->host = cel_url_upto(copy, q);
	return true;
}

static void split_host(struct url *u)
{
	const char *end = u->host.ptr + u->host.len;
	const char *colon = memrchr(u->host.ptr, ':', u->host.len);

	u->hostname = u->host;
	u->port = cel_url_upto(end, end);
	if (colon && port_ok(cel_url_upto(colon, end))) {
		u->hostname = cel_url_upto(u->host.ptr, colon);
		u->port = cel_url_upto(colon + 1, end);
	}
	if (u->hostname.len >= 2 && *u->hostname.ptr == '[' &&
		u->hostname.ptr[u->hostname.len - 1] == ']')
		u->hostname = (struct span){u->hostname.ptr + 1, u->hostname.len - 2};
}

bool cel_url_decode(struct url *u, struct arena *arena)
{
	if (!lower_scheme(u, arena) || !decode_host(u, arena))
		return false;
	split_host(u);
	return true;
}
