/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of `holdpoint events`: the filters are the same in all; NULL means "any". */
#pragma once

#include "common/pg/pg_conn.h"

enum event_shape { EVENT_AS_ROW, EVENT_AS_JSON, EVENT_AS_OCSF, EVENT_AS_CSV, EVENT_SHAPES };

#define EVENT_PARAMS 20

/* The newest [0], or those after known numbers [1]. Parameters and columns: see the .c file. */
extern const struct pg_stmt event_statements[EVENT_SHAPES][2];

/* $1, $2: as of when_read(), $2 may be NULL. One row: since, until, recorded since. */
extern const struct pg_stmt event_range_stmt;

/* $1: a hold. One row: reads, the numbers of its events that name no hold, as an array; cluster. */
extern const struct pg_stmt event_hold_stmt;

/* $1 cluster, $2 number: the line of that event as EVENT_AS_JSON has it. */
extern const struct pg_stmt event_one_stmt;
