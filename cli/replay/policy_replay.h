/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy replay: recorded requests through other policies. */
#pragma once

#include "cli/command.h"

/* Ends with an empty name. */
extern const struct command replay_commands[];
