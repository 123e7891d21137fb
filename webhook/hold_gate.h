/*
 * The hold gate: a request that a Hold rule selects passes only with a recorded approval.
 *
 * The request is suspended, a job on the pool asks holdpoint.hold_find_or_create (which finds or
 * makes the hold, and uses an approval, in one statement), and the answer follows from what it
 * says. With `wait` in the rule the request then waits for a human (hold_wait.h). Every doubt is a
 * denial: no database, no room, no memory.
 */
#pragma once

#include "common/base/metrics.h"

struct exchange;

/* Takes over an exchange whose decision is POLICY_HOLD; answers it sooner or later. */
void hold_gate_ask(struct exchange *x);

struct metric *const *hold_gate_metrics(size_t *ret_count);
