/* SPDX-License-Identifier: Apache-2.0 */
/* The library from the inside: what its functions keep from one evaluation to the next. */
#pragma once

#include "policy/cel/functions/tz_internal.h"
#include "policy/cel/library_internal.h"

struct standard {
	struct cel_library library; /* first: what the engine sees of it */
	struct tz_zones zones;	    /* locked by itself */
};

static inline struct tz_zones *standard_zones(const struct cel_ev *ev)
{
	/* Const is the table; the zones come and stay behind their own lock. */
	return &((struct standard *)(uintptr_t)ev->prog->library)->zones;
}
