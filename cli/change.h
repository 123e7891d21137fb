/* SPDX-License-Identifier: Apache-2.0 */
/* A hold's change, as the webhook stores it (its shape: docs/holds.md), as a diff for people. */
#pragma once

#include <stdio.h>

#include "common/base/err.h"
#include "common/json/json.h"

/* Reads the text that the webhook stored. -1: it is none that could be shown, e says why. */
int change_read(
	struct span change, struct arena *arena, struct json_doc *ret, struct err *e) _must_check_;

/*
 * Prints a heading and "- old" and "+ new" lines, red and green on a terminal. cut: the webhook
 * could not keep all of it, which is said. A text that change_read() refuses is not shown at all,
 * nor guessed at: that it cannot be shown is said instead. Returns -1 then, with the reason in e.
 */
int change_print(FILE *out, struct span change, bool cut, struct err *e) _must_check_;
