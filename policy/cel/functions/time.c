/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a timestamp, in UTC or in a zone, and of a duration. */
#include "policy/cel/functions/functions_internal.h"
#include "policy/cel/functions/standard_internal.h"

static bool two_digits(struct span s, size_t at, int max, int *ret)
{
	int tens = s.ptr[at] - '0', ones = s.ptr[at + 1] - '0';

	*ret = tens * 10 + ones;
	return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 && *ret <= max;
}

/* "02:00", "+11:00", "-09:30" */
static bool fixed_offset(struct span zone, int32_t *ret)
{
	int sign = zone.len > 0 && *zone.ptr == '-' ? -1 : 1, hours, minutes;

	if (zone.len > 0 && (*zone.ptr == '-' || *zone.ptr == '+'))
		zone = (struct span){zone.ptr + 1, zone.len - 1};
	if (zone.len != 5 || zone.ptr[2] != ':' || !two_digits(zone, 0, 23, &hours) ||
		!two_digits(zone, 3, 59, &minutes))
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* The fields that a getter asks for. False: *ret_error says why. */
static bool fields(struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a,
	uint32_t count, struct cel_civil *ret, struct cel_value *ret_error)
{
	int32_t off = 0;

	if (a[0].kind != CEL_TIMESTAMP || (count == 2 && a[1].kind != CEL_STRING)) {
		*ret_error = cel_err_overload(ev, n, a, count);
		return false;
	}
	if (count == 2 && !fixed_offset(cel_span(a[1]), &off) &&
		!tz_offset(standard_zones(ev), cel_span(a[1]), a[0].i, &off)) {
		*ret_error = cel_err_fmt(ev, n, "unknown time zone '%.*s'",
			(int)(a[1].n > 60 ? 60 : a[1].n), a[1].s);
		return false;
	}
	cel_civil_from_seconds(a[0].i + off, ret);
	return true;
}

struct cel_value cel_fn_get_full_year(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	return fields(ev, n, a, count, &c, &error) ? cel_int(c.year) : error;
}

struct cel_value cel_fn_get_month(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	return fields(ev, n, a, count, &c, &error) ? cel_int(c.month - 1) : error;
}

struct cel_value cel_fn_get_date(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	return fields(ev, n, a, count, &c, &error) ? cel_int(c.day) : error;
}

struct cel_value cel_fn_get_day_of_month(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	return fields(ev, n, a, count, &c, &error) ? cel_int(c.day - 1) : error;
}

struct cel_value cel_fn_get_day_of_week(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	return fields(ev, n, a, count, &c, &error) ? cel_int(c.weekday) : error;
}

struct cel_value cel_fn_get_day_of_year(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	return fields(ev, n, a, count, &c, &error) ? cel_int(c.yearday) : error;
}

/* Of a duration, the whole of it in that unit. */
struct cel_value cel_fn_get_hours(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	if (a[0].kind == CEL_DURATION && count == 1)
		return cel_int(a[0].i / (INT64_C(3600) * CEL_NANOS));
	return fields(ev, n, a, count, &c, &error) ? cel_int(c.hour) : error;
}

struct cel_value cel_fn_get_minutes(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	if (a[0].kind == CEL_DURATION && count == 1)
		return cel_int(a[0].i / (INT64_C(60) * CEL_NANOS));
	return fields(ev, n, a, count, &c, &error) ? cel_int(c.minute) : error;
}

struct cel_value cel_fn_get_seconds(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	if (a[0].kind == CEL_DURATION && count == 1)
		return cel_int(a[0].i / CEL_NANOS);
	return fields(ev, n, a, count, &c, &error) ? cel_int(c.second) : error;
}

struct cel_value cel_fn_get_milliseconds(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct cel_civil c;

	if (a[0].kind == CEL_DURATION && count == 1)
		return cel_int(a[0].i % CEL_NANOS / 1000000);
	return fields(ev, n, a, count, &c, &error) ? cel_int(a[0].n / 1000000) : error;
}
