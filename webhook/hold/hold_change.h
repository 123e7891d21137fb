/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an approver sees of a held change: JSON text, every secret masked, of bounded size.
 *
 *   {"operation":"UPDATE","changes":[
 *      {"path":"spec.replicas","old":1,"new":5},
 *      {"path":"spec.template.spec.containers[name=web].image","old":"a","new":"b"},
 *      {"path":"metadata.labels.x","old":"y"},                        removed
 *      {"path":"spec.volumes[name=v]","new":{…},"place":"end"},       a new list element
 *      {"path":"spec.ports[port=8080]","new":{…},"after":80},         behind an old one
 *      {"path":"spec.containers","order":["b","a"]}]}                 another order
 *   {"operation":"CREATE","object":{…}}    {"operation":"CONNECT","options":{…}}
 *   {"operation":"DELETE","object":{…}}    {"operation":"get"} (authorization: all is in the hold)
 *
 * With "cut":true something is missing: "omitted" counts the differences left out, and a value
 * that is too large stands as {"cut":"first bytes of its text"}.
 */
#pragma once

#include "common/mask/mask.h"
#include "policy/policy.h"

#define HOLD_CHANGE_MAX	      ((size_t)64 << 10) /* bytes of the whole text */
#define HOLD_CHANGE_VALUE_MAX ((size_t)8 << 10)	 /* bytes of one value in a cut text */

/*
 * Appends the text to out (max at least HOLD_CHANGE_MAX + 4096). *ret_cut: something is missing.
 * Errors: -1 when memory is short; then nothing of the request may be stored.
 */
int hold_change_put(const struct masker *m, const struct policy_request *r, struct arena *arena,
	struct buf *out, bool *ret_cut) _must_check_;
