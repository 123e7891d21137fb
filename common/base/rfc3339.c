/* SPDX-License-Identifier: Apache-2.0 */
/* See rfc3339.h. */
#include "common/base/rfc3339.h"

#define NANOS	    1000000000u
#define MIN_SECONDS INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define MAX_SECONDS INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* n digits at *p, which is moved on; -1 if they are not there. */
static int digits(const char **p, const char *end, int n)
{
	int v = 0;

	if (end - *p < n)
		return -1;
	for (int i = 0; i < n; i++) {
		char c = *(*p)++;

		if (c < '0' || c > '9')
			return -1;
		v = v * 10 + (c - '0');
	}
	return v;
}

static bool is(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* Years begin in March here, so that the leap day is the last. */
int64_t civil_days(int64_t year, int month, int day)
{
	int64_t era, yoe, doy;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	yoe = year - era * 400;
	doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int civil_days_in_month(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static int parse_date(const char **p, const char *end, int64_t *ret_s)
{
	int year = digits(p, end, 4), month, day;

	if (year < 0 || !is(p, end, '-'))
		return -1;
	month = digits(p, end, 2);
	if (month < 1 || month > 12 || !is(p, end, '-'))
		return -1;
	day = digits(p, end, 2);
	if (day < 1 || day > civil_days_in_month(year, month))
		return -1;
	*ret_s = civil_days(year, month, day) * 86400;
	return 0;
}

/* ".123" to nanoseconds. */
static int parse_fraction(const char **p, const char *end, uint32_t *ret)
{
	uint32_t v = 0, unit = NANOS / 10;

	if (is(p, end, '.')) {
		if (*p == end || **p < '0' || **p > '9')
			return -1;
		for (; *p < end && **p >= '0' && **p <= '9'; unit /= 10)
			v += (uint32_t)(*(*p)++ - '0') * unit;
	}
	*ret = v;
	return 0;
}

static int parse_clock(const char **p, const char *end, struct rfc3339 *t)
{
	int hour = digits(p, end, 2), minute, second;

	if (hour < 0 || hour > 23 || !is(p, end, ':'))
		return -1;
	minute = digits(p, end, 2);
	if (minute < 0 || minute > 59 || !is(p, end, ':'))
		return -1;
	second = digits(p, end, 2);
	if (second < 0 || second > 60)
		return -1;
	t->seconds += hour * 3600 + minute * 60 + second;
	t->is_leap = second == 60;
	return parse_fraction(p, end, &t->nanos);
}

static int parse_offset(const char **p, const char *end, int64_t *s)
{
	int sign, hour, minute;

	if (is(p, end, 'Z'))
		return 0;
	sign = is(p, end, '+') ? -1 : is(p, end, '-') ? 1 : 0;
	hour = digits(p, end, 2);
	if (!sign || hour < 0 || hour > 23 || !is(p, end, ':'))
		return -1;
	minute = digits(p, end, 2);
	if (minute < 0 || minute > 59)
		return -1;
	*s += sign * (hour * 3600 + minute * 60);
	return 0;
}

int rfc3339_parse(struct span s, struct rfc3339 *ret)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	struct rfc3339 t = {0};

	if (parse_date(&p, end, &t.seconds) < 0 || !is(&p, end, 'T') ||
		parse_clock(&p, end, &t) < 0 || parse_offset(&p, end, &t.seconds) < 0 || p != end ||
		t.seconds < MIN_SECONDS || t.seconds > MAX_SECONDS)
		return -1;
	*ret = t;
	return 0;
}
