/*
 * Timestamps and durations: reading and writing them, and the calendar below them. A timestamp is
 * seconds since 1970 and nanoseconds, years 1 to 9999; a duration is nanoseconds in an
 * int64. The calendar is the proleptic Gregorian one; there are no leap seconds.
 */
#include <stdio.h>

#include "policy/cel/cel_internal.h"

#define NANOS	    CEL_NANOS
#define DAY_SECONDS 86400
#define MIN_SECONDS INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define MAX_SECONDS INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Days since 1970-01-01. Years begin in March here, so that the leap day is the last. */
int64_t cel_days_from_civil(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t yoe = year - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

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
	ret->yearday = (int)(days - cel_days_from_civil(ret->year, 1, 1));
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

static bool digits(const char **p, const char *end, int count, int *ret)
{
	int v = 0;

	if (end - *p < count)
		return false;
	for (int i = 0; i < count; i++, ++*p) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return true;
}

static bool literal(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

/* ".123" to nanoseconds; digits past the ninth are read and dropped. */
static bool fraction(const char **p, const char *end, uint32_t *ret)
{
	uint32_t v = 0, scale = NANOS / 10;

	if (!literal(p, end, '.')) {
		*ret = 0;
		return true;
	}
	if (*p == end || **p < '0' || **p > '9')
		return false;
	for (; *p < end && **p >= '0' && **p <= '9'; ++*p, scale /= 10)
		v += (uint32_t)(**p - '0') * scale;
	*ret = v;
	return true;
}

static bool offset(const char **p, const char *end, int *ret_seconds)
{
	int sign, hours, minutes;

	if (literal(p, end, 'Z')) {
		*ret_seconds = 0;
		return true;
	}
	sign = *p < end && **p == '-' ? -1 : 1;
	if (!literal(p, end, '+') && !literal(p, end, '-'))
		return false;
	if (!digits(p, end, 2, &hours) || !literal(p, end, ':') || !digits(p, end, 2, &minutes) ||
		hours > 23 || minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

int cel_month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

bool cel_timestamp_parse(struct span s, struct cel_value *ret)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	int year, month, day, hour, minute, second, off;
	uint32_t nanos;

	if (!digits(&p, end, 4, &year) || !literal(&p, end, '-') || !digits(&p, end, 2, &month) ||
		!literal(&p, end, '-') || !digits(&p, end, 2, &day) || !literal(&p, end, 'T') ||
		!digits(&p, end, 2, &hour) || !literal(&p, end, ':') ||
		!digits(&p, end, 2, &minute) || !literal(&p, end, ':') ||
		!digits(&p, end, 2, &second) || !fraction(&p, end, &nanos) ||
		!offset(&p, end, &off) || p != end)
		return false;
	if (month < 1 || month > 12 || day < 1 || day > cel_month_days(year, month) || hour > 23 ||
		minute > 59 || second > 59)
		return false;
	int64_t seconds = cel_days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 +
			  minute * 60 + second - off;
	if (!cel_timestamp_ok(seconds))
		return false;
	*ret = (struct cel_value){.kind = CEL_TIMESTAMP, .n = nanos, .i = seconds};
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
