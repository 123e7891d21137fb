/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/when.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "common/base/flags.h"
#include "common/base/rfc3339.h"

/* A period of the calendar: where it begins, and what it is long. */
struct period {
	struct tm from;
	int months, days, minutes, seconds; /* one of them */
};

static bool starts_at(struct period *p, int year, int month, int day)
{
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 ||
		day > civil_days_in_month(year, month))
		return false;
	p->from.tm_year = year - 1900;
	p->from.tm_mon = month - 1;
	p->from.tm_mday = day;
	return true;
}

/* "16:04" or "16:04:09" at the end of a text, which is all of it. */
static bool read_time(const char *text, struct period *p)
{
	int hour, minute, second = 0, end = 0;

	if (sscanf(text, "%2d:%2d%n", &hour, &minute, &end) != 2 || end < 4)
		return false;
	*p = (struct period){.from = p->from, .minutes = 1};
	if (text[end] == ':') {
		const char *rest = text + end + 1;

		if (sscanf(rest, "%2d%n", &second, &end) != 1 || rest[end] != '\0')
			return false;
		*p = (struct period){.from = p->from, .seconds = 1};
	} else if (text[end] != '\0') {
		return false;
	}
	p->from.tm_hour = hour;
	p->from.tm_min = minute;
	p->from.tm_sec = second;
	return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
}

static bool read_date(const char *text, struct period *p)
{
	int year, month, day, end = 0;
	char q;

	if (sscanf(text, "%4d-%c%1d%n", &year, &q, &month, &end) == 3 && (q == 'Q' || q == 'q') &&
		text[end] == '\0') {
		p->months = 3;
		return month >= 1 && month <= 4 && starts_at(p, year, 3 * month - 2, 1);
	}
	end = 0;
	if (sscanf(text, "%4d-%2d%n", &year, &month, &end) == 2 && end == 7 && text[end] == '\0') {
		p->months = 1;
		return starts_at(p, year, month, 1);
	}
	end = 0;
	if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || end != 10 ||
		!starts_at(p, year, month, day))
		return false;
	p->days = 1;
	if (text[end] == '\0')
		return true;
	return (text[end] == ' ' || text[end] == 'T') && read_time(text + end + 1, p);
}

static bool read_period(const char *text, int64_t now_ms, struct period *p)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm today;

	localtime_r(&now, &today);
	*p = (struct period){.from = {.tm_year = today.tm_year,
				     .tm_mon = today.tm_mon,
				     .tm_mday = today.tm_mday},
		.days = 1};
	if (strcasecmp(text, "today") == 0)
		return true;
	if (strcasecmp(text, "yesterday") == 0) {
		p->from.tm_mday--;
		return true;
	}
	if (read_time(text, p))
		return true;
	*p = (struct period){.from = {.tm_mday = 1}};
	return read_date(text, p);
}

/* Days of 23 or 25 hours are the calendar's business. */
static int64_t edge_ms(const struct period *p, enum when_edge edge)
{
	struct tm at = p->from;

	at.tm_isdst = -1;
	if (edge == WHEN_UNTIL) {
		at.tm_mon += p->months;
		at.tm_mday += p->days;
		at.tm_min += p->minutes;
		at.tm_sec += p->seconds;
	}
	return (int64_t)mktime(&at) * 1000;
}

int when_read(const char *text, int64_t now_ms, enum when_edge edge, int64_t *ret_ms, struct err *e)
{
	struct rfc3339 exact;
	struct period p;
	int64_t ms;

	if (duration_parse_ms(span_of(text), &ms) == 0) {
		*ret_ms = -ms;
		return 0;
	}
	if (rfc3339_parse(span_of(text), &exact) == 0)
		ms = exact.seconds * 1000 + exact.nanos / 1000000;
	else if (read_period(text, now_ms, &p))
		ms = edge_ms(&p, edge);
	else
		return err_set(e,
			"%.64s: must be a duration (2h, 30d), today, yesterday, 16:04, 2026-01-02, "
			"\"2026-01-02 16:04\", 2026-01, 2026-Q1, or as in RFC 3339",
			text);
	*ret_ms = ms > 0 ? ms : 1; /* before 1970 there was nothing */
	return 0;
}
