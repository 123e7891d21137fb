/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemons' log: JSON lines on stderr, one event a line:
 *   {"ts":"2026-01-02T03:04:05.678901Z","level":"info","event":"hold_created","hold":42,"user":"…"}
 *
 * The event name is fixed text in the code (snake_case), so that people can count and alert on it.
 * Fields are facts, never a request body. Strings are cut at LOG_STRING_MAX bytes and written as
 * valid JSON whatever they hold. Threads: any. Blocks: never, where the log has its queue
 * (log_queue.h), else as long as stderr does.
 *
 * What strangers can cause must not flood the log: of one event LOG_EVENTS_PER_SECOND lines a
 * second are written, and the first line of a later second says how many were left out
 * ("suppressed":N).
 */
#pragma once

#include "common/base/util.h"

#define LOG_STRING_MAX	      512
#define LOG_LINE_MAX	      8192
#define LOG_EVENTS_PER_SECOND 200

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_field_type { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_SPAN };

struct log_field {
	const char *name;
	enum log_field_type type;
	union {
		const char *str; /* NULL is written as null */
		int64_t num;
		struct span span;
	};
};

#define LOG_STR(n, v)  ((struct log_field){.name = (n), .type = LOG_FIELD_STR, .str = (v)})
#define LOG_INT(n, v)  ((struct log_field){.name = (n), .type = LOG_FIELD_INT, .num = (int64_t)(v)})
#define LOG_SPAN(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_SPAN, .span = (v)})

/* log_info("listening", LOG_STR("address", a)); fields are optional. */
#define log_debug(event, ...) LOG_EVENT_(LOG_LEVEL_DEBUG, event, ##__VA_ARGS__)
#define log_info(event, ...)  LOG_EVENT_(LOG_LEVEL_INFO, event, ##__VA_ARGS__)
#define log_warn(event, ...)  LOG_EVENT_(LOG_LEVEL_WARN, event, ##__VA_ARGS__)
#define log_error(event, ...) LOG_EVENT_(LOG_LEVEL_ERROR, event, ##__VA_ARGS__)

#define LOG_EVENT_(level, event, ...)                                                              \
	log_write((level), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})

/* fields ends with an entry whose name is NULL. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* The same without a limit of rate, straight to stderr. */
void log_write_at_once(enum log_level level, const char *event, const struct log_field *fields);

/* Lines below the level are not written. Default: info. */
void log_set_level(enum log_level level);
/* "debug", "info", "warn", "error"; -1 for anything else. */
int log_level_parse(const char *s, enum log_level *ret);
