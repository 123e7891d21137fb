/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones from the system's database (RFC 8536 files under /usr/share/zoneinfo), without
 * setenv() and localtime(), which belong to the whole process. A zone is read once, at its first
 * use, and kept: the names that exist are few. Times after a file's last transition follow the rule
 * in its footer (POSIX TZ).
 */
#include <endian.h>
#include <stdio.h>

#include "common/base/file.h"
#include "common/base/rfc3339.h"
#include "policy/cel/functions/tz_internal.h"
#include "policy/cel/value_internal.h"

#define ZONE_DIR       "/usr/share/zoneinfo/"
#define MAX_ZONE_NAME  64
#define MAX_ZONE_BYTES (256 * 1024)

/* One "M3.2.0/2", "J60" or "60" of a rule. */
struct change {
	char kind; /* 'M', 'J', '0' */
	int month, week, day;
	int32_t time; /* local seconds after midnight */
};

struct rule {
	bool valid, has_dst;
	int32_t std_offset, dst_offset;
	struct change to_dst, to_std;
};

struct tz_zone {
	char name[MAX_ZONE_NAME];
	uint32_t count;
	int64_t *times;	  /* transitions */
	int32_t *offsets; /* from each on */
	int32_t first;	  /* before the first */
	struct rule rule;
};

/* ---- the footer ---- */

static bool rule_number(const char **p, int max, int *ret)
{
	int v = 0;

	if (**p < '0' || **p > '9')
		return false;
	while (**p >= '0' && **p <= '9' && v <= max)
		v = v * 10 + (*(*p)++ - '0');
	*ret = v;
	return v <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool rule_time(const char **p, int32_t *ret)
{
	int sign = **p == '-' ? -1 : 1, h, m = 0, s = 0;

	if (**p == '-' || **p == '+')
		++*p;
	if (!rule_number(p, 167, &h))
		return false;
	if (**p == ':' && (++*p, !rule_number(p, 59, &m)))
		return false;
	if (**p == ':' && (++*p, !rule_number(p, 59, &s)))
		return false;
	*ret = sign * (h * 3600 + m * 60 + s);
	return true;
}

static bool rule_name(const char **p)
{
	const char *from = *p;

	if (**p == '<') {
		while (**p && **p != '>')
			++*p;
		return *(*p)++ == '>';
	}
	while ((**p | 0x20) >= 'a' && (**p | 0x20) <= 'z')
		++*p;
	return *p - from >= 3;
}

static bool rule_change(const char **p, struct change *ret)
{
	ret->time = 7200;
	if (*(*p)++ != ',')
		return false;
	if (**p == 'M') {
		ret->kind = 'M';
		++*p;
		if (!rule_number(p, 12, &ret->month) || *(*p)++ != '.' ||
			!rule_number(p, 5, &ret->week) || *(*p)++ != '.' ||
			!rule_number(p, 6, &ret->day) || ret->month < 1 || ret->week < 1)
			return false;
	} else {
		ret->kind = **p == 'J' ? 'J' : '0';
		*p += **p == 'J';
		if (!rule_number(p, 366, &ret->day))
			return false;
	}
	return **p != '/' || (++*p, rule_time(p, &ret->time));
}

/* "CET-1CEST,M3.5.0,M10.5.0/3": offsets there count to the west. */
static bool parse_rule(const char *p, struct rule *ret)
{
	if (!rule_name(&p) || !rule_time(&p, &ret->std_offset))
		return false;
	ret->std_offset = -ret->std_offset;
	if (*p == '\0')
		return true;
	ret->has_dst = true;
	ret->dst_offset = ret->std_offset + 3600;
	if (!rule_name(&p))
		return false;
	if (*p != ',') {
		if (!rule_time(&p, &ret->dst_offset))
			return false;
		ret->dst_offset = -ret->dst_offset;
	}
	return rule_change(&p, &ret->to_dst) && rule_change(&p, &ret->to_std) && *p == '\0';
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The change in that year, in local seconds since 1970. */
static int64_t change_at(const struct change *c, int64_t year)
{
	int64_t days;

	if (c->kind == 'M') {
		int64_t first = civil_days(year, c->month, 1);
		int64_t next = c->month == 12 ? civil_days(year + 1, 1, 1)
					      : civil_days(year, c->month + 1, 1);
		int weekday = (int)((first % 7 + 11) % 7);
		days = first + (c->day - weekday + 7) % 7 + 7 * (c->week - 1);
		if (days >= next) /* week 5 is the last one */
			days -= 7;
	} else {
		days = civil_days(year, 1, 1) + c->day;
		if (c->kind == 'J') /* from 1, and the leap day does not count */
			days += -1 + (is_leap(year) && c->day >= 60);
	}
	return days * 86400 + c->time;
}

static int32_t rule_offset(const struct rule *r, int64_t seconds)
{
	if (!r->has_dst)
		return r->std_offset;
	struct cel_civil c;
	cel_civil_from_seconds(seconds + r->std_offset, &c);
	int64_t on = change_at(&r->to_dst, c.year) - r->std_offset;
	int64_t off = change_at(&r->to_std, c.year) - r->dst_offset;
	bool dst = on < off ? seconds >= on && seconds < off : seconds >= on || seconds < off;

	return dst ? r->dst_offset : r->std_offset;
}

/* ---- the file ---- */

struct header {
	uint32_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
	char version;
};

static bool read_header(const unsigned char *p, size_t len, struct header *ret)
{
	uint32_t v[6];

	if (len < 44 || memcmp(p, "TZif", 4) != 0)
		return false;
	memcpy(v, p + 20, sizeof v);
	*ret = (struct header){be32toh(v[0]), be32toh(v[1]), be32toh(v[2]), be32toh(v[3]),
		be32toh(v[4]), be32toh(v[5]), (char)p[4]};
	return ret->timecnt <= 10000 && ret->typecnt <= 256 && ret->typecnt > 0 &&
	       ret->charcnt <= 10000 && ret->leapcnt <= 1000 && ret->isstdcnt <= 256 &&
	       ret->isutcnt <= 256;
}

static size_t body_bytes(const struct header *h, size_t time_size)
{
	return h->timecnt * time_size + h->timecnt + h->typecnt * 6u + h->charcnt +
	       h->leapcnt * (time_size + 4) + h->isstdcnt + h->isutcnt;
}

static int32_t read_type(const unsigned char *types, unsigned i)
{
	uint32_t v;

	memcpy(&v, types + i * 6u, sizeof v);
	return (int32_t)be32toh(v);
}

/* The body of the 64-bit part. */
static bool read_body(struct tz_zone *z, const struct header *h, const unsigned char *p)
{
	const unsigned char *indices = p + h->timecnt * 8u, *types = indices + h->timecnt;

	z->times = calloc(h->timecnt + 1u, sizeof *z->times);
	z->offsets = calloc(h->timecnt + 1u, sizeof *z->offsets);
	if (!z->times || !z->offsets)
		return false;
	for (uint32_t i = 0; i < h->timecnt; i++) {
		uint64_t t;
		if (indices[i] >= h->typecnt)
			return false;
		memcpy(&t, p + i * 8u, sizeof t);
		z->times[i] = (int64_t)be64toh(t);
		z->offsets[i] = read_type(types, indices[i]);
	}
	z->count = h->timecnt;
	z->first = read_type(types, 0);
	return true;
}

static bool parse_zone(struct tz_zone *z, const unsigned char *p, size_t len)
{
	struct header h;
	char footer[128];

	if (!read_header(p, len, &h) || h.version < '2')
		return false;
	size_t skip = 44 + body_bytes(&h, 4);
	if (skip > len || !read_header(p + skip, len - skip, &h))
		return false;
	skip += 44;
	if (body_bytes(&h, 8) > len - skip || !read_body(z, &h, p + skip))
		return false;
	skip += body_bytes(&h, 8);
	const unsigned char *end =
		skip < len && p[skip] == '\n' ? memchr(p + skip + 1, '\n', len - skip - 1) : NULL;
	size_t n = end ? (size_t)(end - (p + skip + 1)) : 0;
	if (n > 0 && n < sizeof footer) {
		memcpy(footer, p + skip + 1, n);
		footer[n] = '\0';
		z->rule.valid = parse_rule(footer, &z->rule);
	}
	return true;
}

static bool good_name(struct span name)
{
	if (name.len == 0 || name.len >= MAX_ZONE_NAME || *name.ptr == '/')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') &&
			(c == '\0' || !strchr("_+-/", c)))
			return false; /* no dots: no way out of the folder */
	}
	return true;
}

static void zone_free(struct tz_zone *z)
{
	free(z->times);
	free(z->offsets);
	free(z);
}

static struct tz_zone *zone_load(struct span name)
{
	_cleanup_(buf_free) struct buf data = BUF_INIT(MAX_ZONE_BYTES);
	char path[sizeof ZONE_DIR + MAX_ZONE_NAME];
	struct tz_zone *z;
	struct err e;

	snprintf(path, sizeof path, "%s%.*s", ZONE_DIR, SPAN_FMT(name));
	if (file_read(path, &data, &e) < 0 || data.len == 0)
		return NULL;
	z = calloc(1, sizeof *z);
	if (!z)
		return NULL;
	memcpy(z->name, name.ptr, name.len);
	if (!parse_zone(z, (const unsigned char *)data.ptr, data.len)) {
		zone_free(z);
		return NULL;
	}
	return z;
}

void tz_init(struct tz_zones *z)
{
	*z = (struct tz_zones){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void tz_end(struct tz_zones *z)
{
	for (uint32_t i = 0; i < z->count; i++)
		zone_free(z->zones[i]);
	pthread_mutex_destroy(&z->lock);
}

static const struct tz_zone *zone_get(struct tz_zones *all, struct span name)
{
	struct tz_zone *z = NULL;

	pthread_mutex_lock(&all->lock);
	for (uint32_t i = 0; i < all->count && !z; i++)
		if (span_eq_str(name, all->zones[i]->name))
			z = all->zones[i];
	if (!z && all->count < TZ_MAX_ZONES && (z = zone_load(name)) != NULL)
		all->zones[all->count++] = z;
	pthread_mutex_unlock(&all->lock);
	return z;
}

bool tz_offset(struct tz_zones *zones, struct span name, int64_t seconds, int32_t *ret_offset)
{
	uint32_t lo = 0, hi;

	if (name.len == 0 || span_eq_str(name, "UTC")) {
		*ret_offset = 0;
		return true;
	}
	const struct tz_zone *z = good_name(name) ? zone_get(zones, name) : NULL;
	if (!z)
		return false;
	for (hi = z->count; lo < hi;) {
		uint32_t mid = (lo + hi) / 2;
		if (z->times[mid] <= seconds)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == z->count && z->rule.valid)
		*ret_offset = rule_offset(&z->rule, seconds);
	else
		*ret_offset = lo == 0 ? z->first : z->offsets[lo - 1];
	return true;
}
