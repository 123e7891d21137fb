/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint doctor: is the guard on, whole, and seen to work? Checks the API server, the database
 * and the daemons, changes nothing, and says of each fault what mends it: a command, or a step.
 */
#pragma once

#include "cli/command.h"

/* Ends with an empty name. */
extern const struct command doctor_commands[];
