/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint policy scan: what policies would say if what exists were created now. Of manifests, or
 * of everything in a cluster that a rule is about; changes nothing.
 */
#pragma once

#include "cli/command.h"

/* Ends with an empty name. */
extern const struct command scan_commands[];
