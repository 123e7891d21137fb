/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses and CIDR ranges. Strict: no zones, no leading zeros, no IPv4 in IPv6 notation; an
 * IPv4-mapped address in hexadecimal is the IPv4 address.
 */
#include <arpa/inet.h>

#include "policy/cel/functions/functions_internal.h"

struct ip {
	const struct cel_opaque *opaque;
	unsigned char bytes[16]; /* the first four for IPv4 */
	bool v6;
};

struct cidr {
	const struct cel_opaque *opaque;
	struct ip ip;
	uint8_t prefix;
};

/* ---- reading ---- */

static bool parse_ip(struct span s, bool unmap, struct ip *ret)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	char text[64];

	*ret = (struct ip){0};
	if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, '\0', s.len) ||
		memchr(s.ptr, '%', s.len))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (!memchr(text, ':', s.len))
		return inet_pton(AF_INET, text, ret->bytes) == 1;
	ret->v6 = true;
	if (inet_pton(AF_INET6, text, ret->bytes) != 1)
		return false;
	if (memcmp(ret->bytes, mapped, sizeof mapped) != 0)
		return true;
	if (!unmap || memchr(text, '.', s.len))
		return false;
	memcpy(ret->bytes, ret->bytes + 12, 4);
	memset(ret->bytes + 4, 0, 12);
	ret->v6 = false;
	return true;
}

static bool parse_cidr(struct span s, struct cidr *ret)
{
	const char *slash = s.ptr ? memchr(s.ptr, '/', s.len) : NULL;
	unsigned prefix = 0;

	if (!slash || !parse_ip((struct span){s.ptr, (size_t)(slash - s.ptr)}, false, &ret->ip))
		return false;
	const char *p = slash + 1, *end = s.ptr + s.len;
	if (p == end || end - p > 3 || (*p == '0' && end - p > 1))
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		prefix = prefix * 10 + (unsigned)(*p - '0');
	}
	ret->prefix = (uint8_t)prefix;
	return prefix <= (ret->ip.v6 ? 128u : 32u);
}

/* ---- values ---- */

static bool is_ip(struct cel_value v)
{
	return v.kind == CEL_OPAQUE && v.rep == CEL_REP_IP;
}

static bool is_cidr(struct cel_value v)
{
	return v.kind == CEL_OPAQUE && v.rep == CEL_REP_CIDR;
}

static bool same_ip(const struct ip *a, const struct ip *b)
{
	return a->v6 == b->v6 && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool ip_equal(struct cel_value a, struct cel_value b)
{
	return same_ip(a.p, b.p);
}

static bool cidr_equal(struct cel_value a, struct cel_value b)
{
	const struct cidr *x = a.p, *y = b.p;

	return x->prefix == y->prefix && same_ip(&x->ip, &y->ip);
}

static void put_ip(struct buf *out, const struct ip *ip)
{
	char text[INET6_ADDRSTRLEN];

	if (!ip->v6) {
		buf_add_str(out, inet_ntop(AF_INET, ip->bytes, text, sizeof text));
		return;
	}
	inet_ntop(AF_INET6, ip->bytes, text, sizeof text);
	if (!strchr(text, '.')) {
		buf_add_str(out, text);
		return;
	}
	/* ::1.2.3.4 is ::102:304 in the canonical form */
	buf_printf(out, "::%x:%x", ip->bytes[12] << 8 | ip->bytes[13],
		ip->bytes[14] << 8 | ip->bytes[15]);
}

static void ip_put(struct buf *out, struct cel_value v)
{
	put_ip(out, v.p);
}

static void cidr_put(struct buf *out, struct cel_value v)
{
	const struct cidr *c = v.p;

	put_ip(out, &c->ip);
	buf_printf(out, "/%u", c->prefix);
}

static const struct cel_opaque ip_opaque = {ip_equal, ip_put};
static const struct cel_opaque cidr_opaque = {cidr_equal, cidr_put};

static struct cel_value make_ip(struct cel_ev *ev, const struct ip *ip)
{
	struct ip *copy = arena_alloc(ev->run->arena, sizeof *copy);

	if (!copy)
		return cel_err_memory();
	*copy = *ip;
	copy->opaque = &ip_opaque;
	return (struct cel_value){.kind = CEL_OPAQUE, .rep = CEL_REP_IP, .p = copy};
}

static struct cel_value make_cidr(struct cel_ev *ev, const struct cidr *c)
{
	struct cidr *copy = arena_alloc(ev->run->arena, sizeof *copy);

	if (!copy)
		return cel_err_memory();
	*copy = *c;
	copy->opaque = &cidr_opaque;
	return (struct cel_value){.kind = CEL_OPAQUE, .rep = CEL_REP_CIDR, .p = copy};
}

static struct cel_value no_address(
	struct cel_ev *ev, const struct cel_node *n, struct cel_value v, const char *what)
{
	return cel_err_fmt(ev, n, "'%.*s' is no %s", (int)(v.n > 60 ? 60 : v.n), v.s, what);
}

/* ---- addresses ---- */

struct cel_value cel_fn_ip(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct ip ip;

	if (is_cidr(a[0]))
		return make_ip(ev, &((const struct cidr *)a[0].p)->ip);
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	return parse_ip(cel_span(a[0]), true, &ip) ? make_ip(ev, &ip)
						   : no_address(ev, n, a[0], "IP address");
}

struct cel_value cel_fn_is_ip(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct ip ip;

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	return cel_bool(parse_ip(cel_span(a[0]), true, &ip));
}

struct cel_value cel_fn_ip_is_canonical(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct buf text = BUF_IN_ARENA(ev->run->arena, 64);
	struct ip ip;

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	if (!parse_ip(cel_span(a[0]), true, &ip))
		return no_address(ev, n, a[0], "IP address");
	put_ip(&text, &ip);
	return cel_bool(span_eq(buf_span(&text), cel_span(a[0])));
}

struct cel_value cel_fn_ip_family(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_ip(a[0]))
		return cel_err_overload(ev, n, a, count);
	return cel_int(((const struct ip *)a[0].p)->v6 ? 6 : 4);
}

static bool unspecified(const struct ip *ip)
{
	static const unsigned char zero[16];

	return memcmp(ip->bytes, zero, 16) == 0;
}

static bool loopback(const struct ip *ip)
{
	static const unsigned char one[16] = {[15] = 1};

	return ip->v6 ? memcmp(ip->bytes, one, 16) == 0 : ip->bytes[0] == 127;
}

static bool multicast(const struct ip *ip)
{
	return ip->v6 ? ip->bytes[0] == 0xff : (ip->bytes[0] & 0xf0) == 0xe0;
}

static bool link_local_multicast(const struct ip *ip)
{
	return ip->v6 ? ip->bytes[0] == 0xff && (ip->bytes[1] & 0x0f) == 2
		      : ip->bytes[0] == 224 && ip->bytes[1] == 0 && ip->bytes[2] == 0;
}

static bool link_local_unicast(const struct ip *ip)
{
	return ip->v6 ? ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80
		      : ip->bytes[0] == 169 && ip->bytes[1] == 254;
}

static bool global_unicast(const struct ip *ip)
{
	static const unsigned char broadcast[4] = {255, 255, 255, 255};

	return !(!ip->v6 && memcmp(ip->bytes, broadcast, 4) == 0) && !unspecified(ip) &&
	       !loopback(ip) && !multicast(ip) && !link_local_unicast(ip);
}

static struct cel_value test_ip(struct cel_ev *ev, const struct cel_node *n, struct cel_value v,
	bool (*test)(const struct ip *))
{
	return is_ip(v) ? cel_bool(test(v.p)) : cel_err_overload(ev, n, &v, 1);
}

struct cel_value cel_fn_ip_is_unspecified(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return test_ip(ev, n, a[0], unspecified);
}

struct cel_value cel_fn_ip_is_loopback(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return test_ip(ev, n, a[0], loopback);
}

struct cel_value cel_fn_ip_is_link_local_multicast(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return test_ip(ev, n, a[0], link_local_multicast);
}

struct cel_value cel_fn_ip_is_link_local_unicast(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return test_ip(ev, n, a[0], link_local_unicast);
}

struct cel_value cel_fn_ip_is_global_unicast(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return test_ip(ev, n, a[0], global_unicast);
}

/* ---- ranges ---- */

struct cel_value cel_fn_cidr(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cidr c;

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	return parse_cidr(cel_span(a[0]), &c) ? make_cidr(ev, &c)
					      : no_address(ev, n, a[0], "CIDR range");
}

struct cel_value cel_fn_is_cidr(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cidr c;

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	return cel_bool(parse_cidr(cel_span(a[0]), &c));
}

static void mask(struct ip *ip, unsigned prefix)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = prefix > i * 8 ? prefix - i * 8 : 0;
		if (bits < 8)
			ip->bytes[i] &= (unsigned char)(0xff00 >> bits);
	}
}

static bool in_range(const struct cidr *c, struct ip ip)
{
	struct ip base = c->ip;

	mask(&base, c->prefix);
	mask(&ip, c->prefix);
	return same_ip(&base, &ip);
}

struct cel_value cel_fn_cidr_contains_ip(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct ip ip;

	if (!is_cidr(a[0]) || (!is_ip(a[1]) && a[1].kind != CEL_STRING))
		return cel_err_overload(ev, n, a, count);
	if (is_ip(a[1]))
		ip = *(const struct ip *)a[1].p;
	else if (!parse_ip(cel_span(a[1]), true, &ip))
		return no_address(ev, n, a[1], "IP address");
	return cel_bool(in_range(a[0].p, ip));
}

struct cel_value cel_fn_cidr_contains_cidr(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	const struct cidr *outer = a[0].p;
	struct cidr inner;

	if (!is_cidr(a[0]) || (!is_cidr(a[1]) && a[1].kind != CEL_STRING))
		return cel_err_overload(ev, n, a, count);
	if (is_cidr(a[1]))
		inner = *(const struct cidr *)a[1].p;
	else if (!parse_cidr(cel_span(a[1]), &inner))
		return no_address(ev, n, a[1], "CIDR range");
	return cel_bool(inner.prefix >= outer->prefix && in_range(outer, inner.ip));
}

struct cel_value cel_fn_cidr_masked(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_cidr(a[0]))
		return cel_err_overload(ev, n, a, count);
	struct cidr c = *(const struct cidr *)a[0].p;
	mask(&c.ip, c.prefix);
	return make_cidr(ev, &c);
}

struct cel_value cel_fn_cidr_prefix_length(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_cidr(a[0]))
		return cel_err_overload(ev, n, a, count);
	return cel_int(((const struct cidr *)a[0].p)->prefix);
}
