/* SPDX-License-Identifier: Apache-2.0 */
/* Times as Kubernetes writes them (metav1.Time and MicroTime: RFC 3339), and days of the calendar.
 */
#pragma once

#include "common/base/util.h"

struct rfc3339 {
	int64_t seconds; /* since 1970, without leap seconds */
	uint32_t nanos;
	bool is_leap; /* the text says :60, which counts as the second after it */
};

/*
 * Reads an RFC 3339 time: "T" and "Z" in upper case, any number of digits of a second (further ones
 * than nine are dropped), an offset; from the beginning of the year 0001 to the end of 9999. -1 if
 * s is none. RFC 3339 knows :60, Go's time.Parse and CEL do not: is_leap is for those who refuse
 * it.
 */
int rfc3339_parse(struct span s, struct rfc3339 *ret) _must_check_;

/* Days since 1970-01-01, in the proleptic Gregorian calendar; year as astronomers count. */
int64_t civil_days(int64_t year, int month, int day);

/* 28 to 31; month: 1 to 12. */
int civil_days_in_month(int64_t year, int month);
