/* SPDX-License-Identifier: Apache-2.0 */
/* Semantic versions (semver.org 2.0.0), ordered by precedence. */
#include "policy/cel/functions/semver_internal.h"

#define MAX_VERSION 256

struct semver {
	const struct cel_opaque *opaque;
	uint64_t number[3];
	struct span pre, build;
};

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-';
}

static bool all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0;
}

/* The next dot-separated identifier of *s, which is shortened. */
static struct span next_identifier(struct span *s)
{
	const char *dot = memchr(s->ptr, '.', s->len);
	size_t len = dot ? (size_t)(dot - s->ptr) : s->len;
	struct span id = {s->ptr, len};

	s->ptr += len + (dot != NULL);
	s->len -= len + (dot != NULL);
	return id;
}

static bool good_identifiers(struct span s, bool numbers_plain)
{
	if (s.len == 0 || s.ptr[s.len - 1] == '.')
		return false;
	while (s.len > 0) {
		struct span id = next_identifier(&s);
		if (id.len == 0 ||
			(numbers_plain && id.len > 1 && id.ptr[0] == '0' && all_digits(id)))
			return false;
		for (size_t i = 0; i < id.len; i++)
			if (!is_alnum(id.ptr[i]))
				return false;
	}
	return true;
}

static bool read_number(struct span s, bool lenient, uint64_t *ret)
{
	uint64_t v = 0;

	if (!all_digits(s) || (!lenient && s.len > 1 && s.ptr[0] == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v))
			return false;
	*ret = v;
	return v <= INT64_MAX;
}

/* Cuts off what follows the first c. */
static bool cut(struct span *s, char c, struct span *ret)
{
	const char *p = memchr(s->ptr, c, s->len);

	if (!p)
		return false;
	*ret = (struct span){p + 1, s->len - (size_t)(p + 1 - s->ptr)};
	s->len = (size_t)(p - s->ptr);
	return true;
}

static bool parse(struct span s, bool lenient, struct semver *ret)
{
	unsigned n = 0;

	*ret = (struct semver){0};
	if (s.len == 0 || s.len > MAX_VERSION)
		return false;
	if (lenient && *s.ptr == 'v') {
		s.ptr++;
		s.len--;
	}
	if (cut(&s, '+', &ret->build) && !good_identifiers(ret->build, false))
		return false;
	if (cut(&s, '-', &ret->pre) && !good_identifiers(ret->pre, true))
		return false;
	bool open = s.len > 0 && s.ptr[s.len - 1] == '.';
	for (; n < 3 && s.len > 0; n++)
		if (!read_number(next_identifier(&s), lenient, &ret->number[n]))
			return false;
	bool short_form = lenient && n > 0 && !ret->pre.ptr && !ret->build.ptr;
	return !open && s.len == 0 && (n == 3 || short_form);
}

static int compare_identifiers(struct span a, struct span b)
{
	bool na = all_digits(a), nb = all_digits(b);

	if (na != nb)
		return na ? -1 : 1;
	if (na && a.len != b.len) /* no leading zeros: the longer number is the greater one */
		return a.len < b.len ? -1 : 1;
	size_t len = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.ptr, b.ptr, len);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_pre(struct span a, struct span b)
{
	if (!a.ptr || !b.ptr) /* a release comes after its pre-releases */
		return (b.ptr != NULL) - (a.ptr != NULL);
	while (a.len > 0 && b.len > 0) {
		int order = compare_identifiers(next_identifier(&a), next_identifier(&b));
		if (order)
			return order < 0 ? -1 : 1;
	}
	return (a.len > 0) - (b.len > 0);
}

static bool is_semver(struct cel_value v)
{
	return v.kind == CEL_OPAQUE && v.rep == CEL_REP_SEMVER;
}

bool cel_semver_compare(struct cel_value a, struct cel_value b, int *ret)
{
	const struct semver *x = a.p, *y = b.p;

	if (!is_semver(a) || !is_semver(b))
		return false;
	for (int i = 0; i < 3; i++)
		if (x->number[i] != y->number[i]) {
			*ret = x->number[i] < y->number[i] ? -1 : 1;
			return true;
		}
	*ret = compare_pre(x->pre, y->pre);
	return true;
}

static bool equal(struct cel_value a, struct cel_value b)
{
	int order;

	return cel_semver_compare(a, b, &order) && order == 0;
}

static void put(struct buf *out, struct cel_value v)
{
	const struct semver *s = v.p;

	buf_printf(out, "%llu.%llu.%llu", (unsigned long long)s->number[0],
		(unsigned long long)s->number[1], (unsigned long long)s->number[2]);
	if (s->pre.ptr)
		buf_printf(out, "-%.*s", SPAN_FMT(s->pre));
	if (s->build.ptr)
		buf_printf(out, "+%.*s", SPAN_FMT(s->build));
}

static const struct cel_opaque opaque = {equal, put};

static bool good_args(const struct cel_value *a, uint32_t count)
{
	return a[0].kind == CEL_STRING && (count == 1 || a[1].kind == CEL_BOOL);
}

struct cel_value cel_fn_semver(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct semver *s = arena_alloc(ev->run->arena, sizeof *s);

	if (!good_args(a, count))
		return cel_err_overload(ev, n, a, count);
	if (!s)
		return cel_err_memory();
	if (!parse(cel_span(a[0]), count == 2 && a[1].b, s))
		return cel_err_fmt(ev, n, "'%.*s' is no semantic version",
			(int)(a[0].n > 60 ? 60 : a[0].n), a[0].s);
	s->opaque = &opaque;
	return (struct cel_value){.kind = CEL_OPAQUE, .rep = CEL_REP_SEMVER, .p = s};
}

struct cel_value cel_fn_is_semver(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct semver s;

	if (!good_args(a, count))
		return cel_err_overload(ev, n, a, count);
	return cel_bool(parse(cel_span(a[0]), count == 2 && a[1].b, &s));
}

static struct cel_value part(struct cel_ev *ev, const struct cel_node *n, struct cel_value v, int i)
{
	if (!is_semver(v))
		return cel_err_overload(ev, n, &v, 1);
	return cel_int((int64_t)((const struct semver *)v.p)->number[i]);
}

struct cel_value cel_fn_semver_major(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return part(ev, n, a[0], 0);
}

struct cel_value cel_fn_semver_minor(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return part(ev, n, a[0], 1);
}

struct cel_value cel_fn_semver_patch(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	(void)count;
	return part(ev, n, a[0], 2);
}
