/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where two long values differ, in a few lines: a role of fifty rules that gets one more, a script
 * of a thousand lines in which one is another. Beside both values in full, never in their place:
 * who decides finds what changed, and sees all of it.
 */
#pragma once

#include "common/json/json.h"

/*
 * Two lists, by their elements, or two texts, by their lines: how many stayed, and whether in
 * another order, behind "~ "; what went behind "- ", what came behind "+ ". Of one text that became
 * another, the bytes around the difference. Returns false, and appends nothing, for any other two
 * values. Errors: out->failed.
 */
bool display_diff_put(
	struct buf *out, const struct json_doc *d, json_ref old, json_ref new, struct span path);
