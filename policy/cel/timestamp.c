/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamps and durations: reading and writing them, and the calendar below them. A timestamp is
 * seconds since 1970 and nanoseconds, years 1 to 9999; a duration is nanoseconds in an
 * int64. The calendar is the proleptic Gregorian one; there are no leap seconds.
 */
#include <stdio.h>

#include "common/base/rfc3339.h"
#include "policy/cel/value_internal.h"

#define NANOS	    CEL_NANOS
#define DAY_SECONDS 86400
#define MIN_SECONDS INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define MAX_SECONDS INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static void civil_from_days(int64_t days, struct cel_civil *ret)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	ret->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	ret->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	ret->year = yoe + era * 400 + (ret->month <= 2);
	ret->yearday = (int)(days - civil_days(ret->year, 1, 1));
	ret->weekday = (int)((days % 7 + 11) % 7); /* 1970-01-01 was a Thursday */
}

void cel_civil_from_seconds(int64_t seconds, struct cel_civil *ret)
{
	int64_t days = seconds / DAY_SECONDS, rest = seconds % DAY_SECONDS;

	if (rest < 0) {
		rest += DAY_SECONDS;
		days--;
	}
	civil_from_days(days, ret);
	ret->hour = (int)(rest / 3600);
	ret->minute = (int)(rest / 60 % 60);
	ret->second = (int)(rest % 60);
}

bool cel_timestamp_ok(int64_t seconds)
{
	return seconds >= MIN_SECONDS && seconds <= MAX_SECONDS;
}

/* ---- reading ---- */

bool cel_timestamp_parse(struct span s, struct cel_value *ret)
{
	struct rfc3339 t;

	if (rfc3339_parse(s, &t) < 0 || t.is_leap)
		return false;
	*ret = (struct cel_value){.kind = CEL_TIMESTAMP, .n = t.nanos, .i = t.seconds};
	return true;
}

static bool literal(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

static int64_t unit_nanos(struct span unit)
{
	static const struct {
		const char *name;
		int64_t nanos;
	} units[] = {{"ns", 1}, {"us", 1000}, {"µs", 1000}, {"μs", 1000}, {"ms", 1000000},
		{"s", NANOS}, {"m", INT64_C(60) * NANOS}, {"h", INT64_C(3600) * NANOS}};

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (span_eq_str(unit, units[i].name))
			return units[i].nanos;
	return 0;
}

/* One "1.5h". Adds its nanoseconds. */
static bool duration_part(const char **p, const char *end, __int128 *total)
{
	__int128 whole = 0, part = 0, scale = 1;
	const char *from;
	bool any = false;

	for (; *p < end && **p >= '0' && **p <= '9'; ++*p, any = true)
		if ((whole = whole * 10 + (**p - '0')) > INT64_MAX)
			return false;
	if (literal(p, end, '.'))
		for (; *p < end && **p >= '0' && **p <= '9'; ++*p, any = true)
			if (scale < INT64_C(1000000000000000)) {
				part = part * 10 + (**p - '0');
				scale *= 10;
			}
	from = *p;
	while (*p < end && **p != '.' && (**p < '0' || **p > '9'))
		++*p;
	int64_t unit = unit_nanos((struct span){from, (size_t)(*p - from)});
	*total += whole * unit + part * unit / scale;
	return any && unit > 0 && *total <= (__int128)INT64_MAX + 1;
}

bool cel_duration_parse(struct span s, struct cel_value *ret)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	__int128 total = 0;
	bool negative = p < end && *p == '-';

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	if (end - p == 1 && *p == '0')
		p++;
	else if (p == end)
		return false;
	while (p < end)
		if (!duration_part(&p, end, &total))
			return false;
	if (negative)
		total = -total;
	if (total > INT64_MAX || total < INT64_MIN)
		return false;
	*ret = (struct cel_value){.kind = CEL_DURATION, .i = (int64_t)total};
	return true;
}

/* ---- writing ---- */

static void put_fraction(struct buf *out, uint32_t nanos)
{
	char text[16];

	if (nanos == 0)
		return;
	int len = snprintf(text, sizeof text, ".%09u", nanos);
	while (text[len - 1] == '0')
		len--;
	buf_add(out, text, (size_t)len);
}

void cel_put_timestamp(struct buf *out, struct cel_value v)
{
	struct cel_civil c;

	cel_civil_from_seconds(v.i, &c);
	buf_printf(out, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)c.year, c.month, c.day,
		c.hour, c.minute, c.second);
	put_fraction(out, v.n);
	buf_add_char(out, 'Z');
}

void cel_put_duration(struct buf *out, struct cel_value v)
{
	uint64_t nanos = v.i < 0 ? 0 - (uint64_t)v.i : (uint64_t)v.i;

	if (v.i < 0)
		buf_add_char(out, '-');
	buf_printf(out, "%llu", (unsigned long long)(nanos / NANOS));
	put_fraction(out, (uint32_t)(nanos % NANOS));
	buf_add_char(out, 's');
}
