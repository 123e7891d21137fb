/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: everything counts code points, not bytes. Positions are translated on the way; a string
 * of ASCII costs no more than bytes would.
 */
#include "common/base/utf8.h"
#include "policy/cel/functions/lists_internal.h"

static bool strings(const struct cel_value *a, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (a[i].kind != CEL_STRING)
			return false;
	return true;
}

static struct cel_value out_of_bounds(struct cel_ev *ev, const struct cel_node *n, int64_t i)
{
	return cel_err_fmt(ev, n, "index out of range: %lld", (long long)i);
}

/* ---- standard ---- */

struct cel_value cel_fn_size(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	switch (a[0].kind) {
	case CEL_STRING:
		if (!cel_charge(ev, a[0].n / 8))
			return cel_err_cost();
		return cel_int((int64_t)utf8_count(cel_span(a[0])));
	case CEL_BYTES:
		return cel_int(a[0].n);
	case CEL_LIST:
	case CEL_MAP:
		return cel_int(cel_size(a[0]));
	default:
		return cel_err_overload(ev, n, a, count);
	}
}

struct cel_value cel_fn_contains(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind == CEL_LIST && a[1].kind == CEL_LIST)
		return cel_fn_sets_contains(ev, n, a, count);
	if (!strings(a, count))
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, a[0].n / 8))
		return cel_err_cost();
	return cel_bool(a[1].n == 0 || memmem(a[0].s, a[0].n, a[1].s, a[1].n) != NULL);
}

struct cel_value cel_fn_starts_with(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!strings(a, count))
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, a[1].n / TEXT_COMPARED_A_UNIT))
		return cel_err_cost();
	return cel_bool(a[1].n <= a[0].n && (a[1].n == 0 || memcmp(a[0].s, a[1].s, a[1].n) == 0));
}

struct cel_value cel_fn_ends_with(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (!strings(a, count))
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, a[1].n / TEXT_COMPARED_A_UNIT))
		return cel_err_cost();
	return cel_bool(a[1].n <= a[0].n &&
			(a[1].n == 0 || memcmp(a[0].s + (a[0].n - a[1].n), a[1].s, a[1].n) == 0));
}

/* ---- positions ---- */

struct cel_value cel_fn_char_at(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_STRING || a[1].kind != CEL_INT)
		return cel_err_overload(ev, n, a, count);
	struct span s = cel_span(a[0]);
	size_t at;
	if (!cel_charge(ev, s.len / 8))
		return cel_err_cost();
	if (!utf8_offset(s, a[1].i, &at))
		return out_of_bounds(ev, n, a[1].i);
	return cel_string((struct span){s.ptr + at, at < s.len ? utf8_len(s.ptr[at]) : 0});
}

struct cel_value cel_fn_index_of(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	size_t from = 0;

	if (a[0].kind == CEL_LIST && count == 2)
		return cel_list_index_of(ev, a[0], a[1], false);
	if (!strings(a, 2) || (count == 3 && a[2].kind != CEL_INT))
		return cel_err_overload(ev, n, a, count);
	struct span s = cel_span(a[0]);
	if (!cel_charge(ev, s.len / 4))
		return cel_err_cost();
	if (count == 3 && !utf8_offset(s, a[2].i, &from))
		return out_of_bounds(ev, n, a[2].i);
	const char *p =
		a[1].n == 0 ? s.ptr + from : memmem(s.ptr + from, s.len - from, a[1].s, a[1].n);
	return cel_int(p ? (int64_t)utf8_count((struct span){s.ptr, (size_t)(p - s.ptr)}) : -1);
}

struct cel_value cel_fn_last_index_of(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind == CEL_LIST && count == 2)
		return cel_list_index_of(ev, a[0], a[1], true);
	if (!strings(a, 2) || (count == 3 && a[2].kind != CEL_INT))
		return cel_err_overload(ev, n, a, count);
	struct span s = cel_span(a[0]);
	size_t last = s.len;
	if (!cel_charge(ev, s.len / 4 + (uint64_t)s.len * a[1].n / 64))
		return cel_err_cost();
	if (count == 3 && !utf8_offset(s, a[2].i, &last))
		return out_of_bounds(ev, n, a[2].i);
	if (a[1].n > s.len)
		return cel_int(-1);
	if (last > s.len - a[1].n)
		last = s.len - a[1].n;
	for (size_t i = last + 1; i-- > 0;)
		if (memcmp(s.ptr + i, a[1].n ? a[1].s : "", a[1].n) == 0 &&
			(i == s.len || !utf8_is_tail(s.ptr[i])))
			return cel_int((int64_t)utf8_count((struct span){s.ptr, i}));
	return cel_int(-1);
}

struct cel_value cel_fn_substring(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	size_t from, to;

	if (a[0].kind != CEL_STRING || a[1].kind != CEL_INT || (count == 3 && a[2].kind != CEL_INT))
		return cel_err_overload(ev, n, a, count);
	struct span s = cel_span(a[0]);
	to = s.len;
	if (!cel_charge(ev, s.len / 4))
		return cel_err_cost();
	if (!utf8_offset(s, a[1].i, &from))
		return out_of_bounds(ev, n, a[1].i);
	if (count == 3 && !utf8_offset(s, a[2].i, &to))
		return out_of_bounds(ev, n, a[2].i);
	if (from > to)
		return cel_err_fmt(ev, n, "invalid substring range: start %lld, end %lld",
			(long long)a[1].i, (long long)a[2].i);
	return cel_string((struct span){s.ptr + from, to - from});
}

/* ---- cutting and joining ---- */

struct cel_value cel_fn_join(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value v;
	size_t len = 0;
	uint32_t i = 0;

	if (a[0].kind != CEL_LIST || (count == 2 && a[1].kind != CEL_STRING))
		return cel_err_overload(ev, n, a, count);
	struct span sep = count == 2 ? cel_span(a[1]) : (struct span){"", 0};
	struct cel_iter it = cel_iter(a[0], ev->run->arena);
	for (; cel_iter_next(&it, NULL, &v); i++) {
		if (v.kind != CEL_STRING)
			return cel_is_error(v) ? v : cel_err_overload(ev, n, a, count);
		len += v.n + (i ? sep.len : 0);
	}
	char *room = cel_charge(ev, i) ? cel_string_room(ev, len) : NULL, *p = room;
	if (!room)
		return cel_err_room(ev);
	it = cel_iter(a[0], ev->run->arena);
	for (i = 0; cel_iter_next(&it, NULL, &v); i++) {
		if (i)
			p = mempcpy(p, sep.ptr, sep.len);
		p = mempcpy(p, v.s, v.n);
	}
	return cel_string((struct span){room, len});
}

static struct cel_value change_case(struct cel_ev *ev, struct cel_value v, char first, char last)
{
	char *room = cel_string_room(ev, v.n);

	if (!room)
		return cel_err_room(ev);
	for (uint32_t i = 0; i < v.n; i++)
		room[i] = (char)(v.s[i] >= first && v.s[i] <= last ? v.s[i] ^ 0x20 : v.s[i]);
	return cel_string((struct span){room, v.n});
}

struct cel_value cel_fn_lower_ascii(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_STRING ? change_case(ev, a[0], 'A', 'Z')
				       : cel_err_overload(ev, n, a, count);
}

struct cel_value cel_fn_upper_ascii(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_STRING ? change_case(ev, a[0], 'a', 'z')
				       : cel_err_overload(ev, n, a, count);
}

/* The next place where needle is; an empty one is before every character and at the end. */
static const char *next_match(const char *p, const char *end, struct span needle, bool first)
{
	if (needle.len > 0)
		return memmem(p, (size_t)(end - p), needle.ptr, needle.len);
	if (first)
		return p;
	return p < end ? p + utf8_len(*p) : NULL;
}

static size_t count_matches(struct span s, struct span needle, int64_t limit)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	size_t found = 0;

	for (; limit < 0 || (int64_t)found < limit; found++) {
		p = next_match(p, end, needle, found == 0);
		if (!p)
			break;
		p += needle.len;
	}
	return found;
}

struct cel_value cel_fn_replace(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int64_t limit = -1;

	if (!strings(a, 3) || (count == 4 && a[3].kind != CEL_INT))
		return cel_err_overload(ev, n, a, count);
	if (count == 4)
		limit = a[3].i;
	struct span s = cel_span(a[0]), needle = cel_span(a[1]), with = cel_span(a[2]);
	if (!cel_charge(ev, s.len / 4 + needle.len / 8))
		return cel_err_cost();
	size_t found = count_matches(s, needle, limit);
	/* more than the budget allows is refused before it is computed */
	char *room = cel_string_room(ev, s.len - found * needle.len + found * with.len), *q = room;
	if (!room)
		return cel_err_room(ev);
	const char *p = s.ptr, *end = s.ptr + s.len;
	for (size_t i = 0; i < found; i++) {
		const char *m = next_match(p, end, needle, i == 0);
		q = mempcpy(q, p, (size_t)(m - p));
		q = mempcpy(q, with.ptr, with.len);
		p = m + needle.len;
	}
	q = mempcpy(q, p, (size_t)(end - p));
	return cel_string((struct span){room, (size_t)(q - room)});
}

static size_t count_parts(struct span s, struct span sep, int64_t limit)
{
	size_t parts;

	if (limit == 0)
		return 0;
	parts = sep.len > 0 ? count_matches(s, sep, -1) + 1 : utf8_count(s);
	return limit > 0 && parts > (uint64_t)limit ? (size_t)limit : parts;
}

struct cel_value cel_fn_split(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	int64_t limit = -1;

	if (!strings(a, 2) || (count == 3 && a[2].kind != CEL_INT))
		return cel_err_overload(ev, n, a, count);
	if (count == 3)
		limit = a[2].i;
	struct span s = cel_span(a[0]), sep = cel_span(a[1]);
	if (!cel_charge(ev, s.len / 4))
		return cel_err_cost();
	size_t parts = count_parts(s, sep, limit);
	struct cel_value *items = cel_new_array(ev, parts);
	if (!items)
		return cel_err_room(ev);
	const char *p = s.ptr, *end = s.ptr + s.len;
	for (size_t i = 0; i < parts; i++) {
		const char *to = end;
		if (i + 1 < parts)
			to = sep.len > 0 ? memmem(p, (size_t)(end - p), sep.ptr, sep.len)
					 : p + utf8_len(*p);
		items[i] = cel_string((struct span){p, (size_t)(to - p)});
		p = to + (i + 1 < parts ? sep.len : 0);
	}
	return cel_array(items, (uint32_t)parts);
}

/* White_Space of Unicode. */
static bool is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

struct cel_value cel_fn_trim(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	const char *p = a[0].s, *end = p + a[0].n;
	if (!cel_charge(ev, a[0].n / 8))
		return cel_err_cost();
	while (p < end && is_space(utf8_at(p)))
		p += utf8_len(*p);
	while (end > p) {
		const char *last = end - 1;
		while (last > p && utf8_is_tail(*last))
			last--;
		if (!is_space(utf8_at(last)))
			break;
		end = last;
	}
	return cel_string((struct span){p, (size_t)(end - p)});
}

struct cel_value cel_fn_reverse(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind == CEL_LIST)
		return cel_list_reverse(ev, a[0]);
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	char *room = cel_string_room(ev, a[0].n);
	if (!room)
		return cel_err_room(ev);
	char *q = room + a[0].n;
	for (uint32_t i = 0; i < a[0].n;) {
		unsigned len = utf8_len(a[0].s[i]);
		q -= len;
		memcpy(q, a[0].s + i, len);
		i += len;
	}
	return cel_string((struct span){room, a[0].n});
}

struct cel_value cel_fn_strings_quote(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	char *room = cel_string_room(ev, 2 * (size_t)a[0].n + 2), *q = room;
	if (!room)
		return cel_err_room(ev);
	*q++ = '"';
	for (uint32_t i = 0; i < a[0].n; i++) {
		const char *special = a[0].s[i] ? strchr(from, a[0].s[i]) : NULL;
		if (special)
			*q++ = '\\';
		*q++ = special ? to[special - from] : a[0].s[i];
	}
	*q++ = '"';
	return cel_string((struct span){room, (size_t)(q - room)});
}

struct cel_value cel_fn_jsonpatch_escape_key(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	char *room = cel_string_room(ev, 2 * (size_t)a[0].n), *q = room;
	if (!room)
		return cel_err_room(ev);
	for (uint32_t i = 0; i < a[0].n; i++) {
		char c = a[0].s[i];
		*q++ = c == '/' ? '~' : c;
		if (c == '~' || c == '/')
			*q++ = c == '~' ? '0' : '1';
	}
	return cel_string((struct span){room, (size_t)(q - room)});
}
