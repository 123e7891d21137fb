/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/local_time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/rfc3339.h"

#define ZONE_MAX 15 /* of a name in a title: "CET" or "-03", or what somebody put into TZ */

static int64_t seconds_of(int64_t ms)
{
	return ms / 1000 - (ms % 1000 < 0);
}

/* A time that no calendar has is 1970's: the database has none such. */
static struct tm broken_down(int64_t seconds, bool local)
{
	struct tm tm = {.tm_year = 70, .tm_mday = 1};
	time_t at = (time_t)seconds;

	if (local)
		localtime_r(&at, &tm);
	else
		gmtime_r(&at, &tm);
	return tm;
}

static const char *put(const struct tm *tm, const char *zone, char ret[LOCAL_TIME_MAX])
{
	snprintf(ret, LOCAL_TIME_MAX, "%04d-%02d-%02d %02d:%02d:%02d%s%.*s",
		(tm->tm_year + 1900) % 10000, tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min,
		tm->tm_sec, *zone ? " " : "", ZONE_MAX, zone);
	return ret;
}

const char *local_time(int64_t ms, char ret[LOCAL_TIME_MAX])
{
	struct tm tm = broken_down(seconds_of(ms), true);

	return put(&tm, "", ret);
}

const char *local_time_zone(int64_t ms, char ret[LOCAL_TIME_MAX])
{
	struct tm tm = broken_down(seconds_of(ms), true);

	return put(&tm, tm.tm_zone ? tm.tm_zone : "", ret);
}

const char *local_time_of_day(int64_t ms, char ret[LOCAL_TIME_MAX])
{
	int64_t seconds = seconds_of(ms);
	struct tm tm = broken_down(seconds, true);

	snprintf(ret, LOCAL_TIME_MAX, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
		(int)(ms - seconds * 1000));
	return ret;
}

const char *local_time_title(const char *title, char ret[LOCAL_TIME_MAX])
{
	bool two;

	tzset();
	two = daylight && strcmp(tzname[0], tzname[1]) != 0;
	snprintf(ret, LOCAL_TIME_MAX, "%.12s (%.*s%s%.*s)", title, ZONE_MAX, tzname[0],
		two ? "/" : "", two ? ZONE_MAX : 0, tzname[1]);
	return ret;
}

const char *utc_time(struct span rfc3339, char ret[LOCAL_TIME_MAX])
{
	struct rfc3339 t;
	struct tm tm;

	if (rfc3339_parse(rfc3339, &t) < 0) {
		snprintf(ret, LOCAL_TIME_MAX, "?");
		return ret;
	}
	tm = broken_down(t.seconds, false);
	return put(&tm, "UTC", ret);
}
