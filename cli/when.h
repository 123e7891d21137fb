/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times on the command line, as people say them: "2h" (ago), "yesterday", "2026-01-02",
 * "2026-01-02 16:04", "16:04", "2026-01", "2026-Q1", RFC 3339. In the reader's zone (TZ).
 */
#pragma once

#include "common/base/err.h"

enum when_edge { WHEN_SINCE, WHEN_UNTIL };

/*
 * When a period begins (WHEN_SINCE), or ends (WHEN_UNTIL): "yesterday" is a period, and so is
 * "16:04". Milliseconds since 1970, which mean the same at each try; of a duration, or 0, those
 * from now on, by the clock of whoever is asked. Errors: what it must be like.
 */
int when_read(const char *text, int64_t now_ms, enum when_edge edge, int64_t *ret_ms,
	struct err *e) _must_check_;

/* What when_read() gave, in SQL; null is null. */
#define SQL_WHEN(param)                                                                            \
	"(CASE WHEN " param "::bigint <= 0 THEN now() ELSE 'epoch'::timestamptz END + " param      \
	"::bigint * interval '1 ms')"
