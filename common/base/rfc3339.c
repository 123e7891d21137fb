#include "auditsink/rfc3339.h"

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

/* Days since 1970-01-01 in the proleptic Gregorian calendar, counted from March 1st of a year so
 * that the leap day comes last. */
static int64_t days_since_1970(int year, int month, int day)
{
	int64_t y = year - (month <= 2), m = month > 2 ? month - 3 : month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int days_in_month(int year, int month)
{
	static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static int parse_date(const char **p, const char *end, int64_t *ret_s)
{
	int year = digits(p, end, 4), month, day;

	if (year < 1 || !is(p, end, '-'))
		return -1;
	month = digits(p, end, 2);
	if (month < 1 || month > 12 || !is(p, end, '-'))
		return -1;
	day = digits(p, end, 2);
	if (day < 1 || day > days_in_month(year, month))
		return -1;
	*ret_s = days_since_1970(year, month, day) * 86400;
	return 0;
}

static int parse_clock(const char **p, const char *end, int64_t *s, int64_t *ret_us)
{
	int hour = digits(p, end, 2), minute, second;
	int64_t us = 0, unit = 100000;

	if (hour < 0 || hour > 23 || !is(p, end, ':'))
		return -1;
	minute = digits(p, end, 2);
	if (minute < 0 || minute > 59 || !is(p, end, ':'))
		return -1;
	second = digits(p, end, 2);
	if (second < 0 || second > 60)
		return -1;
	*s += hour * 3600 + minute * 60 + second;
	if (is(p, end, '.')) {
		if (*p == end || **p < '0' || **p > '9')
			return -1;
		for (; *p < end && **p >= '0' && **p <= '9'; unit /= 10)
			us += (*(*p)++ - '0') * unit;
	}
	*ret_us = us;
	return 0;
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

int rfc3339_parse(struct span s, int64_t *ret_us)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	int64_t seconds, us;

	if (parse_date(&p, end, &seconds) < 0 || !is(&p, end, 'T') ||
		parse_clock(&p, end, &seconds, &us) < 0 || parse_offset(&p, end, &seconds) < 0 ||
		p != end)
		return -1;
	*ret_us = seconds * 1000000 + us;
	return 0;
}
