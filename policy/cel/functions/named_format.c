/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' named formats: what is wrong with a text that should be a label, a UUID, a date. */
#include "common/base/hex.h"
#include "common/base/rfc3339.h"
#include "policy/cel/functions/url_internal.h"

#define LABEL_MAX     63
#define SUBDOMAIN_MAX 253

/* Everything that was found; no check finds more. */
struct findings {
	const char *what[3];
	uint32_t count;
};

struct format {
	const struct cel_opaque *opaque;
	const char *name;
	void (*check)(struct span s, struct findings *f);
	bool prefix; /* of a generated name: may end with '-' */
};

static void find(struct findings *f, bool wrong, const char *what)
{
	if (wrong)
		f->what[f->count++] = what;
}

static void find_too_long(struct findings *f, struct span s, size_t max)
{
	find(f, s.len > max,
		max == LABEL_MAX ? "must be at most 63 characters long"
				 : "must be at most 253 characters long");
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c)
{
	return is_digit(c) || is_lower((char)(c | 0x20));
}

/* ---- names (RFC 1123, RFC 1035, labels) ---- */

static bool is_dns_char(char c)
{
	return is_digit(c) || is_lower(c) || c == '-';
}

static bool is_name_char(char c)
{
	return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

/* Characters of one kind, with a letter or a digit at both ends. */
static bool is_word(struct span s, bool (*is_char)(char))
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_char(s.ptr[i]))
			return false;
	return s.len > 0 && is_alnum(s.ptr[0]) && is_alnum(s.ptr[s.len - 1]);
}

static bool is_subdomain(struct span s)
{
	const char *dot;

	while (s.len > 0 && (dot = memchr(s.ptr, '.', s.len)) != NULL) {
		struct span part = {s.ptr, (size_t)(dot - s.ptr)};
		if (!is_word(part, is_dns_char))
			return false;
		s = (struct span){dot + 1, s.len - part.len - 1};
	}
	return is_word(s, is_dns_char);
}

static void check_dns1123_label(struct span s, struct findings *f)
{
	find_too_long(f, s, LABEL_MAX);
	find(f, !is_word(s, is_dns_char),
		"must be lower case letters, digits and '-', with a letter or a digit at both "
		"ends");
}

static void check_dns1035_label(struct span s, struct findings *f)
{
	find_too_long(f, s, LABEL_MAX);
	find(f, !is_word(s, is_dns_char) || !is_lower(s.ptr[0]),
		"must be lower case letters, digits and '-', with a letter at the beginning and a "
		"letter or a digit at the end");
}

static void check_dns1123_subdomain(struct span s, struct findings *f)
{
	find_too_long(f, s, SUBDOMAIN_MAX);
	find(f, !is_subdomain(s),
		"must be lower case letters, digits, '-' and '.', with a letter or a digit at both "
		"ends of each part between dots");
}

#define NAME_WORD "letters, digits, '-', '_' and '.', with a letter or a digit at both ends"

static void check_qualified_name(struct span s, struct findings *f)
{
	const char *slash = s.len > 0 ? memchr(s.ptr, '/', s.len) : NULL;

	if (slash) {
		struct span prefix = {s.ptr, (size_t)(slash - s.ptr)};
		s = (struct span){slash + 1, s.len - prefix.len - 1};
		find(f, prefix.len > SUBDOMAIN_MAX || !is_subdomain(prefix),
			"the prefix before '/' must be a DNS subdomain of at most 253 characters");
	}
	find(f, s.len > LABEL_MAX, "the name must be at most 63 characters long");
	find(f, !is_word(s, is_name_char), "the name must be " NAME_WORD);
}

static void check_label_value(struct span s, struct findings *f)
{
	find_too_long(f, s, LABEL_MAX);
	find(f, s.len > 0 && !is_word(s, is_name_char), "must be empty, or " NAME_WORD);
}

/* ---- data ---- */

static void check_uri(struct span s, struct findings *f)
{
	find(f, !cel_url_valid(s), "must be an absolute URL or an absolute path");
}

/* 8, 4, 4, 4 and 12 hexadecimal digits; each dash may be missing. */
static void check_uuid(struct span s, struct findings *f)
{
	unsigned digits = 0;
	bool good = true;

	for (size_t i = 0; i < s.len && good; i++) {
		bool between = digits == 8 || digits == 12 || digits == 16 || digits == 20;
		if (s.ptr[i] == '-')
			good = between && s.ptr[i - 1] != '-';
		else
			good = is_hex_digit(s.ptr[i]) && ++digits <= 32;
	}
	find(f, !good || digits != 32, "must be a UUID");
}

static void check_byte(struct span s, struct findings *f)
{
	size_t len = s.len;
	bool good = len > 0 && len % 4 == 0;

	for (int i = 0; i < 2 && good && s.ptr[len - 1] == '='; i++)
		len--;
	for (size_t i = 0; i < len && good; i++)
		good = is_alnum(s.ptr[i]) || s.ptr[i] == '+' || s.ptr[i] == '/';
	find(f, !good, "must be base64 with its padding");
}

/* Digits and what stands between them: "00:00". */
static bool has_shape(struct span s, const char *shape)
{
	if (s.len != strlen(shape))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (shape[i] == '0' ? !is_digit(s.ptr[i]) : shape[i] != s.ptr[i])
			return false;
	return true;
}

static int two_digits(const char *p)
{
	return (p[0] - '0') * 10 + p[1] - '0';
}

static bool is_date(struct span s)
{
	if (!has_shape(s, "0000-00-00"))
		return false;
	int year = two_digits(s.ptr) * 100 + two_digits(s.ptr + 2);
	int month = two_digits(s.ptr + 5), day = two_digits(s.ptr + 8);
	return month >= 1 && month <= 12 && day >= 1 && day <= civil_days_in_month(year, month);
}

/* Z, or an offset from UTC, after what may be a fraction of the second. */
static bool is_fraction_and_zone(struct span s)
{
	size_t i = 0;

	if (s.len > 1 && s.ptr[0] == '.' && is_digit(s.ptr[1]))
		for (i = 2; i < s.len && is_digit(s.ptr[i]); i++)
			;
	s = (struct span){s.ptr + i, s.len - i};
	return (s.len == 1 && (*s.ptr | 0x20) == 'z') || has_shape(s, "+00:00") ||
	       has_shape(s, "-00:00");
}

static bool is_datetime(struct span s)
{
	if (s.len < 20 || !is_date((struct span){s.ptr, 10}) || (s.ptr[10] | 0x20) != 't' ||
		!has_shape((struct span){s.ptr + 11, 8}, "00:00:00"))
		return false;
	return two_digits(s.ptr + 11) <= 23 && two_digits(s.ptr + 14) <= 59 &&
	       two_digits(s.ptr + 17) <= 59 &&
	       is_fraction_and_zone((struct span){s.ptr + 19, s.len - 19});
}

static void check_date(struct span s, struct findings *f)
{
	find(f, !is_date(s), "must be a date such as 2006-01-02");
}

static void check_datetime(struct span s, struct findings *f)
{
	find(f, !is_datetime(s), "must be a time such as 2006-01-02T15:04:05Z");
}

/* ---- the functions ---- */

static bool equal(struct cel_value a, struct cel_value b)
{
	return a.p == b.p;
}

static void put(struct buf *out, struct cel_value v)
{
	buf_add_str(out, ((const struct format *)v.p)->name);
}

static const struct cel_opaque opaque = {equal, put};

static const struct format formats[] = {
	{&opaque, "dns1123Label", check_dns1123_label, false},
	{&opaque, "dns1123Subdomain", check_dns1123_subdomain, false},
	{&opaque, "dns1035Label", check_dns1035_label, false},
	{&opaque, "qualifiedName", check_qualified_name, false},
	{&opaque, "dns1123LabelPrefix", check_dns1123_label, true},
	{&opaque, "dns1123SubdomainPrefix", check_dns1123_subdomain, true},
	{&opaque, "dns1035LabelPrefix", check_dns1035_label, true},
	{&opaque, "labelValue", check_label_value, false},
	{&opaque, "uri", check_uri, false},
	{&opaque, "uuid", check_uuid, false},
	{&opaque, "byte", check_byte, false},
	{&opaque, "date", check_date, false},
	{&opaque, "datetime", check_datetime, false},
};

static const struct format *lookup(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (span_eq_str(name, formats[i].name))
			return &formats[i];
	return NULL;
}

static struct cel_value format_value(const struct format *format)
{
	return (struct cel_value){.kind = CEL_OPAQUE, .rep = CEL_REP_FORMAT, .p = format};
}

struct cel_value cel_fn_format_named(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	const struct format *format = lookup(cel_span(a[0]));
	struct cel_value v = format ? format_value(format) : cel_null();
	return format ? cel_fn_optional_of(ev, n, &v, 1) : cel_fn_optional_none(ev, n, NULL, 0);
}

/* format.uuid() and its like: the name of the function says which. */
struct cel_value cel_fn_format_by_name(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct span name = n->name;
	const char *dot = memrchr(name.ptr, '.', name.len);

	if (dot)
		name = (struct span){dot + 1, name.len - (size_t)(dot + 1 - name.ptr)};
	const struct format *format = lookup(name);
	return format ? format_value(format) : cel_err_overload(ev, n, a, count);
}

/*
 * A prefix may end with the '-' before what the API server will append: the dash, and the character
 * before it, count as a letter.
 */
static bool without_dash(struct cel_ev *ev, struct span *s)
{
	if (s->len < 2 || s->ptr[s->len - 1] != '-')
		return true;
	char *copy = cel_string_room(ev, s->len - 1);
	if (!copy)
		return false;
	memcpy(copy, s->ptr, s->len - 2);
	copy[s->len - 2] = 'a';
	*s = (struct span){copy, s->len - 1};
	return true;
}

struct cel_value cel_fn_format_validate(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct findings f = {0};

	if (a[0].kind != CEL_OPAQUE || a[0].rep != CEL_REP_FORMAT || a[1].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	const struct format *format = a[0].p;
	struct span s = cel_span(a[1]);
	if (!cel_charge(ev, s.len / 8))
		return cel_err_cost();
	if (format->prefix && !without_dash(ev, &s))
		return cel_err_room(ev);
	format->check(s, &f);
	if (f.count == 0)
		return cel_fn_optional_none(ev, n, NULL, 0);
	struct cel_value *items = cel_new_array(ev, f.count);
	if (!items)
		return cel_err_room(ev);
	for (uint32_t i = 0; i < f.count; i++)
		items[i] = cel_string(span_of(f.what[i]));
	struct cel_value list = cel_array(items, f.count);
	return cel_fn_optional_of(ev, n, &list, 1);
}
