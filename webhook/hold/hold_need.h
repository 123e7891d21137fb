/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a request that Hold rules are about needs an approval: not what changes nothing, and not
 * a dry run. Neither is looked up in the database.
 */
#pragma once

#include "policy/policy.h"
#include "webhook/hold/hold_verdict.h"

/* HOLD_NO_CHANGE, HOLD_DRY_RUN, or HOLD_NOT_ASKED: it needs one. While its document is at hand. */
enum hold_verdict_kind hold_need(
	const struct policy_request *r, const struct policy_decision *d, struct arena *arena);

/* For people and for the record: why it passed. */
struct span hold_need_text(enum hold_verdict_kind kind);

/* ---- what a request does each time ---- */

/* A certificate is issued. */
bool hold_is_csr_approval(const struct policy_request *r);
/* Posted to a subresource: an order to do something (a token, an eviction), not an object. */
bool hold_is_order(const struct policy_request *r);
/*
 * Is the answer itself what is held, so that a dry run would give it out any number of times? Some
 * API servers issue tokens for a dry run; a write of a Secret answers with the Secret.
 */
bool hold_gives_out(const struct policy_request *r);
