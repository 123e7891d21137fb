/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: each event is composed in a buffer on the stack and handed on as one line, so lines of
 * several threads never mix and nothing is allocated. Strings come from users and API servers:
 * whatever they hold, the line stays one line of valid JSON that is safe to show on a terminal. A
 * field that no longer fits is left out whole and "cut":true says so.
 */
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log_queue.h"
#include "common/base/utf8.h"

#define LINE_TAIL sizeof(",\"suppressed\":18446744073709551615,\"cut\":true}\n")
#define RATES	  256 /* events that are limited each for itself; there are fewer */

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
	bool full;
};

static _Atomic int min_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void put(struct line *l, const char *s, size_t len)
{
	if (l->full || len > sizeof(l->text) - LINE_TAIL - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->len, s, len);
	l->len += len;
}

static void put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* What a terminal would obey, or nobody sees. */
static void put_harmful(struct line *l, uint32_t cp)
{
	char hex[16];
	int n = cp < 0x10000 ? snprintf(hex, sizeof(hex), "\\u%04x", cp)
			     : snprintf(hex, sizeof(hex), "\\u%04x\\u%04x",
				       0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + (cp & 0x3ff));
	put(l, hex, (size_t)n);
}

static size_t put_char(struct line *l, const unsigned char *s, size_t len)
{
	uint32_t cp;
	size_t n = utf8_decode((const char *)s, (const char *)s + len, &cp);
	if (n == 0) {
		put_str(l, "\xef\xbf\xbd");
		return 1;
	}
	if (s[0] == '"' || s[0] == '\\') {
		char escaped[2] = {'\\', (char)s[0]};
		put(l, escaped, 2);
	} else if (s[0] == '\n') {
		put_str(l, "\\n");
	} else if (utf8_is_harmful(cp)) {
		put_harmful(l, cp);
	} else {
		put(l, (const char *)s, n);
	}
	return n;
}

static void put_string(struct line *l, struct span s)
{
	bool cut = s.len > LOG_STRING_MAX;
	size_t end = utf8_cut(s, LOG_STRING_MAX).len;

	put_str(l, "\"");
	for (size_t i = 0; i < end;)
		i += put_char(l, (const unsigned char *)s.ptr + i, end - i);
	if (cut)
		put_str(l, "…");
	put_str(l, "\"");
}

static void put_value(struct line *l, const struct log_field *f)
{
	char number[24];
	struct span s = f->type == LOG_FIELD_SPAN ? f->span : (struct span){0};

	if (f->type == LOG_FIELD_STR)
		s = span_of(f->str);
	if (f->type == LOG_FIELD_INT) {
		int n = snprintf(number, sizeof(number), "%" PRId64, f->num);
		put(l, number, (size_t)n);
	} else if (!s.ptr) {
		put_str(l, "null");
	} else {
		put_string(l, s);
	}
}

static void put_head(struct line *l, enum log_level level, const char *event)
{
	struct timespec now;
	struct tm utc;
	char stamp[96];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	int n = snprintf(stamp, sizeof(stamp),
		"{\"ts\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ\",\"level\":\"%s\",\"event\":",
		utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		utc.tm_sec, now.tv_nsec / 1000, level_names[level]);
	put(l, stamp, (size_t)n);
	put_string(l, span_of(event));
}

/* ---- how often ---- */

/* Of one event, told apart by where its name stands in the program. */
struct rate {
	const char *_Atomic event;
	_Atomic int64_t second;
	_Atomic uint32_t count;	     /* in that second */
	_Atomic uint64_t suppressed; /* not said yet */
};

static struct rate rates[RATES];

static struct rate *rate_of(const char *event)
{
	size_t at = ((uintptr_t)event >> 3) % RATES;

	for (size_t i = 0; i < RATES; i++, at = (at + 1) % RATES) {
		const char *found = atomic_load(&rates[at].event);

		if (!found && atomic_compare_exchange_strong(&rates[at].event, &found, event))
			return &rates[at];
		if (found == event)
			return &rates[at];
	}
	return &rates[at]; /* shared with another event */
}

/* False: this one is left out. ret: how many were, and nobody was told. */
static bool may_log(const char *event, uint64_t *ret_suppressed)
{
	struct rate *r = rate_of(event);
	const int64_t now = monotonic_ms() / 1000;
	int64_t second = atomic_load(&r->second);

	*ret_suppressed = 0;
	if (second != now && atomic_compare_exchange_strong(&r->second, &second, now)) {
		atomic_store(&r->count, 0);
		*ret_suppressed = atomic_exchange(&r->suppressed, 0);
	}
	if (atomic_fetch_add(&r->count, 1) < LOG_EVENTS_PER_SECOND)
		return true;
	atomic_fetch_add(&r->suppressed, *ret_suppressed + 1);
	log_queue_count_suppressed();
	return false;
}

/* ---- lines ---- */

/* Fields that do not fit are left out. */
static void put_fields(struct line *l, const struct log_field *fields, bool *ret_cut)
{
	for (const struct log_field *f = fields; f->name; f++) {
		size_t before = l->len;

		put_str(l, ",");
		put_string(l, span_of(f->name));
		put_str(l, ":");
		put_value(l, f);
		if (l->full) {
			l->len = before;
			l->full = false;
			*ret_cut = true;
		}
	}
}

static void compose(struct line *l, enum log_level level, const char *event,
	const struct log_field *fields, uint64_t suppressed)
{
	bool cut = false;

	l->len = 0;
	l->full = false;
	put_head(l, level, event);
	put_fields(l, fields, &cut);
	/* put() always leaves room for this. */
	if (suppressed > 0)
		l->len += (size_t)sprintf(l->text + l->len, ",\"suppressed\":%" PRIu64, suppressed);
	const char *tail = cut ? ",\"cut\":true}\n" : "}\n";
	memcpy(l->text + l->len, tail, strlen(tail));
	l->len += strlen(tail);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	struct line l;
	uint64_t suppressed;
	int saved_errno = errno;

	if ((int)level < atomic_load_explicit(&min_level, memory_order_relaxed) ||
		!may_log(event, &suppressed))
		return;
	compose(&l, level, event, fields, suppressed);
	if (!log_queue_add(l.text, l.len))
		log_queue_write_now(l.text, l.len);
	errno = saved_errno;
}

void log_write_at_once(enum log_level level, const char *event, const struct log_field *fields)
{
	struct line l;

	compose(&l, level, event, fields, 0);
	log_queue_write_now(l.text, l.len);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&min_level, (int)level, memory_order_relaxed);
}

int log_level_parse(const char *s, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(s, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}
