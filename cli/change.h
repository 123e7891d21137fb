/* A hold's change, as the webhook stores it (its shape: docs/holds.md), as a diff for people. */
#pragma once

#include <stdio.h>

#include "common/base/util.h"

#define CHANGE_CUT_NOTE "… cut here: too large to keep whole; the approval covers all of it"

/* Prints "- old" and "+ new" lines, red and green on a terminal. Any text is printed somehow. */
void print_change(FILE *out, struct span change);
