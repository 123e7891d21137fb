/* SPDX-License-Identifier: Apache-2.0 */
/* A hold's change, as the webhook stores it (its shape: docs/holds.md), as a diff for people. */
#pragma once

#include <stdio.h>

#include "common/base/err.h"
#include "common/base/util.h"

/*
 * Prints a heading and the lines of common/display, red and green on a terminal. unseen: what of it
 * the webhook could not keep, NULL or "" for nothing; it is said. A text that cannot be read for
 * certain is not shown at all, nor guessed at: that it cannot be shown is said instead. Returns -1
 * then, with the reason in e.
 */
int change_print(FILE *out, struct span change, const char *unseen, struct err *e) _must_check_;
