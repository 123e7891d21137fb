/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of time zones. A zone is read once, at its first use, and kept with its fellows until the
 * end: the names that exist are few.
 */
#pragma once

#include "common/base/util.h"

#include <pthread.h>

#define TZ_MAX_ZONES 1024

struct tz_zone;

struct tz_zones {
	pthread_mutex_t lock;
	struct tz_zone *zones[TZ_MAX_ZONES];
	uint32_t count;
};

void tz_init(struct tz_zones *z);
void tz_end(struct tz_zones *z);

/*
 * Offset from UTC in seconds that the zone has at a time; false: no such zone. Threads: any number.
 * Blocks: the first use of a name reads a file.
 */
bool tz_offset(struct tz_zones *zones, struct span name, int64_t seconds, int32_t *ret_offset);
