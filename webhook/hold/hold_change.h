/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people see of a held change: JSON text whose shape common/display/display.h describes, made
 * of the objects of the request, every secret masked. Before and after of each path that the
 * fingerprint covers, the most dangerous first; nothing is left out that is not named.
 */
#pragma once

#include "common/mask/mask.h"
#include "policy/policy.h"

#define HOLD_CHANGE_SHORT_LINES 8
#define HOLD_CHANGE_SHORT_BYTES 160 /* of a line of the short form */

/* All in the arena. */
struct hold_change {
	struct span text;
	struct span unseen; /* what is not shown, for people; absent: all is */
	struct span brief;  /* its first lines, for lists and notifications; may be empty */
};

/* Errors: -1 when memory is short; then nothing of the request may be stored. */
int hold_change_of(const struct masker *m, const struct policy_request *r, struct arena *arena,
	struct hold_change *ret) _must_check_;
