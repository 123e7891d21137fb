/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line that tells a person what failed, where, and what to do.
 *
 * A struct err lives on the caller's stack, is filled by the callee that failed and prefixed on the
 * way up ("policy ai-agents.yaml: rule no-exec: …"). Only handlers and main() log or print it.
 * Every function here accepts e == NULL and returns -1, so that callers can `return err_set(…)`.
 */
#pragma once

#include "common/base/util.h"

#define ERR_MSG_MAX 1024

struct err {
	char msg[ERR_MSG_MAX]; /* always NUL-terminated; cut at a UTF-8 boundary; no newline */
};

/* Sets the message. Control characters in the result are replaced by '?'. Returns -1. */
int err_set(struct err *e, const char *fmt, ...) _printf_(2, 3);

/* As err_set, followed by ": " and strerror(errnum). Returns -1. */
int err_set_errno(struct err *e, int errnum, const char *fmt, ...) _printf_(3, 4);

/* Puts "text: " before the message that is there. Returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) _printf_(2, 3);

/* The analyzer sees one file at a time, and must know what each caller relies on. */
#ifdef __clang_analyzer__
#define err_set(...)                                                                               \
	({                                                                                         \
		err_set(__VA_ARGS__);                                                              \
		-1;                                                                                \
	})
#define err_set_errno(...)                                                                         \
	({                                                                                         \
		err_set_errno(__VA_ARGS__);                                                        \
		-1;                                                                                \
	})
#define err_prefix(...)                                                                            \
	({                                                                                         \
		err_prefix(__VA_ARGS__);                                                           \
		-1;                                                                                \
	})
#endif
