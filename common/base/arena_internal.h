/* SPDX-License-Identifier: Apache-2.0 */
/* What tests and benchmarks look at in an arena: programs count what the system gave, not this. */
#pragma once

#include "common/base/arena.h"

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);
