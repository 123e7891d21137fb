/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as people read them, in one form everywhere: "2026-01-02 16:04:09", with the zone behind it
 * or above its column. In the reader's zone (TZ, or the machine's) where Holdpoint runs for one
 * person; in UTC where nobody knows who will read it.
 */
#pragma once

#include "common/base/util.h"

#define LOCAL_TIME_MAX 48

/* The column of SQL as milliseconds since 1970, for these functions. */
#define SQL_MS(column) "floor(extract(epoch FROM " column ") * 1000)::bigint"

/* "2026-01-02 16:04:09" in the reader's zone. Threads: those of a program that never sets TZ. */
const char *local_time(int64_t ms, char ret[LOCAL_TIME_MAX]);

/* "2026-01-02 16:04:09 CET". */
const char *local_time_zone(int64_t ms, char ret[LOCAL_TIME_MAX]);

/* "16:04:09.123". */
const char *local_time_of_day(int64_t ms, char ret[LOCAL_TIME_MAX]);

/* The title of a column of them: "TIME (CET/CEST)" of "TIME". */
const char *local_time_title(const char *title, char ret[LOCAL_TIME_MAX]);

/* "2026-01-02 16:04:09 UTC" of an RFC 3339 time; "?" of what is none. */
const char *utc_time(struct span rfc3339, char ret[LOCAL_TIME_MAX]);
