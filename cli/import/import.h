/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint import: sends audit logs to the sink, for clusters whose API server cannot call a
 * webhook. A log is read twice: first whole, to say what it holds and to refuse it where it cannot
 * be read, then to send it.
 */
#pragma once

#include "cli/command.h"

/* Ends with an empty name. */
extern const struct command import_commands[];
