/* SPDX-License-Identifier: Apache-2.0 */
/* Values as PostgreSQL reads them in text parameters, in a request's arena. Absent: arena full. */
#pragma once

#include "common/base/arena.h"

/* A text[] literal. */
struct span sql_text_array(struct arena *arena, const struct span *items, size_t count);
/* \x… */
struct span sql_text_bytea(struct arena *arena, const uint8_t *bytes, size_t len);
/* "1500 milliseconds"; absent, and so NULL, unless positive. */
struct span sql_text_interval(struct arena *arena, int64_t ms);
/* "sha256:<hex>" as bytea. */
struct span sql_text_digest(struct arena *arena, const char *digest);
