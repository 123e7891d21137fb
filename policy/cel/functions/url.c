/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs, as Kubernetes' url() takes them, which is as Go's net/url does: the text must do as the
 * target of a request (an absolute URI or an absolute path), and is then read once more without its
 * fragment. The two readings differ: "//host/x" is a path for the first and a host for the second.
 * Parts are spans of the text; what is escaped in a host, an oddly written path and the query are
 * decoded into the arena.
 */
#include "common/base/hex.h"
#include "policy/cel/functions/url_internal.h"

#define MAX_URL 65536

struct url {
	const struct cel_opaque *opaque;
	struct span text, scheme, host, hostname, port, path, query;
};

/* The byte of a "%2f" that was checked when the URL was read. */
static unsigned char escaped_byte(const char *percent)
{
	return (unsigned char)((unsigned)hex_value(percent[1]) << 4 |
			       (unsigned)hex_value(percent[2]));
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static struct span upto(const char *from, const char *to)
{
	return (struct span){from, (size_t)(to - from)};
}

/* ---- escapes ---- */

static bool escape_ok(struct span s, size_t i)
{
	return s.len - i >= 3 && hex_value(s.ptr[i + 1]) >= 0 && hex_value(s.ptr[i + 2]) >= 0;
}

static bool escapes_ok(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '%' && !escape_ok(s, i))
			return false;
	return true;
}

/* RFC 3986, 3.2.2, and what Go lets pass besides. */
static bool plain_in_host(char c)
{
	return is_alnum(c) || (unsigned char)c >= 0x80 || is_one_of(c, "!$&'()*+,;=:[]<>\"-._~");
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
		byte = escaped_byte(s.ptr + i);
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

	while (i < s->len && (is_alnum(s->ptr[i]) || is_one_of(s->ptr[i], "+-.")))
		i++;
	if (i == s->len || s->ptr[i] != ':')
		return true;
	if (i == 0)
		return false;
	if (!is_alnum(s->ptr[0]) || s->ptr[0] <= '9')
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

static bool read_host(struct span s, struct span *ret)
{
	const char *end = s.ptr + s.len, *close, *zone, *colon;

	*ret = s;
	if (s.len == 0 || *s.ptr != '[') {
		colon = memrchr(s.ptr, ':', s.len);
		return (!colon || port_ok(upto(colon, end))) && host_ok(s, false);
	}
	close = memrchr(s.ptr, ']', s.len);
	if (!close || !port_ok(upto(close + 1, end)))
		return false;
	zone = memmem(s.ptr, (size_t)(close - s.ptr), "%25", 3);
	if (!zone)
		return host_ok(s, false);
	return host_ok(upto(s.ptr, zone), false) && host_ok(upto(zone, close), true) &&
	       host_ok(upto(close, end), false);
}

/* A user name may stand before the host; it is of no interest. */
static bool read_authority(struct span s, struct span *ret_host)
{
	const char *at = memrchr(s.ptr, '@', s.len);
	struct span user = upto(s.ptr, at ? at : s.ptr);

	for (size_t i = 0; i < user.len; i++)
		if (!is_alnum(user.ptr[i]) && !is_one_of(user.ptr[i], "-._:~!$&'()*+,;=%@"))
			return false;
	return escapes_ok(user) && read_host(upto(at ? at + 1 : s.ptr, s.ptr + s.len), ret_host);
}

/* Up to the first '?', which a single one at the end is not. */
static void cut_query(struct span *s, struct span *ret)
{
	const char *mark = memchr(s->ptr, '?', s->len), *end = s->ptr + s->len;

	if (!mark)
		return;
	*ret = upto(mark + 1, end);
	*s = upto(s->ptr, mark);
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

		if (!read_authority(upto(from, slash ? slash : end), &u->host))
			return false;
		s = upto(slash ? slash : end, end);
	}
	u->path = s;
	return escapes_ok(u->path);
}

static bool is_request(struct span s)
{
	struct url ignored;

	if (s.len == 0 || s.len > MAX_URL)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return parse(s, true, &ignored);
}

static bool parse_without_fragment(struct span s, struct url *u)
{
	const char *hash = memchr(s.ptr, '#', s.len);
	struct span all = s;

	if (hash) {
		if (!escapes_ok(upto(hash + 1, s.ptr + s.len)))
			return false;
		s = upto(s.ptr, hash);
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
			*q++ = (char)escaped_byte(u->host.ptr + i);
			i += 2;
		} else {
			*q++ = u->host.ptr[i];
		}
	}
	u->host = upto(copy, q);
	return true;
}

static void split_host(struct url *u)
{
	const char *end = u->host.ptr + u->host.len;
	const char *colon = memrchr(u->host.ptr, ':', u->host.len);

	u->hostname = u->host;
	u->port = upto(end, end);
	if (colon && port_ok(upto(colon, end))) {
		u->hostname = upto(u->host.ptr, colon);
		u->port = upto(colon + 1, end);
	}
	if (u->hostname.len >= 2 && *u->hostname.ptr == '[' &&
		u->hostname.ptr[u->hostname.len - 1] == ']')
		u->hostname = (struct span){u->hostname.ptr + 1, u->hostname.len - 2};
}

/* ---- values ---- */

static bool is_url(struct cel_value v)
{
	return v.kind == CEL_OPAQUE && v.rep == CEL_REP_URL;
}

static bool equal(struct cel_value a, struct cel_value b)
{
	return span_eq(((const struct url *)a.p)->text, ((const struct url *)b.p)->text);
}

static void put(struct buf *out, struct cel_value v)
{
	buf_add_span(out, ((const struct url *)v.p)->text);
}

static const struct cel_opaque opaque = {equal, put};

bool cel_url_valid(struct span s)
{
	return is_request(s);
}

struct cel_value cel_fn_url(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct url *u = arena_alloc(ev->run->arena, sizeof *u);

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	if (!u)
		return cel_err_memory();
	if (!cel_charge(ev, a[0].n / 4))
		return cel_err_cost();
	if (!is_request(cel_span(a[0])) || !parse_without_fragment(cel_span(a[0]), u))
		return cel_err_fmt(ev, n, "'%.*s' is no absolute URL or path",
			(int)(a[0].n > 100 ? 100 : a[0].n), a[0].s);
	if (!lower_scheme(u, ev->run->arena) || !decode_host(u, ev->run->arena))
		return cel_err_memory();
	if (!utf8_valid(u->host))
		return cel_err_fmt(ev, n, "the host of '%.*s' is not UTF-8",
			(int)(a[0].n > 100 ? 100 : a[0].n), a[0].s);
	split_host(u);
	u->opaque = &opaque;
	return (struct cel_value){.kind = CEL_OPAQUE, .rep = CEL_REP_URL, .p = u};
}

struct cel_value cel_fn_is_url(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, a[0].n / 4))
		return cel_err_cost();
	return cel_bool(cel_url_valid(cel_span(a[0])));
}

struct cel_value cel_fn_url_scheme(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_url(a[0]))
		return cel_err_overload(ev, n, a, count);
	return cel_string(((const struct url *)a[0].p)->scheme);
}

struct cel_value cel_fn_url_host(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_url(a[0]))
		return cel_err_overload(ev, n, a, count);
	return cel_string(((const struct url *)a[0].p)->host);
}

struct cel_value cel_fn_url_hostname(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_url(a[0]))
		return cel_err_overload(ev, n, a, count);
	return cel_string(((const struct url *)a[0].p)->hostname);
}

struct cel_value cel_fn_url_port(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_url(a[0]))
		return cel_err_overload(ev, n, a, count);
	return cel_string(((const struct url *)a[0].p)->port);
}

/* ---- the path, escaped ---- */

static bool plain_in_path(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("-_.~$&+,/:;=@", c));
}

/* What a writer may leave unescaped though it would be escaped by default. */
static bool allowed_in_path(char c)
{
	return plain_in_path(c) || (c != '\0' && strchr("!'()*[]%", c));
}

struct cel_value cel_fn_url_path(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!is_url(a[0]))
		return cel_err_overload(ev, n, a, count);
	struct span p = ((const struct url *)a[0].p)->path;
	size_t i = 0;
	while (i < p.len && allowed_in_path(p.ptr[i]))
		i++;
	if (i == p.len)
		return cel_string(p);
	char *room = cel_string_room(ev, 3 * p.len), *q = room;
	if (!room)
		return cel_err_room(ev);
	for (i = 0; i < p.len; i++) {
		unsigned char c = (unsigned char)p.ptr[i];
		if (c == '%') {
			c = escaped_byte(p.ptr + i);
			i += 2;
		}
		if (plain_in_path((char)c)) {
			*q++ = (char)c;
		} else {
			*q++ = '%';
			*q++ = "0123456789ABCDEF"[c >> 4];
			*q++ = "0123456789ABCDEF"[c & 15];
		}
	}
	return cel_string((struct span){room, (size_t)(q - room)});
}

/* ---- the query ---- */

static struct cel_value decode(struct cel_ev *ev, struct span s)
{
	if (!memchr(s.ptr, '%', s.len) && !memchr(s.ptr, '+', s.len))
		return cel_string(s);
	char *room = cel_string_room(ev, s.len), *q = room;
	if (!room)
		return cel_err_room(ev);
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '%') {
			*q++ = (char)escaped_byte(s.ptr + i);
			i += 2;
		} else {
			*q++ = s.ptr[i] == '+' ? ' ' : s.ptr[i];
		}
	}
	struct span text = {room, (size_t)(q - room)};
	if (!utf8_valid(text))
		return cel_null(); /* no string: the parameter is left out like a malformed one */
	return cel_string(text);
}

struct parameter {
	struct cel_value key, value;
	bool used;
};

static size_t count_pairs(struct span s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '&';
	return n;
}

/* The well-formed parameters, in order; those with a bad escape or ';' are left out. */
static bool read_parameters(struct cel_ev *ev, struct span s, struct parameter *out, size_t *ret,
	struct cel_value *error)
{
	size_t found = 0;

	while (s.len > 0) {
		const char *amp = memchr(s.ptr, '&', s.len);
		struct span pair = upto(s.ptr, amp ? amp : s.ptr + s.len);
		s.ptr += pair.len + (amp != NULL);
		s.len -= pair.len + (amp != NULL);
		if (pair.len == 0 || memchr(pair.ptr, ';', pair.len) || !escapes_ok(pair))
			continue;
		const char *eq = memchr(pair.ptr, '=', pair.len), *end = pair.ptr + pair.len;
		struct cel_value k = decode(ev, upto(pair.ptr, eq ? eq : end));
		struct cel_value v = decode(ev, upto(eq ? eq + 1 : end, end));
		if (cel_is_error(k) || cel_is_error(v)) {
			*error = cel_is_error(k) ? k : v;
			return false;
		}
		if (k.kind == CEL_STRING && v.kind == CEL_STRING)
			out[found++] = (struct parameter){k, v, false};
	}
	*ret = found;
	return true;
}

/* The values of every parameter of p[i]'s name from there on. */
static struct cel_value collect(struct cel_ev *ev, struct parameter *p, size_t i, size_t count)
{
	uint32_t values = 0;

	if (!cel_charge(ev, (count - i) * 2))
		return cel_err_cost();
	for (size_t j = i; j < count; j++)
		values += span_eq(cel_span(p[j].key), cel_span(p[i].key));
	struct cel_value *items = cel_new_array(ev, values);
	if (!items)
		return cel_err_room(ev);
	values = 0;
	for (size_t j = i; j < count; j++)
		if (span_eq(cel_span(p[j].key), cel_span(p[i].key))) {
			items[values++] = p[j].value;
			p[j].used = true;
		}
	return cel_array(items, values);
}

struct cel_value cel_fn_url_query(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	size_t found = 0;
	uint32_t pairs = 0;
	struct cel_value error, map, dup;

	if (!is_url(a[0]))
		return cel_err_overload(ev, n, a, count);
	struct span s = ((const struct url *)a[0].p)->query;
	size_t max = count_pairs(s);
	if (!cel_charge(ev, max * 4))
		return cel_err_cost();
	struct parameter *p = arena_calloc(ev->run->arena, max, sizeof *p);
	struct cel_value *kv = cel_new_array(ev, 2 * max);
	if (!p || !kv)
		return cel_err_room(ev);
	if (!read_parameters(ev, s, p, &found, &error))
		return error;
	for (size_t i = 0; i < found; i++) {
		if (p[i].used)
			continue;
		kv[2 * pairs] = p[i].key;
		kv[2 * pairs + 1] = collect(ev, p, i, found);
		if (cel_is_error(kv[2 * pairs + 1]))
			return kv[2 * pairs + 1];
		pairs++;
	}
	if (cel_map_build(kv, pairs, ev->run->arena, &map, &dup) != 0)
		return cel_err_memory();
	return map;
}
