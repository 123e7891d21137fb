/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of Kubernetes' url() and of its parts (read by url_parse.c). What is escaped in an
 * oddly written path and in the query is decoded here, into the arena.
 */
#include "policy/cel/functions/url_internal.h"

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
	if (!cel_url_parse(cel_span(a[0]), u))
		return cel_err_fmt(ev, n, "'%.*s' is no absolute URL or path",
			(int)(a[0].n > 100 ? 100 : a[0].n), a[0].s);
	if (!cel_url_decode(u, ev->run->arena))
		return cel_err_memory();
	if (!utf8_valid(u->host))
		return cel_err_fmt(ev, n, "the host of '%.*s' is not UTF-8",
			(int)(a[0].n > 100 ? 100 : a[0].n), a[0].s);
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
	return cel_url_alnum(c) || (c != '\0' && strchr("-_.~$&+,/:;=@", c));
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
			c = cel_url_escaped_byte(p.ptr + i);
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
			*q++ = (char)cel_url_escaped_byte(s.ptr + i);
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
		struct span pair = cel_url_upto(s.ptr, amp ? amp : s.ptr + s.len);
		s.ptr += pair.len + (amp != NULL);
		s.len -= pair.len + (amp != NULL);
		if (pair.len == 0 || memchr(pair.ptr, ';', pair.len) || !cel_url_escapes_ok(pair))
			continue;
		const char *eq = memchr(pair.ptr, '=', pair.len), *end = pair.ptr + pair.len;
		struct cel_value k = decode(ev, cel_url_upto(pair.ptr, eq ? eq : end));
		struct cel_value v = decode(ev, cel_url_upto(eq ? eq + 1 : end, end));
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
